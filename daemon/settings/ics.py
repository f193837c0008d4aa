"""Days off from an iCalendar file (RFC 5545), as schools and states publish them.

Reads what such files hold: whole-day events, several days long or repeated every year. An event at a time of day
is no day off and is left out. Any other rule of repetition is refused, because half of a
holiday list is worse than none. Small on purpose: no alarm, no time zone, no attendee is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

MAX_BYTES = 1_000_000
MAX_DAYS = 366  # of one event
_NAME_CHARS = 80
_ESCAPED = re.compile(r"\\([\\;,nN])")
_FOLD = re.compile(r"\r?\n[ \t]")  # RFC 5545 section 3.1
_YEARLY = re.compile(r"FREQ=YEARLY(;INTERVAL=1)?(;UNTIL=(?P<until>\d{8})(T\d{6}Z?)?)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Event:
    first: date
    last: date
    name: str
    yearly_until: date | None  # None: once


def trouble(file: Path) -> str:
    """Why `file` cannot be used; "" when it can."""
    try:
        events = list(_events(file))
    except (OSError, ValueError) as error:
        return f"{file} {error.strerror if isinstance(error, OSError) else error}"
    return "" if events else f"{file} has no whole-day event"


def days_off(file: Path, years: range) -> dict[date, str]:
    """Every day off of those years by date. Raises OSError or ValueError with what is wrong."""
    found: dict[date, str] = {}
    for event in _events(file):
        length = (event.last - event.first).days
        starts = [event.first]
        if event.yearly_until is not None:
            begin = max(years.start - 1, event.first.year)
            starts = [
                start
                for year in range(begin, years.stop)
                if (start := _in_year(event.first, year)) is not None and start <= event.yearly_until
            ]
        for start in starts:
            for number in range(length + 1):
                day = start + timedelta(days=number)
                if day.year in years:
                    found[day] = event.name
    return found


def _in_year(day: date, year: int) -> date | None:
    try:
        return day.replace(year=year)
    except ValueError:
        return None  # 29 February


def _events(file: Path) -> Iterator[_Event]:
    with file.open("rb") as stream:
        raw = stream.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    if not text.lstrip().upper().startswith("BEGIN:VCALENDAR"):
        raise ValueError("is no iCalendar file")
    fields: dict[str, str] | None = None
    for line in _FOLD.sub("", text).splitlines():
        name, _, value = line.partition(":")
        name = name.upper()
        if (name, value.upper()) == ("BEGIN", "VEVENT"):
            fields = {}
        elif (name, value.upper()) == ("END", "VEVENT"):
            if fields is not None and (event := _event(fields)) is not None:
                yield event
            fields = None
        elif fields is not None:
            fields.setdefault(name.partition(";")[0], value.strip())


def _event(fields: dict[str, str]) -> _Event | None:
    name = _ESCAPED.sub(lambda match: " " if match[1] in "nN" else match[1], fields.get("SUMMARY", ""))
    name = " ".join(name.split())[:_NAME_CHARS] or "closed"
    start = fields.get("DTSTART", "")
    if "T" in start:
        return None
    first = _date(start, name)
    last = first
    if (end := fields.get("DTEND", "")) and "T" not in end:
        last = max(first, _date(end, name) - timedelta(days=1))  # section 3.6.1: the end is not part of it
    if (last - first).days >= MAX_DAYS:
        raise ValueError(f"has an event of more than {MAX_DAYS} days: {name}")
    until = None
    if rule := fields.get("RRULE"):
        match = _YEARLY.fullmatch(rule)
        if match is None:
            raise ValueError(f"repeats {name!r} by a rule that is not understood: {rule[:60]}")
        until = _date(match["until"], name) if match["until"] else date.max
    return _Event(first, last, name, until)


def _date(text: str, name: str) -> date:
    if not re.fullmatch(r"\d{8}", text):
        raise ValueError(f"has no date in {name!r}: {text[:20]!r}")
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise ValueError(f"names a day that no calendar has: {text}") from None
