"""Targets, clocks and promises as pure functions of events.

A promise is the wall-clock instant that an acknowledgment names. It is computed once from
the tier's calendar and first-response target, stored exactly as sent, and counted as kept or
broken against that stored instant. An acknowledgment is automatic and never stops the
first-response clock; a first response is by a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


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
    holiday: str = ""  # name of the holiday that moved the date, "" when none
