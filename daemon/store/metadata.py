"""The one MetaData of the store, how its constraints are called, and indexes of a part of a table."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, MetaData, text

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def partial(name: str, where: str, *columns: Column[Any], unique: bool = False) -> None:
    """An index of the rows `where` holds for; queries repeat the predicate word for word."""
    Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))
