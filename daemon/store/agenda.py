"""What stands at a desk when its people begin their day: live tickets, what they owe, what was missed.

Read once for all who get an agenda, by indexes and bounded. What was missed since the last agenda comes from the
journal, so that a breach of a downtime, which made no mail, is told.
"""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, text

from daemon.core.agenda import Standing
from daemon.core.clock import FIRST_RESPONSE, NEXT_UPDATE, OLA, RESOLUTION
from daemon.core.policy import Policy
from daemon.core.ticket import Priority, Status
from daemon.store import opinions
from daemon.store.schema import CLOCK, JOURNAL, TICKET
from daemon.store.service import APPROVAL

_MOST = 5_000
_TARGETS = (FIRST_RESPONSE, NEXT_UPDATE, RESOLUTION, OLA)
BREACHED = "clock.breached"


def cursor(tx: Connection) -> int:
    """The newest line of the journal."""
    return int(tx.execute(select(func.max(JOURNAL.c.id))).scalar() or 0)


def standing(tx: Connection, policy: Policy, *, since: int, after: datetime, now: datetime) -> tuple[Standing, ...]:
    """Every live ticket, and each that missed a target or was judged since journal line `since`, the oldest first."""
    missed = _missed(tx, since)
    heard = {each.reference: each for each in opinions.heard(tx, after=after, until=now)}
    pending = tx.execute(_OWED, {"names": list(_TARGETS), "count": _MOST}).all()
    owed = {row.ticket_id: row.due_at for row in reversed(pending)}  # the first one of each ticket stays
    approvals = {row.ticket_id: row.deadline for row in tx.execute(_APPROVALS)}
    rows = {row.id: row for row in tx.execute(_LIVE, {"count": _MOST})}
    absent = [ticket_id for ticket_id in missed if ticket_id not in rows]
    rows |= {row.id: row for row in tx.execute(_BY_ID, {"ids": absent})} if absent else {}
    said = [reference for reference in heard if reference not in {row.reference for row in rows.values()}]
    rows |= {row.id: row for row in tx.execute(_BY_REFERENCE, {"references": said})} if said else {}
    found: list[Standing] = []
    for row in sorted(rows.values(), key=lambda row: row.id):
        status = Status(row.status)
        late = row.promised_at if row.promised_at is not None and row.promised_at <= now else None
        unmended = late if row.first_response_at is None and status in {Status.NEW, Status.OPEN} else None
        opinion = heard.get(row.reference)
        found.append(
            Standing(
                ticket_id=row.id,
                reference=row.reference,
                subject=row.subject,
                priority=Priority(row.priority),
                status=status,
                team=row.team or policy.tier(row.tier).team,
                assignee=row.assignee,
                owed=owed.get(row.id),
                missed=unmended or missed.get(row.id),
                approval_by=approvals.get(row.id),
                score=opinion.score if opinion is not None else 0,
                words=opinion.words if opinion is not None else "",
            )
        )
    return tuple(found)


def _missed(tx: Connection, since: int) -> dict[int, datetime]:
    """Ticket → instant of the last breach written behind this line of the journal."""
    rows = tx.execute(_BREACHES, {"since": since, "name": BREACHED, "count": _MOST})
    return {row.ticket_id: _instant(row.facts, row.at) for row in rows if row.ticket_id is not None}


def _instant(packed: str, at: datetime) -> datetime:
    """When the target was used up, where the line says it; else when it was noticed."""
    said = json.loads(packed).get("due_at", "")
    return datetime.fromisoformat(said) if said else at


_FIELDS = (
    TICKET.c.id,
    TICKET.c.reference,
    TICKET.c.subject,
    TICKET.c.priority,
    TICKET.c.status,
    TICKET.c.team,
    TICKET.c.tier,
    TICKET.c.assignee,
    TICKET.c.promised_at,
    TICKET.c.first_response_at,
)
_LIVE = (
    select(*_FIELDS)
    .where(text("status <> 'closed'"), TICKET.c.status != "solved")
    .order_by(TICKET.c.id)
    .limit(bindparam("count"))
)
_BY_ID = select(*_FIELDS).where(TICKET.c.id.in_(bindparam("ids", expanding=True)))
_BY_REFERENCE = select(*_FIELDS).where(TICKET.c.reference.in_(bindparam("references", expanding=True)))
_OWED = (
    select(CLOCK.c.ticket_id, CLOCK.c.due_at)
    .where(text("ended_at IS NULL"), CLOCK.c.name.in_(bindparam("names", expanding=True)))
    .order_by(CLOCK.c.due_at)
    .limit(bindparam("count"))
)
_APPROVALS = (
    select(APPROVAL.c.ticket_id, func.max(APPROVAL.c.deadline).label("deadline"))
    .where(text("state = 'asked'"))
    .group_by(APPROVAL.c.ticket_id)
    .limit(_MOST)
)
_BREACHES = (
    select(JOURNAL.c.ticket_id, JOURNAL.c.at, JOURNAL.c.facts)
    .where(JOURNAL.c.id > bindparam("since"), JOURNAL.c.name == bindparam("name"))
    .order_by(JOURNAL.c.id)
    .limit(bindparam("count"))
)
