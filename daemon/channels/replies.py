"""Replies: the relay's side of a kept connection, taken over from aiosmtplib once it is greeted, secured and logged in.

aiosmtplib reads one reply to one command, through a lock, a future and a timeout task each. Here commands may go out
together (PIPELINING, RFC 2920), which saves two round trips, and a reply costs one line search. Raises aiosmtplib's own
exceptions, so that its caller need not know who read. What a server says unasked is thrown away: it must never be
taken for the answer to a later command.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import cast

from aiosmtplib.errors import SMTPReadTimeoutError, SMTPResponseException, SMTPServerDisconnected
from aiosmtplib.response import SMTPResponse

_LIMIT_BYTES = 65_536  # of replies that are not complete yet


class Replies(asyncio.Protocol):
    """One dialogue at a time."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held = bytearray()
        self._lines: list[str] = []
        self._ready: deque[SMTPResponse] = deque()
        self._asked = 0
        self._trouble: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        if not self._asked:
            return
        self._held += data
        while (end := self._held.find(b"\n")) >= 0 and self._asked:
            line = bytes(self._held[:end])
            del self._held[: end + 1]
            self._take(line)
        if not self._asked:
            self._held.clear()
        elif len(self._held) > _LIMIT_BYTES:
            self._fail(SMTPResponseException(-1, "Response too long"))
        self._wake()

    def _take(self, line: bytes) -> None:
        if not line[:3].isdigit():
            words = line[:200].decode("ascii", "replace")
            self._fail(SMTPResponseException(-1, f"Malformed SMTP response line: {words}"))
            return
        self._lines.append(line[4:].strip().decode("utf-8", "surrogateescape"))
        if line[3:4] != b"-":
            self._ready.append(SMTPResponse(int(line[:3]), "\n".join(self._lines)))
            self._lines.clear()
            self._asked -= 1
        elif len(self._lines) > _LIMIT_BYTES // 128:
            self._fail(SMTPResponseException(-1, "Response too long"))

    def eof_received(self) -> bool:
        self._fail(SMTPServerDisconnected("Unexpected EOF received"))
        return False

    def connection_lost(self, error: Exception | None) -> None:
        lost = SMTPServerDisconnected("Connection lost")
        lost.__cause__ = error
        self._fail(lost)

    def ask(self, words: bytes, replies: int = 1) -> None:
        """Send what wants so many replies. Raises SMTPServerDisconnected when nobody is there."""
        if self._trouble is not None or self._transport.is_closing():
            raise SMTPServerDisconnected("Connection lost")
        self._asked += replies
        self._transport.write(words)

    async def next(self, timeout_s: float) -> SMTPResponse:
        """The next reply, in the order of the commands."""
        while not self._ready:
            if self._trouble is not None:
                raise self._trouble
            loop = asyncio.get_running_loop()
            self._waiter = waiter = loop.create_future()
            timer = loop.call_later(timeout_s, self._time_out, waiter)
            try:
                await waiter
            finally:
                timer.cancel()
                self._waiter = None
        return self._ready.popleft()

    def _time_out(self, waiter: asyncio.Future[None]) -> None:
        if not waiter.done():
            self._fail(SMTPReadTimeoutError("Timed out waiting for server response"))

    def _fail(self, error: Exception) -> None:
        if self._trouble is None:
            self._trouble = error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def take_over(transport: asyncio.BaseTransport | None) -> Replies:
    """Read the replies of this connection from now on; nothing may be under way on it."""
    if transport is None or transport.is_closing():
        raise SMTPServerDisconnected("Connection lost")
    found = cast("asyncio.Transport", transport)
    replies = Replies(found)
    found.set_protocol(replies)
    return replies
