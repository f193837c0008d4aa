"""Intake: what a channel's `receive` and `admit` do (T1), and the high-water marks before them.

`receive` returns only after the commit. Before it only this happens: the duplicate key from the
raw bytes, one insert, one shared commit. The backlog and the free disk are looked at from
time to time, not per mail; between two looks the count of accepted mails stands in.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from daemon.channels.door import Admission, Admitted
from daemon.core.address import Address
from daemon.core.admission import Bounds, admit
from daemon.core.digest import canonical_digest
from daemon.core.disposition import STORAGE_FULL, Door
from daemon.core.envelope import Acceptance, Envelope, Receipt
from daemon.core.policy import Policy
from daemon.errors import StorageFull
from daemon.loops.wake import Wake
from daemon.store import inbound, refusals
from daemon.store.committer import Committer
from daemon.store.inbound import Arrival

log = structlog.get_logger(__name__)

_IN_LOOP_BYTES = 262_144  # a digest of more takes over a millisecond: it goes to a thread
_LOOK_EVERY_S = 2.0


class Intake:
    """The store behind the door. `directory` None (PostgreSQL) means that free disk is not ours to watch."""

    def __init__(
        self,
        committer: Committer,
        policy: Callable[[], Policy],
        bounds: Bounds,
        wake: Wake,
        *,
        directory: Path | None,
        reserve_bytes: int,
    ) -> None:
        self._committer = committer
        self._policy = policy
        self._bounds = bounds
        self._wake = wake
        self._directory = directory
        self._reserve_bytes = reserve_bytes
        self._backlog = 0
        self._full = False
        self._refused: Counter[str] = Counter()
        self.received = 0

    async def receive(self, envelope: Envelope, raw: bytes) -> Receipt:
        """Store one delivery durably. Raises Unavailable or StorageFull: then nothing may be promised."""
        if self._full:
            raise StorageFull("less free disk than the reserve")
        if len(raw) > _IN_LOOP_BYTES:
            message_id, digest = await asyncio.to_thread(canonical_digest, raw)
        else:
            message_id, digest = canonical_digest(raw)
        arrival = Arrival(envelope=envelope, raw=raw, message_id=message_id, digest=digest)
        receipt = await self._committer.accept(arrival)
        self.received += 1
        log.info(
            "inbound.received",
            inbound=receipt.inbound_id,
            message_id=message_id,
            acceptance=receipt.acceptance,
            channel=envelope.channel,
            size=len(raw),
        )
        if receipt.acceptance is not Acceptance.DUPLICATE:
            self._backlog += 1
            self._wake.hint()
        return receipt

    def admit(self, recipient: Address, size: int) -> Admission:
        """Whether mail to `recipient` is taken now; pure apart from the two marks."""
        answer = admit(recipient, size, self._policy(), backlog=self._backlog, bounds=self._bounds)
        if not isinstance(answer, Door) and self._full:
            answer = STORAGE_FULL
        if isinstance(answer, Door):
            self._refused[answer.text] += 1
            return answer
        return Admitted(desk=answer)

    async def watch(self, stop: asyncio.Event) -> None:
        """Look at backlog and disk until the stop; trouble of the store is the loops' to report."""
        while not stop.is_set():
            try:
                await self._look()
            except Exception:  # one of the loop edges: a look that fails changes nothing
                log.exception("intake.look_failed", next="look again")
            try:
                await asyncio.wait_for(stop.wait(), _LOOK_EVERY_S)
            except TimeoutError:
                continue

    async def _look(self) -> None:
        if self._refused:
            counts, self._refused = self._refused, Counter()
            now = datetime.now(UTC)
            await self._committer.run(lambda tx: refusals.add(tx, counts, now=now))
        self._backlog = (await self._committer.read(inbound.backlog)).pending
        if self._directory is None or not self._reserve_bytes:
            return
        free = (await asyncio.to_thread(shutil.disk_usage, self._directory)).free
        full = free < self._reserve_bytes
        if full != self._full:
            log.log(40 if full else 20, "intake.disk_low" if full else "intake.disk_ok", free_bytes=free)
        self._full = full
