"""Ridge regression of labels on waves, for all folds at once. Training only.

Least squares forgive a wrong label where a softmax regression bends to it, so
the two err on different mails. What all folds share is added up once. Promises: a
row's held-out scores come from rows outside its fold; memory does not grow with
the rows beyond one block of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from classifier.measures import Array, Index
from classifier.vector import Floats
from classifier.waves import WAVES, waves

PENALTY = 0.3
BLOCK = 4096


def ridge(vectors: Floats, truth: Index, labels: int, fold: Index, weight: NDArray[np.float32]) -> tuple[Array, Floats]:
    """Scores of each row by rows outside its fold, float64 [rows, labels], and the coefficients of all rows.

    Coefficients are float32 [WAVES, labels] and sum to zero over the labels; the scores of a row of fold -1 are 0.
    """
    target = np.eye(labels, dtype=np.float32)[truth]
    target -= 1.0 / labels
    held = np.zeros((len(truth), labels))
    few = len(truth) <= WAVES
    solve = _ByRows(vectors, target, weight) if few else _ByWaves(vectors, target, weight, fold)
    numbers = [int(n) for n in np.unique(fold[fold >= 0])]
    coefficients = np.zeros((WAVES, labels), dtype=np.float32)
    for number in (*numbers, None):
        coefficients = solve(np.ones(len(truth), dtype=bool) if number is None else fold != number, number)
        if number is not None:
            hold = np.flatnonzero(fold == number)
            for part in _blocks(hold):
                held[part] = waves(vectors[part]) @ coefficients
    return held, coefficients


class _ByRows:
    """For fewer rows than waves: one equation a row."""

    def __init__(self, vectors: Floats, target: Floats, weight: NDArray[np.float32]) -> None:
        self._target = target
        self._weight = weight
        self._waves = waves(vectors)
        self._likeness = self._waves @ self._waves.T

    def __call__(self, learn: NDArray[np.bool_], _number: int | None) -> Floats:
        from scipy import linalg  # noqa: PLC0415 -- training only

        at = np.flatnonzero(learn & (self._weight > 0))
        system = self._likeness[np.ix_(at, at)].astype(np.float64)
        system[np.diag_indices_from(system)] += PENALTY / self._weight[at]
        found: Floats = self._waves[at].T @ linalg.solve(system, self._target[at], assume_a="pos").astype(np.float32)
        return found


class _ByWaves:
    """For more: one equation a wave; each fold's share is added up once and taken off where it is held out."""

    def __init__(self, vectors: Floats, target: Floats, weight: NDArray[np.float32], fold: Index) -> None:
        self._gram: dict[int, Floats] = {}
        self._moment: dict[int, Floats] = {}
        for number in np.unique(fold):
            gram = np.zeros((WAVES, WAVES), dtype=np.float32)
            moment = np.zeros((WAVES, target.shape[1]), dtype=np.float32)
            for part in _blocks(np.flatnonzero(fold == number)):
                found = waves(vectors[part])
                weighed = found * weight[part, np.newaxis]
                gram += found.T @ weighed
                moment += weighed.T @ target[part]
            self._gram[int(number)], self._moment[int(number)] = gram, moment

    def __call__(self, _learn: NDArray[np.bool_], number: int | None) -> Floats:
        from scipy import linalg  # noqa: PLC0415 -- training only

        kept = [n for n in self._gram if n != number]
        system = np.sum([self._gram[n] for n in kept], axis=0)
        system[np.diag_indices_from(system)] += PENALTY
        moment = np.sum([self._moment[n] for n in kept], axis=0)
        found: Floats = linalg.solve(system, moment, assume_a="pos", overwrite_a=True).astype(np.float32)
        return found


def _blocks(rows: Index) -> Iterator[Index]:
    for start in range(0, len(rows), BLOCK):
        yield rows[start : start + BLOCK]
