"""How many labels are wrong at random, and which ones: from held-out probabilities alone.

Owns the estimate that decides whether a desk's labels are trusted as they are.
A wrong click lands on any label, also on one that the folds find least plausible;
a hard mail is mistaken for a *plausible* label. So only the mails that the folds
are surest of are looked at, and only labels from the implausible half are
counted (on BANKING77 and the IT topics with 0, 5, 10 and 20 % of labels flipped:
0.000, 0.054, 0.099, 0.190 and 0.002, 0.046, 0.101, 0.230; measured 2026-11).
Confusion of two categories never counts as noise, so labels are rather trusted
too much than too little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifier.measures import Array, Index, lower_bound

SURE_SHARE = 0.5  # of the held-out rows, by their largest probability
FEWEST_ROWS = 100  # that are sure; fewer prove nothing
MATTERS = 0.02  # a lower bound above this changes how a model is trained


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The share of labels that are wrong at random, and its one-sided 95 % lower bound; 0 when not proven."""

    share: float = 0.0
    least: float = 0.0

    @property
    def matters(self) -> bool:
        return self.least > MATTERS


NONE = Noise()


def estimate(probabilities: Array, truth: Index) -> Noise:
    """The noise in the given labels `truth` of rows whose held-out `probabilities` are [rows, labels]."""
    rows, labels = probabilities.shape
    half = (labels - 1) // 2
    if not half or not rows:
        return NONE
    top = probabilities.max(axis=1)
    sure = np.flatnonzero(top >= np.quantile(top, 1.0 - SURE_SHARE))
    if len(sure) < FEWEST_ROWS:
        return NONE
    given = probabilities[sure, truth[sure]]
    # Labels less plausible than the given one; ties count as more plausible, so that zeros prove nothing.
    below = (probabilities[sure] < given[:, np.newaxis]).sum(axis=1)
    ties = (probabilities[sure] == given[:, np.newaxis]).sum(axis=1)
    hits = int((below + ties - 1 < half).sum())
    scale = (labels - 1) / half
    return Noise(share=min(0.9, hits / len(sure) * scale), least=min(0.9, lower_bound(hits, len(sure)) * scale))


def doubt(probabilities: Array, truth: Index, noise: Noise) -> Array:
    """The chance that each given label is a wrong one, float64 [rows], by Bayes' rule."""
    given = probabilities[np.arange(len(truth)), truth]
    right = (1.0 - noise.share) * given
    wrong = noise.share * (1.0 - given) / max(1, probabilities.shape[1] - 1)
    doubted: Array = wrong / np.maximum(right + wrong, 1e-300)
    return doubted


def likelihood(chance: Array, labels: int, noise: Noise) -> Array:
    """The chance of seeing the given label when its true chance is `chance`."""
    seen: Array = (1.0 - noise.share) * chance + noise.share * (1.0 - chance) / max(1, labels - 1)
    return seen
