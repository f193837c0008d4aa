"""How alembic runs here: inside the caller's transaction, without an ini file. See `daemon.store.migrate`."""

from __future__ import annotations

from alembic import context

import daemon.store.schema  # noqa: F401 - the tables
from daemon.store.metadata import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
