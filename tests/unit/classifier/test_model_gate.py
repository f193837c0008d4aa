"""The gate between a trained and an active model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from classifier.drift import Corrections, moved, rose
from classifier.gate import Demands, compare, judge
from classifier.train import train
from tests.unit.classifier.build import CATALOGUE, QUICK, TOPICS, a_trained, some_rows

TEST = some_rows(60, seed=123)


def spoiled(share: float) -> object:
    """A model trained on labels of which a share was flipped."""
    dice = np.random.default_rng(5)
    names = sorted(TOPICS)
    rows = [
        replace(r, category=str(dice.choice([n for n in names if n != r.category])), tier=1)
        if dice.random() < share
        else r
        for r in some_rows()
    ]
    return train(rows, CATALOGUE, QUICK).model


def test_equal_model_is_allowed() -> None:
    """The same model again is no reason to refuse."""
    assert judge(a_trained().model, a_trained().model, time_split=TEST, golden=TEST).allowed


def test_worse_model_is_refused_with_the_reason() -> None:
    """A model of half wrong labels is refused, on the sets where it is worse, by name."""
    verdict = judge(a_trained().model, spoiled(0.5), time_split=TEST, golden=TEST[:100])
    assert not verdict.allowed
    assert "worse on the time split" in verdict.refusals[0]


def test_protected_class() -> None:
    """A loss on one protected class alone is enough."""
    rows = [replace(r, category="network", tier=1) if r.category == "printing" else r for r in some_rows()]
    blind = train(rows, CATALOGUE, QUICK).model
    verdict = judge(a_trained().model, blind, time_split=TEST, demands=Demands(protected=("printing",)))
    assert any("protected class printing" in r for r in verdict.refusals)


def test_too_few_labels() -> None:
    """A model that saw fewer labels than stated is refused even without a predecessor."""
    verdict = judge(None, a_trained().model, time_split=(), labels=10, demands=Demands(fewest_labels=50))
    assert verdict.refusals == ("trained on 10 labels, at least 50 are asked for",)


def test_comparison_counts_both_ways() -> None:
    """Who was right where the other was wrong, and how likely that is by chance."""
    found = compare("x", a_trained().model, spoiled(0.5), TEST)
    assert found.n == len(TEST)
    assert found.only_old > found.only_new
    assert 0 <= found.chance < 0.05


@pytest.mark.parametrize(
    ("before", "since", "expected"),
    [
        pytest.param((1000, 30), (200, 25), True, id="doubled"),
        pytest.param((1000, 30), (200, 7), False, id="noise"),
        pytest.param((0, 0), (10, 10), False, id="no history"),
        pytest.param((1000, 30), (0, 0), False, id="no mail yet"),
    ],
)
def test_rising_corrections(before: tuple[int, int], since: tuple[int, int], expected: bool) -> None:
    """Only a rise beyond chance asks for a rollback."""
    b, s = (Corrections(mails=m, corrected=c) for m, c in (before, since))
    assert rose(b, s) is expected


def test_drift() -> None:
    """Equal mixes have no distance, disjoint ones nearly one, none gives nothing."""
    assert moved({"a": 50, "b": 50}, {"a": 500, "b": 500}) < 0.01
    assert moved({"a": 1000}, {"b": 1000}) > 0.95
    assert moved({}, {"a": 1}) == 0.0
