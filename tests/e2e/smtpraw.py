"""SMTP as a stranger speaks it: the octets of the mail as they are, and the code that came back."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence


def hand_in(port: int, raw: bytes, *, sender: str, to: Sequence[str]) -> int:
    """The reply code after the final dot (or of the command that was refused before). Dots are stuffed."""
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.ehlo("mail.evil.example")
        code, _ = client.mail(sender)
        for recipient in to if code == 250 else ():
            code, _ = client.rcpt(recipient)
        if code != 250:
            return code
        client.putcmd("data")
        client.getreply()
        client.send(raw.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n")
        return client.getreply()[0]
