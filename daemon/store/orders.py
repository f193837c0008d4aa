"""What agents ordered, read back from the journal: what can be undone, who answered a moment ago."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from daemon.core.agent import COLLISION_WITHIN, UNDO_WITHIN
from daemon.core.context import OtherReply
from daemon.core.decision import Change, EntryKind, Field
from daemon.store.schema import ENTRY, JOURNAL

CHANGED = "ticket.changed"
ARROW = " → "
_LINES = 20
_FIELDS = {field.value for field in Field}


def undoable(tx: Connection, ticket_id: int, by: str, *, now: datetime) -> tuple[Change, ...]:
    """The newest order of this agent on the ticket within the hour, when nobody has changed the ticket since."""
    since = now - UNDO_WITHIN
    rows = tx.execute(_CHANGED, {"ticket_id": ticket_id, "name": CHANGED, "since": since, "count": _LINES})
    newest = next(iter(rows), None)
    if newest is None:
        return ()
    facts = json.loads(newest.facts)
    if facts.get("by") != by:
        return ()
    found = ((name, str(value).partition(ARROW)) for name, value in facts.items() if name in _FIELDS)
    return tuple(Change(field=Field(name), before=before, after=after) for name, (before, _, after) in found)


def other_reply(tx: Connection, ticket_id: int, by: str, *, now: datetime) -> OtherReply | None:
    """The newest answer of another agent within the time in which two answers would collide."""
    values = {"ticket_id": ticket_id, "kind": EntryKind.REPLY.value, "by": by, "since": now - COLLISION_WITHIN}
    row = tx.execute(_REPLIED, values).first()
    return None if row is None else OtherReply(by=row.author, at=row.at)


_CHANGED = (
    select(JOURNAL.c.facts)
    .where(
        JOURNAL.c.ticket_id == bindparam("ticket_id"),
        JOURNAL.c.name == bindparam("name"),
        JOURNAL.c.at >= bindparam("since"),
    )
    .order_by(JOURNAL.c.id.desc())
    .limit(bindparam("count"))
)
_REPLIED = (
    select(ENTRY.c.author, ENTRY.c.at)
    .where(
        ENTRY.c.ticket_id == bindparam("ticket_id"),
        ENTRY.c.kind == bindparam("kind"),
        ENTRY.c.author != bindparam("by"),
        ENTRY.c.at >= bindparam("since"),
    )
    .order_by(ENTRY.c.id.desc())
    .limit(1)
)
