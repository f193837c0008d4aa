"""The figures a model is judged by: pure functions over arrays.

Shapes: `probabilities` float64 [rows, labels] with rows that sum to one;
`truth` and `chosen` int [rows] index labels. Nothing here trains or reads files.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

BINS = 15


def upper_bound(wrong: int, total: int, *, confidence: float = 0.95) -> float:
    """One-sided Clopper–Pearson upper bound of an error share; 1.0 when nothing was seen."""
    if total <= 0 or wrong >= total:
        return 1.0
    return float(beta.ppf(confidence, wrong + 1, total - wrong))


def lower_bound(wrong: int, total: int, *, confidence: float = 0.95) -> float:
    """One-sided Clopper–Pearson lower bound of an error share; 0.0 when nothing was seen."""
    return 0.0 if wrong <= 0 or total <= 0 else float(beta.ppf(1 - confidence, wrong, total - wrong + 1))


def interval(right: int, total: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided Clopper–Pearson interval of a share."""
    if total <= 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = 0.0 if right == 0 else float(beta.ppf(tail, right, total - right + 1))
    high = 1.0 if right == total else float(beta.ppf(1 - tail, right + 1, total - right))
    return low, high


def accuracy(truth: NDArray[Any], chosen: NDArray[Any]) -> float:
    """The share of right answers; 0.0 of none."""
    return float(np.mean(truth == chosen)) if len(truth) else 0.0


def macro_f1(truth: NDArray[Any], chosen: NDArray[Any]) -> float:
    """The mean F1 over the labels that occur in truth or answer."""
    scores = []
    for label in np.union1d(truth, chosen):
        hit = float(np.sum((truth == label) & (chosen == label)))
        size = float(np.sum(truth == label) + np.sum(chosen == label))
        scores.append(2 * hit / size)
    return float(np.mean(scores)) if scores else 0.0


def ece(confidence: Array, right: Flags, *, bins: int = BINS) -> float:
    """Expected calibration error over `bins` bins of equal width."""
    if not len(confidence):
        return 0.0
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = 0.0
    for b in range(bins):
        inside = place == b
        if inside.any():
            gap += float(inside.mean()) * abs(float(confidence[inside].mean()) - float(right[inside].mean()))
    return gap


def auroc(inside: Array, outside: Array) -> float:
    """The chance that an inside row scores above an outside row, ties half; 0.5 when either is empty."""
    if not len(inside) or not len(outside):
        return 0.5
    ordered = np.sort(outside)
    below = np.searchsorted(ordered, inside, side="left")
    ties = np.searchsorted(ordered, inside, side="right") - below
    return float((below + 0.5 * ties).sum() / (len(inside) * len(outside)))


def coverage_at(confidence: Array, right: Flags, target: float) -> float:
    """The largest share of rows, taken by falling confidence, that is `target` right."""
    if not len(confidence):
        return 0.0
    order = np.argsort(-confidence, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(share >= target)
    return float((good[-1] + 1) / len(order)) if len(good) else 0.0


def softmax(scores: Array) -> Array:
    """Row-wise softmax of float64 [rows, labels]."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    total: Array = shifted / shifted.sum(axis=1, keepdims=True)
    return total
