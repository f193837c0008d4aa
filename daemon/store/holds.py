"""Holds: addresses that get no automatic mail until then, because one of ours bounced for good."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select

from daemon.core.address import Address
from daemon.core.credit import canonical
from daemon.core.decision import Hold
from daemon.store.prepared import Prepared
from daemon.store.schema import HOLD


def until(tx: Connection, address: Address | None) -> datetime | None:
    """When the hold on `address` ends (it may be past), None when there is none."""
    if address is None:
        return None
    found: datetime | None = _UNTIL.scalar(tx, {"address": canonical(address)})
    return found


def place(tx: Connection, hold: Hold) -> None:
    """Put the address on hold; a newer hold replaces an older one."""
    tx.execute(_LIFT, {"b_address": hold.address})
    tx.execute(insert(HOLD), {"address": hold.address, "until": hold.until, "reason": hold.reason})


_UNTIL = Prepared(select(HOLD.c.until).where(HOLD.c.address == bindparam("address")))
_LIFT = delete(HOLD).where(HOLD.c.address == bindparam("b_address"))
