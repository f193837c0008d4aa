"""Promises: never too early, always in working time, and honest about holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.core.calendar import BusinessCalendar, from_parts, is_open, working_between
from daemon.core.sla import Hours, at_risk_at, promise

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)


def a_calendar(**changes: object) -> BusinessCalendar:
    parts: dict[str, object] = {
        "name": "office",
        "zone": "Europe/Berlin",
        "hours": {day: ["08:00-12:00", "13:00-17:00"] for day in range(5)},
        "holidays": [
            (date(2026, 12, 25), "1. Weihnachtstag"),
            (date(2026, 12, 26), "2. Weihnachtstag"),
            (date(2027, 1, 1), "Neujahr"),
        ],
    }
    return from_parts(**{**parts, **changes})  # type: ignore[arg-type]


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("came", "hours", "due", "variant", "holiday"),
    [
        pytest.param("2026-11-23T09:00:00", 2, "2026-11-23T11:00", Hours.OPEN, "", id="open"),
        pytest.param("2026-11-23T09:01:13", 2, "2026-11-23T11:05", Hours.OPEN, "", id="rounded up"),
        pytest.param("2026-11-23T09:59:01", 2, "2026-11-23T12:00", Hours.OPEN, "", id="rounded to lunch"),
        pytest.param("2026-11-23T10:00:01", 2, "2026-11-23T13:05", Hours.OPEN, "", id="a second over lunch"),
        pytest.param("2026-11-23T12:30:00", 2, "2026-11-23T15:00", Hours.CLOSED, "", id="in the lunch break"),
        pytest.param("2026-11-21T23:40:00", 2, "2026-11-23T10:00", Hours.CLOSED, "", id="on a Saturday night"),
        pytest.param("2026-12-24T16:00:00", 2, "2026-12-28T09:00", Hours.OPEN, "1. Weihnachtstag", id="holiday ahead"),
        pytest.param("2026-12-24T19:00:00", 2, "2026-12-28T10:00", Hours.CLOSED, "1. Weihnachtstag", id="eve"),
        pytest.param("2026-12-25T10:00:00", 2, "2026-12-28T10:00", Hours.HOLIDAY, "1. Weihnachtstag", id="holiday"),
        pytest.param("2026-12-26T10:00:00", 2, "2026-12-28T10:00", Hours.CLOSED, "", id="holiday on a free Saturday"),
        pytest.param("2026-12-31T16:30:00", 1, "2027-01-04T08:30", Hours.OPEN, "Neujahr", id="over the year"),
        pytest.param("2026-11-23T09:02:00", 0, "2026-11-23T09:05", Hours.OPEN, "", id="no target: at once"),
        pytest.param("2026-11-22T09:02:00", 0, "2026-11-23T08:00", Hours.CLOSED, "", id="no target: at opening"),
    ],
)
def test_what_is_promised(came: str, hours: int, due: str, variant: Hours, holiday: str) -> None:
    """The instant, the variant and the holiday that moved the date."""
    said = promise(a_calendar(), timedelta(hours=hours), local(came))

    assert (said.due_at, said.hours, said.holiday) == (local(due), variant, holiday)
    assert (said.zone, said.calendar, said.target) == ("Europe/Berlin", "office", timedelta(hours=hours))


def test_an_odd_closing_time_is_promised_rather_than_passed() -> None:
    """Rounding up never leaves working time: 16:57 becomes 16:58 where the desk closes at 16:58."""
    calendar = a_calendar(hours={0: ["08:00-16:58"]})

    assert promise(calendar, timedelta(hours=1), local("2026-11-23T15:57")).due_at == local("2026-11-23T16:58")


def test_several_holidays_are_named_together() -> None:
    """All that lie in the way, in order, at most three."""
    week = [(date(2026, 12, 21 + n), f"day {n}") for n in range(5)]

    said = promise(a_calendar(holidays=week), timedelta(hours=1), local("2026-12-18T18:00"))

    assert said.holiday == "day 0, day 1, day 2"


def test_a_holiday_that_changes_nothing_is_not_named() -> None:
    """Holiday evening: without it the answer would come on the same date."""
    calendar = a_calendar(holidays=[(date(2026, 12, 24), "Christmas Eve")])

    said = promise(calendar, timedelta(hours=1), local("2026-12-24T20:00"))

    assert (said.hours, said.holiday) == (Hours.HOLIDAY, "")


@settings(max_examples=300)
@given(
    at=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1)).map(lambda at: at.replace(tzinfo=UTC)),
    minutes=st.integers(0, 3000),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]),
)
def test_every_promise_is_friendly_and_sufficient(at: datetime, minutes: int, zone: str) -> None:
    """On a full minute, after arrival, with at least the target of working time before it, less than 5 minutes more."""
    calendar = a_calendar(zone=zone)
    target = timedelta(minutes=minutes)

    due = promise(calendar, target, at).due_at

    assert due >= at
    assert due.second == due.microsecond == 0
    assert due.minute % 5 == 0
    assert target <= working_between(calendar, at, due) < target + 5 * MINUTE
    assert is_open(calendar, due - timedelta(microseconds=1)) or is_open(calendar, due)


@given(
    at=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1)).map(lambda at: at.replace(tzinfo=UTC)),
    minutes=st.integers(0, 3000),
    share=st.floats(-1, 2, allow_nan=False),
)
def test_the_warning_comes_in_working_time_and_never_late(at: datetime, minutes: int, share: float) -> None:
    """Between arrival and the promise, with the share of working time behind it."""
    calendar = a_calendar()
    said = promise(calendar, timedelta(minutes=minutes), at)

    warn = at_risk_at(calendar, said, at, share)

    assert at <= warn <= said.due_at
    assert warn == said.due_at or is_open(calendar, warn)
    whole = working_between(calendar, at, said.due_at)
    wanted = whole * min(max(share, 0.0), 1.0)
    assert abs(working_between(calendar, at, warn) - wanted) < timedelta(milliseconds=1)


def test_the_warning_of_a_weekend_mail_comes_on_monday() -> None:
    """80 % of four hours from Monday 8:00, not of the sixty hours since Saturday."""
    came = local("2026-11-21T10:00")
    said = promise(a_calendar(), timedelta(hours=4), came)

    assert at_risk_at(a_calendar(), said, came, 0.8) == local("2026-11-23T11:12")
