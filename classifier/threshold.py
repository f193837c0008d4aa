"""From "at most 5 % misrouted" to a least probability per label, held by a confidence bound.

Works on out-of-fold probabilities only. Promises: a label routes without a
person only where the Clopper–Pearson upper bound of the misrouted share is
under the stated risk; a label with too few rows to prove that alone uses the
threshold of all labels together, and never routes when it looks worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classifier.measures import Array, Flags, Index, upper_bound
from classifier.model import NEVER

# Thresholds are picked by looking at many: the bound is asked for a little less than the stated
# risk, which pays for the look (aim a point higher; measured 2026-11: target 95 % gave 94.0-96.5 %).
SCAN_SHARE = 0.8
STEPS = 200
FEWEST_ROWS = 5  # below this a label never routes by itself
JUDGED_ROWS = 10  # from this many routed rows a label can be seen to be worse than the others


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
    probabilities: Array, truth: Index, *, risk: float, confidence: float = 0.95, never: Sequence[int] = ()
) -> Policy:
    """The loosest thresholds that keep the misrouted share of routed rows under `risk`.

    `never` lists labels that must not route, whatever their scores.
    """
    best = probabilities.argmax(axis=1)
    top = probabilities[np.arange(len(best)), best]
    right = best == truth
    target = risk * SCAN_SHARE
    shared = loosest(top, right, risk=target, confidence=confidence)
    thresholds = np.full(probabilities.shape[1], shared)
    for label in range(probabilities.shape[1]):
        mine = best == label
        thresholds[label] = _for_label(top[mine], right[mine], shared, risk=risk, confidence=confidence)
    rows = np.bincount(truth, minlength=probabilities.shape[1])
    thresholds[rows < FEWEST_ROWS] = NEVER
    thresholds[list(never)] = NEVER
    routed = top >= thresholds[best]
    if upper_bound(int((~right[routed]).sum()), int(routed.sum()), confidence=confidence) > risk:
        thresholds = np.maximum(thresholds, shared)
        routed = top >= thresholds[best]
    wrong, total = int((~right[routed]).sum()), int(routed.sum())
    return Policy(
        thresholds=tuple(float(t) for t in thresholds),
        conformal=conformal(probabilities, truth, alpha=risk),
        risk=risk,
        coverage=total / len(best) if len(best) else 0.0,
        misroute=wrong / total if total else 0.0,
        bound=upper_bound(wrong, total, confidence=confidence),
    )


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


def _for_label(top: Array, right: Flags, shared: float, *, risk: float, confidence: float) -> float:
    """One label's threshold, given the threshold of all labels together."""
    own = loosest(top, right, risk=risk * SCAN_SHARE, confidence=confidence)
    if own < shared:
        return own
    routed = np.sort(top[top >= shared])
    if len(routed) < JUDGED_ROWS:
        return shared
    for least in routed:
        chosen = right[top >= least]
        if len(chosen) < JUDGED_ROWS:
            break
        if float((~chosen).mean()) <= risk:
            return max(shared, float(least))
    return NEVER


def conformal(probabilities: Array, truth: Index, *, alpha: float) -> float:
    """Split-conformal quantile: sets of labels with probability >= 1 - q hold the truth with 1 - alpha."""
    if not len(truth):
        return 1.0
    misfit = np.sort(1.0 - probabilities[np.arange(len(truth)), truth])
    rank = int(np.ceil((len(truth) + 1) * (1.0 - alpha)))
    return float(misfit[rank - 1]) if rank <= len(truth) else 1.0
