"""A desk's training from end to end: gather, train, measure, keep. What the verbs and the timers call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from classifier.catalogue import NOT_FOR_US, Catalogue
from classifier.cold import words
from classifier.corpus import Row, from_keywords
from classifier.rules import keywords
from classifier.train import Recipe
from daemon import models
from daemon.core.policy import Policy
from daemon.errors import Unusable
from daemon.learning import shelf, sources, training
from daemon.learning.experiment import Experiment
from daemon.learning.gate import Refusal
from daemon.learning.sentences import remembering
from daemon.learning.training import Outcome, Progress
from daemon.reader.model import catalogue_of
from daemon.store import labels

CATALOGUE = "catalogue"  # a source: the categories' names, descriptions and keywords alone
QUICK_LOSS = 0.02  # macro-F1 out of fold that a quick refit may lose before it is refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a run learns from. `recipe` obeys the rule of five senders where rows are of the store."""

    rows: tuple[Row, ...]
    taught_words: tuple[Row, ...]  # the catalogue's own, which teach and are never measured on
    golden: tuple[Row, ...]
    recipe: Recipe
    catalogue: Catalogue
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A model on the shelf."""

    model: str
    path: Path
    rows: int
    refusals: tuple[Refusal, ...]


def gather(
    named: Sequence[str], experiment: Experiment, policy: Policy | None, tx: Connection | None = None
) -> Material:
    """Rows of all named sources: "store", "catalogue" or files. Without a policy the labels are the catalogue."""
    catalogue = catalogue_of(policy) if policy else None
    known = catalogue.ids if catalogue else ()
    rows: list[Row] = []
    notes: list[str] = []
    stored: tuple[Row, ...] = ()
    for name in named:
        if name == CATALOGUE:
            continue
        if name == sources.STORE:
            if tx is None:
                raise Unusable("--from store needs a configured desk")
            found = sources.from_store(tx, experiment.data, window=experiment.recipe.window)
            stored = found.rows
        else:
            found = sources.from_file(Path(name), experiment.data, known)
        notes += found.notes
        rows += sources.checked(found.rows, catalogue, name) if catalogue else found.rows
    if catalogue is None:
        catalogue = Catalogue.of(sorted({row.category for row in rows} - {NOT_FOR_US}))
    golden = _golden(experiment, catalogue)
    teaching = from_keywords(words(catalogue) if CATALOGUE in named else keywords(catalogue))
    recipe = experiment.recipe
    if tuple(named) == (sources.STORE,) and not rows:
        raise Unusable("the store holds no label yet (firstline labels review, or firstline labels import)")
    if stored:
        recipe = sources.private(recipe, rows, catalogue, teaching)
    return Material(
        rows=tuple(rows), taught_words=teaching, golden=golden, recipe=recipe, catalogue=catalogue, notes=tuple(notes)
    )


def full(
    material: Material,
    experiment: Experiment,
    before: training.Before | None,
    progress: Progress,
    *,
    encoder: str = "",
) -> training.Outcome:
    """The whole run over `material`. Raises Unusable before any work when it cannot be learned from."""
    sentences = remembering(Path(encoder) if encoder else None)
    if material.rows:  # without them the catalogue's own words teach alone
        training.check(material.rows, material.catalogue)
    return training.run(
        (*material.rows, *material.taught_words),
        material.catalogue,
        replace(experiment, recipe=material.recipe),
        before=before,
        golden=material.golden,
        progress=progress,
        encoder=sentences,
    )


def evidence(outcome: Outcome, named: Sequence[str], now: datetime) -> shelf.Evidence:
    """What is kept beside the model."""
    return shelf.Evidence(
        model=outcome.model.model_id,
        manifest_sha256="",
        made_at=now.isoformat(),
        how="full",
        sources=tuple(str(Path(name).absolute()) if Path(name).is_file() else name for name in named),
        rows=outcome.rows,
        held=outcome.held,
        figures=asdict(outcome.figures) if outcome.figures else None,
        baselines={name: asdict(figures) for name, figures in outcome.baselines},
        against={outcome.compared_with: outcome.judgement.refusals},
    )


def nothing_new(tx: Connection, folder: Path) -> bool:
    """True when no person has said anything since the serving model was made."""
    made = shelf.made_at(folder / models.active(folder))
    newest = labels.newest(tx)
    return newest is None or (made is not None and newest <= made)


def replayed(tx: Connection, folder: Path, policy: Policy, experiment: Experiment) -> tuple[tuple[str, ...], Material]:
    """What a quick refit learns from: the sources of the serving model, and the store. Raises Unusable."""
    active = models.active(folder)
    if active == models.STARTER:
        raise Unusable("a quick refit builds on a model of this desk: run 'firstline train' first")
    known = shelf.evidence_of(folder / active)
    named = tuple(dict.fromkeys((*(known.sources if known else ()), sources.STORE)))
    return named, gather(named, experiment, policy, tx)


def quick(
    named: tuple[str, ...],
    material: Material,
    folder: Path,
    experiment: Experiment,
    now: datetime,
    *,
    encoder: str = "",
) -> Kept:
    """A quick refit of the serving model on its own rows and the newest labels together; kept, not activated.

    It inherits the twin, so that the next full run is compared on equal terms. Raises Unusable.
    """
    active = models.active(folder)
    path = models.path_of(folder, active)
    base = shelf.load(path, encoder)
    trained = training.quick(
        (*material.rows, *material.taught_words),
        material.catalogue,
        material.recipe,
        like=base.card,
        encoder=remembering(Path(encoder)) if base.sentences else None,
    )
    kept = replace(trained.model, card={**trained.model.card, "experiment": experiment.as_dict(), "quick_of": active})
    refusals = _lost(base.card, kept.card)
    noted = shelf.Evidence(
        model=kept.model_id,
        manifest_sha256="",
        made_at=now.isoformat(),
        how="quick",
        sources=named,
        rows=training.labelled(trained.rows),
        held=0,
        figures=None,
        baselines={},
        against={active: refusals},
    )
    target = shelf.keep(folder, kept, shelf.load_twin(path, encoder), noted, None)
    return Kept(model=kept.model_id, path=target, rows=training.labelled(trained.rows), refusals=refusals)


def _golden(experiment: Experiment, catalogue: Catalogue) -> tuple[Row, ...]:
    path = experiment.gate.golden
    if not path:
        return ()
    found = sources.from_file(Path(path), experiment.data, catalogue.ids).rows
    return tuple(row for row in sources.checked(found, catalogue, path) if row.category != NOT_FOR_US)


def _lost(before: dict[str, object], now: dict[str, object]) -> tuple[Refusal, ...]:
    was, has = _macro_f1(before), _macro_f1(now)
    if has >= was - QUICK_LOSS:
        return ()
    words = f"macro-F1 out of fold {has:.3f}, the serving model's was {was:.3f}; {QUICK_LOSS} may be lost"
    return (Refusal(rule="quick-refit", words=words),)


def _macro_f1(card: dict[str, object]) -> float:
    try:
        return float(card["heads"]["category"]["out_of_fold"]["macro_f1"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        return 0.0
