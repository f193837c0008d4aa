"""The stage of an end-to-end test: the real daemon as a process, a sink, a sender that behaves like an MTA.

Nothing of ours is replaced: the daemon is started by its command, with a configuration file, in a
directory of its own; the store is looked at from outside with sqlite3.
"""

from __future__ import annotations

import email
import hashlib
import json
import os
import signal
import smtplib
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiosmtpd.controller import Controller

from tests.e2e.corpus import DESK, Sample

_PATIENCE_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Sink:
    """A relay that takes everything and keeps it in the order it came."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str, bytes]] = []
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=20)

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.mails.append((envelope.mail_from, envelope.rcpt_tos[0], envelope.content))
        return "250 2.0.0 taken"

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    def to(self, address: str) -> list[bytes]:
        return [raw for _, to, raw in list(self.mails) if to == address]

    def ids(self) -> Counter[str]:
        return Counter(email.message_from_bytes(raw)["Message-ID"] for _, _, raw in list(self.mails))


@dataclass
class Stage:
    """One desk: directory, ports, configuration, and the daemon process when it runs."""

    directory: Path
    sink: Sink
    extra: str = ""
    smtp_port: int = field(default_factory=free_port)
    lmtp_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    kills: int = 0

    def __post_init__(self) -> None:
        self.config = self.directory / "firstline.toml"
        self.database = self.directory / "state" / "firstline.db"
        self.log = self.directory / "log"
        self.configure()

    def configure(self, extra: str | None = None) -> None:
        """Write the configuration; `extra` is TOML that follows (or replaces what followed)."""
        self.extra = self.extra if extra is None else extra
        self.config.write_text(
            f"""
zone = "Europe/Berlin"
[state]
directory = "{self.directory / "state"}"
[desk.help]
title = "Example Help Desk"
address = "{DESK}"
[team.service-desk]
addresses = ["team@desk.example"]
[smtp]
listen = ["127.0.0.1:{self.smtp_port}"]
max_sessions_per_peer = 100
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

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "daemon", "-c", str(self.config), *words]

    def run(self, *words: str, **over) -> subprocess.CompletedProcess[str]:
        """A verb, to its end."""
        values = {"capture_output": True, "text": True, "timeout": 60, "check": False, **over}
        return subprocess.run(self.command(*words), **values)

    def start(self, *, crash_at: str = "", wait: bool = True, **environ: str) -> None:
        """Start the daemon and wait until its door answers (or until it died, where it shall crash)."""
        environment = {**os.environ, **environ}
        if crash_at:
            environment["FIRSTLINE_CRASH_AT"] = crash_at
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command("run"), stdout=log, stderr=log, env=environment)
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                assert self.process.returncode == -signal.SIGKILL, self.tail()  # a kill point is the only good reason
                return
            with suppress(OSError), smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=5):
                return
            time.sleep(0.05)
        raise AssertionError(f"the daemon did not open its door:\n{self.tail()}")

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """`kill -9`, as power loss of the process."""
        self.process.kill()
        self.process.wait()
        self.kills += 1

    def stop(self, patience_s: float = 20.0) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience_s)

    def close(self) -> None:
        if self.alive:
            self.process.kill()
            self.process.wait()

    # -- the sender ---------------------------------------------------------------------------------------------

    def send_once(self, sample: Sample) -> bool:
        """One try as an MTA makes it: True only when 250 came after the final dot."""
        try:
            with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=20) as client:
                client.sendmail(sample.sender, [DESK], sample.raw)
        except (OSError, smtplib.SMTPException):
            return False
        return True

    def send(self, samples: Sequence[Sample], *, threads: int = 4) -> None:
        """Hand in every mail until it is taken; restarts a daemon that died, as systemd does."""

        def deliver(sample: Sample) -> None:
            end = time.monotonic() + _PATIENCE_S
            while not self.send_once(sample):
                assert time.monotonic() < end, f"nobody takes {sample.message_id}:\n{self.tail()}"
                time.sleep(0.05)

        with ThreadPoolExecutor(threads) as pool:
            futures = [pool.submit(deliver, sample) for sample in samples]
            while not all(future.done() for future in futures):
                self.revive()
                time.sleep(0.02)
            for future in futures:
                future.result()

    def revive(self) -> None:
        """Start the daemon again when it died."""
        if not self.alive:
            assert self.process.returncode == -signal.SIGKILL, self.tail()
            self.kills += 1
            self.start(wait=False)

    # -- what one sees ------------------------------------------------------------------------------------------

    def rows(self, sql: str, *values: object) -> list[tuple]:
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=20) as connection:
            return connection.execute(sql, values).fetchall()

    def count(self, sql: str, *values: object) -> int:
        return int(self.rows(sql, *values)[0][0])

    def settle(self, patience_s: float = _PATIENCE_S) -> None:
        """Wait until nothing waits: every mail settled, every outgoing one ended."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            self.revive()
            with suppress(sqlite3.Error):
                waiting = self.count("SELECT count(*) FROM inbound WHERE settled_at IS NULL")
                if not waiting and not self.count("SELECT count(*) FROM outbox WHERE done_at IS NULL"):
                    return
            time.sleep(0.05)
        raise AssertionError(f"something still waits:\n{self.tail()}")

    def audit(self) -> dict:
        """`firstline audit`; fails the test when an invariant is broken."""
        done = self.run("audit", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)


def assert_invariants(stage: Stage, samples: Iterable[Sample], *, repeats: int) -> None:
    """I1–I7 and I9 from outside: the store against what was handed in, the sink against the store."""
    samples = list(samples)
    stored = dict(stage.rows("SELECT i.message_id, r.bytes FROM inbound i JOIN raw r ON r.inbound_id = i.id"))
    assert stage.count("SELECT count(*) FROM inbound") == len(samples)
    for sample in samples:  # I1: once, and equal behind our trace field
        raw = bytes(stored[sample.message_id])
        assert raw.startswith(b"Received: ")
        assert digest(_untraced(raw)) == digest(sample.raw)
    acks = Counter(
        message_id
        for (message_id,) in stage.rows(
            "SELECT i.message_id FROM inbound i JOIN outbox o ON o.ticket_id = i.ticket_id AND o.kind = 'ack'"
        )
    )
    for sample in samples:  # I2
        assert acks[sample.message_id] == (1 if sample.eligible else 0), sample
    assert stage.count("SELECT count(*) FROM inbound WHERE ack_reason <> ''") == sum(not s.eligible for s in samples)
    assert stage.count("SELECT count(*) FROM outbox WHERE state <> 'accepted'") == 0  # I3, with a sink that takes all
    accepted = {row[0] for row in stage.rows("SELECT message_id FROM outbox WHERE state = 'accepted'")}
    seen = stage.sink.ids()
    assert set(seen) == accepted  # I4
    assert sum(seen.values()) - len(seen) <= repeats, f"{sum(seen.values()) - len(seen)} repeats"
    assert stage.rows("PRAGMA integrity_check") == [("ok",)]  # I6
    stage.audit()


def _untraced(raw: bytes) -> bytes:
    """The mail without the one field we put on top (it may be folded)."""
    lines = raw.split(b"\r\n")
    end = next(index for index, line in enumerate(lines[1:], 1) if not line[:1] in {b" ", b"\t"})
    return b"\r\n".join(lines[end:])


def digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
