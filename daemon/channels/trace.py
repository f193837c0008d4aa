"""Our trace field: the one `Received:` field we put before the bytes of a mail (RFC 5321 §4.4).

Everything after it is stored as it came. What the peer said (HELO) is hostile until cleaned: it may not end
the comment, the line or the field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from daemon.core.address import Address

_UNSAFE = re.compile(r"[^A-Za-z0-9.:_\[\]-]")
_MAX_NAME = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """What is known of one hop: who spoke, how, when, and our name for it."""

    helo: str
    peer: str
    host: str
    protocol: str
    id: str
    at: datetime


def received(hop: Hop, recipients: tuple[Address, ...]) -> bytes:
    """The trace field with its final CRLF. A single recipient is named, several are not (they may be blind)."""
    helo = _UNSAFE.sub("?", hop.helo)[:_MAX_NAME] or "unknown"
    peer = _UNSAFE.sub("?", hop.peer)[:_MAX_NAME] or "local"
    peer = f"[{peer}]" if peer[0].isdigit() or ":" in peer else peer
    named = ""
    if len(recipients) == 1 and str(recipients[0]).isascii():
        named = f"\r\n\tfor <{recipients[0]}>"
    return (
        f"Received: from {helo} ({peer})\r\n"
        f"\tby {_UNSAFE.sub('?', hop.host)} with {hop.protocol} id {hop.id}{named};\r\n"
        f"\t{format_datetime(hop.at)}\r\n"
    ).encode("ascii")


def protocol_name(*, lmtp: bool, extended: bool, tls: bool, authenticated: bool) -> str:
    """The `with` word of RFC 3848: SMTP, ESMTP, ESMTPS, ESMTPA, ESMTPSA, LMTP or LMTPS."""
    if not lmtp and not extended:
        return "SMTP"
    return ("LMTP" if lmtp else "ESMTP") + ("S" if tls else "") + ("A" if authenticated else "")
