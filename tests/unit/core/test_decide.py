"""`decide`: the table of what is stored, what is answered and what never is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    JO,
    KEYRING,
    NOW,
    a_candidate,
    a_category,
    a_context,
    a_message,
    a_policy,
    a_reading,
    a_ticket,
    an_address,
    an_envelope,
    some_credits,
)

from classifier.types import Band, Prediction
from daemon.core.clues import Clues
from daemon.core.context import SentNotice
from daemon.core.decide import decide
from daemon.core.decision import Change, EntryKind, Field, Outcome
from daemon.core.guards import Consequence, Verdict
from daemon.core.message import Delivery, Report, ReportKind
from daemon.core.notice import NoticeKind
from daemon.core.policy import TRIAGE, Robot
from daemon.core.reading import Readability
from daemon.core.ticket import Kind, Priority, Status
from daemon.core.token import OwnId, ReplyToken, person_tag
from daemon.core.trust import Proof, Trust

AGENT = an_address("agent@example.com")


def a_verdict(consequence: Consequence) -> Verdict:
    return Verdict(guard=f"test-{consequence}", source="test", consequence=consequence)


def a_prediction(**over):
    values = {
        "category": "hardware",
        "tier": 2,
        "kind": "incident",
        "confidence": 0.97,
        "band": Band.AUTOMATIC,
        "model_id": "m1",
    }
    return Prediction(**{**values, **over})


def judge(reading=None, *, envelope=None, context=None, policy=None):
    return decide(
        envelope or an_envelope(),
        reading or a_reading(prediction=a_prediction()),
        context or a_context(),
        policy or a_policy(),
        NOW,
    )


def kinds(decision):
    return [notice.kind for notice in decision.notices]


def on_its_ticket(**over):
    """A reading and a context of a mail whose signed Message-ID clue finds Jo's ticket."""
    clues = Clues(own_ids=(OwnId(kind="ack", ticket_id=1042, sequence=1),))
    context = a_context(candidates=(a_candidate(clue="own_id"),), tickets=(a_ticket(**over),))
    return clues, context


def test_a_request_gets_a_ticket_and_exactly_one_acknowledgment():
    """An ordinary mail opens a ticket, is acknowledged once to From, and the team hears of it."""
    decision = judge()

    assert decision.outcome is Outcome.TICKET
    assert decision.ack_reason == ""
    assert kinds(decision).count(NoticeKind.ACKNOWLEDGMENT) == 1
    ack = decision.notices[0]
    assert (ack.to, ack.category, ack.certain) == (JO, "hardware", True)
    assert NoticeKind.TEAM in kinds(decision)


def test_the_acknowledgment_carries_the_stored_promise():
    """The instant in the notice, in the ticket and in the decision is one and the same."""
    decision = judge()

    assert decision.opening.promise == decision.promise == decision.notices[0].promise
    assert {clock.name for clock in decision.clocks} == {"first_response_risk", "first_response"}
    risk, due = sorted(decision.clocks, key=lambda clock: clock.due_at)
    assert NOW < risk.due_at < due.due_at == decision.promise.due_at


def test_an_unsure_model_means_triage_and_neutral_words():
    """Below the automatic band nobody's guess is told to the requester; the team sees the guess."""
    decision = judge(a_reading(prediction=a_prediction(band=Band.SUGGEST, confidence=0.5)))

    assert decision.opening.category == TRIAGE
    assert decision.opening.suggested == "hardware"
    assert decision.opening.tier == 1
    assert not decision.notices[0].certain
    assert decision.notices[0].category == ""


def test_a_tier_that_the_catalogue_forbids_never_wins():
    """The model may say tier 4; a category that allows 0–2 goes to its own default."""
    policy = a_policy(categories=(a_category(tiers=(0, 1, 2), tier=1),))

    decision = judge(a_reading(prediction=a_prediction(tier=4, tier_sure=True)), policy=policy)

    assert decision.opening.tier == 1


@pytest.mark.parametrize(("sure", "tier"), [(True, 3), (False, 1)])
def test_only_a_proven_tier_overrules_the_catalogue(sure, tier):
    """A sure category with an unsure tier goes to the category's own tier."""
    policy = a_policy(categories=(a_category(tier=1),))

    decision = judge(a_reading(prediction=a_prediction(tier=3, tier_sure=sure)), policy=policy)

    assert decision.opening.tier == tier


def test_a_category_that_the_catalogue_does_not_know_is_triage():
    """The label set is closed: an invented category routes nothing."""
    decision = judge(a_reading(prediction=a_prediction(category="invented")))

    assert decision.opening.category == TRIAGE


def test_the_senders_mark_raises_urgency():
    """Importance: high makes P3 a P2; the text alone never does."""
    message = a_message(headers={"Importance": "high"})

    assert judge(a_reading(message, prediction=a_prediction())).opening.priority is Priority.P2
    assert judge().opening.priority is Priority.P3


@pytest.mark.parametrize(
    ("consequence", "outcome", "reason"),
    [
        (Consequence.QUARANTINE, Outcome.QUARANTINE, "loop"),
        (Consequence.COPY, Outcome.KEEP, "own-copy"),
        (Consequence.REPORT, Outcome.KEEP, "delivery-report-unmatched"),
        (Consequence.ATTACH, Outcome.KEEP, "report"),
        (Consequence.ABUSE, Outcome.KEEP, "abuse-report"),
        (Consequence.AUTOMATED, Outcome.KEEP, "automated"),
        (Consequence.KEEP, Outcome.KEEP, "not-answerable"),
        (Consequence.SELF, Outcome.KEEP, "self"),
        (Consequence.UNPROVEN, Outcome.KEEP, "authentication-failed"),
        (Consequence.SPAM, Outcome.SPAM, "spam"),
    ],
)
def test_guarded_mail_is_kept_and_nothing_is_sent(consequence, outcome, reason):
    """Each row of the guard table that is not a person's request: no ticket, no notice to anybody."""
    decision = judge(a_reading(verdicts=(a_verdict(consequence),), prediction=a_prediction()))

    assert (decision.outcome, decision.reason) == (outcome, reason)
    assert decision.opening is None
    assert decision.notices == ()
    assert decision.ack_reason


@pytest.mark.parametrize("consequence", [Consequence.AUTOMATED, Consequence.ATTACH, Consequence.ABUSE])
def test_automatic_mail_joins_its_ticket_and_changes_no_status(consequence):
    """An out-of-office on a closed ticket is filed on it; it neither reopens nor answers anything."""
    clues, context = on_its_ticket(status=Status.CLOSED)

    decision = judge(a_reading(verdicts=(a_verdict(consequence),), clues=clues), context=context)

    assert decision.outcome is Outcome.APPEND
    assert decision.append_to == 1042
    assert decision.status is None
    assert decision.notices == ()
    assert not decision.first_response


def test_the_first_guard_in_table_order_decides():
    """A loop that is also a bulk mail is a loop."""
    verdicts = (a_verdict(Consequence.QUARANTINE), a_verdict(Consequence.KEEP))

    assert judge(a_reading(verdicts=verdicts)).reason == "loop"


def test_our_own_mail_that_came_back_is_a_copy_on_its_ticket():
    """A signed Message-ID of ours returns: filed, never answered."""
    clues = Clues(own_message=OwnId(kind="ack", ticket_id=1042, sequence=1))
    reading = a_reading(verdicts=(a_verdict(Consequence.COPY),), clues=clues)

    decision = judge(reading, context=a_context(tickets=(a_ticket(),)))

    assert (decision.append_to, decision.entry) == (1042, EntryKind.COPY)


@pytest.mark.parametrize(("delivery", "held"), [(Delivery.FAILED, True), (Delivery.DELAYED, False)])
def test_a_permanent_failure_puts_the_address_on_hold_and_a_delay_does_not(delivery, held):
    """RFC 3464: action failed means no more automatic mail there for the hold time."""
    report = Report(kind=ReportKind.DELIVERY, delivery=delivery, recipient="jo@example.org", status="5.1.1")
    sent = SentNotice(ticket_id=1042, kind=NoticeKind.ACKNOWLEDGMENT, sequence=1, to="jo@example.org")
    reading = a_reading(a_message(report=report), verdicts=(a_verdict(Consequence.REPORT),))

    decision = judge(reading, context=a_context(reported=sent, tickets=(a_ticket(),)))

    assert decision.entry is EntryKind.REPORT
    assert (decision.hold is not None) is held


def test_a_follow_up_of_a_participant_is_never_acknowledged():
    """Jo answers our acknowledgment: appended, the team hears of it, Jo does not."""
    clues, context = on_its_ticket()

    decision = judge(a_reading(clues=clues, prediction=a_prediction()), context=context)

    assert (decision.outcome, decision.ack_reason) == (Outcome.APPEND, "follow-up")
    assert set(kinds(decision)) == {NoticeKind.TEAM}


def test_a_stranger_who_quotes_a_thread_gets_his_own_ticket():
    """A sender who takes no part: new ticket with a hint, acknowledged as new."""
    clues, context = on_its_ticket()
    message = a_message(from_="Eve <eve@example.net>")

    decision = judge(
        a_reading(message, clues=clues, prediction=a_prediction()),
        envelope=an_envelope(reverse_path="eve@example.net"),
        context=context,
    )

    assert decision.outcome is Outcome.TICKET
    assert decision.append_to is None
    assert decision.opening.link_hint == 1042
    assert decision.ack_reason == ""


def test_people_the_requester_wrote_to_as_well_are_remembered():
    """To and Cc of a request, without our own addresses: their reply-all belongs to this ticket."""
    message = a_message(
        to="help@example.com, boss@example.org", cc="Support <support@example.com>, Bo <bo@example.net>"
    )

    decision = judge(a_reading(message, prediction=a_prediction()))

    assert [str(address) for address in decision.copied] == ["boss@example.org", "bo@example.net"]


def test_a_copied_person_adds_but_never_reopens():
    """Proven or not, a closed ticket is the requester's to reopen."""
    clues, context = on_its_ticket(status=Status.CLOSED)
    candidate = replace(context.candidates[0], participants=frozenset({"jo@example.org", "bo@example.net"}))
    reading = a_reading(
        a_message(from_="Bo <bo@example.net>"), clues=clues, trust=Trust(proof=Proof.DOMAIN), prediction=a_prediction()
    )

    decision = judge(reading, context=replace(context, candidates=(candidate,)))

    assert decision.outcome is Outcome.APPEND
    assert decision.status is None
    assert decision.copied == ()


@pytest.mark.parametrize(("proof", "status"), [(Proof.NOBODY, None), (Proof.DOMAIN, Status.OPEN)])
def test_only_a_proven_sender_reopens(proof, status):
    """Rights grow with proof: an unproven follow-up is added but a closed ticket stays closed."""
    clues, context = on_its_ticket(status=Status.CLOSED)

    decision = judge(a_reading(clues=clues, trust=Trust(proof=proof)), context=context)

    assert decision.status is status


def test_a_proven_agent_answers_the_requester():
    """Domain proof and token: the words go to the requester, the first-response clock stops, credits return."""
    clues, context = on_its_ticket()
    token = ReplyToken(ticket_id=1042, person_tag=person_tag(KEYRING, AGENT), expires_on=99_999)
    reading = a_reading(
        a_message("Please restart it.", from_="Agent <agent@example.com>"),
        clues=replace(clues, tokens=(token,)),
        trust=Trust(proof=Proof.PERSON),
    )

    decision = judge(reading, envelope=an_envelope(reverse_path="agent@example.com"), context=context)

    assert decision.reason == "agent-reply"
    assert kinds(decision) == [NoticeKind.REPLY]
    assert decision.notices[0].to == JO
    assert decision.notices[0].text == "Please restart it."
    assert decision.first_response
    assert decision.refund == (JO,)
    assert Change(field=Field.STATUS, before="new", after="open") in decision.changes


def test_an_unproven_agent_sends_nothing_and_changes_nothing():
    """A forged From of an agent with a ticket's identifier: a note for the team to look at."""
    clues, context = on_its_ticket()
    token = ReplyToken(ticket_id=1042, person_tag=person_tag(KEYRING, AGENT), expires_on=99_999)
    reading = a_reading(
        a_message("close it", from_="Agent <agent@example.com>"),
        clues=replace(clues, tokens=(token,)),
        trust=Trust(proof=Proof.TOKEN),
    )

    decision = judge(reading, context=context)

    assert decision.reason == "agent-unproven"
    assert decision.notices == ()
    assert decision.status is None
    assert not decision.first_response


def test_the_same_text_again_is_added_without_acknowledgment():
    """Same sender, near-identical text within a day: one ticket, one acknowledgment."""
    decision = judge(context=a_context(repeat_of=1042, tickets=(a_ticket(),)))

    assert (decision.outcome, decision.reason, decision.notices) == (Outcome.APPEND, "repeat", ())


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"address": 0}, "withheld: credit (address)"),
        ({"domain": 0}, "withheld: credit (domain)"),
        ({"overall": 0}, "withheld: credit (overall)"),
    ],
)
def test_spent_credits_withhold_the_acknowledgment_but_not_the_ticket(over, reason):
    """The ticket is opened and the team told; the requester gets no automatic mail."""
    decision = judge(context=a_context(credits=some_credits(**over)))

    assert (decision.outcome, decision.ack_reason) == (Outcome.TICKET, reason)
    assert set(kinds(decision)) == {NoticeKind.TEAM}


def test_an_address_on_hold_is_not_acknowledged():
    """Mail to it came back for good: nothing automatic until the hold ends."""
    decision = judge(context=a_context(on_hold_until=NOW + timedelta(days=1)))

    assert (decision.outcome, decision.ack_reason) == (Outcome.TICKET, "on-hold")


def test_a_from_that_the_envelope_does_not_stand_for_is_not_answered():
    """Backscatter: a forged From at victim.example, sent by somebody else's server."""
    decision = judge(envelope=an_envelope(reverse_path="spammer@elsewhere.example"))

    assert (decision.outcome, decision.ack_reason) == (Outcome.TICKET, "not-aligned")


def test_a_passed_authentication_result_stands_for_a_foreign_envelope():
    """A newsletter provider's bounce address with DMARC pass for From: answered, to From."""
    reading = a_reading(prediction=a_prediction(), trust=Trust(proof=Proof.DOMAIN))

    decision = judge(reading, envelope=an_envelope(reverse_path="b123@esp.example"))

    assert decision.ack_reason == ""


def test_a_channel_without_envelope_is_answered_to_from():
    """IMAP without Return-Path: there is no reverse-path to compare with."""
    decision = judge(envelope=an_envelope(reverse_path=None, reverse_path_known=False))

    assert decision.ack_reason == ""


@pytest.mark.parametrize(("proof", "echo"), [(Proof.NOBODY, False), (Proof.DOMAIN, True)])
def test_the_subject_is_echoed_only_to_proven_senders(proof, echo):
    """An acknowledgment must not carry a stranger's words to a forged address."""
    decision = judge(a_reading(prediction=a_prediction(), trust=Trust(proof=proof)))

    assert decision.notices[0].echo_subject is echo


def test_a_bcc_is_a_ticket_without_acknowledgment():
    """Our address is nowhere in the mail: stored for a person, not answered."""
    decision = judge(a_reading(verdicts=(a_verdict(Consequence.NO_ACK),), prediction=a_prediction()))

    assert (decision.outcome, decision.ack_reason) == (Outcome.TICKET, "test-no_ack")


@pytest.mark.parametrize(
    ("readability", "outcome", "reason"),
    [
        (Readability.HEADERS, Outcome.TICKET, "over-limit"),
        (Readability.NOT, Outcome.QUARANTINE, "unreadable"),
    ],
)
def test_what_cannot_be_read_is_a_ticket_for_a_person_and_never_acknowledged(readability, outcome, reason):
    """The original goes to the team; the requester gets nothing automatic."""
    decision = judge(a_reading(readability=readability, trouble="too deep"))

    assert (decision.outcome, decision.reason, decision.ack_reason) == (outcome, reason, reason)
    assert decision.opening.category == TRIAGE
    assert set(kinds(decision)) == {NoticeKind.TEAM}
    assert decision.notices[0].attach_inbound == 1


def test_a_known_robot_opens_a_ticket_by_its_rule():
    """Monitoring on the allow-list: routed without a model, not acknowledged."""
    policy = a_policy(robots=(Robot(address=JO, category="hardware", tier=3, priority=Priority.P1),))

    decision = judge(a_reading(verdicts=(a_verdict(Consequence.ROBOT),)), policy=policy)

    assert (decision.outcome, decision.ack_reason) == (Outcome.TICKET, "robot")
    assert (decision.opening.tier, decision.opening.priority) == (3, Priority.P1)


def test_the_language_is_the_mails_then_the_last_then_the_desks():
    """German mail: German; unsure: what Jo last wrote; never a language the desk does not speak."""
    german = judge(a_reading(language="de"))
    remembered = judge(a_reading(language=""), context=a_context(last_language="de"))
    unknown = judge(a_reading(language="ja"))

    assert [d.opening.language for d in (german, remembered, unknown)] == ["de", "de", "en"]


def test_a_reused_message_id_is_flagged_and_treated_as_any_mail():
    """Somebody sent a victim's Message-ID before: the victim's mail is still answered."""
    decision = judge(context=a_context(id_reused=True))

    assert decision.outcome is Outcome.TICKET
    assert "id-reuse" in decision.flags
    assert decision.ack_reason == ""


def test_an_unknown_kind_falls_back_to_the_catalogue():
    """A model that says nonsense about the kind does not break routing."""
    decision = judge(a_reading(prediction=a_prediction(category="order", kind="nonsense")))

    assert decision.opening.kind is Kind.SERVICE_REQUEST
