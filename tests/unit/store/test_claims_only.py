"""Commits that are not flushed: only those of claims, and never one that shares its transaction with a promise."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from daemon.store.committer import Committer
from daemon.store.engine import open_engine
from daemon.store.migrate import migrate

NORMAL, FULL = 1, 2


def level(tx):
    return tx.execute(text("PRAGMA synchronous")).scalar_one()


@pytest.fixture
async def committer(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'claims.db'}")
    migrate(engine)
    made = Committer(engine)
    made.start()
    yield made
    await made.close()
    engine.dispose()


async def test_only_claims_are_written_without_a_flush(committer):
    """The level follows each transaction, and back."""
    found = [await committer.run(level, claims_only=only) for only in (False, True, False, True, True, False)]

    assert found == [FULL, NORMAL, FULL, NORMAL, NORMAL, FULL]


async def test_a_job_that_promises_never_joins_a_transaction_of_claims(committer):
    """Whatever gathers while the writer is busy: what is not a claim is flushed."""
    kinds = [index % 3 != 0 for index in range(30)]

    found = await asyncio.gather(*(committer.run(level, claims_only=only) for only in kinds))

    assert all(seen == FULL for seen, only in zip(found, kinds, strict=True) if not only)


async def test_the_first_job_of_a_transaction_is_undone_whole_when_it_fails(committer):
    """It has no savepoint of its own: the transaction goes, and the next job finds nothing of it."""

    def write(tx):
        tx.execute(text("INSERT INTO meta (key, value) VALUES ('a', 'b')"))
        raise LookupError("no")

    with pytest.raises(LookupError):
        await committer.run(write)

    assert await committer.run(lambda tx: tx.execute(text("SELECT count(*) FROM meta WHERE key = 'a'")).scalar()) == 0
