"""Mail that a person should see though it opened no ticket, or a troubled one: flagged `digest` when it was settled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, text

from daemon.store.schema import INBOUND

FLAG = "digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToReview:
    """One such mail; `evidence` is the JSON that was stored with it."""

    inbound_id: int
    settled_at: datetime
    outcome: str
    reason: str
    flags: tuple[str, ...]
    evidence: str


def to_review(tx: Connection, *, desk: str, after: datetime, until: datetime, limit: int) -> tuple[ToReview, ...]:
    """Flagged mails of the desk settled in (after, until], the oldest first."""
    rows = tx.execute(_FLAGGED, {"desk": desk, "after": after, "until": until, "count": limit})
    return tuple(
        ToReview(
            inbound_id=row.id,
            settled_at=row.settled_at,
            outcome=row.outcome,
            reason=row.reason,
            flags=tuple(row.flags.split()),
            evidence=row.evidence,
        )
        for row in rows
    )


_FLAGGED = (
    select(
        INBOUND.c.id,
        INBOUND.c.settled_at,
        INBOUND.c.outcome,
        INBOUND.c.reason,
        INBOUND.c.flags,
        INBOUND.c.evidence,
    )
    .where(
        text("flags <> ''"),
        # Of the few flagged rows only; here and not in Python, or another flag would use up the limit.
        text(f"' ' || flags || ' ' LIKE '% {FLAG} %'"),
        INBOUND.c.desk == bindparam("desk"),
        INBOUND.c.settled_at > bindparam("after"),
        INBOUND.c.settled_at <= bindparam("until"),
    )
    .order_by(INBOUND.c.settled_at, INBOUND.c.id)
    .limit(bindparam("count"))
)
