"""What a requester may order, and what stays a mail for the team."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from html import escape

import pytest
from builders import (
    HELP,
    JO,
    KEYRING,
    NOW,
    a_candidate,
    a_context,
    a_desk,
    a_message,
    a_policy,
    a_reading,
    a_ticket,
    an_address,
    an_envelope,
    some_credits,
)

from daemon.core.clues import Clues
from daemon.core.context import Context
from daemon.core.decide import decide
from daemon.core.decision import ClockStart, Decision, EntryKind, Opinion, Outcome
from daemon.core.instants import SURVEY, VENDOR, WAIT_CLOSE
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Policy, Robot
from daemon.core.sla import promise
from daemon.core.ticket import Status, Ticket
from daemon.core.token import Mark, OwnId, carries_marks, order_mark, read_order_mark, redact
from daemon.core.trust import Proof, Trust
from daemon.loops.click import click
from daemon.render import TEXT_BYTES, Renderer

POLICY: Policy = a_policy()
TODAY = NOW.date()


def a_mark(word: str, ticket: int = 1042, person=JO) -> Mark:
    found = read_order_mark(KEYRING, order_mark(KEYRING, word, ticket, person, TODAY), TODAY)
    assert found is not None
    return found


def decided(
    text: str,
    *,
    subject: str = "Re: [FL-1042] Printer does not print",
    proof: Proof = Proof.DOMAIN,
    ticket: Ticket | None = None,
    mark: str = "",
    answers: str = "",
    policy: Policy = POLICY,
    shut: bool = False,
    **context: object,
) -> Decision:
    """The decision on a mail of Jo's about ticket FL-1042; `answers` is the kind of our mail it replies to."""
    ticket = ticket or a_ticket()
    signed = a_mark(mark) if mark else None
    clues = Clues(
        tag=ticket.id,
        mark=signed,
        tokens=(signed.token,) if signed else (),
        own_ids=(OwnId(kind=answers, ticket_id=ticket.id, sequence=1),) if answers else (),
    )
    reading = a_reading(a_message(text, subject=subject), clues=clues, trust=Trust(proof=proof))
    clue = "token" if signed else "own_id" if answers else "tag"
    candidates = (a_candidate(clue=clue, shut=shut),)
    known: Context = a_context(candidates=candidates, tickets=(ticket,), **context)
    return decide(an_envelope(), reading, known, policy, NOW)


def letters(decision: Decision) -> list[NoticeKind]:
    return [notice.kind for notice in decision.notices if notice.kind is not NoticeKind.TEAM]


def wish(decision: Decision) -> str:
    """What the team reads of it."""
    team = next(notice for notice in decision.notices if notice.kind is NoticeKind.TEAM)
    return dict(team.detail).get("wish", "")


def test_solved_is_asked_about_and_changes_nothing() -> None:
    """A question to him, a line for the team; status as it was."""
    decision = decided("Solved, thanks!")

    assert letters(decision) == [NoticeKind.QUESTION]
    assert decision.status is None
    assert wish(decision) == "close"


def test_solved_while_we_wait_ends_the_wait() -> None:
    """He has answered: the ticket goes on until he says yes."""
    assert decided("Solved, thanks!", ticket=a_ticket(status=Status.WAITING)).status is Status.OPEN


@pytest.mark.parametrize("status", [Status.SOLVED, Status.CLOSED])
@pytest.mark.parametrize("text", ["Thanks!", "Solved, thanks!", "Vielen Dank"])
def test_thanks_open_nothing_again(status: Status, text: str) -> None:
    """The classic: a polite reply must not reopen what is solved."""
    decision = decided(text, ticket=a_ticket(status=status))

    assert (decision.status, decision.notices, decision.reason) == (None, (), "thanks")


def test_anything_else_opens_again() -> None:
    """Whatever says more than thanks on a solved ticket."""
    assert decided("It is broken again.", ticket=a_ticket(status=Status.SOLVED)).status is Status.OPEN
    assert decided("Thanks, but it is broken.", ticket=a_ticket(status=Status.SOLVED)).status is Status.OPEN


@pytest.mark.parametrize(
    ("over", "policy"),
    [
        ({"credits": some_credits(address=0)}, POLICY),
        ({"on_hold_until": NOW + timedelta(days=1)}, POLICY),
        ({}, replace(POLICY, robots=(Robot(address=JO, category="hardware"),))),
    ],
    ids=["credit", "hold", "robot"],
)
@pytest.mark.parametrize(("text", "said"), [("Solved, thanks", "close-unasked"), ("Status?", "status")])
def test_who_cannot_be_answered_is_told_to_the_team(over, policy: Policy, text: str, said: str) -> None:
    """Never a mail beyond the credits; the wish is not lost."""
    decision = decided(text, policy=policy, **over)

    assert letters(decision) == []
    assert wish(decision) == said


@pytest.mark.parametrize("text", ["Solved, thanks", "Status?", "unsubscribe", "Thanks"])
def test_without_proof_it_is_a_mail_for_the_team(text: str) -> None:
    """A quoted reference alone orders nothing."""
    decision = decided(text, proof=Proof.NOBODY)

    assert letters(decision) == []
    assert (decision.status, decision.muted, decision.entry) == (None, None, EntryKind.FOLLOW_UP)


@pytest.mark.parametrize("how", ["click", "yes", "solved"])
def test_his_yes_closes(how: str) -> None:
    """By the signed link, or by an answer to our question; how it went is asked later."""
    decision = (
        decided("", mark="close", proof=Proof.TOKEN)
        if how == "click"
        else decided("Yes, please" if how == "yes" else "It is solved", answers=NoticeKind.QUESTION)
    )

    assert decision.status is Status.CLOSED
    assert [start.name for start in decision.clocks] == [SURVEY]
    assert wish(decision) == "closed"
    assert letters(decision) == []


@pytest.mark.parametrize("text", ["No", "Yes, but the other printer is silent", "yes?", "Not yet"])
def test_anything_but_yes_closes_nothing(text: str) -> None:
    """A no is a mail for the team."""
    assert decided(text, answers=NoticeKind.QUESTION).status is None


def test_yes_to_another_letter_closes_nothing() -> None:
    """Only the question whether to close makes a yes an order."""
    assert decided("yes", answers=NoticeKind.STATUS).status is None


def test_the_status_names_state_and_promise() -> None:
    """The standing promise, in a letter to him alone."""
    made = promise(POLICY.calendar("office"), timedelta(hours=4), NOW)
    decision = decided("Status?", standing=made)

    (answer,) = decision.notices
    assert (answer.kind, answer.to, answer.news, answer.promise) == (NoticeKind.ANSWER, JO, ("new",), made)
    assert decision.entry is EntryKind.ORDER


def test_a_promise_that_has_passed_is_owned_up_to() -> None:
    """The letter says that we are late, not that somebody will answer yesterday."""
    made = replace(promise(POLICY.calendar("office"), timedelta(hours=4), NOW), due_at=NOW - timedelta(hours=1))
    (answer,) = decided("Any news?", standing=made).notices

    assert answer.news == ("new", "late")
    assert (answer.promise, answer.previous_promise) == (None, made)


@pytest.mark.parametrize(
    ("ticket", "coming", "news"),
    [
        ({"status": Status.OPEN}, (), "in-work"),
        ({"status": Status.WAITING}, (WAIT_CLOSE,), "waiting"),
        ({"status": Status.WAITING}, (VENDOR,), "vendor"),
        ({"status": Status.WAITING}, (), "paused"),
        ({"status": Status.SOLVED}, (), "solved"),
        ({"status": Status.CLOSED}, (), "ended"),
    ],
)
def test_every_state_has_its_words(ticket, coming: tuple[str, ...], news: str) -> None:
    """And asking for it changes none of them."""
    decision = decided(
        "Status?",
        ticket=a_ticket(**ticket),
        coming=tuple(ClockStart(name=name, due_at=NOW + timedelta(days=1)) for name in coming),
    )

    assert decision.notices[0].news == (news,)
    assert decision.status is None


@pytest.mark.parametrize(
    ("subject", "text", "ordered"),
    [
        ("[FL-1042] status", "", True),
        ("[FL-1042] Status?", "Thank you\n\nJo", True),
        ("Re: [FL-1042] status", "", False),
        ("[FL-1042] status", "The lamp is red now.", False),
        ("[FL-1042] Printer", "", False),
    ],
)
def test_the_subject_orders_only_alone(subject: str, text: str, ordered: bool) -> None:
    """The subject of a thread is no order, and nothing that he wrote below it is overlooked."""
    assert (letters(decided(text, subject=subject)) == [NoticeKind.ANSWER]) is ordered


def test_news_are_stopped() -> None:
    """By a click or in words; nobody is mailed because of it."""
    for decision in (decided("", mark="unsubscribe", proof=Proof.TOKEN), decided("Please unsubscribe me")):
        assert (decision.muted, decision.notices, decision.status) == (True, (), None)


@pytest.mark.parametrize(
    ("proof", "context", "kinds", "said"),
    [
        (Proof.DOMAIN, {}, [NoticeKind.DATA], "data"),
        (Proof.PERSON, {}, [NoticeKind.DATA], "data"),
        (Proof.TOKEN, {}, [], "data-unproven"),
        (Proof.DOMAIN, {"data_sent_at": NOW - timedelta(hours=23)}, [], "data-again"),
        (Proof.DOMAIN, {"data_sent_at": NOW - timedelta(hours=25)}, [NoticeKind.DATA], "data"),
        (Proof.DOMAIN, {"credits": some_credits(overall=0)}, [], "data-unsent"),
    ],
)
def test_his_data_need_a_proven_domain(proof: Proof, context, kinds: list[NoticeKind], said: str) -> None:
    """A token may have been forwarded; once a day; within credits. The team sees it in any case."""
    decision = decided("Please send me my data", proof=proof, **context)

    assert letters(decision) == kinds
    assert wish(decision) == said


@pytest.mark.parametrize(("left", "sent"), [(3, True), (1, False)])
def test_data_never_take_the_last_credit_twice(left: int, sent: bool) -> None:
    """A new ticket's acknowledgment and the data are queued at once: both need a credit."""
    reading = a_reading(a_message("", subject="My data"), trust=Trust(proof=Proof.DOMAIN))
    decision = decide(an_envelope(), reading, a_context(credits=some_credits(address=left)), POLICY, NOW)

    assert decision.opening is not None
    assert letters(decision) == [NoticeKind.ACKNOWLEDGMENT, *([NoticeKind.DATA] if sent else [])]


@pytest.mark.parametrize(
    ("text", "opinion"),
    [
        ("5\n\nGreat work", Opinion(score=5, words="Great work")),
        ("4/5 thanks", Opinion(score=4, words="thanks")),
        (" 2 ", Opinion(score=2)),
    ],
)
def test_a_plain_reply_with_a_number_is_an_opinion(text: str, opinion: Opinion) -> None:
    """To our question how it went; the ticket stays solved."""
    decision = decided(text, answers=NoticeKind.SURVEY, ticket=a_ticket(status=Status.SOLVED))

    assert decision.opinion == opinion
    assert decision.status is None


@pytest.mark.parametrize("text", ["It is broken again", "12 people cannot print", "1.5 hours and still broken", "6"])
def test_a_reply_without_a_score_is_a_reply(text: str) -> None:
    """And opens the ticket again."""
    decision = decided(text, answers=NoticeKind.SURVEY, ticket=a_ticket(status=Status.SOLVED))

    assert decision.opinion is None
    assert decision.status is Status.OPEN


def test_a_click_is_his_score_and_what_he_writes_below() -> None:
    """The team is mailed when there is something to read or to mend."""
    good = decided("", mark="rate-5", proof=Proof.TOKEN)
    bad = decided("Three days!", mark="rate-1", proof=Proof.TOKEN)

    assert (good.opinion, good.notices) == (Opinion(score=5), ())
    assert bad.opinion == Opinion(score=1, words="Three days!")
    assert {notice.kind for notice in bad.notices} == {NoticeKind.TEAM}
    assert all(notice.text == "Three days!" for notice in bad.notices)


def test_a_click_on_a_ticket_closed_for_good_opens_nothing() -> None:
    """The score still counts; a yes changes nothing."""
    ticket = a_ticket(status=Status.CLOSED, solved_at=NOW - timedelta(days=90))

    rated = decided("", mark="rate-4", proof=Proof.TOKEN, ticket=ticket, shut=True)
    closed = decided("", mark="close", proof=Proof.TOKEN, ticket=ticket, shut=True)

    assert (rated.opening, rated.opinion) == (None, Opinion(score=4))
    assert (closed.opening, closed.status) == (None, None)


@pytest.mark.parametrize("mark", ["status", "unsubscribe"])
def test_words_in_a_clicked_mail_are_read(mark: str) -> None:
    """Somebody takes an old mail from his sent folder and writes a new problem into it: the team gets it."""
    decision = decided("The other printer burns.", mark=mark, proof=Proof.TOKEN)

    assert NoticeKind.TEAM in {notice.kind for notice in decision.notices}
    assert NoticeKind.TEAM not in {notice.kind for notice in decided("", mark=mark, proof=Proof.TOKEN).notices}


def test_words_in_a_click_on_a_ticket_closed_for_good_are_a_new_request() -> None:
    """Nobody would look at them there."""
    ticket = a_ticket(status=Status.CLOSED, solved_at=NOW - timedelta(days=90))

    decision = decided("The other printer burns.", mark="status", proof=Proof.TOKEN, ticket=ticket, shut=True)

    assert decision.opening is not None
    assert decision.opening.link_hint == ticket.id


def test_somebody_elses_link_orders_nothing() -> None:
    """A letter was forwarded, or he has two addresses: kept, the digest tells, no new ticket."""
    mark = a_mark("rate-1", person=an_address("other@example.org"))
    clues = Clues(mark=mark, tokens=(mark.token,), tag=1042)
    reading = a_reading(a_message("", from_="m@else.example"), clues=clues, trust=Trust(proof=Proof.DOMAIN))
    context = a_context(candidates=(a_candidate(clue="token"),), tickets=(a_ticket(),))

    decision = decide(an_envelope(reverse_path="m@else.example"), reading, context, POLICY, NOW)

    assert (decision.outcome, decision.reason, decision.digest) == (Outcome.KEEP, "order-of-another", True)
    assert decision.notices == ()


@pytest.mark.parametrize("change", [lambda s: s.replace("rate-5", "rate-1"), lambda s: s[:-1] + "a", lambda s: s[:-1]])
def test_a_changed_mark_is_none(change) -> None:
    """Word, ticket, person and day are signed."""
    mark = order_mark(KEYRING, "rate-5", 1042, JO, TODAY)
    if change(mark) != mark:
        assert read_order_mark(KEYRING, change(mark), TODAY) is None
    assert read_order_mark(KEYRING, f"Re: [FL-1042] {mark.upper()}", TODAY) is not None
    assert read_order_mark(KEYRING, mark, date(2030, 1, 1)) is None


def test_a_quoted_mark_is_taken_out_and_keeps_a_mail_inside() -> None:
    """An agent who quotes a letter, or forwards one, hands out nobody's links."""
    mark = order_mark(KEYRING, "close", 1042, JO, TODAY)

    assert redact(f"see mailto:help@example.com?subject=%5BFL-1042%5D%20{mark} there") == (
        "see mailto:help@example.com?subject=%5BFL-1042%5D%20 there"
    )
    assert carries_marks(f"Subject: [FL-1042] {mark}\r\n\r\nHello".encode())
    assert not carries_marks(b"Subject: report.final\r\n\r\nHello")


NEW = (NoticeKind.ANSWER, NoticeKind.QUESTION, NoticeKind.SURVEY, NoticeKind.DATA)


@pytest.mark.parametrize("kind", NEW)
def test_letters_exist_in_every_language(kind: NoticeKind) -> None:
    """Eight of them, each with words of its own."""
    assert set(Renderer().languages(kind)) == {"de", "en", "es", "fr", "it", "nl", "pt", "sv"}


@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "it", "nl", "pt", "sv"])
@pytest.mark.parametrize("kind", NEW)
def test_letters_to_requesters_are_whole(kind: NoticeKind, language: str) -> None:
    """In each language: reference, every link with words of its own, small enough, no template in trouble."""
    wishes = {NoticeKind.SURVEY: ("rate-5", "rate-3", "rate-1"), NoticeKind.QUESTION: ("close",)}.get(kind, ())
    links = tuple((word, click(KEYRING, word, a_ticket(), JO, HELP, TODAY)) for word in wishes)
    made = promise(POLICY.calendar("office"), timedelta(hours=4), NOW)
    notice = Notice(kind=kind, to=JO, language=language, news=("new", "late"), promise=made, previous_promise=made)
    renderer = Renderer()
    facts = renderer.facts(notice, policy=POLICY, desk=a_desk(languages=(language,)), reference="FL-1042")

    letter = renderer.render(notice, replace(facts, links=links))

    assert (letter.trouble, letter.language) == ("", language)
    assert "FL-1042" in letter.text
    assert len(letter.text.encode()) <= TEXT_BYTES
    for word, url in links:
        assert url in letter.text
        assert f'href="{escape(url)}"' in letter.html
        assert f"\n{word}\n" not in letter.text
    if kind is NoticeKind.ANSWER:
        assert letter.text.count(facts.due) >= 2
