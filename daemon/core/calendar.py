"""Business calendars: when a tier works, in its own time zone, across DST and holidays.

Owns `BusinessCalendar` and every sum over working time. One definition rules them all: an
instant is open when the wall clock of the calendar's zone shows a time inside a window of
that local date. So a skipped hour is nobody's working time, a repeated hour counts twice, and
a date that a zone left out (Apia, 30 December 2011) has none. Intervals are half-open, in UTC,
made once per UTC day and kept; whole days of a public holiday are off, a special day
replaces the windows of its date. Reads no clock and no holiday list: dates are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SEARCH_DAYS = 400  # a calendar that does not open for longer than this has no working time
_DAY = timedelta(days=1)
_PROBE = timedelta(hours=4)  # two changes of offset in less than this are unknown since 1970
_SECOND = timedelta(seconds=1)
_MIDNIGHT = time(0, 0)
_KEPT_DAYS = 4096
_KEPT_CALENDARS = 64

Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Working time on one weekday (0 = Monday), half-open [start, end); `end` None means midnight. Whole minutes."""

    weekday: int
    start: time
    end: time | None

    def __post_init__(self) -> None:
        if not 0 <= self.weekday <= 6:
            raise ValueError(f"weekday {self.weekday} is not 0 (Monday) to 6 (Sunday)")
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"window ends at {self.end:%H:%M}, not after its start {self.start:%H:%M}")
        if any(at.second or at.microsecond or at.tzinfo for at in (self.start, self.end or _MIDNIGHT)):
            raise ValueError("window times are whole minutes without a time zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessCalendar:
    """Service hours. `holidays` are whole days off by name; `special_days` replace a date's windows (half days).

    A special day beats a holiday of the same date; the weekday of its windows is not looked at.
    """

    name: str
    zone: str  # IANA
    windows: tuple[Window, ...]
    holidays: tuple[tuple[date, str], ...] = ()
    special_days: tuple[tuple[date, tuple[Window, ...]], ...] = ()


def parse_span(weekday: int, span: str) -> tuple[Window, ...]:
    """The windows that `08:00-17:00` means on that weekday; `22:00-06:00` runs into the next day; `24:00` is midnight.

    ValueError says in one phrase what is wrong.
    """
    first, dash, second = span.replace("–", "-").partition("-")
    if not dash:
        raise ValueError(f"{span!r} is not a span like 08:00-17:00")
    start, end = _clock_time(first, span), _clock_time(second, span)
    if start is None:
        raise ValueError(f"{span!r} starts at midnight's end; write 00:00")
    if end is None or end == _MIDNIGHT:
        return (Window(weekday=weekday, start=start, end=None),)
    if end > start:
        return (Window(weekday=weekday, start=start, end=end),)
    return (
        Window(weekday=weekday, start=start, end=None),
        Window(weekday=(weekday + 1) % 7, start=_MIDNIGHT, end=end),
    )


def from_parts(
    *,
    name: str,
    zone: str,
    hours: Mapping[int, Iterable[str]],
    holidays: Iterable[tuple[date, str]] = (),
    special_days: Mapping[date, Iterable[str]] | None = None,
) -> BusinessCalendar:
    """A calendar from plain values: spans (`08:00-12:00`) by weekday (0 = Monday) and by special date.

    ValueError says what is wrong: a zone nobody knows, a span that is none, a special day over midnight.
    """
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no time zone is called {zone!r}") from error
    specials: list[tuple[date, tuple[Window, ...]]] = []
    for day, spans in sorted((special_days or {}).items()):
        windows = tuple(window for span in spans for window in parse_span(day.weekday(), span))
        if any(window.weekday != day.weekday() for window in windows):
            raise ValueError(f"special day {day} runs over midnight; write the rest on the next date")
        specials.append((day, windows))
    return BusinessCalendar(
        name=name,
        zone=zone,
        windows=tuple(window for day in sorted(hours) for span in hours[day] for window in parse_span(day, span)),
        holidays=tuple(sorted(holidays)),
        special_days=tuple(specials),
    )


def zone_named(name: str) -> tzinfo:
    """The zone of that IANA name, or a fixed distance like `UTC-05:00` (a requester's, from his own mail)."""
    if name.startswith(("UTC+", "UTC-")):
        hours, _, minutes = name[4:].partition(":")
        distance = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(distance if name[3] == "+" else -distance)
    return ZoneInfo(name)


def is_open(calendar: BusinessCalendar, at: datetime) -> bool:
    """True when `at` (aware) is working time."""
    return any(start <= at < end for start, end in _plan(calendar).intervals(at.astimezone(UTC).date()))


def next_open(calendar: BusinessCalendar, at: datetime) -> datetime:
    """The first working instant that is not before `at` (aware), in UTC.

    ValueError when the calendar does not open within 400 days.
    """
    at = at.astimezone(UTC)
    for start, end in _open_from(calendar, at):
        if at < end:
            return max(start, at)
    raise AssertionError("unreachable: _open_from never ends")


def add_working(calendar: BusinessCalendar, start: datetime, working: timedelta) -> datetime:
    """The earliest instant (UTC) by which `working` time has passed since `start` (aware).

    An amount that ends with a window ends at its close, not at the next opening. None or a
    negative amount is `start`. ValueError when the calendar does not open within 400 days.
    """
    at = start.astimezone(UTC)
    if working <= timedelta(0):
        return at
    for opens, closes in _open_from(calendar, at):
        length = closes - max(opens, at)
        if working <= length:
            return max(opens, at) + working
        working -= length
    raise AssertionError("unreachable: _open_from never ends")


def working_between(calendar: BusinessCalendar, a: datetime, b: datetime) -> timedelta:
    """Working time in [a, b) (aware); zero when b is not after a."""
    a, b = a.astimezone(UTC), b.astimezone(UTC)
    plan, total = _plan(calendar), timedelta(0)
    day, last = a.date(), b.date()
    while day <= last:
        for start, end in plan.intervals(day):
            if start < b and end > a:
                total += min(end, b) - max(start, a)
        day += _DAY
    return total if b > a else timedelta(0)


def open_until(calendar: BusinessCalendar, at: datetime, limit: datetime) -> datetime:
    """How long work goes on without a break from `at` (aware), at most until `limit`; `at` itself when closed."""
    reached = at.astimezone(UTC)
    plan, day, limit = _plan(calendar), reached.date(), limit.astimezone(UTC)
    while day <= limit.date():
        for start, end in plan.intervals(day):
            if start <= reached < end:
                reached = end
        day += _DAY
    return min(reached, max(limit, at.astimezone(UTC)))


def holiday_on(calendar: BusinessCalendar, day: date) -> str:
    """The name of the holiday that closes that local date, "" when none does."""
    plan = _plan(calendar)
    return "" if plan.special.get(day) else plan.holidays.get(day, "")


def local_date(calendar: BusinessCalendar, at: datetime) -> date:
    """The date that the calendar's wall clock shows at `at` (aware)."""
    return at.astimezone(_plan(calendar).zone).date()


def without_holidays(calendar: BusinessCalendar) -> BusinessCalendar:
    """The same hours in a year without holidays; one object per calendar, so that its days are kept too."""
    plan = _plan(calendar)
    if plan.bare is None:
        plan.bare = replace(calendar, holidays=())
    return plan.bare


def works_on_weekday_of(calendar: BusinessCalendar, day: date) -> bool:
    """True when that date would be a working day if it were no holiday and no special day."""
    return bool(_plan(calendar).by_weekday[day.weekday()])


def _clock_time(text: str, span: str) -> time | None:
    """`HH:MM` as a time, `24:00` as None."""
    hour, colon, minute = text.strip().partition(":")
    digits = hour.isascii() and hour.isdigit() and minute.isascii() and minute.isdigit() and len(minute) == 2
    if not colon or not digits or len(hour) > 2:
        raise ValueError(f"{span!r} is not a span like 08:00-17:00")
    if (int(hour), int(minute)) == (24, 0):
        return None
    if int(hour) > 23 or int(minute) > 59:
        raise ValueError(f"{span!r} names a time that no clock shows")
    return time(int(hour), int(minute))


class _Plan:
    """A calendar with its lookups and the intervals of the UTC days already asked for."""

    __slots__ = ("bare", "by_weekday", "calendar", "days", "holidays", "special", "zone")

    def __init__(self, calendar: BusinessCalendar) -> None:
        self.calendar = calendar  # held, so that its id cannot be given to another calendar
        self.bare: BusinessCalendar | None = None
        self.zone: tzinfo = ZoneInfo(calendar.zone)
        self.holidays = dict(calendar.holidays)
        self.special = dict(calendar.special_days)
        self.by_weekday = [tuple(w for w in calendar.windows if w.weekday == day) for day in range(7)]
        self.days: dict[date, tuple[Interval, ...]] = {}

    def windows(self, day: date) -> tuple[Window, ...]:
        """The windows of a local date."""
        if (special := self.special.get(day)) is not None:
            return special
        return () if day in self.holidays else self.by_weekday[day.weekday()]

    def intervals(self, day: date) -> tuple[Interval, ...]:
        """Working time of one UTC day: disjoint, in order, never touching one another."""
        found = self.days.get(day)
        if found is None:
            if len(self.days) >= _KEPT_DAYS:
                self.days.clear()
            found = self.days[day] = tuple(self._compute(day))
        return found

    def _compute(self, day: date) -> Iterator[Interval]:
        pieces: list[Interval] = []
        for start, end, offset in self._segments(day):
            local_start, local_end = start + offset, end + offset  # wall clock, dressed as UTC
            local_day = local_start.date()
            while local_day <= local_end.date():
                midnight = datetime.combine(local_day, _MIDNIGHT, UTC)
                for window in self.windows(local_day):
                    opens = datetime.combine(local_day, window.start, UTC)
                    closes = midnight + _DAY if window.end is None else datetime.combine(local_day, window.end, UTC)
                    if opens < local_end and closes > local_start:
                        pieces.append((max(opens, local_start) - offset, min(closes, local_end) - offset))
                local_day += _DAY
        pieces.sort()
        merged: list[Interval] = []
        for start, end in pieces:
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        yield from merged

    def _segments(self, day: date) -> Iterator[tuple[datetime, datetime, timedelta]]:
        """The stretches of a UTC day in which the zone keeps one offset."""
        start = at = datetime.combine(day, _MIDNIGHT, UTC)
        stop = start + _DAY
        offset = self._offset(at)
        while at < stop:
            ahead = min(at + _PROBE, stop)
            if self._offset(ahead) != offset:
                low, high = at, ahead  # the offset changes in (low, high]
                while high - low > _SECOND:
                    middle = low + (high - low) // 2 // _SECOND * _SECOND
                    low, high = (middle, high) if self._offset(middle) == offset else (low, middle)
                if high < stop:
                    yield start, high, offset
                    start, offset = high, self._offset(high)
                ahead = high
            at = ahead
        yield start, stop, offset

    def _offset(self, at: datetime) -> timedelta:
        return at.astimezone(self.zone).utcoffset() or timedelta(0)


_plans: dict[int, _Plan] = {}


def _plan(calendar: BusinessCalendar) -> _Plan:
    """The plan of this very object: hashing its holidays on each call would cost more than the answer."""
    plan = _plans.get(id(calendar))
    if plan is None or plan.calendar is not calendar:
        if len(_plans) >= _KEPT_CALENDARS:
            _plans.clear()
        plan = _plans[id(calendar)] = _Plan(calendar)
    return plan


def _open_from(calendar: BusinessCalendar, at: datetime) -> Iterator[Interval]:
    """Working intervals that end after `at`, in order, for ever."""
    plan, day, closed = _plan(calendar), at.date(), 0
    while True:
        intervals = plan.intervals(day)
        for interval in intervals:
            if interval[1] > at:
                closed = 0
                yield interval
        closed += 1
        if closed > SEARCH_DAYS or day >= date.max - 2 * _DAY:
            raise ValueError(
                f"calendar {calendar.name!r} has no working time in {SEARCH_DAYS} days after {at:%Y-%m-%d}"
            )
        day += _DAY
