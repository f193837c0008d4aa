"""The tick loop (T4): due clocks → the same decision → the same enactment → outbox.

Due times are stored in UTC and each (ticket, clock, instant) fires once, so a jump of the wall
clock, a restart or a week of downtime makes no storm: a clock that fires late says nothing
that is no longer true (`core.due`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection

from daemon import crash
from daemon.core.due import decide_due
from daemon.core.notice import Notice, NoticeKind
from daemon.core.ticket import Ticket
from daemon.errors import Unavailable
from daemon.loops.current import Current
from daemon.loops.enact import Desked, enact
from daemon.loops.wake import Wake
from daemon.store import clocks, estimates, outbox
from daemon.store import context as contexts
from daemon.store.clocks import DueClock
from daemon.store.committer import Committer
from daemon.store.faults import LeaseLost

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=2)
POLL_S = 5.0
ESTIMATE_EVERY = timedelta(hours=1)


def fire(tx: Connection, clock: DueClock, desked: Desked) -> str:
    """One due clock in the caller's transaction; the reason code of what happened.

    Finished first: its own decision may end every clock of the ticket, and must not find this one among them.
    """
    clocks.finish(tx, clock_id=clock.clock_id, fence=clock.fence, now=desked.now)
    found = contexts.for_clock(tx, ticket_id=clock.ticket_id, policy=desked.policy, now=desked.now, clock=clock.name)
    reason = "ticket is gone"
    if found is not None:
        ticket, context = found
        decision = decide_due(
            clock=clock.name,
            due_at=clock.due_at,
            ticket=ticket,
            context=context,
            policy=desked.policy,
            now=desked.now,
        )
        enact(tx, replace(decision, notices=_once(tx, ticket, decision.notices, desked.now)), desked)
        reason = decision.reason
    return reason


def _once(tx: Connection, ticket: Ticket, notices: tuple[Notice, ...], now: datetime) -> tuple[Notice, ...]:
    """Two targets missed at one instant are one reminder for each person; the journal has both."""
    return tuple(
        notice
        for notice in notices
        if notice.kind is not NoticeKind.REMINDER
        or not outbox.told(tx, ticket_id=ticket.id, kind=notice.kind, to=notice.to, at=now)
    )


class TickLoop:
    """Fires due clocks until the stop."""

    def __init__(self, committer: Committer, current: Current, wake: Wake, outbox_wake: Wake, *, owner: str) -> None:
        self._committer = committer
        self._current = current
        self._wake = wake
        self._outbox_wake = outbox_wake
        self._owner = owner
        self._estimated_at: datetime | None = None

    async def run(self) -> None:
        while not self._wake.stopping:
            try:
                await self.estimate(datetime.now(UTC))
                idle = not await self.once(datetime.now(UTC))
            except Exception as error:  # a loop edge: the clocks stay due
                if isinstance(error, Unavailable):
                    log.warning("tick.failed", why=str(error), next=f"again in {POLL_S} s")
                else:
                    log.exception("tick.failed", next=f"again in {POLL_S} s")
                idle = True
            if idle:
                await self._wake.wait(POLL_S)

    async def estimate(self, now: datetime) -> bool:
        """Make the estimates anew, at the start and every hour; True when they were. The looking back only reads."""
        if self._estimated_at is not None and now - self._estimated_at < ESTIMATE_EVERY:
            return False
        self._estimated_at = now
        policy = self._current.policy
        learnt, rows = await self._committer.read(lambda tx: estimates.look_back(tx, policy, now=now))
        await self._committer.run(lambda tx: estimates.store(tx, rows))
        log.info(
            "estimates.made",
            cells=learnt.cells,
            measured=learnt.measured,
            coverage=round(learnt.coverage, 3),
            said=learnt.fit and policy.estimates,
        )
        return True

    async def once(self, now: datetime) -> int:
        """Fire what is due at `now`, one batch; how many there were."""
        batch = await self._committer.run(
            lambda tx: clocks.claim(tx, owner=self._owner, now=now, lease=LEASE), claims_only=True
        )
        crash.point("clock_due")
        for clock in batch:
            desked = Desked(policy=self._current.policy, renderer=self._current.renderer, now=now)
            await self._fire(clock, desked)
        if batch:
            self._outbox_wake.hint()
        return len(batch)

    async def _fire(self, clock: DueClock, desked: Desked) -> None:
        try:
            reason = await self._committer.run(lambda tx: fire(tx, clock, desked))
        except LeaseLost:
            return
        except Unavailable:
            raise
        except Exception:  # a loop edge, one clock wide: it is due again when its lease ends
            log.exception("clock.failed", ticket=clock.ticket_id, clock=clock.name, next="when the lease ends")
            return
        log.info("clock.fired", ticket=clock.ticket_id, clock=clock.name, reason=reason)
