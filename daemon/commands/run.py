"""`firstline run`: the daemon in the foreground, until SIGTERM."""

from __future__ import annotations

import click

from daemon import event_loop, logs
from daemon.app import Daemon
from daemon.commands.configured import configured
from daemon.settings import Settings, state_directory
from daemon.store.engine import open_engine
from daemon.store.migrate import SchemaState, migrate, schema_state


@click.command("run")
@click.pass_obj
def command(config: str | None) -> None:
    """Run the daemon in the foreground until SIGTERM; SIGHUP reloads the configuration."""
    settings = configured(config)
    logs.configure(settings.log.level, settings.log.format)
    state_directory(settings)
    _first_start(settings.state.database_url)
    event_loop.run(_serve(settings, config), settings.run.event_loop)


def _first_start(url: str) -> None:
    """An empty database gets its tables; an old one is left to `firstline migrate`, which an admin types."""
    engine = open_engine(url)
    try:
        if schema_state(engine) is SchemaState.EMPTY:
            migrate(engine)
    finally:
        engine.dispose()


async def _serve(settings: Settings, config: str | None) -> None:
    daemon = Daemon(settings, reload=lambda: configured(config))
    daemon.handle_signals()
    await daemon.run()
