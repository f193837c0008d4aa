"""Faults of the database as exceptions of ours: one clear line, never a password, never a row's content.

Owns the translation from driver errors: full disk, lost connection, lock, refused value.
What cannot be told apart becomes `Unavailable`: the peer tries again, and every retry
is harmless because each uniqueness rule is a constraint.
"""

from __future__ import annotations

import errno

from sqlalchemy import exc

from daemon.errors import FirstlineError, Misconfigured, StorageFull, Unavailable

# PostgreSQL's SQLSTATE classes: 53100 disk full, 53 insufficient resources, 57P operator intervention.
_PG_DISK_FULL = "53100"
_PG_LOGIN = ("28", "3D")  # invalid authorization, no such database
# Not the server's trouble: without this distinction one poisonous mail would be tried for ever, uncounted.
_DEFECTS = (exc.DataError, exc.IntegrityError, exc.ProgrammingError, exc.NotSupportedError)
# Only a live connection is worth a rollback to a savepoint; these mean it is gone (class 08, 57P01-57P03).
_PG_GONE = ("08", "57P01", "57P02", "57P03")


class Rejected(FirstlineError):
    """The database refused a value or a statement: a defect of ours. Trying again alone helps at most once."""


class LeaseLost(FirstlineError):
    """Another worker took this row after our lease ended; whatever we did on it is void."""


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's five-letter code, or ""."""
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


def is_disconnect(error: BaseException) -> bool:
    """True when the connection is of no more use."""
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return True
    return sqlstate(error).startswith(_PG_GONE)


def is_full(error: BaseException) -> bool:
    """True for a full disk or quota on either engine."""
    origin = getattr(error, "orig", None) or error
    if isinstance(origin, OSError) and origin.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return True
    name = str(getattr(origin, "sqlite_errorname", ""))
    return name == "SQLITE_FULL" or sqlstate(error) == _PG_DISK_FULL or "No space left on device" in str(origin)


def first_line(error: BaseException) -> str:
    """The driver's own first line: it names no bound values (SQLAlchemy's text would)."""
    origin = getattr(error, "orig", None) or error
    lines = str(origin).strip().splitlines()
    return lines[0][:300] if lines else type(origin).__name__


def translate(error: BaseException) -> FirstlineError:
    """The exception to raise for a driver's error; our own pass through."""
    if isinstance(error, FirstlineError):
        return error
    if is_full(error):
        return StorageFull(f"the database has no room left: {first_line(error)}")
    if sqlstate(error).startswith(_PG_LOGIN):
        return Misconfigured(f"database: {first_line(error)}")
    if isinstance(error, _DEFECTS) and not is_disconnect(error):
        return Rejected(f"the database refused what we asked: {first_line(error)}")
    return Unavailable(f"the database is not available: {first_line(error)}")
