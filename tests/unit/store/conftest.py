"""The store's tests run on SQLite and on PostgreSQL: `engine` and `tx` are both, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

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


@pytest.fixture
def tx(engine: Engine) -> Iterator[Connection]:
    """A write transaction that is rolled back at the end."""
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()
