"""`firstline status`: what waits, what was sent, which promises stand."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import click

from daemon.app import is_running
from daemon.commands.configured import configured
from daemon.commands.opened import looking
from daemon.store.figures import Figures, figures


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def command(config: str | None, *, as_json: bool) -> int:
    """Say what waits, what was sent and which promises stand; exit 1 when the daemon is not running."""
    settings = configured(config)
    running = is_running(settings.state.directory)
    now = datetime.now(UTC)
    with looking(settings) as tx:
        seen = figures(tx, now=now)
    if as_json:
        click.echo(json.dumps({"running": running, "at": now.isoformat(), **asdict(seen)}, default=_plain))
    else:
        _print(seen, running=running, now=now)
    return 0 if running else 1


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _print(seen: Figures, *, running: bool, now: datetime) -> None:
    def age(at: datetime | None) -> str:
        return f", oldest {round((now - at).total_seconds())} s" if at else ""

    def listed(counts: tuple[tuple[str, int], ...]) -> str:
        return ", ".join(f"{amount} {name}" for name, amount in counts) or "none"

    promises = seen.promises
    click.echo(f"daemon    {'running' if running else 'NOT RUNNING'}")
    click.echo(f"waiting   {seen.backlog.pending} mails{age(seen.backlog.oldest)}")
    click.echo(f"settled   {listed(seen.outcomes)}; {seen.duplicates} duplicates")
    click.echo(f"refused   {listed(seen.refused)}")
    click.echo(f"outgoing  {listed(seen.outbox)}{age(seen.outbox_oldest)}")
    click.echo(
        "tickets   " + (", ".join(f"{count} {status} (tier {tier})" for status, tier, count in seen.tickets) or "none")
    )
    click.echo(
        f"promises  {promises.open} open ({promises.overdue} overdue), {promises.kept} kept, {promises.broken} broken"
    )
    for account, at in seen.polls:
        click.echo(f"imap      {account}: last good poll {at}")
