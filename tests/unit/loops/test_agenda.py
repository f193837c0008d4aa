"""The agenda and the weekly report: at the opening, once, with what a downtime kept from being mailed."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import datetime, time, timedelta
from email.message import EmailMessage

import pytest
from builders import JO, NOW, a_calendar, a_desk, a_message, a_policy, a_team, a_tier, an_address
from sqlalchemy import text

from daemon.core.calendar import Window
from daemon.core.decision import Change, Decision, EntryKind, Field, Opinion, Outcome
from daemon.core.policy import Policy
from daemon.core.reading import Reading
from daemon.core.ticket import Ticket
from daemon.core.trust import Proof, Trust
from daemon.loops.agenda import agendas, reports
from daemon.loops.enact import Desked, enact
from daemon.loops.settle import settle_one
from daemon.loops.tick import LEASE, fire
from daemon.render import Renderer
from daemon.store import clocks, inbound, memory, outbox
from daemon.store.engine import open_engine
from daemon.store.migrate import migrate
from tests.unit.loops.arrivals import an_arrival

BOSS = an_address("boss@example.com")
POLICY: Policy = a_policy(
    desks=(a_desk(languages=("en",)),),
    teams=(a_team(), a_team("second", addresses=(an_address("second@example.com"),), members=())),
    tiers=(*(a_tier(number, managers=(BOSS,), cost_per_hour=60.0) for number in range(4)), a_tier(4, team="second")),
    calendars=(("office", a_calendar()),),
)
RENDERER = Renderer()
DAY = timedelta(days=1)
OPENING = datetime.fromisoformat("2026-11-24T08:00:30+00:00")  # Tuesday, 09:00 in Berlin
MONDAY = datetime.fromisoformat("2026-11-30T08:00:30+00:00")


@pytest.fixture
def tx():
    engine = open_engine("sqlite://")
    migrate(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def desked(now: datetime = NOW, policy: Policy = POLICY) -> Desked:
    return Desked(policy=policy, renderer=RENDERER, now=now)


def a_ticket_in(tx, number: int = 1, at: datetime = NOW) -> Ticket:
    inbound.accept_many(tx, [an_arrival(number, received_at=at)])
    (claimed,) = inbound.claim(tx, owner="t", now=at, lease=LEASE, limit=1)
    message = a_message(message_id=claimed.message_id, subject=f"Printer {number}")
    reading = Reading(message=message, trust=Trust(proof=Proof.DOMAIN))
    return settle_one(tx, claimed, reading, desked(at)).enacted.ticket


def order(tx, ticket: Ticket, *changes: Change, at: datetime = NOW, **over: object) -> None:
    values = {"outcome": Outcome.APPEND, "reason": "agent-command", "entry": EntryKind.NOTE, "by": "agent@example.com"}
    enact(tx, Decision(append_to=ticket.id, changes=changes, **{**values, **over}), desked(at))  # type: ignore[arg-type]


def told(tx, kind: str = "agenda") -> dict[str, EmailMessage]:
    """The queued mails of a kind by recipient; each is taken once."""
    mails = outbox.claim(tx, owner="t", now=NOW + 90 * DAY, lease=timedelta(days=99), limit=500)
    return {
        mail.recipient: email.message_from_bytes(mail.content, policy=email.policy.default)
        for mail in mails
        if mail.kind == kind
    }


def words(mail: EmailMessage) -> str:
    return mail.get_body(("plain",)).get_content().replace("\r\n", "\n")


def test_the_day_begins_with_what_it_holds(tx):
    """Agent and team hear of what is due and unassigned, at the opening and in one thread; others hear nothing."""
    agendas(tx, desked())
    a_ticket_in(tx, at=NOW + timedelta(hours=6))  # Monday, 16:00 in Berlin: due on Tuesday

    assert agendas(tx, desked(OPENING - timedelta(minutes=2))) == 0
    assert agendas(tx, desked(OPENING)) == 2
    first = told(tx)

    assert set(first) == {"first-line@example.com", "agent@example.com"}
    mail = first["agent@example.com"]
    assert "Due today\n" in words(mail)
    assert "FL-1001 · P3 · 12:00 · Printer 1" in words(mail)
    assert "Nobody has it\n" in words(mail)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert agendas(tx, desked(OPENING + timedelta(hours=1))) == 0
    assert agendas(tx, desked(OPENING + DAY)) == 2
    second = told(tx)["agent@example.com"]
    assert second["References"] == mail["References"]
    assert second["Message-ID"] != mail["Message-ID"]
    assert second["Subject"] == mail["Subject"]


@pytest.mark.parametrize(("hour", "mails"), [(0, 0), (4, 0), (5, 2), (12, 2)])
def test_who_works_around_the_clock_begins_at_six(tx, hour: int, mails: int):
    """Not at midnight; hours are UTC, an hour behind Berlin."""
    always = a_calendar(windows=tuple(Window(weekday=day, start=time(0), end=None) for day in range(7)))
    policy = replace(POLICY, calendars=(("office", always),))
    agendas(tx, desked(policy=policy))
    a_ticket_in(tx)

    assert agendas(tx, desked(OPENING.replace(hour=hour), policy)) == mails


def test_nothing_to_say_is_no_mail(tx):
    """An empty desk and a weekend are quiet."""
    agendas(tx, desked())
    assert agendas(tx, desked(OPENING)) == 0
    a_ticket_in(tx)
    assert agendas(tx, desked(OPENING + 4 * DAY)) == 0  # Saturday
    assert told(tx) == {}


def test_a_breach_of_the_downtime_is_in_the_next_agenda(tx):
    """Its clock fired too late to be mailed; the morning tells it, even when the ticket was answered meanwhile."""
    agendas(tx, desked())
    ticket = a_ticket_in(tx)
    back = datetime.fromisoformat("2026-11-26T05:00:00+00:00")
    for clock in clocks.claim(tx, owner="t", now=back, lease=LEASE, limit=50):
        fire(tx, clock, desked(back))
    assert tx.execute(text("SELECT count(*) FROM outbox WHERE kind = 'rem'")).scalar() == 0
    order(tx, ticket, Change(field=Field.STATUS, before="new", after="solved"), at=back, first_response=True)

    assert agendas(tx, desked(OPENING + 2 * DAY)) == 2

    assert "Missed\nFL-1001 · P3 · 2026-11-23 15:00 · Printer 1" in words(told(tx)["agent@example.com"])


def test_an_agent_hears_of_his_own(tx):
    """What a colleague has is not his; what waits and what was said about him is."""
    agendas(tx, desked())
    mine, other = a_ticket_in(tx, 1), a_ticket_in(tx, 2)
    order(tx, mine, Change(field=Field.ASSIGNEE, before="", after="agent@example.com"))
    order(tx, mine, Change(field=Field.STATUS, before="new", after="waiting"), waiting_for="requester")
    order(tx, mine, opinion=Opinion(score=2, words="Too slow."), at=NOW + timedelta(minutes=1))
    order(tx, other, Change(field=Field.ASSIGNEE, before="", after="colleague@example.com"))

    agendas(tx, desked(OPENING))
    mails = told(tx)

    assert "Waiting\nFL-1001" in words(mails["agent@example.com"])
    assert "2/5 · Too slow." in words(mails["agent@example.com"])
    assert "Printer 2" not in words(mails["agent@example.com"])
    assert "Printer 2" in words(mails["first-line@example.com"])


def test_without_credit_the_list_waits(tx):
    """A team whose mail nobody reads is not written to for ever; what was missed is not lost."""
    agendas(tx, desked())
    a_ticket_in(tx)
    tx.execute(text("UPDATE credit SET \"left\" = 0 WHERE scope = 'team'"))
    tx.execute(text("INSERT OR REPLACE INTO credit VALUES ('team', 'agent@example.com', 0, 0)"))
    before = memory.get(tx, "agenda:agent@example.com").split(" ")[1:]

    agendas(tx, desked(OPENING))

    assert "agent@example.com" not in told(tx)
    day, *rest = memory.get(tx, "agenda:agent@example.com").split(" ")
    assert (day, rest) == ("2026-11-24", before)


def test_the_week_is_reported_to_the_managers(tx):
    """Time by agent and tier, cost by ticket, promises, what is open: once a week, in one thread."""
    reports(tx, desked())
    one, two = a_ticket_in(tx, 1, NOW + timedelta(minutes=1)), a_ticket_in(tx, 2, NOW + timedelta(minutes=2))
    order(tx, one, Change(field=Field.CAUSE, before="", after="worn out"), minutes=90, at=NOW + timedelta(hours=1))
    order(tx, one, Change(field=Field.STATUS, before="new", after="solved"), at=NOW + timedelta(hours=1))
    order(tx, two, minutes=20, at=NOW + timedelta(hours=2))

    assert reports(tx, desked(OPENING)) == 0
    assert reports(tx, desked(MONDAY)) == 1
    (mail,) = told(tx, "report").values()

    said = words(mail)
    assert mail["To"].addresses[0].addr_spec == "boss@example.com"
    assert "Opened: 2" in said
    assert "Solved: 1" in said
    assert "Open now: 1" in said
    assert "Promises kept: 1" in said
    assert "Cost: 110.00 EUR" in said
    assert "agent@example.com · 1 Tier 1 · 1h50m" in said
    assert "FL-1001 · 1h30m · 90.00 EUR" in said
    assert "1 × worn out" in said
    assert "FL-1002 · 2026-11-23" in said
    assert str(JO) not in said
    assert reports(tx, desked(MONDAY + DAY)) == 0
