"""How many mails a second are taken: the daemon (durably), stock aiosmtpd and smtp-sink (both store nothing).

smtp-source sends to each in turn, several times, so that all three see the same machine. The daemon goes on to
read, decide and answer while it accepts; what is left is waited for before the next turn. Mails per fdatasync
are counted by strace in a turn of its own, which is not timed.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import machine, peers, process
from benchmarks.desk import Desk, free_port
from benchmarks.mails import DESK
from benchmarks.options import Options
from benchmarks.table import Cell, Table, median

_SHAPES = ((32, 2_000, 2_000), (32, 50_000, 400), (1, 2_000, 400))  # sessions, bytes, mails
_NULL = """
import asyncio, sys
from aiosmtpd.smtp import SMTP
class Null:
    async def handle_DATA(self, server, session, envelope):
        return "250 taken"
async def main():
    loop = asyncio.get_running_loop()
    made = lambda: SMTP(Null(), hostname="null.example", loop=loop)
    server = await loop.create_server(made, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()
asyncio.run(main())
"""


@dataclass(slots=True)
class _Server:
    """One of the three. `settle` waits until it rests again."""

    name: str
    port: int
    pid: int
    settle: Callable[[], None]
    rates: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


def run(options: Options) -> list[Table]:
    peers.program("smtp-source")
    tables = []
    with peers.sink() as (relay, _), peers.sink() as (sink, sink_pid), _null() as (null, null_pid), Desk(relay) as desk:
        servers = [
            _Server("smtp-sink", sink, sink_pid, lambda: None),
            _Server("aiosmtpd, stores nothing", null, null_pid, lambda: None),
            _Server("firstline, durable", desk.port, desk.pid, desk.drain),
        ]
        tables += [_turns(servers, shape, options.repeats, desk.directory) for shape in _SHAPES]
        tables += _syncs(desk)
        audit = desk.audit()
    last = tables[-1]
    tables[-1] = Table(
        name=last.name, title=last.title, columns=last.columns, rows=last.rows, notes=(*last.notes, audit)
    )
    return tables


@contextlib.contextmanager
def _null() -> Iterator[tuple[int, int]]:
    """Stock aiosmtpd with a handler that keeps nothing: (port, process id)."""
    port = free_port()
    server = subprocess.Popen([sys.executable, "-c", _NULL, str(port)])
    try:
        peers.wait_open(port)
        yield port, server.pid
    finally:
        server.kill()
        server.wait()


def _turns(servers: list[_Server], shape: tuple[int, int, int], repeats: int, folder: Path) -> Table:
    sessions, size, count = shape
    for server in servers:
        server.rates, server.cpu_ms = [], []
    before = machine.look(folder)
    for _ in range(repeats):
        for server in servers:
            cpu = process.cpu_s(server.pid)
            seconds = peers.source(server.port, sessions=sessions, mails=count, size=size, to=DESK)
            server.rates.append(count / seconds)
            server.cpu_ms.append((process.cpu_s(server.pid) - cpu) / count * 1000)
            server.settle()
    base = median(servers[0].rates)
    rows: list[tuple[Cell, ...]] = [
        (
            each.name,
            median(each.rates),
            f"{min(each.rates):,.0f} to {max(each.rates):,.0f}",
            100 * median(each.rates) / base,
            median(each.cpu_ms),
        )
        for each in servers
    ]
    return Table(
        name=f"accept-{sessions}-{size}",
        title=f"Accepting {count:,} mails of {size:,} bytes over {sessions} sessions, medians of {repeats} turns",
        columns=("server", "mails/s", "range", "% of smtp-sink", "CPU ms per mail while sending"),
        rows=tuple(rows),
        notes=(
            "firstline's CPU is its daemon process alone and holds what it settled and answered meanwhile",
            f"before: {before}",
            f"after:  {machine.look(folder)}",
        ),
    )


def _syncs(desk: Desk) -> list[Table]:
    """Mails per flush while 32 sessions press on; nothing when strace is not there or may not look."""
    if shutil.which("strace") is None:
        return []
    count = 1_000
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace")
        tracer = subprocess.Popen(
            ["strace", "-f", "-e", "trace=fdatasync,fsync", "-o", str(trace), "-p", str(desk.pid)],
            stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(1.0)
            seconds = peers.source(desk.port, sessions=32, mails=count, size=2_000, to=DESK)
            accepting = _flushes(trace)
            desk.drain()
            total = _flushes(trace)
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(20)
    if not total:
        return []
    rows: tuple[tuple[Cell, ...], ...] = (
        ("while accepting", accepting, count / max(accepting, 1)),
        ("until all was settled and answered", total, count / total),
    )
    return [
        Table(
            name="flushes",
            title=f"Flushes of the disk for {count:,} mails over 32 sessions (strace, {seconds:.1f} s: not timed)",
            columns=("", "flushes", "mails per flush"),
            rows=rows,
        )
    ]


def _flushes(trace: Path) -> int:
    return len(re.findall(r"\b(?:fdatasync|fsync)\(", trace.read_text("ascii", "replace")))
