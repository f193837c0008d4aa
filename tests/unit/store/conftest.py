"""The store's tests run on SQLite and on PostgreSQL: `engine` and `tx` are both, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from daemon.store import schema
from daemon.store.engine import open_engine
from daemon.store.migrate import migrate
from tests import postgres


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    with postgres.cluster() as made:
        yield made


@pytest.fixture(scope="session")
def template(cluster: postgres.Cluster) -> str:
    """The name of a migrated database to be copied."""
    cluster.execute("CREATE DATABASE migrated TEMPLATE template0")
    engine = open_engine(cluster.url("migrated"))
    migrate(engine)
    engine.dispose()
    return "migrated"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated, empty database."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path}/firstline.db"
        engine = open_engine(address)
        migrate(engine)
        engine.dispose()
        yield address
        return
    cluster = request.getfixturevalue("cluster")
    with cluster.database(request.getfixturevalue("template")) as address:
        yield address


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    opened = open_engine(url)
    yield opened
    opened.dispose()


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer)])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One migrated database for all tests that roll back: a new one for each would cost ten times the test."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path_factory.mktemp('shared')}/firstline.db"
        opened = open_engine(address)
        migrate(opened)
    else:
        request.getfixturevalue("template")
        cluster: postgres.Cluster = request.getfixturevalue("cluster")
        cluster.execute("CREATE DATABASE shared TEMPLATE migrated")
        opened = open_engine(cluster.url("shared"))
    yield opened
    opened.dispose()


@pytest.fixture
def tx(shared: Engine) -> Iterator[Connection]:
    """A write transaction on an empty database, rolled back at the end."""
    with shared.connect() as connection, connection.begin() as transaction:
        if connection.dialect.name == "postgresql":  # a sequence does not roll back
            for table in schema.METADATA.tables.values():
                if "id" in table.c:
                    first = schema.FIRST_TICKET if table is schema.TICKET else 1
                    sequence = text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :first, false)")
                    connection.execute(sequence, {"name": table.name, "first": first})
        yield connection
        transaction.rollback()
