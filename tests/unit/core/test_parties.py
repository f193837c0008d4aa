"""Third parties in `decide`: whose mail is taken before an agent's or a requester's, and what an opening asks for."""

from __future__ import annotations

from dataclasses import replace

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
    a_tier,
    an_address,
    an_envelope,
)

from classifier.types import Band, Prediction
from daemon.core.approval import Answer, Approval, slots
from daemon.core.clock import APPROVAL, RESOLUTION, Turn
from daemon.core.clues import Clues
from daemon.core.context import SentNotice
from daemon.core.course import course
from daemon.core.decide import decide
from daemon.core.guards import Consequence, Verdict
from daemon.core.message import Delivery, Report, ReportKind
from daemon.core.notice import NoticeKind
from daemon.core.policy import Approver, Robot
from daemon.core.reading import Readability
from daemon.core.ticket import Status
from daemon.core.token import ReplyToken, person_tag
from daemon.core.trust import Proof, Trust

AGENT = an_address("agent@example.com")
HOURS = a_tier(1).first_response
POLICY = a_policy(
    tiers=(a_tier(1, resolution=HOURS),),
    categories=(a_category("gear", approvers=("boss",)), a_category("hardware")),
    approvers=(Approver(name="boss", title="Head of IT", address=AGENT),),
)
TICKET = a_ticket(category="gear", promised_at=NOW)
ROWS = slots(("boss",), JO, POLICY, NOW, 1)


def prediction(category: str = "gear", band: Band = Band.AUTOMATIC) -> Prediction:
    return Prediction(category=category, tier=1, kind="service_request", confidence=0.9, band=band, model_id="m")


def opened(policy=POLICY, **over):
    values = {"prediction": prediction(), "trust": Trust(proof=Proof.DOMAIN), **over}
    message = values.pop("message", a_message())
    return decide(an_envelope(), a_reading(message, **values), a_context(), policy, NOW)


def test_a_certain_request_asks_its_approver() -> None:
    """His mail has the request; the acknowledgment and the team's mail say whose word is waited for."""
    decision = opened()

    by_kind = {notice.kind: notice for notice in decision.notices}
    assert by_kind[NoticeKind.APPROVAL].to == AGENT
    assert by_kind[NoticeKind.APPROVAL].orders == ("#approve", "#deny ")
    assert "PC LOAD LETTER" in by_kind[NoticeKind.APPROVAL].text
    assert by_kind[NoticeKind.ACKNOWLEDGMENT].approval == "Head of IT"
    assert ("approval", "Head of IT") in by_kind[NoticeKind.TEAM].detail
    assert [row.state for row in decision.asks] == [Answer.ASKED]


@pytest.mark.parametrize(
    "over",
    [
        {"prediction": prediction(band=Band.SUGGEST)},
        {"prediction": prediction("hardware")},
        {"prediction": None, "readability": Readability.HEADERS},
        {"policy": replace(POLICY, robots=(Robot(address=JO, category="gear", tier=1),))},
    ],
    ids=["not-certain", "needs-none", "over-limit", "robot"],
)
def test_nothing_else_asks_anybody(over) -> None:
    """Nobody is bothered by a guess, or by a machine."""
    if "policy" in over:
        robot = Verdict(guard="robot", source="x", consequence=Consequence.ROBOT)
        over = {**over, "verdicts": (robot,)}

    assert opened(**over).asks == ()


def test_the_solution_stands_still_from_the_first_moment() -> None:
    """The approval's clock runs, the solution's is paused, nothing is watched for it; the first answer is owed."""
    decision = opened()
    follows = course(decision, TICKET, POLICY, NOW)

    assert [(turn.clock, turn.turn) for turn in follows.turns] == [
        ("first_response", Turn.START),
        (APPROVAL, Turn.START),
        (RESOLUTION, Turn.START),
        (RESOLUTION, Turn.PAUSE),
    ]
    assert not [start for start in follows.start if start.name.startswith(RESOLUTION)]
    assert [start.name for start in decision.clocks].count(APPROVAL) == 1


def reply(text: str, *, who: str = "agent@example.com", proof: Proof = Proof.PERSON):
    """A mail of this person to the signed address that he got."""
    token = ReplyToken(ticket_id=TICKET.id, person_tag=person_tag(KEYRING, an_address(who)), expires_on=30_000)
    known = a_context(
        tickets=(TICKET,),
        candidates=(a_candidate(TICKET.id, clue="token", participants=frozenset({JO.key})),),
        approvals=(Approval(ticket_id=TICKET.id, rows=ROWS),),
    )
    reading = a_reading(a_message(text, from_=who), trust=Trust(proof=proof), clues=Clues(tokens=(token,)))
    return decide(an_envelope(), reading, known, POLICY, NOW)


def test_an_agent_who_approves_is_an_approver() -> None:
    """His word is taken before his orders are read; his other orders stay orders."""
    assert reply("#approve").approval == "granted"
    denied = reply("#deny too dear")
    assert (denied.approval, denied.status) == ("denied", Status.SOLVED)
    assert reply("#take").reason == "agent-command"


def test_a_word_among_orders_is_refused_whole() -> None:
    """Nobody approves by the way."""
    decision = reply("#take\n#approve")

    assert decision.reason == "agent-complaint"
    assert "alone in their mail" in decision.notices[0].text


def test_an_automatic_yes_is_none() -> None:
    """An absence note that begins with the right word brings in nobody's yes."""
    token = ReplyToken(ticket_id=TICKET.id, person_tag=person_tag(KEYRING, AGENT), expires_on=30_000)
    known = a_context(
        tickets=(TICKET,),
        candidates=(a_candidate(TICKET.id, clue="token"),),
        approvals=(Approval(ticket_id=TICKET.id, rows=ROWS),),
    )
    reading = a_reading(
        a_message("#approve", from_="agent@example.com"),
        trust=Trust(proof=Proof.PERSON),
        clues=Clues(tokens=(token,)),
        verdicts=(Verdict(guard="auto-submitted", source="RFC 3834", consequence=Consequence.AUTOMATED),),
    )
    decision = decide(an_envelope(), reading, known, POLICY, NOW)

    assert decision.reason == "approver-away"
    assert decision.approval == ""
    assert all(row.state is Answer.ASKED for row in decision.asks)


def test_a_requester_elsewhere_reads_his_own_time() -> None:
    """His zone is kept with the ticket; the team reads the desk's."""
    message = a_message(headers={"Date": "Mon, 23 Nov 2026 04:00:00 -0500"})
    decision = opened(message=message, prediction=prediction("hardware"))

    by_kind = {notice.kind: notice for notice in decision.notices}
    assert decision.opening is not None
    assert decision.opening.zone == "UTC-05:00"
    assert by_kind[NoticeKind.ACKNOWLEDGMENT].promise.zone == "UTC-05:00"
    assert by_kind[NoticeKind.TEAM].promise.zone == "Europe/Berlin"


def test_mail_to_an_approver_that_comes_back_brings_in_his_deputy() -> None:
    """A permanent failure: the address is on hold as always, and the deputy is asked with the request."""
    policy = replace(
        POLICY,
        approvers=(
            replace(POLICY.approvers[0], deputies=("vice",)),
            Approver(name="vice", title="Vice", address=an_address("vice@example.com")),
        ),
    )
    known = a_context(
        tickets=(TICKET,),
        reported=SentNotice(ticket_id=TICKET.id, kind=NoticeKind.APPROVAL, sequence=1, to=str(AGENT)),
        approvals=(Approval(ticket_id=TICKET.id, rows=ROWS, request="Two boxes."),),
    )
    failed = Report(kind=ReportKind.DELIVERY, delivery=Delivery.FAILED, status="5.1.1")
    bounce = a_message("", from_="mailer-daemon@example.com", report=failed)
    guard = Verdict(guard="delivery-report", source="RFC 3464", consequence=Consequence.REPORT)
    decision = decide(an_envelope(reverse_path=None), a_reading(bounce, verdicts=(guard,)), known, policy, NOW)

    assert [(str(notice.to), notice.news, notice.text) for notice in decision.notices] == [
        ("vice@example.com", ("stand-in",), "Two boxes.")
    ]
    assert decision.hold is not None
    assert decision.digest
