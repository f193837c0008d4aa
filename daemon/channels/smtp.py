"""The SMTP and LMTP listener: sockets in, sessions out, one drain for all of them.

Serves any bound socket (TCP, Unix, one passed by systemd) on the daemon's own loop; aiosmtpd's Controller would
bring a thread and a loop of its own. `stop` ends within `drain_s`: no new connections, 421 to who is idle, messages
under way get their reply, commits are waited for. The certificate can be replaced while running; a
broken new one leaves the old one in service.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import structlog

from daemon.channels.connection import House
from daemon.channels.door import Admit, Receive, Verify
from daemon.channels.dot import Room
from daemon.channels.gate import Gate, Limits
from daemon.channels.handover import Handover
from daemon.channels.session import Session
from daemon.core.disposition import TOO_MANY
from daemon.errors import Misconfigured

log = structlog.get_logger(__name__)

_BACKLOG = 256
_LAST_WORDS_S = 0.5  # for replies of the last moment to leave before what is left is cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorway:
    """What one listener is: its name in greetings, its protocol, its limits, its certificate files."""

    host: str
    lmtp: bool = False
    limits: Limits = field(default_factory=Limits)
    certificate: Path | None = None
    key: Path | None = None  # None: in the certificate's file
    implicit_tls: bool = False  # TLS from the first byte (port 465)
    require_tls: bool = False  # no MAIL before STARTTLS
    require_login: bool = False  # no MAIL before AUTH


class Listener:
    """One doorway with any number of sockets."""

    def __init__(self, doorway: Doorway, *, receive: Receive, admit: Admit, verify: Verify | None = None) -> None:
        limits = doorway.limits
        self._doorway = doorway
        self._context: ssl.SSLContext | None = None
        self.reload_certificate()
        self._house = House(
            host=doorway.host,
            lmtp=doorway.lmtp,
            limits=limits,
            gate=Gate(limits),
            room=Room(limits.room_bytes),
            handover=Handover(receive, store_s=limits.store_s),
            admit=admit,
            verify=verify,
            require_tls=doorway.require_tls,
            require_login=doorway.require_login,
            tls=lambda: self._context,
        )
        self._servers: list[asyncio.Server] = []

    @property
    def sessions(self) -> int:
        return self._house.gate.sessions

    async def serve(self, sock: socket.socket) -> None:
        """Accept on a bound socket of any family; raises OSError when it cannot listen."""
        loop = asyncio.get_running_loop()
        sock.setblocking(False)
        context = self._context if self._doorway.implicit_tls else None
        if sock.family == socket.AF_UNIX:
            server = await loop.create_unix_server(self._new_session, sock=sock, backlog=_BACKLOG, ssl=context)
        else:
            server = await loop.create_server(self._new_session, sock=sock, backlog=_BACKLOG, ssl=context)
        self._servers.append(server)

    def reload_certificate(self) -> None:
        """Read the files again. Raises Misconfigured and keeps the certificate in use when they are no good."""
        if self._doorway.certificate is None:
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        try:
            context.load_cert_chain(self._doorway.certificate, self._doorway.key)
        except OSError as error:  # ssl.SSLError is one
            raise Misconfigured(f"{self._doorway.certificate}: cannot use this certificate and key: {error}") from error
        self._context = context

    async def stop(self) -> None:
        """Drain; returns within `drain_s` and a little, however the peers and the store behave."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._house.limits.drain_s
        for server in self._servers:
            server.close()
        self._servers.clear()
        for session in tuple(self._house.sessions):
            session.leave()
        while self._house.sessions and loop.time() < end - _LAST_WORDS_S:  # noqa: ASYNC110 - once, for 10 s at most
            await asyncio.sleep(0.02)
        late = await self._house.handover.settle(max(0.0, end - _LAST_WORDS_S - loop.time()))
        if self._house.sessions:
            await asyncio.sleep(min(_LAST_WORDS_S, max(0.0, end - loop.time())))
        cut = tuple(self._house.sessions)
        for session in cut:
            session.abort()
        log.info("smtp.stopped", lmtp=self._doorway.lmtp, cut=len(cut), commits_running=late)

    def _new_session(self) -> asyncio.BaseProtocol:
        if self._house.gate.sessions >= self._house.limits.sessions:
            return _Full()  # before anything is built: a flood costs us little
        return Session(self._house)


class _Full(asyncio.Protocol):
    """Says 421 and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        pipe = cast("asyncio.WriteTransport", transport)
        pipe.write(f"{TOO_MANY}\r\n".encode("ascii"))
        pipe.close()


def bind_tcp(host: str, port: int) -> socket.socket:
    """A bound TCP socket; port 0 takes a free one. Raises Misconfigured with the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except (OSError, OverflowError) as error:
        sock.close()
        raise Misconfigured(f"cannot listen on {host}:{port}: {error}") from error
    return sock


def bind_unix(path: Path, *, mode: int = 0o660) -> socket.socket:
    """A bound Unix socket with these rights; a dead socket of an earlier run is replaced, a living one is not."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode) and not _is_served(path):
            path.unlink()
        # Rights before the name exists for others: the umask covers the moment between bind and chmod.
        before = os.umask(0o177)
        try:
            sock.bind(str(path))
        finally:
            os.umask(before)
        path.chmod(mode)
    except OSError as error:
        sock.close()
        raise Misconfigured(f"cannot listen on {path}: {error}") from error
    return sock


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        with suppress(OSError):
            probe.connect(str(path))
            return True
    return False
