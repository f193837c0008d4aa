"""Column types that keep hostile text and local time out of the database.

Times are integer microseconds since 1970-01-01 UTC: eight bytes, exact, one order on both
engines, no time zone for a driver to lose. Text is bounded, without NUL (PostgreSQL refuses it, and one
refused row would be poison for ever) and without lone surrogates. Indexed text is folded to
a bounded key, because PostgreSQL refuses index rows over 2,704 bytes.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, String, Text
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
KEY_CHARACTERS = 255

Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite's rowid alias must be INTEGER


def to_micros(moment: datetime) -> int:
    """Microseconds since the epoch of an aware datetime; a naive one is a defect of ours and raises TypeError."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """The aware UTC datetime of a stored instant."""
    return _EPOCH + timedelta(microseconds=value)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored as integer microseconds since the epoch, read back in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        del dialect
        return to_micros(value) if isinstance(value, datetime) else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        del dialect
        return None if value is None else from_micros(value)


def bounded(value: str, limit: int) -> str:
    """`value` as the database can hold it: no NUL, no lone surrogate, at most `limit` characters."""
    if len(value) > limit:
        value = value[:limit]
    if value.isascii():
        return value.replace("\0", "") if "\0" in value else value
    return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def key(value: str) -> str:
    """`value` as an index key of at most 255 characters; a longer one keeps its head and gets a hash of all of it."""
    value = bounded(value, 1_000_000)
    if len(value) <= KEY_CHARACTERS and (value.isascii() or len(value.encode()) <= 2 * KEY_CHARACTERS):
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()
    return f"{value[:64]}#{digest}"


class Words(TypeDecorator[str]):
    """Text from outside, cut to `limit` characters. The last line of defence: `clean` has been there before."""

    impl = Text
    cache_ok = True

    def __init__(self, limit: int = 1000) -> None:
        self.limit = limit
        super().__init__()

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        del dialect
        return None if value is None else bounded(value, self.limit)


class Key(TypeDecorator[str]):
    """Indexed text: compared through the same folding that stored it."""

    impl = String(KEY_CHARACTERS)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        del dialect
        return None if value is None else key(value)
