"""Recovery at start: what this node had claimed when it died is claimable again at once.

Sound because a node's name is its alone (`app` holds a lock on the state directory): nobody else
works under it. Without this a restart would wait for its own leases. An outgoing mail that was
claimed keeps its state, so that the next claim counts it as a try with unknown outcome.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text, update

from daemon.store.schema import CLOCK, INBOUND, OUTBOX


def recover(tx: Connection, *, owner: str, now: datetime) -> int:
    """End every lease of `owner`; how many there were."""
    mails = tx.execute(
        update(INBOUND).where(text("settled_at IS NULL"), INBOUND.c.lease_owner == owner).values(lease_until=now)
    )
    letters = tx.execute(
        update(OUTBOX)
        .where(text("done_at IS NULL"), OUTBOX.c.lease_owner == owner, OUTBOX.c.state == "claimed")
        .values(next_at=now)
    )
    clocks = tx.execute(
        update(CLOCK).where(text("ended_at IS NULL"), CLOCK.c.lease_owner == owner).values(lease_until=now)
    )
    return mails.rowcount + letters.rowcount + clocks.rowcount
