"""A simulated year: what was promised, stored and reported is one; nobody is disturbed; nothing is stuck."""

from __future__ import annotations

import email
import email.policy
import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from daemon.core.calendar import is_open
from daemon.core.clock import CLOCKS, Pace, runs, segments
from daemon.languages import say_instant
from daemon.render import Renderer
from daemon.store import course, figures
from daemon.store.columns import from_micros
from tests.year.desk import START, Year, a_year_policy
from tests.year.parties import FullYear

WEEK_OFF = (START + timedelta(days=100, hours=4), START + timedelta(days=107, hours=4))


def lived(home: Path, amount: int, days: int) -> Year:
    year = FullYear(policy=a_year_policy(home), renderer=Renderer(), downtime=WEEK_OFF)
    year.run(amount, days=days)
    return year


# One worker lives the year for all tests of this module; a machine under load may take its time.
pytestmark = [pytest.mark.xdist_group("year"), pytest.mark.timeout(900)]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((300, 120), id="short"),
        pytest.param((10_000, 365), id="year", marks=[pytest.mark.soak]),
    ],
)
def year(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    amount, days = request.param
    started = time.monotonic()
    made = lived(tmp_path_factory.mktemp("home"), amount, days)
    made.seconds = time.monotonic() - started  # type: ignore[attr-defined]
    yield made
    made.engine.dispose()


def rows(year: Year, sql: str) -> list:
    with year.engine.begin() as tx:
        return list(tx.execute(text(sql)))


def body(raw: bytes) -> str:
    part = email.message_from_bytes(raw, policy=email.policy.default).get_body(("plain",))
    assert part is not None
    return " ".join(part.get_content().split())


def test_it_takes_less_than_five_minutes(year: Year) -> None:
    """The year is run before each release."""
    assert year.seconds < 300  # type: ignore[attr-defined]


def test_every_promise_in_a_mail_is_the_stored_one(year: Year) -> None:
    """The words of the mail, the words in the ledger and the stored instant say the same."""
    found = rows(
        year,
        "SELECT p.due_at, p.zone, p.said, o.bytes FROM promise p JOIN outbox o ON o.id = p.notice_id "
        "WHERE p.said <> ''",
    )

    assert len(found) > 0
    for due_at, zone, said, raw in found:
        assert say_instant(from_micros(due_at), zone, "en") == said
        assert said in body(raw)


def test_every_mail_that_promises_has_its_row(year: Year) -> None:
    """No acknowledgment and no new time goes out without a line in the ledger."""
    lost = rows(
        year,
        "SELECT o.id FROM outbox o WHERE o.kind IN ('ack', 'ttr') "
        "AND NOT EXISTS (SELECT 1 FROM promise p WHERE p.notice_id = o.id)",
    )

    assert lost == []


def test_what_is_reported_is_what_was_promised(year: Year) -> None:
    """Kept means: a person answered before the instant that was said; broken means that nobody did."""
    answered = "SELECT count(*) FROM promise WHERE state = 'kept' AND NOT (answered_at <= due_at)"
    assert rows(year, answered) == [(0,)]
    assert rows(year, "SELECT count(*) FROM promise WHERE state = 'broken' AND answered_at < due_at") == [(0,)]

    with year.engine.begin() as tx:
        told = figures.figures(tx, now=datetime(2028, 1, 1, tzinfo=UTC)).promises
    stored = dict(rows(year, "SELECT state, count(*) FROM promise GROUP BY state"))
    assert (told.kept, told.broken, told.open) == (
        stored.get("kept", 0),
        stored.get("broken", 0),
        stored.get("open", 0),
    )
    assert told.kept > told.broken > 0


def test_at_most_one_promise_is_open_on_a_ticket(year: Year) -> None:
    """The one that was said last."""
    assert rows(year, "SELECT ticket_id FROM promise WHERE state = 'open' GROUP BY ticket_id HAVING count(*) > 1") == []


def test_a_revised_promise_is_said_before_the_old_one_passes(year: Year) -> None:
    """Whenever the daemon was up: the new time comes first. After the week off it may come late."""
    late = rows(
        year,
        "SELECT new.made_at, old.due_at FROM promise new JOIN promise old ON old.ticket_id = new.ticket_id "
        "AND old.sequence = new.sequence - 1 WHERE old.state = 'revised' AND new.said <> '' "
        "AND new.made_at > old.due_at AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.ticket_id = new.ticket_id "
        "AND j.name = 'clock.turned' AND j.facts LIKE '%first_response%pause%')",
    )

    assert [row for row in late if from_micros(row[0]) != WEEK_OFF[1]] == []


def test_no_reminder_goes_outside_working_time(year: Year) -> None:
    """Of the team that gets it."""
    policy = year.policy
    by_address = {
        str(address): policy.calendar(team.calendar or next(t.calendar for t in policy.tiers if t.team == team.name))
        for team in policy.teams
        if team.calendar or any(tier.team == team.name for tier in policy.tiers)
        for address in (*team.addresses, *team.members)
    }
    found = rows(year, "SELECT recipient, created_at FROM outbox WHERE kind = 'rem'")

    assert len(found) > 0
    outside = [
        (recipient, from_micros(at))
        for recipient, at in found
        if recipient in by_address and not is_open(by_address[recipient], from_micros(at))
    ]
    assert len(outside) == 0, outside[:5]


def test_nobody_is_told_twice_at_once(year: Year) -> None:
    """One mail of a kind to one address about one ticket at one instant; clocks fire once."""
    twice = rows(
        year,
        "SELECT ticket_id, kind, recipient, created_at FROM outbox WHERE kind IN ('rem', 'stat', 'ttr') "
        "GROUP BY 1, 2, 3, 4 HAVING count(*) > 1",
    )

    assert twice == []


def test_a_week_of_downtime_makes_no_storm(year: Year) -> None:
    """When the daemon comes back it sends no pile of reminders about what is long past."""
    at = int(WEEK_OFF[1].timestamp() * 1_000_000)
    piled = rows(
        year,
        f"SELECT ticket_id, count(*) FROM outbox WHERE kind IN ('rem', 'stat', 'ttr') AND created_at = {at} "
        "GROUP BY ticket_id HAVING count(*) > 1",
    )
    team = rows(year, f"SELECT count(*) FROM outbox WHERE kind = 'rem' AND created_at = {at}")

    assert piled == []
    assert team == [(0,)]


def test_no_state_is_without_an_exit(year: Year) -> None:
    """In the end, when nobody does anything any more, every ticket is closed or still has an instant to come."""
    stuck = rows(
        year,
        "SELECT t.id, t.status FROM ticket t WHERE t.status <> 'closed' AND NOT EXISTS "
        "(SELECT 1 FROM clock c WHERE c.ticket_id = t.id AND c.ended_at IS NULL)",
    )

    assert stuck == []


def test_a_closed_ticket_has_no_clock(year: Year) -> None:
    """Nothing fires for what is over."""
    alive = rows(
        year,
        "SELECT t.id, c.name FROM ticket t JOIN clock c ON c.ticket_id = t.id "
        "WHERE t.status = 'closed' AND c.ended_at IS NULL",
    )

    assert alive == []


def test_segments_partition_the_life_of_every_clock(year: Year) -> None:
    """What explain shows adds up, and at the end of a closed ticket every clock has stopped."""
    closed = {row[0] for row in rows(year, "SELECT id FROM ticket WHERE status = 'closed'")}
    until = datetime(2028, 1, 1, tzinfo=UTC)
    with year.engine.begin() as tx:
        for (ticket_id,) in tx.execute(text("SELECT id FROM ticket ORDER BY id LIMIT 1000")).all():
            history = course.history(tx, ticket_id)
            for run in (run for name in CLOCKS for run in runs(history, name)):
                assert run.open is False or ticket_id not in closed
                found = segments(run.events, year.policy.calendar(run.calendar), run.target, until=until)
                assert all(one.end == other.start for one, other in itertools.pairwise(found))
                assert all(s.working == timedelta(0) for s in found if s.pace is Pace.PAUSED)


def test_a_requester_gets_no_more_than_credits_allow(year: Year) -> None:
    """Three automatic mails without an answer by a person between them are the most anybody gets."""
    left = rows(year, 'SELECT min("left") FROM credit')

    assert left[0][0] >= 0


def test_whoever_waits_for_an_approval_is_not_forgotten(year: Year) -> None:
    """Approvers answer, are away or forget: each such ticket has an instant to come, and some were decided."""
    assert isinstance(year, FullYear)
    assert year.waiting_approvals() == 0
    assert dict(rows(year, "SELECT state, count(*) FROM approval GROUP BY state")).get("approved", 0) > 0


def test_no_supplier_gets_a_mail_that_nobody_ordered(year: Year) -> None:
    """Each hand-over has its order in the journal, whatever the supplier's robot sends back."""
    sent = rows(year, "SELECT count(*) FROM outbox WHERE kind = 'vend'")
    ordered = rows(year, "SELECT count(*) FROM journal WHERE name = 'vendor.handed'")

    assert sent == ordered
    assert sent[0][0] > 0


def test_the_estimate_covers_what_it_says(year: Year) -> None:
    """Four of five, within three points, of those that were said; with too little known, none is."""
    said = rows(
        year,
        "SELECT count(*), sum(CASE WHEN answered_at <= expected_at THEN 1 ELSE 0 END) FROM response WHERE said = 1",
    )
    amount, held = said[0][0], said[0][1] or 0
    assert amount == 0 or abs(held / amount - 0.8) <= 0.03

    letters = rows(
        year,
        "SELECT r.said, r.expected_at, o.bytes FROM response r JOIN outbox o ON o.ticket_id = r.ticket_id "
        "WHERE o.kind = 'ack' AND r.expected_at IS NOT NULL ORDER BY r.ticket_id DESC LIMIT 300",
    )
    for shown, expected_at, raw in letters:
        words = f"the answer comes by {say_instant(from_micros(expected_at), year.policy.calendars[0][1].zone, 'en')}"
        assert (words in body(raw)) is bool(shown)
