"""The honest estimate: by when four of five such requests were answered, and whether that may be said.

Split conformal: the newest answers of one cell (category, tier, hour of the week) are the scores, in working time, and
the ⌈0.8·(n+1)⌉-th smallest is the bound, which covers the next one with probability 0.8 whatever the distribution,
as long as the desk stays as it is. A cell with too few answers gives way to a wider one. What waits for its answer
still counts by how long it has waited (Kaplan–Meier), else only quick answers would be known. Whether the desk has
stayed as it is, is measured on the estimates that were made, said or not: `fit`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.core.calendar import BusinessCalendar, add_working, next_open, zone_named

NOMINAL = 0.8
TOLERANCE = 0.03  # measured coverage may differ by this much from the nominal one
ENOUGH = 39  # answers for a cell of its own: 0.8·(n+1) is a whole number, so nothing is rounded up
NEWEST = 199  # of a cell: older answers are another desk's
MEASURED, MEASURED_AT_LEAST = 1_000, 200  # estimates over which coverage is measured: ± 2.5 points of chance
RECENT = 60  # the last ones alone: a change shows within days
_CHANCE = 3.0  # standard deviations that chance explains
_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - only a difference of two instants of one zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One request: working seconds until a person answered, or until now when nobody has (`answered` False)."""

    category: str
    tier: int
    hour: int  # of the week, 0 is Monday's first
    took_s: int
    answered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The bound of one cell, made of `amount` answers."""

    took_s: int
    amount: int


def hour_of_week(at: datetime, zone: str) -> int:
    """0 to 167, by the clock on the wall there."""
    local = at.astimezone(zone_named(zone))
    return local.weekday() * 24 + local.hour


def cells(category: str, tier: int, hour: int) -> tuple[str, ...]:
    """The cells a request belongs to, the narrowest first: the hour, a part of the week, any time, any category."""
    day, part = hour // 24, hour % 24 // 6
    stretch = "weekend" if day > 4 else "monday" if day == 0 else "friday" if day == 4 else "midweek"
    kind = f"{category}/{tier}"
    return (f"{kind}/{hour}", f"{kind}/{stretch}-{part}", kind, f"/{tier}/{stretch}-{part}", f"/{tier}")


def learn(samples: Iterable[Sample]) -> dict[str, Estimate]:
    """The bound of each cell that has enough answers; `samples` come newest first."""
    by_cell: dict[str, list[Sample]] = {}
    for sample in samples:
        for cell in cells(sample.category, sample.tier, sample.hour):
            members = by_cell.setdefault(cell, [])
            if len(members) < NEWEST:
                members.append(sample)
    found: dict[str, Estimate] = {}
    for cell, members in by_cell.items():
        kept = members[: (len(members) + 1) // 5 * 5 - 1]  # ⌈0.8·(n+1)⌉ without rounding
        bound = quantile(kept) if len(kept) >= ENOUGH else None
        if bound is not None:
            found[cell] = Estimate(took_s=bound, amount=len(kept))
    return found


def quantile(samples: Sequence[Sample]) -> int | None:
    """Working seconds within which the next answer comes with probability 0.8; None when too many still wait."""
    ordered = sorted(samples, key=lambda sample: (sample.took_s, not sample.answered))
    wanted = 1 - math.ceil(NOMINAL * (len(ordered) + 1)) / (len(ordered) + 1)
    waiting, left = 1.0, len(ordered) + 1  # one more than there are: the next one
    for sample in ordered:
        if sample.answered:
            waiting *= 1 - 1 / left
            if waiting <= wanted + 1e-9:
                return sample.took_s
        left -= 1
    return None


def pick(known: Mapping[str, Estimate], category: str, tier: int, hour: int) -> Estimate | None:
    """The estimate of the narrowest cell there is."""
    return next((known[cell] for cell in cells(category, tier, hour) if cell in known), None)


def expected_at(calendar: BusinessCalendar, opened: datetime, took_s: int) -> datetime:
    """The instant that the estimate says, on a full minute, never rounded down."""
    exact = add_working(calendar, next_open(calendar, opened), timedelta(seconds=took_s))
    bare = exact.replace(tzinfo=None)
    return exact + (-(bare - _EPOCH)) % _MINUTE


def coverage(held: Sequence[bool]) -> float:
    """The share of estimates that held."""
    return sum(held) / len(held) if held else 0.0


def fit(held: Sequence[bool]) -> bool:
    """Whether estimates may be said: `held`, newest first, tells of each that has come due whether it held.

    Two tests: over the long run the share is within three points of the nominal one, and the last sixty differ from it
    by no more than chance explains. When the desk changes, the second one falls silent within days.
    """
    long_run = held[:MEASURED]
    if len(long_run) < MEASURED_AT_LEAST or abs(coverage(long_run) - NOMINAL) > TOLERANCE:
        return False
    recent = held[:RECENT]
    chance = _CHANCE * math.sqrt(NOMINAL * (1 - NOMINAL) / len(recent))
    return abs(coverage(recent) - NOMINAL) <= chance
