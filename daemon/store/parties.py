"""Third parties of a ticket, for the context of a decision: approvers who were asked, suppliers who have it.

Looked up only when the sender may have to do with it, so an ordinary request pays nothing.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, bindparam, select

from daemon.core.address import Address
from daemon.core.command import Verb, read_orders
from daemon.core.context import Context, HandedOver
from daemon.core.decision import EntryKind
from daemon.core.notice import NoticeKind
from daemon.core.policy import Policy
from daemon.core.reading import Reading
from daemon.core.ticket import TicketId
from daemon.core.vendor import CLUE, ROLE, foreign_marks, supplier_of
from daemon.store import approvals, threads
from daemon.store.schema import ENTRY, PARTICIPANT

_TRIED = 10  # answers of ours that go along with a hand-over


def named_by_supplier(tx: Connection, reading: Reading, policy: Policy, desk: str) -> list[tuple[str, str, int]]:
    """(clue, evidence, ticket id) of the tickets that a supplier's own reference names; none for anybody else."""
    supplier = supplier_of(reading.message.identity, policy) if policy.suppliers else None
    if supplier is None:
        return []
    marks = foreign_marks(reading.message.subject, supplier, policy)
    return [(CLUE, mark, ticket_id) for mark, ticket_id in threads.tickets_of(tx, marks, desk=desk)]


def known(tx: Connection, context: Context, reading: Reading, policy: Policy) -> Context:
    """The context with the approvals and hand-overs that its sender may have to do with."""
    who = reading.message.identity
    ids = [ticket.id for ticket in context.tickets]
    if not ids or not (policy.approvers or policy.suppliers):
        return context
    agent = who is not None and policy.is_agent(who)
    bounced = context.reported is not None and context.reported.kind is NoticeKind.APPROVAL
    if agent or bounced or (who is not None and policy.is_approver(who)):
        context = replace(context, approvals=approvals.of(tx, ids))
    supplier = supplier_of(who, policy)
    if agent or supplier is not None:
        only = supplier.address if supplier is not None and not agent else None
        context = replace(context, handed=_handed(tx, ids, only))
    if agent and policy.suppliers:
        said = read_orders(reading.message.body.new)
        if said.has(Verb.TIER) or said.has(Verb.WAIT):
            context = replace(context, tried=_tried(tx, ids))
    return context


def _handed(tx: Connection, ids: list[TicketId], only: Address | None) -> tuple[HandedOver, ...]:
    rows = tx.execute(_SUPPLIERS, {"ids": sorted(ids), "role": ROLE})
    return tuple(
        HandedOver(ticket_id=TicketId(row.ticket_id), since=row.since)
        for row in rows
        if only is None or row.address == only.key
    )


def _tried(tx: Connection, ids: list[TicketId]) -> tuple[str, ...]:
    """What agents have answered on the ticket, the oldest first: the requester has read it, so a supplier may."""
    rows = tx.execute(_REPLIES, {"ids": sorted(ids), "kind": EntryKind.REPLY.value, "count": _TRIED})
    said = (read_orders(row.text).words for row in reversed(rows.all()))
    return tuple(words for words in said if words)


_SUPPLIERS = select(PARTICIPANT.c.ticket_id, PARTICIPANT.c.address, PARTICIPANT.c.since).where(
    PARTICIPANT.c.ticket_id.in_(bindparam("ids", expanding=True)), PARTICIPANT.c.role == bindparam("role")
)
_REPLIES = (
    select(ENTRY.c.text)
    .where(ENTRY.c.ticket_id.in_(bindparam("ids", expanding=True)), ENTRY.c.kind == bindparam("kind"))
    .order_by(ENTRY.c.id.desc())
    .limit(bindparam("count"))
)
