"""The tick: an instant fires once, its own decision may end it, and nothing is left behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import NOW, a_policy, an_envelope
from sqlalchemy import text

from daemon.core.decision import ClockStart, Decision, EntryKind, Outcome
from daemon.core.policy import Policy
from daemon.core.reading import Reading
from daemon.core.ticket import Status
from daemon.core.trust import Proof, Trust
from daemon.loops.enact import Desked, enact
from daemon.loops.settle import settle_one
from daemon.loops.tick import LEASE, fire
from daemon.render import Renderer
from daemon.store import clocks, inbound
from daemon.store.engine import open_engine
from daemon.store.migrate import migrate
from tests.unit.loops.arrivals import an_arrival

POLICY: Policy = a_policy()
RENDERER = Renderer()


@pytest.fixture
def tx():
    engine = open_engine("sqlite://")
    migrate(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def desked(now=NOW):
    return Desked(policy=POLICY, renderer=RENDERER, now=now)


def a_ticket_in(tx):
    from builders import a_message

    inbound.accept_many(tx, [an_arrival()])
    (claimed,) = inbound.claim(tx, owner="t", now=NOW, lease=LEASE, limit=1)
    reading = Reading(message=a_message(message_id=claimed.message_id), trust=Trust(proof=Proof.DOMAIN))
    assert an_envelope().desk == "help"
    return settle_one(tx, claimed, reading, desked()).enacted.ticket


def tick(tx, now):
    return [fire(tx, clock, desked(now)) for clock in clocks.claim(tx, owner="t", now=now, lease=LEASE, limit=50)]


def test_an_instant_that_closes_the_ticket_ends_itself(tx):
    """The decision stops every clock of the ticket, this one among them; it does not come back."""
    ticket = a_ticket_in(tx)
    solved = Decision(
        outcome=Outcome.APPEND,
        reason="x",
        append_to=ticket.id,
        entry=EntryKind.NOTE,
        status=Status.SOLVED,
        first_response=True,
    )
    enact(tx, solved, desked())

    assert tick(tx, NOW + timedelta(days=30)) == ["late", "solved and not reopened"]  # the survey, then the closing
    assert tick(tx, NOW + timedelta(days=60)) == []
    assert tx.execute(text("SELECT count(*) FROM clock WHERE ended_at IS NULL")).scalar() == 0


def test_a_fired_instant_never_fires_again(tx):
    """At most one notice for a ticket, a clock and an instant, however often it is started."""
    ticket = a_ticket_in(tx)
    again = ClockStart(name="first_response_reminder", due_at=NOW + timedelta(hours=1))
    clocks.stop(tx, ticket.id, ("first_response_reminder",), now=NOW)
    clocks.start(tx, ticket.id, (again,), now=NOW)

    first = tick(tx, NOW + timedelta(hours=1))
    clocks.start(tx, ticket.id, (again,), now=NOW)

    assert "target comes near" in first
    assert tick(tx, NOW + timedelta(hours=1)) == []


def test_a_cancelled_instant_can_be_watched_again(tx):
    """A wait that took no working time gives the same instant back: it must not be lost."""
    ticket = a_ticket_in(tx)
    instant = ClockStart(name="resolution", due_at=NOW + timedelta(hours=5))
    clocks.start(tx, ticket.id, (instant,), now=NOW)
    clocks.stop(tx, ticket.id, ("resolution",), now=NOW)
    clocks.start(tx, ticket.id, (instant,), now=NOW)

    assert instant in clocks.coming(tx, ticket.id)


def test_a_week_of_downtime_makes_no_mail_but_counts(tx):
    """All instants of six days fire at once: the promise is broken, no reminder goes out."""
    a_ticket_in(tx)

    tick(tx, NOW + timedelta(days=6))

    assert tx.execute(text("SELECT state FROM promise")).scalar() == "broken"
    assert tx.execute(text("SELECT count(*) FROM outbox WHERE kind IN ('rem', 'stat', 'ttr')")).scalar() == 0
    assert tx.execute(text("SELECT count(*) FROM clock WHERE ended_at IS NULL AND name = 'long_open'")).scalar() == 1
