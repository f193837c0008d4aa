"""The course of a ticket, written and read back: turns of clocks are journal lines, instants are clock rows.

Turns stand in the append-only journal, with the target and the calendar that a start was given, so they are the same
for `explain`, for the tick loop and for a report years later.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from daemon.core.clock import APPROVAL, ClockEvent, Turn
from daemon.core.course import Ledger, concerns, course
from daemon.core.decision import Decision
from daemon.core.policy import Policy
from daemon.core.ticket import Ticket
from daemon.store import approvals, clocks, estimates, journal, promises, tickets
from daemon.store.prepared import Prepared
from daemon.store.schema import JOURNAL

TURNED = "clock.turned"
_LIMIT = 500  # turns of one ticket that are looked at; the newest count


def advance(tx: Connection, decision: Decision, before: Ticket, policy: Policy, *, now: datetime) -> None:
    """All that follows from `decision` for clocks and the open promise; `before` is the ticket as it stood."""
    if not concerns(decision):
        return
    turned = () if decision.opening is not None else history(tx, before.id)
    follows = course(decision, before, policy, now, turned)
    clocks.stop(tx, before.id, follows.stop, now=now)
    clocks.start(tx, before.id, follows.start, now=now)
    journal.append(tx, [_line(turn, before.id) for turn in follows.turns], now=now)
    approval = {turn.turn for turn in follows.turns if turn.clock == APPROVAL}
    if Turn.STOP in approval and Turn.START not in approval:
        approvals.void(tx, before.id, now=now)
    match follows.ledger:
        case Ledger.ANSWERED:
            tickets.set_first_response(tx, before.id, now=now)
            promises.answer(tx, before.id, now=now)
            estimates.answered(tx, before.id, policy, now=now)
        case Ledger.REVISED | Ledger.VOID as state:
            promises.suspend(tx, before.id, state=state.value)
            estimates.forget(tx, before.id)
        case None:
            pass


def history(tx: Connection, ticket_id: int) -> tuple[ClockEvent, ...]:
    """The turns of the ticket's clocks, in order."""
    rows = _TURNS.rows(tx, {"ticket_id": ticket_id, "name": TURNED, "count": _LIMIT})
    return tuple(reversed([_event(row.id, row.at, row.facts) for row in rows]))


def _line(turn: ClockEvent, ticket_id: int) -> journal.Line:
    facts = [("clock", turn.clock), ("turn", turn.turn.value), ("why", turn.why)]
    if turn.turn is Turn.START:
        facts += [
            ("calendar", turn.calendar),
            ("target_s", str(int(turn.target.total_seconds()))),
            ("tier", str(turn.tier)),
        ]
    return journal.Line(name=TURNED, ticket_id=ticket_id, facts=tuple(facts))


def _event(line_id: int, at: datetime, packed: str) -> ClockEvent:
    facts = json.loads(packed)
    return ClockEvent(
        clock=facts["clock"],
        turn=Turn(facts["turn"]),
        at=at,
        why=facts.get("why", ""),
        sequence=line_id,
        calendar=facts.get("calendar", ""),
        target=timedelta(seconds=int(facts.get("target_s", 0))),
        tier=int(facts.get("tier", 0)),
    )


_TURNS = Prepared(
    select(JOURNAL.c.id, JOURNAL.c.at, JOURNAL.c.facts)
    .where(JOURNAL.c.ticket_id == bindparam("ticket_id"), JOURNAL.c.name == bindparam("name"))
    .order_by(JOURNAL.c.id.desc())
    .limit(bindparam("count"))
)
