"""Thresholds keep the stated risk, and nothing routes without proof."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from classifier import measures
from classifier.threshold import conformal, fit_policy


def scores(n: int, seed: int, labels: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated probabilities and a truth drawn from them."""
    dice = np.random.default_rng(seed)
    sharp = dice.gamma(0.1, 1.0, size=(n, labels)) + 1e-9
    probabilities = sharp / sharp.sum(axis=1, keepdims=True)
    truth = np.array([dice.choice(labels, p=p) for p in probabilities])
    return probabilities, truth


@pytest.mark.parametrize("risk", [0.03, 0.05, 0.1])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_stated_risk_holds_on_new_mails(risk: float, seed: int) -> None:
    """Thresholds fitted on one sample keep the misrouted share of another under the stated risk."""
    policy = fit_policy(*scores(3000, seed), risk=risk)
    probabilities, truth = scores(3000, seed + 100)
    best = probabilities.argmax(axis=1)
    routed = probabilities.max(axis=1) >= np.array(policy.thresholds)[best]
    assert routed.mean() > 0.05
    assert (best != truth)[routed].mean() <= risk
    assert policy.bound <= risk


def test_few_rows_prove_nothing() -> None:
    """With a handful of rows, even all right, no label routes by itself."""
    probabilities = np.tile([[0.99, 0.01]], (12, 1))
    policy = fit_policy(probabilities, np.zeros(12, dtype=np.int64), risk=0.05)
    assert all(t > 1 for t in policy.thresholds)
    assert policy.coverage == 0


def test_rare_and_forbidden_labels_never_route() -> None:
    """A label with three rows, and one named as never, have no reachable threshold."""
    probabilities, truth = scores(2000, 5)
    truth[truth == 3] = 0
    truth[:3] = 3
    policy = fit_policy(probabilities, truth, risk=0.2, never=[1])
    assert policy.thresholds[3] > 1
    assert policy.thresholds[1] > 1


def test_a_bad_label_gets_a_stricter_threshold() -> None:
    """A label that is wrong far more often than the rest routes later than the others, or never."""
    probabilities, truth = scores(4000, 7)
    best = probabilities.argmax(axis=1)
    dice = np.random.default_rng(1)
    spoiled = (best == 2) & (dice.random(4000) < 0.5)
    truth = np.where(spoiled, 0, truth)
    policy = fit_policy(probabilities, truth, risk=0.1)
    assert policy.thresholds[2] > max(policy.thresholds[0], policy.thresholds[1])


def test_no_rows() -> None:
    """Nothing to learn from routes nothing."""
    policy = fit_policy(np.zeros((0, 3)), np.zeros(0, dtype=np.int64), risk=0.05)
    assert all(t > 1 for t in policy.thresholds)


def test_conformal_sets_hold_the_truth() -> None:
    """Sets from one sample hold the truth of another as often as promised."""
    q = conformal(*scores(2000, 11), alpha=0.1)
    probabilities, truth = scores(2000, 12)
    held = probabilities[np.arange(2000), truth] >= 1 - q
    assert 0.87 <= held.mean() <= 0.93


@given(st.integers(0, 200), st.integers(1, 200))
def test_bounds_enclose(wrong: int, total: int) -> None:
    """Clopper–Pearson bounds lie on both sides of the observed share."""
    wrong = min(wrong, total)
    assert measures.lower_bound(wrong, total) <= wrong / total <= measures.upper_bound(wrong, total)
    low, high = measures.interval(wrong, total)
    assert low <= wrong / total <= high


def test_known_values() -> None:
    """The bound of no error in 59 is the textbook 5 %; no rows, no promise."""
    assert measures.upper_bound(0, 59) == pytest.approx(0.0495, abs=1e-3)
    assert measures.upper_bound(0, 0) == 1.0


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_macro_f1_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    """Our macro-F1 equals the reference."""
    truth, chosen = (np.array(x) for x in zip(*pairs, strict=True))
    assert measures.macro_f1(truth, chosen) == pytest.approx(f1_score(truth, chosen, average="macro"))


def test_auroc_is_scikit_learns() -> None:
    """Our rank statistic equals the reference, ties included."""
    dice = np.random.default_rng(4)
    a, b = dice.integers(0, 20, 300).astype(float), dice.integers(0, 15, 200).astype(float)
    reference = roc_auc_score([1] * 300 + [0] * 200, np.concatenate((a, b)))
    assert measures.auroc(a, b) == pytest.approx(reference)


def test_calibration_error_of_the_calibrated_is_small() -> None:
    """Truth drawn from the probabilities has no calibration error but noise."""
    probabilities, truth = scores(5000, 9)
    top = probabilities.max(axis=1)
    assert measures.ece(top, probabilities.argmax(axis=1) == truth) < 0.03
    assert measures.ece(np.ones(100), np.zeros(100, dtype=bool)) == 1.0
