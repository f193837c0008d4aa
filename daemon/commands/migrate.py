"""`firstline migrate`: the database to this version's schema, whole or not at all."""

from __future__ import annotations

import click

from daemon.commands.configured import configured
from daemon.settings import state_directory
from daemon.store import migrate, schema
from daemon.store.engine import open_engine


@click.command("migrate")
@click.pass_obj
def command(config: str | None) -> None:
    """Bring the database to this version's schema; safe to repeat. Stop the daemon first for an old one."""
    settings = configured(config)
    state_directory(settings)
    engine = open_engine(settings.state.database_url)
    try:
        before = migrate.migrate(engine)
    finally:
        engine.dispose()
    words = {
        migrate.SchemaState.CURRENT: "the schema is current already",
        migrate.SchemaState.EMPTY: "tables made",
        migrate.SchemaState.OLD: "schema brought up to date",
    }
    click.echo(f"{words[before]} (revision {schema.HEAD})")
