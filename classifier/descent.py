"""Fits all labels of a linear machine at once, in the space of the rows.

Owns the numerical solver: L-BFGS on coefficients that are kept as a weight of
every training row, so that one step costs two products with the sparse matrix
and nothing of the size features x labels (scikit-learn's L-BFGS spends two
thirds of its time there; liblinear copies the matrix twice as float64). All
arrays are float32. Promises: deterministic, the same optimum as scikit-learn's
`LinearSVC` and `LogisticRegression` within the tolerance. Needs numpy and scipy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MEMORY = 6  # pairs of steps that L-BFGS remembers
TRIES = 4  # of the step length; the functions are convex and nearly quadratic along a line


class Loss(Protocol):
    """What is lost on held scores. `apart`: the labels are problems of their own."""

    @property
    def apart(self) -> bool: ...

    def slope(self, scores: Floats) -> Floats:
        """The derivative by the scores, float32 [rows, labels]."""
        ...

    def bend(self, scores: Floats, along: Floats) -> Floats:
        """The second derivative along a direction, summed over the rows: float32 [labels] or [1]."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Hinge:
    """Squared hinge of each label against the rest; `costs` float32 [rows, 1], `sign` float32 ±1 [rows, labels]."""

    costs: Floats
    sign: Floats
    apart: bool = True

    def slope(self, scores: Floats) -> Floats:
        short = 1.0 - self.sign * scores
        np.maximum(short, 0.0, out=short)
        short *= self.sign
        short *= -2.0 * self.costs
        return short

    def bend(self, scores: Floats, along: Floats) -> Floats:
        short = self.sign * scores < 1.0
        bent: Floats = np.einsum("ij,ij,ij->j", short, along, along * (2.0 * self.costs))
        return bent


@dataclass(frozen=True, slots=True, eq=False)
class Softmax:
    """Negative log-likelihood of one softmax over the labels; `truth` int [rows], `costs` float32 [rows, 1]."""

    costs: Floats
    truth: NDArray[np.int64]
    apart: bool = False

    def slope(self, scores: Floats) -> Floats:
        chances = _chances(scores)
        chances[np.arange(len(self.truth)), self.truth] -= 1.0
        chances *= self.costs
        return chances

    def bend(self, scores: Floats, along: Floats) -> Floats:
        chances = _chances(scores)
        mean = np.einsum("ij,ij->i", chances, along)
        square = np.einsum("ij,ij,ij->i", chances, along, along)
        return np.array([((square - mean * mean) * self.costs[:, 0]).sum()], dtype=np.float32)


def _chances(scores: Floats) -> Floats:
    chances: Floats = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    return chances


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """A direction in coefficient space: the `rows` weights that make it, and the `scores` it gives the rows."""

    rows: Floats
    scores: Floats

    def plus(self, share: Any, other: _Point) -> _Point:
        return _Point(self.rows + share * other.rows, self.scores + share * other.scores)

    def add(self, share: Any, other: _Point) -> None:
        np.add(self.rows, share * other.rows, out=self.rows)
        np.add(self.scores, share * other.scores, out=self.scores)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """Where a descent ended: float32 `coefficients` [features, labels], `intercepts` [labels], and the point itself."""

    coefficients: Floats
    intercepts: Floats
    point: _Point


def minimise(
    matrix: Any, loss: Loss, labels: int, *, steps: int, tolerance: float, start: Found | None = None
) -> Found:
    """The coefficients of least loss plus half their squared length.

    `matrix` is float32 CSR. The intercept is a feature that is always one, as in liblinear. `start`: what
    another loss found on the same rows, scaled before the first step.
    """
    size = (matrix.shape[0], labels)
    turned = matrix.T  # CSC on the same memory

    def gram(rows: Floats) -> Floats:
        scores: Floats = matrix @ (turned @ rows)
        scores += rows.sum(axis=0)
        return scores

    def dot(a: _Point, b: _Point) -> Floats:
        each: Floats = np.einsum("ij,ij->j", a.rows, b.scores)
        return each if loss.apart else each.sum(keepdims=True)

    here = _Point(np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.float32))
    pull = loss.slope(here.scores)
    if start:
        fall = -np.einsum("ij,ij->j", pull, start.point.scores)
        scale, pull = _search(loss, here, start.point, fall if loss.apart else fall.sum(keepdims=True), dot)
        here.add(scale, start.point)
    slope = here.rows + pull
    uphill = _Point(slope, gram(slope))
    pairs: list[tuple[_Point, _Point, Floats]] = []
    first = dot(uphill, uphill)
    for _ in range(steps):
        way = _direction(uphill, pairs, dot)
        step, pull = _search(loss, here, way, -dot(uphill, way), dot)
        here.add(step, way)
        slope = here.rows + pull
        fresh = _Point(slope, gram(slope))
        moved = _Point(step * way.rows, step * way.scores)
        change = fresh.plus(np.float32(-1.0), uphill)
        curved = dot(moved, change)
        pairs = [
            *pairs[-(MEMORY - 1) :],
            (moved, change, np.where(curved > 0, 1.0 / np.maximum(curved, 1e-30), 0.0).astype(np.float32)),
        ]
        uphill = fresh
        left = dot(uphill, uphill)
        if (left <= tolerance * tolerance * np.maximum(first, 1e-30)).all():
            break
    coefficients = np.asarray(turned @ here.rows, dtype=np.float32)
    return Found(coefficients=coefficients, intercepts=here.rows.sum(axis=0), point=here)


def _direction(uphill: _Point, pairs: Sequence[tuple[_Point, _Point, Floats]], dot: Any) -> _Point:
    """Down the hill, bent by what the last steps said of its shape (Nocedal's two loops)."""
    way = _Point(-uphill.rows, -uphill.scores)
    shares = []
    for moved, change, inverse in reversed(pairs):
        share = inverse * dot(moved, way)
        shares.append(share)
        way.add(-share, change)
    if pairs:
        moved, change, inverse = pairs[-1]
        length = dot(change, change)
        scale = np.where(inverse > 0, 1.0 / np.maximum(inverse * length, 1e-30), 1.0).astype(np.float32)
        way = _Point(way.rows * scale, way.scores * scale)
    for (moved, change, inverse), share in zip(pairs, reversed(shares), strict=True):
        way.add(share - inverse * dot(change, way), moved)
    return way


def _search(loss: Loss, here: _Point, way: _Point, fall: Floats, dot: Any) -> tuple[Floats, Floats]:
    """How far to go along `way` (per label where they are apart), and the slope of the loss there. Newton's method."""
    along, square = dot(here, way), np.maximum(dot(way, way), 1e-30)
    bent = loss.bend(here.scores, way.scores) + square
    step = np.clip(fall / bent, 0.0, 1e4).astype(np.float32)
    pull = loss.slope(here.scores)
    for _ in range(TRIES):
        there = here.scores + step * way.scores
        pull = loss.slope(there)
        each: Floats = np.einsum("ij,ij->j", pull, way.scores)
        rising = (each if loss.apart else each.sum(keepdims=True)) + along + step * square
        if (np.abs(rising) <= 0.1 * np.abs(fall) + 1e-12).all():
            break
        bent = loss.bend(there, way.scores) + square
        step = np.clip(step - rising / bent, 0.0, 1e4).astype(np.float32)
    else:
        pull = loss.slope(here.scores + step * way.scores)
    return step, pull
