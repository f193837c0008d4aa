"""Inflow: the bytes a peer has sent and we have not used, as lines or as one message.

Owns the buffer between the transport and the session, so that commands may be pipelined (RFC 2920) and the
bytes after a final dot are the next command. Bounded: above `_HIGH` bytes the transport is paused. While a
message is read, chunks go straight to `DotReader` and the session's coroutine sleeps until the end.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from daemon.channels.dot import DotReader, Room

_HIGH = 65_536


class Pausable(Protocol):
    """The part of a transport that an inflow needs."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def is_closing(self) -> bool: ...


class PeerGone(Exception):
    """The peer closed its side, or the connection broke."""


class LineTooLong(Exception):
    """A command line over the limit; it was read to its end and thrown away."""


class Inflow:
    """One reader at a time."""

    __slots__ = ("_dot", "_eof", "_held", "_paused", "_transport", "_waiter")

    def __init__(self) -> None:
        self._held = bytearray()
        self._eof = False
        self._dot: DotReader | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._transport: Pausable | None = None
        self._paused = False

    def attach(self, transport: Pausable) -> None:
        """Read from this transport from now on (again after STARTTLS)."""
        self._transport = transport
        self._paused = False

    def feed(self, data: bytes) -> None:
        if self._dot is not None:
            dot = self._dot
            rest = dot.feed(data)
            if not dot.finished and not dot.hopeless:
                return
            self._dot = None
            self._held += rest
        else:
            self._held += data
        if len(self._held) > _HIGH and not self._paused and self._transport is not None:
            self._transport.pause_reading()
            self._paused = True
        self._wake()

    def feed_eof(self) -> None:
        self._eof = True
        self._wake()

    def discard(self) -> int:
        """Throw away what is waiting; how many bytes it was (RFC 3207 §6: nothing survives STARTTLS)."""
        amount = len(self._held)
        self._held.clear()
        return amount

    @property
    def pending(self) -> bool:
        """True while bytes wait that no command has used."""
        return bool(self._held)

    async def line(self, limit: int) -> bytes:
        """The next line without its ending. Raises LineTooLong once per overlong line, PeerGone at the end."""
        looked = 0
        overlong = False
        while True:
            end = self._held.find(b"\n", looked)
            if end >= 0:
                line = bytes(self._held[:end])
                del self._held[: end + 1]
                self._relax()
                if overlong or len(line) > limit:
                    raise LineTooLong
                return line.removesuffix(b"\r")
            if len(self._held) > limit:
                overlong = True
                self._held.clear()
            looked = len(self._held)
            self._relax()
            await self._more()

    async def message(self, limit_bytes: int, room: Room) -> DotReader:
        """One message up to its final dot. The caller releases it. Raises PeerGone when it never ends."""
        dot = DotReader(limit_bytes, room)
        waiting = bytes(self._held)
        self._held.clear()
        self._held += dot.feed(waiting)
        self._relax()
        if dot.finished:
            return dot
        self._dot = dot
        try:
            while not dot.finished:
                await self._more(hopeless=dot.hopeless)
        except BaseException:  # also when cancelled: the memory of half a message goes back
            self._dot = None
            dot.release()
            raise
        return dot

    def _relax(self) -> None:
        if self._paused and len(self._held) <= _HIGH // 2 and self._transport is not None:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    async def _more(self, *, hopeless: bool = False) -> None:
        if self._eof or hopeless:
            raise PeerGone
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
