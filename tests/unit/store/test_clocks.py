"""Clocks: due once, claimed by one worker, cancelled by an answer; and the journal's promises."""

from __future__ import annotations

from datetime import timedelta

import pytest
from arrange import LEASE, a_ticket_in
from builders import NOW
from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import DBAPIError

from daemon.core.decision import ClockStart
from daemon.store import clocks, journal
from daemon.store.faults import LeaseLost
from daemon.store.schema import CLOCK, JOURNAL

HOUR = timedelta(hours=1)


def claim(tx: Connection, now=NOW, **over):  # type: ignore[no-untyped-def]
    return clocks.claim(tx, **{"owner": "node-1", "now": now, "lease": LEASE, **over})


@pytest.fixture
def ticket_id(tx: Connection) -> int:
    ticket = a_ticket_in(tx)
    clocks.stop(tx, ticket.id, ["first_response", "first_response_risk"], now=NOW)
    return ticket.id


def test_due_clocks_come_in_order(tx: Connection, ticket_id: int) -> None:
    """Only what is due, the earliest first."""
    starts = [ClockStart(name=f"c{hours}", due_at=NOW + hours * HOUR) for hours in (3, 1, 2)]
    clocks.start(tx, ticket_id, starts, now=NOW)

    due = claim(tx, now=NOW + 2 * HOUR)

    assert [(clock.name, clock.due_at, clock.ticket_id) for clock in due] == [
        ("c1", NOW + HOUR, ticket_id),
        ("c2", NOW + 2 * HOUR, ticket_id),
    ]


def test_starting_again_changes_nothing(tx: Connection, ticket_id: int) -> None:
    """Unique per ticket, name and instant: at most one notice per due time."""
    start = [ClockStart(name="c", due_at=NOW)]
    clocks.start(tx, ticket_id, start, now=NOW)
    (due,) = claim(tx)
    clocks.finish(tx, clock_id=due.clock_id, fence=due.fence, now=NOW)

    clocks.start(tx, ticket_id, start, now=NOW)

    assert claim(tx, now=NOW + LEASE) == ()


def test_a_dead_workers_clock_passes_on(tx: Connection, ticket_id: int) -> None:
    """The late worker's work is void."""
    clocks.start(tx, ticket_id, [ClockStart(name="c", due_at=NOW)], now=NOW)
    (late,) = claim(tx)
    assert claim(tx, owner="node-2") == ()

    (due,) = claim(tx, now=NOW + LEASE, owner="node-2")

    with pytest.raises(LeaseLost):
        clocks.finish(tx, clock_id=late.clock_id, fence=late.fence, now=NOW)
    clocks.finish(tx, clock_id=due.clock_id, fence=due.fence, now=NOW)


def test_a_stopped_clock_never_comes_due(tx: Connection, ticket_id: int) -> None:
    """Cancelled by name, only what is pending."""
    clocks.start(tx, ticket_id, [ClockStart(name="a", due_at=NOW), ClockStart(name="b", due_at=NOW)], now=NOW)

    clocks.stop(tx, ticket_id, ["a"], now=NOW)
    clocks.stop(tx, ticket_id, [], now=NOW)

    assert [clock.name for clock in claim(tx)] == ["b"]
    states = tx.execute(select(CLOCK.c.name, CLOCK.c.state).where(CLOCK.c.name.in_(("a", "b")))).all()
    assert {tuple(row) for row in states} == {("a", "cancelled"), ("b", "pending")}


def test_the_journal_reads_on_from_an_id(tx: Connection) -> None:
    """Integrations keep the last id and miss nothing."""
    for number in range(5):
        journal.append(tx, [journal.Line(name=f"n.{number}", facts=(("k", "v"), ("a", "b")))], now=NOW)

    first = journal.read(tx, limit=2)
    rest = journal.read(tx, after=first[-1].id)

    assert [line.name for line in first + rest] == [f"n.{number}" for number in range(5)]
    assert first[0].facts == (("k", "v"), ("a", "b"))
    assert journal.read(tx, after=rest[-1].id) == ()


@pytest.mark.parametrize("statement", [update(JOURNAL).values(name="x"), delete(JOURNAL)], ids=["update", "delete"])
def test_the_journal_cannot_be_rewritten(tx: Connection, statement) -> None:  # type: ignore[no-untyped-def]
    """Append-only is held by the database, not by good manners."""
    journal.append(tx, [journal.Line(name="ticket.opened", ticket_id=1)], now=NOW)

    with pytest.raises(DBAPIError, match="append-only"), tx.begin_nested():
        tx.execute(statement)

    assert [line.name for line in journal.of_ticket(tx, 1)] == ["ticket.opened"]
