"""Due instants: who hears of them, when, and what never happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from builders import NOW, a_calendar, a_context, a_desk, a_policy, a_team, a_ticket, a_tier, an_address, some_credits

from daemon.core.clock import FIRST_RESPONSE, NEXT_UPDATE, RESOLUTION, ClockEvent, Turn
from daemon.core.context import Context
from daemon.core.decision import ClockStart, Decision
from daemon.core.due import decide_due
from daemon.core.notice import NoticeKind
from daemon.core.policy import Robot
from daemon.core.ticket import Priority, Status

HOUR = timedelta(hours=1)
BOSS = an_address("boss@example.com")
TARGETS = tuple((priority, hours * HOUR) for priority, hours in zip(Priority, (2, 4, 8, 16), strict=True))
POLICY = a_policy(
    desks=(a_desk(languages=("en",)),),
    teams=(a_team(), a_team("second", addresses=(an_address("second@example.com"),), members=())),
    tiers=(
        a_tier(1, next_update=TARGETS, resolution=TARGETS, escalates_to=2, managers=(BOSS,)),
        a_tier(2, team="second", next_update=TARGETS, resolution=TARGETS),
    ),
    calendars=(("office", a_calendar()),),
)
NIGHT = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
PROMISED = NOW + 2 * HOUR


def fire(clock: str, *, at: datetime = NOW, now: datetime | None = None, context: Context | None = None, **ticket):
    values = {"promised_at": PROMISED, "team": "first", "proven": True, **ticket}
    return decide_due(
        clock=clock,
        due_at=at,
        ticket=a_ticket(**values),
        context=context or a_context(spoken_to=True),
        policy=POLICY,
        now=now or at,
    )


def to(decision: Decision) -> list[tuple[str, tuple[str, ...]]]:
    return [(str(notice.to), notice.news) for notice in decision.notices]


def started(clock: str, at: datetime, hours: int) -> ClockEvent:
    return ClockEvent(clock=clock, turn=Turn.START, at=at, calendar="office", target=hours * HOUR, tier=1)


def test_whoever_has_the_ticket_is_reminded() -> None:
    """The team's shared address, or the agent alone."""
    assert to(fire("first_response_reminder")) == [("first-line@example.com", ("near",))]
    assert to(fire("first_response_reminder", assignee="agent@example.com")) == [("agent@example.com", ("near",))]


def test_a_reminder_waits_for_the_morning() -> None:
    """At night nothing is sent; the same instant comes again at the next opening."""
    decision = fire("first_response_reminder", at=NIGHT, promised_at=NIGHT + 24 * HOUR)

    assert decision.notices == ()
    assert decision.clocks == (
        ClockStart(name="first_response_reminder", due_at=datetime(2026, 11, 24, 8, 0, tzinfo=UTC)),
    )


@pytest.mark.parametrize(
    ("clock", "ticket"),
    [
        ("first_response_reminder", {"status": Status.OPEN}),
        ("first_response_risk", {"status": Status.OPEN}),
        ("first_response", {"status": Status.OPEN}),
        ("next_update_reminder", {"status": Status.SOLVED}),
        ("resolution", {"status": Status.CLOSED}),
        ("next_update", {"status": Status.WAITING}),
        ("wait_follow_up", {"status": Status.OPEN}),
        ("wait_close", {"status": Status.OPEN}),
        ("wait_over", {"status": Status.OPEN}),
        ("vendor", {"status": Status.OPEN}),
        ("close", {"status": Status.OPEN}),
        ("long_open", {"status": Status.CLOSED}),
        ("tell_taken", {"assignee": ""}),
        ("tell_solved", {"status": Status.OPEN}),
        ("tell_waiting", {"status": Status.OPEN}),
        ("a clock of tomorrow", {}),
    ],
)
def test_what_is_no_longer_so_is_not_said(clock: str, ticket: dict[str, object]) -> None:
    """An instant that was overtaken changes nothing and tells nobody."""
    decision = fire(clock, **ticket)

    assert (decision.notices, decision.status, decision.promise, decision.promise_broken) == ((), None, None, False)


def test_a_broken_promise_goes_up_inside_the_desk() -> None:
    """The team, its manager and the tier above hear of it; the requester does not."""
    decision = fire("first_response", at=NOW + HOUR, promised_at=NOW + HOUR)

    assert decision.promise_broken
    assert to(decision) == [
        ("first-line@example.com", ("breached",)),
        ("boss@example.com", ("breached", "escalated")),
        ("second@example.com", ("breached", "escalated")),
    ]
    assert {notice.kind for notice in decision.notices} == {NoticeKind.REMINDER}


def test_after_a_downtime_a_breach_is_counted_and_not_mailed() -> None:
    """The ledger says broken; nobody gets a pile of mail about last week."""
    decision = fire("first_response", at=PROMISED, now=PROMISED + 7 * 24 * HOUR)

    assert decision.promise_broken
    assert decision.notices == ()


def test_silence_is_reminded_of_every_working_day_and_escalated_once() -> None:
    """The missed next update comes again tomorrow, to the team alone."""
    history = (started(NEXT_UPDATE, NOW - 8 * HOUR, 0),)
    first = fire(NEXT_UPDATE, at=NOW - 8 * HOUR, now=NOW - 8 * HOUR, status=Status.OPEN)
    again = fire(NEXT_UPDATE, at=NOW, status=Status.OPEN, context=a_context(history=history, spoken_to=True))

    assert [start.name for start in first.clocks][-1] == NEXT_UPDATE
    assert to(again) == [("first-line@example.com", ("breached",))]
    assert again.clocks == (ClockStart(name=NEXT_UPDATE, due_at=NOW + 24 * HOUR),)


def test_all_news_are_one_letter_with_the_new_promise() -> None:
    """Taken and moved inside the window: one mail, and the promise in it is the one that is stored."""
    coming = (ClockStart(name="tell_taken", due_at=NOW + HOUR / 4), ClockStart(name="tell_moved", due_at=NOW))
    context = a_context(coming=coming, spoken_to=True)

    decision = fire("tell_moved", context=context, assignee="agent@example.com", promised_at=NOW + HOUR / 2, tier=2)

    (letter,) = decision.notices
    assert letter.news == ("taken", "moved")
    assert letter.promise == decision.promise
    assert decision.promise is not None
    assert decision.promise.due_at > NOW + HOUR / 2
    assert {"tell_taken", "tell_moved", FIRST_RESPONSE} <= set(decision.stop_clocks)


def test_a_promise_that_still_stands_is_not_moved() -> None:
    """Nobody is given a later time without need."""
    decision = fire("tell_moved", promised_at=NOW + 100 * 24 * HOUR)

    assert [notice.news for notice in decision.notices] == [("moved",)]
    assert decision.promise is None


@pytest.mark.parametrize(
    "context",
    [
        a_context(spoken_to=True, credits=some_credits(address=0)),
        a_context(spoken_to=True, on_hold_until=NOW + HOUR),
        a_context(spoken_to=False),
    ],
    ids=["no credit", "on hold", "never spoken to"],
)
def test_nothing_is_said_to_whom_nothing_may_be_said(context: Context) -> None:
    """No credit, an address that bounced, a sender that never got an acknowledgment."""
    for clock, status in (("tell_taken", Status.OPEN), ("wait_follow_up", Status.WAITING), ("long_open", Status.OPEN)):
        assert fire(clock, status=status, assignee="agent@example.com", context=context).notices == ()


def test_a_robot_hears_nothing() -> None:
    """Not even after a person wrote to it."""
    ticket = a_ticket(status=Status.OPEN, team="first")
    assert ticket.requester is not None
    policy = replace(POLICY, robots=(Robot(address=ticket.requester, category="hardware"),))

    decision = decide_due(
        clock="long_open", due_at=NOW, ticket=ticket, context=a_context(spoken_to=True), policy=policy, now=NOW
    )

    assert decision.notices == ()
    assert [start.name for start in decision.clocks] == ["long_open"]


def test_a_silent_requester_is_asked_and_then_let_go() -> None:
    """The letter names the day; on that day the ticket is closed with notice."""
    closes = ClockStart(name="wait_close", due_at=NOW + 72 * HOUR)
    asked = fire("wait_follow_up", status=Status.WAITING, context=a_context(spoken_to=True, coming=(closes,)))
    closed = fire("wait_close", status=Status.WAITING)

    assert [(notice.news, notice.closes_at) for notice in asked.notices] == [(("asked",), closes.due_at)]
    assert closed.status is Status.CLOSED
    assert [notice.news for notice in closed.notices] == [("closed",)]


def test_nobody_is_closed_because_the_daemon_slept() -> None:
    """After a downtime he is asked first, with some days to answer."""
    decision = fire("wait_close", at=NOW - 48 * HOUR, now=NOW, status=Status.WAITING)

    assert decision.status is None
    assert [notice.news for notice in decision.notices] == [("asked",)]
    assert decision.clocks[0].name == "wait_close"
    assert decision.clocks[0].due_at > NOW + 24 * HOUR


def test_states_end_by_themselves() -> None:
    """A wait of some days is over, a solved ticket closes, a vendor is reminded of."""
    assert fire("wait_over", status=Status.WAITING).status is Status.OPEN
    assert fire("close", status=Status.SOLVED).status is Status.CLOSED
    vendor = fire("vendor", status=Status.WAITING)
    assert to(vendor) == [("first-line@example.com", ("vendor",))]
    assert [start.name for start in vendor.clocks] == ["vendor"]


def test_the_solution_is_still_owed_during_a_wait_of_our_own() -> None:
    """`#wait 3d` stops no clock: the requester did not ask for it."""
    history = (started(RESOLUTION, NOW - 2 * HOUR, 1),)
    context = a_context(history=history, spoken_to=True)

    assert fire(RESOLUTION, status=Status.WAITING, context=context).notices != ()
