"""Approvals: who is asked, who may decide, what a word does, and what the passing of time does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW, a_category, a_context, a_message, a_policy, a_reading, a_ticket, a_tier, an_address

from daemon.core.approval import Answer, Approval, Asked, Role, Stage, Word, pending, read_word, slots
from daemon.core.approving import approval_due, approver_absent, decide_approval, decide_approver, merged, with_approval
from daemon.core.decision import Change, Decision, EntryKind, Field, Outcome
from daemon.core.notice import NoticeKind
from daemon.core.policy import Approver
from daemon.core.sla import after_days
from daemon.core.ticket import Status
from daemon.core.trust import Proof, Trust

BOSS, VICE, CFO = (an_address(f"{name}@example.com") for name in ("boss", "vice", "cfo"))
MANAGER = an_address("manager@example.com")
POLICY = a_policy(
    categories=(a_category(), a_category("gear", approvers=("boss", "cfo")), a_category("toys", approvers=("boss",))),
    tiers=(a_tier(1, managers=(MANAGER,)),),
    approvers=(
        Approver(name="boss", title="Head", address=BOSS, deputies=("vice",), deadline_days=2),
        Approver(name="vice", title="Vice", address=VICE),
        Approver(name="cfo", title="Finance", address=CFO, deadline_days=2),
    ),
)
TICKET = a_ticket(category="gear", tier=1)
ROWS = slots(("boss", "cfo"), TICKET.requester, POLICY, NOW, 1)
CALENDAR = POLICY.calendar("office")


def context(rows: tuple[Asked, ...] = ROWS):
    return a_context(
        tickets=(TICKET,), approvals=(Approval(ticket_id=TICKET.id, rows=rows, request="Two boxes, please."),)
    )


def say(who, word: Word, rows: tuple[Asked, ...] = ROWS, **ticket) -> Decision:
    return decide_approval(word, who, replace(TICKET, **ticket), context(rows), POLICY, NOW)


def kinds(decision: Decision) -> list[tuple[str, str]]:
    return [(notice.kind.value, str(notice.to)) for notice in decision.notices]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("#approve", Word(approves=True)),
        ("  #Approve \n\nthanks", Word(approves=True, reason="thanks")),
        ("#deny no money\nthis year", Word(approves=False, reason="no money this year")),
        ("#ablehnen: zu teuer", Word(approves=False, reason="zu teuer")),
        ("#godkänn", Word(approves=True)),
        ("I approve", None),
        ("Why? #approve", None),
        ("#approvement", None),
        ("#", None),
        ("", None),
    ],
)
def test_a_word_stands_in_the_first_line(text: str, word: Word | None) -> None:
    """One of the known verbs at the very top, in eight languages; anything else decides nothing."""
    assert read_word(text) == word


def test_a_reason_is_one_bounded_line() -> None:
    """It goes into a letter to the requester."""
    word = read_word("#deny " + "x\u202e\0 " * 1000)

    assert word is not None
    assert len(word.reason) <= 300
    assert word.reason.isprintable()


def test_each_named_approver_is_asked() -> None:
    """One row a slot, with a deadline in working days of the tier."""
    assert [(row.slot, row.who, row.role) for row in ROWS] == [
        ("boss", BOSS, Role.APPROVER),
        ("cfo", CFO, Role.APPROVER),
    ]
    assert ROWS[0].deadline == after_days(CALENDAR, NOW, 2)


def test_nobody_decides_on_his_own_request_while_a_deputy_can() -> None:
    """The head's own request goes to the vice; who has no deputy is asked himself."""
    assert [row.who for row in slots(("boss",), BOSS, POLICY, NOW, 1)] == [VICE]
    assert [row.who for row in slots(("cfo",), CFO, POLICY, NOW, 1)] == [CFO]


def test_a_yes_of_one_is_not_the_yes_of_all() -> None:
    """The second slot still waits: recorded, and nobody but the approver is told."""
    decision = say(BOSS, Word(approves=True))

    assert decision.approval == ""
    assert pending(merged(ROWS, decision.asks)) == ("cfo",)
    assert kinds(decision) == [("appr", "boss@example.com")]

    last = say(CFO, Word(approves=True), merged(ROWS, decision.asks))
    assert last.approval == "granted"
    assert kinds(last) == [("appr", "cfo@example.com"), ("team", "first-line@example.com")]


def test_one_no_ends_it() -> None:
    """Solved, with the reason; whoever was still asked need not answer any more; one credit comes back."""
    decision = say(CFO, Word(approves=False, reason="no money"))

    assert (decision.approval, decision.status) == ("denied", Status.SOLVED)
    assert decision.refund == (TICKET.requester,)
    after = {row.slot: (row.state, row.reason) for row in merged(ROWS, decision.asks)}
    assert after == {"boss": (Answer.VOID, ""), "cfo": (Answer.DENIED, "no money")}


@pytest.mark.parametrize(
    ("who", "ticket"),
    [(an_address("eve@example.com"), {}), (BOSS, {"status": Status.CLOSED})],
    ids=["not-asked", "ended"],
)
def test_a_word_that_does_not_count_changes_nothing(who, ticket) -> None:
    """He alone is told so."""
    decision = say(who, Word(approves=True), **ticket)

    assert decision.asks == ()
    assert decision.approval == ""
    assert decision.status is None
    assert [notice.news for notice in decision.notices] == [("decided",)]


def test_a_deputy_may_speak_before_he_was_asked() -> None:
    """An agent who is a deputy says so by an order; the slot of the approver is decided."""
    decision = say(VICE, Word(approves=True))

    assert {(row.slot, row.who.key, row.state) for row in decision.asks} == {
        ("boss", "vice@example.com", Answer.APPROVED),
        ("boss", "boss@example.com", Answer.VOID),
    }


def mail(text: str, *, proof: Proof = Proof.PERSON, who: str = "boss@example.com", source: str = "plain"):
    message = a_message(text, from_=who)
    message = replace(message, body=replace(message.body, source=source))
    return a_reading(message, trust=Trust(proof=proof))


@pytest.mark.parametrize("proof", [Proof.NOBODY, Proof.DOMAIN, Proof.TOKEN])
def test_less_than_full_proof_decides_nothing(proof: Proof) -> None:
    """A note, an audit line, and the digest shows it."""
    decision = decide_approver(mail("#approve", proof=proof), TICKET, context(), POLICY, NOW)

    assert decision is not None
    assert decision.reason == "approver-unproven"
    assert decision.asks == ()
    assert decision.notices == ()
    assert decision.digest


def test_what_is_hidden_in_html_decides_nothing() -> None:
    """He is asked to write plain text."""
    decision = decide_approver(mail("#approve", source="html"), TICKET, context(), POLICY, NOW)

    assert decision is not None
    assert decision.asks == ()
    assert [notice.news for notice in decision.notices] == [("unclear",)]


def test_other_words_are_for_the_team() -> None:
    """A note with a mail to the agents."""
    decision = decide_approver(mail("Is it in the plan?"), TICKET, context(), POLICY, NOW)

    assert decision is not None
    assert (decision.reason, decision.entry) == ("approver-note", EntryKind.NOTE)
    assert {notice.kind for notice in decision.notices} == {NoticeKind.TEAM}


def test_who_was_not_asked_is_nobodys_approver() -> None:
    """His mail goes its usual way."""
    assert decide_approver(mail("#approve", who="eve@example.com"), TICKET, context(), POLICY, NOW) is None


def test_an_absent_approver_is_stood_in_for_once() -> None:
    """His deputy is asked; a second absence note asks nobody again."""
    decision = approver_absent(BOSS, TICKET, context(), POLICY, NOW)
    assert decision is not None
    assert [str(notice.to) for notice in decision.notices] == ["vice@example.com"]
    assert decision.notices[0].text == "Two boxes, please."

    assert approver_absent(BOSS, TICKET, context(merged(ROWS, decision.asks)), POLICY, NOW) is None
    assert approver_absent(CFO, TICKET, context(), POLICY, NOW) is not None  # nobody stands in: the digest says so


def test_time_reminds_then_asks_deputies_then_tells_managers() -> None:
    """Each stage once, in working time; after the deadline there is nothing more to come."""
    rows, at, told = ROWS[:1], NOW, []
    for _ in range(10):
        decision = approval_due(TICKET, context(rows), POLICY, at)
        rows = merged(rows, decision.asks)
        told += [(notice.news, str(notice.to)) for notice in decision.notices]
        if not decision.clocks:
            break
        at = decision.clocks[0].due_at

    assert told == [
        (("ask-again",), "boss@example.com"),
        (("stand-in",), "vice@example.com"),
        (("approval-overdue",), "first-line@example.com"),
        (("approval-overdue", "escalated"), "manager@example.com"),
    ]
    assert at == ROWS[0].deadline
    assert rows[0].stage is Stage.MANAGERS


def test_a_week_late_is_one_mail_each() -> None:
    """After a downtime the last stage says it all; nobody is reminded of what has passed."""
    late = after_days(CALENDAR, NOW, 8)
    decision = approval_due(TICKET, context(ROWS[:1]), POLICY, late)

    assert [notice.news[0] for notice in decision.notices] == ["stand-in", "approval-overdue", "approval-overdue"]
    assert approval_due(TICKET, context(merged(ROWS[:1], decision.asks)), POLICY, late).notices == ()


def test_at_night_the_stage_waits() -> None:
    """It comes again at the opening."""
    decision = approval_due(TICKET, context(), POLICY, NOW + timedelta(days=1, hours=14))

    assert decision.notices == ()
    assert len(decision.clocks) == 1


def agent(before: str, after: str, rows: tuple[Asked, ...]) -> Decision:
    changed = Change(field=Field.CATEGORY, before=before, after=after)
    decision = Decision(outcome=Outcome.APPEND, reason="agent-command", append_to=TICKET.id, changes=(changed,))
    return with_approval(decision, replace(TICKET, category=before), context(rows), POLICY, NOW)


def test_a_corrected_category_asks_or_takes_back() -> None:
    """Into a category with approvers: they are asked. Out of it: nobody's word is waited for."""
    asked = agent("hardware", "toys", ())
    assert asked.approval == "asked"
    assert kinds(asked) == [("appr", "boss@example.com")]

    gone = agent("gear", "hardware", ROWS)
    assert gone.approval == "withdrawn"
    assert {row.state for row in gone.asks} == {Answer.VOID}

    less = agent("gear", "toys", ROWS)
    assert less.approval == ""
    assert pending(merged(ROWS, less.asks)) == ("boss",)
