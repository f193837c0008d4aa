"""Solved tickets: what an index of them is made of, and what may be told of those that were found. Reads only.

A ticket counts when it is solved or closed, has a category, was not merged and was no spam. What was found in an index
is looked up again here, in the transaction of the decision: a ticket that was opened again, erased, merged, or is of
another desk is not told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from classifier.types import Neighbour
from daemon.core.assistance import Similar
from daemon.core.policy import TRIAGE
from daemon.core.ticket import Status
from daemon.store.schema import ENTRY, JOURNAL, TICKET


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A solved ticket with the requester's first words."""

    ticket_id: int
    desk: str
    language: str
    subject: str
    text: str


def solved(tx: Connection, *, limit: int, page: int = 500) -> Iterator[Solved]:
    """The newest `limit` solved tickets of all desks, the newest first, read page by page."""
    last = 1 << 62
    left = limit
    while left > 0 and (rows := tx.execute(_PAGE, {"before": last, "count": min(page, left)}).all()):
        last, left = rows[-1].id, left - len(rows)
        for row in rows:
            yield Solved(ticket_id=row.id, desk=row.desk, language=row.language, subject=row.subject, text=row.text)


def named(tx: Connection, found: Sequence[Neighbour], *, desk: str) -> tuple[Similar, ...]:
    """What may be told of the found tickets that are still solved tickets of this desk; most alike first."""
    if not found:
        return ()
    likeness = {each.key: each.likeness for each in found}
    rows = tx.execute(_NAMED, {"ids": sorted(likeness), "desk": desk}).all()
    told = (
        Similar(
            reference=row.reference,
            subject=row.subject,
            category=row.category,
            team=row.team,
            likeness=likeness[row.id],
        )
        for row in rows
    )
    return tuple(sorted(told, key=lambda each: -each.likeness))


_DONE = (
    TICKET.c.status.in_([str(Status.SOLVED), str(Status.CLOSED)]),
    TICKET.c.merged_into.is_(None),
    TICKET.c.category != TRIAGE,
)
_PAGE = (
    select(TICKET.c.id, TICKET.c.desk, TICKET.c.language, ENTRY.c.subject, ENTRY.c.text)
    .join(ENTRY, ENTRY.c.ticket_id == TICKET.c.id)
    .where(
        *_DONE,
        ENTRY.c.kind == "request",
        TICKET.c.id < bindparam("before"),
        ~select(JOURNAL.c.id).where(JOURNAL.c.ticket_id == TICKET.c.id, JOURNAL.c.name == "ticket.spam").exists(),
    )
    .order_by(TICKET.c.id.desc())
    .limit(bindparam("count"))
)
_NAMED = select(TICKET.c.id, TICKET.c.reference, TICKET.c.subject, TICKET.c.category, TICKET.c.team).where(
    *_DONE, TICKET.c.id.in_(bindparam("ids", expanding=True)), TICKET.c.desk == bindparam("desk")
)
