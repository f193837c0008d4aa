"""The journal: what happened, append-only, by increasing id. Integrations read it from their last id on.

Lines are written under `exclusive`, so ids appear in commit order and a reader that goes on from
its last id misses none. Triggers refuse UPDATE and DELETE on both engines. No bodies.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, select

from daemon.store.columns import bounded
from daemon.store.engine import exclusive
from daemon.store.prepared import inserting
from daemon.store.schema import JOURNAL

_FACT_CHARACTERS = 500
_FACTS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A fact to be written: `name` like `ticket.opened`."""

    name: str
    inbound_id: int | None = None
    ticket_id: int | None = None
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A line as it stands in the journal."""

    id: int
    at: datetime
    name: str
    inbound_id: int | None
    ticket_id: int | None
    facts: tuple[tuple[str, str], ...]


def append(tx: Connection, lines: Sequence[Line], *, now: datetime) -> None:
    """Write `lines` in order."""
    if not lines:
        return
    exclusive(tx)
    _INSERT.many(
        tx,
        [
            {
                "at": now,
                "name": bounded(line.name, 64),
                "inbound_id": line.inbound_id,
                "ticket_id": line.ticket_id,
                "facts": _pack(line.facts),
            }
            for line in lines
        ],
    )


def read(tx: Connection, *, after: int = 0, limit: int = 1000) -> tuple[Written, ...]:
    """At most `limit` lines with an id above `after`, in order."""
    return tuple(map(_load, tx.execute(_READ, {"after": after, "count": limit})))


def of_inbound(tx: Connection, inbound_id: int) -> tuple[Written, ...]:
    """All lines about one mail, in order."""
    return tuple(map(_load, tx.execute(_OF_INBOUND, {"id": inbound_id})))


def of_ticket(tx: Connection, ticket_id: int, *, limit: int = 1000) -> tuple[Written, ...]:
    """The first `limit` lines about one ticket, in order."""
    return tuple(map(_load, tx.execute(_OF_TICKET, {"id": ticket_id, "count": limit})))


def _pack(facts: tuple[tuple[str, str], ...]) -> str:
    kept = {bounded(str(name), 300): bounded(str(value), _FACT_CHARACTERS) for name, value in facts[:_FACTS]}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def _load(row: Row[tuple[int, datetime, str, int | None, int | None, str]]) -> Written:
    return Written(
        id=row.id,
        at=row.at,
        name=row.name,
        inbound_id=row.inbound_id,
        ticket_id=row.ticket_id,
        facts=tuple(json.loads(row.facts).items()),
    )


_INSERT = inserting(JOURNAL)
_READ = select(JOURNAL).where(JOURNAL.c.id > bindparam("after")).order_by(JOURNAL.c.id).limit(bindparam("count"))
_OF_INBOUND = select(JOURNAL).where(JOURNAL.c.inbound_id == bindparam("id")).order_by(JOURNAL.c.id).limit(1000)
_OF_TICKET = (
    select(JOURNAL).where(JOURNAL.c.ticket_id == bindparam("id")).order_by(JOURNAL.c.id).limit(bindparam("count"))
)
