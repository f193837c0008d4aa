"""`firstline train`: a model from labelled mails, measured and reported; it serves only when an admin says so."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from classifier.types import Classifier
from daemon import models
from daemon.commands.configured import configured
from daemon.commands.opened import looking
from daemon.errors import Misconfigured, Unavailable, Unusable
from daemon.settings import Settings, policy, state_directory

if TYPE_CHECKING:
    from daemon.learning.desk import Material
    from daemon.learning.experiment import Experiment
    from daemon.learning.training import Outcome, Progress

_CLEAR = "\r\x1b[K"
_SHOWN = ("accuracy", "macro_f1", "coverage", "misroute", "misroute_upper", "ece")


@click.command("train")
@click.option("--from", "named", multiple=True, help='"store" (default), "catalogue", or a CSV, JSONL or mbox file.')
@click.option("--text", default="", help="Text columns of files, like subject,body (default: usual names).")
@click.option("--label", default="", help="The column of files that holds the label (default: category).")
@click.option("--config", "recipe", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Experiment.")
@click.option("--seed", type=int, help="Replaces the experiment's seed.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the model there instead of the state directory.")
@click.option("--activate", is_flag=True, help="Let it serve when the gate has nothing against it.")
@click.option("--quick", is_flag=True, help="Refit the serving model with the newest labels, in under a minute.")
@click.option("--encoder", type=click.Path(exists=True, file_okay=False), help="Sentence encoder, used if it helps.")
@click.option("--scheduler", default="", help="Spread the search over a Dask scheduler's workers: tcp://HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def command(  # noqa: PLR0913 - one per option
    config: str | None,
    *,
    named: tuple[str, ...],
    text: str,
    label: str,
    recipe: Path | None,
    seed: int | None,
    output: Path | None,
    activate: bool,
    quick: bool,
    encoder: str | None,
    scheduler: str,
    as_json: bool,
) -> int:
    """Train a model, measure it on mails it has not seen, compare it with the one that serves."""
    if output is not None and (activate or quick):
        raise click.UsageError("--output writes a model to a place of its own: it cannot serve from there")
    if quick and scheduler:
        raise click.UsageError("--quick searches for nothing: there is nothing to spread")
    if quick and encoder:
        raise click.UsageError("--quick keeps the encoder that the serving model has ([classifier] encoder)")
    if quick and named:
        raise click.UsageError("--quick learns from what the serving model learned from, and the store")
    settings = _settings(config, named, output)
    experiment = _experiment(recipe, seed, text, label)
    if quick and settings is not None:
        return _quick(settings, experiment, activate=activate, as_json=as_json)
    sources = named or ("store",)
    chosen = encoder or str((settings and settings.classifier.encoder) or "")
    with _machines(scheduler):
        return _full(settings, experiment, sources, output, encoder=chosen, activate=activate, as_json=as_json)


@contextmanager
def _machines(scheduler: str) -> Iterator[None]:
    """Other machines for the search, when the admin names their scheduler. Raises Unavailable."""
    if not scheduler:
        yield
        return
    from classifier import spread  # noqa: PLC0415

    try:
        with spread.machines(scheduler) as threads:
            click.echo(f"firstline: the search is spread over {threads} threads at {scheduler}", err=True)
            yield
    except spread.SpreadError as error:
        raise Unavailable(str(error)) from None


def _settings(config: str | None, named: Sequence[str], output: Path | None) -> Settings | None:
    """The desk; None for a model of files alone that goes to a place of its own, where nothing is configured."""
    try:
        return configured(config)
    except Misconfigured:
        if config or output is None or not named or "store" in named:
            raise
        return None


def _experiment(recipe: Path | None, seed: int | None, text: str, label: str) -> Experiment:
    from dataclasses import replace  # noqa: PLC0415

    from daemon.learning.experiment import read_experiment  # noqa: PLC0415 - scikit-learn costs seconds

    made = read_experiment(recipe, seed=seed)
    columns = tuple(name.strip() for name in text.split(",") if name.strip())
    data = replace(made.data, text=columns or made.data.text, label=label.strip() or made.data.label)
    return replace(made, data=data)


def _full(
    settings: Settings | None,
    experiment: Experiment,
    named: tuple[str, ...],
    output: Path | None,
    *,
    encoder: str,
    activate: bool,
    as_json: bool,
) -> int:
    from daemon.learning import desk, serving, shelf  # noqa: PLC0415

    made = policy(settings) if settings else None
    folder = models.folder_of(settings.state.directory) if settings else None
    with looking(settings) if settings and "store" in named else nullcontext() as tx:
        material = desk.gather(named, experiment, made, tx)
    _tell(material)
    before = serving.before(folder, made) if made and folder else None
    with _progress() as progress:
        outcome = desk.full(material, experiment, before, progress, encoder=encoder)
    evidence = desk.evidence(outcome, named, datetime.now(UTC))
    if output is not None or folder is None or settings is None:
        path = output or Path(outcome.model.model_id)
        shelf.place(path, outcome.model, outcome.twin, evidence, outcome.report)
    else:
        state_directory(settings)
        path = shelf.keep(folder, outcome.model, outcome.twin, evidence, outcome.report)
        _index(settings, outcome.model)
    activated = None
    if activate and made and folder:
        activated = serving.activate(folder, outcome.model.model_id, made, now=datetime.now(UTC))
    serves = isinstance(activated, serving.Activated)
    if as_json:
        click.echo(json.dumps(_facts(outcome, path, serves=serves), default=str))
    else:
        _print(outcome, path, serves=serves)
    return 1 if activate and not serves else 0


def _quick(settings: Settings, experiment: Experiment, *, activate: bool, as_json: bool) -> int:
    from daemon.learning import desk, serving, shelf, similar  # noqa: PLC0415

    folder, made, now = models.folder_of(settings.state.directory), policy(settings), datetime.now(UTC)
    began = time.monotonic()
    serves_now = similar.serving(folder, made)
    if similar.stale(folder, serves_now.model_id, now=now):
        _index(settings, serves_now)
    with looking(settings) as tx:
        if desk.nothing_new(tx, folder):
            click.echo(json.dumps({"model": None, "activated": False}) if as_json else "nothing new was said")
            return 0
        named, material = desk.replayed(tx, folder, made, experiment)
    kept = desk.quick(named, material, folder, experiment, now, encoder=made.encoder)
    _index(settings, shelf.load(kept.path, made.encoder))
    activated = serving.activate(folder, kept.model, made, now=datetime.now(UTC)) if activate else None
    serves = isinstance(activated, serving.Activated)
    shelf.prune(folder)
    seconds = time.monotonic() - began
    if as_json:
        facts = {"model": kept.model, "rows": kept.rows, "path": str(kept.path), "activated": serves}
        facts["seconds"] = round(seconds, 2)
        click.echo(json.dumps({**facts, "refusals": [asdict(each) for each in kept.refusals]}))
    else:
        click.echo(
            f"{kept.model}: refitted on {kept.rows} mails in {seconds:.0f} s" + (", serves now" if serves else "")
        )
        for each in kept.refusals:
            click.echo(f"refused by {each.rule}: {each.words}")
    return 1 if activate and not serves else 0


def _index(settings: Settings, model: Classifier) -> None:
    """The solved tickets in this model's vocabulary; a desk that was trained before its first mail has none."""
    from daemon.learning import similar  # noqa: PLC0415

    with suppress(Misconfigured, Unavailable), looking(settings) as tx:
        similar.index(tx, models.folder_of(settings.state.directory), model)


def _tell(material: Material) -> None:
    from daemon.learning.training import check  # noqa: PLC0415

    for note in material.notes:
        click.echo(f"firstline: {note}", err=True)
    if not material.rows:
        if not material.taught_words:
            raise Unusable("training is not possible: no labelled mail and no keyword")
        return
    for finding in check(material.rows, material.catalogue):
        click.echo(f"firstline: {finding.text}", err=True)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Share, step and time left on standard error: one line on a terminal, a line per step in a log."""
    terminal = sys.stderr.isatty()
    began = time.monotonic()

    def tell(share: float, what: str) -> None:
        spent = time.monotonic() - began
        left = f", about {spent / share * (1 - share):.0f} s left" if share > 0.02 else ""
        click.echo(f"{_CLEAR if terminal else ''}{share:4.0%} {what}{left}", nl=not terminal, err=True)

    yield tell
    if terminal:
        click.echo(_CLEAR, nl=False, err=True)


def _facts(outcome: Outcome, path: Path, *, serves: bool) -> dict[str, object]:
    return {
        "model": outcome.model.model_id,
        "path": str(path),
        "report": str(path / "report.html"),
        "rows": outcome.rows,
        "taught": outcome.taught,
        "held": outcome.held,
        "seconds": round(outcome.seconds, 2),
        "figures": asdict(outcome.figures) if outcome.figures else None,
        "baselines": {name: asdict(figures) for name, figures in outcome.baselines},
        "compared_with": outcome.compared_with,
        "sentence_encoder": outcome.model.card.get("sentence_encoder"),
        "refusals": [asdict(each) for each in outcome.judgement.refusals],
        "activated": serves,
    }


def _print(outcome: Outcome, path: Path, *, serves: bool) -> None:
    click.echo(f"{outcome.model.model_id}: {outcome.rows} mails, measured on {outcome.held} of them, never seen")
    if outcome.figures is not None:
        click.echo(f"  {'':<34}" + "".join(f"{name:>15}" for name in _SHOWN))
        _line("this model", asdict(outcome.figures))
        _line("always the largest class", {"accuracy": outcome.figures.majority})
        for name, figures in outcome.baselines:
            _line(name, asdict(figures))
    encoder = outcome.model.card.get("sentence_encoder")
    if isinstance(encoder, Mapping) and "dimension" in encoder:
        click.echo(f"sentence encoder {'used' if encoder['used'] else 'not used'}: {encoder['why']}")
    click.echo(f"report: {path / 'report.html'} (and report.json)")
    for each in outcome.judgement.refusals:
        click.echo(f"refused by {each.rule}: {each.words}")
    if serves:
        click.echo("it serves now; a running daemon takes it over within seconds")
    elif not outcome.judgement.refusals:
        click.echo(f"it does not serve yet: firstline model activate {outcome.model.model_id}")


def _line(name: str, figures: Mapping[str, object]) -> None:
    values = (figures.get(each) for each in _SHOWN)
    shown = "".join(f"{value:>15.1%}" if isinstance(value, float) else f"{'':>15}" for value in values)
    click.echo(f"  {name[:34]:<34}{shown}")
