"""Business calendars: when a tier works, in its own time zone, across DST and holidays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Working time on one weekday (0 = Monday), half-open [start, end); `end` None means midnight."""

    weekday: int
    start: time
    end: time | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessCalendar:
    """Service hours. `holidays` are whole days off by name; `special_days` replace a date's windows (half days)."""

    name: str
    zone: str  # IANA
    windows: tuple[Window, ...]
    holidays: tuple[tuple[date, str], ...] = ()
    special_days: tuple[tuple[date, tuple[Window, ...]], ...] = ()
