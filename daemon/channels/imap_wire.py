"""The IMAP wire with bounds: no server makes us hold more than we allow for the command at hand.

imaplib believes any literal length (10^13 is a MemoryError at once, smaller ones are really read) and keeps every
untagged response. `BoundedClient` counts what is read and ends the connection above the allowance. It also knows a
dead IDLE: IMAPClient's `idle_check` on a closed connection returns [] at once, for ever (85,775 calls in 2 s).
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError

COMMAND_BYTES = 4_000_000  # answers to anything but a fetch of bodies; a search over 20,000 UIDs needs 220 kB
_DEAD_SHARE = 0.5  # an empty answer before this share of the asked time is a dead connection


class BoundedClient(IMAPClient):  # type: ignore[misc]
    """One connection; `allow` before each command."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        security: Literal["none", "starttls", "tls"],
        ca_file: Path | None,
        timeout_s: float,
    ) -> None:
        self._left = COMMAND_BYTES
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        super().__init__(
            host,
            port=port,
            ssl=security == "tls",
            ssl_context=context,
            timeout=SocketTimeout(connect=timeout_s, read=timeout_s),
        )
        self._imap.debug = 0  # IMAPClient turns imaplib's tracing on; it formats every line of every mail
        self.normalise_times = False
        if security == "starttls":
            self.starttls(context)

    def allow(self, amount: int = COMMAND_BYTES) -> None:
        """The next command's answers may be this many bytes."""
        self._left = amount

    def news_pending(self) -> bool:
        """True when the server told of mail inside the answer to another command (IDLE would not tell again)."""
        _, data = self._imap.response("EXISTS")
        return bool(data and data[0] is not None)

    def wait_in_idle(self, seconds: float) -> bool:
        """One slice of IDLE; True when something happened. Raises abort on BYE and on a dead connection."""
        self.allow()
        began = time.monotonic()
        events = self.idle_check(timeout=seconds)
        if not events and time.monotonic() - began < seconds * _DEAD_SHARE:
            raise IMAPClientAbortError("connection lost in IDLE")
        if any(event and event[0] == b"BYE" for event in events):
            raise IMAPClientAbortError("server said BYE")
        return any(len(event) > 1 and event[1] in {b"EXISTS", b"RECENT", b"EXPUNGE"} for event in events)

    def _create_IMAP4(self) -> Any:  # noqa: N802 - IMAPClient's name
        imap = super()._create_IMAP4()
        imap.read = self._bounded_read(imap.read)
        imap.readline = self._bounded_readline(imap.readline)
        return imap

    def _bounded_read(self, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
        def bounded(size: int) -> bytes:
            self._spend(size)
            return read(size)

        return bounded

    def _bounded_readline(self, readline: Callable[[], bytes]) -> Callable[[], bytes]:
        def bounded() -> bytes:
            line = readline()
            self._spend(len(line))
            return line

        return bounded

    def _spend(self, amount: int) -> None:
        if amount > self._left:
            raise IMAPClientAbortError("the server sends more than we allow")
        self._left -= amount
