"""Agents' mail: proof first, then whole or not at all, with a receipt."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from builders import (
    HELP,
    JO,
    KEYRING,
    NOW,
    a_candidate,
    a_context,
    a_message,
    a_policy,
    a_reading,
    a_team,
    a_ticket,
    an_address,
    an_envelope,
)
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.agent import decide_agent
from daemon.core.clues import Clues
from daemon.core.command import read_orders
from daemon.core.context import OtherReply
from daemon.core.decide import decide
from daemon.core.decision import Change, EntryKind, Field
from daemon.core.entry import Entry
from daemon.core.match import Match
from daemon.core.message import Body
from daemon.core.notice import NoticeKind
from daemon.core.ticket import Status
from daemon.core.token import ReplyToken, person_tag, reply_address
from daemon.core.trust import Proof, Trust

AGENT = an_address("agent@example.com")
SECOND = an_address("dora@example.com")
PROVEN = Match(ticket_id=1042, clue="token", proven=True)


def write(text, *, proof=Proof.PERSON, match=PROVEN, source="plain", context=None, **ticket):
    """The decision on this text of the agent on Jo's ticket."""
    message = a_message(text, from_="Agent <agent@example.com>", body=Body(new=text, full=text, source=source))
    policy = a_policy(
        teams=(a_team(), a_team("network", title="Network team", members=(SECOND,))),
    )
    reading = a_reading(message, trust=Trust(proof=proof))
    own = a_ticket(**ticket)
    known = replace(context or a_context(), named=own.id, addressee=own)
    return decide_agent(reading, own, match, known, policy, NOW)


def changed(decision):
    return {(change.field.value, change.after) for change in decision.changes}


def told(decision):
    (receipt,) = [notice for notice in decision.notices if notice.kind is NoticeKind.RECEIPT]
    return receipt.text


@pytest.mark.parametrize("proof", [Proof.NOBODY, Proof.DOMAIN, Proof.TOKEN])
def test_without_both_proofs_nothing_is_done(proof):
    """A forged agent with a valid-looking command: no change, no mail to anybody, an audit line."""
    decision = write("#close\nGo away", proof=proof)

    assert decision.reason == "agent-unproven"
    assert decision.changes == ()
    assert decision.notices == ()
    assert [event.name for event in decision.events] == ["agent.unproven"]


def test_a_plain_answer_goes_to_the_requester_and_is_the_first_response():
    """No command at all: words go out, the ticket opens and is the agent's, the clock stops."""
    decision = write("Please restart it.")

    assert [notice.kind for notice in decision.notices] == [NoticeKind.REPLY]
    assert decision.notices[0].to == JO
    assert decision.first_response
    assert changed(decision) == {("status", "open"), ("assignee", "agent@example.com")}


def test_a_quoted_token_does_not_go_out():
    """An agent's client quotes our mail with his token in it: the requester gets the desk's plain address."""
    own = reply_address(KEYRING, HELP, 1042, AGENT, date(2027, 1, 1), True)

    decision = write(f"Like this?\n| write to {own} or mailto:{own}?subject=x")

    assert decision.notices[0].text == f"Like this?\n| write to {HELP} or mailto:{HELP}?subject=x"


def test_commands_and_words_in_one_mail():
    """Closed with an answer, time logged, a receipt for the agent."""
    decision = write("#close cable replaced\n#time 20m\n\nWe replaced the cable.")

    assert changed(decision) == {
        ("status", "solved"),
        ("assignee", "agent@example.com"),
        ("close_reason", "cable replaced"),
        ("time", "20"),
    }
    assert decision.minutes == 20
    assert {notice.kind for notice in decision.notices} == {NoticeKind.REPLY, NoticeKind.RECEIPT}
    assert "20 minutes" in told(decision)


def test_commands_alone_send_nothing_to_the_requester():
    """`@close` alone sent an empty mail to the customer in a rival: never here."""
    decision = write("#close")

    assert [notice.kind for notice in decision.notices] == [NoticeKind.RECEIPT]
    assert decision.notices[0].to == AGENT
    assert not decision.first_response


def test_a_note_stays_inside():
    """Words below #note go to nobody outside."""
    decision = write("#note\nHe shouted at me.")

    assert decision.entry is EntryKind.NOTE
    assert all(notice.to != JO for notice in decision.notices)
    assert not decision.first_response


@pytest.mark.parametrize(
    "text",
    [
        "#clsoe\nIt is done.",
        "#category nonsense",
        "#tier 9",
        "#assign nobody",
        "#merge FL-7",
        "#merge FL-1042",
        "#reopen",
        "#undo",
    ],
)
def test_one_impossible_order_stops_the_whole_mail(text):
    """Nothing goes out, nothing changes; the agent reads why, and the list of verbs."""
    decision = write(f"#take\n{text}" if text != "#undo" else text)

    assert decision.changes == ()
    assert [notice.kind for notice in decision.notices] == [NoticeKind.RECEIPT]
    assert "#help" in told(decision)


def test_commands_from_html_are_refused():
    """White text in HTML could order what the agent never saw."""
    assert write("#close", source="html").changes == ()
    assert write("It is done.", source="html").first_response


def test_help_and_status_answer_only_the_agent():
    """Questions change nothing."""
    assert "#assign" in told(write("#hilfe"))
    assert "FL-1042" in told(write("#status"))
    assert write("#status").changes == ()


def test_assigning_tells_whom_it_is_given_to():
    """The new team's members get the ticket with the note that goes with it."""
    decision = write("#assign network\n#note\nSwitch in room 3?")

    assert ("team", "network") in changed(decision)
    (handed,) = [notice for notice in decision.notices if notice.kind is NoticeKind.TEAM]
    assert (handed.to, handed.text) == (SECOND, "Switch in room 3?")


def test_assigning_a_person_by_name():
    """The local part of one agent's address is enough."""
    assert changed(write("#assign dora")) == {("team", "network"), ("assignee", "dora@example.com")}


def test_a_second_answer_is_stopped_until_it_is_meant():
    """Two agents at once: the second is told before the requester gets two answers."""
    context = a_context(other_reply=OtherReply(by="dora@example.com", at=NOW - timedelta(minutes=2)))

    stopped = write("Try turning it off.", context=context)
    meant = write("#send\nTry turning it off.", context=context)

    assert all(notice.to != JO for notice in stopped.notices)
    assert "dora@example.com" in told(stopped)
    assert any(notice.to == JO for notice in meant.notices)


def test_undo_reverses_the_last_order():
    """Each change is taken back, in words on the receipt."""
    context = a_context(undoable=(Change(field=Field.STATUS, before="open", after="solved"),))

    assert changed(write("#undo", context=context, status=Status.SOLVED)) == {("status", "open")}


def test_merging_closes_this_ticket_into_the_other():
    """The other ticket is named by reference and must exist."""
    context = a_context(mentioned=(a_ticket(1050),))

    assert changed(write("#merge FL-1050", context=context)) == {("merged_into", "1050"), ("status", "closed")}


def test_waiting_some_days_sets_a_clock():
    """`#wait 3d` comes back by itself."""
    decision = write("#wait 3d")

    assert changed(decision) == {("status", "waiting")}
    assert [(clock.name, clock.due_at - NOW) for clock in decision.clocks] == [("wait_over", timedelta(days=3))]


def test_an_agent_who_writes_with_token_is_an_agent_in_decide():
    """Through the whole table: token bound to the agent, domain proven."""
    token = ReplyToken(ticket_id=1042, person_tag=person_tag(KEYRING, AGENT), expires_on=99_999)
    reading = a_reading(
        a_message("#take", from_="Agent <agent@example.com>"),
        clues=Clues(tokens=(token,)),
        trust=Trust(proof=Proof.PERSON),
    )
    context = a_context(candidates=(a_candidate(clue="token"),), tickets=(a_ticket(),))

    decision = decide(an_envelope(reverse_path="agent@example.com"), reading, context, a_policy(), NOW)

    assert changed(decision) == {("assignee", "agent@example.com")}


_GOOD = [
    "#take", "#category access", "#tier 2", "#priority P1", "#kind problem", "#time 10m", "#cause a wire", "#note",
    "#resolution a new wire", "#link FL-1050", "#assign dora", "#close done", "#wait 3d", "#send", "#help", "#undo",
    "#forward vic@vendor.example", "#status", "#spam", "#merge FL-1050", "#unlink FL-1050", "#reopen", "#split",
]  # fmt: skip
_BAD = ["#clsoe", "#tier nine", "#time", "#merge FL-9", "#forward a@b, c@d", "#approve", "#category none", "#assign x"]
_LINES = st.lists(st.sampled_from([*_GOOD, *_GOOD, *_BAD, "", "Hello.", "#9", "> #close"]), max_size=6)


@given(lines=_LINES, tail=st.text(max_size=40), status=st.sampled_from(list(Status)))
def test_a_mail_is_done_whole_or_not_at_all(lines, tail, status):
    """Whatever is ordered: it never raises, and one line that cannot be done leaves everything as it was."""
    text = "\n".join([*lines, tail])
    entry = Entry(inbound_id=1, kind=EntryKind.REQUEST, author=JO.key, author_name="Jo", subject="x", text="y", at=NOW)
    known = a_context(mentioned=(a_ticket(1050),), request=entry)
    orders = read_orders(text)

    decision = write(text, context=known, status=status)

    orders_named = {command.verb.value for command in orders.commands}
    if decision.reason == "agent-complaint":
        assert decision.changes == ()
        assert (decision.clocks, decision.stop_clocks, decision.refund, decision.beside) == ((), (), (), None)
        assert [(notice.kind, notice.to) for notice in decision.notices] == [(NoticeKind.RECEIPT, AGENT)]
    else:
        assert orders.complaints == ()
        assert not orders_named & {"approve", "deny", "undo", "split", "unlink"}
        assert len([notice for notice in decision.notices if notice.kind is NoticeKind.RECEIPT]) == bool(orders_named)
        said = [notice for notice in decision.notices if notice.to == JO]
        assert bool(said) == (bool(orders.words) and not orders_named & {"note", "forward", "help", "status"})
    assert decision.append_to == 1042
