"""Estimates of first responses: made now and then from the desk's own history, looked up once for each new request.

`response` keeps, for each acknowledged request, what was estimated on its day (said or not) and how long the answer
took; `estimate` is the small table that a new request reads. Estimates that nobody was told are made all the same:
coverage is measured on them before the first one is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from daemon.core.calendar import BusinessCalendar, working_between
from daemon.core.decision import Decision
from daemon.core.estimate import Sample, cells, coverage, expected_at, fit, hour_of_week, learn
from daemon.core.notice import NoticeKind
from daemon.core.policy import Policy
from daemon.core.ticket import Ticket
from daemon.store.prepared import Prepared, inserting
from daemon.store.service import ESTIMATE, RESPONSE

HISTORY = 2_500  # requests that are looked back at
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What a look back came to: cells with an estimate, what their estimates of late covered, whether they are said."""

    cells: int
    measured: int
    coverage: float
    fit: bool


def expect(tx: Connection, decision: Decision, ticket: Ticket, policy: Policy, *, now: datetime) -> datetime | None:
    """Remember the new request with its estimate; the instant when it may be said, else None.

    Only of requests that are acknowledged and need nobody's approval: others are answered in other ways.
    """
    promise = decision.opening.promise if decision.opening is not None else None
    acknowledged = any(notice.kind is NoticeKind.ACKNOWLEDGMENT for notice in decision.notices)
    if promise is None or not acknowledged or decision.asks:
        return None
    calendar = policy.calendar(promise.calendar)
    hour = hour_of_week(now, calendar.zone)
    names = cells(ticket.category, ticket.tier, hour)
    found = {row.cell: row for row in _FIND.rows(tx, dict(zip(_CELLS, names, strict=True)))}
    row = next((found[name] for name in names if name in found), None)
    at = expected_at(calendar, now, row.took_s) if row is not None else None
    said = row is not None and bool(row.fit) and policy.estimates
    _REMEMBER.run(
        tx,
        {
            "ticket_id": ticket.id,
            "category": ticket.category,
            "tier": ticket.tier,
            "hour": hour,
            "calendar": calendar.name,
            "opened_at": now,
            "expected_at": at,
            "said": said,
            "took_s": None,
            "answered_at": None,
        },
    )
    return at if said else None


def answered(tx: Connection, ticket_id: int, policy: Policy, *, now: datetime) -> None:
    """A person answered: how long it took, if nobody had before."""
    row = _WAITING.first(tx, {"ticket_id": ticket_id})
    if row is None:
        return
    calendar = dict(policy.calendars).get(row.calendar)
    took = working_between(calendar, row.opened_at, now) // _SECOND if calendar is not None else None
    _ANSWERED.run(tx, {"b_ticket_id": ticket_id, "b_took_s": took, "b_now": now})


def forget(tx: Connection, ticket_id: int) -> None:
    """It says nothing of how quick we are: we waited for the requester first, or nobody waited for us."""
    tx.execute(_FORGET, {"ticket_id": ticket_id})


def refresh(tx: Connection, policy: Policy, *, now: datetime) -> Learnt:
    """Look back, and replace the table of estimates."""
    learnt, rows = look_back(tx, policy, now=now)
    store(tx, rows)
    return learnt


def look_back(tx: Connection, policy: Policy, *, now: datetime) -> tuple[Learnt, list[dict[str, object]]]:
    """What the newest requests teach; reads only."""
    history = tx.execute(_HISTORY, {"count": HISTORY}).all()
    held = [
        row.answered_at is not None and row.answered_at <= row.expected_at
        for row in history
        if row.expected_at is not None and row.expected_at <= now
    ]
    known = learn(_samples(history, dict(policy.calendars), now))
    good = fit(held)
    rows: list[dict[str, object]] = [
        {"cell": cell, "took_s": each.took_s, "amount": each.amount, "fit": good, "made_at": now}
        for cell, each in known.items()
    ]
    return Learnt(cells=len(rows), measured=len(held), coverage=coverage(held), fit=good), rows


def store(tx: Connection, rows: list[dict[str, object]]) -> None:
    """These are the estimates from now on."""
    tx.execute(delete(ESTIMATE))
    if rows:
        tx.execute(insert(ESTIMATE), rows)


def _samples(history: object, calendars: dict[str, BusinessCalendar], now: datetime) -> Iterator[Sample]:
    for row in history:  # type: ignore[attr-defined]
        calendar = calendars.get(row.calendar)
        if calendar is None or (row.answered_at is not None and row.took_s is None):
            continue  # of a calendar that is gone
        took = row.took_s if row.answered_at is not None else working_between(calendar, row.opened_at, now) // _SECOND
        yield Sample(
            category=row.category, tier=row.tier, hour=row.hour, took_s=took, answered=row.answered_at is not None
        )


_CELLS = ("one", "two", "three", "four", "five")
_FIND = Prepared(
    select(ESTIMATE.c.cell, ESTIMATE.c.took_s, ESTIMATE.c.fit).where(
        ESTIMATE.c.cell.in_([bindparam(name, type_=ESTIMATE.c.cell.type) for name in _CELLS])
    )
)
_REMEMBER = inserting(RESPONSE)
_WAITING = Prepared(
    select(RESPONSE.c.calendar, RESPONSE.c.opened_at).where(
        RESPONSE.c.ticket_id == bindparam("ticket_id"), RESPONSE.c.answered_at.is_(None)
    )
)
_ANSWERED = Prepared(
    update(RESPONSE)
    .where(RESPONSE.c.ticket_id == bindparam("b_ticket_id"))
    .values(took_s=bindparam("b_took_s"), answered_at=bindparam("b_now", type_=RESPONSE.c.answered_at.type))
)
_FORGET = delete(RESPONSE).where(RESPONSE.c.ticket_id == bindparam("ticket_id"), RESPONSE.c.answered_at.is_(None))
_HISTORY = select(RESPONSE).order_by(RESPONSE.c.ticket_id.desc()).limit(bindparam("count"))
