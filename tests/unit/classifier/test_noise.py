"""Labels that are wrong at random are told from mails that are hard."""

from __future__ import annotations

import numpy as np
import pytest

from classifier import noise
from classifier.measures import softmax


def held_out(rows: int, labels: int, flipped: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Calibrated probabilities, given labels of which some are flipped, and the flags of these."""
    dice = np.random.default_rng(seed)
    probabilities = softmax(dice.normal(size=(rows, labels)) * 3.0)
    truth = np.array([dice.choice(labels, p=p) for p in probabilities])
    bad = dice.random(rows) < flipped
    given = np.where(bad, (truth + dice.integers(1, labels, size=rows)) % labels, truth)
    return probabilities, given, bad


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("labels", [4, 8, 77])
def test_share_is_found(share: float, labels: int) -> None:
    """The estimate is near the truth, its bound below it; hard mails alone count for little."""
    found = noise.estimate(*held_out(4000, labels, share)[:2])
    assert abs(found.share - share) < 0.035
    assert found.least <= share + 0.02
    assert found.matters == (share > 0)


def test_confused_pairs_are_not_noise() -> None:
    """Two categories that nobody can tell apart do not make labels look wrong."""
    probabilities, given, _ = held_out(4000, 8, 0.0)
    swapped = np.where(given == 0, 1, np.where(given == 1, 0, given))
    mixed = np.where(np.random.default_rng(1).random(4000) < 0.5, swapped, given)
    average = probabilities.copy()
    average[:, :2] = probabilities[:, :2].mean(axis=1, keepdims=True)
    assert not noise.estimate(average, mixed).matters


def test_few_rows_and_two_labels_prove_nothing() -> None:
    """Without evidence labels are believed."""
    assert noise.estimate(*held_out(60, 8, 0.2)[:2]) == noise.NONE
    assert noise.estimate(*held_out(4000, 2, 0.2)[:2]) == noise.NONE
    assert noise.estimate(np.zeros((0, 8)), np.zeros(0, dtype=np.int64)) == noise.NONE


def test_the_doubted_are_the_flipped() -> None:
    """Most rows that are more likely wrong than right were flipped."""
    probabilities, given, bad = held_out(4000, 8, 0.1)
    doubted = noise.doubt(probabilities, given, noise.Noise(share=0.1, least=0.08)) > 0.5
    assert bad[doubted].mean() > 0.5
    assert doubted.mean() < 0.15
