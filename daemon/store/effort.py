"""Effort: the time that agents log with `#time`, by tier, so that a ticket has a cost.

One row for one order. The tier is the one the ticket was in when the time was spent: a later move changes no bill.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select

from daemon.core.ticket import Ticket
from daemon.core.week import Spent
from daemon.store.schema import TICKET
from daemon.store.service import EFFORT


def log(tx: Connection, ticket: Ticket, *, agent: str, minutes: int, now: datetime) -> None:
    """`agent` spent `minutes` on the ticket as it stood."""
    tx.execute(
        insert(EFFORT), {"ticket_id": ticket.id, "agent": agent, "tier": ticket.tier, "minutes": minutes, "at": now}
    )


def spent(tx: Connection, *, after: datetime, until: datetime) -> tuple[Spent, ...]:
    """What was logged in (after, until], one row for each ticket, agent and tier, the most first; at most 5,000."""
    rows = tx.execute(_SPENT, {"after": after, "until": until})
    return tuple(Spent(reference=row.reference, agent=row.agent, tier=row.tier, minutes=row.minutes) for row in rows)


def by_tier(tx: Connection) -> tuple[tuple[int, int], ...]:
    """(tier, minutes) of everything ever logged."""
    return tuple((row.tier, row.minutes) for row in tx.execute(_BY_TIER))


def of_ticket(tx: Connection, ticket_id: int) -> tuple[tuple[str, int, int], ...]:
    """(agent, tier, minutes) of one ticket."""
    return tuple((row.agent, row.tier, row.minutes) for row in tx.execute(_OF_TICKET, {"ticket_id": ticket_id}))


_MINUTES = func.sum(EFFORT.c.minutes).label("minutes")
_SPENT = (
    select(TICKET.c.reference, EFFORT.c.agent, EFFORT.c.tier, _MINUTES)
    .join(TICKET, TICKET.c.id == EFFORT.c.ticket_id)
    .where(EFFORT.c.at > bindparam("after"), EFFORT.c.at <= bindparam("until"))
    .group_by(TICKET.c.reference, EFFORT.c.agent, EFFORT.c.tier)
    .order_by(_MINUTES.desc(), TICKET.c.reference)
    .limit(5000)
)
_BY_TIER = select(EFFORT.c.tier, _MINUTES).group_by(EFFORT.c.tier).order_by(EFFORT.c.tier)
_OF_TICKET = (
    select(EFFORT.c.agent, EFFORT.c.tier, _MINUTES)
    .where(EFFORT.c.ticket_id == bindparam("ticket_id"))
    .group_by(EFFORT.c.agent, EFFORT.c.tier)
    .order_by(EFFORT.c.agent, EFFORT.c.tier)
)
