"""The schema's age: is it current, and how it becomes so.

An empty database gets the newest schema at once and is stamped; an old one is upgraded step by
step with alembic, which is imported only then (395 ms, measured). Asking for the state is
plain SQL.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, Engine, exc, inspect, text

from daemon.errors import Misconfigured
from daemon.store import schema
from daemon.store.engine import READ_ONLY, is_sqlite
from daemon.store.faults import translate
from daemon.store.metadata import METADATA

_VERSIONS = Path(__file__).parent / "migrations"
_LOCK = 0x464D


class SchemaState(StrEnum):
    """How the database stands to this program."""

    CURRENT = "current"
    OLD = "old"  # `firstline migrate` brings it up
    NEW = "new"  # made by a newer program: we stop
    EMPTY = "empty"


def schema_state(engine: Engine) -> SchemaState:
    """The state of the schema, read by plain SQL. Raises Unavailable."""
    try:
        with engine.connect().execution_options(**{READ_ONLY: True}) as connection:
            return _state(connection)
    except exc.DBAPIError as error:
        raise translate(error) from None


def require_current(engine: Engine) -> None:
    """Raise Misconfigured, naming the command to type, unless the schema is current."""
    state = schema_state(engine)
    if state is SchemaState.NEW:
        raise Misconfigured("the database was made by a newer firstline; install that version")
    if state is not SchemaState.CURRENT:
        raise Misconfigured(f"the database schema is {state}; run: firstline migrate")


def migrate(engine: Engine) -> SchemaState:
    """Bring the schema to `HEAD`; returns the state it was in. Two at once are safe: the second waits."""
    try:
        with engine.begin() as connection:
            if not is_sqlite(engine):
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:space, 0)"), {"space": _LOCK})
            before = _state(connection)
            if before is SchemaState.NEW:
                raise Misconfigured("the database was made by a newer firstline; install that version")
            if before is SchemaState.EMPTY:
                _create(connection)
            elif before is SchemaState.OLD:
                upgrade(connection, schema.HEAD)
    except exc.DBAPIError as error:
        raise translate(error) from None
    return before


def upgrade(connection: Connection, revision: str) -> None:
    """Run the migrations up to `revision` inside the caller's transaction: all of it or nothing."""
    from alembic import command  # noqa: PLC0415 - 395 ms, only for an old schema
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_VERSIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    _mark(connection)


def _create(connection: Connection) -> None:
    METADATA.create_all(connection)
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": schema.HEAD})
    _mark(connection)


def _mark(connection: Connection) -> None:
    if is_sqlite(connection):
        connection.exec_driver_sql(f"PRAGMA application_id = {schema.APPLICATION_ID}")


def _state(connection: Connection) -> SchemaState:
    inspector = inspect(connection)
    if not inspector.has_table("alembic_version"):
        if not inspector.get_table_names():
            return SchemaState.EMPTY
        raise Misconfigured("the database holds tables of another program; name another one in database.url")
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if revision == schema.HEAD:
        return SchemaState.CURRENT
    # Revisions are numbered: an unknown higher number was written by a newer program.
    return SchemaState.NEW if str(revision or "") > schema.HEAD else SchemaState.OLD
