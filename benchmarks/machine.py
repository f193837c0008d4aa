"""The machine: what its disk and its noise do to the figures beside which they stand.

fdatasync on virtual disks has modes (0.1 ms and 4 ms on the same machine within an hour), so a
durable rate without it means nothing. Noise is how much longer a fixed piece of work takes on the wall than on
the processor: 1.0 is a machine of our own.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.table import Table, quantile

_SYNCS = 100
_RECORD = b"x" * 4096
_SPINS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the machine."""

    sync_p50_ms: float
    sync_p99_ms: float
    noise: float  # wall seconds per processor second of a busy loop
    load: float  # of the last minute, on `os.cpu_count()` processors

    def __str__(self) -> str:
        return (
            f"fdatasync p50 {self.sync_p50_ms:.2f} ms, p99 {self.sync_p99_ms:.2f} ms; "
            f"noise {self.noise:.2f}; load {self.load:.1f} on {os.cpu_count()} processors"
        )


def look(directory: Path | None = None) -> Look:
    """Measure now, on the disk of `directory` (default: where the benchmarks' databases are)."""
    syncs = _syncs(directory or Path(tempfile.gettempdir()))
    return Look(
        sync_p50_ms=quantile(syncs, 0.5) * 1000,
        sync_p99_ms=quantile(syncs, 0.99) * 1000,
        noise=_noise(),
        load=os.getloadavg()[0],
    )


def _syncs(directory: Path) -> list[float]:
    with tempfile.TemporaryFile(dir=directory) as file:
        seconds = []
        for _ in range(_SYNCS):
            file.write(_RECORD)
            file.flush()
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            seconds.append(time.perf_counter() - started)
    return seconds


def _noise() -> float:
    wall, cpu = time.perf_counter(), time.process_time()
    total = 0
    for number in range(_SPINS):
        total += number
    return (time.perf_counter() - wall) / max(time.process_time() - cpu, 1e-9)


def table() -> Table:
    now = look()
    packages = ("aiosmtpd", "aiosmtplib", "mail-parser", "SQLAlchemy", "scikit-learn")
    rows = (
        ("processors", f"{os.cpu_count()}, {_model()}"),
        ("system", f"{platform.system()} {platform.release()}, Python {platform.python_version()}"),
        ("libraries", ", ".join(f"{name} {version(name)}" for name in packages)),
        ("SQLite", sqlite3.sqlite_version),
        ("now", str(now)),
    )
    return Table(name="machine", title="The machine", columns=("", "is"), rows=rows)


def _model() -> str:
    for line in Path("/proc/cpuinfo").read_text("ascii", "replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
