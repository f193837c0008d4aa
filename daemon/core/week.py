"""The report on a week at the desk, as figures: who spent how much time where, what it cost, what was kept.

Pure. Amounts are in the desk's currency: minutes × the cost per hour of the tier in which they were spent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from daemon.core.letter import one_line
from daemon.core.policy import Policy

MOST_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Minutes of one agent on one ticket in one tier."""

    reference: str
    agent: str
    tier: int
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """What happened between two reports, and what stands now."""

    opened: int
    solved: int
    open: int
    kept: int
    broken: int
    spent: tuple[Spent, ...] = ()
    oldest: tuple[tuple[str, str, datetime], ...] = ()  # reference, subject, opened
    scores: tuple[int, ...] = ()
    causes: tuple[tuple[str, int], ...] = ()  # "" for tickets that were solved without one

    @property
    def empty(self) -> bool:
        """True when nothing happened and nothing stands."""
        return not (self.opened or self.solved or self.open or self.kept or self.broken or self.spent or self.scores)


def cost(tier: int, minutes: int, policy: Policy) -> float:
    """What these minutes cost; a tier that is not configured any more costs nothing."""
    per_hour = {each.number: each.cost_per_hour for each in policy.tiers}
    return per_hour.get(tier, 0.0) * minutes / 60


def figures_of(week: Week, policy: Policy) -> tuple[tuple[str, str], ...]:
    """The labelled figures, in order; empty ones are left out by whoever shows them."""
    minutes = sum(each.minutes for each in week.spent)
    total = sum(cost(each.tier, each.minutes, policy) for each in week.spent)
    score = f"{sum(week.scores) / len(week.scores):.1f} ({len(week.scores)})" if week.scores else ""
    return (
        ("opened", str(week.opened)),
        ("solved", str(week.solved)),
        ("open", str(week.open)),
        ("kept", str(week.kept)),
        ("broken", str(week.broken)),
        ("score", score),
        ("time", duration(minutes) if minutes else ""),
        ("cost", f"{total:.2f} {policy.currency}" if total else ""),
    )


def lists_of(week: Week, policy: Policy, *, now: datetime) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Time by agent and tier, cost by ticket, what is open the longest, causes."""
    titles = {tier.number: tier.title for tier in policy.tiers}
    by_agent: dict[tuple[str, int], int] = {}
    by_ticket: dict[str, tuple[int, float]] = {}
    for each in week.spent:
        by_agent[each.agent, each.tier] = by_agent.get((each.agent, each.tier), 0) + each.minutes
        minutes, amount = by_ticket.get(each.reference, (0, 0.0))
        by_ticket[each.reference] = minutes + each.minutes, amount + cost(each.tier, each.minutes, policy)
    time = [
        f"{agent} · {tier} {titles.get(tier, '')} · {duration(minutes)}"
        for (agent, tier), minutes in sorted(by_agent.items())
    ]
    dearest = sorted(by_ticket.items(), key=lambda item: (-item[1][1], -item[1][0], item[0]))
    costs = [
        f"{reference} · {duration(minutes)} · {amount:.2f} {policy.currency}"
        for reference, (minutes, amount) in dearest
    ]
    oldest = [
        f"{reference} · {opened:%Y-%m-%d} · {(now - opened).days} d · {one_line(subject, 80)}"
        for reference, subject, opened in week.oldest
    ]
    causes = [f"{amount} × {one_line(name, 80) or '–'}" for name, amount in week.causes]
    lists = (("time", time), ("cost", costs), ("oldest", oldest), ("cause", causes))
    return tuple((heading, _cut(lines)) for heading, lines in lists if lines)


def duration(minutes: int) -> str:
    """`1h05m`, as agents write it."""
    return f"{minutes // 60}h{minutes % 60:02}m" if minutes >= 60 else f"{minutes}m"


def _cut(lines: Iterable[str]) -> tuple[str, ...]:
    found = tuple(lines)
    return found if len(found) <= MOST_LINES else (*found[:MOST_LINES], f"… + {len(found) - MOST_LINES}")
