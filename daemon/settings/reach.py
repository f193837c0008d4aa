"""Whether a calendar opens at all once its files of days off are read, and whether a year of it is enough.

Hours alone do not tell: a school's calendar file may close every day there is. Counted over the coming year,
day by day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

from daemon.core.ticket import Priority
from daemon.settings.desk import CalendarSection
from daemon.settings.fault import Fault
from daemon.settings.ics import days_off, trouble
from daemon.settings.model import Settings
from daemon.settings.values import Span

_YEAR = 366  # days; `core.calendar` gives up after 400


def reach(settings: Settings, today: date | None = None) -> Iterator[Fault]:
    """A calendar with files that leave no hour of the coming year, or fewer than a target of a tier needs."""
    first = today or date.today()  # noqa: DTZ011 - which day it is somewhere is near enough for a year
    for name, calendar in settings.calendar.items():
        if not calendar.ics or not any(calendar.hours) or any(map(trouble, calendar.ics)):
            continue
        open_for = _open_for(calendar, first)
        if not open_for:
            yield Fault(("calendar", name, "ics"), "leaves no hour to work in the coming year")
            continue
        for tier in settings.tiers:
            if tier.calendar != name:
                continue
            for key in ("first_response", "next_update", "resolution", "ola"):
                table: Mapping[Priority, timedelta] = getattr(tier, key)
                if table and max(table.values()) > open_for:
                    hours = open_for // timedelta(hours=1)
                    words = f'cannot be reached: calendar "{name}" with its days off has {hours} h in the coming year'
                    yield Fault(("tier", str(tier.number), key), words)


def _open_for(calendar: CalendarSection, first: date) -> timedelta:
    years = range(first.year, first.year + 2)
    off = {day for file in calendar.ics for day in days_off(file, years)}
    off |= {on for day, _ in calendar.closed for year in years if (on := day.in_year(year))}
    half = {on: spans for day, spans in calendar.half_days for year in years if (on := day.in_year(year))}
    days = (first + timedelta(days=number) for number in range(_YEAR))
    spans = (span for day in days for span in half.get(day, () if day in off else calendar.hours[day.weekday()]))
    return sum(map(span_length, spans), timedelta())


def span_length(span: Span) -> timedelta:
    """Wall-clock length of a span inside one day."""
    day = date(2026, 1, 1)
    start = datetime.combine(day, span.start)
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time())
    return (datetime.combine(day, span.end) if span.end else midnight) - start
