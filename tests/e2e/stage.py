"""The stage of an end-to-end test: the real daemon as a process, a sink, a sender that behaves like an MTA.

Nothing of ours is replaced: the daemon is started by its command line, with a configuration file, in a
directory of its own; the store is looked at from outside, SQLite with sqlite3.
"""

from __future__ import annotations

import json
import signal
import smtplib
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from sqlalchemy import create_engine, exc, pool, text

from tests.e2e.corpus import ALIAS, DESK, SALES, TEAM, Sample
from tests.e2e.launch import ByCommand, Launcher, Process, run
from tests.e2e.sink import Taken, ids
from tests.ports import free_port

_PATIENCE_S = 90.0
UNREADY = (sqlite3.Error, exc.SQLAlchemyError)
CHEAP = '[classifier]\nmodel = "none"\n[reader]\nworkers = 1\n'


@dataclass
class Stage:
    """One desk: directory, ports, configuration, and the daemon process when it runs.

    `arms` are kill points for the coming lives, one each; `cut` counts the Message-IDs whose final dot had
    reached the relay when the daemon was killed and whose answer was not recorded.
    """

    directory: Path
    sink: Taken
    extra: str = ""
    database_url: str = ""
    launcher: Launcher = field(default_factory=ByCommand)
    smtp_port: int = field(default_factory=free_port)
    lmtp_port: int = field(default_factory=free_port)
    process: Process | None = None
    arms: list[str] = field(default_factory=list)
    kills: int = 0
    cut: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.config = self.directory / "firstline.toml"
        self.state = self.directory / "state"
        self.database = self.state / "firstline.db"
        self.log = self.directory / "log"
        self.configure()

    def configure(self, extra: str | None = None) -> None:
        """Write the configuration; `extra` is TOML that follows (or replaces what followed)."""
        self.extra = self.extra if extra is None else extra
        database = f'database = "{self.database_url}"' if self.database_url else ""
        self.config.write_text(
            f"""
zone = "Europe/Berlin"
[state]
directory = "{self.state}"
{database}
[desk.help]
title = "Example Help Desk"
address = "{DESK}"
aliases = ["{ALIAS}"]
[desk.sales]
title = "Example Sales"
address = "{SALES}"
[team.service-desk]
addresses = ["{TEAM}"]
[smtp]
listen = ["127.0.0.1:{self.smtp_port}"]
max_sessions_per_peer = 100
max_commands = 1000000
[lmtp]
listen = ["127.0.0.1:{self.lmtp_port}"]
[relay]
host = "127.0.0.1"
port = {self.sink.port}
retry = ["1s"]
[credits]
per_domain = 100000
overall = 100000
team = 100000
{self.extra}
"""
        )

    def run(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """A verb, to its end."""
        return run(self.launcher, ["-c", str(self.config), *words], environ)

    def start(self, *, wait: bool = True, **environ: str) -> None:
        """Start the daemon, with the next kill point if there is one, and wait until its door answers or it died."""
        environ["FIRSTLINE_CRASH_AT"] = self.arms.pop(0) if self.arms else ""
        self.process = self.launcher.start(["-c", str(self.config), "run"], environ, out=self.log, err=self.log)
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                assert self.process.returncode == -signal.SIGKILL, self.tail()  # a kill point is the only good reason
                return
            with suppress(OSError, smtplib.SMTPException), smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=5):
                return
            time.sleep(0.02)
        raise AssertionError(f"the daemon did not open its door:\n{self.tail()}")

    def tail(self, size: int = 4000) -> str:
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """`kill -9`, as power loss of the process."""
        self.process.kill()
        self.process.wait()
        self._count_kill()

    def stop(self, patience_s: float = 20.0) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience_s)

    def close(self) -> None:
        if self.alive:
            self.process.kill()
            self.process.wait()

    def revive(self, *, wait: bool = False) -> bool:
        """Start the daemon again when it died of a kill point, as systemd does; True when it had."""
        if self.alive:
            return False
        assert self.process.returncode == -signal.SIGKILL, self.tail()
        self._count_kill()
        self.start(wait=wait)
        return True

    def _count_kill(self) -> None:
        self.kills += 1
        time.sleep(0.03)  # what the sink had in its hands is in its list now
        with suppress(*UNREADY):
            at_relay = ids(self.sink)
            claimed = [row[0] for row in self.rows("SELECT message_id FROM outbox WHERE state = 'claimed'")]
            self.cut.update(message_id for message_id in claimed if at_relay[message_id])

    # -- the sender ---------------------------------------------------------------------------------------------

    def send_once(self, sample: Sample, *, port: int | None = None) -> bool:
        """One try as an MTA makes it: True only when 250 came after the final dot."""
        try:
            with smtplib.SMTP("127.0.0.1", port or self.smtp_port, timeout=30) as client:
                return not client.sendmail(sample.sender, list(sample.to), sample.raw)
        except (OSError, smtplib.SMTPException):
            return False

    def send(self, samples: Sequence[Sample], *, threads: int = 4) -> None:
        """Hand in every mail until it is taken; restarts a daemon that died, as systemd does."""
        over = Event()

        def deliver(sample: Sample) -> None:
            end = time.monotonic() + _PATIENCE_S
            while not over.is_set() and not self.send_once(sample):
                assert time.monotonic() < end, f"nobody takes {sample.message_id}:\n{self.tail()}"
                time.sleep(0.02)

        with ThreadPoolExecutor(threads) as workers:
            futures = [workers.submit(deliver, sample) for sample in samples]
            try:
                while not all(future.done() for future in futures):
                    self.revive()
                    time.sleep(0.02)
                for future in futures:
                    future.result()
            finally:
                over.set()  # when the daemon ended for another reason than a kill, nobody need wait for it

    # -- what one sees ------------------------------------------------------------------------------------------

    def rows(self, sql: str) -> list[tuple]:
        """What the database says to somebody who is not the daemon."""
        if self.database_url:
            engine = create_engine(self.database_url, poolclass=pool.NullPool)
            try:
                with engine.connect() as connection:
                    return [tuple(row) for row in connection.execute(text(sql))]
            finally:
                engine.dispose()
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=20)) as connection:
            return connection.execute(sql).fetchall()

    def count(self, sql: str) -> int:
        return int(self.rows(sql)[0][0])

    def settled(self) -> bool:
        """True when nothing waits: every mail settled, every outgoing one ended."""
        with suppress(*UNREADY):
            waiting = self.count("SELECT count(*) FROM inbound WHERE settled_at IS NULL")
            return not waiting and not self.count("SELECT count(*) FROM outbox WHERE done_at IS NULL")
        return False

    def settle(self, patience_s: float = _PATIENCE_S) -> None:
        """Wait until nothing waits."""
        end = time.monotonic() + patience_s
        while True:
            self.revive()
            if self.settled():
                return
            assert time.monotonic() < end, f"something still waits:\n{self.tail()}"
            time.sleep(0.05)

    def audit(self) -> dict:
        """`firstline audit`; fails the test when an invariant is broken."""
        done = self.run("audit", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def limit_files(self, size_bytes: int) -> None:
        """No file of the daemon may grow beyond this: a full disk for one process (-1 ends it)."""
        import resource

        _, hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size_bytes if size_bytes >= 0 else hard, hard))


def wait_for(condition, what, patience_s: float = _PATIENCE_S) -> None:
    """Until `condition()`; `what()` says what one sees when it never comes."""
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(0.05)
