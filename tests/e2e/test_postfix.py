"""A real Postfix in front and a real smtp-sink behind: the main job as a site runs it, and a database that is away."""

from __future__ import annotations

import re
import smtplib
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeStage
from tests.e2e.corpus import Sample, full_mix, mixed
from tests.e2e.invariants import assert_invariants
from tests.e2e.sink import DumpSink
from tests.e2e.stage import Stage, wait_for
from tests.peers.conftest import Postfix, StartPostfix, StartSink, start_postfix, start_sink  # noqa: F401
from tests.postgres import cluster

pytestmark = pytest.mark.peer
_OURS = "virtual_mailbox_domains = desk.example\nlmtp_data_done_timeout = 60s"
_TO = re.compile(r"to=<([^>]+)>.* status=(\w+)")


def submit(postfix: Postfix, samples: Sequence[Sample], *, threads: int = 4) -> None:
    """Hand the mails to Postfix over a few connections, in order on each."""

    def session(share: Sequence[Sample]) -> None:
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60) as client:
            for sample in share:
                client.sendmail(sample.sender, list(sample.to), sample.raw)

    with ThreadPoolExecutor(threads) as workers:
        for done in [workers.submit(session, samples[number::threads]) for number in range(threads)]:
            done.result()


def statuses(postfix: Postfix) -> Counter[tuple[str, str]]:
    """(recipient, status) of every delivery attempt that Postfix logged."""
    return Counter(_TO.findall(postfix.log()))


def wanted(samples: Sequence[Sample]) -> Counter[tuple[str, str]]:
    return Counter((recipient, "sent") for sample in samples for recipient in sample.to)


def delivered(postfix: Postfix) -> bool:
    return "Mail queue is empty" in postfix.queue()


@pytest.mark.timeout(400)
def test_500_mixed_mails_through_postfix_and_smtp_sink(
    make_stage: MakeStage,
    start_postfix: StartPostfix,  # noqa: F811
    start_sink: StartSink,  # noqa: F811
):
    """Each is stored once and each eligible one acknowledged once; Postfix logs one `sent` per recipient, no more."""
    real = start_sink()
    stage = make_stage(sink=DumpSink(real.port, real.directory))
    stage.start()
    postfix = start_postfix(lmtp=f"inet:127.0.0.1:{stage.lmtp_port}", sink_port=real.port, extra=_OURS)
    first, later = full_mix(500)

    submit(postfix, first)
    wait_for(lambda: delivered(postfix), postfix.queue)
    stage.settle()
    submit(postfix, later)
    wait_for(lambda: delivered(postfix), postfix.queue)
    stage.settle()

    assert len(first) + len(later) == 500
    assert statuses(postfix) == wanted([*first, *later])
    assert_invariants(stage, [*first, *later])
    again = stage.count("SELECT count(*) FROM delivery WHERE acceptance = 'duplicate'")
    assert again == sum(sample.again for sample in first)


@contextmanager
def write_lock(database: Path) -> Iterator[None]:
    """Somebody else writes to the database file and does not end."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=30)) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        yield
        intruder.execute("ROLLBACK")


def deferred(postfix: Postfix, code: str) -> bool:
    return f"said: {code}" in postfix.log()


@pytest.mark.timeout(240)
def test_a_locked_database_is_451_and_a_full_disk_452_and_all_comes_later(
    make_stage: MakeStage,
    start_postfix: StartPostfix,  # noqa: F811
):
    """Postfix hears 451 while the file is locked, 45x while no file may grow, keeps the mail, and brings it again."""
    stage = make_stage()
    stage.start()
    postfix = start_postfix(lmtp=f"inet:127.0.0.1:{stage.lmtp_port}", sink_port=stage.sink.port, extra=_OURS)
    locked, full = mixed(8), mixed(8, start=100)

    with write_lock(stage.database):
        submit(postfix, locked)
        wait_for(lambda: deferred(postfix, "451 4.3.0"), postfix.log)
        assert stage.count("SELECT count(*) FROM inbound") == 0
    wait_for(lambda: delivered(postfix), postfix.log)
    stage.settle()

    stage.limit_files(1)
    submit(postfix, full)
    wait_for(lambda: deferred(postfix, "452 4.3.1") or postfix.log().count("said: 451 4.3.0") > 8, postfix.log)
    assert stage.count("SELECT count(*) FROM inbound") == len(locked)
    stage.limit_files(-1)
    wait_for(lambda: delivered(postfix), postfix.log)
    stage.settle()

    assert_sent_once(postfix, [*locked, *full])
    assert_invariants(stage, [*locked, *full])


def assert_sent_once(postfix: Postfix, samples: Sequence[Sample]) -> None:
    seen = statuses(postfix)
    for recipient, amount in wanted(samples).items():
        assert seen[recipient] == amount
    assert {status for _, status in seen} == {"sent", "deferred"}


@pytest.mark.timeout(240)
def test_a_stopped_postgresql_is_451_and_all_comes_later(
    make_stage: MakeStage,
    start_postfix: StartPostfix,  # noqa: F811
):
    """The server is stopped under a running daemon: Postfix hears 451, and after its start delivers everything once."""
    with cluster() as server, server.database() as url:
        stage: Stage = make_stage(database_url=url)
        stage.start()
        postfix = start_postfix(lmtp=f"inet:127.0.0.1:{stage.lmtp_port}", sink_port=stage.sink.port, extra=_OURS)
        before, during = mixed(10), mixed(10, start=50)

        submit(postfix, before)
        wait_for(lambda: delivered(postfix), postfix.log)
        server.stop("fast")
        submit(postfix, during)
        wait_for(lambda: postfix.log().count("said: 451 4.3.0") >= len(during), postfix.log)
        server.start()
        wait_for(lambda: delivered(postfix), postfix.log)
        stage.settle()

        assert_sent_once(postfix, [*before, *during])
        assert_invariants(stage, [*before, *during])
        assert stage.stop() == 0, stage.tail()
