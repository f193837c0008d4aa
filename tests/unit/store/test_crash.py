"""`kill -9` at every commit boundary of the door: a receipt that was given is a mail that is stored, once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from arrange import an_arrival
from builders import NOW
from sqlalchemy import Connection, select

from daemon import crash
from daemon.store.audit import audit
from daemon.store.committer import Committer
from daemon.store.engine import open_engine
from daemon.store.schema import INBOUND

# Prints one line per receipt; a line that was written is a 250 that was given.
_PROGRAM = """
import asyncio, os, sys
sys.path[:0] = {path!r}
from arrange import an_arrival
from daemon.store.committer import Committer
from daemon.store.engine import open_engine

async def main():
    committer = Committer(open_engine({url!r}))
    committer.start()
    async def one(number):
        receipt = await committer.accept(an_arrival(message_id=f"<{{number}}@x>"))
        os.write(1, f"<{{number}}@x> {{receipt.inbound_id}}\\n".encode())
    for start in range(0, 40, 4):
        await asyncio.gather(*(one(start + step) for step in range(4)))
    await committer.close()

asyncio.run(main())
"""


def send_until_killed(url: str, crash_at: str) -> set[str]:
    """Run the program until it dies; returns the Message-IDs that got a receipt."""
    here = Path(__file__).parent
    program = _PROGRAM.format(path=[str(here), str(here.parent.parent)], url=url)
    environment = {**os.environ, "FIRSTLINE_CRASH_AT": crash_at}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return {line.split()[0] for line in done.stdout.splitlines()}


def stored(tx: Connection) -> list[str]:
    return list(tx.execute(select(INBOUND.c.message_id)).scalars())


@pytest.mark.parametrize("point", ["before_begin", "in_txn", "before_commit", "after_commit"])
async def test_killed_at_a_commit_boundary(url: str, point: str) -> None:
    """Receipts ⊆ stored, the peer's retry makes none twice, and the audit is clean."""
    promised = send_until_killed(url, f"{point}:3")
    engine = open_engine(url)
    committer = Committer(engine)
    committer.start()
    kept = await committer.read(stored)

    mails = [f"<{number}@x>" for number in range(40)]
    await asyncio.gather(*(committer.accept(an_arrival(message_id=message_id)) for message_id in mails))

    assert promised
    assert promised <= set(kept)
    assert sorted(await committer.read(stored)) == sorted(mails)
    found = await committer.read(lambda tx: audit(tx, now=NOW))
    assert [finding for finding in found if finding.broken] == []
    await committer.close()
    engine.dispose()


@pytest.mark.parametrize(
    ("value", "armed"), [("", ("", 0)), ("x", ("x", 1)), ("x:3", ("x", 3)), ("x:", ("x", 1)), ("x:y", ("x", 1))]
)
def test_the_variable_is_read_kindly(value: str, armed: tuple[str, int]) -> None:
    """Nonsense in the environment never stops a daemon."""
    assert crash._armed(value) == armed


def test_a_point_that_is_not_armed_does_nothing() -> None:
    """The normal case."""
    crash.point("before_commit")
