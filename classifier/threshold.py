"""From "at most 5 % misrouted" to a least probability per label, held by a confidence bound.

Works on out-of-fold probabilities only. Promises: a label routes without a
person only where the Clopper–Pearson upper bound of the misrouted share is
under the stated risk; a label with too few rows to prove that alone uses the
threshold of all labels together, and a stricter one when it is clearly worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classifier.measures import Array, Flags, Index, lower_bound, upper_bound
from classifier.model import NEVER
from classifier.noise import NONE, Noise

# The bound is asked for less than the stated risk: it pays for looking at many thresholds and for new
# mail that is a little unlike the old (at 0.8 the bound failed on 4 of 5 test sets, docs/classifier.md).
SCAN_SHARE = 0.6
STEPS = 200
FEWEST_ROWS = 5  # below this a label never routes by itself
JUDGED_ROWS = 10  # from this many rows a label can be seen to be worse than the others
CLEARLY = 0.8  # one-sided confidence with which it must be seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Thresholds of one head, and what they did to the rows they were fitted on."""

    thresholds: tuple[float, ...]
    conformal: float
    risk: float
    coverage: float
    misroute: float
    bound: float


def fit_policy(
    probabilities: Array,
    truth: Index,
    *,
    risk: float,
    confidence: float = 0.95,
    never: Sequence[int] = (),
    noise: Noise = NONE,
    able: Flags | None = None,
) -> Policy:
    """The loosest thresholds that keep the misrouted share of routed rows under `risk`.

    `never` lists labels that must not route, whatever their scores. `noise`: of the given labels, how many
    are known to be wrong at random; so many of the mistakes are not the model's. `able` bool
    [rows]: rows that something else keeps from routing are False, and prove nothing.
    """
    best = probabilities.argmax(axis=1)
    top = probabilities[np.arange(len(best)), best]
    right = best == truth
    target, most = (_seen(r, noise, probabilities.shape[1]) for r in (risk * SCAN_SHARE, risk))
    # First the floors of labels that are worse than the stated risk, then one threshold over the rest.
    floors = np.zeros(probabilities.shape[1])
    for label in range(len(floors)):
        mine = best == label if able is None else (best == label) & able
        floors[label] = _floor(top[mine], right[mine], most)
    rows = np.bincount(truth, minlength=len(floors))
    floors[rows < FEWEST_ROWS] = NEVER
    floors[list(never)] = NEVER
    free = np.ones(len(best), dtype=bool) if able is None else able
    high = free & (top >= floors[best])
    shared = loosest(top[high], right[high], risk=target, confidence=confidence)
    thresholds = np.maximum(floors, shared)
    routed = free & (top >= thresholds[best])
    wrong, total = int((~right[routed]).sum()), int(routed.sum())
    return Policy(
        thresholds=tuple(float(t) for t in thresholds),
        conformal=conformal(probabilities, truth, alpha=most),
        risk=risk,
        coverage=total / len(best) if len(best) else 0.0,
        misroute=wrong / total if total else 0.0,
        bound=upper_bound(wrong, total, confidence=confidence),
    )


def _seen(risk: float, noise: Noise, labels: int) -> float:
    """The share of disagreements with the given labels when `risk` of the answers are wrong.

    A wrong label disagrees with a right answer, and by luck agrees with a wrong one.
    """
    share = noise.share if noise.matters else 0.0
    return share + risk * (1.0 - share * labels / max(1, labels - 1))


def loosest(top: Array, right: Flags, *, risk: float, confidence: float) -> float:
    """The least probability above which the bound of the wrong share is under `risk`; `NEVER` if none is."""
    if not len(top):
        return NEVER
    order = np.argsort(-top, kind="stable")
    wrong = np.cumsum(~right[order])
    for count in np.unique(np.linspace(len(top), 1, STEPS).astype(int))[::-1]:
        if upper_bound(int(wrong[count - 1]), int(count), confidence=confidence) <= risk:
            return float(top[order[count - 1]])
    return NEVER


def _floor(top: Array, right: Flags, risk: float) -> float:
    """The least probability from which one label's mistakes are not clearly above the risk."""
    order = np.argsort(top, kind="stable")
    for least in np.unique(np.linspace(0, max(len(order) - JUDGED_ROWS, 0), STEPS // 4).astype(int)):
        chosen = right[order[least:]]
        wrong = int((~chosen).sum())
        if len(chosen) < JUDGED_ROWS or lower_bound(wrong, len(chosen), confidence=CLEARLY) <= risk:
            return float(top[order[least]]) if least else 0.0
    return NEVER


def conformal(probabilities: Array, truth: Index, *, alpha: float) -> float:
    """Split-conformal quantile: sets of labels with probability >= 1 - q hold the truth with 1 - alpha."""
    if not len(truth):
        return 1.0
    misfit = np.sort(1.0 - probabilities[np.arange(len(truth)), truth])
    rank = int(np.ceil((len(truth) + 1) * (1.0 - alpha)))
    return float(misfit[rank - 1]) if rank <= len(truth) else 1.0
