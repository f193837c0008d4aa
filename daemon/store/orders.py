"""What agents order, written field by field, and read back from the journal: what can be undone, who just answered."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, select

from daemon.core.agent import COLLISION_WITHIN, UNDO_WITHIN
from daemon.core.context import OtherReply
from daemon.core.decision import Change, EntryKind, Field
from daemon.core.separation import read_separation
from daemon.store import links, merges, outsiders, tickets
from daemon.store.prepared import Prepared
from daemon.store.schema import ENTRY, JOURNAL

CHANGED = "ticket.changed"
ARROW = " → "
_LINES = 20
_EVER = datetime(2000, 1, 1, tzinfo=UTC)
_FIELDS = {field.value for field in Field}
_JOURNALED = frozenset({Field.TIME, Field.SPLIT})  # what they do is done elsewhere; here they can be undone


def carry_out(tx: Connection, ticket_id: int, change: Change, *, now: datetime) -> None:
    """Write one change of an order, or its reverse."""
    if change.field in _JOURNALED:
        return
    if change.field is Field.LINK:
        for other in tickets.by_references(tx, [change.after or change.before]):
            if change.after:
                links.link(tx, ticket_id, other.id, now=now)
            else:
                links.unlink(tx, ticket_id, other.id)
        return
    if change.field is Field.OUTSIDE:
        if change.after:
            outsiders.invite(tx, ticket_id, change.after, now=now)
        else:
            outsiders.dismiss(tx, ticket_id, change.before)
        return
    if change.field is Field.MERGED_INTO and change.before:
        merges.part(tx, ticket_id, int(change.before))
    tickets.change(tx, ticket_id, change, now=now)
    if change.field is Field.MERGED_INTO and change.after:
        merges.join(tx, ticket_id, int(change.after), now=now)


def undoable(tx: Connection, ticket_id: int, by: str, *, now: datetime) -> tuple[Change, ...]:
    """The newest order of this agent on the ticket within the hour, when nobody has changed the ticket since.

    A ticket that was joined again after `#split` stays joined.
    """
    since = now - UNDO_WITHIN
    rows = _CHANGED.rows(tx, {"ticket_id": ticket_id, "name": CHANGED, "since": since, "count": _LINES})
    newest = next(iter(rows), None)
    if newest is None:
        return ()
    facts = json.loads(newest.facts)
    if facts.get("by") != by:
        return ()
    found = tuple(
        Change(field=Field(name), before=before, after=after)
        for name, (before, _, after) in (
            (name, str(value).partition(ARROW)) for name, value in facts.items() if name in _FIELDS
        )
    )
    return () if any(_is_settled(tx, change) for change in found) else found


def _is_settled(tx: Connection, change: Change) -> bool:
    """True for a separation that has been taken back, by whichever of the two tickets."""
    if change.field is not Field.SPLIT:
        return False
    apart = read_separation(change.after)
    return apart is None or merges.ends(tx, [apart.new])[apart.new] != apart.new


def closed_by(tx: Connection, ticket_id: int) -> str:
    """Who changed the status last, "" when it was no agent."""
    rows = _CHANGED.rows(tx, {"ticket_id": ticket_id, "name": CHANGED, "since": _EVER, "count": _LINES})
    lines = (json.loads(row.facts) for row in rows)
    return next((str(facts.get("by", "")) for facts in lines if Field.STATUS.value in facts), "")


def other_reply(tx: Connection, ticket_id: int, by: str, *, now: datetime) -> OtherReply | None:
    """The newest answer of another agent within the time in which two answers would collide."""
    values = {"ticket_id": ticket_id, "kind": EntryKind.REPLY.value, "by": by, "since": now - COLLISION_WITHIN}
    row = _REPLIED.first(tx, values)
    return None if row is None else OtherReply(by=row.author, at=row.at)


_CHANGED = Prepared(
    select(JOURNAL.c.facts)
    .where(
        JOURNAL.c.ticket_id == bindparam("ticket_id"),
        JOURNAL.c.name == bindparam("name"),
        JOURNAL.c.at >= bindparam("since"),
    )
    .order_by(JOURNAL.c.id.desc())
    .limit(bindparam("count"))
)
_REPLIED = Prepared(
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
