"""Suppliers: whose mail is theirs, what their references look like, when a hand-over goes out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import (
    NOW,
    a_calendar,
    a_candidate,
    a_context,
    a_message,
    a_policy,
    a_reading,
    a_ticket,
    a_tier,
    an_address,
)

from daemon.core.approval import Approval
from daemon.core.context import HandedOver
from daemon.core.decision import Change, Decision, Field, Outcome
from daemon.core.match import Match
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Supplier
from daemon.core.ticket import Priority, Status
from daemon.core.trust import Proof, Trust
from daemon.core.vendor import (
    decide_supplier,
    foreign_marks,
    handed_ticket,
    supplier_machine,
    supplier_of,
    with_supplier,
)

NOC = an_address("noc@fiber.example.net")
HOURS = tuple((priority, timedelta(hours=4)) for priority in Priority)
FIBER = Supplier(
    name="fiber", title="Fiber", address=NOC, contract="UC-7", calendar="always", first_response=HOURS, pauses=True
)
POLICY = a_policy(
    tiers=(a_tier(1), a_tier(4, supplier="fiber")),
    suppliers=(FIBER,),
    calendars=(("office", a_calendar()), ("always", a_calendar(name="always"))),
)
TICKET = a_ticket(tier=1)
HANDED = (HandedOver(ticket_id=TICKET.id, since=NOW - timedelta(hours=1)),)


@pytest.mark.parametrize(
    ("address", "his"),
    [
        ("noc@fiber.example.net", True),
        ("kim@fiber.example.net", True),
        ("noc@mail.fiber.example.net", True),
        ("noc@fiber.example.org", False),
        ("jo@example.org", False),
    ],
)
def test_a_supplier_is_known_by_his_domain(address: str, his: bool) -> None:
    """The very address or any other at his registered domain."""
    assert (supplier_of(an_address(address), POLICY) is FIBER) is his


def test_at_a_public_provider_only_the_address_counts() -> None:
    """Millions share the domain."""
    policy = a_policy(
        suppliers=(Supplier(name="s", title="S", address=an_address("s@gmail.com"), contract="", calendar=""),)
    )

    assert supplier_of(an_address("s@gmail.com"), policy) is not None
    assert supplier_of(an_address("eve@gmail.com"), policy) is None


@pytest.mark.parametrize(
    ("subject", "marks"),
    [
        ("[FIBER-4711] Case opened", ("supplier:fiber:fiber-4711",)),
        ("Re: Line down (Case 00123456)", ("supplier:fiber:00123456",)),
        ("[Ticket#2026112310000017] Re: x", ("supplier:fiber:2026112310000017",)),
        ("Re: [FL-1042] Line down [INC:0099]", ("supplier:fiber:inc:0099",)),
        ("Re: [FL-1042] Line down", ()),
        ("Line down in room [12]", ()),
        ("", ()),
    ],
)
def test_references_in_a_subject(subject: str, marks: tuple[str, ...]) -> None:
    """Theirs, not ours; a small number in brackets is none."""
    assert foreign_marks(subject, FIBER, POLICY) == marks


def test_a_subject_of_brackets_costs_nothing() -> None:
    """Linear on hostile input, and few marks are kept."""
    assert len(foreign_marks("[A-1000]" * 100_000, FIBER, POLICY)) == 1
    assert foreign_marks("[" * 1_000_000, FIBER, POLICY) == ()


def order(*changes: Change, waiting_for: str = "", notices: tuple[Notice, ...] = ()) -> Decision:
    return Decision(
        outcome=Outcome.APPEND,
        reason="agent-command",
        append_to=TICKET.id,
        changes=changes,
        waiting_for=waiting_for,
        notices=notices,
    )


TO_FOUR = Change(field=Field.TIER, before="1", after="4")


def test_a_move_to_his_tier_hands_over() -> None:
    """The request, what was answered, the contract; not who asked."""
    known = a_context(
        tickets=(TICKET,),
        approvals=(Approval(ticket_id=TICKET.id, request="The line is dead."),),
        tried=("Restarted.",),
    )
    decision = with_supplier(order(TO_FOUR), TICKET, known, POLICY, NOW)

    assert decision.vendor == "handed"
    assert decision.participant == NOC
    (letter,) = decision.notices
    assert letter.kind is NoticeKind.VENDOR
    assert letter.text == "The line is dead.\n\n* * *\n\nRestarted."
    assert ("contract", "UC-7") in letter.detail
    assert letter.promise is not None
    assert "jo@example.org" not in repr(letter.detail) + letter.text


@pytest.mark.parametrize(
    ("decision", "handed", "ticket"),
    [
        (order(Change(field=Field.TIER, before="4", after="1")), (), {"tier": 4}),
        (order(TO_FOUR, Change(field=Field.STATUS, before="new", after="solved")), (), {}),
        (order(waiting_for="vendor"), HANDED, {"tier": 4}),
        (order(waiting_for="vendor"), (), {"tier": 1}),
        (order(waiting_for="requester"), (), {"tier": 4}),
    ],
    ids=["away-from-him", "solved", "has-it-already", "no-supplier", "waits-for-another"],
)
def test_nothing_else_writes_to_a_supplier(decision: Decision, handed, ticket) -> None:
    """Only the order that concerns him."""
    made = with_supplier(decision, a_ticket(**ticket), a_context(handed=handed), POLICY, NOW)

    assert made == decision


def test_waiting_for_him_hands_over_what_he_does_not_have() -> None:
    """On a ticket that was opened on his tier."""
    made = with_supplier(order(waiting_for="vendor"), a_ticket(tier=4), a_context(), POLICY, NOW)

    assert made.vendor == "handed"


def letter(who: str = "kim@fiber.example.net", *, proof: Proof = Proof.DOMAIN, subject: str = "[FIBER-4711] x"):
    return a_reading(a_message("On our way.", from_=who, subject=subject), trust=Trust(proof=proof))


@pytest.mark.parametrize(
    ("match", "clue", "proof", "found"),
    [
        (Match(ticket_id=TICKET.id, clue="token"), "", Proof.TOKEN, True),
        (Match(hint=TICKET.id, clue="own_id"), "", Proof.NOBODY, True),
        (Match(hint=TICKET.id, clue="tag"), "", Proof.DOMAIN, False),
        (Match(), "supplier", Proof.DOMAIN, True),
        (Match(), "supplier", Proof.NOBODY, False),
    ],
    ids=["token", "our-id", "our-number", "his-number", "his-number-unproven"],
)
def test_his_mail_finds_its_ticket(match: Match, clue: str, proof: Proof, found: bool) -> None:
    """By what we signed, else by his own number from a proven domain."""
    candidates = (a_candidate(clue=clue, participants=frozenset()),) if clue else ()
    known = a_context(tickets=(TICKET,), candidates=candidates, handed=HANDED)

    assert (handed_ticket(letter(proof=proof), match, known, POLICY) is TICKET) is found


def test_a_ticket_he_was_never_given_is_not_his() -> None:
    """Whatever number he writes."""
    known = a_context(tickets=(TICKET,), candidates=(a_candidate(clue="supplier"),))

    assert handed_ticket(letter(), Match(ticket_id=TICKET.id, clue="token"), known, POLICY) is None


def test_an_answer_is_a_note_and_stops_his_clock() -> None:
    """The team reads it, the requester does not, the status stays."""
    decision = decide_supplier(letter(), TICKET, a_context(handed=HANDED), POLICY, NOW)

    assert (decision.reason, decision.vendor, decision.status) == ("vendor-answer", "answered", None)
    assert {notice.kind for notice in decision.notices} == {NoticeKind.TEAM}
    assert decision.foreign == ("supplier:fiber:fiber-4711",)


def test_a_machine_stops_nothing() -> None:
    """Too quick for a person: read by the team. Marked as automatic: only filed. A no-reply address: read."""
    quick = decide_supplier(
        letter(), TICKET, a_context(handed=(HandedOver(ticket_id=TICKET.id, since=NOW),)), POLICY, NOW
    )
    marked = supplier_machine(letter(), "auto-submitted", TICKET, a_context(handed=HANDED), POLICY)
    no_reply = supplier_machine(letter(), "nobody-reads", TICKET, a_context(handed=HANDED), POLICY)

    assert [each.vendor for each in (quick, marked, no_reply)] == ["", "", ""]
    assert [bool(each.notices) for each in (quick, marked, no_reply)] == [True, False, True]
    assert all(each.foreign for each in (quick, marked, no_reply))
    assert Status.SOLVED not in {each.status for each in (quick, marked, no_reply)}
