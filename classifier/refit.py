"""A quick refit with replay: new corrections in a minute, calibration from the last full training.

Owns the short way between two nightly trainings. All rows are learned again with
the costs, shares and thresholds that the folds of the last training chose
(never corrections alone: 147 of one class took 81.1 % to 64.5 %, and a class
cannot be added that way). A label that is new since then never routes by itself
until the next full training. Raises `CorpusError` like a training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from classifier import corpus, linear
from classifier.corpus import CorpusError, Row
from classifier.model import NEVER, Head, LinearModel, Weights
from classifier.train import HEADS, Recipe, identify, labelled, value_of, window
from classifier.vocabulary import Learned, Limits, learn


def refit(model: LinearModel, rows: Sequence[Row], *, recipe: Recipe | None = None) -> LinearModel:
    """`model` learned again from `rows` (its own rows and the new corrections), its calibration kept."""
    recipe = recipe or Recipe()
    heads: Any = model.card.get("heads")
    if not isinstance(heads, dict) or "category" not in heads:
        raise CorpusError("the model's card does not say how it was trained: train it in full")
    if model.sentences is not None:  # its words were weighed against its sentences: neither can be learned alone
        raise CorpusError("a model with a sentence encoder is not refitted in part: train it in full")
    fatal = next((f for f in corpus.check(rows, model.catalogue) if f.fatal), None)
    if fatal:
        raise CorpusError(fatal.text)
    kept = window(corpus.deduplicate(rows), recipe.window)
    limits = Limits(per_branch=recipe.per_branch, min_senders=recipe.min_senders, exempt=recipe.exempt)
    learned = learn([r.normalised for r in kept], limits, senders=[r.sender for r in kept])
    old = {h.name: h for h in model.heads}
    pieces = [
        _head(old[name], heads[name], kept, learned, recipe.seed)
        for name in HEADS
        if name in old and name in heads and len(labelled(kept, name))
    ]
    weights = Weights.of(
        np.hstack([f.coefficients for _, f in pieces]), np.concatenate([f.intercepts for _, f in pieces])
    )
    card = {**model.card, "rows": len(kept), "data_sha256": corpus.digest(kept), "refit_of": model.model_id}
    fresh = replace(model, vectoriser=learned.vectoriser, heads=tuple(h for h, _ in pieces), weights=weights, card=card)
    return replace(fresh, model_id=identify(fresh, recipe.name))


def _head(
    old: Head, evidence: dict[str, Any], rows: Sequence[Row], learned: Learned, seed: int
) -> tuple[Head, linear.Fitted]:
    at = labelled(rows, old.name)
    values = [value_of(rows[i], old.name) for i in at]
    labels = tuple(sorted(set(values)))
    place = {label: n for n, label in enumerate(labels)}
    problem = linear.Problem(
        matrix=learned.matrix[at],
        truth=np.array([place[v] for v in values], dtype=np.int64),
        labels=len(labels),
        fold=np.zeros(len(at), dtype=np.int64),
        branch=len(learned.vectoriser.words),
        seed=seed,
    )
    setting = linear.Setting(
        cost=evidence["setting"]["cost"],
        sharpness=evidence["setting"]["sharpness"],
        blend=tuple(evidence["setting"]["blend"]),
    )
    fitted = linear.fit(problem, setting, tuple(evidence["spreads"]))
    thresholds = dict(zip(old.labels, old.thresholds, strict=True))
    shift = dict(zip(old.labels, evidence["shift"], strict=True))
    head = replace(old, labels=labels, thresholds=tuple(thresholds.get(v, NEVER) for v in labels))
    taken_off = np.array([shift.get(v, 0.0) for v in labels])
    return head, replace(fitted, intercepts=fitted.intercepts - taken_off)
