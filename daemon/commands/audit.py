"""`firstline audit`: the invariants over the store; exit 1 if one is broken."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import click

from daemon.commands.configured import configured
from daemon.commands.opened import looking
from daemon.store.audit import audit


@click.command("audit")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all findings.")
@click.pass_obj
def command(config: str | None, *, as_json: bool) -> int:
    """Check the invariants I1 to I9 over the store, with counts; exit 1 if one is broken. Changes nothing."""
    with looking(configured(config)) as tx:
        findings = audit(tx, now=datetime.now(UTC))
    broken = sum(finding.broken for finding in findings)
    if as_json:
        click.echo(json.dumps({"broken": broken, "findings": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            mark = "BROKEN" if finding.broken else "ok"
            click.echo(f"{finding.invariant}  {mark:<7}{finding.checked:>8} checked  {finding.about}")
            for example in finding.examples:
                click.echo(f"      {example}")
        click.echo("every invariant holds" if not broken else f"{broken} broken")
    return 1 if broken else 0
