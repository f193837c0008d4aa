"""T2: context, decision and its application, in one transaction."""

from __future__ import annotations

from datetime import timedelta

import pytest
from arrange import POLICY, a_posting, a_ticket_in, accept, an_arrival, claim, read_of, settle_mail
from builders import JO, NOW, an_address
from sqlalchemy import Connection, select, update

from daemon.core.clues import Clues
from daemon.core.decision import Decision, EntryKind, Event, Hold, Outcome
from daemon.core.notice import NoticeKind
from daemon.core.ticket import Status
from daemon.core.token import OwnId, ReplyToken
from daemon.store import apply, context, holds, journal, outbox, tickets
from daemon.store.columns import to_micros
from daemon.store.schema import CLOCK, ENTRY, INBOUND, MESSAGE_REF, PROMISE, TICKET


def load(tx: Connection, message_id: str = "<next@example.org>", **over: object) -> context.Context:
    """The context of a new mail of Jo's with these clues."""
    accept(tx, an_arrival(message_id=message_id))
    (mail,) = claim(tx)
    return context.load(
        tx,
        inbound_id=mail.inbound_id,
        reading=read_of(mail, **over),
        envelope=mail.envelope,
        policy=POLICY,
        now=NOW,
    )


def test_a_new_request_opens_a_ticket(tx: Connection) -> None:
    """Everything of the decision stands in the database: ticket, entry, promise, clocks, notices, settlement."""
    ticket = a_ticket_in(tx)

    stored = tickets.get(tx, ticket.id)
    (entry,) = tickets.entries(tx, ticket.id)
    assert stored == ticket
    assert ticket.id >= 1001
    assert ticket.reference == f"FL-{ticket.id}"
    assert (ticket.status, ticket.requester, ticket.thread_root) == (Status.NEW, JO, "<root@example.org>")
    assert (entry.kind, entry.author, entry.subject) == (EntryKind.REQUEST, JO.key, "Printer does not print")
    assert ticket.promised_at == tx.execute(select(PROMISE.c.due_at).where(PROMISE.c.state == "open")).scalar_one()
    pending = tx.execute(select(CLOCK.c.name).where(CLOCK.c.state == "pending").order_by(CLOCK.c.name)).scalars().all()
    assert pending == ["first_response", "first_response_reminder", "first_response_risk", "long_open"]
    assert [mail.kind for mail in outbox.claim(tx, owner="n", now=NOW, lease=timedelta(minutes=1))] == ["ack", "team"]
    settled = tx.execute(select(INBOUND.c.state, INBOUND.c.outcome, INBOUND.c.ack_reason, INBOUND.c.ticket_id)).one()
    assert tuple(settled) == ("settled", "ticket", "", ticket.id)


def test_ticket_numbers_go_up_by_one(tx: Connection) -> None:
    """What people quote is the row's own number."""
    first = a_ticket_in(tx, message_id="<1@x>", text="one")
    second = a_ticket_in(tx, message_id="<2@x>", text="two")

    assert second.id == first.id + 1


@pytest.mark.parametrize(
    ("clue", "clues"),
    [
        ("reference", lambda ticket: Clues(references=("<unknown@x>", "<root@example.org>"))),
        ("own_id", lambda ticket: Clues(own_ids=(OwnId(kind="ack", ticket_id=ticket, sequence=1),))),
        ("token", lambda ticket: Clues(tokens=(ReplyToken(ticket_id=ticket, person_tag="x", expires_on=99999),))),
        ("tag", lambda ticket: Clues(tag=ticket)),
    ],
)
def test_each_clue_leads_to_its_ticket(tx: Connection, clue: str, clues: object) -> None:
    """A clue becomes a candidate with the people of its ticket."""
    ticket = a_ticket_in(tx)

    found = load(tx, clues=clues(ticket.id))  # type: ignore[operator]

    (candidate,) = found.candidates
    assert (candidate.clue, candidate.ticket_id, candidate.status) == (clue, ticket.id, "new")
    assert candidate.participants == {JO.key}
    assert found.tickets == (ticket,)
    if clue == "reference":
        assert candidate.evidence == "<root@example.org>"


def test_an_unseen_ancestor_joins_two_replies(tx: Connection) -> None:
    """Two mails that name the same mail, which we never got, belong together."""
    ticket = a_ticket_in(tx, clues=Clues(references=("<never-seen@x>",)))

    found = load(tx, clues=Clues(references=("<never-seen@x>",)))

    assert [candidate.ticket_id for candidate in found.candidates] == [ticket.id]


def test_references_stay_on_their_desk(tx: Connection) -> None:
    """The same thread at another desk is another ticket there."""
    a_ticket_in(tx)
    tx.execute(update(TICKET).values(desk="sales"))

    assert load(tx, clues=Clues(references=("<root@example.org>",))).candidates == ()


def test_planted_ancestors_do_not_hide_the_thread(tx: Connection) -> None:
    """Thousands of tickets that name a victim's mail as ancestor come after the victim's own ticket."""
    ticket = a_ticket_in(tx)
    row = dict(tx.execute(select(TICKET)).mappings().one())
    numbers = range(5000, 5300)
    tx.execute(TICKET.insert(), [{**row, "id": n, "reference": f"FL-{n}"} for n in numbers])
    tx.execute(
        MESSAGE_REF.insert(),
        [{"message_id": "<root@example.org>", "ticket_id": n, "origin": "ancestor"} for n in numbers],
    )

    found = load(tx, clues=Clues(references=("<root@example.org>",)))

    assert found.candidates[0].ticket_id == ticket.id
    assert len(found.candidates) == 100


def test_merges_are_followed(tx: Connection) -> None:
    """A reply to a merged ticket finds where it went."""
    old = a_ticket_in(tx, message_id="<old@x>", text="old")
    new = a_ticket_in(tx, message_id="<new@x>", text="new")
    tx.execute(update(TICKET).where(TICKET.c.id == old.id).values(merged_into=new.id))

    found = load(tx, clues=Clues(references=("<old@x>",)))

    assert {candidate.ticket_id: candidate.merged_into for candidate in found.candidates} == {
        old.id: new.id,
        new.id: None,
    }
    assert found.ticket(new.id) == new


def test_a_circle_of_merges_ends(tx: Connection) -> None:
    """Two tickets merged into each other do not hang the daemon."""
    ticket = a_ticket_in(tx)
    tx.execute(update(TICKET).values(merged_into=ticket.id))

    assert len(load(tx, clues=Clues(tag=ticket.id)).candidates) == 1


def test_a_clue_to_nothing_is_nothing(tx: Connection) -> None:
    """Numbers and ids that we never gave lead nowhere."""
    found = load(tx, clues=Clues(tag=2**31, own_ids=(OwnId(kind="ack", ticket_id=77, sequence=1),)))

    assert (found.candidates, found.tickets) == ((), ())


def test_the_same_again_within_the_window(tx: Connection) -> None:
    """Same sender and text within 24 hours: on the first ticket, without an acknowledgment."""
    ticket = a_ticket_in(tx, clues=Clues(fingerprint="f" * 64))

    within = load(tx, clues=Clues(fingerprint="f" * 64))
    other = load(tx, message_id="<3@x>", clues=Clues(fingerprint="e" * 64))

    assert (within.repeat_of, within.ticket(ticket.id)) == (ticket.id, ticket)
    assert other.repeat_of is None


def test_the_same_after_the_window_is_new(tx: Connection) -> None:
    """A day later the same words are a new request."""
    a_ticket_in(tx, now=NOW - timedelta(hours=25), clues=Clues(fingerprint="f" * 64))

    assert load(tx, clues=Clues(fingerprint="f" * 64)).repeat_of is None


def test_a_report_finds_its_notice(tx: Connection) -> None:
    """The signed envelope address of a bounce names the notice it speaks of."""
    ticket = a_ticket_in(tx)

    found = load(tx, clues=Clues(bounce_of=OwnId(kind="ack", ticket_id=ticket.id, sequence=1)))
    unknown = load(tx, message_id="<3@x>", clues=Clues(bounce_of=OwnId(kind="nonsense", ticket_id=1, sequence=1)))

    assert found.reported is not None
    assert (found.reported.kind, found.reported.to) == (NoticeKind.ACKNOWLEDGMENT, str(JO))
    assert found.ticket(ticket.id) == ticket
    assert unknown.reported is None


def test_context_carries_what_stands(tx: Connection) -> None:
    """Credits, hold, last language and reuse of the id."""
    a_ticket_in(tx, language="de")
    holds.place(tx, Hold(address="jo@example.org", until=NOW + timedelta(days=60), reason="5.1.1"))
    holds.place(tx, Hold(address="jo@example.org", until=NOW + timedelta(days=61), reason="5.1.1"))
    accept(tx, an_arrival(message_id="<reused@x>"))
    claim(tx)
    accept(tx, an_arrival(message_id="<reused@x>", text="other"))
    (mail,) = claim(tx)

    found = context.load(
        tx, inbound_id=mail.inbound_id, reading=read_of(mail), envelope=mail.envelope, policy=POLICY, now=NOW
    )

    assert (found.credits.address, found.credits.domain, found.credits.overall) == (2, 19, 999)
    assert found.on_hold_until == NOW + timedelta(days=61)
    assert found.last_language == "de"
    assert (found.id_reused, found.attempts, found.desk) == (True, 1, "help")


def test_a_follow_up_is_appended_without_an_acknowledgment(tx: Connection) -> None:
    """Entry and team notice; its own id leads here from now on."""
    ticket = a_ticket_in(tx)
    accept(tx, an_arrival(message_id="<reply@example.org>"))
    (mail,) = claim(tx)

    decision, changed = settle_mail(tx, mail, clues=Clues(references=("<root@example.org>",)))

    assert (decision.outcome, decision.ack_reason) == (Outcome.APPEND, "follow-up")
    assert changed is not None
    assert [entry.kind for entry in tickets.entries(tx, ticket.id)] == [EntryKind.REQUEST, EntryKind.FOLLOW_UP]
    found = load(tx, clues=Clues(references=("<reply@example.org>",)))
    assert [candidate.ticket_id for candidate in found.candidates] == [ticket.id]


def test_a_first_response_keeps_the_promise(tx: Connection) -> None:
    """A person answered in time: promise kept, clocks cancelled, status open, the agent takes part."""
    ticket = a_ticket_in(tx)
    accept(tx, an_arrival(message_id="<agent@example.com>"))
    (mail,) = claim(tx)
    decision = Decision(
        outcome=Outcome.APPEND,
        reason="agent-reply",
        ack_reason="agent",
        append_to=ticket.id,
        entry=EntryKind.REPLY,
        status=Status.OPEN,
        first_response=True,
        stop_clocks=("first_response", "first_response_risk"),
    )

    reading = read_of(mail, from_="Agent <agent@example.com>")
    done = apply.apply(tx, decision, inbound_id=mail.inbound_id, reading=reading, policy=POLICY, now=NOW)

    assert done.ticket is not None
    assert done.ticket.status is Status.OPEN
    assert tx.execute(select(PROMISE.c.state)).scalar_one() == "kept"
    pending = tx.execute(select(CLOCK.c.name).where(CLOCK.c.state == "pending")).scalars().all()
    assert pending == ["long_open"]
    assert tickets.participants(tx, [ticket.id])[ticket.id] == {JO.key, "agent@example.com"}
    assert tx.execute(select(TICKET.c.first_response_at)).scalar_one() == NOW


def test_a_late_answer_breaks_the_promise(tx: Connection) -> None:
    """Counted against the instant that was said."""
    ticket = a_ticket_in(tx)
    decision = Decision(outcome=Outcome.APPEND, reason="x", append_to=ticket.id, first_response=True)

    apply.apply(tx, decision, policy=POLICY, now=NOW + timedelta(days=30))

    assert tx.execute(select(PROMISE.c.state)).scalar_one() == "broken"


def test_a_broken_promise_stays_broken_when_answered(tx: Connection) -> None:
    """The tick loop breaks it, the later answer only adds its time."""
    ticket = a_ticket_in(tx)
    late = NOW + timedelta(days=30)
    broken = Decision(outcome=Outcome.APPEND, reason="x", append_to=ticket.id, promise_broken=True)
    answered = Decision(outcome=Outcome.APPEND, reason="x", append_to=ticket.id, first_response=True)

    apply.apply(tx, broken, policy=POLICY, now=late)
    apply.apply(tx, answered, policy=POLICY, now=late + timedelta(hours=1))

    state, at = tx.execute(select(PROMISE.c.state, PROMISE.c.answered_at)).one()
    assert (state, at) == ("broken", late + timedelta(hours=1))


def test_a_kept_mail_has_no_ticket(tx: Connection) -> None:
    """Kept mail is settled with its reason and a journal line; a hold is placed."""
    accept(tx)
    (mail,) = claim(tx)
    decision = Decision(
        outcome=Outcome.KEEP,
        reason="not-answerable",
        ack_reason="automatic",
        hold=Hold(address="jo@example.org", until=NOW, reason="x" * 1000),
        events=(Event(name="inbound.keep", facts=(("guard", "null-path"), ("text", "a\0b\ud800" * 999))),),
    )

    done = apply.apply(tx, decision, inbound_id=mail.inbound_id, reading=read_of(mail), policy=POLICY, now=NOW)

    assert (done.ticket, done.opened) == (None, False)
    (line,) = journal.of_inbound(tx, mail.inbound_id)
    assert (line.name, line.facts[0], line.at) == ("inbound.keep", ("guard", "null-path"), NOW)
    assert holds.until(tx, an_address("jo+tag@example.org")) == NOW


def test_the_same_mail_is_on_a_ticket_once(tx: Connection) -> None:
    """A second run of the same decision adds no second entry."""
    ticket = a_ticket_in(tx)
    (entry,) = tickets.entries(tx, ticket.id)

    tickets.append(tx, ticket.id, entry)

    assert len(tx.execute(select(ENTRY.c.id)).all()) == 1


def test_instants_are_exact(tx: Connection) -> None:
    """Microseconds and the UTC zone survive, also far from today."""
    moment = NOW.replace(year=9999, microsecond=999_999)
    accept(tx, an_arrival(received_at=moment))

    assert tx.execute(select(INBOUND.c.received_at)).scalar_one() == moment
    assert to_micros(moment) % 1_000_000 == 999_999


def test_a_clock_decision_revises_the_promise(tx: Connection) -> None:
    """The old promise stays as it was said; the ticket carries the new one."""
    ticket = a_ticket_in(tx)
    first = tx.execute(select(PROMISE)).one()
    known = context.for_clock(tx, ticket_id=ticket.id, policy=POLICY, now=NOW)
    assert known is not None
    assert known[0] == ticket
    new = load_promise(first.due_at + timedelta(hours=4))

    decision = Decision(outcome=Outcome.APPEND, reason="promise at risk", append_to=ticket.id, promise=new)
    done = apply.apply(tx, decision, policy=POLICY, now=NOW)

    assert done.ticket is not None
    assert done.ticket.promised_at == new.due_at
    states = tx.execute(select(PROMISE.c.sequence, PROMISE.c.state).order_by(PROMISE.c.sequence)).all()
    assert [tuple(row) for row in states] == [(1, "revised"), (2, "open")]
    assert context.for_clock(tx, ticket_id=1, policy=POLICY, now=NOW) is None


def load_promise(due_at):  # type: ignore[no-untyped-def]
    from daemon.core.sla import Hours, Promise

    return Promise(due_at=due_at, zone="Europe/Berlin", calendar="office", target=timedelta(hours=4), hours=Hours.OPEN)


def test_a_posting_that_is_there_already_takes_nothing(tx: Connection) -> None:
    """The same (ticket, kind, sequence) again is the same mail: same bytes, no credit."""
    ticket = a_ticket_in(tx)
    before = load(tx).credits

    again = outbox.queue(tx, a_posting(ticket_id=ticket.id, content=b"other"), POLICY, now=NOW)

    assert again.again
    assert load(tx, message_id="<3@x>").credits == before
