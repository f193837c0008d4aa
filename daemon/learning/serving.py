"""The model that serves, as training and the gate see it; and the one way by which another takes its place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from classifier.model import LinearModel
from daemon import models
from daemon.core.policy import Policy
from daemon.errors import Unusable
from daemon.learning import shelf
from daemon.learning.gate import OVERRIDABLE, Refusal
from daemon.learning.training import Before
from daemon.reader.model import load_classifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a model may not serve; the one that serves goes on."""

    model: str
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activated:
    """The model serves from now on; a running daemon takes it over within seconds."""

    model: str
    before: str


def before(folder: Path, policy: Policy) -> Before:
    """The model that serves this desk now: its own, the starter, or keyword rules when the starter cannot be used."""
    active = models.active(folder)
    if active != models.STARTER:
        try:
            twin = shelf.load_twin(folder / active, policy.encoder)
        except Unusable:
            twin = None  # broken on disk: nobody to compare with, and a new model is welcome
        if twin is not None:
            return Before(model_id=active, twin=twin)
    classifier, _ = load_classifier(models.STARTER, policy)
    return Before(model_id=classifier.model_id, twin=classifier, trusted=False)


def name_of_serving(folder: Path, policy: Policy) -> str:
    """The id under which evidence was noted for the model that serves now."""
    active = models.active(folder)
    return active if active != models.STARTER else before(folder, policy).model_id


def activate(
    folder: Path, model: str, policy: Policy, *, now: datetime, despite: Collection[str] = ()
) -> Activated | Refused:
    """Let `model` serve when it loads and the gate has nothing against it. Raises Unusable when it does not."""
    serving = models.active(folder)
    if model in {serving, models.STARTER}:
        if model == models.STARTER:
            raise Unusable("the starter is no candidate: 'firstline model rollback' goes back to it")
        return Activated(model=model, before=serving)
    path = models.path_of(folder, model)
    candidate = shelf.load(path, policy.encoder)
    _same_desk(candidate, policy)
    evidence = shelf.evidence_of(path)
    if evidence is None:
        raise Unusable(f"{model}: it was not measured here, or it changed since; train it again with 'firstline train'")
    name = name_of_serving(folder, policy)
    if name not in evidence.against:
        known = ", ".join(evidence.against) or "nothing"
        raise Unusable(f"{model}: measured against {known}, but {name} serves now: run 'firstline train' again")
    refusals = tuple(each for each in evidence.against[name] if each.rule not in set(despite) & OVERRIDABLE)
    if refusals:
        return Refused(model=model, refusals=refusals)
    return Activated(model=model, before=models.activate(folder, model, now=now))


def stand_in_shadow(folder: Path, model: str, policy: Policy) -> None:
    """Let `model` predict beside the serving one. No gate: it decides nothing. Raises Unusable for one of no use."""
    if model == models.active(folder):
        raise Unusable(f"{model} serves already: only another one can stand in its shadow")
    _same_desk(shelf.load(models.path_of(folder, model), policy.encoder), policy)
    models.set_shadow(folder, model)


def _same_desk(model: LinearModel, policy: Policy) -> None:
    ids = {category.name for category in policy.categories}
    strange = sorted(set(model.catalogue.ids) - ids)
    if strange:
        raise Unusable(f"{model.model_id}: its category {strange[0]!r} is not in this desk's catalogue")
