"""The real daemon as a process of its own, on a temporary SQLite database, with its relay on loopback."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks import process
from benchmarks.mails import DESK

LOOPBACK = "127.0.0.1"
_PATIENCE_S = 120.0
_CONFIG = """
zone = "Europe/Berlin"
[state]
directory = "{state}"
database = "{database}"
[desk.help]
title = "Example Help Desk"
address = "{desk}"
[team.service-desk]
addresses = ["team@desk.example"]
[smtp]
listen = ["127.0.0.1:{port}"]
max_sessions_per_peer = 200
max_sessions = 200
[relay]
host = "127.0.0.1"
port = {relay}
[credits]
per_domain = 1000000
overall = 1000000
team = 1000000
[reader]
workers = {workers}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


class Desk:
    """A daemon that runs from `start` (or `with`) to `stop`; logs go to a file as in production."""

    def __init__(self, relay_port: int, *, workers: int = 0, database: str = "") -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="firstline-bench-")
        self.directory = Path(self._folder.name)
        self.state = self.directory / "state"
        self.state.mkdir(mode=0o700)
        self.database = self.state / "firstline.db"
        self.config = self.directory / "firstline.toml"
        self.port = free_port()
        self.config.write_text(
            _CONFIG.format(
                state=self.state, database=database, desk=DESK, port=self.port, relay=relay_port, workers=workers
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        self.settle_down()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "daemon", "-c", str(self.config), *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*words), capture_output=True, text=True, check=False, timeout=600)

    def start(self) -> float:
        """Start and wait for the door; the seconds it took."""
        begun = time.perf_counter()
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(self.command("run"), stdout=log, stderr=log)
        while time.perf_counter() - begun < _PATIENCE_S and self._process.poll() is None:
            with suppress(OSError), socket.create_connection((LOOPBACK, self.port), timeout=5) as door:
                if door.recv(3) == b"220":
                    return time.perf_counter() - begun
            time.sleep(0.005)
        raise RuntimeError(f"the daemon did not open its door:\n{self.tail()}")

    def settle_down(self) -> None:
        """Wait until its workers have started and it rests: what comes then is the mails' cost, not the start's."""
        end = time.monotonic() + _PATIENCE_S
        before, quiet = -1.0, 0
        while time.monotonic() < end and quiet < 3:
            time.sleep(0.4)
            now = self.cpu_s()
            quiet = quiet + 1 if now - before < 0.05 else 0
            before = now

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(30)
        self._process.kill()
        self._process.wait()
        self._process = None

    def tail(self) -> str:
        return (self.directory / "log").read_text("utf-8", "replace")[-3000:]

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the daemon does not run")
        return self._process.pid

    @property
    def workers(self) -> list[int]:
        """The reader processes (Python's resource tracker is not one)."""
        names = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in process.children(self.pid)}
        return [pid for pid, name in names.items() if b"spawn_main" in name]

    def cpu_s(self) -> float:
        """Of the daemon and its workers."""
        return sum(self.cpu_apart_s())

    def cpu_apart_s(self) -> tuple[float, float]:
        """(daemon, its workers together)."""
        return process.cpu_s(self.pid), process.cpu_s(*self.workers)

    def count(self, sql: str) -> int:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=20)) as connection:
            return int(connection.execute(sql).fetchone()[0])

    def drain(self, patience_s: float = 180.0) -> None:
        """Wait until nothing waits: every mail settled, every letter at the relay."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            with suppress(sqlite3.Error):
                if not self.count("SELECT count(*) FROM inbound WHERE settled_at IS NULL") and not self.count(
                    "SELECT count(*) FROM outbox WHERE done_at IS NULL"
                ):
                    return
            time.sleep(0.2)
        raise RuntimeError(f"something still waits:\n{self.tail()}")

    def audit(self) -> str:
        """What `firstline audit` says, in one line: the promises hold after the benchmark, too."""
        done = self.run("audit", "--json")
        with suppress(ValueError):
            broken = [item for item in json.loads(done.stdout).get("invariants", []) if not item.get("holds", True)]
            return "audit: every invariant holds" if done.returncode == 0 else f"audit: BROKEN {broken}"
        return f"audit: exit {done.returncode}"
