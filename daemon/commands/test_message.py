"""`firstline test-message`: what would happen to these mails, on an empty store; nothing is sent or kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import click

from daemon import logs
from daemon.build import make_reader, model_of
from daemon.commands.configured import configured, configured_or_demo
from daemon.commands.mailfile import MailFile, envelope_of, find
from daemon.commands.outcome import OutcomeLine, line_of, words_for
from daemon.core.policy import Desk, Policy
from daemon.core.token import Keyring
from daemon.loops.dryrun import DryMail, DryRun, endless
from daemon.render import Renderer
from daemon.settings import Settings, policy

_BATCH = 16
_DRY_KEYS = Keyring(keys=(b"firstline dry run: signs nothing that leaves",))


@click.command("test-message")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object per mail and line.")
@click.option("--desk", "desk_name", help="The desk that the mails are for (default: the first).")
@click.option("--with-credits", is_flag=True, help="Let the mails of this run use up credits, as in the daemon.")
@click.pass_obj
def command(
    config: str | None, *, paths: tuple[Path, ...], as_json: bool, desk_name: str | None, with_credits: bool
) -> None:
    """Say what would happen to mails in PATHS (files, directories, mboxes), without sending or keeping anything."""
    logs.configure("error", "text")
    settings, demo = configured_or_demo(config, {"state.directory": "/nonexistent/firstline-dry-run"})
    if demo and not as_json:
        click.echo("(no configuration found: this is the demo's desk)", err=True)
    if not demo:
        settings = _with_serving_model(settings, configured(config))
    made = policy(settings, keyring=_DRY_KEYS)
    if not with_credits:
        made = replace(made, credits=endless(made.credits))
    desk = _desk(made, desk_name)
    asyncio.run(_print(settings, made, desk, paths, as_json=as_json))


def _with_serving_model(dry: Settings, own: Settings) -> Settings:
    """The dry run has no state directory, but it asks the model that serves the desk."""
    if own.classifier.object:
        return dry
    return dry.model_copy(update={"classifier": own.classifier.model_copy(update={"model": model_of(own)})})


def _desk(made: Policy, name: str | None) -> Desk:
    found = next((desk for desk in made.desks if name in {None, desk.name}), None)
    if found is None:
        raise click.BadParameter(f"no desk is called {name}", param_hint="--desk")
    return found


async def _print(settings: Settings, made: Policy, desk: Desk, paths: tuple[Path, ...], *, as_json: bool) -> None:
    async for line in outcomes(settings, made, desk, paths):
        if as_json:
            click.echo(json.dumps(line.as_dict(), ensure_ascii=True))
        else:
            click.echo(_for_people(line))


async def outcomes(settings: Settings, made: Policy, desk: Desk, paths: tuple[Path, ...]) -> AsyncIterator[OutcomeLine]:
    """One line per mail, in order."""
    dry = DryRun(made, Renderer(settings.templates.directory), make_reader(settings, made))
    await dry.start()
    try:
        mails = _mails(paths)
        while batch := list(islice(mails, _BATCH)):
            small = [mail for mail in batch if mail.raw and len(mail.raw) <= settings.intake.message_bytes]
            results = dry.run([(envelope_of(mail, desk.name, desk.address), mail.raw) for mail in small])
            for mail in batch:
                if mail not in small:
                    yield _refused(mail)
                    continue
                yield _line(mail, await anext(results))
    finally:
        await dry.close()


def _mails(paths: tuple[Path, ...]) -> Iterator[MailFile]:
    for path in paths:
        try:
            yield from find(path)
        except OSError as error:
            click.echo(f"firstline: {path}: {error.strerror}", err=True)


def _refused(mail: MailFile) -> OutcomeLine:
    reason = "message too big" if mail.raw else "empty file"
    return OutcomeLine(path=mail.path, outcome="refused", ack=False, reason=reason, seconds=0.0)


def _line(mail: MailFile, dry: DryMail) -> OutcomeLine:
    if dry.settled is not None:
        return line_of(mail.path, dry.settled, dry.seconds)
    if dry.error:
        return OutcomeLine(path=mail.path, outcome="quarantine", ack=False, reason=dry.error, seconds=dry.seconds)
    return OutcomeLine(
        path=mail.path, outcome="duplicate", ack=False, reason="duplicate", seconds=round(dry.seconds, 4)
    )


def _for_people(line: OutcomeLine) -> str:
    head = f"{Path(line.path).name}: {line.outcome}"
    parts = [
        f"from {line.sender}" if line.sender else "",
        f"{line.category} / tier {line.tier}" + (" (a person decides)" if line.abstained else "")
        if line.category
        else "",
        f"{line.confidence:.0%}" if line.confidence is not None and line.category else "",
        f"answer by {line.promise}" if line.ack else f"no acknowledgment: {words_for(line)}",
    ]
    return "  ".join(filter(None, (head, *parts)))
