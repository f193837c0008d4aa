"""`firstline status`: what waits, what was sent, which promises stand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime

import click

from daemon.app import is_running
from daemon.commands.configured import configured
from daemon.commands.opened import looking
from daemon.core.week import duration
from daemon.store.figures import Figures, figures
from daemon.store.month import Month


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
        costs = {tier.number: tier.cost_per_hour for tier in settings.tiers}
        cost = {"currency": settings.currency, "month": round(_cost(seen.month, costs), 2)}
        said = {"running": running, "at": now.isoformat(), **asdict(seen), "cost": cost}
        click.echo(json.dumps(said, default=_plain))
    else:
        _print(seen, running=running, now=now)
        _print_month(seen.month, {tier.number: tier.cost_per_hour for tier in settings.tiers}, settings.currency)
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


def _cost(month: Month, costs: Mapping[int, float]) -> float:
    """Minutes × what an hour of their tier costs."""
    return sum(costs.get(tier, 0.0) * minutes / 60 for _, tier, minutes in month.minutes)


def _print_month(month: Month, costs: Mapping[int, float], currency: str) -> None:
    """What thirty days came to; a line only where there is something."""
    if month.scores:
        listed = ", ".join(f"{amount} × {score}" for score, amount in month.scores)
        click.echo(f"opinions  {month.score} of 5 in 30 days ({listed})")
    if month.minutes:
        spent = duration(sum(minutes for *_, minutes in month.minutes))
        click.echo(f"time      {spent} in 30 days, {_cost(month, costs):.2f} {currency}")
    if month.solved:
        causes = ", ".join(f"{amount} × {cause or 'no cause said'}" for cause, amount in month.causes[:5])
        click.echo(f"solved    {month.solved} in 30 days: {causes}")
