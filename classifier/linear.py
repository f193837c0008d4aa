"""Adds the machines up to one linear head, holds rows out of them, and turns scores into probabilities.

Owns the folds' work: what is common to all settings of a fold (its rows, its
vectors, how telling each word is) is done once. Promises: the same input and
seed give the same numbers; no held-out row is seen by what scores it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier import spread
from classifier.machines import Machine, Sample, bayes, logistic, support_vectors
from classifier.measures import Array, Index, softmax
from classifier.noise import NONE, Noise, likelihood
from classifier.vocabulary import rescale

SMOOTH = 0.5
CLIP = -5.0  # scores below it are absent labels and say nothing about a machine's spread
ALWAYS = -1  # the fold of a row that every machine learns from
COLDEST, HOTTEST = 0.01, 10.0  # temperatures
GOLDEN = 0.618


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Coefficients [features, labels] and intercepts [labels], float32 or float64."""

    coefficients: NDArray[Any]
    intercepts: NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What one head learns from; `matrix` is CSR [rows, features], its first `branch` features are words.

    `weight` float32 [rows]: how far a row's label is believed; 0 teaches nothing and is still held out.
    """

    matrix: Any
    truth: Index
    labels: int
    fold: Index
    branch: int
    seed: int
    weight: NDArray[np.float32] | None = None

    @property
    def tested(self) -> Index:
        """The rows that some fold holds out."""
        return np.flatnonzero(self.fold != ALWAYS)

    def take(self, rows: Index) -> Problem:
        """The same problem with some of the rows."""
        weight = None if self.weight is None else self.weight[rows]
        return replace(self, matrix=self.matrix[rows], truth=self.truth[rows], fold=self.fold[rows], weight=weight)

    def sample(self, rows: Index | None = None) -> Sample:
        """The believed rows (of `rows`) as the machines take them."""
        weight = np.ones(len(self.truth), dtype=np.float32) if self.weight is None else self.weight
        chosen = np.arange(len(self.truth)) if rows is None else rows
        chosen = chosen[weight[chosen] > 0]
        whole = len(chosen) == len(self.truth)
        return Sample(
            matrix=self.matrix if whole else self.matrix[chosen],
            truth=self.truth[chosen],
            weight=weight[chosen],
            labels=self.labels,
            seed=self.seed,
        )


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
    wanted = [w > 0 for w in setting.blend]
    shares = [w / s for w, s in zip(setting.blend, spreads, strict=True) if w > 0]
    coefficients: NDArray[Any] = np.zeros((problem.matrix.shape[1], problem.labels), dtype=np.float32)
    intercepts: Array = np.zeros(problem.labels)
    for share, machine in zip(shares, _machines(problem.sample(), setting, wanted), strict=True):
        coefficients += np.float32(share) * machine.coefficients
        intercepts += share * machine.intercepts
    return Fitted(coefficients=coefficients, intercepts=intercepts)


def out_of_fold(problem: Problem, setting: Setting) -> Held:
    """The scores of each tested row by machines that have not seen its fold."""
    size = (problem.matrix.shape[0], problem.labels)
    parts: list[Array] = [np.zeros(size) for _ in setting.blend]
    for hold, fold in spread.each(_scored, ((*each, setting) for each in _folds(problem))):
        for scores, found in zip(parts, fold, strict=True):
            scores[hold] = found
    parts = [scores[problem.tested] for scores in parts]
    spreads = tuple(float(np.maximum(s, CLIP).std()) or 1.0 if len(s) else 1.0 for s in parts)
    return Held(parts=tuple(s / d for s, d in zip(parts, spreads, strict=True)), spreads=spreads)


def sweep(problem: Problem, costs: Sequence[float], sharpness: float) -> list[Array]:
    """Held-out scores of support vector machines at rising `costs`, each started where the one before ended."""
    found: list[Array] = [np.zeros((problem.matrix.shape[0], problem.labels)) for _ in costs]
    for hold, fold in spread.each(_swept, ((*each, tuple(costs), sharpness) for each in _folds(problem))):
        for scores, part in zip(found, fold, strict=True):
            scores[hold] = part
    return [scores[problem.tested] for scores in found]


def _scored(sample: Sample, hold: Index, fresh: Any, setting: Setting) -> tuple[Index, list[Array]]:
    """One fold of `out_of_fold`: its rows, and the scores of each machine."""
    return hold, [machine.scores(fresh) for machine in _machines(sample, setting, [True] * len(setting.blend))]


def _swept(
    sample: Sample, hold: Index, fresh: Any, costs: tuple[float, ...], sharpness: float
) -> tuple[Index, list[Array]]:
    """One fold of `sweep`: its rows, and the scores at each cost."""
    scale = sharpen(sample, sharpness) if sharpness else None
    sharp, new = (sample, fresh) if scale is None else (_scaled(sample, scale), _columns(fresh, scale))
    found: list[Array] = []
    machine: Machine | None = None
    for cost in costs:
        machine = support_vectors(sharp, cost, machine)
        found.append(machine.scores(new))
    return hold, found


def _folds(problem: Problem) -> Iterator[tuple[Sample, Index, Any]]:
    """Of each fold: what its machines learn from, which rows they score, and the vectors of these.

    Features that only held-out rows have are taken out and both branches scaled again: that is how a
    new mail will look.
    """
    for number in np.unique(problem.fold[problem.tested]):
        sample = problem.sample(np.flatnonzero(problem.fold != number))
        hold = np.flatnonzero(problem.fold == number)
        seen = np.zeros(problem.matrix.shape[1], dtype=np.float32)
        seen[sample.matrix.indices] = 1.0
        yield sample, hold, as_new(problem.matrix[hold], seen, problem.branch)


def _machines(sample: Sample, setting: Setting, wanted: Sequence[bool]) -> list[Machine]:
    scale = sharpen(sample, setting.sharpness) if setting.sharpness else None
    sharp = sample if scale is None else _scaled(sample, scale)
    found: list[Machine] = []
    vectors: Machine | None = None
    for number in np.flatnonzero(wanted):
        if number == 1:
            found.append(bayes(sample))
            continue
        machine = support_vectors(sharp, setting.cost) if number == 0 else logistic(sharp, setting.cost, vectors)
        vectors = machine
        back = machine.coefficients if scale is None else machine.coefficients * scale[:, np.newaxis]
        found.append(replace(machine, coefficients=back))
    return found


def _scaled(sample: Sample, scale: NDArray[np.float32]) -> Sample:
    return replace(sample, matrix=_columns(sample.matrix, scale))


def _columns(matrix: Any, scale: NDArray[np.float32]) -> Any:
    """The matrix with every column times its `scale`; the indices are shared with the given one."""
    data = matrix.data * scale[matrix.indices]
    return type(matrix)((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def sharpen(sample: Sample, sharpness: float) -> NDArray[np.float32]:
    """A weight per feature, float32 [features]: one minus the entropy of the labels it occurs with."""
    sizes = np.bincount(sample.truth, minlength=sample.labels).astype(np.float64)
    ones = np.ones(sample.matrix.nnz)
    owner = np.repeat(sample.truth, np.diff(sample.matrix.indptr))
    counts = np.bincount(
        owner * sample.matrix.shape[1] + sample.matrix.indices,
        weights=ones,
        minlength=sample.labels * sample.matrix.shape[1],
    ).reshape(sample.labels, -1)
    share = (counts + SMOOTH / sample.labels) / (sizes[:, np.newaxis] + SMOOTH)
    share /= share.sum(axis=0, keepdims=True)
    entropy = -(share * np.log(share)).sum(axis=0) / np.log(sample.labels)
    weight = np.maximum(1.0 - entropy, 0.01) ** sharpness
    # Rows keep their mean length, so that a cost means the same with and without.
    energy = np.asarray(sample.matrix.multiply(sample.matrix).sum(axis=0)).ravel()
    weight /= np.sqrt((energy * weight * weight).sum() / max(energy.sum(), 1e-12)) or 1.0
    scaled: NDArray[np.float32] = weight.astype(np.float32)
    return scaled


def as_new(matrix: Any, seen: NDArray[np.float32], branch: int) -> Any:
    """The rows without features outside `seen` (0 or 1 per feature), both branches of length one."""
    from scipy import sparse  # noqa: PLC0415

    masked = matrix.multiply(seen[np.newaxis, :]).tocsr()
    masked.eliminate_zeros()
    return sparse.hstack([rescale(masked[:, :branch]), rescale(masked[:, branch:])], format="csr")


def temperature(scores: Array, truth: Index, noise: Noise = NONE) -> float:
    """The divisor of the scores that makes held-out probabilities most likely; by golden section."""

    def at(position: float) -> float:
        return loss(scores / np.exp(position), truth, noise)

    low, high = float(np.log(COLDEST)), float(np.log(HOTTEST))
    a, b = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_a, at_b = at(a), at(b)
    while high - low > 1e-3:
        if at_a <= at_b:
            high, b, at_b = b, a, at_a
            a = high - GOLDEN * (high - low)
            at_a = at(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + GOLDEN * (high - low)
            at_b = at(b)
    return float(np.exp((low + high) / 2))


def loss(scaled: Array, truth: Index, noise: Noise = NONE) -> float:
    """The mean negative log-likelihood of the given labels under the softmax of `scaled`."""
    chosen = softmax(scaled)[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(likelihood(chosen, scaled.shape[1], noise), 1e-12)).mean())
