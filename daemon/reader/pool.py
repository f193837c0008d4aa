"""The pool of worker processes: raw mail in, Readings out, whatever the mail does to a worker.

A batch that kills its worker is tried again one mail at a time in a fresh one; a mail that kills
a worker alone is read by its headers only; if even that kills, it is a Reading that says so,
and a person looks at the original. So one poison mail costs its neighbours a retry, never
their answer. Blocking pipe calls run in one thread per worker: the event loop never waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from pydantic import ValidationError

from daemon.authentication.findings import Authentication, Findings
from daemon.core.envelope import Envelope
from daemon.core.limits import Limits
from daemon.core.message import Message
from daemon.core.policy import Policy
from daemon.core.reading import Readability, Reading
from daemon.errors import Unavailable
from daemon.reader.worker import READINGS, TASKS, Bounds, Task, main

if TYPE_CHECKING:  # it needs the extra `authentication`
    from daemon.authentication.gather import Authenticator

log = structlog.get_logger(__name__)

_START_TIMEOUT_S = 60.0
_WALL_FACTOR = 4  # a busy machine gives a worker a quarter of a core: CPU time is the bound, wall time the net
_DEAD = (EOFError, BrokenPipeError, ConnectionResetError, OSError, ValidationError)


class WorkerDied(Exception):
    """The worker ended, or was ended, before it answered."""


class _Worker:
    """One process with its pipe; all methods block and belong to its own thread."""

    def __init__(
        self,
        policy: Policy,
        limits: Limits,
        bounds: Bounds,
        model: str,
        folder: Path | None,
        rules: Authentication | None,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection: Connection
        self._connection, theirs = context.Pipe()
        self._wall_s = float(bounds.cpu_s * _WALL_FACTOR)
        self._process: SpawnProcess = context.Process(
            target=main,
            args=(theirs, policy, limits, bounds, model, folder),
            kwargs={"rules": rules},
            daemon=True,
            name="firstline-reader",
        )
        self._process.start()
        theirs.close()
        self.model_id, _, self.note = self._first_frame().partition("\n")

    def _first_frame(self) -> str:
        try:
            if self._connection.poll(_START_TIMEOUT_S):
                return self._connection.recv_bytes().decode()
        except _DEAD as error:
            self.kill()
            raise Unavailable("a reader process ended while it started; see the log") from error
        self.kill()
        raise Unavailable("a reader process did not start in time")

    def read(self, tasks: Sequence[Task], raws: Sequence[bytes]) -> list[Reading]:
        try:
            self._connection.send_bytes(TASKS.dump_json(list(tasks)))
            for raw in raws:
                self._connection.send_bytes(raw)
            if not self._connection.poll(self._wall_s * len(raws)):
                raise WorkerDied("took too long")
            readings = READINGS.validate_json(self._connection.recv_bytes())
        except _DEAD as error:
            raise WorkerDied(f"ended ({self._process.exitcode})") from error
        if len(readings) != len(raws):
            raise WorkerDied("answered with another number of readings")
        return readings

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()
        self._process.join(5)
        with contextlib.suppress(OSError):
            self._connection.close()


class ReaderPool:
    """`workers` processes behind one `read`. Start it inside the running loop; `close` kills them.

    In `folder`, the desk's models, the workers find the model in the shadow and the index of solved tickets.
    """

    def __init__(
        self,
        policy: Policy,
        limits: Limits,
        bounds: Bounds,
        *,
        model: str,
        workers: int,
        folder: Path | None = None,
        authenticator: Authenticator | None = None,
    ) -> None:
        self._authenticator = authenticator
        self._recipe = (policy, limits, bounds, model, folder, authenticator.rules if authenticator else None)
        self.model = model
        self._count = workers
        self._threads = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="reader")
        self._idle: asyncio.Queue[_Worker | None] = asyncio.Queue()
        self._all: set[_Worker] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._closed = False
        self.model_id = ""
        self.note = ""
        self.deaths = 0

    async def start(self) -> None:
        """Start every worker; the first one's model is the pool's. Raises Unavailable when none starts."""
        first = await self._spawn()
        self.model_id, self.note = first.model_id, first.note
        if first.note:
            log.warning("reader.model_refused", why=first.note)
        self._idle.put_nowait(first)
        for _ in range(self._count - 1):
            # In the background: a mail must not wait for an interpreter to start while another worker is idle.
            task = asyncio.get_running_loop().create_task(self._add(), name="reader-start")
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def _add(self) -> None:
        worker: _Worker | None = None
        try:
            worker = await self._spawn()
        except Unavailable as error:
            if not self._closed:
                log.warning("reader.not_started", why=str(error), next="when it is wanted")
        self._idle.put_nowait(worker)

    async def _spawn(self) -> _Worker:
        if self._closed:  # a read that waited while the pool was replaced: its mails are given back
            raise Unavailable("the reader was replaced")
        loop = asyncio.get_running_loop()
        worker = await loop.run_in_executor(self._threads, lambda: _Worker(*self._recipe))
        self._all.add(worker)
        if self._closed:
            worker.kill()
            raise Unavailable("the reader is closing")
        return worker

    async def read(
        self, mails: Sequence[tuple[Envelope, bytes]], *, sent: Sequence[tuple[str, ...]] = ()
    ) -> list[Reading]:
        """Readings in the order of `mails`; always one for each, whatever the mails do.

        `sent` are, for each mail, the letters of ours that it answers.
        """
        letters = sent or [()] * len(mails)
        findings: Sequence[Findings | None] = [None] * len(mails)
        if self._authenticator is not None:
            findings = await self._authenticator.gather(mails)
        tasks = [
            Task(envelope=mail[0], findings=found, sent=texts)
            for mail, found, texts in zip(mails, findings, letters, strict=True)
        ]
        return await self._read_all(tasks, [raw for _, raw in mails])

    async def _read_all(self, tasks: Sequence[Task], raws: Sequence[bytes]) -> list[Reading]:
        try:
            return await self._call(tasks, raws)
        except WorkerDied as death:
            if len(tasks) == 1:
                return [await self._read_poison(tasks[0], raws[0], death)]
        pairs = zip(tasks, raws, strict=True)
        return [reading for task, raw in pairs for reading in await self._read_all([task], [raw])]

    async def _read_poison(self, task: Task, raw: bytes, death: WorkerDied) -> Reading:
        """This mail killed a worker alone: its headers only, else nothing of it."""
        log.error("reader.worker_died", why=str(death), source=task.envelope.source, size=len(raw), next="headers only")
        trouble = "reading it took too much time or memory"
        try:
            (reading,) = await self._call([Task(envelope=task.envelope, headers_only=True)], [raw])
        except WorkerDied:
            return Reading(message=Message(), readability=Readability.NOT, trouble=trouble)
        return Reading(
            message=reading.message,
            readability=Readability.NOT,
            verdicts=reading.verdicts,
            trust=reading.trust,
            clues=reading.clues,
            language=reading.language,
            trouble=trouble,
        )

    async def _call(self, tasks: Sequence[Task], raws: Sequence[bytes]) -> list[Reading]:
        worker = await self._idle.get()
        try:
            if worker is None:
                worker = await self._spawn()
            busy = worker
            loop = asyncio.get_running_loop()
            readings = await loop.run_in_executor(self._threads, lambda: busy.read(tasks, raws))
        except (WorkerDied, asyncio.CancelledError) as end:
            # Cancelled: the thread may still read from the pipe, so this worker can serve nobody else.
            self.deaths += isinstance(end, WorkerDied)
            if worker is not None:
                self._all.discard(worker)
                worker.kill()
            worker = None
            raise
        finally:
            self._idle.put_nowait(worker)
        return readings

    @property
    def workers(self) -> int:
        """How many mails batches can be read at once."""
        return self._count

    async def retire(self) -> None:
        """Let what is being read end, then close: for a pool that was replaced."""
        for _ in range(self._count):
            await self._idle.get()
        await self.close()

    async def close(self) -> None:
        """Kill every worker: a reading that is lost is only read again."""
        self._closed = True
        for worker in list(self._all):
            worker.kill()
        self._threads.shutdown(wait=False, cancel_futures=True)
        for _ in range(self._count):  # whoever still waits for a worker learns that there is none
            self._idle.put_nowait(None)
