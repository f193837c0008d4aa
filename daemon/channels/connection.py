"""One connection: aiosmtpd's protocol object with our own buffer, deadlines, limits and goodbye.

aiosmtpd 1.4.6 cancels what is running at EOF, has no limit on connections or time, and reads through a
StreamReader that refuses long lines. This class keeps its protocol and its task and replaces the reading and
the timing. Promises: a half-closed peer still hears its replies; no peer can hold a place by sending or reading
slowly; a drain says 421 and never cuts a message that is under way.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import structlog
from aiosmtpd.smtp import SMTP

from daemon.channels.door import Admit, Verify
from daemon.channels.dot import Room
from daemon.channels.gate import Gate, Limits
from daemon.channels.handover import Handover
from daemon.channels.inflow import Inflow
from daemon.core.disposition import CLOSING, TOO_MANY, Door

log = structlog.get_logger(__name__)

_TIMEOUT = Door(code=421, enhanced="4.4.2", text="waited too long, closing")
_ABORT_AFTER_S = 5.0  # a peer that does not read our goodbye


@dataclass(slots=True, kw_only=True)
class House:
    """What all sessions of one listener share."""

    host: str
    lmtp: bool
    limits: Limits
    gate: Gate
    room: Room
    handover: Handover
    admit: Admit
    verify: Verify | None
    require_tls: bool
    require_login: bool
    tls: Callable[[], ssl.SSLContext | None]
    sessions: set[Connection] = field(default_factory=set)


class Connection(SMTP):
    """Serves one connection; `Session` gives it the conversation."""

    def __init__(self, house: House) -> None:
        # A handler of None: aiosmtpd looks for hooks in it and finds none.
        super().__init__(
            None, hostname=house.host, timeout=house.limits.idle_s / 4, loop=asyncio.get_running_loop(), ident=""
        )
        self._house = house
        self._limits = house.limits
        self._inflow = Inflow()
        self._pipe: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._peer = ""
        self._entered = False
        self._secure = False
        self._deadline: float | None = None
        self._last_byte = 0.0
        self._in_data = False
        self._leaving = False
        self._errors = 0
        self._abort: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop's are none by class, only by behaviour
        self._pipe = transport
        self._inflow.attach(transport)
        name = transport.get_extra_info("peername")
        self._peer = str(name[0]).removeprefix("::ffff:") if isinstance(name, tuple) else ""
        if not self._house.gate.enter(self._peer):
            log.warning("smtp.turned_away", peer=self._peer, sessions=self._house.gate.sessions)
            self._put(TOO_MANY)
            self._hang_up()
            return
        self._entered = True
        self._house.sessions.add(self)
        self._secure = transport.get_extra_info("ssl_object") is not None
        self._last_byte = self.loop.time()
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._writable.set()
        if self._abort is not None:
            self._abort.cancel()
        if self._entered:
            self._entered = False
            self._house.sessions.discard(self)
            self._house.gate.leave(self._peer)
            super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        self._last_byte = self.loop.time()
        self._inflow.feed(data)

    def eof_received(self) -> bool:
        """A half-closed peer still hears the replies to what it sent; TLS has no half-closing."""
        self._inflow.feed_eof()
        return self._entered and not self._secure

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _timeout_cb(self) -> None:
        now = self.loop.time()
        silent = self._in_data and now - self._last_byte > self._limits.idle_s
        if silent or (self._deadline is not None and now > self._deadline):
            log.info("smtp.timeout", peer=self._peer, in_data=self._in_data)
            self._put(_TIMEOUT)
            self._hang_up()
        else:
            self._reset_timeout()

    def leave(self) -> None:
        """Drain: say 421 now when nothing is under way, else after the message that is."""
        self._leaving = True
        if self._deadline is not None and not self._in_data:
            self._put(CLOSING)
            self._hang_up()

    def abort(self) -> None:
        """End at once; a running commit goes on."""
        if self._pipe is not None:
            self._pipe.abort()

    def _put(self, *doors: Door) -> None:
        if self._pipe is not None and not self._pipe.is_closing():
            self._pipe.write("".join(_line(door) for door in doors).encode("ascii"))

    async def _say(self, *doors: Door) -> None:
        self._put(*doors)
        self._errors += sum(door.code >= 400 for door in doors)
        if not self._writable.is_set():
            self._deadline = self.loop.time() + self._limits.idle_s  # a peer that does not read is idle too
            await self._writable.wait()

    def _hang_up(self) -> None:
        if self._pipe is not None and self._abort is None:
            self._pipe.close()
            self._abort = self.loop.call_later(_ABORT_AFTER_S, self._pipe.abort)

    async def _read_line(self, limit: int) -> bytes:
        self._deadline = self.loop.time() + self._limits.idle_s
        line = await self._inflow.line(limit)
        self._deadline = None
        return line


def _line(door: Door) -> str:
    return f"{door.code} {door.enhanced} {door.text}\r\n" if door.enhanced else f"{door.code} {door.text}\r\n"
