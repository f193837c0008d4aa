"""Hints: one wakes one, none that comes between two looks is lost, the stop wakes all."""

from __future__ import annotations

import asyncio

from daemon.loops.wake import Wake

LONG_S = 60.0


async def waiters(wake: Wake, count: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(wake.wait(LONG_S)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_one_hint_wakes_one_loop() -> None:
    """The other goes on waiting: it would find nothing."""
    stop = asyncio.Event()
    wake = Wake(stop)
    tasks = await waiters(wake, 2)

    wake.hint()
    done, waiting = await asyncio.wait(tasks, timeout=0.05)

    assert (len(done), len(waiting)) == (1, 1)
    stop.set()
    await asyncio.gather(*tasks)


async def test_a_hint_while_all_are_busy_is_kept() -> None:
    """Whoever waits next returns at once, and only once."""
    stop = asyncio.Event()
    wake = Wake(stop)
    wake.hint()

    await asyncio.wait_for(wake.wait(LONG_S), 1)
    (second,) = await waiters(wake, 1)

    assert not second.done()
    stop.set()
    await second


async def test_the_stop_wakes_all() -> None:
    """No loop sleeps through a drain."""
    stop = asyncio.Event()
    tasks = await waiters(Wake(stop), 3)

    stop.set()

    await asyncio.wait_for(asyncio.gather(*tasks), 1)


async def test_a_wait_that_timed_out_takes_no_hint() -> None:
    """The hint goes to somebody who is there."""
    stop = asyncio.Event()
    wake = Wake(stop)
    await wake.wait(0.0)
    tasks = await waiters(wake, 1)

    wake.hint()

    await asyncio.wait_for(tasks[0], 1)
