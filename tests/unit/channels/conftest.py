"""A listener over loopback, a store that only remembers, and a client that says exactly what it is told."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from daemon.channels.door import Admission, Admitted, Verify
from daemon.channels.gate import Limits
from daemon.channels.smtp import Doorway, Listener, bind_tcp
from daemon.core.address import Address
from daemon.core.disposition import NO_SUCH_ADDRESS
from daemon.core.envelope import Acceptance, Envelope, Receipt


@dataclass
class Store:
    """Our end of the door: remembers what it was given, fails when told, waits when told."""

    taken: list[tuple[Envelope, bytes]] = field(default_factory=list)
    failure: BaseException | None = None
    fail_for: str = ""
    go: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.go.set()

    async def receive(self, envelope: Envelope, raw: bytes, /) -> Receipt:
        self.begun.set()
        await self.go.wait()
        if self.failure is not None and self.fail_for in ("", envelope.desk):
            raise self.failure
        self.taken.append((envelope, raw))
        return Receipt(inbound_id=len(self.taken), acceptance=Acceptance.NEW)

    @property
    def bodies(self) -> list[bytes]:
        """What was stored, without our trace field."""
        return [without_trace(raw) for _, raw in self.taken]


def without_trace(raw: bytes) -> bytes:
    assert raw.startswith(b"Received: from ")
    rest = raw[raw.index(b"\r\n") + 2 :]
    while rest[:1] == b"\t":
        rest = rest[rest.index(b"\r\n") + 2 :]
    return rest


def admit(recipient: Address, size: int, /) -> Admission:
    """help@ and bill@ are two desks, help+token@ is the first one too."""
    desks = {"help@example.com": "help", "bill@example.com": "bill", "postmaster@desk.example.com": "help"}
    desk = desks.get(recipient.key.replace("+token", ""))
    return Admitted(desk=desk) if desk else NO_SUCH_ADDRESS


@dataclass
class Wire:
    """A peer by hand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self) -> str:
        """One reply, its lines joined."""
        lines = []
        while True:
            line = (await asyncio.wait_for(self.reader.readline(), 10)).decode()
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                return "\n".join(lines)

    async def ask(self, text: str) -> str:
        await self.say(text.encode() + b"\r\n")
        return await self.reply()

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        return await asyncio.wait_for(self.reader.read(), 15)

    async def start(
        self, *recipients: str, hello: str = "EHLO client.example", sender: str = "<ann@example.net>"
    ) -> None:
        """Up to 354."""
        await self.reply()
        await self.ask(hello)
        assert (await self.ask(f"MAIL FROM:{sender}")).startswith("250")
        for recipient in recipients or ("help@example.com",):
            assert (await self.ask(f"RCPT TO:<{recipient}>")).startswith("250")
        assert (await self.ask("DATA")).startswith("354")

    async def close(self) -> None:
        self.writer.close()


@dataclass
class Desk:
    """A running listener and what it stored."""

    listener: Listener
    store: Store
    port: int
    wires: list[Wire] = field(default_factory=list)

    async def call(self) -> Wire:
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.port))
        self.wires.append(wire)
        return wire


OpenDesk = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def open_desk() -> AsyncIterator[OpenDesk]:
    """Start listeners; all are drained at the end."""
    desks: list[Desk] = []

    async def start(*, limits: Limits | None = None, verify: Verify | None = None, **more: Any) -> Desk:
        limits = limits or Limits(drain_s=2.0)
        store = Store()
        doorway = Doorway(host="desk.example.com", limits=limits, **more)
        listener = Listener(doorway, receive=store.receive, admit=admit, verify=verify)
        sock = bind_tcp("127.0.0.1", 0)
        port = sock.getsockname()[1]
        await listener.serve(sock)
        desks.append(Desk(listener=listener, store=store, port=port))
        return desks[-1]

    yield start
    for desk in desks:
        for wire in desk.wires:
            await wire.close()
        await desk.listener.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate with its key in one file."""
    return make_certificate(tmp_path_factory.mktemp("tls") / "desk.pem")


def make_certificate(path: Path, name: str = "desk.example.com") -> Path:
    key = path.with_suffix(".key")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command, *subject, "-keyout", str(key), "-out", str(path)], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + key.read_bytes())
    return path


def trusting() -> ssl.SSLContext:
    """A client context that believes anything: the tests look at the protocol, not at the chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
