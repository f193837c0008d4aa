"""How long one waits: for `--help`, and for the door after a start, also with a hundred thousand mails left over."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime

from benchmarks import machine
from benchmarks.desk import Desk
from benchmarks.fill import fill_backlog
from benchmarks.options import Options
from benchmarks.table import Cell, Table, median

_OPEN = 100_000
_NOBODY = 9  # the discard port: nothing answers there, so no letter leaves


def run(options: Options) -> list[Table]:
    rows: list[tuple[Cell, ...]] = [_help(options.repeats)]
    desk = Desk(_NOBODY)
    try:
        rows.append(_door("run, a new and empty database", desk))
        again = [_door("run, the second time", desk) for _ in range(options.repeats)]
        rows.append((again[0][0], *(median([float(row[at] or 0) for row in again]) for at in (1, 2))))
        fill_backlog(desk.database, _OPEN)
        rows.append(_door(f"run, with {_OPEN:,} mails still to be settled", desk))
        after = machine.look(desk.directory)
    finally:
        desk.stop()
    return [
        Table(
            name="start",
            title=f"Start-up, {datetime.now(UTC):%d %B %Y}",
            columns=("", "seconds", "CPU seconds until then"),
            rows=tuple(rows),
            notes=("the door opens when the first worker has its model; the others start behind it", str(after)),
        )
    ]


def _help(repeats: int) -> tuple[Cell, ...]:
    seconds, cpu = [], []
    for _ in range(max(5, repeats)):
        begun, used = time.perf_counter(), _children_s()
        subprocess.run(
            [sys.executable, "-m", "daemon", "--help"], stdout=subprocess.DEVNULL, check=True, env=os.environ
        )
        seconds.append(time.perf_counter() - begun)
        cpu.append(_children_s() - used)
    return ("firstline --help (target 0.150)", median(seconds), median(cpu))


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _door(name: str, desk: Desk) -> tuple[Cell, ...]:
    seconds = desk.start()
    cpu = desk.cpu_s()
    desk.stop()
    return (name, seconds, cpu)
