"""Relays of the end-to-end tests: one of ours that keeps what it takes, and the folder that smtp-sink writes."""

from __future__ import annotations

import asyncio
import email
from collections import Counter
from email.message import Message
from pathlib import Path
from typing import Protocol

from aiosmtpd.controller import Controller

from tests.ports import free_port


class Taken(Protocol):
    """What an invariant asks of a relay: its port and the mails it took, as (to, parsed headers)."""

    port: int

    def messages(self) -> list[tuple[str, Message]]: ...


def ids(sink: Taken) -> Counter[str]:
    """How often each Message-ID was taken."""
    return Counter(str(mail["Message-ID"]) for _, mail in sink.messages())


class Sink:
    """A relay that takes everything and keeps it in the order it came; `pause_s` holds back each 250."""

    def __init__(self, *, pause_s: float = 0.0) -> None:
        self.mails: list[tuple[str, str, bytes]] = []
        self.port = free_port()
        self.pause_s = pause_s
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=20)

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.mails.append((envelope.mail_from, envelope.rcpt_tos[0], envelope.content))
        if self.pause_s:
            await asyncio.sleep(self.pause_s)
        return "250 2.0.0 taken"

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    def to(self, address: str) -> list[bytes]:
        return [raw for _, to, raw in list(self.mails) if to == address]

    def messages(self) -> list[tuple[str, Message]]:
        return [(to, email.message_from_bytes(_head(raw))) for _, to, raw in list(self.mails)]


class DumpSink:
    """The files of a real smtp-sink: one a mail, its own X- fields first."""

    def __init__(self, port: int, directory: Path) -> None:
        self.port = port
        self._directory = directory

    def messages(self) -> list[tuple[str, Message]]:
        mails = [
            email.message_from_bytes(_head(path.read_bytes().replace(b"\r\n", b"\n")))
            for path in self._directory.glob("m.*")
        ]
        return [(str(mail["X-Rcpt-Args"]).strip("<>"), mail) for mail in mails]


def _head(raw: bytes) -> bytes:
    """The header block alone: parsing thousands of bodies would be what the tests spend their time on."""
    for gap in (b"\r\n\r\n", b"\n\n"):
        if gap in raw:
            return raw.partition(gap)[0] + b"\n\n"
    return raw
