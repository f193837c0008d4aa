"""What thirty days came to, for `status` and the pages: opinions, time, causes. Counts of what is recent, by index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select, text

from daemon.store.schema import TICKET
from daemon.store.service import EFFORT, OPINION

SPAN = timedelta(days=30)
_CAUSES = 20

Counts = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """The last thirty days."""

    scores: tuple[tuple[int, int], ...] = ()  # score of the answers, how many
    score: float | None = None  # their mean
    minutes: tuple[tuple[str, int, int], ...] = ()  # agent, tier, minutes logged
    solved: int = 0
    causes: Counts = ()  # of solved tickets, the most frequent first; "" for those without one


def month(tx: Connection, *, now: datetime) -> Month:
    """Of the days before `now`."""
    since = {"since": now - SPAN}
    scores = tuple((row.score, row.amount) for row in tx.execute(_SCORES, since))
    answers = sum(amount for _, amount in scores)
    total = sum(score * amount for score, amount in scores)
    return Month(
        scores=scores,
        score=round(total / answers, 2) if answers else None,
        minutes=tuple((row.agent, row.tier, row.minutes) for row in tx.execute(_MINUTES, since)),
        solved=tx.execute(_SOLVED, since).scalar_one(),
        causes=tuple((row.cause, row.amount) for row in tx.execute(_BY_CAUSE, since)),
    )


_AMOUNT = func.count().label("amount")
_SCORES = (
    select(OPINION.c.score, _AMOUNT)
    .where(text("answered_at IS NOT NULL"), OPINION.c.answered_at > bindparam("since"))
    .group_by(OPINION.c.score)
    .order_by(OPINION.c.score)
)
_MINUTES = (
    select(EFFORT.c.agent, EFFORT.c.tier, func.sum(EFFORT.c.minutes).label("minutes"))
    .where(EFFORT.c.at > bindparam("since"))
    .group_by(EFFORT.c.agent, EFFORT.c.tier)
    .order_by(EFFORT.c.agent, EFFORT.c.tier)
)
_RECENT = (text("solved_at IS NOT NULL"), TICKET.c.solved_at > bindparam("since"))
_SOLVED = select(_AMOUNT).select_from(TICKET).where(*_RECENT)
_BY_CAUSE = (
    select(TICKET.c.cause, _AMOUNT)
    .where(*_RECENT)
    .group_by(TICKET.c.cause)
    .order_by(_AMOUNT.desc(), TICKET.c.cause)
    .limit(_CAUSES)
)
