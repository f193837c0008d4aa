"""A second opinion: the shipped keywords must lead to what the model says before a mail routes by itself.

For models that go to desks they have never seen, where no threshold can be
proven. A bare text (no capital letter, no punctuation: a careless client, or a
publisher who stripped it) is unlike the examples in more than we can see, so it
is asked for three keywords and for a probability that bare texts alone have
proven. Pure functions; standard library and numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from classifier.corpus import Row
from classifier.measures import Array, Flags, Index
from classifier.rules import KeywordRules
from classifier.text import bare
from classifier.threshold import SCAN_SHARE, loosest


def stripped(rows: Sequence[Row]) -> Flags:
    """Which rows are bare."""
    return np.array([bare(r.subject, r.text) for r in rows], dtype=bool)


def agreed(rows: Sequence[Row], labels: Sequence[str], probabilities: Array, rules: KeywordRules) -> Flags:
    """Of which rows the keywords lead to the very label that the folds find likeliest."""
    likeliest, without = probabilities.argmax(axis=1), stripped(rows)
    return np.array(
        [
            rules.agrees(r.normalised, labels[n], stripped=bool(b))
            for r, n, b in zip(rows, likeliest, without, strict=True)
        ],
        dtype=bool,
    )


def bare_least(probabilities: Array, truth: Index, able: Flags, *, risk: float, confidence: float) -> float:
    """The least probability with which bare texts, of which `able` may route, hold the stated risk by themselves."""
    top = probabilities.max(axis=1)[able]
    right = (probabilities.argmax(axis=1) == truth)[able]
    return loosest(top, right, risk=risk * SCAN_SHARE, confidence=confidence)
