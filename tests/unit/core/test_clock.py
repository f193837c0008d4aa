"""Clocks: segments partition elapsed time, ingest in any order, due instants monotone."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from builders import a_calendar
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.core.calendar import working_between
from daemon.core.clock import RESOLUTION, ClockEvent, Pace, Run, Turn, due_at, runs, segments

CALENDAR = a_calendar()  # Berlin, 09–12 and 13–17, Monday to Friday
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # 09:00 in Berlin
HOUR = timedelta(hours=1)


def turn(kind: Turn, hours: float, sequence: int = 0, why: str = "", **over: object) -> ClockEvent:
    return ClockEvent(
        clock=RESOLUTION,
        turn=kind,
        at=MONDAY + hours * HOUR,
        why=why,
        sequence=sequence,
        **over,  # type: ignore[arg-type]
    )


def test_a_pause_moves_the_due_instant_by_the_working_time_it_took() -> None:
    """Four hours from 09:00, two of them waiting: due at 16:00 instead of 14:00 (lunch between)."""
    started = [turn(Turn.START, 0)]
    paused = [*started, turn(Turn.PAUSE, 1, why="requester"), turn(Turn.RESUME, 3)]

    assert due_at(started, CALENDAR, 4 * HOUR) == MONDAY + 5 * HOUR
    assert due_at(paused, CALENDAR, 4 * HOUR) == MONDAY + 7 * HOUR


def test_a_paused_or_stopped_clock_is_not_due() -> None:
    """Nothing is owed while the requester has the ball, nor after the end."""
    for end in (Turn.PAUSE, Turn.STOP):
        assert due_at([turn(Turn.START, 0), turn(end, 1)], CALENDAR, 4 * HOUR) is None


def test_a_target_that_was_used_up_before_the_pause_stays_due_when_it_was() -> None:
    """A pause cannot heal a breach."""
    events = [turn(Turn.START, 0), turn(Turn.PAUSE, 2)]

    assert due_at(events, CALENDAR, HOUR) == MONDAY + HOUR


def test_segments_say_what_the_clock_did_and_why() -> None:
    """Running, paused with its reason, running, late."""
    events = [turn(Turn.START, 0, why="opened"), turn(Turn.PAUSE, 1, why="requester"), turn(Turn.RESUME, 2)]

    found = segments(events, CALENDAR, 2 * HOUR, until=MONDAY + 8 * HOUR)

    assert [(s.pace, s.why) for s in found] == [
        (Pace.RUNNING, "opened"),
        (Pace.PAUSED, "requester"),
        (Pace.RUNNING, ""),
        (Pace.LATE, ""),
    ]
    assert [s.working for s in found] == [HOUR, 0 * HOUR, HOUR, 4 * HOUR]


def test_a_second_start_is_a_new_run_with_its_own_terms() -> None:
    """A ticket that moves to another tier keeps what it was given before: two runs, the first one ended."""
    first = turn(Turn.START, 0, 1, calendar="office", target=4 * HOUR, tier=1)
    second = turn(Turn.START, 2, 2, calendar="always", target=8 * HOUR, tier=2, why="tier 2")

    made = runs([second, first], RESOLUTION)

    assert [(run.calendar, run.target, run.tier, run.open) for run in made] == [
        ("office", 4 * HOUR, 1, False),
        ("always", 8 * HOUR, 2, True),
    ]


def test_of_two_events_at_one_instant_the_one_recorded_first_comes_first() -> None:
    """Opened and closed in the same second is closed."""
    made = runs([turn(Turn.STOP, 0, 2), turn(Turn.START, 0, 1)], RESOLUTION)

    assert [run.open for run in made] == [False]


histories = st.lists(st.tuples(st.sampled_from(list(Turn)), st.integers(0, 60 * 24 * 14)), min_size=1, max_size=12).map(
    lambda rows: [
        ClockEvent(clock=RESOLUTION, turn=kind, at=MONDAY + timedelta(minutes=minute), sequence=number, target=9 * HOUR)
        for number, (kind, minute) in enumerate(rows)
    ]
)


def of(run: Run, until: datetime) -> tuple[timedelta, timedelta]:
    start = run.events[0].at
    stops = [event.at for event in run.events if event.turn is Turn.STOP]
    found = segments(run.events, CALENDAR, run.target, until=until)
    elapsed = max(timedelta(0), (stops[0] if stops else until) - start)
    return sum((s.end - s.start for s in found), timedelta(0)), elapsed


@settings(max_examples=300)
@given(history=histories)
def test_segments_partition_the_time_that_has_passed(history: list[ClockEvent]) -> None:
    """They touch, none is empty, and their lengths add up; what runs is counted in working time."""
    until = MONDAY + timedelta(days=20)
    for run in runs(history, RESOLUTION):
        found = segments(run.events, CALENDAR, run.target, until=until)
        total, elapsed = of(run, until)

        assert total == elapsed
        assert all(before.end == after.start for before, after in itertools.pairwise(found))
        assert all(s.start < s.end for s in found)
        for s in found:
            expected = timedelta(0) if s.pace is Pace.PAUSED else working_between(CALENDAR, s.start, s.end)
            assert s.working == expected


@settings(max_examples=300)
@given(history=histories, order=st.randoms(use_true_random=False))
def test_the_order_of_ingest_does_not_matter(history: list[ClockEvent], order: object) -> None:
    """Any permutation, and any event told twice, is the same history."""
    shuffled = [*history, *history[:3]]
    order.shuffle(shuffled)  # type: ignore[attr-defined]

    assert runs(shuffled, RESOLUTION) == runs(history, RESOLUTION)
    for one, other in zip(runs(shuffled, RESOLUTION), runs(history, RESOLUTION), strict=True):
        assert due_at(one.events, CALENDAR, one.target) == due_at(other.events, CALENDAR, other.target)


@settings(max_examples=300)
@given(
    start=st.integers(0, 5000),
    pause=st.integers(0, 3000),
    length=st.integers(0, 5000),
    target=st.integers(1, 3000),
    more=st.integers(0, 3000),
)
def test_due_instants_are_monotone(start: int, pause: int, length: int, target: int, more: int) -> None:
    """One more pause is never earlier; more target is never earlier; a later start is never earlier."""

    def at(minutes: int, kind: Turn, sequence: int) -> ClockEvent:
        return ClockEvent(clock=RESOLUTION, turn=kind, at=MONDAY + timedelta(minutes=minutes), sequence=sequence)

    def due(first: int, *, paused: bool, minutes: int) -> datetime:
        events = [at(first, Turn.START, 0)]
        if paused:
            events += [at(first + pause, Turn.PAUSE, 1), at(first + pause + length, Turn.RESUME, 2)]
        found = due_at(events, CALENDAR, timedelta(minutes=minutes))
        assert found is not None
        return found

    plain = due(start, paused=False, minutes=target)
    assert due(start, paused=True, minutes=target) >= plain
    assert due(start, paused=False, minutes=target + more) >= plain
    assert due(start + more, paused=False, minutes=target) >= plain


@pytest.mark.parametrize("kind", [Turn.PAUSE, Turn.RESUME, Turn.STOP])
def test_a_turn_without_a_start_is_nothing(kind: Turn) -> None:
    """A history that begins in the middle has no run."""
    assert runs([turn(kind, 0)], RESOLUTION) == ()
    assert due_at([turn(kind, 0)], CALENDAR, HOUR) is None
    assert segments([turn(kind, 0)], CALENDAR, HOUR, until=MONDAY + HOUR) == ()
