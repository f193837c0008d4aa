"""The committer: the one way from the event loop into the database.

`accept` stores a mail (urgent), `run` runs a function in a write transaction, `read` one in a read
transaction. Results arrive only after the commit returned, so a receipt is a proof. Cancelling
the waiter never cancels the commit: a client that hangs up after the dot changes nothing. Every failure
of the database is `Unavailable` (a full disk `StorageFull`): 4xx at the door, and the retry is harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, exc

from daemon.core.envelope import Receipt
from daemon.errors import Unavailable
from daemon.store.engine import READ_ONLY, in_memory, is_sqlite
from daemon.store.faults import translate
from daemon.store.inbound import Arrival
from daemon.store.lane import Caller, Lane, Queues, WaitingJob, WaitingMail

_T = TypeVar("_T")
_READERS = 2
_POSTGRESQL_JOB_LANES = 2  # commits overlap there: mails never wait behind a job


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitterStats:
    """Counts since start; `largest` is the most mails that shared one commit."""

    commits: int
    failures: int
    mails: int
    jobs: int
    largest: int
    mails_waiting: int
    jobs_waiting: int

    @property
    def mails_per_commit(self) -> float:
        return self.mails / self.commits if self.commits else 0.0


class Committer:
    """One writer thread on SQLite, three on PostgreSQL. `start` first; `close` drains what was queued."""

    def __init__(self, engine: Engine, *, limit_bytes_waiting: int = 256_000_000) -> None:
        self._engine = engine
        self._limit = limit_bytes_waiting
        self._queues = Queues()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-read")
        if is_sqlite(engine):
            self._lanes = [Lane(engine, self._queues, name="store", mails=True, jobs=True)]
        else:
            self._lanes = [Lane(engine, self._queues, name="store-mail", mails=True, jobs=False)]
            self._lanes += [
                Lane(engine, self._queues, name=f"store-{number}", mails=False, jobs=True)
                for number in range(1, _POSTGRESQL_JOB_LANES + 1)
            ]

    def start(self) -> None:
        """Start the threads. They connect when the first work comes."""
        for lane in self._lanes:
            lane.start()

    async def accept(self, arrival: Arrival) -> Receipt:
        """Store one delivery; returns after its commit. Raises Unavailable or StorageFull: then promise nothing."""
        caller = _caller()
        queues = self._queues
        with queues.changed:
            if queues.closing:
                raise Unavailable("shutting down")
            if queues.bytes_waiting and queues.bytes_waiting + len(arrival.raw) > self._limit:
                raise Unavailable("too much mail waits for the disk")
            queues.bytes_waiting += len(arrival.raw)
            queues.mails.append(WaitingMail(arrival=arrival, caller=caller))
            queues.changed.notify_all()
        return cast("Receipt", await caller.future)

    async def run(self, fn: Callable[[Connection], _T], *, claims_only: bool = False) -> _T:
        """Run `fn` in a write transaction; returns its value after the commit.

        What `fn` raises reaches the caller and undoes only `fn`'s work. `fn` runs in another thread, may
        share its transaction with other jobs, and must not commit. `claims_only`: all it writes are leases, so
        its commit need not wait for the disk (a power cut ends leases anyway).
        """
        caller = _caller()
        queues = self._queues
        with queues.changed:
            if queues.closing:
                raise Unavailable("shutting down")
            queues.jobs.append(WaitingJob(run=fn, caller=caller, claims_only=claims_only))
            queues.changed.notify_all()
        return cast("_T", await caller.future)

    async def read(self, fn: Callable[[Connection], _T]) -> _T:
        """Run `fn` in a read transaction in a thread of its own; it sees all that was committed before."""
        if in_memory(self._engine):  # one connection in all: it belongs to the lane
            return await self.run(fn)
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, fn)

    async def close(self) -> None:
        """Refuse new work, finish what was queued, end the threads."""
        with self._queues.changed:
            self._queues.closing = True
            self._queues.changed.notify_all()
        for lane in self._lanes:
            if lane.is_alive():
                await asyncio.to_thread(lane.join)
        self._readers.shutdown(wait=False)

    @property
    def stats(self) -> CommitterStats:
        queues = self._queues
        with queues.changed:
            return CommitterStats(
                commits=queues.commits,
                failures=queues.failures,
                mails=queues.mails_done,
                jobs=queues.jobs_done,
                largest=queues.largest,
                mails_waiting=len(queues.mails),
                jobs_waiting=len(queues.jobs),
            )

    def _read(self, fn: Callable[[Connection], _T]) -> _T:
        try:
            with self._engine.connect().execution_options(**{READ_ONLY: True}) as connection, connection.begin() as tx:
                try:
                    return fn(connection)
                finally:
                    tx.rollback()
        except exc.SQLAlchemyError as error:
            raise translate(error) from None


def _caller() -> Caller:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    return Caller(future=future, loop=loop)
