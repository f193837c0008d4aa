"""Approvals: who was asked about a ticket, and what became of it. One row for a ticket, a slot and a person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from daemon.core.address import Address
from daemon.core.approval import STAGES, Answer, Approval, Asked, Role
from daemon.core.decision import EntryKind
from daemon.store.envelopes import address_of
from daemon.store.rows import insert_absent
from daemon.store.schema import ENTRY, TICKET
from daemon.store.service import APPROVAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """An approval whose deadline has passed: what the digest shows."""

    reference: str
    subject: str
    slot: str
    deadline: datetime


def write(tx: Connection, ticket_id: int, rows: Sequence[Asked]) -> None:
    """These rows stand like this from now on."""
    for row in rows:
        values = _values(ticket_id, row)
        if not insert_absent(tx, APPROVAL, [values]):
            tx.execute(_UPDATE, {f"b_{name}": value for name, value in values.items()})


def void(tx: Connection, ticket_id: int, *, now: datetime) -> None:
    """The ticket ended: nobody's word is waited for any more."""
    tx.execute(_VOID, {"b_ticket_id": ticket_id, "b_now": now})


def of(tx: Connection, ticket_ids: Collection[int], *, with_request: bool = True) -> tuple[Approval, ...]:
    """What is known of these tickets, with the words that opened them."""
    wanted = sorted(set(ticket_ids))
    if not wanted:
        return ()
    rows: dict[int, list[Asked]] = {ticket_id: [] for ticket_id in wanted}
    for row in tx.execute(_OF, {"ids": wanted}):
        if (asked := _asked(row)) is not None:
            rows[row.ticket_id].append(asked)
    words = {row.ticket_id: row.text for row in tx.execute(_REQUEST, {"ids": wanted})} if with_request else {}
    return tuple(
        Approval(ticket_id=ticket_id, rows=tuple(found), request=words.get(ticket_id, ""))
        for ticket_id, found in rows.items()
    )


def overdue(tx: Connection, *, desk: str, now: datetime, limit: int) -> tuple[Overdue, ...]:
    """Approvals past their deadline that somebody still has to decide, the oldest first."""
    found: dict[tuple[str, str], Overdue] = {}
    for row in tx.execute(_OVERDUE, {"now": now, "desk": desk, "count": limit}):
        found.setdefault(
            (row.reference, row.slot),
            Overdue(reference=row.reference, subject=row.subject, slot=row.slot, deadline=row.deadline),
        )
    return tuple(found.values())


def _values(ticket_id: int, row: Asked) -> dict[str, Any]:
    return {
        "ticket_id": ticket_id,
        "slot": row.slot,
        "person": row.who.key,
        "address": str(row.who),
        "role": row.role.value,
        "state": row.state.value,
        "stage": STAGES.index(row.stage),
        "asked_at": row.asked_at,
        "deadline": row.deadline,
        "decided_at": row.decided_at,
        "reason": row.reason,
    }


def _asked(row: Row[Any]) -> Asked | None:
    address: Address | None = address_of(row.address)
    if address is None:
        return None
    return Asked(
        slot=row.slot,
        who=address,
        role=Role(row.role),
        state=Answer(row.state),
        stage=STAGES[row.stage],
        asked_at=row.asked_at,
        deadline=row.deadline,
        decided_at=row.decided_at,
        reason=row.reason,
    )


_CHANGED = ("state", "stage", "deadline", "decided_at", "reason")
_UPDATE = (
    update(APPROVAL)
    .where(*(APPROVAL.c[name] == bindparam(f"b_{name}") for name in ("ticket_id", "slot", "person")))
    .values({APPROVAL.c[name]: bindparam(f"b_{name}", type_=APPROVAL.c[name].type) for name in _CHANGED})
)
_VOID = (
    update(APPROVAL)
    .where(APPROVAL.c.ticket_id == bindparam("b_ticket_id"), APPROVAL.c.state == Answer.ASKED.value)
    .values(state=Answer.VOID.value, decided_at=bindparam("b_now", type_=APPROVAL.c.decided_at.type))
)
_OF = (
    select(APPROVAL)
    .where(APPROVAL.c.ticket_id.in_(bindparam("ids", expanding=True)))
    .order_by(APPROVAL.c.ticket_id, APPROVAL.c.asked_at, APPROVAL.c.slot, APPROVAL.c.person)
)
_REQUEST = (
    select(ENTRY.c.ticket_id, ENTRY.c.text)
    .where(ENTRY.c.ticket_id.in_(bindparam("ids", expanding=True)), ENTRY.c.kind == EntryKind.REQUEST.value)
    .order_by(ENTRY.c.id.desc())
)
_OVERDUE = (
    select(TICKET.c.reference, TICKET.c.subject, APPROVAL.c.slot, APPROVAL.c.deadline)
    .join(TICKET, TICKET.c.id == APPROVAL.c.ticket_id)
    .where(APPROVAL.c.state == "asked", APPROVAL.c.deadline <= bindparam("now"), TICKET.c.desk == bindparam("desk"))
    .order_by(APPROVAL.c.deadline, APPROVAL.c.ticket_id)
    .limit(bindparam("count"))
)
