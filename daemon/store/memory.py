"""Memory: small facts that outlive a restart, by name (when a mailbox was last polled, a cursor).

Never the truth about a mail: that is a row of its own.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, select, update

from daemon.store.rows import insert_absent
from daemon.store.schema import META


def put(tx: Connection, name: str, value: str) -> None:
    """Remember `value` under `name`; at most 10,000 characters."""
    if not insert_absent(tx, META, [{"key": name, "value": value}]):
        tx.execute(_PUT, {"b_key": name, "b_value": value})


def get(tx: Connection, name: str) -> str:
    """What stands under `name`, "" when nothing does."""
    return str(tx.execute(_GET, {"key": name}).scalar() or "")


def under(tx: Connection, prefix: str) -> tuple[tuple[str, str], ...]:
    """(name, value) of all names that begin with `prefix`, by name."""
    rows = tx.execute(_UNDER, {"size": len(prefix), "prefix": prefix})
    return tuple((row.key, row.value) for row in rows)


_PUT = update(META).where(META.c.key == bindparam("b_key")).values(value=bindparam("b_value"))
_GET = select(META.c.value).where(META.c.key == bindparam("key"))
# Few rows, so no index: a range over the key would depend on PostgreSQL's collation.
_UNDER = select(META).where(func.substr(META.c.key, 1, bindparam("size")) == bindparam("prefix")).order_by(META.c.key)
