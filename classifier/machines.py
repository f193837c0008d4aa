"""The three linear machines: support vectors, naive Bayes, softmax regression.

Small problems are fitted by scikit-learn; above `LARGE` `descent` finds the
same optimum in a third of the time and without liblinear's float64 copies (held
together by a differential test). Promises: the same input and seed give the same
numbers; a label without a row gets a score so low that it never wins.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier import descent
from classifier.measures import Array, Index

LOGISTIC_COST = 5.0  # times the cost of the support vector machines
BAYES_SMOOTH = 0.01
ABSENT = -10.0  # the score of a label that no training row had
LARGE = 20_000  # rows times labels
# More steps change no figure of BANKING77 or the IT topics by more than their chance (decision 0304).
STEPS_COLD, STEPS_WARM, STEPS_SOFTMAX = 16, 6, 12
TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """What a machine learns from: `matrix` CSR [rows, features], `truth` int [rows], `weight` float32 [rows]."""

    matrix: Any
    truth: Index
    weight: NDArray[np.float32]
    labels: int
    seed: int

    @property
    def large(self) -> bool:
        return bool(self.matrix.shape[0] * self.labels > LARGE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Machine:
    """Coefficients [features, labels] and intercepts [labels], float32 or 64; `trace` lets the next one start warm."""

    coefficients: NDArray[Any]
    intercepts: NDArray[Any]
    trace: descent.Found | None = None

    def scores(self, matrix: Any) -> Array:
        """Decision values float64 [rows, labels] of CSR [rows, features]."""
        values: Array = np.asarray(matrix @ self.coefficients, dtype=np.float64) + self.intercepts
        return values


def support_vectors(sample: Sample, cost: float, start: Machine | None = None) -> Machine:
    """One linear support vector machine per label against the rest; `start` was fitted to the same rows."""
    if not sample.large:
        from sklearn.svm import LinearSVC  # noqa: PLC0415 -- seconds and 100 MB; training only

        return _fitted(sample, LinearSVC(C=cost, tol=1e-4, random_state=sample.seed))
    sign = np.full((len(sample.truth), sample.labels), -1.0, dtype=np.float32)
    sign[np.arange(len(sample.truth)), sample.truth] = 1.0
    loss = descent.Hinge(_costs(sample, cost), sign)
    return _descended(sample, loss, start, STEPS_WARM if start else STEPS_COLD)


def logistic(sample: Sample, cost: float, start: Machine | None = None) -> Machine:
    """One softmax over all labels; stopped early, which costs no accuracy and saves two thirds of the time."""
    if not sample.large:
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 -- as above

        return _fitted(sample, LogisticRegression(C=cost * LOGISTIC_COST, max_iter=60, tol=1e-3))
    loss = descent.Softmax(_costs(sample, cost * LOGISTIC_COST), sample.truth)
    return _descended(sample, loss, start, STEPS_SOFTMAX)


def bayes(sample: Sample) -> Machine:
    """Multinomial naive Bayes on the TF-IDF weights: weak alone, but its mistakes are other mistakes."""
    from scipy import sparse  # noqa: PLC0415

    rows = np.arange(len(sample.truth))
    belongs = sparse.csr_matrix((sample.weight, (sample.truth, rows)), shape=(sample.labels, len(rows)))
    mass = (belongs @ sample.matrix).toarray() + np.float32(BAYES_SMOOTH)
    chance = np.log(mass / mass.sum(axis=1, keepdims=True)).T
    return _centred(sample, chance, np.zeros(sample.labels))


def _costs(sample: Sample, cost: float) -> NDArray[np.float32]:
    return (np.float32(cost) * sample.weight)[:, np.newaxis]


def _descended(sample: Sample, loss: descent.Loss, start: Machine | None, steps: int) -> Machine:
    matrix = sample.matrix.astype(np.float32, copy=False)
    trace = start.trace if start else None
    found = descent.minimise(matrix, loss, sample.labels, steps=steps, tolerance=TOLERANCE, start=trace)
    return _centred(sample, found.coefficients, found.intercepts, found)


def _fitted(sample: Sample, machine: Any) -> Machine:
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 -- as above

    present = np.unique(sample.truth)
    coefficients = np.zeros((sample.matrix.shape[1], sample.labels))
    intercepts = np.zeros(sample.labels)
    if len(present) > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            machine.fit(sample.matrix, sample.truth, sample_weight=sample.weight.astype(np.float64))
        weights, bias = machine.coef_, machine.intercept_
        if len(present) == 2:
            weights, bias = np.vstack((-weights, weights)) / 2, np.array([-bias[0], bias[0]]) / 2
        coefficients[:, present], intercepts[present] = weights.T, bias
    return _centred(sample, coefficients, intercepts)


def _centred(sample: Sample, weights: NDArray[Any], bias: NDArray[Any], trace: descent.Found | None = None) -> Machine:
    """Scores that sum to zero over the labels that were there; the others never win."""
    missing = np.setdiff1d(np.arange(sample.labels), sample.truth)
    present = np.setdiff1d(np.arange(sample.labels), missing)
    if not len(missing):
        coefficients = weights - weights.mean(axis=1, keepdims=True)
        intercepts = bias - bias.mean()
    else:
        coefficients = np.zeros_like(weights)
        intercepts = np.full(sample.labels, ABSENT, dtype=bias.dtype)
        if len(present):  # none when one thread holds every mail
            coefficients[:, present] = weights[:, present] - weights[:, present].mean(axis=1, keepdims=True)
            intercepts[present] = bias[present] - bias[present].mean()
    return Machine(coefficients=coefficients, intercepts=intercepts, trace=trace)
