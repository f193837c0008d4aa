"""Refusals at the door: only counted, because nothing of such a mail is ours (I9).

The channel side adds up in memory and writes now and then; a crash loses a few counts, never a mail.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from daemon.store.rows import insert_absent
from daemon.store.schema import REFUSAL


def add(tx: Connection, counts: Mapping[str, int], *, now: datetime) -> None:
    """Add these counts, by reason (an SMTP code or a word)."""
    for reason, count in sorted(counts.items()):
        insert_absent(tx, REFUSAL, [{"reason": reason, "amount": 0, "last_at": now}])
        tx.execute(_ADD, {"b_reason": reason, "b_count": count, "b_now": now})


def counts(tx: Connection) -> tuple[tuple[str, int], ...]:
    """(reason, count), by reason."""
    return tuple((row.reason, row.amount) for row in tx.execute(_COUNTS))


_ADD = (
    update(REFUSAL)
    .where(REFUSAL.c.reason == bindparam("b_reason"))
    .values(amount=REFUSAL.c.amount + bindparam("b_count"), last_at=bindparam("b_now"))
)
_COUNTS = select(REFUSAL.c.reason, REFUSAL.c.amount).order_by(REFUSAL.c.reason)
