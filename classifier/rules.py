"""Keyword rules with the `Classifier` protocol: what routes mail when there is no model.

Owns the match of keywords to words. Promises: never sure of itself — the
band is *suggest* at best, unless several different keywords of one category
and none of any other appear; nothing found means *human*. Linear in the
length of the text. Standard library and `classifier.text` only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from classifier.catalogue import DEFAULT, Catalogue
from classifier.text import normalise, tokens
from classifier.types import Band, Choice, Document, Prediction, Reason

# Four different keywords of one category and none of another: rare, and then right (see docs/classifier.md).
OVERWHELMING = 4
LONGEST_PHRASE = 4  # words
BARE_KEYWORDS = 3
KEYWORDS = Path(__file__).with_name("keywords.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordRules:
    """A classifier of keywords: `phrases` maps a normalised phrase to the categories it speaks for."""

    model_id: str
    phrases: Mapping[str, tuple[str, ...]]
    catalogue: Catalogue

    @classmethod
    def of(cls, keywords: Mapping[str, Sequence[str]], catalogue: Catalogue) -> KeywordRules:
        """Rules from category → keywords; a category that the catalogue lacks is left out."""
        phrases: dict[str, tuple[str, ...]] = {}
        for category in catalogue.ids:
            for keyword in keywords.get(category, ()):
                phrase = " ".join(tokens(normalise("", keyword))[:LONGEST_PHRASE])
                if phrase and category not in phrases.get(phrase, ()):
                    phrases[phrase] = (*phrases.get(phrase, ()), category)
        digest = hashlib.sha256(repr((sorted(phrases.items()), catalogue)).encode()).hexdigest()
        return cls(model_id=f"rules-{digest[:12]}", phrases=phrases, catalogue=catalogue)

    def predict(self, documents: list[Document]) -> list[Prediction]:
        """One prediction per document, in order."""
        return [self._predict(d) for d in documents]

    def leads(self, normalised: str, least: int = 1) -> str:
        """The category that more different keywords (`least` or more) speak for than for any other; "" when none."""
        scores = self._scores(self._hits(tokens(normalised)))
        first, second = (*sorted(scores.values(), reverse=True), 0.0)[:2]
        return max(scores, key=lambda c: scores[c]) if first > second and first >= least else ""

    def agrees(self, normalised: str, label: str, *, stripped: bool) -> bool:
        """Whether enough keywords lead to `label`; of a text without capitals and punctuation more are asked."""
        return self.leads(normalised, BARE_KEYWORDS if stripped else 1) == label

    def _scores(self, hits: Mapping[str, tuple[str, ...]]) -> dict[str, float]:
        return {c: float(sum(1 for found in hits.values() if c in found)) for c in self.catalogue.ids}

    def _predict(self, document: Document) -> Prediction:
        hits = self._hits(tokens(normalise(document.subject, document.text)))
        scores = self._scores(hits)
        ranked = sorted(scores, key=lambda c: -scores[c])
        total = sum(scores.values())
        best = ranked[0] if total else _last_resort(self.catalogue)
        entry = self.catalogue.find(best)
        # Laplace: one hit of eleven categories is 0.17, four hits alone are 0.33; never near certainty.
        mass = total + len(ranked)
        return Prediction(
            category=best,
            tier=entry.default_tier if entry else 1,
            kind="other",
            confidence=(scores[best] + 1.0) / mass,
            band=_band(scores[best], total),
            model_id=self.model_id,
            runner_up=_choice(next(c for c in ranked if c != best), scores, mass) if len(ranked) > 1 else None,
            candidates=tuple(_choice(c, scores, mass) for c in ranked[:5] if scores[c]),
            reasons=tuple(Reason(phrase=p, weight=1.0) for p, found in hits.items() if best in found)[:5],
        )

    def _hits(self, words: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The phrases in the text, each once, longer ones before the shorter ones inside them."""
        hits: dict[str, tuple[str, ...]] = {}
        start = 0
        while start < len(words):
            for size in range(LONGEST_PHRASE, 0, -1):
                phrase = " ".join(words[start : start + size])
                if phrase in self.phrases:
                    hits.setdefault(phrase, self.phrases[phrase])
                    start += size
                    break
            else:
                start += 1
        return hits


def default(catalogue: Catalogue = DEFAULT) -> KeywordRules:
    """The rules that ship: the default catalogue in eight languages, with the catalogue's own keywords added."""
    return KeywordRules.of(keywords(catalogue), catalogue)


def keywords(catalogue: Catalogue = DEFAULT) -> dict[str, list[str]]:
    """Category → keywords: the catalogue's own, then those that ship for categories of the same id."""
    shipped = json.loads(KEYWORDS.read_text(encoding="utf-8"))
    return {
        c.id: [*c.keywords, *(word for words in shipped.get(c.id, {}).values() for word in words)]
        for c in catalogue.categories
    }


def _band(best: float, total: float) -> Band:
    if not total:
        return Band.HUMAN
    return Band.AUTOMATIC if best == total and best >= OVERWHELMING else Band.SUGGEST


def _choice(category: str, scores: Mapping[str, float], mass: float) -> Choice:
    return Choice(label=category, probability=(scores[category] + 1.0) / mass)


def _last_resort(catalogue: Catalogue) -> str:
    return "other" if "other" in catalogue.ids else catalogue.ids[-1]
