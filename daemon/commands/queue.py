"""`firstline queue`: outgoing mail that is not done, the oldest first, with the peer's last words."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime

import click

from daemon.commands.configured import configured
from daemon.commands.opened import looking
from daemon.store.waiting import Waiting, waiting


@click.command("queue")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per mail and line.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=200, show_default=True, help="At most so many.")
@click.pass_obj
def command(config: str | None, *, as_json: bool, limit: int) -> None:
    """List outgoing mail that waits, with its tries and the relay's last words."""
    with looking(configured(config)) as tx:
        found = waiting(tx, limit=limit)
    for mail in found:
        click.echo(json.dumps(asdict(mail), default=_plain) if as_json else _for_people(mail))
    if not found and not as_json:
        click.echo("nothing waits")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _for_people(mail: Waiting) -> str:
    unsure = f", {mail.uncertain} with unknown outcome" if mail.uncertain else ""
    words = f"  {mail.reply}" if mail.reply else ""
    return (
        f"{mail.outbox_id}  {mail.kind:<5} {mail.ticket or '-'}  to {mail.recipient}  {mail.state}, "
        f"{mail.attempts} tries{unsure}, next {mail.next_at:%Y-%m-%d %H:%M:%S} UTC{words}"
    )
