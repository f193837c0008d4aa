"""The model: independent linear heads on one vector, made consistent by the catalogue, banded by honesty.

Owns prediction. Promises: every label comes from the closed set; a tier that the
catalogue forbids for the category never wins; the order and length of the input
are kept; nothing a mail contains makes it raise. Empty, unfamiliar and
out-of-scope texts go to a person. Needs numpy only: no scikit-learn at run time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier.catalogue import NOT_FOR_US, TIERS, Catalogue
from classifier.explain import reasons
from classifier.rules import KeywordRules
from classifier.sentence import Sentences, share
from classifier.text import bare, normalise
from classifier.types import Band, Choice, Document, Prediction, Reason
from classifier.vector import Floats, Ids, Vector, Vectoriser

Array = NDArray[np.float64]

NEVER = 2.0  # a threshold no probability reaches
SUGGESTIONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The coefficients of all heads as whole numbers of a step per column.

    One byte each is a quarter of the memory and lets 150 categories fit 1.5 MB on disk; 99.9 % of the
    labels of BANKING77's test part stay the same and accuracy is equal (measured 2026-11).
    `codes`: int8 [features, columns], C order, so that one document reads a few hundred short rows;
    `steps`, `intercepts`: float32 [columns].
    """

    codes: NDArray[np.int8]
    steps: Floats
    intercepts: Floats

    @classmethod
    def of(cls, coefficients: NDArray[Any], intercepts: NDArray[Any]) -> Weights:
        """Rounds real coefficients [features, columns]."""
        peak = np.abs(coefficients).max(axis=0, initial=0.0)
        steps = np.where(peak > 0, peak / 127.0, 1.0).astype(np.float32)
        codes = np.rint(coefficients / steps).astype(np.int8)
        return cls(codes=np.ascontiguousarray(codes), steps=steps, intercepts=intercepts.astype(np.float32))

    def product(self, vector: Vector) -> Floats:
        """The decision values of one document, float32 [columns]."""
        taken: Floats = vector.weights @ self.codes[vector.ids].astype(np.float32)
        return taken * self.steps + self.intercepts

    def column(self, ids: Ids, column: int) -> Floats:
        """The coefficients of some features in one column, float32 [ids]."""
        taken: Floats = self.codes[ids, column].astype(np.float32) * self.steps[column]
        return taken

    def products(self, matrix: Any) -> Array:
        """The decision values of many documents (CSR [rows, features]), float64 [rows, columns]."""
        dense = self.codes.astype(np.float32)
        return np.asarray(matrix @ dense, dtype=np.float64) * self.steps + self.intercepts


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One question asked of the vector: its closed answers and how far each is trusted."""

    name: str  # category, tier, kind, urgency, spam
    labels: tuple[str, ...]
    temperature: float
    thresholds: tuple[float, ...]  # per label: the least probability that decides without a person
    conformal: float = 1.0  # a label with probability >= 1 - conformal is in the suggestion set


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Mean and spread of a figure over the desk's own mails."""

    mean: float = 0.0
    spread: float = 1.0

    @classmethod
    def of(cls, values: Array) -> Scale:
        """The scale of `values`, float64 [rows]."""
        return cls(mean=float(values.mean()), spread=float(values.std()) or 1.0)

    def standard(self, value: float) -> float:
        """`value` in spreads above the mean."""
        return (value - self.mean) / self.spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What one text shows of whether it is the desk's business.

    `energy`: how strongly it moved any of the desk's labels (log-sum-exp of the scaled scores).
    `reject`: log-odds of the best of "not for us" over them; 0 without such examples.
    """

    energy: float
    familiar: float
    reject: float
    near: float = 0.0  # cosine to the nearest middle of the desk's mails; 0 without an encoder

    @classmethod
    def of(cls, labels: tuple[str, ...], scores: Array, familiar: float, near: float = 0.0) -> Signs:
        """The signs in the scaled scores [labels] of the category head."""
        if NOT_FOR_US not in labels:
            return cls(energy=_log_sum_exp(scores), familiar=familiar, reject=0.0, near=near)
        at = labels.index(NOT_FOR_US)
        moved = _log_sum_exp(np.delete(scores, at))
        return cls(energy=moved, familiar=familiar, reject=float(scores[at]) - moved, near=near)


# Energy alone separates out-of-scope questions with AUROC 0.945, the share of known words alone with
# 0.872, both with 0.963 (CLINC150, validation and training questions; measured 2026-11, docs/classifier.md).
FAMILIAR_SHARE = 0.4
REJECT_SHARE = 0.7  # of the log-odds of "not for us", when there were examples of it
NEAR_SHARE = 1.0  # of nearness, with an encoder: 0.982 for energy alone, 0.991 for both (as above; docs/classifier.md)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """When a text is not the desk's business, whatever the heads say."""

    energy: Scale = Scale()
    familiar: Scale = Scale()
    reject: Scale = Scale()
    near: Scale = Scale()
    familiar_share: float = FAMILIAR_SHARE
    near_share: float = 0.0
    least: float = -np.inf  # of `belongs`
    least_familiar: float = 0.0
    confidence: float = 0.0  # below it even the best guess is not worth a suggestion
    bare_least: float = 0.0  # of the probability, for a text without capitals and punctuation
    tier_decides: bool = True  # an unsure tier keeps a mail from routing by itself
    languages: tuple[str, ...] = ()  # trained languages; a document known to be in another goes to a person

    def belongs(self, signs: Signs) -> float:
        """How much a text looks like the desk's own: high for its mails, low for everything else."""
        return (
            self.energy.standard(signs.energy)
            + self.familiar_share * self.familiar.standard(signs.familiar)
            + self.near_share * self.near.standard(signs.near)
            - REJECT_SHARE * self.reject.standard(signs.reject)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One head's view of one document: probabilities over the allowed labels."""

    head: Head
    scores: Array  # float64 [labels], divided by the temperature
    probabilities: Array  # float64 [labels]

    @property
    def best(self) -> int:
        return int(self.probabilities.argmax())


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearModel:
    """The `Classifier` that training makes and an artifact holds.

    The heads' labels own the columns of the weights from left to right in the order of `heads`.
    """

    model_id: str
    vectoriser: Vectoriser
    heads: tuple[Head, ...]
    weights: Weights
    scope: Scope
    catalogue: Catalogue
    explained: int = 5  # how many reasons a prediction carries
    card: dict[str, object] = field(default_factory=dict)
    rules: KeywordRules | None = None  # a second opinion that must agree before a mail routes by itself
    sentences: Sentences | None = None  # what an encoder adds, where it adds enough

    def predict(self, documents: list[Document]) -> list[Prediction]:
        """One prediction per document, in order."""
        return [self._predict(d) for d in documents]

    def vector(self, normalised: str) -> Vector:
        """All that the heads look at."""
        words = self.vectoriser.vector(normalised)
        if self.sentences is None:
            return words
        return replace(words, sentence=self.sentences.encode([normalised])[0])

    def scores(self, vector: Vector) -> Array:
        """The raw decision values of every column, float64 [columns]."""
        values = self.weights.product(vector).astype(np.float64)
        if self.sentences is not None and vector.sentence is not None:
            values += self.sentences.scores(vector.sentence)
        return values

    def columns(self, head: Head) -> slice:
        """The columns of the weights that belong to `head`."""
        start = 0
        for other in self.heads:
            if other is head:
                return slice(start, start + len(head.labels))
            start += len(other.labels)
        raise KeyError(head.name)

    def answers(self, vector: Vector) -> dict[str, Answer]:
        """Each head's calibrated probabilities."""
        values = self.scores(vector)
        found = {}
        for head in self.heads:
            scaled = values[self.columns(head)] / head.temperature
            found[head.name] = Answer(head=head, scores=scaled, probabilities=_softmax(scaled))
        return found

    def _predict(self, document: Document) -> Prediction:
        normalised = normalise(document.subject, document.text)
        vector = self.vector(normalised)
        answers = self.answers(vector)
        category = answers["category"]
        ranked = [int(i) for i in np.argsort(-category.probabilities, kind="stable")]
        ours = [i for i in ranked if category.head.labels[i] != NOT_FOR_US]
        best = ours[0]
        label = category.head.labels[best]
        confidence = float(category.probabilities[best])
        tier = self._tier(answers.get("tier"), label)
        spam = answers.get("spam")
        near = 0.0
        if self.sentences is not None and vector.sentence is not None:
            near = self.sentences.nearness(vector.sentence)
        belongs = self.scope.belongs(Signs.of(category.head.labels, category.scores, vector.familiar, near))
        band = self._band(document, vector, category, belongs, tier)
        return Prediction(
            category=label,
            tier=tier.number,
            kind=_label(answers.get("kind"), "other"),
            confidence=confidence,
            band=self._agreed(document, normalised, label, confidence, band),
            belongs=belongs,
            model_id=self.model_id,
            tier_confidence=tier.confidence,
            tier_sure=tier.sure,
            runner_up=_choice(category, ours[1]) if len(ours) > 1 else None,
            candidates=self._candidates(category, ours),
            urgency=_label(answers.get("urgency"), ""),
            spam=float(spam.probabilities[spam.head.labels.index("yes")]) if spam else 0.0,
            reasons=self._reasons(normalised, vector, category.head, best, ours),
            by_sentence=self._by_sentence(vector, category, best, ours),
        )

    def _band(self, document: Document, vector: Vector, answer: Answer, belongs: float, tier: _Tier) -> Band:
        """`answer` is the category head's; what speaks against the desk outweighs any probability."""
        scope, best = self.scope, answer.head.labels[answer.best]
        confidence = float(answer.probabilities[answer.best])
        foreign = bool(scope.languages) and document.language not in {"", *scope.languages}
        strange = not vector.known or vector.familiar < scope.least_familiar or belongs < scope.least
        if foreign or strange or best == NOT_FOR_US or confidence < scope.confidence:
            return Band.HUMAN
        sure = confidence >= answer.head.thresholds[answer.best] and (tier.sure or not tier.asked)
        return Band.AUTOMATIC if sure else Band.SUGGEST

    def _agreed(self, document: Document, normalised: str, label: str, confidence: float, band: Band) -> Band:
        """Where there is a second opinion, nothing routes by itself against it or without it."""
        if band is not Band.AUTOMATIC or self.rules is None:
            return band
        stripped = bare(document.subject, document.text)
        enough = confidence >= self.scope.bare_least if stripped else True
        sure = enough and self.rules.agrees(normalised, label, stripped=stripped)
        return Band.AUTOMATIC if sure else Band.SUGGEST

    def _tier(self, answer: Answer | None, category: str) -> _Tier:
        """The likeliest tier that the catalogue allows; without any evidence the category's own."""
        entry = self.catalogue.find(category)
        allowed = [t for t in TIERS if entry is None or entry.allows(t)]
        known = [i for i, t in enumerate(answer.head.labels) if int(t) in allowed] if answer else []
        if answer is None or not known:
            return _Tier(entry.default_tier if entry else allowed[0], 0.0, sure=False, asked=False)
        mass = answer.probabilities[known]
        place = int(mass.argmax())
        confidence = float(mass[place] / mass.sum())
        sure = confidence >= answer.head.thresholds[known[place]]
        return _Tier(int(answer.head.labels[known[place]]), confidence, sure=sure, asked=self.scope.tier_decides)

    def _candidates(self, category: Answer, ours: list[int]) -> tuple[Choice, ...]:
        # The smallest probability the conformal set takes; the best guess is always shown.
        least = 1.0 - category.head.conformal
        wanted = [i for n, i in enumerate(ours) if n == 0 or category.probabilities[i] >= least]
        return tuple(_choice(category, i) for i in wanted[:SUGGESTIONS])

    def _reasons(self, normalised: str, vector: Vector, head: Head, best: int, ours: list[int]) -> tuple[Reason, ...]:
        if not self.explained or not len(vector.ids):
            return ()
        start = self.columns(head).start
        for_it = self.weights.column(vector.ids, start + best)
        against = self.weights.column(vector.ids, start + ours[1]) if len(ours) > 1 else np.float32(0.0)
        contributions: Floats = (vector.weights * (for_it - against) / head.temperature).astype(np.float32)
        return reasons(self.vectoriser, vector, normalised, contributions, limit=self.explained)

    def _by_sentence(self, vector: Vector, category: Answer, best: int, ours: list[int]) -> float:
        """The rest of the log-odds over the runner-up, without the intercepts, is the words' (and their reasons')."""
        if self.sentences is None or vector.sentence is None:
            return 0.0
        start = self.columns(category.head).start
        other = ours[1] if len(ours) > 1 else best
        columns = [start + best, start + other]
        said, bias = self.sentences.scores(vector.sentence)[columns], self.weights.intercepts[columns]
        sentence = float(said[0] - said[1]) / category.head.temperature
        intercept = float(bias[0] - bias[1]) / category.head.temperature
        words = float(category.scores[best] - category.scores[other]) - sentence - intercept
        return share(sentence, words)


class _Tier(NamedTuple):
    number: int
    confidence: float
    sure: bool
    asked: bool  # whether an unsure tier keeps the mail from routing by itself


def _log_sum_exp(scores: Array) -> float:
    peak = float(scores.max())
    return peak + float(np.log(np.exp(scores - peak).sum()))


def _softmax(scores: Array) -> Array:
    shifted = np.exp(scores - scores.max())
    total: Array = shifted / shifted.sum()
    return total


def _choice(answer: Answer, index: int) -> Choice:
    return Choice(label=answer.head.labels[index], probability=float(answer.probabilities[index]))


def _label(answer: Answer | None, missing: str) -> str:
    return answer.head.labels[answer.best] if answer else missing
