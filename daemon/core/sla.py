"""Targets, clocks and promises as pure functions of events.

A promise is the wall-clock instant that an acknowledgment names. It is computed once from
the tier's calendar and first-response target, stored exactly as sent, and counted as kept or
broken against that stored instant. An acknowledgment is automatic and never stops the
first-response clock; a first response is by a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from daemon.core.calendar import (
    BusinessCalendar,
    add_working,
    holiday_on,
    is_open,
    local_date,
    next_open,
    open_until,
    without_holidays,
    working_between,
    works_on_weekday_of,
)

FRIENDLY = timedelta(minutes=5)  # nobody is promised 09:58:43
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMED_HOLIDAYS = 3


class Hours(StrEnum):
    """How the desk stood when the mail came: which variant of the acknowledgment fits."""

    OPEN = "open"
    CLOSED = "closed"  # out of hours
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """When a person will answer. `due_at` is aware UTC on a full minute; `zone` is the IANA name it is said in."""

    due_at: datetime
    zone: str
    calendar: str
    target: timedelta  # working time
    hours: Hours
    holiday: str = ""  # names of the holidays that moved the date, "" when none


def promise(calendar: BusinessCalendar, target: timedelta, at: datetime) -> Promise:
    """The promise for a mail that came at `at` (aware): never earlier than the target, always in working time.

    The instant is rounded up to five minutes, or to closing time where that comes first.
    `holiday` names what made the answer come on a later date than it would have in a
    year without holidays. ValueError when the calendar does not open within 400 days.
    """
    due = _due(calendar, target, at)
    moved_by = _moved_by(calendar, target, at, due)
    if is_open(calendar, at):
        hours = Hours.OPEN
    else:
        today = local_date(calendar, at)
        on_holiday = bool(holiday_on(calendar, today)) and works_on_weekday_of(calendar, today)
        hours = Hours.HOLIDAY if on_holiday else Hours.CLOSED
    return Promise(
        due_at=due, zone=calendar.zone, calendar=calendar.name, target=target, hours=hours, holiday=", ".join(moved_by)
    )


def at_risk_at(calendar: BusinessCalendar, promise: Promise, start: datetime, share: float) -> datetime:
    """When `share` (0 to 1) of the working time from `start` to the promised instant has passed, in UTC.

    Always before or at `promise.due_at`, and never outside working time: no reminder at midnight.
    """
    left = working_between(calendar, start, promise.due_at)
    passed = min(add_working(calendar, start, left * min(max(share, 0.0), 1.0)), promise.due_at)
    return min(next_open(calendar, passed), promise.due_at) if passed < promise.due_at else passed


def after_days(calendar: BusinessCalendar, at: datetime, days: int) -> datetime:
    """The first working instant not before the time of day of `at` on the `days`-th working date after it, in UTC.

    A date is a working date when its calendar opens on it at all. ValueError when it does not within 400 days.
    """
    reached = at.astimezone(UTC)
    zone = ZoneInfo(calendar.zone)
    while days > 0:
        day = local_date(calendar, reached) + timedelta(days=1)
        midnight = datetime.combine(day, time(0), zone).astimezone(UTC)
        opens = next_open(calendar, midnight)
        day = local_date(calendar, opens)
        days -= 1
        reached = max(opens, datetime.combine(day, at.astimezone(zone).timetz()).astimezone(UTC))
    return next_open(calendar, reached)


def _due(calendar: BusinessCalendar, target: timedelta, at: datetime) -> datetime:
    exact = add_working(calendar, next_open(calendar, at), target)
    friendly = _EPOCH - (_EPOCH - exact) // FRIENDLY * FRIENDLY
    return open_until(calendar, exact, friendly)


def _moved_by(calendar: BusinessCalendar, target: timedelta, at: datetime, due: datetime) -> tuple[str, ...]:
    """The holidays without which the answer would come on an earlier date, first ones first."""
    first, last = local_date(calendar, at), local_date(calendar, due)
    names = dict.fromkeys(
        name
        for day, name in calendar.holidays
        if first <= day <= last and holiday_on(calendar, day) and works_on_weekday_of(calendar, day)
    )
    if not names:
        return ()
    otherwise = local_date(calendar, _due(without_holidays(calendar), target, at))
    return tuple(names)[:_NAMED_HOLIDAYS] if otherwise < last else ()
