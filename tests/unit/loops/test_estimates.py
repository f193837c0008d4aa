"""Estimates in the store: remembered at the opening, measured at the answer, said only when they hold."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW, a_message, a_policy
from sqlalchemy import text

from daemon.core.decision import Decision, EntryKind, Outcome
from daemon.core.reading import Reading
from daemon.core.ticket import Status
from daemon.core.trust import Proof, Trust
from daemon.loops.enact import Desked, enact
from daemon.loops.settle import settle_one
from daemon.loops.tick import LEASE
from daemon.render import Renderer
from daemon.store import estimates, inbound
from daemon.store.engine import open_engine
from daemon.store.migrate import migrate
from tests.unit.loops.arrivals import an_arrival

POLICY = a_policy()
RENDERER = Renderer()


@pytest.fixture
def tx():
    engine = open_engine("sqlite://")
    migrate(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def desked(policy=POLICY, now=NOW):
    return Desked(policy=policy, renderer=RENDERER, now=now)


def request(tx, *, policy=POLICY, number=1, proof=Proof.DOMAIN):
    inbound.accept_many(tx, [an_arrival(number)])
    (claimed,) = inbound.claim(tx, owner="t", now=NOW, lease=LEASE, limit=1)
    message = a_message(f"request {number}", from_=f"p@d{number}.example", message_id=claimed.message_id)
    return settle_one(tx, claimed, Reading(message=message, trust=Trust(proof=proof)), desked(policy)).enacted.ticket


def known(tx, *, fit: bool, took_s: int = 1_800) -> None:
    """An estimate for every category of tier 1."""
    estimates.store(tx, [{"cell": "/1", "took_s": took_s, "amount": 99, "fit": fit, "made_at": NOW}])


def acknowledgment(tx) -> str:
    raw = tx.execute(text("SELECT bytes FROM outbox WHERE kind = 'ack' ORDER BY id DESC LIMIT 1")).scalar_one()
    return " ".join(
        email.message_from_bytes(raw, policy=email.policy.default).get_body(("plain",)).get_content().split()
    )


def row(tx):
    return tx.execute(text("SELECT took_s, said, expected_at IS NOT NULL, answered_at FROM response")).one()


def answer(tx, ticket, now, **over):
    decision = Decision(
        outcome=Outcome.APPEND,
        reason="agent-reply",
        append_to=ticket.id,
        entry=EntryKind.NOTE,
        **{"first_response": True, **over},
    )
    enact(tx, decision, desked(now=now))


def test_a_measured_estimate_is_said_beside_the_promise(tx):
    """In the words of the letter, with the instant in the zone of the promise."""
    known(tx, fit=True)
    request(tx)

    said = acknowledgment(tx)
    assert "A person will answer you by Monday 23 November, 15:00 (CET)" in said
    assert "In four of five such cases the answer comes by Monday 23 November, 10:30 (CET)." in said
    assert tuple(row(tx))[:3] == (None, 1, 1)


@pytest.mark.parametrize(
    ("fit", "policy"), [(False, POLICY), (True, replace(POLICY, estimates=False))], ids=["not-measured", "switched-off"]
)
def test_else_the_promise_stands_alone(tx, fit, policy):
    """The estimate is made all the same, and measured."""
    known(tx, fit=fit)
    request(tx, policy=policy)

    assert "four of five" not in acknowledgment(tx)
    assert tuple(row(tx))[:3] == (None, 0, 1)


def test_the_first_answer_is_measured_in_working_time(tx):
    """Lunch does not count; a second answer changes nothing."""
    ticket = request(tx)
    answer(tx, ticket, NOW + timedelta(hours=4))  # 10:00 to 14:00 in Berlin
    answer(tx, ticket, NOW + timedelta(hours=5))

    assert row(tx).took_s == 3 * 3_600


def test_spam_teaches_nothing(tx):
    """Nobody waited."""
    ticket = request(tx)
    answer(tx, ticket, NOW, first_response=False, status=Status.CLOSED)

    assert tx.execute(text("SELECT count(*) FROM response")).scalar_one() == 0


def test_looking_back_makes_the_table_anew(tx):
    """Forty answers are a cell of their own; what was there goes."""
    known(tx, fit=True)
    for number in range(1, 41):
        answer(tx, request(tx, number=number), NOW + timedelta(minutes=number))

    learnt = estimates.refresh(tx, POLICY, now=NOW + timedelta(days=1))
    cells = dict(tx.execute(text("SELECT cell, took_s FROM estimate")).all())

    assert not learnt.fit
    assert learnt.measured == 40
    assert cells["/1"] == 33 * 60  # the 32nd of the newest 39
