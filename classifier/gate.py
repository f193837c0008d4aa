"""May a new model take the old one's place? A decision with reasons, never an activation.

Promises: both models are asked the same mails; a model is refused when it is
worse on the time split, on the golden set, or on a protected class, beyond what
chance explains (one-sided paired test), or when it saw fewer labels than asked;
every refusal says which and by how much. Pure over the models' `predict`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from classifier.corpus import Row
from classifier.evaluate import document
from classifier.types import Band, Classifier, Document

# One-sided: how sure we must be that the new model is worse before we say so.
CONFIDENCE = 0.95
FEWEST_PROTECTED = 5  # mails of a protected class; fewer prove nothing either way


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What a desk asks of a model before it may route its mail."""

    protected: tuple[str, ...] = ()  # categories that must not get worse
    fewest_labels: int = 0
    most_loss: float = 0.0  # accuracy that may be lost in the measured value, beside the test


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two models on the same mails: who was right where the other was wrong."""

    name: str
    n: int
    old_accuracy: float
    new_accuracy: float
    only_old: int
    only_new: int
    old_misroute: float
    new_misroute: float
    chance: float  # of so many mistakes or more if the new model were as good

    @property
    def worse(self) -> bool:
        """True when the new model is worse beyond chance."""
        return self.only_old > self.only_new and self.chance < 1 - CONFIDENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the model may be activated; each refusal is one sentence for the admin."""

    refusals: tuple[str, ...]
    comparisons: tuple[Comparison, ...]

    @property
    def allowed(self) -> bool:
        return not self.refusals


def compare(name: str, old: Classifier, new: Classifier, rows: Sequence[Row]) -> Comparison:
    """Both models on `rows`; a paired sign test on the mails that only one of them got right."""
    documents = [document(r) for r in rows]
    truth = np.array([r.category for r in rows])
    was, old_routed = _answers(old, documents, truth)
    now, new_routed = _answers(new, documents, truth)
    only_old, only_new = int((was & ~now).sum()), int((now & ~was).sum())
    split = only_old + only_new
    return Comparison(
        name=name,
        n=len(rows),
        old_accuracy=float(was.mean()) if len(rows) else 0.0,
        new_accuracy=float(now.mean()) if len(rows) else 0.0,
        only_old=only_old,
        only_new=only_new,
        old_misroute=_misroute(was, old_routed),
        new_misroute=_misroute(now, new_routed),
        chance=float(binom.sf(only_old - 1, split, 0.5)) if split else 1.0,
    )


def judge(
    old: Classifier | None,
    new: Classifier,
    *,
    time_split: Sequence[Row],
    golden: Sequence[Row] = (),
    labels: int = 0,
    demands: Demands | None = None,
) -> Verdict:
    """Whether `new`, trained on `labels` labels, may replace `old` (None: there is no model yet)."""
    demands = demands or Demands()
    refusals: list[str] = []
    if labels < demands.fewest_labels:
        refusals.append(f"trained on {labels} labels, at least {demands.fewest_labels} are asked for")
    if old is None:
        return Verdict(refusals=tuple(refusals), comparisons=())
    sets = [("time split", tuple(time_split)), ("golden set", tuple(golden))]
    for category in demands.protected:
        mine = tuple(r for _, rows in sets[:2] for r in rows if r.category == category)
        if len(mine) >= FEWEST_PROTECTED:
            sets.append((f"protected class {category}", mine))
    comparisons = tuple(compare(name, old, new, rows) for name, rows in sets if rows)
    refusals.extend(_refusal(c) for c in comparisons if c.worse or _lost(c) > demands.most_loss > 0)
    return Verdict(refusals=tuple(refusals), comparisons=comparisons)


def _lost(comparison: Comparison) -> float:
    return comparison.old_accuracy - comparison.new_accuracy


def _refusal(c: Comparison) -> str:
    return (
        f"worse on the {c.name}: {c.new_accuracy:.1%} right against {c.old_accuracy:.1%} of the active model "
        f"({c.n} mails; {c.only_old} got worse, {c.only_new} better, chance {c.chance:.2g})"
    )


def _answers(
    model: Classifier, documents: list[Document], truth: NDArray[np.str_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    found = model.predict(documents)
    right = np.array([p.category == t for p, t in zip(found, truth, strict=True)], dtype=bool)
    return right, np.array([p.band is Band.AUTOMATIC for p in found], dtype=bool)


def _misroute(right: NDArray[np.bool_], routed: NDArray[np.bool_]) -> float:
    return float((~right[routed]).mean()) if routed.any() else 0.0
