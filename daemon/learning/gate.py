"""The gate of a desk: the classifier's own comparison, and what a desk asks beside it. Refusals out, nothing activated.

Beside "not worse than the model that serves" a model must beat the largest class, must keep the stated risk on the
mails that measured it, and its labels must not contradict a serving model where that one is sure (wrong labels, or
another world: a person must look; the one rule that an admin may override).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from classifier.catalogue import NOT_FOR_US
from classifier.corpus import Row
from classifier.evaluate import document
from classifier.gate import Comparison, Demands, judge
from classifier.measures import lower_bound
from classifier.types import Band, Classifier

OVERRIDABLE = frozenset({"labels-disagree"})
FEWEST_MEASURED = 20  # mails; with fewer nothing can be said


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why not; `rule` names it.

    fewest-labels, too-few-to-measure, time-split, golden-set, protected-class-NAME, majority, misroute or
    labels-disagree.
    """

    rule: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is asked: `labels` were learned from; `risk` is the share of misroutes that was stated in training."""

    labels: int
    fewest_labels: int = 0
    risk: float = 0.05
    protected: tuple[str, ...] = ()
    trusted: bool = True  # the old model was trained for this desk: where it is sure it should be right


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """All rules that are broken (none: it may serve), and the comparisons they rest on."""

    refusals: tuple[Refusal, ...]
    comparisons: tuple[Comparison, ...] = ()


def judgement(
    new: Classifier, old: Classifier | None, held: Sequence[Row], golden: Sequence[Row], terms: Terms
) -> Judgement:
    """Whether `new` may take the place of `old`, by the mails `held` that neither has learned from."""
    ours = [row for row in held if row.category != NOT_FOR_US]
    demands = Demands(protected=terms.protected, fewest_labels=terms.fewest_labels)
    verdict = judge(old, new, time_split=ours, golden=golden, labels=terms.labels, demands=demands)
    found: list[Refusal] = []
    worse = [comparison for comparison in verdict.comparisons if comparison.worse]
    sentences = list(verdict.refusals)
    if terms.labels < terms.fewest_labels:
        found.append(Refusal(rule="fewest-labels", words=sentences.pop(0)))
    found += [
        Refusal(rule=comparison.name.replace(" ", "-"), words=words)
        for comparison, words in zip(worse, sentences, strict=True)
    ]
    if len(ours) < FEWEST_MEASURED:
        words = f"{len(ours)} mails to measure on, at least {FEWEST_MEASURED} are needed"
        found.append(Refusal(rule="too-few-to-measure", words=words))
    found.extend(_own_rules(new, old, ours, terms))
    return Judgement(refusals=tuple(found), comparisons=verdict.comparisons)


def _own_rules(new: Classifier, old: Classifier | None, ours: Sequence[Row], terms: Terms) -> list[Refusal]:
    found: list[Refusal] = []
    if not ours:
        return found
    truth = [row.category for row in ours]
    said = new.predict([document(row) for row in ours])
    right = sum(1 for each, label in zip(said, truth, strict=True) if each.category == label)
    largest = max(truth.count(label) for label in set(truth))
    if right <= largest and len(set(truth)) > 1:
        words = f"{right / len(truth):.1%} right; always saying the largest class would be {largest / len(truth):.1%}"
        found.append(Refusal(rule="majority", words=words))
    wrong, routed = _routed(new, ours)
    if lower_bound(wrong, routed) > terms.risk:
        words = f"{wrong} of {routed} routed mails were wrong; {terms.risk:.0%} are allowed"
        found.append(Refusal(rule="misroute", words=words))
    if old is not None and terms.trusted:
        wrong, routed = _routed(old, ours)
        if lower_bound(wrong, routed) > 2 * terms.risk:
            words = (
                f"the serving model contradicts {wrong} of {routed} labels where it is sure (firstline labels check)"
            )
            found.append(Refusal(rule="labels-disagree", words=words))
    return found


def _routed(model: Classifier, rows: Sequence[Row]) -> tuple[int, int]:
    """(wrong, all) of what the model would route by itself."""
    said = model.predict([document(row) for row in rows])
    sent = [(each.category, row.category) for each, row in zip(said, rows, strict=True) if each.band is Band.AUTOMATIC]
    return sum(1 for category, label in sent if category != label), len(sent)
