"""The solver against scikit-learn on the same rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from classifier import descent
from classifier.vocabulary import Limits, learn
from tests.unit.classifier.build import TOPICS, some_rows

ROWS = some_rows(30, seed=4)
MATRIX = learn([r.normalised for r in ROWS], Limits()).matrix.astype(np.float32)
TRUTH = np.array([sorted(TOPICS).index(r.category) for r in ROWS])
WEIGHT = np.where(np.arange(len(ROWS)) % 5, 1.0, 0.25).astype(np.float32)


def scores(found: descent.Found) -> np.ndarray:
    """What the solver says of its own rows."""
    return np.asarray(MATRIX @ found.coefficients + found.intercepts)


def sign() -> np.ndarray:
    """One column per label: its rows +1, all others -1."""
    return np.where(TRUTH[:, None] == np.arange(3), 1.0, -1.0).astype(np.float32)


@pytest.mark.parametrize("cost", [0.1, 1.0, 3.0])
def test_hinge_is_linear_svc(cost: float) -> None:
    """Weighted squared hinge, every label against the rest: the same scores as liblinear."""
    loss = descent.Hinge((WEIGHT * np.float32(cost))[:, None], sign())
    found = descent.minimise(MATRIX, loss, 3, steps=80, tolerance=1e-5)
    svc = LinearSVC(C=cost, tol=1e-6, max_iter=20_000).fit(MATRIX, TRUTH, sample_weight=WEIGHT)
    np.testing.assert_allclose(scores(found), svc.decision_function(MATRIX), atol=5e-3)


def test_softmax_is_logistic_regression() -> None:
    """The same probabilities as scikit-learn, up to the intercept, which it does not shrink."""
    loss = descent.Softmax((WEIGHT * np.float32(5.0))[:, None], TRUTH)
    found = descent.minimise(MATRIX, loss, 3, steps=80, tolerance=1e-5)
    one = sparse.hstack([MATRIX, np.ones((MATRIX.shape[0], 1), dtype=np.float32)], format="csr")
    other = LogisticRegression(C=5.0, tol=1e-6, max_iter=500, fit_intercept=False).fit(one, TRUTH, sample_weight=WEIGHT)
    mine = scores(found)
    theirs = other.decision_function(one)
    theirs -= theirs.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(mine - mine.mean(axis=1, keepdims=True), theirs, atol=2e-2)


def test_a_start_only_saves_steps() -> None:
    """Started from another machine's answer, the end is the same."""
    loss = descent.Softmax(WEIGHT[:, None], TRUTH)
    warm = descent.minimise(MATRIX, descent.Hinge(WEIGHT[:, None], sign()), 3, steps=20, tolerance=1e-5)
    cold = descent.minimise(MATRIX, loss, 3, steps=80, tolerance=1e-6)
    started = descent.minimise(MATRIX, loss, 3, steps=80, tolerance=1e-6, start=warm)
    np.testing.assert_allclose(scores(started), scores(cold), atol=1e-2)


def test_a_row_without_weight_teaches_nothing() -> None:
    """Cost zero is absence."""
    weight = WEIGHT.copy()
    weight[:10] = 0.0
    all_rows = descent.minimise(MATRIX, descent.Hinge(weight[:, None], sign()), 3, steps=80, tolerance=1e-5)
    fewer = descent.minimise(MATRIX[10:], descent.Hinge(weight[10:, None], sign()[10:]), 3, steps=80, tolerance=1e-5)
    np.testing.assert_allclose(scores(all_rows), scores(fewer), atol=5e-3)
