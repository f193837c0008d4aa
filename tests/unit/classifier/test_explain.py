"""Explanations are exact and they matter."""

from __future__ import annotations

import random

import numpy as np
import pytest

from classifier.explain import attribute
from classifier.text import normalise, tokens
from classifier.types import Document
from tests.unit.classifier.build import a_trained, some_rows


def test_shares_add_up() -> None:
    """The words' shares sum to the features' contributions when every piece is a word."""
    vectoriser = a_trained().model.vectoriser
    text = normalise("toner", "the printer on floor is broken and the paper jam too")
    vector = vectoriser.vector(text)
    contributions = (vector.weights * np.linspace(-1, 1, len(vector.ids))).astype(np.float32)

    shares, _ = attribute(vectoriser, vector, text, contributions)

    assert sum(shares.values()) == pytest.approx(float(contributions.sum()), abs=1e-4)


def test_deleting_reasons_hurts_more_than_deleting_other_words() -> None:
    """Without the shown phrases the score falls further than without as many random words."""
    model = a_trained().model
    dice = random.Random(3)
    losses, controls = [], []
    for row in some_rows(20, seed=11):
        [before] = model.predict([Document(subject="", text=row.text)])
        shown = {w for r in before.reasons[:2] for w in r.phrase.split()}
        words = tokens(normalise("", row.text))
        others = [w for w in dict.fromkeys(words) if w not in shown]
        random_words = set(dice.sample(others, min(len(shown), len(others))))
        for gone, drops in ((shown, losses), (random_words, controls)):
            text = " ".join(w for w in words if w not in gone)
            column = next(h for h in model.heads if h.name == "category").labels.index(before.category)
            score = model.scores(model.vectoriser.vector(normalise("", row.text)))[column]
            drops.append(score - model.scores(model.vectoriser.vector(text))[column])
    assert np.mean(losses) > np.mean(controls) + 0.2
