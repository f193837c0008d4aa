"""The quick refit between two trainings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from classifier import artifact
from classifier.corpus import CorpusError, Row
from classifier.evaluate import evaluate
from classifier.refit import refit
from classifier.types import Document
from tests.unit.classifier.build import QUICK, a_trained, some_rows

MODEL = a_trained().model
NEW = [
    Row(text=f"the coffee machine in room {i} leaks {w}", category="access", tier=1)
    for i, w in enumerate(["again", "badly", "since monday", "today", "a lot", "now"])
]


def test_same_rows_same_predictions() -> None:
    """Without a new correction the refit is the model."""
    again = refit(MODEL, a_trained().rows, recipe=QUICK)
    mails = [Document(subject=r.subject, text=r.text) for r in some_rows(10, seed=4)]
    assert [replace(p, model_id="") for p in again.predict(mails)] == [
        replace(p, model_id="") for p in MODEL.predict(mails)
    ]


def test_a_correction_takes_effect_and_nothing_is_forgotten(tmp_path: Path) -> None:
    """A new topic is learned with replay, the old ones stay right, and the artifact of it loads."""
    fresh = refit(MODEL, [*a_trained().rows, *NEW], recipe=QUICK)
    artifact.save(fresh, tmp_path / "m")
    fresh = artifact.load(tmp_path / "m")
    [found] = fresh.predict([Document(subject="", text="our coffee machine leaks")])
    assert found.category == "access"
    test = some_rows(20, seed=31)
    assert evaluate(fresh, test).accuracy >= evaluate(MODEL, test).accuracy - 0.02
    assert fresh.card["refit_of"] == MODEL.model_id


def test_a_new_label_never_routes() -> None:
    """A tier that the last training did not know is predicted but not trusted."""
    rows = [*a_trained().rows, *[replace(r, tier=2, category="access") for r in NEW]]
    fresh = refit(MODEL, rows, recipe=QUICK)
    tier = next(h for h in fresh.heads if h.name == "tier")
    old = next(h for h in MODEL.heads if h.name == "tier")
    assert [t for v, t in zip(tier.labels, tier.thresholds, strict=True) if v not in old.labels] == [
        2.0 for v in tier.labels if v not in old.labels
    ]


def test_a_model_without_a_card_is_refused() -> None:
    """Nothing to keep: train in full."""
    with pytest.raises(CorpusError, match="in full"):
        refit(replace(MODEL, card={}), a_trained().rows)
