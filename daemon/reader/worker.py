"""The worker process: reads batches of mail under limits of CPU time and memory.

Started by `pool` with the spawn method; speaks JSON frames over a pipe, so the parent never
unpickles what a process that touched hostile mail says: every answer is validated against the
type of `Reading`. The process may die at any moment (CPU limit, memory, a bug in C code); the
parent notices and tries the mails of the batch one at a time.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter

from daemon.authentication.findings import Authentication, Findings
from daemon.core.authres import AuthResults
from daemon.core.envelope import Envelope
from daemon.core.limits import Limits
from daemon.core.policy import Policy
from daemon.core.reading import Reading
from daemon.reader.beside import Beside
from daemon.reader.model import load_classifier
from daemon.reader.read import classify, read_one

_PR_SET_PDEATHSIG = 1
_NICE = 5  # reading may wait, a final dot may not: on a full machine the door comes first


class Judge(Protocol):
    """`authentication.judge.judge` with its rules."""

    def __call__(self, raw: bytes, author: str, findings: Findings) -> AuthResults: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One mail to read; its raw bytes follow in a frame of their own."""

    envelope: Envelope
    headers_only: bool = False
    sent: tuple[str, ...] = ()  # letters of ours that the mail answers
    findings: Findings | None = None  # what DNS said; None when we check no signatures ourselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one mail may cost: seconds of CPU and megabytes above the loaded worker (mail-rules §7)."""

    cpu_s: int = 5
    memory_mb: int = 512


TASKS: TypeAdapter[list[Task]] = TypeAdapter(list[Task])
READINGS: TypeAdapter[list[Reading]] = TypeAdapter(list[Reading])


def _virtual_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _bound_memory(bounds: Bounds) -> None:
    ceiling = _virtual_bytes() + bounds.memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, resource.RLIM_INFINITY))


def _bound_cpu(bounds: Bounds) -> None:
    """The kernel kills us (SIGXCPU) when this mail takes more: no Python code need run for it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + bounds.cpu_s + 1, resource.RLIM_INFINITY))


def _die_with_parent() -> None:
    """A killed daemon leaves no worker behind, even one that is deep in a parse."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main(
    connection: Connection,
    policy: Policy,
    limits: Limits,
    bounds: Bounds,
    model: str,
    folder: Path | None = None,
    *,
    rules: Authentication | None = None,
) -> None:
    """Serve until the pipe closes. First frame out: the model id, or the reason it could not be loaded."""
    _die_with_parent()
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    threading.stack_size(64 * 1024 * 1024)
    classifier, note = load_classifier(model, policy)
    judge = _judge(rules)
    connection.send_bytes(f"{classifier.model_id}\n{note}".encode())
    beside = Beside(folder, classifier, policy.encoder)
    beside.refresh()
    _bound_memory(bounds)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            tasks = TASKS.validate_json(connection.recv_bytes())
            raws = [connection.recv_bytes() for _ in tasks]
            _bound_cpu(bounds)
            if beside.refresh():
                _bound_memory(bounds)  # what was loaded now is no mail's memory
            connection.send_bytes(READINGS.dump_json(_read(tasks, raws, policy, limits, bounds, beside, judge=judge)))


def _judge(rules: Authentication | None) -> Judge | None:
    """The check of signatures, where it is switched on: only then its libraries are loaded."""
    if rules is None:
        return None
    from daemon.authentication.judge import judge  # noqa: PLC0415 - needs the extra `authentication`

    return partial(judge, rules=rules)


def _read(
    tasks: list[Task],
    raws: list[bytes],
    policy: Policy,
    limits: Limits,
    bounds: Bounds,
    beside: Beside,
    *,
    judge: Judge | None,
) -> list[Reading]:
    today = datetime.now(UTC).date()
    readings = []
    for task, raw in zip(tasks, raws, strict=True):
        _bound_cpu(bounds)
        check = partial(judge, findings=task.findings) if judge is not None and task.findings is not None else None
        readings.append(
            read_one(
                task.envelope,
                raw,
                policy,
                limits=limits,
                today=today,
                headers_only=task.headers_only,
                check=check,
                sent=task.sent,
            )
        )
    _bound_cpu(bounds)
    return classify(readings, beside.serving, beside=beside, desks=[task.envelope.desk for task in tasks])
