"""A promise that moves: with another priority, with people who do not work before it, and never in silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from builders import NOW, a_calendar, a_context, a_desk, a_policy, a_team, a_ticket, a_tier, an_address, some_credits

from daemon.core.approval import Answer, Approval, Asked, Role
from daemon.core.calendar import Window
from daemon.core.clock import FIRST_RESPONSE, ClockEvent, Turn
from daemon.core.course import course
from daemon.core.decision import Change, ClockStart, Decision, Field, Outcome
from daemon.core.due import decide_due
from daemon.core.policy import Approver
from daemon.core.ticket import Priority, Status

HOUR = timedelta(hours=1)
LATE_PEOPLE = an_address("late@example.com")
LATE_HOURS = replace(
    a_calendar(name="late"),
    windows=tuple(
        Window(weekday=day, start=NOW.replace(hour=18).time(), end=NOW.replace(hour=22).time()) for day in range(5)
    ),
)
POLICY = a_policy(
    desks=(a_desk(languages=("en",)),),
    teams=(a_team(), a_team("late", addresses=(LATE_PEOPLE,), members=(), calendar="late")),
    tiers=(a_tier(1),),
    calendars=(("office", a_calendar()), ("late", LATE_HOURS)),
    approvers=(Approver(name="boss", title="Head", address=an_address("boss@example.com")),),
)
# P3: four hours from 10:00 in Berlin, lunch between: 15:00 there.
PROMISED = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
RUNNING = ClockEvent(clock=FIRST_RESPONSE, turn=Turn.START, at=NOW, calendar="office", target=4 * HOUR, tier=1)


def changed(field: Field, before: str, after: str) -> Decision:
    change = Change(field=field, before=before, after=after)
    return Decision(outcome=Outcome.APPEND, reason="agent-command", append_to=a_ticket().id, changes=(change,))


def ticket(**over):
    return a_ticket(**{"opened_at": NOW, "promised_at": PROMISED, "team": "first", "proven": True, **over})


def tell(name: str, *, now: datetime = NOW + HOUR / 4, spent: bool = False, history=(RUNNING,), approvals=(), **over):
    known = a_context(
        spoken_to=True,
        history=history,
        approvals=approvals,
        credits=some_credits(address=0) if spent else some_credits(),
    )
    return decide_due(clock=name, due_at=now, ticket=ticket(**over), context=known, policy=POLICY, now=now)


@pytest.mark.parametrize(
    ("decision", "told"),
    [
        (changed(Field.PRIORITY, "P3", "P1"), "tell_priority"),
        (changed(Field.ASSIGNEE, "", "agent@example.com"), "tell_assigned"),
        (changed(Field.TEAM, "first", "late"), "tell_assigned"),
    ],
)
def test_a_change_of_terms_is_looked_at_before_the_promise_passes(decision: Decision, told: str) -> None:
    """Inside the window in which news are merged."""
    starts = course(decision, ticket(), POLICY, NOW, (RUNNING,)).start

    assert ClockStart(name=told, due_at=NOW + timedelta(minutes=15)) in starts


def test_after_an_answer_no_promise_moves() -> None:
    """It was kept or broken by then."""
    ended = ClockEvent(clock=FIRST_RESPONSE, turn=Turn.STOP, at=NOW + HOUR)
    follows = course(
        changed(Field.PRIORITY, "P3", "P1"), ticket(status=Status.OPEN), POLICY, NOW + 2 * HOUR, (RUNNING, ended)
    )

    assert not [start for start in follows.start if start.name.startswith("tell_")]


@pytest.mark.parametrize(
    ("priority", "due"),
    [
        (Priority.P1, NOW + HOUR * 5 / 4),
        (Priority.P3, None),
        (Priority.P4, datetime(2026, 11, 24, 10, 0, tzinfo=UTC)),
    ],
    ids=["sooner", "same", "later"],
)
def test_another_priority_is_another_promise(priority: Priority, due: datetime | None) -> None:
    """Sooner: counted from now. Later: as if it had come with this priority. One letter says it, and it is watched."""
    decision = tell("tell_priority", priority=priority)

    assert (decision.promise.due_at if decision.promise else None) == due
    assert [notice.news for notice in decision.notices] == ([("changed",)] if due else [])
    if due:
        assert decision.notices[0].promise == decision.promise
        assert ClockStart(name=FIRST_RESPONSE, due_at=due) in decision.clocks
        assert FIRST_RESPONSE in decision.stop_clocks


def test_people_who_do_not_work_before_it_move_it() -> None:
    """The late shift begins when the promise has passed: a new time in its hours. The same team moves nothing."""
    assert tell("tell_assigned", team="late").promise.due_at == datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
    assert tell("tell_assigned", team="first").promise is None


@pytest.mark.parametrize("how", ["spent", "passed"])
def test_a_promise_that_cannot_be_told_stands(how: str) -> None:
    """Without credit, or when it has passed: what was said counts."""
    decision = tell(
        "tell_priority", priority=Priority.P1, spent=how == "spent", now=PROMISED if how == "passed" else NOW + HOUR / 4
    )

    assert decision.promise is None
    assert decision.notices == ()


def test_the_zone_of_the_requester_stays() -> None:
    """A moved promise is said where he lives, like the first one."""
    assert tell("tell_priority", priority=Priority.P1, zone="UTC-05:00").promise.zone == "UTC-05:00"


def test_a_denial_is_told_with_its_reason() -> None:
    """And an approval only while there is something to go on with."""
    row = Asked(
        slot="boss",
        who=an_address("boss@example.com"),
        role=Role.APPROVER,
        asked_at=NOW,
        deadline=NOW,
        state=Answer.DENIED,
        reason="no money",
    )
    approvals = (Approval(ticket_id=ticket().id, rows=(row,)),)
    decision = tell("tell_denied", status=Status.SOLVED, approvals=approvals)

    assert [(notice.news, notice.reason) for notice in decision.notices] == [(("denied",), "no money")]
    assert tell("tell_approved", status=Status.SOLVED).notices == ()
    assert [notice.news for notice in tell("tell_approved").notices] == [("approved",)]
