"""The figures of a span of time: opened, solved, promises, time spent, opinions, causes. Read only, bounded."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, text

from daemon.core.week import Week
from daemon.store import effort, opinions
from daemon.store.schema import PROMISE, TICKET

_OLDEST = 10
_CAUSES = 10


def week(tx: Connection, *, after: datetime, until: datetime) -> Week:
    """What happened in (after, until], and what is open at its end."""
    span = {"after": after, "until": until}
    states = {row.state: row.amount for row in tx.execute(_PROMISES, span)}
    return Week(
        opened=tx.execute(_OPENED, span).scalar_one(),
        solved=tx.execute(_SOLVED, span).scalar_one(),
        open=tx.execute(_OPEN).scalar_one(),
        kept=states.get("kept", 0),
        broken=states.get("broken", 0),
        spent=effort.spent(tx, after=after, until=until),
        oldest=tuple((row.reference, row.subject, row.opened_at) for row in tx.execute(_LONGEST)),
        scores=tuple(each.score for each in opinions.heard(tx, after=after, until=until, limit=10_000)),
        causes=tuple((row.cause, row.amount) for row in tx.execute(_BY_CAUSE, span)),
    )


_AMOUNT = func.count().label("amount")
_LIVE = (text("status <> 'closed'"), TICKET.c.status != "solved")
_IN = (text("solved_at IS NOT NULL"), TICKET.c.solved_at > bindparam("after"), TICKET.c.solved_at <= bindparam("until"))
# Reads the table, once a week: an index for it would cost each new ticket something.
_OPENED = select(_AMOUNT).where(TICKET.c.opened_at > bindparam("after"), TICKET.c.opened_at <= bindparam("until"))
_SOLVED = select(_AMOUNT).where(*_IN)
_OPEN = select(_AMOUNT).select_from(TICKET).where(*_LIVE)
_LONGEST = (
    select(TICKET.c.reference, TICKET.c.subject, TICKET.c.opened_at).where(*_LIVE).order_by(TICKET.c.id).limit(_OLDEST)
)
_BY_CAUSE = select(TICKET.c.cause, _AMOUNT).where(*_IN).group_by(TICKET.c.cause).order_by(_AMOUNT.desc()).limit(_CAUSES)
# A promise belongs to the week in which its instant came.
_PROMISES = (
    select(PROMISE.c.state, _AMOUNT)
    .where(
        PROMISE.c.state.in_(("kept", "broken")),
        PROMISE.c.due_at > bindparam("after"),
        PROMISE.c.due_at <= bindparam("until"),
    )
    .group_by(PROMISE.c.state)
)
