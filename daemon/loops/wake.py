"""Wake-ups: hints that there is work. The table scan is the truth; a lost hint costs one poll interval."""

from __future__ import annotations

import asyncio
import contextlib


class Wake:
    """An event that a loop waits on with a poll interval as the net, and a stop that ends every wait."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._event = asyncio.Event()
        self._stop = stop

    def hint(self) -> None:
        """There may be work. Call from the event loop's thread."""
        self._event.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    async def wait(self, timeout_s: float) -> None:
        """Return at a hint, at the stop, or after `timeout_s` seconds."""
        if self._stop.is_set():
            return
        hinted = asyncio.ensure_future(self._event.wait())
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({hinted, stopped}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in (hinted, stopped):
                waiter.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await waiter
            self._event.clear()
