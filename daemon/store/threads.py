"""Threads: which ticket a Message-ID or a fingerprint belongs to.

Remembers the ids of mails on a ticket, the ancestors they name (a reply may share an ancestor
that we never saw) and our own. What a stranger can plant here is a hint at most: `match_thread`
lets in participants only. Lookups are bounded and prefer ids of mails that we have.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select, text

from daemon.store.columns import key
from daemon.store.prepared import Prepared, inserting
from daemon.store.rows import insert_absent
from daemon.store.schema import FINGERPRINT, MESSAGE_REF, TICKET

MAIL, ANCESTOR, OWN = "mail", "ancestor", "own"
_FOUND = 100  # a planted ancestor may name thousands of tickets
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
