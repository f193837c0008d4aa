"""The committer: results only after the commit, one commit for many, nobody harmed by another's trouble."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from arrange import an_arrival
from sqlalchemy import Connection, Engine, insert, select, text

from daemon.core.envelope import Acceptance
from daemon.errors import FirstlineError, StorageFull, Unavailable
from daemon.store import engine as engines
from daemon.store import inbound, memory
from daemon.store.committer import Committer
from daemon.store.engine import is_sqlite, open_engine
from daemon.store.faults import Rejected
from daemon.store.inbound import Arrival
from daemon.store.migrate import migrate
from daemon.store.schema import INBOUND, META
from tests import postgres


@pytest.fixture
async def committer(engine: Engine) -> AsyncIterator[Committer]:
    made = Committer(engine)
    made.start()
    yield made
    await made.close()


def count(tx: Connection) -> int:
    return len(tx.execute(select(INBOUND.c.id)).all())


def put(name: str):  # type: ignore[no-untyped-def]
    return lambda tx: memory.put(tx, name, "x")


async def test_a_receipt_means_committed(committer: Committer, engine: Engine) -> None:
    """Whoever holds a receipt finds the mail from another connection."""
    receipt = await committer.accept(an_arrival())

    with engine.execution_options(**{engines.READ_ONLY: True}).connect() as other:
        assert inbound.raw_of(other, receipt.inbound_id) == an_arrival().raw


async def test_waiting_mails_share_a_commit(committer: Committer) -> None:
    """Whatever gathered during the last commit shares the next one: far fewer commits than mails."""
    mails = [committer.accept(an_arrival(message_id=f"<{number}@x>")) for number in range(200)]

    receipts = await asyncio.gather(*mails)

    assert len({receipt.inbound_id for receipt in receipts}) == 200
    stats = committer.stats
    assert stats.mails == 200
    assert stats.commits <= 20
    assert stats.largest > 10


async def test_copies_that_arrive_together_are_one_mail(committer: Committer) -> None:
    """Ten sessions, the same mail: one is new, nine are duplicates."""
    receipts = await asyncio.gather(*(committer.accept(an_arrival()) for _ in range(10)))

    assert sorted(str(receipt.acceptance) for receipt in receipts) == ["duplicate"] * 9 + ["new"]


async def test_two_nodes_with_the_same_mail(committer: Committer, engine: Engine) -> None:
    """The loser of the race learns that it holds a duplicate."""
    other = Committer(engine)
    other.start()
    pairs = [
        (committer.accept(an_arrival(message_id=f"<{n}@x>")), other.accept(an_arrival(message_id=f"<{n}@x>")))
        for n in range(100)
    ]

    receipts = await asyncio.gather(*(mail for pair in pairs for mail in pair))

    assert sum(receipt.acceptance is Acceptance.NEW for receipt in receipts) == 100
    assert await committer.read(count) == 100
    await other.close()


@pytest.mark.parametrize("digest", [None, "\ud800", 7j], ids=["null", "surrogate", "no-sql-type"])
async def test_a_bad_mail_harms_no_other(committer: Committer, digest: object) -> None:
    """The batch fails, the others are stored one by one; the bad one gets 451, never a crash."""
    bad = Arrival(envelope=an_arrival().envelope, raw=b"x", message_id="<bad@x>", digest=digest)  # type: ignore[arg-type]
    good = [committer.accept(an_arrival(message_id=f"<{number}@x>")) for number in range(5)]

    results = await asyncio.gather(*good, committer.accept(bad), return_exceptions=True)

    assert [type(result).__name__ for result in results] == ["Receipt"] * 5 + ["Unavailable"]
    assert await committer.read(count) == 5


async def test_a_cancelled_waiter_does_not_cancel_the_commit(committer: Committer) -> None:
    """A client that hangs up after the dot changes nothing: RFC 5321 6.1, the mail is ours."""
    blocked = threading.Event()
    first = asyncio.ensure_future(committer.run(lambda tx: blocked.wait(5)))
    await asyncio.sleep(0.05)
    waiting = asyncio.ensure_future(committer.accept(an_arrival()))
    await asyncio.sleep(0)

    waiting.cancel()
    blocked.set()
    await first
    await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(10):
        while await committer.read(count) == 0:  # noqa: ASYNC110 - nothing tells us: its waiter is gone
            await asyncio.sleep(0.01)

    assert waiting.cancelled()


async def test_a_jobs_trouble_is_its_own(committer: Committer) -> None:
    """Its work is undone, its exception arrives as it is, its neighbours are committed."""

    def half(tx: Connection) -> None:
        tx.execute(insert(META), {"key": "half", "value": "x"})
        raise KeyError("of the job")

    jobs = [committer.run(put("a")), committer.run(half), committer.run(put("b"))]
    results = await asyncio.gather(*jobs, return_exceptions=True)

    assert isinstance(results[1], KeyError)
    names = await committer.read(lambda tx: set(tx.execute(select(META.c.key)).scalars()))
    assert names == {"a", "b"}


async def test_a_statement_that_fails_harms_no_other(committer: Committer) -> None:
    """PostgreSQL aborts a transaction at the first error: the savepoint saves the rest."""
    jobs = [
        committer.run(put("a")),
        committer.run(lambda tx: tx.execute(text("SELECT * FROM nowhere"))),
        committer.run(put("b")),
    ]

    results = await asyncio.gather(*jobs, return_exceptions=True)

    assert [isinstance(result, FirstlineError) for result in results] == [False, True, False]
    assert await committer.read(lambda tx: memory.get(tx, "b")) == "x"


async def test_a_refused_value_is_no_outage(committer: Committer) -> None:
    """A defect must not look like a lost server: its mail would be tried for ever without being counted."""
    await committer.run(put("a"))

    with pytest.raises(Rejected):
        await committer.run(lambda tx: tx.execute(insert(META), {"key": "a", "value": "again"}))


async def test_reads_do_not_wait_for_the_writer(committer: Committer) -> None:
    """A status page works while a transaction is open."""
    blocked = threading.Event()
    writing = asyncio.ensure_future(committer.run(lambda tx: (memory.put(tx, "a", "x"), blocked.wait(5))))
    await asyncio.sleep(0.05)

    seen = await asyncio.wait_for(committer.read(lambda tx: memory.get(tx, "a")), 2)
    blocked.set()
    await writing

    assert seen == ""


async def test_a_read_changes_nothing(committer: Committer) -> None:
    """Whatever is written there is rolled back."""
    await committer.read(put("a"))

    assert await committer.read(lambda tx: memory.get(tx, "a")) == ""


async def test_mails_do_not_wait_for_all_jobs(committer: Committer) -> None:
    """A mail at the door ends a long row of jobs after a short while."""
    jobs = [
        asyncio.ensure_future(committer.run(lambda tx: time.monotonic() and threading.Event().wait(0.02)))
        for _ in range(30)
    ]
    await asyncio.sleep(0.05)

    started = time.monotonic()
    await committer.accept(an_arrival())
    waited = time.monotonic() - started

    assert waited < 0.3  # all jobs together take 0.6 s
    await asyncio.gather(*jobs)


async def test_close_finishes_what_was_queued(engine: Engine) -> None:
    """A drain loses nothing, and refuses what comes later."""
    committer = Committer(engine)
    committer.start()
    queued = [asyncio.ensure_future(committer.accept(an_arrival(message_id=f"<{n}@x>"))) for n in range(50)]
    await asyncio.sleep(0)

    await committer.close()

    receipts = await asyncio.gather(*queued)
    assert len(receipts) == 50
    with pytest.raises(Unavailable, match="shutting down"):
        await committer.accept(an_arrival())
    with pytest.raises(Unavailable, match="shutting down"):
        await committer.run(count)


async def test_too_much_waiting_mail_is_refused(engine: Engine) -> None:
    """Memory is bounded: 451 instead of a swapped-out daemon. One mail always fits."""
    committer = Committer(engine, limit_bytes_waiting=10)
    first = asyncio.ensure_future(committer.accept(an_arrival()))
    await asyncio.sleep(0)

    with pytest.raises(Unavailable, match="waits"):
        await committer.accept(an_arrival(message_id="<2@x>"))
    committer.start()

    assert (await first).acceptance is Acceptance.NEW
    await committer.close()


async def test_a_commit_that_fails_fails_everybody(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told "stored"; the lane goes on and the retry works."""
    committer = Committer(engine)
    broken = threading.Event()

    def commit(connection: object) -> None:
        if broken.is_set():
            broken.clear()
            raise sqlite3.OperationalError("disk I/O error")
        connection.commit()  # type: ignore[attr-defined]

    monkeypatch.setattr(engine.dialect, "do_commit", commit)
    broken.set()
    mails = [asyncio.ensure_future(committer.accept(an_arrival(message_id=f"<{n}@x>"))) for n in range(3)]
    await asyncio.sleep(0)
    committer.start()

    results = await asyncio.gather(*mails, return_exceptions=True)

    assert all(isinstance(result, Exception) for result in results)
    assert (await committer.accept(an_arrival(message_id="<0@x>"))).acceptance is Acceptance.NEW
    assert await committer.read(count) == 1
    assert committer.stats.failures == 1
    await committer.close()


async def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """StorageFull, so that the door says 452; with room again it resumes by itself."""
    engine = open_engine(f"sqlite:///{tmp_path}/full.db")
    migrate(engine)
    with engine.begin() as tx:
        pages = tx.exec_driver_sql("PRAGMA page_count").scalar_one()
    from sqlalchemy import event

    limit = [pages + 20]
    event.listen(engine, "begin", lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {limit[0]}"))
    committer = Committer(engine)
    committer.start()

    big = an_arrival(message_id="<big@x>", text="x" * 1_000_000)
    with pytest.raises(StorageFull):
        await committer.accept(big)
    small = await committer.accept(an_arrival())
    limit[0] = 1_000_000
    assert (await committer.accept(big)).acceptance is Acceptance.NEW

    assert small.acceptance is Acceptance.NEW
    await committer.close()
    engine.dispose()


async def test_a_locked_database_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program holds the lock: 451, and the next try works."""
    monkeypatch.setattr(engines, "_BUSY_S", 0.05)
    engine = open_engine(f"sqlite:///{tmp_path}/x.db")
    migrate(engine)
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    committer = Committer(engine)
    committer.start()

    with pytest.raises(Unavailable, match="locked"):
        await committer.accept(an_arrival())
    other.execute("ROLLBACK")
    other.close()

    assert (await committer.accept(an_arrival())).acceptance is Acceptance.NEW
    await committer.close()
    engine.dispose()


async def test_a_database_in_memory_works(tmp_path: Path) -> None:
    """The dry run's store: reads and writes on its one connection."""
    engine = open_engine("sqlite://")
    migrate(engine)
    committer = Committer(engine)
    committer.start()

    await committer.accept(an_arrival())
    with pytest.raises(KeyError):
        await committer.run(lambda tx: {}["x"])

    assert await committer.read(count) == 1
    await committer.close()
    engine.dispose()


@pytest.mark.peer
async def test_a_server_that_dies_and_comes_back() -> None:
    """While it is down: Unavailable, quickly. Afterwards it works by itself, and the retry is no second mail."""
    with postgres.cluster() as cluster:  # its own: a test that stops the shared one would harm the others
        engine = open_engine(cluster.url())
        migrate(engine)
        committer = Committer(engine)
        committer.start()
        await committer.accept(an_arrival())
        await committer.run(put("a"))

        await asyncio.to_thread(cluster.stop)
        results = await asyncio.gather(
            committer.accept(an_arrival(message_id="<2@x>")),
            committer.run(put("b")),
            committer.read(count),
            return_exceptions=True,
        )
        await asyncio.to_thread(cluster.start)

        assert [type(result) for result in results] == [Unavailable] * 3
        assert (await committer.accept(an_arrival(message_id="<2@x>"))).acceptance is Acceptance.NEW
        await committer.run(put("b"))
        assert await committer.read(count) == 2
        await committer.close()
        engine.dispose()


async def test_decisions_are_serial(committer: Committer, engine: Engine) -> None:
    """Under `exclusive` a read-then-write of two nodes loses nothing, on PostgreSQL too."""
    other = Committer(engine)
    other.start()
    await committer.run(lambda tx: memory.put(tx, "n", "0"))

    def one_more(tx: Connection) -> None:
        engines.exclusive(tx)
        memory.put(tx, "n", str(int(memory.get(tx, "n")) + 1))

    await asyncio.gather(*(each.run(one_more) for each in (committer, other) for _ in range(25)))

    assert await committer.read(lambda tx: memory.get(tx, "n")) == "50"
    assert is_sqlite(engine) or len(committer._lanes) == 3
    await other.close()
