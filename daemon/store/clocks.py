"""Clocks: instants to be watched, claimed by the tick loop when they come due (T4).

Unique per (ticket, name, instant), so that starting one again changes nothing. A clock whose worker
died is claimable again when the lease ends; the fence makes the late one harmless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Connection, bindparam, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from daemon.core.decision import ClockStart
from daemon.core.ticket import TicketId
from daemon.store.columns import Instant, from_micros
from daemon.store.engine import is_sqlite
from daemon.store.faults import LeaseLost
from daemon.store.prepared import Prepared
from daemon.store.schema import CLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class DueClock:
    """A clock that has come due and is ours until the lease ends."""

    clock_id: int
    fence: int
    ticket_id: TicketId
    name: str
    due_at: datetime


def start(tx: Connection, ticket_id: int, clocks: Sequence[ClockStart], *, now: datetime) -> None:
    """Watch these instants from now on. One that was cancelled is watched again, one that has fired never is."""
    rows = [
        {
            "ticket_id": ticket_id,
            "name": clock.name,
            "due_at": clock.due_at,
            "state": "pending",
            "lease_owner": "",
            "lease_until": now,
            "fence": 0,
        }
        for clock in dict.fromkeys(clocks)
    ]
    _start(tx.dialect.name).many(tx, rows)


def stop(tx: Connection, ticket_id: int, names: Sequence[str], *, now: datetime) -> None:
    """Cancel what is still pending of these clocks. Call before `start` when a clock is set anew."""
    if names:
        # One by one: an expanding IN would be put together anew each time, and that costs more than twenty updates.
        _STOP.many(tx, [{"b_ticket_id": ticket_id, "b_name": name, "b_now": now} for name in dict.fromkeys(names)])


def coming(tx: Connection, ticket_id: int) -> tuple[ClockStart, ...]:
    """The instants of this ticket that are still to come, the earliest first."""
    rows = _COMING.rows(tx, {"ticket_id": ticket_id})
    return tuple(ClockStart(name=row.name, due_at=row.due_at) for row in rows)


def claim(tx: Connection, *, owner: str, now: datetime, lease: timedelta, limit: int = 50) -> tuple[DueClock, ...]:
    """Take at most `limit` due clocks, the earliest first."""
    statement = _CLAIM if is_sqlite(tx) else _CLAIM_LOCKED
    rows = statement.rows(tx, {"owner": owner, "now": now, "until": now + lease, "count": limit})
    found = (
        DueClock(
            clock_id=row.id,
            fence=row.fence,
            ticket_id=TicketId(row.ticket_id),
            name=row.name,
            due_at=from_micros(row.due_at),
        )
        for row in rows
    )
    return tuple(sorted(found, key=lambda clock: (clock.due_at, clock.clock_id)))


def finish(tx: Connection, *, clock_id: int, fence: int, now: datetime) -> None:
    """The clock was acted on, in this transaction. Raises LeaseLost: roll all of it back."""
    if _FINISH.run(tx, {"b_id": clock_id, "b_fence": fence, "b_now": now}) != 1:
        raise LeaseLost(f"clock {clock_id} was taken by another worker")


@cache
def _start(dialect: str) -> Prepared:
    """An INSERT that revives the cancelled clock of the same instant and leaves any other alone."""
    made = sqlite.insert(CLOCK) if dialect == "sqlite" else postgresql.insert(CLOCK)
    again = made.on_conflict_do_update(
        index_elements=[CLOCK.c.ticket_id, CLOCK.c.name, CLOCK.c.due_at],
        set_={"state": "pending", "ended_at": None},
        where=CLOCK.c.state == "cancelled",
    )
    return Prepared(again.inline())


_PENDING = text("ended_at IS NULL")
_STOP = Prepared(
    update(CLOCK)
    .where(CLOCK.c.ticket_id == bindparam("b_ticket_id"), CLOCK.c.name == bindparam("b_name"), _PENDING)
    .values(state="cancelled", ended_at=bindparam("b_now"))
)
_COMING = Prepared(
    select(CLOCK.c.name, CLOCK.c.due_at)
    .where(CLOCK.c.ticket_id == bindparam("ticket_id"), _PENDING)
    .order_by(CLOCK.c.due_at, CLOCK.c.id)
)
_CLAIM_SQL = """
UPDATE clock SET lease_owner = :owner, lease_until = :until, fence = fence + 1
WHERE id IN (
  SELECT id FROM clock WHERE ended_at IS NULL AND due_at <= :now AND lease_until <= :now
  ORDER BY due_at LIMIT :count {lock}
)
RETURNING id, fence, ticket_id, name, due_at
"""
_INSTANTS = (bindparam("now", type_=Instant), bindparam("until", type_=Instant))
_FENCED = ("id", "fence", "ticket_id", "name", "due_at")
_CLAIM = Prepared(text(_CLAIM_SQL.format(lock="")).bindparams(*_INSTANTS), returns=_FENCED)
_CLAIM_LOCKED = Prepared(text(_CLAIM_SQL.format(lock="FOR UPDATE SKIP LOCKED")).bindparams(*_INSTANTS), returns=_FENCED)
_FINISH = Prepared(
    update(CLOCK)
    .where(CLOCK.c.id == bindparam("b_id"), CLOCK.c.fence == bindparam("b_fence"), _PENDING)
    .values(state="done", ended_at=bindparam("b_now"))
)
