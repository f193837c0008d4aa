"""The store opened for looking, for verbs that only ask: beside a running daemon, in one read transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from daemon.settings import Settings
from daemon.store.engine import READ_ONLY, open_engine
from daemon.store.migrate import require_current


@contextmanager
def looking(settings: Settings) -> Iterator[Connection]:
    """A read transaction. Raises Misconfigured for a schema of another version, Unavailable when it is not there."""
    engine = open_engine(settings.state.database_url)
    try:
        require_current(engine)
        with engine.connect().execution_options(**{READ_ONLY: True}) as connection, connection.begin():
            yield connection
    finally:
        engine.dispose()
