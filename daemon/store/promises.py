"""Promises: the instants people were told, counted as kept or broken against what was said.

A revised promise is a new row; the old one stays as it was sent. A first response by a person
answers the open promise; the tick loop breaks it when its instant has passed.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, case, func, or_, select, update

from daemon.core.sla import Promise
from daemon.store.prepared import Prepared, inserting
from daemon.store.schema import PROMISE


def make(tx: Connection, ticket_id: int, promise: Promise, *, now: datetime, first: bool = False) -> int:
    """A promise on the ticket; one that is open becomes revised. Returns its sequence, from 1.

    `first`: the ticket is new and has none.
    """
    last = 0 if first else _LAST.scalar(tx, {"ticket_id": ticket_id}) or 0
    if last:
        _REVISE.run(tx, {"b_ticket_id": ticket_id})
    _INSERT.run(
        tx,
        {
            "ticket_id": ticket_id,
            "sequence": last + 1,
            "due_at": promise.due_at,
            "zone": promise.zone,
            "calendar": promise.calendar,
            "target_s": int(promise.target.total_seconds()),
            "hours": str(promise.hours),
            "holiday": promise.holiday,
            "said": "",
            "made_at": now,
            "state": "open",
        },
    )
    return int(last) + 1


def say(tx: Connection, ticket_id: int, *, due_at: datetime, said: str, notice_id: int) -> None:
    """The notice that says the promise of this instant was queued, in these words."""
    _SAY.run(tx, {"b_ticket_id": ticket_id, "b_due_at": due_at, "b_said": said, "b_notice_id": notice_id})


def answer(tx: Connection, ticket_id: int, *, now: datetime) -> None:
    """A person answered: the open promise is kept, or broken when its instant has passed."""
    _ANSWER.run(tx, {"b_ticket_id": ticket_id, "b_now": now})


def suspend(tx: Connection, ticket_id: int, *, state: str) -> None:
    """The open promise counts no more: `revised` (it stands still while we wait) or `void` (nobody waits for it)."""
    _SUSPEND.run(tx, {"b_ticket_id": ticket_id, "b_state": state})


def break_open(tx: Connection, ticket_id: int, *, now: datetime) -> None:
    """The instant has passed without an answer."""
    _BREAK.run(tx, {"b_ticket_id": ticket_id, "b_now": now})


_INSERT = inserting(PROMISE)
_TICKET = PROMISE.c.ticket_id == bindparam("b_ticket_id")
_OPEN = PROMISE.c.state == "open"
_LAST = Prepared(select(func.max(PROMISE.c.sequence)).where(PROMISE.c.ticket_id == bindparam("ticket_id")))
_REVISE = Prepared(update(PROMISE).where(_TICKET, _OPEN).values(state="revised"))
_SUSPEND = Prepared(update(PROMISE).where(_TICKET, _OPEN).values(state=bindparam("b_state")))
_SAY = Prepared(
    update(PROMISE)
    .where(_TICKET, PROMISE.c.due_at == bindparam("b_due_at"), PROMISE.c.said == "")
    .values(said=bindparam("b_said"), notice_id=bindparam("b_notice_id"))
)
_NOW = bindparam("b_now", type_=PROMISE.c.due_at.type)
_ANSWER = Prepared(
    update(PROMISE)
    .where(_TICKET, or_(_OPEN, PROMISE.c.state == "broken"), PROMISE.c.answered_at.is_(None))
    .values(
        state=case((PROMISE.c.state == "broken", "broken"), (PROMISE.c.due_at < _NOW, "broken"), else_="kept"),
        answered_at=_NOW,
    )
)
_BREAK = Prepared(update(PROMISE).where(_TICKET, _OPEN, PROMISE.c.due_at <= _NOW).values(state="broken"))
