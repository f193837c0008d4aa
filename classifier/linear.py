"""Fits linear heads with scikit-learn and turns their scores into probabilities.

Owns the only import of scikit-learn at training time. Promises: the same input
and seed give the same numbers; a label without a row gets a score so low that it
never wins.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.measures import Array, Index, softmax
from classifier.vocabulary import rescale

LOGISTIC_COST = 5.0  # times the cost of the support vector machines
SMOOTH = 0.5
BAYES_SMOOTH = 0.01
CLIP = -5.0  # scores below it are absent labels and say nothing about a machine's spread
ALWAYS = -1  # the fold of a row that every machine learns from
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

    @property
    def tested(self) -> Index:
        """The rows that some fold holds out."""
        return np.flatnonzero(self.fold != ALWAYS)

    def take(self, rows: Index) -> Problem:
        """The same problem with some of the rows."""
        return replace(self, matrix=self.matrix[rows], truth=self.truth[rows], fold=self.fold[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the folds choose for a head.

    `sharpness`: 0 treats all words alike; 0.5 lets a word that speaks for few labels weigh more, which
    covers five points more of long noisy tickets and loses half a point on short questions (decision 0302).
    `blend`: the shares of support vector machines, naive Bayes and logistic regression.
    """

    cost: float
    sharpness: float = 0.0
    blend: tuple[float, ...] = (1.0,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Held-out scores of each machine, float64 [rows, labels], and the spread each was divided by."""

    parts: tuple[Array, ...]
    spreads: tuple[float, ...]

    def scores(self, blend: tuple[float, ...]) -> Array:
        """The machines' scores added in these shares."""
        total: Array = sum((w * p for w, p in zip(blend, self.parts, strict=True)), np.zeros(1))
        return total


def fit(problem: Problem, setting: Setting, spreads: tuple[float, ...]) -> Fitted:
    """The machines of a setting on all rows, each divided by its spread and added in its share."""
    coefficients: Array = np.zeros((problem.matrix.shape[1], problem.labels))
    intercepts: Array = np.zeros(problem.labels)
    wanted = [w > 0 for w in setting.blend]
    shares = [w / s for w, s in zip(setting.blend, spreads, strict=True) if w > 0]
    for share, machine in zip(shares, _machines(problem, setting, wanted), strict=True):
        coefficients += share * machine.coefficients
        intercepts += share * machine.intercepts
    return Fitted(coefficients=coefficients, intercepts=intercepts)


def out_of_fold(problem: Problem, setting: Setting) -> Held:
    """The scores of each tested row by machines that have not seen its fold.

    Features that only held-out rows have are taken out and both branches scaled again: that is how a
    new mail will look.
    """
    size = (problem.matrix.shape[0], problem.labels)
    parts: list[Array] = [np.zeros(size) for _ in setting.blend]
    for number in np.unique(problem.fold[problem.tested]):
        learn, hold = np.flatnonzero(problem.fold != number), np.flatnonzero(problem.fold == number)
        learning = problem.take(learn)
        seen = np.zeros(problem.matrix.shape[1], dtype=np.float32)
        seen[learning.matrix.indices] = 1.0
        fresh = as_new(problem.matrix[hold], seen, problem.branch)
        machines = _machines(learning, setting, [True] * len(parts))
        for scores, machine in zip(parts, machines, strict=True):
            scores[hold] = machine.scores(fresh)
    parts = [scores[problem.tested] for scores in parts]
    spreads = tuple(float(np.maximum(s, CLIP).std()) or 1.0 if len(s) else 1.0 for s in parts)
    return Held(parts=tuple(s / d for s, d in zip(parts, spreads, strict=True)), spreads=spreads)


def _machines(problem: Problem, setting: Setting, wanted: Sequence[bool]) -> list[Fitted]:
    scale = sharpen(problem, setting.sharpness) if setting.sharpness else None
    sharp = problem if scale is None else replace(problem, matrix=_scaled(problem.matrix, scale))
    found = []
    for number in np.flatnonzero(wanted):
        if number == 1:
            found.append(_bayes(problem))
            continue
        machine = (
            _support_vectors(sharp, setting.cost) if number == 0 else _logistic(sharp, setting.cost * LOGISTIC_COST)
        )
        back = machine.coefficients if scale is None else machine.coefficients * scale[:, np.newaxis]
        found.append(replace(machine, coefficients=back))
    return found


def _scaled(matrix: Any, scale: NDArray[np.float32]) -> Any:
    return matrix.multiply(scale[np.newaxis, :]).tocsr()


def sharpen(problem: Problem, sharpness: float) -> NDArray[np.float32]:
    """A weight per feature, float32 [features]: one minus the entropy of the labels it occurs with."""
    sizes = np.bincount(problem.truth, minlength=problem.labels).astype(np.float64)
    ones = np.ones(problem.matrix.nnz)
    owner = np.repeat(problem.truth, np.diff(problem.matrix.indptr))
    counts = np.bincount(
        owner * problem.matrix.shape[1] + problem.matrix.indices,
        weights=ones,
        minlength=problem.labels * problem.matrix.shape[1],
    ).reshape(problem.labels, -1)
    share = (counts + SMOOTH / problem.labels) / (sizes[:, np.newaxis] + SMOOTH)
    share /= share.sum(axis=0, keepdims=True)
    entropy = -(share * np.log(share)).sum(axis=0) / np.log(problem.labels)
    weight = np.maximum(1.0 - entropy, 0.01) ** sharpness
    # Rows keep their mean length, so that a cost means the same with and without.
    energy = np.asarray(problem.matrix.multiply(problem.matrix).sum(axis=0)).ravel()
    weight /= np.sqrt((energy * weight * weight).sum() / max(energy.sum(), 1e-12)) or 1.0
    scaled: NDArray[np.float32] = weight.astype(np.float32)
    return scaled


def _support_vectors(problem: Problem, cost: float) -> Fitted:
    """One linear support vector machine per label against the rest."""
    from sklearn.svm import LinearSVC  # noqa: PLC0415 -- seconds and 100 MB; training only

    loose = problem.matrix.shape[0] > 2000
    return _fitted(problem, LinearSVC(C=cost, tol=1e-2 if loose else 1e-4, random_state=problem.seed))


def _logistic(problem: Problem, cost: float) -> Fitted:
    """One softmax over all labels; stopped early, which costs no accuracy and saves two thirds of the time."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 -- as above

    return _fitted(problem, LogisticRegression(C=cost, max_iter=60, tol=1e-3))


def _bayes(problem: Problem) -> Fitted:
    """Multinomial naive Bayes on the TF-IDF weights: weak alone, but its mistakes are other mistakes."""
    from scipy import sparse  # noqa: PLC0415

    rows = np.arange(len(problem.truth))
    belongs = sparse.csr_matrix((np.ones(len(rows)), (problem.truth, rows)), shape=(problem.labels, len(rows)))
    mass = (belongs @ problem.matrix).toarray() + BAYES_SMOOTH
    chance = np.log(mass / mass.sum(axis=1, keepdims=True)).T
    present = np.unique(problem.truth)
    return _centred(problem, present, chance[:, present], np.zeros(len(present)))


def _fitted(problem: Problem, machine: Any) -> Fitted:
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 -- as above

    present = np.unique(problem.truth)
    if len(present) == 1:
        return _centred(problem, present, np.zeros((problem.matrix.shape[1], 1)), np.zeros(1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        machine.fit(problem.matrix, problem.truth)
    weights, bias = machine.coef_, machine.intercept_
    if len(present) == 2:
        weights, bias = np.vstack((-weights, weights)) / 2, np.array([-bias[0], bias[0]]) / 2
    return _centred(problem, present, weights.T, bias)


def _centred(problem: Problem, present: Index, weights: Array, bias: Array) -> Fitted:
    """Scores that sum to zero over the labels that were there; the others never win."""
    coefficients = np.zeros((problem.matrix.shape[1], problem.labels))
    intercepts = np.full(problem.labels, ABSENT)
    coefficients[:, present] = weights - weights.mean(axis=1, keepdims=True)
    intercepts[present] = bias - bias.mean()
    return Fitted(coefficients=coefficients, intercepts=intercepts)


def as_new(matrix: Any, seen: NDArray[np.float32], branch: int) -> Any:
    """The rows without features outside `seen` (0 or 1 per feature), both branches of length one."""
    from scipy import sparse  # noqa: PLC0415

    masked = matrix.multiply(seen[np.newaxis, :]).tocsr()
    masked.eliminate_zeros()
    return sparse.hstack([rescale(masked[:, :branch]), rescale(masked[:, branch:])], format="csr")


def temperature(scores: Array, truth: Index) -> float:
    """The divisor of the scores that makes held-out probabilities most likely."""
    losses = [loss(scores / t, truth) for t in TEMPERATURES]
    centre = int(np.argmin(losses))
    fine = np.geomspace(TEMPERATURES[max(centre - 1, 0)], TEMPERATURES[min(centre + 1, len(TEMPERATURES) - 1)], 41)
    return float(fine[int(np.argmin([loss(scores / t, truth) for t in fine]))])


def loss(scaled: Array, truth: Index) -> float:
    """The mean negative log-likelihood of the truth under the softmax of `scaled`."""
    chosen = softmax(scaled)[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())
