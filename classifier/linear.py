"""Fits linear heads with scikit-learn and turns their scores into probabilities.

Owns the only import of scikit-learn at training time. Promises: the same input
and seed give the same numbers; a label without a row gets a score so low that it
never wins.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.measures import Array, Index, softmax
from classifier.vocabulary import rescale

ABSENT = -10.0  # the score of a label that no training row had
TEMPERATURES = np.geomspace(0.01, 10.0, 61)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """float64 coefficients [features, labels] and intercepts [labels]."""

    coefficients: Array
    intercepts: Array

    def scores(self, matrix: Any) -> Array:
        """Decision values float64 [rows, labels] of CSR [rows, features]."""
        return np.asarray(matrix @ self.coefficients, dtype=np.float64) + self.intercepts


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What one head learns from; `matrix` is CSR [rows, features], its first `branch` features are words."""

    matrix: Any
    truth: Index
    labels: int
    fold: Index
    branch: int
    seed: int

    def take(self, rows: Index) -> Problem:
        """The same problem with some of the rows."""
        return replace(self, matrix=self.matrix[rows], truth=self.truth[rows], fold=self.fold[rows])


def fit(problem: Problem, cost: float) -> Fitted:
    """One linear support vector machine per label against the rest."""
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 -- seconds and 100 MB; training only
    from sklearn.svm import LinearSVC  # noqa: PLC0415

    matrix, present = problem.matrix, np.unique(problem.truth)
    coefficients = np.zeros((matrix.shape[1], problem.labels))
    intercepts = np.full(problem.labels, ABSENT)
    if len(present) == 1:
        intercepts[present[0]] = 0.0
        return Fitted(coefficients=coefficients, intercepts=intercepts)
    machine = LinearSVC(C=cost, tol=1e-2 if matrix.shape[0] > 2000 else 1e-4, random_state=problem.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        machine.fit(matrix, problem.truth)
    weights, bias = machine.coef_, machine.intercept_
    if len(present) == 2:
        weights, bias = np.vstack((-weights, weights)), np.array([-bias[0], bias[0]])
    coefficients[:, present] = weights.T
    intercepts[present] = bias
    return Fitted(coefficients=coefficients, intercepts=intercepts)


def out_of_fold(problem: Problem, cost: float) -> Array:
    """Each row's scores by a model that has not seen its fold, float64 [rows, labels].

    Features that only held-out rows have are taken out and both branches scaled again: that is how a
    new mail will look.
    """
    scores = np.zeros((problem.matrix.shape[0], problem.labels))
    for number in np.unique(problem.fold):
        learn, hold = np.flatnonzero(problem.fold != number), np.flatnonzero(problem.fold == number)
        learning = problem.take(learn)
        seen = np.zeros(problem.matrix.shape[1], dtype=np.float32)
        seen[learning.matrix.indices] = 1.0
        scores[hold] = fit(learning, cost).scores(as_new(problem.matrix[hold], seen, problem.branch))
    return scores


def as_new(matrix: Any, seen: NDArray[np.float32], branch: int) -> Any:
    """The rows without features outside `seen` (0 or 1 per feature), both branches of length one."""
    from scipy import sparse  # noqa: PLC0415

    masked = matrix.multiply(seen[np.newaxis, :]).tocsr()
    masked.eliminate_zeros()
    return sparse.hstack([rescale(masked[:, :branch]), rescale(masked[:, branch:])], format="csr")


def temperature(scores: Array, truth: Index) -> float:
    """The divisor of the scores that makes held-out probabilities most likely."""
    losses = [_loss(scores / t, truth) for t in TEMPERATURES]
    centre = int(np.argmin(losses))
    fine = np.geomspace(TEMPERATURES[max(centre - 1, 0)], TEMPERATURES[min(centre + 1, len(TEMPERATURES) - 1)], 41)
    return float(fine[int(np.argmin([_loss(scores / t, truth) for t in fine]))])


def _loss(scaled: Array, truth: Index) -> float:
    chosen = softmax(scaled)[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())
