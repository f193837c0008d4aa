"""Tickets: rows, their entries and the people who take part. Changed only by `apply`.

The number people quote is the row's id (from 1001) behind the desk's prefix, so a quoted
number is looked up by primary key.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select, update

from daemon.core.address import Address
from daemon.core.decision import Change, EntryKind, Field, Opening
from daemon.core.entry import Entry
from daemon.core.ticket import Kind, Priority, Status, Ticket, TicketId
from daemon.store.envelopes import address_of
from daemon.store.prepared import Prepared, inserting
from daemon.store.rows import insert_absent, new_ids
from daemon.store.schema import ENTRY, PARTICIPANT, TICKET


def open_ticket(tx: Connection, opening: Opening, *, prefix: str, thread_root: str, now: datetime) -> Ticket:
    """Insert the ticket with its requester as first participant; returns it as stored."""
    ticket_id = TicketId(new_ids(tx, TICKET)[0])
    requester = opening.requester
    ticket = Ticket(
        id=ticket_id,
        reference=f"{prefix}-{ticket_id}",
        desk=opening.desk,
        requester=requester,
        requester_name=opening.requester_name,
        subject=opening.subject,
        category=opening.category,
        tier=opening.tier,
        kind=opening.kind,
        priority=opening.priority,
        status=Status.NEW,
        team=opening.team,
        proven=opening.proven,
        language=opening.language,
        zone=opening.zone,
        opened_at=now,
        promised_at=None if opening.promise is None else opening.promise.due_at,
        thread_root=thread_root,
        thread_index=opening.thread_index,
    )
    _INSERT.run(tx, _row(ticket, opening, now))
    if requester is not None:
        add_participant(tx, ticket_id, requester, role="requester", now=now)
    return ticket


def get(tx: Connection, ticket_id: int) -> Ticket | None:
    """The ticket, or None."""
    return next(iter(get_many(tx, [ticket_id])), None)


def get_many(tx: Connection, ticket_ids: Collection[int]) -> tuple[Ticket, ...]:
    """Those of the tickets that exist, by id."""
    return tuple(load(row) for row in rows_of(tx, ticket_ids))


def by_references(tx: Connection, references: Collection[str]) -> tuple[Ticket, ...]:
    """The tickets that are called so; unknown references are left out."""
    if not references:
        return ()
    return tuple(load(row) for row in tx.execute(_BY_REFERENCE, {"references": list(references)}))


def rows_of(tx: Connection, ticket_ids: Collection[int]) -> tuple[Row[Any], ...]:
    """The stored rows (with `merged_into`), by id."""
    return _each(tx, ticket_ids, _GET_ONE, _GET)


def _each(tx: Connection, ids: Collection[int], one: Prepared, all_: Select[Any]) -> tuple[Row[Any], ...]:
    """The rows of these tickets: a few single reads are quicker than one list that is put together anew."""
    if len(ids) > _FEW:
        return tuple(tx.execute(all_, {"ids": sorted(ids)}))
    return tuple(row for ticket_id in sorted(ids) for row in one.rows(tx, {"id": ticket_id}))


def append(tx: Connection, ticket_id: int, entry: Entry) -> None:
    """Put a mail on the ticket; the same mail a second time changes nothing."""
    added = insert_absent(
        tx,
        ENTRY,
        [
            {
                "ticket_id": ticket_id,
                "inbound_id": entry.inbound_id,
                "kind": str(entry.kind),
                "author": entry.author,
                "author_name": entry.author_name,
                "subject": entry.subject,
                "text": entry.text,
                "at": entry.at,
            }
        ],
    )
    if added and entry.kind is not EntryKind.REQUEST:
        _TOUCH.run(tx, {"b_id": ticket_id, "b_now": entry.at})


def entries(tx: Connection, ticket_id: int, *, limit: int = 500) -> tuple[Entry, ...]:
    """The first `limit` entries in order."""
    return tuple(map(entry_of, tx.execute(_ENTRIES, {"ticket_id": ticket_id, "count": limit})))


def entry_of(row: Row[Any]) -> Entry:
    """The value of a stored row."""
    return Entry(
        inbound_id=row.inbound_id,
        kind=EntryKind(row.kind),
        author=row.author,
        author_name=row.author_name,
        subject=row.subject,
        text=row.text,
        at=row.at,
    )


def add_participant(tx: Connection, ticket_id: int, address: Address, *, role: str, now: datetime) -> None:
    """Let `address` take part; one who takes part already keeps the first role."""
    insert_absent(tx, PARTICIPANT, [{"ticket_id": ticket_id, "address": address.key, "role": role, "since": now}])


def add_copied(tx: Connection, ticket_id: int, addresses: Collection[Address], *, now: datetime) -> None:
    """Let these people's answers onto the ticket; nothing is ever sent to them because of it."""
    rows = [{"ticket_id": ticket_id, "address": each.key, "role": "copied", "since": now} for each in addresses]
    insert_absent(tx, PARTICIPANT, rows)


def participants(tx: Connection, ticket_ids: Collection[int]) -> dict[int, frozenset[str]]:
    """Ticket id → `Address.key` of all who take part."""
    found: dict[int, set[str]] = {ticket_id: set() for ticket_id in ticket_ids}
    if ticket_ids:
        for row in _each(tx, ticket_ids, _PARTICIPANTS_OF, _PARTICIPANTS):
            found[row.ticket_id].add(row.address)
    return {ticket_id: frozenset(addresses) for ticket_id, addresses in found.items()}


def set_status(tx: Connection, ticket_id: int, status: Status, *, now: datetime) -> None:
    """The ticket stands here now; `decide` has looked up the transition."""
    _STATUS.run(tx, {"b_id": ticket_id, "b_status": str(status), "b_now": now})
    (_SOLVED if status in _ENDED else _REOPENED).run(tx, {"b_id": ticket_id, **_when(status, now)})


def mute(tx: Connection, ticket_id: int, *, muted: bool) -> None:
    """The requester wants no more news of the ticket, or wants them again."""
    tx.execute(_MUTE, {"b_id": ticket_id, "b_muted": muted})


def set_promised(tx: Connection, ticket_id: int, due_at: datetime) -> None:
    """The instant by which a person will answer."""
    _PROMISED.run(tx, {"b_id": ticket_id, "b_due_at": due_at})


def set_first_response(tx: Connection, ticket_id: int, *, now: datetime) -> None:
    """A person has answered; only the first answer counts."""
    _FIRST_RESPONSE.run(tx, {"b_id": ticket_id, "b_now": now})


def change(tx: Connection, ticket_id: int, changed: Change, *, now: datetime) -> None:
    """Write one field of the ticket's own row (`orders.carry_out` knows the others)."""
    value: object = changed.after
    if changed.field is Field.STATUS:
        set_status(tx, ticket_id, Status(changed.after), now=now)
        return
    if changed.field is Field.TIER:
        value = int(changed.after)
    elif changed.field is Field.MERGED_INTO:
        value = int(changed.after) if changed.after else None
    column = TICKET.c[changed.field.value]
    tx.execute(update(TICKET).where(TICKET.c.id == ticket_id).values({column: value, TICKET.c.changed_at: now}))


def last_language(tx: Connection, address: Address) -> str:
    """The language of the address' newest ticket, "" when it has none."""
    return str(_LAST_LANGUAGE.scalar(tx, {"key": address.key}) or "")


def _when(status: Status, now: datetime) -> dict[str, datetime]:
    return {"b_now": now} if status in _ENDED else {}


def load(row: Row[Any]) -> Ticket:
    """The value of a stored row."""
    return Ticket(
        id=TicketId(row.id),
        reference=row.reference,
        desk=row.desk,
        requester=address_of(row.requester),
        requester_name=row.requester_name,
        subject=row.subject,
        category=row.category,
        tier=row.tier,
        kind=Kind(row.kind),
        priority=Priority(row.priority),
        status=Status(row.status),
        team=row.team,
        assignee=row.assignee,
        proven=bool(row.proven),
        language=row.language,
        zone=row.zone,
        opened_at=row.opened_at,
        promised_at=row.promised_at,
        thread_root=row.thread_root,
        thread_index=row.thread_index,
        answered_at=row.first_response_at,
        solved_at=row.solved_at,
        close_reason=row.close_reason,
        cause=row.cause,
        resolution=row.resolution,
        muted=bool(row.muted),
    )


def _row(ticket: Ticket, opening: Opening, now: datetime) -> dict[str, Any]:
    requester = ticket.requester
    return {
        "id": ticket.id,
        "reference": ticket.reference,
        "desk": ticket.desk,
        "requester": None if requester is None else str(requester),
        "requester_key": "" if requester is None else requester.key,
        "requester_name": ticket.requester_name,
        "subject": ticket.subject,
        "category": ticket.category,
        "tier": ticket.tier,
        "kind": str(ticket.kind),
        "priority": str(ticket.priority),
        "team": ticket.team,
        "assignee": ticket.assignee,
        "status": str(ticket.status),
        "proven": ticket.proven,
        "language": ticket.language,
        "zone": ticket.zone,
        "confidence": opening.confidence,
        "model_id": opening.model_id,
        "suggested": opening.suggested,
        "link_hint": opening.link_hint,
        "thread_root": ticket.thread_root,
        "thread_index": ticket.thread_index,
        "opened_at": now,
        "changed_at": now,
        "promised_at": ticket.promised_at,
        "close_reason": "",
        "cause": "",
        "resolution": "",
        "muted": False,
    }


_THIS = TICKET.c.id == bindparam("b_id")
_INSERT = inserting(TICKET)
_BY_REFERENCE = select(TICKET).where(TICKET.c.reference.in_(bindparam("references", expanding=True)))
_FEW = 3
_GET_ONE = Prepared(select(TICKET).where(TICKET.c.id == bindparam("id")))
_GET = select(TICKET).where(TICKET.c.id.in_(bindparam("ids", expanding=True))).order_by(TICKET.c.id)
_TOUCH = Prepared(update(TICKET).where(_THIS).values(changed_at=bindparam("b_now")))
_STATUS = Prepared(update(TICKET).where(_THIS).values(status=bindparam("b_status"), changed_at=bindparam("b_now")))
_ENDED = frozenset({Status.SOLVED, Status.CLOSED})
_NOW = bindparam("b_now", type_=TICKET.c.solved_at.type)
_SOLVED = Prepared(update(TICKET).where(_THIS, TICKET.c.solved_at.is_(None)).values(solved_at=_NOW))
_REOPENED = Prepared(update(TICKET).where(_THIS, TICKET.c.solved_at.is_not(None)).values(solved_at=None))
_MUTE = update(TICKET).where(_THIS).values(muted=bindparam("b_muted"))
_PROMISED = Prepared(update(TICKET).where(_THIS).values(promised_at=bindparam("b_due_at")))
_FIRST_RESPONSE = Prepared(
    update(TICKET)
    .where(_THIS)
    .values(
        first_response_at=func.coalesce(
            TICKET.c.first_response_at, bindparam("b_now", type_=TICKET.c.first_response_at.type)
        )
    )
)
_LAST_LANGUAGE = Prepared(
    select(TICKET.c.language).where(TICKET.c.requester_key == bindparam("key")).order_by(TICKET.c.id.desc()).limit(1)
)
_ENTRIES = (
    select(ENTRY).where(ENTRY.c.ticket_id == bindparam("ticket_id")).order_by(ENTRY.c.id).limit(bindparam("count"))
)
_PARTICIPANTS_OF = Prepared(
    select(PARTICIPANT.c.ticket_id, PARTICIPANT.c.address).where(PARTICIPANT.c.ticket_id == bindparam("id"))
)
_PARTICIPANTS = select(PARTICIPANT.c.ticket_id, PARTICIPANT.c.address).where(
    PARTICIPANT.c.ticket_id.in_(bindparam("ids", expanding=True))
)
