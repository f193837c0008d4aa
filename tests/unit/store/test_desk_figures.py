"""Opinions, time, agenda, week and month, on both databases."""

from __future__ import annotations

from datetime import timedelta

from arrange import POLICY, a_ticket_in, accept, an_arrival, claim, settle_mail
from builders import JO, NOW
from sqlalchemy import Connection, text

from daemon.core.credit import canonical
from daemon.core.decision import Change, ClockStart, Decision, EntryKind, Event, Field, Opinion, Outcome
from daemon.core.ticket import Status, Ticket
from daemon.store import agenda, apply, clocks, effort, opinions, orders, requests, tickets
from daemon.store.figures import figures
from daemon.store.month import month
from daemon.store.week import week

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
AGENT = "agent@example.com"


def order(tx: Connection, ticket: Ticket, *changes: Change, at=NOW, **over: object) -> None:
    values = {"outcome": Outcome.APPEND, "reason": "agent-command", "entry": EntryKind.NOTE, "by": AGENT}
    decision = Decision(append_to=ticket.id, changes=changes, **{**values, **over})  # type: ignore[arg-type]
    apply.apply(tx, decision, policy=POLICY, now=at)


def status(before: str, after: str) -> Change:
    return Change(field=Field.STATUS, before=before, after=after)


def test_an_opinion_is_asked_once_and_the_last_answer_counts(tx: Connection) -> None:
    """Who was asked, when, and what he said at last; known under his canonical address."""
    ticket = a_ticket_in(tx)
    order(tx, ticket, opinion=Opinion(), at=NOW + HOUR)
    order(tx, ticket, opinion=Opinion(score=2, words="Slow."), at=NOW + 2 * HOUR)
    order(tx, ticket, opinion=Opinion(), at=NOW + 3 * HOUR)
    order(tx, ticket, opinion=Opinion(score=4), at=NOW + 4 * HOUR)

    said = opinions.of_ticket(tx, ticket.id)
    assert said is not None
    assert (said.score, said.words, said.asked_at) == (4, "", NOW + HOUR)
    assert opinions.last_asked(tx, canonical(JO)) == NOW + HOUR
    assert opinions.last_asked(tx, "nobody@example.org") is None
    assert [each.score for each in opinions.heard(tx, after=NOW, until=NOW + DAY)] == [4]
    assert opinions.heard(tx, after=NOW + 4 * HOUR, until=NOW + DAY) == ()


def test_time_belongs_to_the_tier_in_which_it_was_spent(tx: Connection) -> None:
    """A later move changes no bill, and taking an order back takes its time back."""
    ticket = a_ticket_in(tx)
    order(tx, ticket, minutes=30)
    order(tx, ticket, Change(field=Field.TIER, before="1", after="2"), at=NOW + HOUR)
    order(tx, ticket, minutes=15, at=NOW + 2 * HOUR)
    order(tx, ticket, minutes=-15, at=NOW + 2 * HOUR)
    order(tx, ticket, minutes=20, at=NOW + 3 * HOUR)

    assert effort.of_ticket(tx, ticket.id) == ((AGENT, 1, 30), (AGENT, 2, 20))
    assert [each.minutes for each in effort.spent(tx, after=NOW, until=NOW + DAY)] == [20]


def test_a_solved_ticket_has_its_instant_until_it_is_open_again(tx: Connection) -> None:
    """Solved, closed by itself, opened again, solved again."""
    ticket = a_ticket_in(tx)
    order(tx, ticket, status("new", "solved"), at=NOW + HOUR)
    order(tx, ticket, status=Status.CLOSED, at=NOW + DAY)
    assert tickets.get(tx, ticket.id).solved_at == NOW + HOUR  # type: ignore[union-attr]

    order(tx, ticket, status=Status.OPEN, at=NOW + 2 * DAY)
    assert tickets.get(tx, ticket.id).solved_at is None  # type: ignore[union-attr]
    order(tx, ticket, status("open", "solved"), at=NOW + 3 * DAY)
    assert tickets.get(tx, ticket.id).solved_at == NOW + 3 * DAY  # type: ignore[union-attr]
    assert orders.closed_by(tx, ticket.id) == AGENT


def test_the_week_and_the_month_count_what_happened(tx: Connection) -> None:
    """Opened, solved, kept, causes; nothing of the time before."""
    ticket = a_ticket_in(tx)
    order(tx, ticket, Change(field=Field.CAUSE, before="", after="dust"), minutes=10, at=NOW + HOUR)
    order(tx, ticket, status("new", "solved"), at=NOW + HOUR)
    order(tx, ticket, opinion=Opinion(score=5), at=NOW + 2 * HOUR)

    found = week(tx, after=NOW - HOUR, until=NOW + 7 * DAY)
    assert (found.opened, found.solved, found.open, found.kept, found.broken) == (1, 1, 0, 1, 0)
    assert (found.scores, found.causes) == ((5,), (("dust", 1),))
    assert [each.minutes for each in found.spent] == [10]
    assert week(tx, after=NOW + 7 * DAY, until=NOW + 14 * DAY).empty
    seen = month(tx, now=NOW + DAY)
    assert (seen.score, seen.minutes, seen.causes) == (5.0, ((AGENT, 1, 10),), (("dust", 1),))
    assert month(tx, now=NOW + 60 * DAY).solved == 0
    assert figures(tx, now=NOW + DAY).month == seen


def test_the_agenda_knows_what_is_owed_and_what_was_missed(tx: Connection) -> None:
    """The next target, the standing breach, and the one that stands in the journal only."""
    ticket = a_ticket_in(tx)
    clocks.start(tx, ticket.id, [ClockStart(name="resolution", due_at=NOW + 40 * DAY)], now=NOW)
    line = agenda.cursor(tx)
    (fresh,) = agenda.standing(tx, POLICY, since=line, after=NOW, now=NOW)
    assert (fresh.owed, fresh.missed, fresh.team) == (ticket.promised_at, None, "first")

    event = Event(name=agenda.BREACHED, facts=(("clock", "ola"), ("due_at", (NOW + HOUR).isoformat())))
    order(tx, ticket, status("new", "closed"), events=(event,), at=NOW + DAY)
    (late,) = agenda.standing(tx, POLICY, since=line, after=NOW, now=NOW + DAY)
    assert (late.missed, late.status) == (NOW + HOUR, Status.CLOSED)
    assert agenda.standing(tx, POLICY, since=agenda.cursor(tx), after=NOW + DAY, now=NOW + DAY) == ()


def test_his_data_are_his_mails_and_our_answers(tx: Connection) -> None:
    """In order and bounded; an order above an answer is not among them."""
    ticket = a_ticket_in(tx)
    accept(tx, an_arrival(message_id="<2@example.org>", text="other"))
    (mail,) = claim(tx)
    settle_mail(tx, mail, text="Something else is broken.", subject="Other")
    answer = "INSERT INTO entry (ticket_id, inbound_id, kind, author, author_name, subject, text, at) VALUES "
    tx.execute(
        text(answer + f"({ticket.id}, 2, 'reply', '{AGENT}', 'Anna', '', '#close\nTurn it on.', 1790000000000000)")
    )
    tx.execute(
        text(f"UPDATE ticket SET muted = {'1' if tx.dialect.name == 'sqlite' else 'true'} WHERE id = {ticket.id}")
    )

    said = requests.own_data(tx, JO)

    assert f"{JO}\n2 tickets\n" in said
    assert "Turn it on." in said
    assert "Something else is broken." in said
    for secret in ("#close", AGENT, "Anna"):
        assert secret not in said
    assert requests.data_sent_at(tx, JO) is None
    assert requests.standing(tx, ticket.id).due_at == ticket.promised_at  # type: ignore[union-attr]
    assert tickets.get(tx, ticket.id).muted  # type: ignore[union-attr]
