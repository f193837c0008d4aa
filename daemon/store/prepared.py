"""Prepared: a Core statement of the hot path, compiled once per dialect and handed to the driver as it is.

SQLAlchemy prepares a statement anew at each execution: 15 to 17 µs when all is in the cache, of which SQLite has 1 to 4
(so it is 2 to 5 here; November 2026); with thirty statements a mail that was a third of a settlement. The SQL text,
the order of its values and the types' conversions come once from the same Core expression; the transaction stays
SQLAlchemy's, and an error of the driver becomes the same `DBAPIError`, without the values (they are people's mail).
For fixed statements only: one with an expanding IN stays with `Connection.execute`.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Executable, Float, Table, exc, insert
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.elements import ClauseElement

_Convert = Callable[[Any], Any] | None
_Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What one dialect needs: the text, and of each value its name, or "" and what it is, and its conversion."""

    sql: str
    named: tuple[str, ...]  # names of a `%(name)s` dialect; () when values go by position
    binds: tuple[tuple[str, Any, _Convert], ...]
    row: Callable[..., Any] | None
    results: tuple[tuple[int, Callable[[Any], Any]], ...]
    columns: int  # of an INSERT; 0 for anything else

    def values(self, given: _Values) -> Any:
        if self.columns and len(given) != self.columns:
            raise ValueError("rows of one INSERT have the same columns")
        row = [
            fixed if not name else given[name] if convert is None else convert(given[name])
            for name, fixed, convert in self.binds
        ]
        return dict(zip(self.named, row, strict=True)) if self.named else row


class Prepared:
    """One statement. An INSERT gets its columns from its first row; `returns` names what a text statement returns."""

    def __init__(self, statement: Executable, *, returns: Sequence[str] = ()) -> None:
        self._statement = statement
        self._returns = tuple(returns)
        self._made: dict[str, _Compiled] = {}

    def run(self, tx: Connection, values: _Values) -> int:
        """Execute with these values; the number of rows it touched."""
        made = self._compiled(tx, values)
        return int(execute(tx, made.sql, made.values(values)).rowcount)

    def many(self, tx: Connection, rows: Sequence[_Values]) -> None:
        """Execute once for each of `rows`, in order."""
        if not rows:
            return
        made = self._compiled(tx, rows[0])
        if len(rows) == 1:
            execute(tx, made.sql, made.values(rows[0]))
        else:
            execute(tx, made.sql, list(map(made.values, rows)), many=True)

    def rows(self, tx: Connection, values: _Values) -> list[Any]:
        """Execute and read all rows, as named tuples."""
        made = self._compiled(tx, values)
        found = execute(tx, made.sql, made.values(values)).fetchall()
        if not found or made.row is None:
            return list(found)
        if made.results:
            return [made.row(*_converted(row, made.results)) for row in found]
        return [made.row(*row) for row in found]

    def first(self, tx: Connection, values: _Values) -> Any:
        """The first row, or None."""
        return next(iter(self.rows(tx, values)), None)

    def scalar(self, tx: Connection, values: _Values) -> Any:
        """The first column of the first row, or None."""
        row = self.first(tx, values)
        return None if row is None else row[0]

    def _compiled(self, tx: Connection, values: _Values) -> _Compiled:
        made = self._made.get(tx.dialect.name)
        if made is None:
            columns = list(values) if isinstance(self._statement, Insert) else []
            made = self._made[tx.dialect.name] = _compile(self._statement, tx.dialect, columns, self._returns)
        return made


def inserting(table: Table) -> Prepared:
    """The INSERT of rows that all name the same columns."""
    return Prepared(insert(table).inline())


def _compile(statement: Executable, dialect: Dialect, columns: list[str], returns: tuple[str, ...]) -> _Compiled:
    assert isinstance(statement, ClauseElement)
    made: Any = statement.compile(dialect=dialect, column_keys=columns or None)
    names: Sequence[str] = made.positiontup if made.positional else tuple(made.binds)
    selected = tuple(getattr(statement, "selected_columns", ()) or getattr(statement, "exported_columns", ()))
    given_names = returns or tuple(column.key or "" for column in selected)
    results = tuple(
        (place, convert)
        for place, column in enumerate(selected)
        # Drivers give floats as they are; SQLAlchemy would first ask which numeric type the column is.
        if not isinstance(column.type, Float)
        and (convert := column.type.dialect_impl(dialect).result_processor(dialect, None)) is not None
    )
    return _Compiled(
        sql=str(made),
        named=() if made.positional else tuple(names),
        binds=tuple(_bind(made, name, dialect) for name in names),
        row=namedtuple("Row", given_names, rename=True) if given_names else None,  # noqa: PYI024
        results=results,
        columns=len(columns),
    )


def _bind(made: Any, name: str, dialect: Dialect) -> tuple[str, Any, _Convert]:
    bind = made.binds[name]
    convert: _Convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if bind.required:
        return bind.key, None, convert
    return "", bind.value if convert is None else convert(bind.value), None


def _converted(row: Sequence[Any], results: tuple[tuple[int, Callable[[Any], Any]], ...]) -> list[Any]:
    values = list(row)
    for place, convert in results:
        values[place] = convert(values[place])
    return values


def execute(tx: Connection, sql: str, values: Any, *, many: bool = False) -> Any:
    """The driver's cursor after a statement in its own words. Raises what `Connection.execute` would."""
    cursor = tx.connection.cursor()
    try:
        (cursor.executemany if many else cursor.execute)(sql, values)
    except Exception as error:
        driver = tx.dialect.loaded_dbapi
        if not isinstance(error, driver.Error):
            raise
        lost = tx.dialect.is_disconnect(error, tx.connection.dbapi_connection, cursor)
        if lost:
            tx.invalidate(error)
        raise exc.DBAPIError.instance(
            sql,
            None,
            error,
            driver.Error,
            hide_parameters=True,
            connection_invalidated=lost,
            dialect=tx.dialect,
            ismulti=many,
        ) from error
    return cursor
