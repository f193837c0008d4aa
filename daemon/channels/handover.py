"""Handover: gives deliveries to `receive` so that no peer can cancel a commit, and turns outcomes into replies.

A client that hangs up after the dot cancels its session, not the commit (the tasks live here). A commit that
takes longer than `store_s` is answered 451; if it comes back later, the peer's second try is a duplicate.
Whatever goes wrong is 4xx without internal text (mail-rules §1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from daemon.channels.door import Receive
from daemon.core.disposition import ACCEPTED, DUPLICATE, OUR_TROUBLE, STORAGE_FULL, Door
from daemon.core.envelope import Acceptance, Envelope, Receipt
from daemon.errors import StorageFull, Unavailable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message for one desk."""

    envelope: Envelope
    raw: bytes


class Handover:
    """Keeps the running commits."""

    def __init__(self, receive: Receive, *, store_s: float) -> None:
        self._receive = receive
        self._store_s = store_s
        self._running: set[asyncio.Task[Receipt]] = set()

    async def store(self, deliveries: Sequence[Delivery]) -> list[Door]:
        """One reply per delivery, in order; 250 only with a receipt in hand."""
        tasks = [asyncio.create_task(self._one(delivery), name="receive") for delivery in deliveries]
        for task in tasks:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        # asyncio.wait never cancels what it waits for, neither on time-out nor when we are cancelled.
        await asyncio.wait(tasks, timeout=self._store_s)
        return [_reply(task, delivery) for task, delivery in zip(tasks, deliveries, strict=True)]

    async def settle(self, grace_s: float) -> int:
        """Wait for commits whose peers are gone; how many are still running after `grace_s`."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=grace_s)
        return len(self._running)

    async def _one(self, delivery: Delivery) -> Receipt:
        return await self._receive(delivery.envelope, delivery.raw)


def _reply(task: asyncio.Task[Receipt], delivery: Delivery) -> Door:
    if not task.done():
        log.error("inbound.late", source=delivery.envelope.source, next="answered 451, the peer tries again")
        task.add_done_callback(_read_late_outcome)
        return OUR_TROUBLE
    if task.cancelled():
        return OUR_TROUBLE
    error = task.exception()
    if error is None:
        return DUPLICATE if task.result().acceptance is Acceptance.DUPLICATE else ACCEPTED
    known = isinstance(error, Unavailable)
    log.error(
        "inbound.not_stored",
        source=delivery.envelope.source,
        error=str(error) if known else type(error).__name__,
        exc_info=None if known else error,
        next="answered 4xx, the peer tries again",
    )
    return STORAGE_FULL if isinstance(error, StorageFull) else OUR_TROUBLE


def _read_late_outcome(task: asyncio.Task[Receipt]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("inbound.late_failed", error=type(task.exception()).__name__)
