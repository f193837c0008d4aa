"""Wake-ups: hints that there is work. The table scan is the truth; a lost hint costs one poll interval."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any


class Wake:
    """Where loops wait with a poll interval as the net, and a stop that ends every wait.

    One hint wakes one loop: two that look for the same mail cost a transaction that finds nothing. A hint
    that comes while all are busy is kept for the first that waits again.
    """

    def __init__(self, stop: asyncio.Event) -> None:
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._kept = False
        self._stop = stop

    def hint(self) -> None:
        """There may be work. Call from the event loop's thread."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._kept = True

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    async def wait(self, timeout_s: float) -> None:
        """Return at a hint, at the stop, or after `timeout_s` seconds."""
        if self._stop.is_set() or self._kept:
            self._kept = False
            return
        hinted: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(hinted)
        stopped: asyncio.Future[Any] = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({hinted, stopped}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if hinted in self._waiting:
                self._waiting.remove(hinted)
            stopped.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await stopped
