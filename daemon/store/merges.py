"""Tickets that were joined: the people of the merged one may write to the other, until the merge is taken back.

Nothing is sent to anybody because of it. Who was asked from outside stays with the ticket he was asked about.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, exists, insert, literal, select, text

from daemon.core.ticket import Ticket
from daemon.store import tickets
from daemon.store.schema import PARTICIPANT, TICKET

JOINED = "joined"
OUTSIDE = "outside"
_LINKS = 10  # of a merge chain that are followed
_MOST = 100  # tickets joined to one


def join(tx: Connection, ticket_id: int, into: int, *, now: datetime) -> None:
    """The people of the ticket take part in the other one: their replies must get in."""
    tx.execute(_JOIN, {"b_from": ticket_id, "b_into": into, "b_now": now})


def part(tx: Connection, ticket_id: int, from_: int) -> None:
    """They do not any more, unless they came there by themselves or by another ticket."""
    tx.execute(_PART, {"b_from": ticket_id, "b_into": from_})


def ends(tx: Connection, ticket_ids: Collection[int]) -> dict[int, int]:
    """Of each ticket, where its chain of merges ends; a ticket that was not merged ends in itself."""
    next_of: dict[int, int | None] = {}
    wanted = set(ticket_ids)
    for _ in range(_LINKS):
        rows = tickets.rows_of(tx, wanted - next_of.keys())
        next_of |= {row.id: row.merged_into for row in rows}
        wanted = {row.merged_into for row in rows if row.merged_into is not None}
        if not wanted - next_of.keys():
            break
    return {ticket_id: _end(ticket_id, next_of) for ticket_id in ticket_ids}


def others(tx: Connection, ticket: Ticket) -> tuple[Ticket, ...]:
    """Tickets of other requesters that were joined to this one, by whatever way."""
    found: dict[int, Ticket] = {}
    level = [int(ticket.id)]
    for _ in range(_LINKS):
        rows = tx.execute(_INTO, {"ids": level}).all() if level else []
        level = [row.id for row in rows if row.id not in found and row.id != ticket.id]
        found |= {row.id: tickets.load(row) for row in rows if row.id in level}
    own = ticket.requester.key if ticket.requester is not None else ""
    return tuple(each for each in found.values() if each.requester is not None and each.requester.key != own)


def _end(ticket_id: int, next_of: dict[int, int | None]) -> int:
    seen = {ticket_id}
    while (following := next_of.get(ticket_id)) is not None and following not in seen:
        ticket_id = following
        seen.add(ticket_id)
    return ticket_id


_ID = PARTICIPANT.c.ticket_id.type
_MERGED = text("merged_into IS NOT NULL")  # word for word as in its index
_INTO = (
    select(TICKET)
    .where(_MERGED, TICKET.c.merged_into.in_(bindparam("ids", expanding=True)))
    .order_by(TICKET.c.id)
    .limit(_MOST)
)
_JOIN = insert(PARTICIPANT).from_select(
    ["ticket_id", "address", "role", "since"],
    select(
        bindparam("b_into", type_=_ID),
        PARTICIPANT.c.address,
        literal(JOINED, type_=PARTICIPANT.c.role.type),
        bindparam("b_now", type_=PARTICIPANT.c.since.type),
    ).where(
        PARTICIPANT.c.ticket_id == bindparam("b_from", type_=_ID),
        PARTICIPANT.c.role != OUTSIDE,
        PARTICIPANT.c.address.not_in(
            select(PARTICIPANT.c.address).where(PARTICIPANT.c.ticket_id == bindparam("b_into", type_=_ID))
        ),
    ),
)
_THEIRS = PARTICIPANT.alias("theirs")
_OTHERS = PARTICIPANT.alias("others")
_PART = delete(PARTICIPANT).where(
    PARTICIPANT.c.ticket_id == bindparam("b_into", type_=_ID),
    PARTICIPANT.c.role == JOINED,
    PARTICIPANT.c.address.in_(select(_THEIRS.c.address).where(_THEIRS.c.ticket_id == bindparam("b_from", type_=_ID))),
    ~exists(
        select(_OTHERS.c.address)
        .join(TICKET, TICKET.c.id == _OTHERS.c.ticket_id)
        .where(
            _MERGED,
            TICKET.c.merged_into == bindparam("b_into", type_=_ID),
            TICKET.c.id != bindparam("b_from", type_=_ID),
            _OTHERS.c.address == PARTICIPANT.c.address,
        )
    ),
)
