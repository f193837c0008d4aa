"""Once a minute until the stop: the edge of the loops that look whether somebody's day has begun.

Trouble is logged and the next minute tries again; what was to be done keeps its mark, so nothing is lost or doubled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog

from daemon.errors import Unavailable
from daemon.loops.wake import Wake

log = structlog.get_logger(__name__)

POLL_S = 60.0


async def minutely(wake: Wake, once: Callable[[datetime], Awaitable[object]], *, trouble: str) -> None:
    """Call `once` with the instant (aware UTC); `trouble` is the event that is logged when it fails."""
    while not wake.stopping:
        try:
            await once(datetime.now(UTC))
        except Exception as error:  # a loop edge: the marks stay where they were
            if isinstance(error, Unavailable):
                log.warning(trouble, why=str(error), next=f"again in {POLL_S} s")
            else:
                log.exception(trouble, next=f"again in {POLL_S} s")
        await wake.wait(POLL_S)
