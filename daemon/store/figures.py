"""Figures: what `status`, the pages and the metrics show, each a count over an index.

Read in one read transaction, so they agree with each other. Grows with what is open, not with what
was ever handled, apart from three counts over narrow indexes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, text, type_coerce

from daemon.store import inbound, memory, refusals
from daemon.store.columns import Instant
from daemon.store.inbound import Backlog
from daemon.store.month import Month, month
from daemon.store.schema import DELIVERY, INBOUND, OUTBOX, PROMISE, TICKET

POLL = "poll:"  # memory names of the IMAP accounts: `poll:ACCOUNT` → ISO instant of the last good poll

Counts = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """Promises by how they ended; `overdue` are open ones whose instant has passed."""

    kept: int = 0
    broken: int = 0
    open: int = 0
    overdue: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The state of the desk at one moment."""

    backlog: Backlog
    outcomes: Counts  # settled mails by outcome
    duplicates: int
    refused: Counts  # at the door, by reason
    outbox: Counts  # by state
    outbox_oldest: datetime | None  # creation of the oldest mail that is not done
    uncertain: int  # mails on their way with a try whose outcome is unknown
    tickets: tuple[tuple[str, int, int], ...]  # status, tier, count; closed ones left out
    promises: Promises
    polls: tuple[tuple[str, str], ...]  # IMAP account, ISO instant of its last good poll
    month: Month = field(default_factory=Month)  # opinions, time and causes of thirty days


def figures(tx: Connection, *, now: datetime) -> Figures:
    """All of them."""
    waiting = tx.execute(_WAITING).one()
    states = {row.state: row.amount for row in tx.execute(_PROMISES)}
    return Figures(
        backlog=inbound.backlog(tx),
        outcomes=tuple((row.outcome, row.amount) for row in tx.execute(_OUTCOMES)),
        duplicates=tx.execute(_DUPLICATES).scalar_one(),
        refused=refusals.counts(tx),
        outbox=tuple((row.state, row.amount) for row in tx.execute(_OUTBOX)),
        outbox_oldest=waiting.oldest,
        uncertain=waiting.uncertain or 0,
        tickets=tuple((row.status, row.tier, row.amount) for row in tx.execute(_TICKETS)),
        promises=Promises(
            kept=states.get("kept", 0),
            broken=states.get("broken", 0),
            open=states.get("open", 0),
            overdue=tx.execute(_OVERDUE, {"now": now}).scalar_one(),
        ),
        polls=tuple((name.removeprefix(POLL), value) for name, value in memory.under(tx, POLL)),
        month=month(tx, now=now),
    )


_AMOUNT = func.count().label("amount")
_OUTCOMES = (
    select(INBOUND.c.outcome, _AMOUNT)
    .where(INBOUND.c.outcome > "")
    .group_by(INBOUND.c.outcome)
    .order_by(INBOUND.c.outcome)
)
_DUPLICATES = select(_AMOUNT).select_from(DELIVERY).where(DELIVERY.c.acceptance == "duplicate")
_OUTBOX = select(OUTBOX.c.state, _AMOUNT).group_by(OUTBOX.c.state).order_by(OUTBOX.c.state)
_WAITING = select(
    type_coerce(func.min(OUTBOX.c.created_at), Instant).label("oldest"),
    func.sum(text("CASE WHEN uncertain > 0 THEN 1 ELSE 0 END")).label("uncertain"),
).where(text("done_at IS NULL"))
_TICKETS = (
    select(TICKET.c.status, TICKET.c.tier, _AMOUNT)
    .where(text("status <> 'closed'"))
    .group_by(TICKET.c.status, TICKET.c.tier)
    .order_by(TICKET.c.status, TICKET.c.tier)
)
_PROMISES = select(PROMISE.c.state, _AMOUNT).group_by(PROMISE.c.state)
_OVERDUE = select(_AMOUNT).select_from(PROMISE).where(PROMISE.c.state == "open", PROMISE.c.due_at < bindparam("now"))
