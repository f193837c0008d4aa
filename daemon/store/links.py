"""Links between tickets that belong together without being one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, or_, select, text

from daemon.core.ticket import TicketId
from daemon.store import tickets
from daemon.store.rows import insert_absent
from daemon.store.schema import TICKET, TICKET_LINK

_MOST = 200


def link(tx: Connection, one: int, other: int, *, now: datetime) -> None:
    """Both belong together; a second time changes nothing."""
    first, second = sorted((one, other))
    insert_absent(tx, TICKET_LINK, [{"ticket_id": first, "other_id": second, "since": now}])


def unlink(tx: Connection, one: int, other: int) -> None:
    """They do not."""
    first, second = sorted((one, other))
    tx.execute(_UNLINK, {"b_one": first, "b_other": second})


def linked(tx: Connection, ticket_id: int) -> frozenset[TicketId]:
    """The tickets that are linked with this one."""
    rows = tx.execute(_LINKED, {"b_id": ticket_id, "b_most": _MOST})
    return frozenset(TicketId(row.other_id if row.ticket_id == ticket_id else row.ticket_id) for row in rows)


def related(tx: Connection, ticket_id: int) -> tuple[tuple[str, str], ...]:
    """(how, reference) of every ticket that this one has to do with, for people."""
    (row,) = tickets.rows_of(tx, [ticket_id]) or (None,)
    if row is None:
        return ()
    linked_with = linked(tx, ticket_id)
    wanted = {*linked_with, *(each for each in (row.merged_into, row.link_hint) if each is not None)}
    named = {each.id: each.reference for each in tickets.get_many(tx, wanted)}
    joined = (each.reference for each in tx.execute(_JOINED, {"b_id": ticket_id, "b_most": _MOST}))
    return (
        *((("merged into", named[row.merged_into]),) if row.merged_into in named else ()),
        *(("joined here", reference) for reference in joined),
        *((("opened beside", named[row.link_hint]),) if row.link_hint in named else ()),
        *(("linked with", named[each]) for each in sorted(linked_with) if each in named),
    )


_ID = TICKET_LINK.c.ticket_id.type
_JOINED = (
    select(TICKET.c.reference)
    .where(text("merged_into IS NOT NULL"), TICKET.c.merged_into == bindparam("b_id", type_=_ID))
    .order_by(TICKET.c.id)
    .limit(bindparam("b_most"))
)
_UNLINK = delete(TICKET_LINK).where(
    TICKET_LINK.c.ticket_id == bindparam("b_one", type_=_ID), TICKET_LINK.c.other_id == bindparam("b_other", type_=_ID)
)
_LINKED = (
    select(TICKET_LINK.c.ticket_id, TICKET_LINK.c.other_id)
    .where(
        or_(
            TICKET_LINK.c.ticket_id == bindparam("b_id", type_=_ID),
            TICKET_LINK.c.other_id == bindparam("b_id", type_=_ID),
        )
    )
    .limit(bindparam("b_most"))
)
