"""The outside world on one event loop: a sender that keeps its pace and a relay that notes when letters arrive.

Both are as thin as a correct SMTP peer can be, because they share the processors with what they measure. The sender
never slows down with the daemon: a mail is due when it is due (no coordinated omission).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.desk import LOOPBACK
from benchmarks.mails import DESK, Mail

_IDLE_S = 20.0  # the daemon waits 60 s for a command
_END = b"\r\n.\r\n"
_HELLO = b"250-relay.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 50000000\r\n"


@dataclass(slots=True)
class Relay:
    """Takes every letter; `arrived` is recipient → when its final dot came (perf_counter)."""

    arrived: dict[str, float] = field(default_factory=dict)
    letters: int = 0
    port: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(lambda: _Letterbox(self), LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    def take(self, recipient: str, at: float) -> None:
        self.letters += 1
        self.arrived.setdefault(recipient, at)
        self.news.set()

    async def wait_for(self, recipients: Iterable[str], patience_s: float) -> set[str]:
        """Until all of these have a letter; those that have none after `patience_s`."""
        missing = set(recipients)
        end = time.perf_counter() + patience_s
        while (missing := missing - self.arrived.keys()) and time.perf_counter() < end:
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), 1.0)
            except TimeoutError:
                continue
        return missing


class _Letterbox(asyncio.Protocol):
    """One connection to the relay."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._held = bytearray()
        self._in_data = False
        self._recipient = ""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 relay.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._held += data
        assert self._transport is not None
        while True:
            mark = _END if self._in_data else b"\r\n"
            end = self._held.find(mark)
            if end < 0:
                return
            piece = bytes(self._held[:end])
            del self._held[: end + len(mark)]
            if self._in_data:
                self._in_data = False
                self._relay.take(self._recipient, now)
                self._transport.write(b"250 2.0.0 taken\r\n")
            else:
                self._transport.write(self._answer(piece))

    def _answer(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return _HELLO
        if verb == b"RCPT":
            self._recipient = line.partition(b"<")[2].partition(b">")[0].decode("ascii", "replace")
        if verb == b"DATA":
            self._in_data = True
            return b"354 go on\r\n"
        return b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One mail that was taken: when its final dot left and when the 250 came (perf_counter)."""

    mail: Mail
    dot: float
    answered: float


class Client:
    """One kept session with the daemon."""

    def __init__(self) -> None:
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self, port: int) -> None:
        self._reader, self._writer = await asyncio.open_connection(LOOPBACK, port)
        # The final dot is only written when everything before it is in the kernel's hands.
        self._writer.transport.set_write_buffer_limits(high=0)
        await self._reply()
        await self._ask(b"EHLO sender.example\r\n")

    async def send(self, mail: Mail) -> Sent:
        assert self._writer is not None
        await self._ask(f"MAIL FROM:<{mail.sender}>\r\n".encode())
        await self._ask(f"RCPT TO:<{DESK}>\r\n".encode())
        await self._ask(b"DATA\r\n")
        content = mail.raw.replace(b"\r\n.", b"\r\n..")
        self._writer.write(content if content.endswith(b"\r\n") else content + b"\r\n")
        await self._writer.drain()
        dot = time.perf_counter()
        await self._ask(b".\r\n")
        return Sent(mail=mail, dot=dot, answered=time.perf_counter())

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.write(b"QUIT\r\n")
            self._writer.close()

    async def _ask(self, line: bytes) -> bytes:
        assert self._writer is not None
        self._writer.write(line)
        return await self._reply()

    async def _reply(self) -> bytes:
        assert self._reader is not None
        while True:
            line = await self._reader.readline()
            if line[3:4] != b"-":
                if line[:1] not in {b"2", b"3"}:
                    raise RuntimeError(f"the daemon said {line!r}")
                return line


class Clients:
    """Kept sessions, as a busy MTA holds them; more are opened when all are busy, and none is kept idle for long."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[Client, float]] = []

    async def send(self, mail: Mail) -> Sent:
        client = await self._taken()
        sent = await client.send(mail)
        self._free.append((client, time.perf_counter()))
        return sent

    async def _taken(self) -> Client:
        while self._free:
            client, since = self._free.pop()
            if time.perf_counter() - since < _IDLE_S:
                return client
            await client.close()
        return await self._opened()

    async def _opened(self) -> Client:
        client = Client()
        await client.open(self._port)
        return client

    async def close(self) -> None:
        for client, _ in self._free:
            await client.close()


async def send_paced(port: int, mails: list[Mail], rate: float) -> list[Sent]:
    """Each mail at its own moment, `rate` a second, whether the ones before it were answered or not."""
    clients = Clients(port)
    begun = time.perf_counter() + 0.1

    async def one(index: int, mail: Mail) -> Sent:
        await asyncio.sleep(begun + index / rate - time.perf_counter())
        return await clients.send(mail)

    sent = await asyncio.gather(*(one(index, mail) for index, mail in enumerate(mails)))
    await clients.close()
    return list(sent)


async def send_flowing(port: int, mails: Iterable[Mail], relay: Relay, *, sessions: int, under_way: int) -> int:
    """As fast as acknowledgments come back: at most `under_way` mails without one; how many were sent."""
    clients = Clients(port)
    places = asyncio.Semaphore(under_way)
    doors = asyncio.Semaphore(sessions)
    tasks: set[asyncio.Task[None]] = set()

    async def one(mail: Mail) -> None:
        async with doors:
            await clients.send(mail)
        await relay.wait_for([mail.sender], 120.0)
        relay.arrived.pop(mail.sender, None)  # a hundred thousand of them are not ours to keep
        places.release()

    count = 0
    for mail in mails:
        await places.acquire()
        task = asyncio.create_task(one(mail))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        count += 1
    await asyncio.gather(*tasks)
    await clients.close()
    return count
