"""Opening the database: SQLite by default, PostgreSQL by URL, with the promise of the door kept.

"250 means stored" needs a flush at every commit: SQLite in WAL with `synchronous=FULL`,
PostgreSQL with `synchronous_commit` and `fsync` on, else we do not start. Only a transaction that
asks for it by CLAIMS_ONLY is written without one (decision 0140). SQLAlchemy's SQLite
default opens no transaction on SELECT and so loses read-then-update increments (measured):
the driver's own transaction control is off and every write transaction begins
IMMEDIATE. No error shows a password.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import StaticPool

from daemon.errors import Misconfigured, Unavailable
from daemon.store import schema
from daemon.store.faults import first_line, is_full, translate

READ_ONLY = "firstline_read"  # execution option: a deferred, read-only transaction
CLAIMS_ONLY = "firstline_claims"  # execution option: a power cut may undo it, a killed process never does
_BUSY_S = 10.0
_STATEMENT_MS = 30_000
_WAL_LIMIT_BYTES = 64 * 1024 * 1024
_CACHE_KIB = 32 * 1024
_SQLITE_MINIMUM = (3, 35)  # RETURNING
_LOCK = 0x464C  # namespace of our advisory lock


def open_engine(url: str) -> Engine:
    """An engine that was connected once and keeps the promise. Raises Misconfigured or Unavailable with one line."""
    parsed = _parse(url)
    engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed)
    try:
        with engine.connect().execution_options(**{READ_ONLY: True}) as connection:
            if is_sqlite(engine):
                _check_sqlite(connection)
            else:
                _check_postgresql(connection)
    except exc.DBAPIError as error:
        engine.dispose()
        raise _refused(error, parsed) from None
    except (Misconfigured, Unavailable):
        engine.dispose()
        raise
    return engine


def is_sqlite(bind: Engine | Connection) -> bool:
    """True for SQLite, False for PostgreSQL: there is no third."""
    return bind.dialect.name == "sqlite"


def in_memory(engine: Engine) -> bool:
    """True for a SQLite database that lives in this process alone (dry runs and tests)."""
    return is_sqlite(engine) and isinstance(engine.pool, StaticPool)


def exclusive(tx: Connection) -> None:
    """From here to the commit no other transaction decides anything.

    SQLite has this by BEGIN IMMEDIATE. On PostgreSQL one advisory lock gives the same serial order, so
    that the context of a decision is never stale and journal ids appear in commit order. Everything
    that decides takes it first and only once, hence no deadlocks among credits, tickets and journal.
    """
    if is_sqlite(tx):
        return
    # Rolling back to a savepoint gives up locks taken inside it, so a lock counts for its own savepoint only.
    transaction = tx.get_nested_transaction() or tx.get_transaction()
    if tx.info.get("exclusive") is transaction:
        return
    tx.execute(text("SELECT pg_advisory_xact_lock(:space, 0)"), {"space": _LOCK})
    tx.info["exclusive"] = transaction


def integrity(engine: Engine) -> tuple[str, ...]:
    """What the database says of its own health: empty when clean. Reads the whole SQLite file."""
    with engine.connect().execution_options(**{READ_ONLY: True}) as connection:
        return integrity_of(connection)


def integrity_of(connection: Connection) -> tuple[str, ...]:
    """The same, on a connection that is there already."""
    if is_sqlite(connection):
        found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
        found += [str(tuple(row)) for row in connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(20)]
        return tuple(line for line in found if line != "ok")
    invalid = connection.execute(text("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"))
    return tuple(f"invalid index {row[0]}" for row in invalid)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        raise Misconfigured("database.url is not a URL; use sqlite:///path or postgresql+psycopg://…") from None
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise Misconfigured(f"database.url: {parsed.drivername} is not supported; use sqlite or postgresql+psycopg")
    return parsed


def _sqlite(url: URL) -> Engine:
    memory = not url.database or url.database == ":memory:"
    if not memory:
        _prepare_file(Path(str(url.database)))
    options: dict[str, Any] = {"poolclass": StaticPool} if memory else {}
    engine = create_engine(url, connect_args={"timeout": _BUSY_S, "check_same_thread": False}, **options)
    if engine.dialect.dbapi is not None and engine.dialect.dbapi.sqlite_version_info < _SQLITE_MINIMUM:
        raise Misconfigured("SQLite 3.35 or newer is needed")

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, record: Any) -> None:
        del record
        connection.isolation_level = None  # the driver must not begin or commit behind our back
        for pragma in (
            f"busy_timeout = {int(_BUSY_S * 1000)}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"journal_size_limit = {_WAL_LIMIT_BYTES}",
            f"cache_size = -{_CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get(READ_ONLY, False):
            connection.exec_driver_sql("BEGIN")
            return
        # NORMAL writes to the WAL without flushing it; the next FULL commit flushes all that came before it.
        level = "NORMAL" if options.get(CLAIMS_ONLY, False) else "FULL"
        if connection.info.get("synchronous") != level:
            connection.info["synchronous"] = ""  # unknown until the next line has done it
            connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
            connection.info["synchronous"] = level
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _prepare_file(path: Path) -> None:
    """The file exists for us alone (0600): it will hold people's mail. Says plainly why it cannot."""
    if path.is_dir():
        raise Misconfigured(f"database {path} is a directory")
    if not path.parent.is_dir():
        raise Misconfigured(f"database {path}: the directory {path.parent} does not exist")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        if is_full(error):
            raise translate(error) from None
        raise Misconfigured(f"database {path} cannot be written: {error.strerror}") from None
    if not os.access(path.parent, os.W_OK):  # the WAL lives beside it
        raise Misconfigured(f"database {path}: the directory {path.parent} is not writable")


def _check_sqlite(connection: Connection) -> None:
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    if mode not in {"wal", "memory"}:
        raise Misconfigured(f"the database's file system does not allow WAL (journal mode {mode})")
    owner = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
    if owner != schema.APPLICATION_ID and tables:
        raise Misconfigured("the database file belongs to another program; name another file in database.url")


def _postgresql(url: URL) -> Engine:
    try:
        return create_engine(
            url,
            connect_args={
                "connect_timeout": 5,
                "application_name": "firstline",
                "options": f"-c statement_timeout={_STATEMENT_MS} -c timezone=UTC",
            },
            pool_size=10,
            pool_pre_ping=True,
        )
    except ModuleNotFoundError:
        raise Misconfigured("database.url needs psycopg: install firstline[postgresql]") from None


def _check_postgresql(connection: Connection) -> None:
    def setting(name: str) -> str:
        return str(connection.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar_one())

    mode, standbys = setting("synchronous_commit"), setting("synchronous_standby_names")
    if mode == "off" or (mode == "local" and standbys):
        raise Misconfigured(f"PostgreSQL has synchronous_commit = {mode}: a 250 would not mean stored; set it to on")
    if setting("fsync") != "on":
        raise Misconfigured("PostgreSQL has fsync = off: a 250 would not mean stored; set it to on")
    if setting("server_encoding") != "UTF8":
        raise Misconfigured("PostgreSQL's database must be encoded in UTF8")


def _refused(error: exc.DBAPIError, url: URL) -> Misconfigured | Unavailable:
    """Why the first connection failed, in one line without the password."""
    where = url.database if url.get_backend_name() == "sqlite" else f"{url.host or 'local socket'}/{url.database}"
    words = first_line(error)
    if url.password and str(url.password) in words:
        words = "the server refused us"
    name = str(getattr(error.orig, "sqlite_errorname", ""))
    if name == "SQLITE_NOTADB":
        return Misconfigured(f"database {where} is not a database; name another file in database.url")
    if name in {"SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM"}:
        return Misconfigured(f"database {where} cannot be opened: {words}")
    if any(sign in words for sign in ("password authentication failed", "does not exist", "no pg_hba.conf entry")):
        return Misconfigured(f"database {where}: {words}")
    if isinstance(translate(error), Misconfigured):
        return Misconfigured(f"database {where}: {words}")
    return Unavailable(f"database {where} is not available: {words}")
