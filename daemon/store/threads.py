"""Threads: which ticket a Message-ID or a fingerprint belongs to.

Remembers the ids of mails on a ticket, the ancestors they name (a reply may share an ancestor
that we never saw) and our own. What a stranger can plant here is a hint at most: `match_thread`
lets in participants only. Lookups are bounded and prefer ids of mails that we have.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, or_, select, text

from daemon.core.address import Address
from daemon.core.decision import EntryKind
from daemon.core.notice import NoticeKind
from daemon.store.columns import key
from daemon.store.prepared import Prepared, inserting
from daemon.store.rows import insert_absent
from daemon.store.schema import ENTRY, FINGERPRINT, FOREIGN_TICKET, INBOUND, MESSAGE_REF, OUTBOX, TICKET

MAIL, ANCESTOR, OWN = "mail", "ancestor", "own"
_FOUND = 100  # a planted ancestor may name thousands of tickets
_AWAITED = 10
_EXCHANGED = 20  # mails of each side in the References of an answer
_REMEMBERED = 51  # the mail itself and the ids that `find_clues` reads


def remember(tx: Connection, ticket_id: int, marks: Sequence[tuple[str, str]]) -> None:
    """These (Message-ID, origin) belong to the ticket; an id that is known there keeps its first origin."""
    rows = [
        {"message_id": message_id, "ticket_id": ticket_id, "origin": origin}
        for message_id, origin in dict(reversed(marks[:_REMEMBERED])).items()
        if message_id
    ]
    insert_absent(tx, MESSAGE_REF, rows)


def tickets_of(tx: Connection, message_ids: Collection[str], *, desk: str) -> tuple[tuple[str, int], ...]:
    """(Message-ID as asked, ticket id) of the tickets of this desk, mails that we have before ancestors."""
    asked = {key(message_id): message_id for message_id in message_ids if message_id}
    if not asked:
        return ()
    rows = tx.execute(_TICKETS_OF, {"ids": list(asked), "desk": desk})
    return tuple((asked[row.message_id], row.ticket_id) for row in rows if row.message_id in asked)


def forget(tx: Connection, ticket_id: int, message_id: str) -> None:
    """This mail has left the ticket."""
    tx.execute(_FORGET, {"b_message": message_id, "b_ticket": ticket_id})


def waiting_for(tx: Connection, message_id: str, *, desk: str) -> tuple[int, ...]:
    """Tickets of this desk with a mail that names this one, which has not been seen yet: it came out of order."""
    if not message_id:
        return ()
    rows = _WAITING.rows(tx, {"message_id": message_id, "desk": desk, "origin": ANCESTOR, "count": _AWAITED})
    return tuple(row.ticket_id for row in rows)


def map_foreign(tx: Connection, desk: str, system: str, numbers: Mapping[str, int]) -> None:
    """Numbers of the desk software that a desk came from, with our tickets; a number that is known stays."""
    rows = [
        {"desk": desk, "system": system, "number": number, "ticket_id": ticket_id}
        for number, ticket_id in numbers.items()
    ]
    insert_absent(tx, FOREIGN_TICKET, rows)


def foreign(tx: Connection, tags: Collection[tuple[str, str]], *, desk: str) -> tuple[tuple[str, int], ...]:
    """(tag in words, ticket id) of those of the (system, number) tags that were mapped."""
    found = ((tag, _FOREIGN.scalar(tx, {"desk": desk, "system": tag[0], "number": tag[1]})) for tag in tags)
    return tuple((f"{tag[0]} {tag[1]}", int(ticket_id)) for tag, ticket_id in found if ticket_id is not None)


def between(tx: Connection, ticket_id: int, person: Address) -> tuple[tuple[str, ...], str]:
    """Message-IDs of what `person` and we wrote to each other on the ticket, oldest first, and of his last mail."""
    values = {"b_ticket": ticket_id, "b_person": person.key, "b_count": _EXCHANGED}
    heard = [(row.at, 0, row.message_id) for row in _HEARD.rows(tx, values) if row.message_id]
    said = [  # at the same instant as what it acknowledges, so after it
        (row.at, 1, row.message_id)
        for row in _SAID.rows(tx, {"b_ticket": ticket_id, "b_person": str(person), "b_count": _EXCHANGED})
    ]
    last = heard[0][2] if heard else ""
    return tuple(dict.fromkeys(message_id for _, _, message_id in sorted([*heard, *said]))), last


def imprint(tx: Connection, ticket_id: int, fingerprint: str, *, desk: str, now: datetime) -> None:
    """A mail with this fingerprint is on the ticket."""
    if fingerprint:
        _IMPRINT.run(tx, {"hash": fingerprint, "desk": desk, "ticket_id": ticket_id, "at": now})


def repeats(
    tx: Connection, fingerprint: str, *, window: timedelta, now: datetime, limit: int = 20
) -> tuple[tuple[str, int], ...]:
    """(desk, ticket id) of mails with this fingerprint within the window, newest first."""
    if not fingerprint:
        return ()
    rows = _REPEATS.rows(tx, {"hash": fingerprint, "since": now - window, "count": limit})
    return tuple((row.desk, row.ticket_id) for row in rows)


_IMPRINT = inserting(FINGERPRINT)
_FORGET = delete(MESSAGE_REF).where(
    MESSAGE_REF.c.message_id == bindparam("b_message", type_=MESSAGE_REF.c.message_id.type),
    MESSAGE_REF.c.ticket_id == bindparam("b_ticket", type_=MESSAGE_REF.c.ticket_id.type),
)
_WAITING = Prepared(
    select(MESSAGE_REF.c.ticket_id)
    .join(TICKET, TICKET.c.id == MESSAGE_REF.c.ticket_id)
    .where(
        MESSAGE_REF.c.message_id == bindparam("message_id"),
        MESSAGE_REF.c.origin == bindparam("origin"),
        TICKET.c.desk == bindparam("desk"),
    )
    .order_by(MESSAGE_REF.c.ticket_id)
    .limit(bindparam("count"))
)
_FOREIGN = Prepared(
    select(FOREIGN_TICKET.c.ticket_id).where(
        FOREIGN_TICKET.c.desk == bindparam("desk"),
        FOREIGN_TICKET.c.system == bindparam("system"),
        FOREIGN_TICKET.c.number == bindparam("number"),
    )
)
_HEARD = Prepared(
    select(ENTRY.c.at, INBOUND.c.message_id)
    .join(INBOUND, INBOUND.c.id == ENTRY.c.inbound_id)
    .where(
        ENTRY.c.ticket_id == bindparam("b_ticket", type_=ENTRY.c.ticket_id.type),
        ENTRY.c.author == bindparam("b_person", type_=ENTRY.c.author.type),
        or_(ENTRY.c.kind == EntryKind.REQUEST.value, ENTRY.c.kind == EntryKind.FOLLOW_UP.value),
    )
    .order_by(ENTRY.c.id.desc())
    .limit(bindparam("b_count"))
)
_SAID = Prepared(
    select(OUTBOX.c.created_at.label("at"), OUTBOX.c.message_id)
    .where(
        OUTBOX.c.ticket_id == bindparam("b_ticket", type_=OUTBOX.c.ticket_id.type),
        OUTBOX.c.recipient == bindparam("b_person", type_=OUTBOX.c.recipient.type),
        or_(OUTBOX.c.kind == NoticeKind.ACKNOWLEDGMENT.value, OUTBOX.c.kind == NoticeKind.REPLY.value),
    )
    .order_by(OUTBOX.c.id.desc())
    .limit(bindparam("b_count"))
)
_TICKETS_OF = (
    select(MESSAGE_REF.c.message_id, MESSAGE_REF.c.ticket_id)
    .join(TICKET, TICKET.c.id == MESSAGE_REF.c.ticket_id)
    .where(MESSAGE_REF.c.message_id.in_(bindparam("ids", expanding=True)), TICKET.c.desk == bindparam("desk"))
    .order_by(text("CASE origin WHEN 'ancestor' THEN 1 ELSE 0 END"), MESSAGE_REF.c.ticket_id.desc())
    .limit(_FOUND)
)
_REPEATS = Prepared(
    select(FINGERPRINT.c.desk, FINGERPRINT.c.ticket_id)
    .where(FINGERPRINT.c.hash == bindparam("hash"), FINGERPRINT.c.at >= bindparam("since"))
    .order_by(FINGERPRINT.c.at.desc())
    .limit(bindparam("count"))
)
