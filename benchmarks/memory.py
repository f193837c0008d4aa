"""Resident memory of the daemon and its workers while thousands of mails pass through them."""

from __future__ import annotations

import asyncio
import time

from benchmarks import machine, mails, process
from benchmarks.desk import Desk
from benchmarks.options import Options
from benchmarks.post import Relay, send_flowing
from benchmarks.table import Cell, Table

_MARKS = (2_000, 10_000, 20_000)
_FULL = (*_MARKS, 50_000, 100_000)
_SESSIONS = 16
_UNDER_WAY = 64  # mails without their acknowledgment: the pipe is full, the backlog short


def run(options: Options) -> list[Table]:
    return [asyncio.run(_measure(_FULL if options.full else _MARKS))]


async def _measure(marks: tuple[int, ...]) -> Table:
    relay = Relay()
    await relay.start()
    desk = Desk(relay.port)
    rows: list[tuple[Cell, ...]] = []
    try:
        await asyncio.to_thread(desk.__enter__)
        before = await asyncio.to_thread(machine.look, desk.directory)
        rows.append(_row(desk, 0, None, None))
        done = 0
        for mark in marks:
            begun, cpu = time.perf_counter(), desk.cpu_s()
            # No attachments: at 27 kB a mail the longest run would write 3 GB and say nothing more.
            count = await send_flowing(
                desk.port, mails.small(mark - done, start=done), relay, sessions=_SESSIONS, under_way=_UNDER_WAY
            )
            await asyncio.to_thread(desk.drain)
            rate = count / (time.perf_counter() - begun)
            done = mark
            rows.append(_row(desk, mark, rate, (desk.cpu_s() - cpu) / count * 1000))
        audit = await asyncio.to_thread(desk.audit)
    finally:
        await asyncio.to_thread(desk.__exit__, None, None, None)
        await relay.stop()
    last, reference = rows[-1], next(row for row in rows if row[0] == f"{min(20_000, marks[-1]):,}")
    growth = float(last[1] or 0) / float(reference[1] or 1)
    return Table(
        name="memory",
        title="Memory after N mails (RSS, megabytes), all acknowledged, SQLite",
        columns=(
            "mails",
            "daemon",
            "worker, largest",
            "together",
            "mails/s, acknowledged",
            "CPU ms per mail",
            "database MB",
        ),
        rows=tuple(rows),
        notes=(
            f"daemon after {last[0]} / after {reference[0]}: {growth:.2f}",
            "SQLite's cache (32 MB) and the workers' word memo fill first",
            f"{audit}; {before}",
        ),
    )


def _row(desk: Desk, mark: int, rate: float | None, cpu_ms: float | None) -> tuple[Cell, ...]:
    own, workers = process.rss_mb(desk.pid), [process.rss_mb(pid) for pid in desk.workers]
    size = desk.database.stat().st_size / 1e6
    return (f"{mark:,}", own, max(workers, default=0.0), own + sum(workers), rate, cpu_ms, size)
