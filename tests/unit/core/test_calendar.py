"""Working time is what the wall clock says: checked minute by minute against a plain oracle."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.core.calendar import (
    BusinessCalendar,
    Window,
    add_working,
    from_parts,
    holiday_on,
    is_open,
    next_open,
    open_until,
    parse_span,
    without_holidays,
    working_between,
)

ZONES = (
    "Europe/Berlin", "Europe/London", "Europe/Lisbon", "Europe/Dublin", "Atlantic/Azores", "America/New_York",
    "America/Los_Angeles", "America/St_Johns", "America/Santiago", "America/Havana", "America/Asuncion",
    "America/Sao_Paulo", "America/Scoresbysund", "Africa/Cairo", "Africa/Casablanca", "Asia/Beirut", "Asia/Tehran",
    "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tokyo", "Australia/Lord_Howe", "Australia/Adelaide", "Pacific/Auckland",
    "Pacific/Chatham", "Pacific/Apia", "Pacific/Kiritimati", "UTC",
)  # fmt: skip
SHAPES = {
    "office": {day: ["08:00-17:00"] for day in range(5)},
    "lunch": {**{day: ["08:00-12:00", "13:00-17:30"] for day in range(5)}, 5: ["09:00-12:00"]},
    "night": {day: ["22:00-06:00"] for day in range(7)},
    "always": {day: ["00:00-24:00"] for day in range(7)},
    "small hours": {
        6: ["00:00-00:30", "01:15-02:45", "02:30-03:30", "23:30-24:00"],
        5: ["23:00-24:00"],
        0: ["2:00-3:00"],
    },
}
SPECIALS = (
    (date(2011, 12, 29), date(2012, 1, 2)),  # Apia left out 30 December
    (date(2026, 3, 29), date(2026, 3, 30)),  # European summer time begins
    (date(2026, 10, 25), date(2026, 12, 24)),  # and ends
    (date(2026, 4, 5), date(2026, 10, 4)),  # southern hemisphere
)
MINUTE = timedelta(minutes=1)


def a_calendar(
    zone: str = "Europe/Berlin", shape: str = "office", *, days_off: tuple[date, ...] = ()
) -> BusinessCalendar:
    return from_parts(
        name="test",
        zone=zone,
        hours=SHAPES[shape],
        holidays=[(day, f"holiday {day}") for day in days_off],
        special_days={date(2026, 12, 24): ["09:00-12:00"], date(2026, 10, 26): []},
    )


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)


def oracle(calendar: BusinessCalendar, at: datetime) -> bool:
    """Open when the wall clock stands in a window of its date: the definition, one instant at a time."""
    local = at.astimezone(ZoneInfo(calendar.zone))
    day, clock = local.date(), local.time()
    special = dict(calendar.special_days).get(day)
    windows = [w for w in calendar.windows if w.weekday == day.weekday()] if special is None else special
    if special is None and any(off == day for off, _ in calendar.holidays):
        return False
    return any(w.start <= clock and (w.end is None or clock < w.end) for w in windows)


calendars = st.builds(
    a_calendar,
    st.sampled_from(ZONES),
    st.sampled_from(sorted(SHAPES)),
    days_off=st.sampled_from(SPECIALS)
    | st.lists(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=9).map(tuple),
)
# Days on which clocks change somewhere, and any day at all
days = st.sampled_from(
    [date(2011, 12, 29), date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 10, 25), date(2026, 11, 1),
     date(2024, 4, 26), date(2008, 11, 2), date(2026, 9, 6), date(2026, 4, 4)]
) | st.dates(date(2001, 1, 1), date(2037, 12, 1))  # fmt: skip
starts = st.builds(
    lambda day, seconds: datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=seconds),
    days,
    st.integers(-86_400, 2 * 86_400),
)


@settings(max_examples=150)
@given(calendar=calendars, start=starts)
def test_open_minutes_are_those_of_the_wall_clock(calendar: BusinessCalendar, start: datetime) -> None:
    """Two days around any instant: `is_open` and `working_between` agree with the oracle in every minute."""
    begin = start.replace(second=0)
    minutes = [begin + n * MINUTE for n in range(2 * 24 * 60)]

    wanted = [oracle(calendar, at) for at in minutes]

    assert [is_open(calendar, at) for at in minutes] == wanted
    assert working_between(calendar, begin, begin + 2880 * MINUTE) == sum(wanted) * MINUTE


@settings(max_examples=150)
@given(calendar=calendars, start=starts, minutes=st.integers(1, 1200))
def test_added_time_is_counted_by_the_oracle(calendar: BusinessCalendar, start: datetime, minutes: int) -> None:
    """Walking minute by minute through open time ends where `add_working` says."""
    begin = start.replace(second=0)

    due = add_working(calendar, begin, minutes * MINUTE)

    if due - begin < timedelta(days=12):  # the oracle is slow; longer gaps are covered by the inverse below
        at, left = begin, minutes
        while left:
            left -= oracle(calendar, at)
            at += MINUTE
        assert at == due


@settings(max_examples=300)
@given(calendar=calendars, start=starts, seconds=st.integers(0, 400_000))
def test_adding_and_measuring_are_inverse(calendar: BusinessCalendar, start: datetime, seconds: int) -> None:
    """The time between a start and its due instant is the time that was added, and no earlier instant has it."""
    due = add_working(calendar, start, timedelta(seconds=seconds))

    assert due.tzinfo is UTC
    assert working_between(calendar, start, due) == timedelta(seconds=seconds)
    if seconds:
        assert working_between(calendar, start, due - timedelta(seconds=1)) == timedelta(seconds=seconds - 1)


@settings(max_examples=200)
@given(calendar=calendars, start=starts)
def test_next_open_is_the_first_open_instant(calendar: BusinessCalendar, start: datetime) -> None:
    """Open there, and not a second of work before."""
    opens = next_open(calendar, start)

    assert opens >= start
    assert is_open(calendar, opens)
    assert working_between(calendar, start, opens) == timedelta(0)


@given(calendar=calendars, start=starts, minutes=st.integers(0, 600))
def test_open_until_stops_at_the_first_break(calendar: BusinessCalendar, start: datetime, minutes: int) -> None:
    """Everything up to it is working time, and it is the limit or the desk closes there."""
    limit = start + minutes * MINUTE

    end = open_until(calendar, start, limit)

    assert start <= end <= limit
    assert working_between(calendar, start, end) == end - start
    assert end == limit or not is_open(calendar, end)


@example(
    a=datetime(2026, 3, 27, tzinfo=UTC), b=datetime(2026, 3, 31, tzinfo=UTC), c=datetime(2026, 3, 29, 1, tzinfo=UTC)
)
@given(a=starts, b=starts, c=starts)
def test_working_time_adds_up(a: datetime, b: datetime, c: datetime) -> None:
    """Cutting a stretch in two loses nothing and doubles nothing."""
    calendar = a_calendar(shape="lunch")
    first, middle, last = sorted((a, b, c))
    if last - first > timedelta(days=3000):
        last = first + timedelta(days=3000)
        middle = min(middle, last)

    whole = working_between(calendar, first, last)

    assert whole == working_between(calendar, first, middle) + working_between(calendar, middle, last)


@pytest.mark.parametrize(
    ("shape", "start", "hours", "due"),
    [
        pytest.param("office", "2026-11-23T09:00", 4, "2026-11-23T13:00", id="inside a day"),
        pytest.param("office", "2026-11-23T15:00", 4, "2026-11-24T10:00", id="over night"),
        pytest.param("office", "2026-11-20T16:00", 4, "2026-11-23T11:00", id="over the weekend"),
        pytest.param("office", "2026-11-23T09:00", 8, "2026-11-23T17:00", id="exactly at closing"),
        pytest.param("lunch", "2026-11-23T11:00", 2, "2026-11-23T14:00", id="over lunch"),
        pytest.param("lunch", "2026-11-23T11:00", 1, "2026-11-23T12:00", id="exactly at lunch"),
        pytest.param("office", "2026-12-23T16:00", 2, "2026-12-24T10:00", id="into a half day"),
        pytest.param("office", "2026-12-24T11:00", 2, "2026-12-28T09:00", id="out of a half day over a holiday"),
        pytest.param("always", "2026-03-29T01:00", 2, "2026-03-29T04:00", id="an hour is skipped"),
        pytest.param("always", "2026-10-25T01:00", 3, "2026-10-25T03:00", id="an hour comes twice"),
        pytest.param("night", "2026-11-23T23:00", 8, "2026-11-24T23:00", id="a window over midnight"),
    ],
)
def test_due_instants(shape: str, start: str, hours: int, due: str) -> None:
    """The cases a person would check by hand."""
    calendar = a_calendar(shape=shape, days_off=(date(2026, 12, 25),))

    assert add_working(calendar, berlin(start), timedelta(hours=hours)) == berlin(due)


def test_a_holiday_is_known_by_its_name_unless_a_special_day_opens_it() -> None:
    """A half day on a holiday is no day off; a closed special day keeps the holiday's name."""
    calendar = from_parts(
        name="x",
        zone="UTC",
        hours={3: ["08:00-17:00"]},
        holidays=[(date(2026, 12, 24), "Christmas Eve"), (date(2026, 12, 31), "New Year's Eve")],
        special_days={date(2026, 12, 24): ["09:00-12:00"], date(2026, 12, 31): []},
    )

    assert holiday_on(calendar, date(2026, 12, 24)) == ""
    assert holiday_on(calendar, date(2026, 12, 31)) == "New Year's Eve"
    assert holiday_on(calendar, date(2026, 12, 30)) == ""
    assert without_holidays(calendar) is without_holidays(calendar)


def test_a_calendar_that_never_opens_says_so() -> None:
    """No endless search: ValueError names the calendar."""
    calendar = from_parts(name="nobody", zone="UTC", hours={})

    with pytest.raises(ValueError, match="'nobody' has no working time in 400 days"):
        add_working(calendar, datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=1))
    with pytest.raises(ValueError, match="no working time"):
        next_open(calendar, datetime(2026, 1, 1, tzinfo=UTC))


def test_the_end_of_time_is_not_passed() -> None:
    """A target of a thousand years ends in ValueError, not in an overflow."""
    with pytest.raises(ValueError, match="no working time"):
        add_working(a_calendar(), datetime(9990, 1, 1, tzinfo=UTC), timedelta(days=365_000))


@pytest.mark.parametrize(
    ("span", "windows"),
    [
        ("08:00-17:00", [(0, time(8), time(17))]),
        ("8:00 – 17:30", [(0, time(8), time(17, 30))]),
        ("00:00-24:00", [(0, time(0), None)]),
        ("18:00-00:00", [(0, time(18), None)]),
        ("22:00-06:00", [(0, time(22), None), (1, time(0), time(6))]),
        ("09:00-09:00", [(0, time(9), None), (1, time(0), time(9))]),
    ],
)
def test_spans_are_read(span: str, windows: list[tuple[int, time, time | None]]) -> None:
    """What an admin writes becomes windows."""
    assert [(w.weekday, w.start, w.end) for w in parse_span(0, span)] == windows


@pytest.mark.parametrize(
    "span", ["", "8-17", "08:00", "25:00-26:00", "08:60-09:00", "24:00-08:00", "٠٨:00-17:00", "08:0-9:00"]
)
def test_spans_that_are_none_are_refused(span: str) -> None:
    """ValueError, so that the configuration can name file and line."""
    with pytest.raises(ValueError, match=r"midnight|span|clock"):
        parse_span(0, span)


def test_impossible_parts_are_refused() -> None:
    """An unknown zone, a weekday 7, a window that ends before it starts, seconds, a special day over midnight."""
    with pytest.raises(ValueError, match="time zone"):
        from_parts(name="x", zone="Mars/Olympus", hours={})
    with pytest.raises(ValueError, match="time zone"):
        from_parts(name="x", zone="../../etc/passwd", hours={})
    with pytest.raises(ValueError, match="weekday 7"):
        from_parts(name="x", zone="UTC", hours={7: ["08:00-17:00"]})
    with pytest.raises(ValueError, match="not after its start"):
        Window(weekday=0, start=time(9), end=time(9))
    with pytest.raises(ValueError, match="whole minutes"):
        Window(weekday=0, start=time(9, 0, 1), end=None)
    with pytest.raises(ValueError, match="midnight"):
        from_parts(name="x", zone="UTC", hours={}, special_days={date(2026, 12, 24): ["22:00-02:00"]})
