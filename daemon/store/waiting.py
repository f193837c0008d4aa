"""Outgoing mail that is not done, for people to look at: the partial index of the deliver loop, read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, text

from daemon.store.schema import OUTBOX, TICKET


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One mail on its way. `next_at` is the next try, or the end of the lease of the one under way."""

    outbox_id: int
    ticket: str
    kind: str
    recipient: str
    state: str
    attempts: int
    uncertain: int
    created_at: datetime
    next_at: datetime
    reply: str


def waiting(tx: Connection, *, limit: int) -> tuple[Waiting, ...]:
    """At most `limit`, the next due first."""
    return tuple(
        Waiting(
            outbox_id=row.id,
            ticket=row.reference or "",
            kind=row.kind,
            recipient=row.recipient,
            state=row.state,
            attempts=row.attempts,
            uncertain=row.uncertain,
            created_at=row.created_at,
            next_at=row.next_at,
            reply=row.reply,
        )
        for row in tx.execute(_WAITING, {"count": limit})
    )


_WAITING = (
    select(
        OUTBOX.c.id,
        OUTBOX.c.kind,
        OUTBOX.c.recipient,
        OUTBOX.c.state,
        OUTBOX.c.attempts,
        OUTBOX.c.uncertain,
        OUTBOX.c.created_at,
        OUTBOX.c.next_at,
        OUTBOX.c.reply,
        TICKET.c.reference,
    )
    .outerjoin_from(OUTBOX, TICKET, OUTBOX.c.ticket_id == TICKET.c.id)
    .where(text("done_at IS NULL"))
    .order_by(OUTBOX.c.next_at, OUTBOX.c.id)
    .limit(bindparam("count"))
)
