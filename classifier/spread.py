"""Runs the pieces of a training (one fold of one head): here one after the other, or on machines behind a scheduler.

Promises: results in the order of the tasks and the same numbers wherever they were made; without a scheduler nothing
is copied and nothing is imported. Who trains hears of each finished piece (`heard`), whatever stands between.
Dask sends work as pickles: only to a scheduler that the admin named, on a network that is trusted (decision 0325).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

_Result = TypeVar("_Result")

_tell: ContextVar[Callable[[], None] | None] = ContextVar("tell", default=None)
_spread: ContextVar[bool] = ContextVar("spread", default=False)


class SpreadError(Exception):
    """The scheduler cannot be used, in one line."""


def each(work: Callable[..., _Result], tasks: Iterable[tuple[Any, ...]]) -> Iterator[_Result]:
    """`work` of each task, in order."""
    for result in _on_machines(work, tasks) if _spread.get() else (work(*task) for task in tasks):
        piece_done()
        yield result


def piece_done() -> None:
    """Tell whoever listens that a piece is finished."""
    if (tell := _tell.get()) is not None:
        tell()


@contextmanager
def heard(tell: Callable[[], None]) -> Iterator[None]:
    """Within, `tell` is called after each piece."""
    token = _tell.set(tell)
    try:
        yield
    finally:
        _tell.reset(token)


@contextmanager
def machines(scheduler: str) -> Iterator[int]:
    """Within, pieces go to the workers of a Dask scheduler (`tcp://127.0.0.1:8786`); how many threads it has.

    Raises `SpreadError` when the extra is missing, nobody answers within ten seconds, or it has no worker.
    """
    try:
        from dask.distributed import Client  # noqa: PLC0415 -- the extra `search`
        from joblib import parallel_config  # noqa: PLC0415
    except ImportError:
        raise SpreadError("spreading a training needs the extra 'search': pip install 'firstline[search]'") from None
    try:
        client: Any = Client(scheduler, timeout=10, set_as_default=True)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise SpreadError(f"no scheduler at {scheduler}: {reason}") from None
    token = _spread.set(True)
    try:
        threads = sum(client.nthreads().values())
        if not threads:
            raise SpreadError(f"the scheduler at {scheduler} has no worker")
        with parallel_config(backend="dask", n_jobs=-1):
            yield threads
    finally:
        _spread.reset(token)
        client.close()


def _on_machines(work: Callable[..., _Result], tasks: Iterable[tuple[Any, ...]]) -> Iterator[_Result]:
    from joblib import Parallel, delayed  # noqa: PLC0415

    found: Iterator[_Result] = iter(Parallel()(delayed(work)(*task) for task in tasks))
    return found
