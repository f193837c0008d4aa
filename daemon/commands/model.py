"""`firstline model`: the models of this desk, which one serves, and what would change."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon import models
from daemon.commands.configured import configured
from daemon.commands.opened import looking
from daemon.errors import Unusable
from daemon.settings import Settings, policy

if TYPE_CHECKING:
    from daemon.learning.trial import Trial

_SINCE = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@click.group("model")
def command() -> None:
    """List, compare, activate and roll back the models of this desk."""


def _folder(settings: Settings) -> Path:
    return models.folder_of(settings.state.directory)


@command.command("ls")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per model and line.")
@click.pass_obj
def ls(config: str | None, *, as_json: bool) -> None:
    """List the models of this desk, the oldest first; the one that serves is marked."""
    from daemon.learning import shelf  # noqa: PLC0415 - numpy is only for what needs it

    settings = configured(config)
    folder = _folder(settings)
    active = models.active(folder)
    for name in (models.STARTER, *models.known(folder)):
        evidence = shelf.evidence_of(folder / name) if name != models.STARTER else None
        facts = {
            "model": name,
            "serves": name == active,
            "made_at": evidence.made_at if evidence else None,
            "how": evidence.how if evidence else None,
            "rows": evidence.rows if evidence else None,
            "accuracy": (evidence.figures or {}).get("accuracy") if evidence else None,
        }
        if as_json:
            click.echo(json.dumps(facts))
        else:
            measured = f"{facts['accuracy']:.1%} right" if isinstance(facts["accuracy"], float) else ""
            made = f"{evidence.made_at[:16]}  {evidence.how:<5} {evidence.rows:>7} mails" if evidence else ""
            click.echo(f"{'*' if facts['serves'] else ' '} {name:<34}{made}  {measured}".rstrip())


@command.command("show")
@click.argument("model", default="")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def show(config: str | None, *, model: str, as_json: bool) -> None:
    """Show the card and the evidence of MODEL (default: the one that serves)."""
    from daemon.learning import shelf  # noqa: PLC0415

    settings = configured(config)
    folder = _folder(settings)
    path = _path(folder, model or models.active(folder))
    card, evidence = shelf.card_of(path), shelf.evidence_of(path)
    shelf.load(path, str(settings.classifier.encoder or ""))  # says in one line when it is damaged
    if as_json:
        click.echo(json.dumps({"card": card, "evidence": asdict(evidence) if evidence else None}, default=str))
        return
    click.echo(f"{card.get('model_id')}  in {path}")
    if evidence is not None:
        click.echo(f"  {evidence.how} training at {evidence.made_at}, from {', '.join(evidence.sources)}")
        for name, value in (evidence.figures or {}).items():
            if value is not None:
                click.echo(f"  {name:<18} {value:.4g}" if isinstance(value, float) else f"  {name:<18} {value}")
        for against, refusals in evidence.against.items():
            said = "; ".join(f"{each.rule}: {each.words}" for each in refusals) or "nothing against it"
            click.echo(f"  gate, compared with {against}: {said}")
    heads = card.get("heads")
    if isinstance(heads, Mapping):
        for name, head in heads.items():
            labels = ", ".join(f"{label} {count}" for label, count in head["labels"].items())
            click.echo(f"  {name}: {labels}")
    encoder = card.get("sentence_encoder")
    if isinstance(encoder, Mapping):
        click.echo(f"  sentence encoder {'used' if encoder['used'] else 'not used'}: {encoder['why']}")
    if (path / shelf.REPORT_HTML).is_file():
        click.echo(f"  report: {path / shelf.REPORT_HTML}")


@command.command("diff")
@click.argument("one")
@click.argument("other", default="")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def diff(config: str | None, *, one: str, other: str, as_json: bool) -> None:
    """Say in what ONE differs from OTHER (default: the one that serves): figures, labels, experiment."""
    from daemon.learning import compare  # noqa: PLC0415

    folder = _folder(configured(config))
    paths = (_path(folder, one), _path(folder, other or models.active(folder)))
    lines = compare.differences(*paths)
    if as_json:
        click.echo(json.dumps([asdict(line) for line in lines], default=str))
        return
    for line in lines:
        click.echo(f"{line.what:<34}{_shown(line.one):>24}{_shown(line.other):>24}")
    if not lines:
        click.echo("no difference")


@command.command("activate")
@click.argument("model")
@click.option("--despite", multiple=True, help="Override this rule of the gate (only labels-disagree).")
@click.pass_obj
def activate(config: str | None, *, model: str, despite: tuple[str, ...]) -> int:
    """Let MODEL serve from now on, if the gate has nothing against it; exit 1 when it has."""
    from daemon.learning import serving  # noqa: PLC0415

    settings = configured(config)
    folder = _folder(settings)
    name = models.find(folder, model)
    done = serving.activate(folder, name, policy(settings), now=datetime.now(UTC), despite=despite)
    if isinstance(done, serving.Refused):
        for each in done.refusals:
            click.echo(f"firstline: {name} refused by {each.rule}: {each.words}", err=True)
        click.echo(f"firstline: {models.active(folder)} goes on", err=True)
        return 1
    click.echo(f"{done.model} serves now, {done.before} did before; a running daemon takes it over within seconds")
    return 0


@command.command("rollback")
@click.pass_obj
def rollback(config: str | None) -> None:
    """Let the model serve again that served before the present one."""
    settings = configured(config)
    now, before = models.rollback(_folder(settings), now=datetime.now(UTC))
    click.echo(f"{now} serves again, {before} did before; a running daemon takes it over within seconds")


@command.command("backtest")
@click.argument("model", default="")
@click.option("--since", default="90d", show_default=True, help="How far back: 12h, 90d, 8w.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def backtest(config: str | None, *, model: str, since: str, as_json: bool) -> None:
    """Replay the stored mails of the last days through MODEL (default: the one that serves); nothing is changed."""
    settings = configured(config)
    _replay(settings, model, datetime.now(UTC) - _span(since), as_json=as_json)


@command.command("shadow")
@click.argument("model", default="")
@click.option("--report", is_flag=True, help="Compare what it said of live mail with what people said since.")
@click.option("--stop", is_flag=True, help="End it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def shadow(config: str | None, *, model: str, report: bool, stop: bool, as_json: bool) -> None:
    """Let MODEL predict beside the serving one on live mail: stored as evidence, never acted upon."""
    from daemon.learning import serving, trial  # noqa: PLC0415

    settings = configured(config)
    folder = _folder(settings)
    if stop:
        models.set_shadow(folder, "")
        click.echo(json.dumps({"shadow": None}) if as_json else "no model is in the shadow")
        return
    name = models.find(folder, model) if model else models.shadow(folder)
    if not name or name == models.STARTER:
        raise Unusable("no model is in the shadow: name one (firstline model ls)")
    if report:
        with looking(settings) as tx:
            seen = trial.compare(tx, name)
        _print_trial(seen, as_json=as_json)
        return
    if model:
        serving.stand_in_shadow(folder, name, policy(settings))
    since = models.shadow_since(folder)
    facts = {"shadow": name, "since": since.isoformat() if since else None, "serves": models.active(folder)}
    words = f"{name} predicts in the shadow of {facts['serves']} since {facts['since']}; it decides nothing"
    click.echo(json.dumps(facts) if as_json else words)


def _print_trial(seen: Trial, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**asdict(seen), "chance": seen.chance, "better": seen.better, "worse": seen.worse}))
        return
    for line in seen.words:
        click.echo(line)


@command.command("index")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def index(config: str | None, *, as_json: bool) -> None:
    """Make the serving model's index of solved tickets anew, so that agents see tickets like a new one."""
    from daemon.learning import similar  # noqa: PLC0415

    settings = configured(config)
    classifier = similar.serving(_folder(settings), policy(settings))
    began = time.monotonic()
    with looking(settings) as tx:
        amount = similar.index(tx, _folder(settings), classifier)
    facts = {"model": classifier.model_id, "tickets": amount, "seconds": round(time.monotonic() - began, 2)}
    click.echo(json.dumps(facts) if as_json else f"{amount} solved tickets are found by {classifier.model_id}")


@command.command("watch")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def watch(config: str | None, *, as_json: bool) -> int:
    """Roll back when agents correct the serving model significantly more than the one before (for a timer)."""
    from daemon.learning import watching  # noqa: PLC0415

    settings = configured(config)
    with looking(settings) as tx:
        seen = watching.look(tx, _folder(settings), now=datetime.now(UTC))
    rolled = watching.act(_folder(settings), seen, now=datetime.now(UTC))
    if as_json:
        click.echo(json.dumps({**asdict(seen), "rolled_back_to": rolled or None}))
    else:
        click.echo(seen.words)
        if rolled:
            click.echo(f"rolled back: {rolled} serves again")
    return 1 if rolled else 0


def _replay(settings: Settings, model: str, since: datetime, *, as_json: bool) -> None:
    from daemon.build import model_of  # noqa: PLC0415
    from daemon.learning import compare  # noqa: PLC0415
    from daemon.reader.model import load_classifier  # noqa: PLC0415

    folder = _folder(settings)
    wanted = model_of(settings) if not model else models.find(folder, model)
    where = str(folder / wanted) if model and wanted != models.STARTER else wanted
    classifier, note = load_classifier(where, policy(settings))
    if note:
        raise Unusable(note)
    with looking(settings) as tx:
        result = compare.replay(tx, classifier, since=since)
    if as_json:
        click.echo(json.dumps(asdict(result)))
        return
    click.echo(f"{result.model} on {result.mails} mails since {since:%Y-%m-%d %H:%M} UTC")
    click.echo(f"  would route by itself  {result.routed}  (then: {result.routed_then})")
    click.echo(f"  another category       {result.changed} of {result.routed_both} that both route")
    click.echo(f"  people have labelled   {result.labelled}: right {result.right}, then right {result.right_then}")
    click.echo(f"  routed and labelled    wrong {result.misrouted} of {result.routed_labelled}")
    for (was, now), count in result.moves:
        click.echo(f"  {count:>6}  {was} → {now}")


def _path(folder: Path, wanted: str) -> Path:
    name = models.find(folder, wanted)
    if name == models.STARTER:
        from classifier import starter  # noqa: PLC0415

        return starter.path()
    return folder / name


def _span(text: str) -> timedelta:
    found = _SINCE.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is no span like 12h, 90d or 8w", param_hint="--since")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "-" if value is None else str(value)[:22]
