"""Outages that end by themselves: each is answered with 4xx, loses nothing, doubles nothing, needs no operator."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.conftest import missing_peer, need_root
from tests.e2e.conftest import MakeStage
from tests.e2e.corpus import Sample, mixed
from tests.e2e.invariants import assert_invariants
from tests.e2e.stage import UNREADY, Stage, wait_for
from tests.faults.cut import Wire
from tests.postgres import Cluster, cluster

pytestmark = pytest.mark.timeout(300)


def answer(stage: Stage, sample: Sample) -> int:
    """The SMTP code that ends one try of this mail."""
    with smtplib.SMTP("127.0.0.1", stage.smtp_port, timeout=60) as client:
        try:
            client.sendmail(sample.sender, list(sample.to), sample.raw)
        except smtplib.SMTPRecipientsRefused as refused:
            return next(iter(refused.recipients.values()))[0]
        except smtplib.SMTPResponseException as refused:
            return refused.smtp_code
    return 250


# -- the disk --------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little room."""
    need_root()
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        missing_peer(f"this machine allows no mounts: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


@pytest.mark.peer
def test_a_full_disk_is_temporary_and_ends_by_itself(make_stage: MakeStage, small_disk: Path):
    """Every mail gets 4xx while there is no room, nothing of ours dies, and afterwards all are stored and answered."""
    stage = make_stage()
    stage.state = small_disk
    stage.database = small_disk / "firstline.db"
    stage.configure(stage.extra + "\n[intake]\nreserve_mb = 0\n")
    first, held = mixed(6), mixed(6, start=100)
    stage.start()
    stage.send(first)
    stage.settle()

    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    codes = {answer(stage, sample) for sample in held}
    assert stage.alive
    filler.unlink()
    stage.send(held)
    stage.settle()

    assert codes <= {451, 452}, codes
    assert_invariants(stage, [*first, *held])
    assert stage.stop() == 0, stage.tail()


@pytest.mark.peer
def test_a_disk_below_its_reserve_is_refused_before_it_is_full(make_stage: MakeStage, small_disk: Path):
    """`reserve_mb` is kept for the mails that were taken: new ones get 452 while there is room for those."""
    stage = make_stage()
    stage.state = small_disk
    stage.database = small_disk / "firstline.db"
    stage.configure(stage.extra + "\n[intake]\nreserve_mb = 100\n")
    stage.start()

    wait_for(lambda: answer(stage, mixed(1)[0]) == 452, stage.tail)

    assert stage.stop() == 0, stage.tail()


# -- the database ----------------------------------------------------------------------------------------------------


def test_a_database_that_somebody_else_holds_is_waited_for(make_stage: MakeStage):
    """A foreign lock of many seconds: 4xx or a late 250, then everything once."""
    stage = make_stage()
    first, held = mixed(4), mixed(8, start=50)
    stage.start()
    stage.send(first)

    with closing(sqlite3.connect(stage.database, timeout=30, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        sender = threading.Thread(target=stage.send, args=(held,))
        sender.start()
        time.sleep(7)
        other.execute("ROLLBACK")
    sender.join()
    stage.settle()

    assert_invariants(stage, [*first, *held])


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@pytest.mark.peer
def test_a_server_that_crashes_under_load_comes_back(make_stage: MakeStage, server: Cluster):
    """`pg_ctl -m immediate` while mails come in and answers go out, twice; the daemon lives on and nothing is lost."""
    with server.database() as url:
        stage = make_stage(database_url=url)
        samples = mixed(40)
        stage.start()
        sender = threading.Thread(target=stage.send, args=(samples,))
        sender.start()
        for pause_s in (0.4, 0.8):
            time.sleep(pause_s)
            server.stop()
            time.sleep(1)
            server.start()
        sender.join()
        stage.settle()

        assert stage.alive
        assert_invariants(stage, samples)
        assert stage.stop() == 0, stage.tail()


@pytest.mark.peer
def test_a_commit_of_unknown_outcome_doubles_nothing(make_stage: MakeStage, server: Cluster):
    """The wire breaks after COMMIT was sent: no 250 for it, the mail comes again, and is there once."""
    wire = Wire(target=server.directory / ".s.PGSQL.5432")
    try:
        with server.database() as url:
            name = make_url(url).database
            stage = make_stage(database_url=f"postgresql+psycopg://firstline@127.0.0.1:{wire.port}/{name}")
            samples = mixed(30)
            stage.start()
            wire.cut(6)
            stage.send(samples)
            wire.cut(4)
            more = mixed(10, start=500)
            stage.send(more)
            stage.settle()

            assert wire.cuts == 10
            assert stage.alive
            assert_invariants(stage, [*samples, *more])
    finally:
        wire.close()


# -- the process -----------------------------------------------------------------------------------------------------


def test_signals_under_load_lose_nothing(make_stage: MakeStage):
    """SIGHUP again and again, then SIGTERM and a new start, while mails come in."""
    stage = make_stage()
    samples = mixed(60)
    stage.start()
    sender = threading.Thread(target=stage.send, args=(samples,))
    sender.start()
    for _ in range(5):
        time.sleep(0.2)
        stage.process.send_signal(signal.SIGHUP)
    wait_for(lambda: stage.count("SELECT count(*) FROM inbound") > 5, stage.tail)
    sender.join()
    stage.settle()
    assert stage.stop() == 0, stage.tail()
    more = mixed(5, start=700)
    stage.start()
    stage.send(more)
    stage.settle()

    assert_invariants(stage, [*samples, *more])


def test_workers_that_are_killed_cost_no_mail(make_stage: MakeStage):
    """Somebody (the kernel, short of memory) kills reader processes: each mail is still read and answered."""
    stage = make_stage()
    samples = mixed(40)
    stage.start()
    sender = threading.Thread(target=stage.send, args=(samples,))
    sender.start()
    for settled in range(5, 30, 6):
        # Never twice the same mail: whoever kills two readers in a row is in the end put before a person.
        wait_for(lambda n=settled: ended(stage) >= n, stage.tail)
        for child in children(stage.process.pid):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
    sender.join()
    stage.settle()

    assert stage.alive
    assert_invariants(stage, samples)


def ended(stage: Stage) -> int:
    with suppress(*UNREADY):
        return stage.count("SELECT count(*) FROM inbound WHERE settled_at IS NOT NULL")
    return 0


def children(pid: int) -> list[int]:
    """The reader processes of the daemon, not the helper of Python that counts shared resources."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            with suppress(OSError):
                if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
    return found


@pytest.mark.parametrize("sockets", [200, pytest.param(1_000, marks=pytest.mark.soak)])
def test_a_flood_of_silent_sockets_leaves_the_door_open(make_stage: MakeStage, sockets: int):
    """Connections that say nothing, from one peer: another peer is served, and memory stays bounded."""
    stage = make_stage()
    few = stage.config.read_text().replace("max_sessions_per_peer = 100", "max_sessions_per_peer = 20")
    stage.config.write_text(few)
    stage.start()
    with ExitStack() as held:
        for _ in range(sockets):
            held.enter_context(socket.create_connection(("127.0.0.1", stage.smtp_port), 10))
        sample = mixed(1)[0]
        with smtplib.SMTP("127.0.0.1", stage.smtp_port, timeout=20, source_address=("127.0.0.2", 0)) as client:
            client.sendmail(sample.sender, list(sample.to), sample.raw)
    stage.settle()

    assert_invariants(stage, [sample])
    assert stage.stop() == 0
