"""The settle loop (T2): claim waiting mail, have it read, decide, and write it all in one transaction.

Attempts are counted before work begins. A mail that makes deciding fail is tried again later, then
settled as unreadable: a ticket for a person, with the original. So poison is never dropped and
never stops its neighbours. A crash at any point leaves a claim whose lease ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection

from daemon import crash
from daemon.core.decide import decide
from daemon.core.decision import Decision, Outcome
from daemon.core.disposition import DISPOSITIONS
from daemon.core.match import match_thread
from daemon.core.message import Message
from daemon.core.reading import Readability, Reading
from daemon.errors import Unavailable
from daemon.loops.current import Current
from daemon.loops.enact import Desked, Enacted, enact
from daemon.loops.wake import Wake
from daemon.store import context as contexts
from daemon.store import evidence, inbound, letters
from daemon.store.committer import Committer
from daemon.store.faults import LeaseLost
from daemon.store.inbound import Claimed, Settlement

log = structlog.get_logger(__name__)

BATCH = 16
BATCH_BYTES = 64_000_000  # of raw mail, or one mail
LEASE = timedelta(minutes=5)  # a batch of 16 may cost 16 × 20 s of wall time at the very worst
POLL_S = 1.0
SUSPECT_ATTEMPTS = 2  # after that many claims without an end, a mail is settled alone: its neighbours are innocent
READ_ATTEMPTS = 5  # after that many, three of them alone, it is settled without being read
OUTAGE = timedelta(hours=6)
LAST_ATTEMPT = 8  # after that many not even a ticket could be made of it: quarantine, visible and alarmed
_RETRY_S = (1, 5, 30, 120, 600)  # for one mail
_FAILED_S = (0.5, 1, 2, 5, 10)  # for the loop: hints can use these up in a second, and then mail waits for the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of one mail, for whoever shows it."""

    inbound_id: int
    reading: Reading
    decision: Decision
    enacted: Enacted
    duration_s: float


Observer = Callable[[Claimed, Settled], None]


def settle_one(tx: Connection, claimed: Claimed, reading: Reading, desked: Desked) -> Settled:
    """Context → decision → rows → settled, in the caller's transaction. Raises LeaseLost, CreditRaced."""
    started = time.perf_counter()
    policy, now = desked.policy, desked.now
    context = contexts.load(
        tx, inbound_id=claimed.inbound_id, reading=reading, envelope=claimed.envelope, policy=policy, now=now
    )
    decision = decide(claimed.envelope, reading, context, policy, now)
    enacted = enact(tx, decision, desked, inbound_id=claimed.inbound_id, reading=reading)
    match = match_thread(
        reading.clues, context.candidates, reading.message.identity, policy.keyring, trust=reading.trust
    )
    settlement = Settlement(
        outcome=decision.outcome,
        reason=decision.reason,
        ack_reason=decision.ack_reason,
        ticket_id=enacted.ticket.id if enacted.ticket else None,
        flags=(*decision.flags, *(("digest",) if decision.digest else ())),
        evidence=evidence.evidence(reading, match),
    )
    inbound.settle(tx, inbound_id=claimed.inbound_id, fence=claimed.fence, settlement=settlement, now=now)
    return Settled(
        inbound_id=claimed.inbound_id,
        reading=reading,
        decision=decision,
        enacted=enacted,
        duration_s=time.perf_counter() - started,
    )


class SettleLoop:
    """Claims and settles until the stop; several may run beside each other."""

    def __init__(
        self,
        committer: Committer,
        current: Current,
        wake: Wake,
        outbox_wake: Wake,
        *,
        owner: str,
        observer: Observer | None = None,
    ) -> None:
        self._observer = observer
        self._committer = committer
        self._current = current
        self._wake = wake
        self._outbox_wake = outbox_wake
        self._owner = owner
        self._owed: list[datetime] = []  # leases of claims that an outage took out of our hands
        self.settled = 0
        self.failures = 0
        self._waits = 0

    async def run(self) -> None:
        """Until the stop. What is claimed when it comes is finished or given back."""
        while not self._wake.stopping:
            try:
                more = await self.once()
            except Exception as error:  # noqa: BLE001 - a loop edge, logged below: nothing is lost, the leases end
                self.failures += 1
                wait_s = _FAILED_S[min(self._waits, len(_FAILED_S) - 1)]
                self._waits += 1
                _complain(error, "settle.failed", wait_s)
                await self._wake.wait(wait_s)
                continue
            self._waits = 0
            if not more:
                await self._wake.wait(POLL_S)

    async def once(self) -> bool:
        """Settle one batch; True when more may be waiting: else a second look would only find nothing."""
        await self._take_up()
        now = datetime.now(UTC)
        try:
            batch = await self._committer.run(
                lambda tx: inbound.claim(
                    tx, owner=self._owner, now=now, lease=LEASE, limit=BATCH, limit_bytes=BATCH_BYTES
                ),
                claims_only=True,
            )
            return await self._work_on(batch) if batch else False
        except Unavailable:
            self._owed.append(now + LEASE)  # perhaps claimed, perhaps not, and perhaps not given back
            raise

    async def _take_up(self) -> None:
        """After an outage: what we claimed and could not end waits for us and not for the end of its lease."""
        if not self._owed:
            return
        owed, now = tuple(self._owed), datetime.now(UTC)
        since = now - OUTAGE  # an outage is no fault of the mail; but one that always meets it is
        await self._committer.run(
            lambda tx: [
                inbound.give_back(tx, owner=self._owner, leased_until=each, now=now, since=since) for each in owed
            ]
        )
        self._owed.clear()

    async def _work_on(self, batch: tuple[Claimed, ...]) -> bool:
        crash.point("claimed")
        more = len(batch) == BATCH or sum(len(claimed.raw) for claimed in batch) >= BATCH_BYTES
        if more:
            self._wake.hint()  # for the other loops, while this one reads
        batch = await self._isolate(batch)
        readable = [claimed for claimed in batch if claimed.attempts <= READ_ATTEMPTS]
        readings = await self._read(readable)
        crash.point("mid_read")
        work = list(zip(readable, readings, strict=True))
        work += [(claimed, _given_up(claimed)) for claimed in batch if claimed.attempts > READ_ATTEMPTS]
        ended = await asyncio.gather(
            *(self._settle(claimed, reading) for claimed, reading in work), return_exceptions=True
        )
        for trouble in ended:
            if isinstance(trouble, BaseException):
                raise trouble
        return more

    async def _isolate(self, batch: tuple[Claimed, ...]) -> tuple[Claimed, ...]:
        """One mail alone when daemons died with it in hand: whoever was in the batch with the guilty one is spared."""
        suspect = next((claimed for claimed in batch if claimed.attempts > SUSPECT_ATTEMPTS), None)
        if suspect is None or len(batch) == 1:
            return batch
        await self._give_back([claimed for claimed in batch if claimed is not suspect])
        return (suspect,)

    async def _read(self, batch: Sequence[Claimed]) -> list[Reading]:
        if not batch:
            return []
        try:
            sent = await self._letters([claimed.raw for claimed in batch])
            return await self._current.reader.read([(claimed.envelope, claimed.raw) for claimed in batch], sent=sent)
        except BaseException:
            # Stopping, or no worker can be had: that is no fault of these mails, so their attempt is taken back.
            await asyncio.shield(self._give_back(batch))
            raise

    async def _letters(self, raws: Sequence[bytes]) -> list[tuple[str, ...]]:
        """Of each mail, what we had written in the letters that it answers; most mails answer none."""
        keyring = self._current.policy.keyring
        named = [letters.named_in(raw, keyring) for raw in raws]
        if not any(named):
            return [()] * len(raws)
        return await self._committer.read(lambda tx: [letters.texts(tx, each) for each in named])

    async def _give_back(self, batch: Sequence[Claimed]) -> None:
        until = datetime.now(UTC)
        await self._committer.run(
            lambda tx: [
                inbound.release(tx, inbound_id=each.inbound_id, fence=each.fence, until=until, attempted=False)
                for each in batch
            ]
        )

    async def _settle(self, claimed: Claimed, reading: Reading) -> None:
        current = self._current
        desked = Desked(policy=current.policy, renderer=current.renderer, now=datetime.now(UTC))
        try:
            settled = await self._committer.run(lambda tx: settle_one(tx, claimed, reading, desked))
        except LeaseLost:
            log.info("inbound.lease_lost", inbound=claimed.inbound_id, next="another worker settles it")
        except Unavailable as error:
            log.warning("inbound.settle_postponed", inbound=claimed.inbound_id, why=str(error))
            # An outage is no fault of the mail; but one that always meets it is, and must come to an end.
            waited = datetime.now(UTC) - claimed.envelope.received_at
            await self._release(claimed, attempted=waited > OUTAGE)
        except Exception:  # a loop edge, one mail wide: its neighbours go on
            self.failures += 1
            log.exception("inbound.settle_failed", inbound=claimed.inbound_id, attempts=claimed.attempts)
            await self._postpone(claimed, reading)
        else:
            self.settled += 1
            _tell(claimed, settled)
            if settled.enacted.queued:
                self._outbox_wake.hint()
            if self._observer is not None:
                self._observer(claimed, settled)

    async def _release(self, claimed: Claimed, *, attempted: bool) -> None:
        wait = _RETRY_S[min(claimed.attempts, len(_RETRY_S)) - 1]
        until = datetime.now(UTC) + timedelta(seconds=wait)
        await self._committer.run(
            lambda tx: inbound.release(
                tx, inbound_id=claimed.inbound_id, fence=claimed.fence, until=until, attempted=attempted
            )
        )

    async def _postpone(self, claimed: Claimed, reading: Reading) -> None:
        if claimed.attempts < LAST_ATTEMPT:
            await self._release(claimed, attempted=True)
            return
        log.critical("inbound.quarantined", inbound=claimed.inbound_id, next="a person must look at the original")
        settlement = Settlement(
            outcome=Outcome.QUARANTINE,
            reason="unreadable",
            ack_reason="unreadable",
            flags=("digest", "poison"),
            evidence=evidence.evidence(reading),
        )
        now = datetime.now(UTC)
        await self._committer.run(
            lambda tx: inbound.settle(
                tx, inbound_id=claimed.inbound_id, fence=claimed.fence, settlement=settlement, now=now
            )
        )


def _given_up(claimed: Claimed) -> Reading:
    """The reading of a mail that ended the daemon itself, or its workers, again and again."""
    return Reading(
        message=Message(message_id=claimed.message_id),
        readability=Readability.NOT,
        trouble=f"reading it was given up after {claimed.attempts - 1} attempts",
    )


def _tell(claimed: Claimed, settled: Settled) -> None:
    decision, ticket = settled.decision, settled.enacted.ticket
    level = DISPOSITIONS[decision.reason].level if decision.reason in DISPOSITIONS else "info"
    log.log(
        {"info": 20, "warning": 30, "error": 40}[level],
        "inbound.settled",
        inbound=claimed.inbound_id,
        message_id=claimed.message_id,
        outcome=decision.outcome,
        reason=decision.reason,
        ticket=ticket.reference if ticket else "",
        ack=decision.ack_reason or "yes",
        seconds=round(settled.reading.seconds + settled.duration_s, 4),
    )


def _complain(error: Exception, event: str, wait_s: float) -> None:
    if isinstance(error, Unavailable):
        log.warning(event, why=str(error), next=f"again in {wait_s} s")
    else:
        log.error(event, exc_info=error, next=f"again in {wait_s} s")
