"""Approvals, hand-overs and estimates in the store, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from arrange import POLICY, accept, claim, settle_mail
from builders import JO, NOW, a_message, a_reading, an_address
from sqlalchemy import Connection

from daemon.core.approval import Answer, Asked, Role, Stage
from daemon.core.context import Context
from daemon.core.policy import Supplier
from daemon.core.trust import Proof, Trust
from daemon.store import approvals, estimates, parties, threads, tickets

BOSS = an_address("boss@example.com")
FIBER = Supplier(
    name="fiber", title="Fiber", address=an_address("noc@fiber.example.net"), contract="c", calendar="office"
)
WITH_FIBER = replace(POLICY, suppliers=(FIBER,))


def an_opened_one(tx: Connection) -> int:
    accept(tx)
    _, ticket = settle_mail(tx, claim(tx)[0])
    assert ticket is not None
    return ticket.id


def asked(**over: object) -> Asked:
    values = {"slot": "boss", "who": BOSS, "role": Role.APPROVER, "asked_at": NOW, "deadline": NOW + timedelta(days=2)}
    return Asked(**{**values, **over})  # type: ignore[arg-type]


def test_a_row_stands_as_it_was_written_last(tx: Connection) -> None:
    """Asked, reminded, approved: one row; the words that opened the ticket come along."""
    ticket = an_opened_one(tx)
    approvals.write(tx, ticket, [asked()])
    done = asked(state=Answer.APPROVED, stage=Stage.REMINDED, decided_at=NOW + timedelta(hours=1), reason="fine")
    approvals.write(tx, ticket, [done])

    (found,) = approvals.of(tx, [ticket])
    assert found.rows == (done,)
    assert "PC LOAD LETTER" in found.request


def test_what_is_decided_stays_when_the_rest_is_void(tx: Connection) -> None:
    """The ticket ended: nobody is waited for, what was said is kept."""
    ticket = an_opened_one(tx)
    approvals.write(tx, ticket, [asked(), asked(slot="cfo", state=Answer.APPROVED, decided_at=NOW)])
    approvals.void(tx, ticket, now=NOW)

    (found,) = approvals.of(tx, [ticket])
    assert {(row.slot, row.state) for row in found.rows} == {("boss", Answer.VOID), ("cfo", Answer.APPROVED)}


def test_the_overdue_are_those_past_their_deadline(tx: Connection) -> None:
    """Each slot once, however many were asked."""
    ticket = an_opened_one(tx)
    approvals.write(tx, ticket, [asked(), asked(who=JO, role=Role.DEPUTY)])

    assert approvals.overdue(tx, desk="help", now=NOW, limit=10) == ()
    late = approvals.overdue(tx, desk="help", now=NOW + timedelta(days=3), limit=10)
    assert [(each.reference, each.slot) for each in late] == [(f"FL-{ticket}", "boss")]


def test_a_supplier_finds_his_ticket_by_his_number(tx: Connection) -> None:
    """Remembered on the ticket; looked up only for mail of a supplier."""
    ticket = an_opened_one(tx)
    threads.remember(tx, ticket, [("supplier:fiber:abc-123", threads.MAIL)])
    tickets.add_participant(tx, ticket, FIBER.address, role="supplier", now=NOW)
    his = a_reading(
        a_message("x", subject="[ABC-123] x", from_="kim@fiber.example.net"), trust=Trust(proof=Proof.DOMAIN)
    )
    others = a_reading(a_message("x", subject="[ABC-123] x"))

    assert parties.named_by_supplier(tx, his, WITH_FIBER, "help") == [("supplier", "supplier:fiber:abc-123", ticket)]
    assert parties.named_by_supplier(tx, others, WITH_FIBER, "help") == []

    found = tickets.get(tx, ticket)
    assert found is not None
    context = Context(inbound_id=1, desk="help", credits=None, tickets=(found,))  # type: ignore[arg-type]
    assert [each.ticket_id for each in parties.known(tx, context, his, WITH_FIBER).handed] == [ticket]
    assert parties.known(tx, context, others, WITH_FIBER) == context


def test_estimates_are_stored_and_looked_up(tx: Connection) -> None:
    """On both engines: the narrowest cell there is, remembered with the request, measured at its answer."""
    rows = [
        {"cell": name, "took_s": took, "amount": 99, "fit": True, "made_at": NOW} for name, took in (("/1", 3_600),)
    ]
    estimates.store(tx, rows)
    ticket = an_opened_one(tx)
    estimates.answered(tx, ticket, POLICY, now=NOW + timedelta(minutes=30))
    learnt = estimates.refresh(tx, POLICY, now=NOW + timedelta(hours=9))

    assert (learnt.measured, learnt.coverage, learnt.fit) == (1, 1.0, False)
    estimates.forget(tx, ticket)
    assert estimates.refresh(tx, POLICY, now=NOW + timedelta(hours=9)).measured == 1  # an answer is not forgotten
