"""A lane: one thread, one transaction at a time, many callers per commit.

Group commit without a timer: whatever gathered during the last commit shares the next one.
Mails are the urgent part of a transaction and go first; other jobs follow, each in its own
SAVEPOINT, until a time budget is spent, so that a mail waits for little. A caller learns its
result only after COMMIT returned. A commit that fails, fails for everybody in it, with an exception
that makes the peer try again, and the lane goes on with a fresh connection.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any

from sqlalchemy import Connection, Engine, exc

from daemon import crash
from daemon.core.envelope import Receipt
from daemon.errors import FirstlineError, Unavailable
from daemon.store.engine import CLAIMS_ONLY, is_sqlite
from daemon.store.faults import first_line, is_disconnect, is_full, translate
from daemon.store.inbound import Arrival, accept_many
from daemon.store.prepared import execute

MAILS_PER_COMMIT = 64  # 64 or 256: no clear difference (measured)
BYTES_PER_COMMIT = 32_000_000
JOBS_PER_COMMIT = 64
_BUDGET_S = 0.050  # of work in one transaction …
_BUDGET_WITH_MAIL_WAITING_S = 0.004  # … and when a mail waits at the door: less than one settlement, so one goes along

# While mails come in one stream, jobs get a fifth of the writer's time: a burst is accepted first and settled after it,
# within the backlog's bound.
_REST = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who waits for a result, and in which event loop."""

    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingMail:
    """A mail at the door."""

    arrival: Arrival
    caller: Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingJob:
    """A function to be run in a transaction. `claims_only`: what it writes are leases, and need not be flushed."""

    run: Callable[[Connection], Any]
    caller: Caller
    claims_only: bool = False


@dataclass(slots=True)
class Queues:
    """What waits, shared by all lanes of one committer; every field is guarded by `changed`."""

    changed: Condition = field(default_factory=Condition)
    mails: deque[WaitingMail] = field(default_factory=deque)
    jobs: deque[WaitingJob] = field(default_factory=deque)
    bytes_waiting: int = 0
    closing: bool = False
    commits: int = 0
    failures: int = 0
    mails_done: int = 0
    jobs_done: int = 0
    largest: int = 0


Result = tuple[Caller, Any, BaseException | None]  # exactly one of value and error counts


class _Spoiled(Exception):
    """One of the mails cannot be stored with the others."""


class _Undone(Exception):
    """The first job failed: its transaction goes, nobody else was in it."""

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


class Lane(Thread):
    """Takes from the queues, commits, delivers. `mails` and `jobs` say what this lane serves."""

    def __init__(self, engine: Engine, queues: Queues, *, name: str, mails: bool, jobs: bool) -> None:
        super().__init__(name=name, daemon=True)
        self._engine = engine
        self._queues = queues
        self._mails = mails
        self._jobs = jobs
        self._kept: Connection | None = None
        self._jobs_rest_until = 0.0

    def run(self) -> None:
        while self._wait():
            mails = self._take_mails()
            job = self._take_job(beside_mails=bool(mails))
            if mails or job is not None:  # else another lane was quicker
                self._commit_once(mails, job)
        self._leave()

    def _wait(self) -> bool:
        """True when there is work; False when closing and drained."""
        queues = self._queues
        with queues.changed:
            while True:
                if (self._mails and queues.mails) or (self._jobs and queues.jobs):
                    return True
                if queues.closing:
                    return False
                queues.changed.wait()

    def _take_mails(self) -> list[WaitingMail]:
        taken: list[WaitingMail] = []
        queues = self._queues
        with queues.changed:
            size = 0
            while self._mails and queues.mails and len(taken) < MAILS_PER_COMMIT:
                size += len(queues.mails[0].arrival.raw)
                if taken and size > BYTES_PER_COMMIT:
                    break
                taken.append(queues.mails.popleft())
                queues.bytes_waiting -= len(taken[-1].arrival.raw)
        return taken

    def _take_job(self, *, beside_mails: bool) -> WaitingJob | None:
        """The first job of a transaction; a stream of mails leaves the jobs their share, it never starves them."""
        queues = self._queues
        if beside_mails and time.monotonic() < self._jobs_rest_until:
            return None
        with queues.changed:
            return queues.jobs.popleft() if self._jobs and queues.jobs else None

    def _take_another(self, done: int, elapsed: float, *, claims_only: bool) -> WaitingJob | None:
        """One more job for the same transaction, while the budget lasts and the kind is the same."""
        queues = self._queues
        with queues.changed:
            if not queues.jobs or queues.jobs[0].claims_only < claims_only:
                return None
            limit = _BUDGET_WITH_MAIL_WAITING_S if self._mails and queues.mails else _BUDGET_S
            if done >= JOBS_PER_COMMIT or elapsed > limit:
                return None
            return queues.jobs.popleft()

    def _commit_once(self, mails: list[WaitingMail], job: WaitingJob | None) -> None:
        """One transaction. Never raises: its trouble is handed to those who wait."""
        results: list[Result] = []
        callers = [waiting.caller for waiting in (*mails, job) if waiting is not None]
        try:
            try:
                self._transaction(mails, job, callers, results, accept=_accept)
            except _Spoiled:
                self._transaction(mails, job, callers, results, accept=_accept_apart)
        except _Undone as undone:
            results = [undone.result]
        except BaseException as error:  # noqa: BLE001 - the lane is a loop edge; every caller of this commit is told
            results = [(caller, None, _told(error)) for caller in callers]
            self._count(failed=True)
        else:
            self._count(mails=len(mails), jobs=len(results) - len(mails))
        _deliver(results)

    def _transaction(
        self,
        mails: list[WaitingMail],
        job: WaitingJob | None,
        callers: list[Caller],
        results: list[Result],
        *,
        accept: Callable[[Connection, list[WaitingMail]], list[Result]],
    ) -> None:
        if mails:
            crash.point("before_begin")
        claims_only = not mails and job is not None and job.claims_only
        with self._connection() as tx, tx.execution_options(**{CLAIMS_ONLY: claims_only}).begin():
            started = time.monotonic()
            if mails:
                results += accept(tx, mails)
                crash.point("in_txn")
            done = 0
            begun = time.monotonic()
            while job is not None:
                results.append(_run(tx, job) if mails or done else _run_first(tx, job))
                done += 1
                job = self._take_another(done, time.monotonic() - started, claims_only=claims_only)
                if job is not None:
                    callers.append(job.caller)  # before it runs: whatever happens now, its caller is told
            if mails and done:
                ended = time.monotonic()
                self._jobs_rest_until = ended + _REST * (ended - begun)
            if mails:
                crash.point("before_commit")
        if mails:
            crash.point("after_commit")

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """SQLite: one kept for good, until something goes wrong on it (the pool's share of a mail was 5 %).

        PostgreSQL: from the pool each time, because that asks first whether an idle connection is still alive.
        """
        if not is_sqlite(self._engine):
            with self._engine.connect() as fresh:
                yield fresh
            return
        if self._kept is None:
            self._kept = self._engine.connect()
        try:
            yield self._kept
        except (_Undone, _Spoiled):
            raise
        except BaseException:
            self._leave()
            raise

    def _leave(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def _count(self, *, mails: int = 0, jobs: int = 0, failed: bool = False) -> None:
        queues = self._queues
        with queues.changed:
            if failed:
                queues.failures += 1
                return
            queues.commits += 1
            queues.mails_done += mails
            queues.jobs_done += jobs
            queues.largest = max(queues.largest, mails)


def _told(error: BaseException) -> BaseException:
    """What each caller of a failed commit gets: an exception of its own, because raising one changes it."""
    if not isinstance(error, exc.SQLAlchemyError | FirstlineError | OSError):
        return error
    trouble = translate(error)
    return type(trouble)(str(trouble))


def _accept(tx: Connection, mails: list[WaitingMail]) -> list[Result]:
    """All mails by multi-row inserts, first in their transaction: when that fails it is undone and done again apart."""
    try:
        receipts = accept_many(tx, [mail.arrival for mail in mails])
    except Exception as error:
        if is_disconnect(error) or is_full(error):
            raise
        raise _Spoiled from error
    return [(mail.caller, receipt, None) for mail, receipt in zip(mails, receipts, strict=True)]


def _accept_apart(tx: Connection, mails: list[WaitingMail]) -> list[Result]:
    """One by one, each in its SAVEPOINT, so that one bad mail harms no other."""
    return [_accept_one(tx, mail) for mail in mails]


def _accept_one(tx: Connection, mail: WaitingMail) -> Result:
    def store(inner: Connection) -> Receipt:
        return accept_many(inner, [mail.arrival])[0]

    caller, receipt, error = _run(tx, WaitingJob(run=store, caller=mail.caller))
    if error is None:
        return caller, receipt, None
    # A mail that cannot be stored is our trouble, whatever its kind: 451, and the peer keeps it.
    return caller, None, error if isinstance(error, Unavailable) else Unavailable(first_line(error))


def _run_first(tx: Connection, job: WaitingJob) -> Result:
    """A job with nothing before it: the transaction itself is its savepoint (two statements less, 5 % of a mail)."""
    try:
        return job.caller, job.run(tx), None
    except exc.DBAPIError as error:
        if is_disconnect(error) or is_full(error):
            raise
        raise _Undone((job.caller, None, translate(error))) from error
    except Exception as error:  # handed to the caller as it is
        raise _Undone((job.caller, None, error)) from error


def _run(tx: Connection, job: WaitingJob) -> Result:
    """One job in its SAVEPOINT. Raises only when the transaction itself is lost."""
    savepoint = _Savepoint(tx) if is_sqlite(tx) else tx.begin_nested()
    try:
        value = job.run(tx)
    except BaseException as error:  # handed to the caller as it is
        if isinstance(error, exc.DBAPIError) and (is_disconnect(error) or is_full(error)):
            raise
        try:
            savepoint.rollback()
        except exc.DBAPIError:  # SQLite rolled all of it back by itself (I/O error): nobody may be told "stored"
            raise error from None
        trouble = translate(error) if isinstance(error, exc.DBAPIError) else error
        return job.caller, None, trouble
    savepoint.commit()
    return job.caller, value, None


class _Savepoint:
    """SQLite's, without SQLAlchemy's bookkeeping of nested transactions: 0.02 instead of 0.2 ms a settlement."""

    def __init__(self, tx: Connection) -> None:
        self._tx = tx
        execute(tx, "SAVEPOINT job", ())

    def commit(self) -> None:
        execute(self._tx, "RELEASE job", ())

    def rollback(self) -> None:
        execute(self._tx, "ROLLBACK TO job", ())
        execute(self._tx, "RELEASE job", ())


def _deliver(results: list[Result]) -> None:
    """Hand the results to their event loops, one wake-up per loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Result]] = {}
    for result in results:
        by_loop.setdefault(result[0].loop, []).append(result)
    for loop, group in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, group)
        except RuntimeError:
            continue  # that loop is closed: nobody waits any more, and the commit stands


def _resolve(group: list[Result]) -> None:
    for caller, value, error in group:
        if caller.future.done():
            continue  # the waiter was cancelled; the work was not
        if error is None:
            caller.future.set_result(value)
        else:
            caller.future.set_exception(error)
