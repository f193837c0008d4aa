"""The kinds of values a configuration holds, each read from the words an admin writes.

Every reader raises `ValueError` with a phrase that says what would be right; `load` puts file,
line and key before it.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, StringConstraints

from daemon.core.address import Address, parse_path

MAX_TARGET = timedelta(hours=2000)  # a working year
EVERY_LANGUAGE = "*"  # words given as one string are said in every language

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DURATION = re.compile(r"(?:(\d{1,5})h)?(?:(\d{1,5})m)?(?:(\d{1,5})s)?")
_SPAN = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
_YEARLY = re.compile(r"(\d\d)-(\d\d)")


class Section(BaseModel):
    """A table of the configuration: frozen, and a key that is not in it is an error, not a surprise."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP address to listen on; port 0 asks the system for one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Span:
    """Working time inside one day, half-open; `end` None means midnight."""

    start: time
    end: time | None


@dataclass(frozen=True, slots=True)
class Day:
    """A date, or the same day of every year when `year` is None."""

    year: int | None
    month: int
    day: int

    def in_year(self, year: int) -> date | None:
        """This day in that year; None when it is not in it (other year, or 29 February)."""
        if self.year not in {None, year}:
            return None
        try:
            return date(year, self.month, self.day)
        except ValueError:
            return None


def _text(value: Any, example: str) -> str:
    if not isinstance(value, str):
        msg = f"should be a string like {example}"
        raise ValueError(msg)
    return value.strip()


def _address(value: Any) -> Address:
    text = _text(value, '"help@example.com"')
    address = parse_path(text)
    if address is None:
        msg = f"{text[:80]!r} is not a mail address"
        raise ValueError(msg)
    return address


def _endpoint(value: Any) -> Endpoint:
    text = _text(value, '"127.0.0.1:2525"')
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or (":" in host and not host.startswith("[")):
        msg = f'{text[:80]!r} is not an address to listen on: write "127.0.0.1:2525" or "[::1]:2525"'
        raise ValueError(msg)
    if int(port) > 65535:
        msg = f"port {port[:12]} is above 65535"
        raise ValueError(msg)
    return Endpoint(host.strip("[]"), int(port))


def _duration(value: Any) -> timedelta:
    text = _text(value, '"2h", "30m" or "1h30m"')
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        msg = f'{text[:40]!r} is not a duration: write hours, minutes and seconds like "2h", "30m" or "1h30m"'
        raise ValueError(msg)
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _target(value: Any) -> timedelta:
    target = _duration(value)
    if not timedelta(minutes=1) <= target <= MAX_TARGET:
        msg = "a target lies between 1m and 2000h of working time"
        raise ValueError(msg)
    return target


def _span(value: Any) -> Span:
    text = _text(value, '"08:00-12:00"')
    match = _SPAN.fullmatch(text)
    if match is None:
        msg = f'{text[:40]!r} is not a span of hours: write it like "08:00-12:00"'
        raise ValueError(msg)
    start_hour, start_minute, end_hour, end_minute = (int(part) for part in match.groups())
    try:
        start = time(start_hour, start_minute)
        end = None if (end_hour, end_minute) == (24, 0) else time(end_hour, end_minute)
    except ValueError:
        msg = f"{text!r} has a time that no clock shows"
        raise ValueError(msg) from None
    if end is not None and end <= start:
        msg = f'{text!r} ends before it starts; a night is two spans: "22:00-24:00" and "00:00-06:00" the next day'
        raise ValueError(msg)
    return Span(start, end)


def _weekdays(text: str) -> tuple[int, ...]:
    """`mon`, `mon-fri`, `sat-sun` or `daily` as weekday numbers."""
    if text == "daily":
        return tuple(range(7))
    first, dash, last = text.partition("-")
    if first not in _WEEKDAYS or (dash and last not in _WEEKDAYS):
        msg = f"{text[:40]!r} is not a day: use {', '.join(_WEEKDAYS)}, a range like mon-fri, or daily"
        raise ValueError(msg)
    start, end = _WEEKDAYS.index(first), _WEEKDAYS.index(last or first)
    return tuple(range(start, end + 1)) if start <= end else (*range(start, 7), *range(end + 1))


def _hours(value: Any) -> tuple[tuple[Span, ...], ...]:
    """A week as seven tuples of spans, Monday first. A key that names fewer days wins over one that names more."""
    if not isinstance(value, dict):
        msg = 'should be a table like { mon-fri = ["08:00-17:00"] }'
        raise ValueError(msg)
    week: list[tuple[Span, ...]] = [()] * 7
    for key in sorted(value, key=lambda key: -len(_weekdays(key))):
        spans = _day_spans(value[key])
        for weekday in _weekdays(key):
            week[weekday] = spans
    return tuple(week)


def _day_spans(value: Any) -> tuple[Span, ...]:
    if not isinstance(value, list | tuple):
        msg = 'should be a list like ["08:00-12:00", "13:00-17:00"]'
        raise ValueError(msg)
    spans = tuple(sorted((_span(item) for item in value), key=lambda span: span.start))
    for before, after in pairwise(spans):
        if before.end is None or before.end > after.start:
            msg = f"two spans of one day overlap at {after.start:%H:%M}"
            raise ValueError(msg)
    return spans


def _day(text: str) -> Day:
    match = _YEARLY.fullmatch(text)
    try:
        if match:
            leap = date(2024, int(match[1]), int(match[2]))
            return Day(None, leap.month, leap.day)
        day = date.fromisoformat(text)
    except ValueError:
        msg = f'{text[:40]!r} is not a day: write "2026-12-24", or "12-24" for every year'
        raise ValueError(msg) from None
    return Day(day.year, day.month, day.day)


def _day_table(read: Callable[[Any], Any]) -> Callable[[Any], tuple[tuple[Day, Any], ...]]:
    def days(value: Any) -> tuple[tuple[Day, Any], ...]:
        if not isinstance(value, dict):
            msg = "should be a table of days"
            raise ValueError(msg)
        return tuple((_day(key), read(item)) for key, item in value.items())

    return days


def _day_name(value: Any) -> str:
    return _text(value, '"Works outing"')


def _zone(value: Any) -> str:
    text = _text(value, '"Europe/Berlin"')
    try:
        zoneinfo.ZoneInfo(text)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        msg = f'{text[:60]!r} is not a time zone: use a name like "Europe/Berlin" or "UTC"'
        raise ValueError(msg) from None
    return text


def _words(value: Any) -> tuple[tuple[str, str], ...]:
    """Words per language; a plain string holds for every language."""
    if isinstance(value, str):
        return ((EVERY_LANGUAGE, _one_line(value)),)
    if not isinstance(value, dict) or not all(isinstance(words, str) for words in value.values()):
        msg = 'should be a string, or a table by language like { en = "…", de = "…" }'
        raise ValueError(msg)
    return tuple((_language(language), _one_line(words)) for language, words in value.items())


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _keywords(value: Any) -> tuple[str, ...]:
    """A list of words, or lists by language (or any other label) in a table; flattened, lower case, each once."""
    lists = [value] if isinstance(value, list | tuple) else list(value.values()) if isinstance(value, dict) else [None]
    words: dict[str, None] = {}
    for items in lists:
        if not isinstance(items, list | tuple) or not all(isinstance(item, str) and item.strip() for item in items):
            msg = "should be a list of words, or a table with a list for each language"
            raise ValueError(msg)
        words.update((item.strip().lower(), None) for item in items)
    return tuple(words)


def _steps(value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Lists of lines per language; a plain list holds for every language."""
    table = value if isinstance(value, dict) else {EVERY_LANGUAGE: value}
    for lines in table.values():
        if not isinstance(lines, list | tuple) or not all(isinstance(line, str) and line.strip() for line in lines):
            msg = 'should be a list of lines like ["Ask for the room"], or a table with a list for each language'
            raise ValueError(msg)
    return tuple(
        (key if key == EVERY_LANGUAGE else _language(key), tuple(map(_one_line, lines))) for key, lines in table.items()
    )


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        msg = "should be a share of the target between 0 and 1, like 0.5"
        raise ValueError(msg)
    return float(value)


def _rising(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if any(after <= before for before, after in pairwise(values)):
        raise ValueError("should rise from one to the next")
    return values


def _language(value: Any) -> str:
    text = _text(value, '"en"')
    if not re.fullmatch(r"[a-z]{2}", text):
        msg = f'{text[:20]!r} is not a language: use two letters like "en"'
        raise ValueError(msg)
    return text


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) != len(values):
        raise ValueError("names something twice")
    return values


Mailbox = Annotated[Address, PlainValidator(_address)]
Listen = Annotated[Endpoint, PlainValidator(_endpoint)]
Duration = Annotated[timedelta, PlainValidator(_duration)]
Target = Annotated[timedelta, PlainValidator(_target)]
Week = Annotated[tuple[tuple[Span, ...], ...], PlainValidator(_hours)]
ClosedDays = Annotated[tuple[tuple[Day, str], ...], PlainValidator(_day_table(_day_name))]
HalfDays = Annotated[tuple[tuple[Day, tuple[Span, ...]], ...], PlainValidator(_day_table(_day_spans))]
Zone = Annotated[str, PlainValidator(_zone)]
Words = Annotated[tuple[tuple[str, str], ...], PlainValidator(_words)]
Steps = Annotated[tuple[tuple[str, tuple[str, ...]], ...], PlainValidator(_steps)]
Shares = Annotated[tuple[Annotated[float, PlainValidator(_share)], ...], AfterValidator(_rising)]
Days = Annotated[int, Field(ge=1, le=400)]  # working days
RisingDays = Annotated[tuple[Days, ...], AfterValidator(_rising)]
Keywords = Annotated[tuple[str, ...], PlainValidator(_keywords)]
Languages = Annotated[tuple[Annotated[str, PlainValidator(_language)], ...], AfterValidator(_unique)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Text = Annotated[str, AfterValidator(_one_line), StringConstraints(min_length=1, max_length=200)]
