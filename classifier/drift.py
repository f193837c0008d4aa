"""Have the mails, or the mistakes, changed? Figures for the report and for an automatic rollback.

Pure functions over counts. A rollback is only proposed when the share of
corrected mails rose beyond chance since the model was activated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import hypergeom

SMOOTH = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """How many of the mails a model decided were corrected by an agent."""

    mails: int
    corrected: int

    @property
    def share(self) -> float:
        return self.corrected / self.mails if self.mails else 0.0


def rose(before: Corrections, since: Corrections, *, confidence: float = 0.99) -> bool:
    """True when corrections rose beyond chance (one-sided exact test of Fisher)."""
    if not before.mails or not since.mails:
        return False
    together = before.mails + since.mails
    wrong = before.corrected + since.corrected
    chance = float(hypergeom.sf(since.corrected - 1, together, wrong, since.mails))
    return since.share > before.share and chance < 1 - confidence


def moved(before: Mapping[str, int], now: Mapping[str, int]) -> float:
    """How far two distributions of categories are apart: Jensen–Shannon distance, 0 equal to 1 disjoint."""
    names = sorted({*before, *now})
    if not names or not sum(before.values()) or not sum(now.values()):
        return 0.0
    p, q = (np.array([counts.get(n, 0) + SMOOTH for n in names], dtype=np.float64) for counts in (before, now))
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    divergence = 0.5 * float((p * np.log2(p / middle)).sum() + (q * np.log2(q / middle)).sum())
    return float(np.sqrt(max(0.0, divergence)))
