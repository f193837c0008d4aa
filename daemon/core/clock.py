"""Clocks of a ticket as pure functions of its events: start, pause, resume, stop.

A clock counts working time of one calendar from its start; while it is paused nothing counts. The target
and the calendar stand in the start event, so a ticket keeps what it was given when the configuration
changes later. Events may come in any order: they are sorted by instant and then by the order in which they
were recorded. A turn that makes no sense where the clock stands (a resume of a running clock) changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from daemon.core.calendar import BusinessCalendar, add_working, working_between

FIRST_RESPONSE = "first_response"
NEXT_UPDATE = "next_update"
RESOLUTION = "resolution"
OLA = "ola"
APPROVAL = "approval"  # from the asking until somebody decided
VENDOR_RESPONSE = "vendor_response"  # from the hand-over to the supplier until its first answer
VENDOR_RESOLUTION = "vendor_resolution"  # from the hand-over until the ticket is solved or leaves the supplier
CLOCKS = (FIRST_RESPONSE, NEXT_UPDATE, RESOLUTION, OLA, APPROVAL, VENDOR_RESPONSE, VENDOR_RESOLUTION)
_ZERO = timedelta(0)


class Turn(StrEnum):
    """What may happen to a clock."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockEvent:
    """One turn of one clock. `calendar`, `target` and `tier` are given by a start and hold until its stop."""

    clock: str
    turn: Turn
    at: datetime  # aware UTC
    why: str = ""
    sequence: int = 0  # order of recording; decides between events of one instant
    calendar: str = ""
    target: timedelta = _ZERO
    tier: int = 0


class Pace(StrEnum):
    """What a clock does in a segment."""

    RUNNING = "running"
    LATE = "late"  # running, and the target is used up
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch [start, end) in which a clock did one thing, for one reason. `working` counts only while it runs."""

    start: datetime
    end: datetime
    pace: Pace
    working: timedelta
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One start of a clock with all that followed, until the next start of the same clock."""

    clock: str
    calendar: str
    target: timedelta
    tier: int
    events: tuple[ClockEvent, ...]

    @property
    def state(self) -> Turn:
        """The turn that holds now: START and RESUME mean that it runs."""
        return _turns(self.events)[-1].turn

    @property
    def open(self) -> bool:
        return self.state is not Turn.STOP


def runs(events: Iterable[ClockEvent], clock: str) -> tuple[Run, ...]:
    """Every run of that clock, the oldest first; what comes before its first start is left out.

    A start of a clock that stands paused or runs is a change of its terms: it ends the run before it.
    """
    groups: list[list[ClockEvent]] = []
    for event in in_order(event for event in events if event.clock == clock):
        if event.turn is Turn.START:
            groups.append([event])
        elif groups:
            groups[-1].append(event)
    made = []
    for index, group in enumerate(groups):
        first = group[0]
        if index + 1 < len(groups) and _turns(group)[-1].turn is not Turn.STOP:
            after = groups[index + 1][0]
            group.append(ClockEvent(clock=clock, turn=Turn.STOP, at=after.at, why=after.why, sequence=after.sequence))
        made.append(
            Run(clock=clock, calendar=first.calendar, target=first.target, tier=first.tier, events=tuple(group))
        )
    return tuple(made)


def in_order(events: Iterable[ClockEvent]) -> tuple[ClockEvent, ...]:
    """The events as they happened, each once."""
    return tuple(sorted(dict.fromkeys(events), key=lambda event: (event.at, event.sequence)))


def segments(
    events: Iterable[ClockEvent], calendar: BusinessCalendar, target: timedelta, *, until: datetime
) -> tuple[Segment, ...]:
    """What one run of a clock did from its start to its stop, or to `until` when it has not stopped.

    The segments touch each other and none is empty, so their lengths add up to the time that has passed.
    Where the target is used up a running segment is cut in two.
    """
    left = target
    found: list[Segment] = []
    for start, end, turn in _stretches(_turns(events), until):
        if turn.turn is Turn.PAUSE:
            found.append(Segment(start=start, end=end, pace=Pace.PAUSED, working=_ZERO, why=turn.why))
            continue
        working = working_between(calendar, start, end)
        cut = _used_up(calendar, start, end, left=left, working=working)
        for first, last, pace in ((start, cut, Pace.RUNNING), (cut, end, Pace.LATE)):
            if last > first:
                inside = working_between(calendar, first, last)
                found.append(Segment(start=first, end=last, pace=pace, working=inside, why=turn.why))
        left = max(_ZERO, left - working)
    return tuple(found)


def due_at(events: Iterable[ClockEvent], calendar: BusinessCalendar, target: timedelta) -> datetime | None:
    """When the target will be, or was, used up, in UTC; None while the clock is paused or stopped with time left.

    Never earlier for one more pause, never later for a pause that comes after it. ValueError when
    the calendar does not open within 400 days.
    """
    turns = _turns(events)
    if not turns:
        return None
    left = target
    for start, end, turn in _stretches(turns, turns[-1].at):
        if turn.turn is Turn.PAUSE:
            continue
        working = working_between(calendar, start, end)
        if working >= left:
            return add_working(calendar, start, left)
        left -= working
    last = turns[-1]
    return add_working(calendar, last.at, left) if last.turn in {Turn.START, Turn.RESUME} else None


def _used_up(
    calendar: BusinessCalendar, start: datetime, end: datetime, *, left: timedelta, working: timedelta
) -> datetime:
    if left <= _ZERO:
        return start
    return end if working < left else min(end, add_working(calendar, start, left))


def _turns(events: Iterable[ClockEvent]) -> tuple[ClockEvent, ...]:
    """The events that changed something: from the first start, nothing after a stop."""
    allowed = {
        None: {Turn.START},
        Turn.START: {Turn.PAUSE, Turn.STOP},
        Turn.RESUME: {Turn.PAUSE, Turn.STOP},
        Turn.PAUSE: {Turn.RESUME, Turn.STOP},
        Turn.STOP: set[Turn](),
    }
    kept: list[ClockEvent] = []
    for event in in_order(events):
        if event.turn in allowed[kept[-1].turn if kept else None]:
            kept.append(event)
    return tuple(kept)


def _stretches(turns: tuple[ClockEvent, ...], until: datetime) -> Iterator[tuple[datetime, datetime, ClockEvent]]:
    """(start, end, the turn that holds) of each stretch that is not empty and lies before `until`."""
    for index, turn in enumerate(turns):
        if turn.turn is Turn.STOP:
            return
        end = turns[index + 1].at if index + 1 < len(turns) else until
        end = min(end, until) if turns[-1].turn is not Turn.STOP else end
        if end > turn.at:
            yield turn.at, end, turn
