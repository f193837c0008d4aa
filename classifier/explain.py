"""Why a linear model chose what it chose: the words of the mail and what each added.

A linear score is a sum over features, so the shares are exact, not estimated.
Character n-grams mean nothing to a reader: each is booked to the word it was
cut from, a pair of words in halves to both. Deleting the shown phrases lowers
the score more than deleting others (tested). Never raises on content.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from classifier.text import ADDRESS, LINK, NUMBER, chunks, tokens
from classifier.types import Reason
from classifier.vector import MEMO_WORD_CHARS, MEMO_WORDS, Floats, Vector, Vectoriser, joined

_PLACEHOLDERS = frozenset({ADDRESS, LINK, NUMBER})
_PHRASE_CHARS = 60


def reasons(
    vectoriser: Vectoriser, vector: Vector, normalised: str, contributions: Floats, *, limit: int
) -> tuple[Reason, ...]:
    """The `limit` phrases that spoke most for the decision, strongest first.

    `contributions`: float32 [features of the vector], log-odds of the choice over the runner-up.
    """
    shares, pairs = attribute(vectoriser, vector, normalised, contributions)
    strongest = sorted((w for w in shares if w not in _PLACEHOLDERS), key=lambda w: (-shares[w], w))
    best = [w for w in strongest[: 2 * limit] if shares[w] > 0]
    return tuple(_phrases(best, shares, pairs)[:limit])


def attribute(
    vectoriser: Vectoriser, vector: Vector, normalised: str, contributions: Floats
) -> tuple[dict[str, float], dict[tuple[str, str], float]]:
    """Each word's share of the score, and the part of it that pairs of neighbours brought."""
    each = np.zeros(vectoriser.size, dtype=np.float32)
    values = contributions / vector.counts
    each[vector.ids] = values
    # One word at a time is quicker out of a dict than out of an array (numpy makes an object of each).
    known = dict(zip(vector.ids.tolist(), values.tolist(), strict=True))
    shares = _from_chars(vectoriser, normalised, each)
    words = tokens(normalised)
    for word in words:
        number = vectoriser.word_id(word)
        shares[word] = shares.get(word, 0.0) + (known.get(number, 0.0) if number is not None else 0.0)
    pairs: dict[tuple[str, str], float] = {}
    for a, b in pairwise(words):
        number = vectoriser.word_id(f"{a} {b}")
        if number is not None:
            half = known.get(number, 0.0) / 2
            shares[a] += half
            shares[b] += half
            pairs[a, b] = pairs.get((a, b), 0.0) + 2 * half
    return shares, pairs


def _from_chars(vectoriser: Vectoriser, normalised: str, each: Floats) -> dict[str, float]:
    pieces = chunks(normalised)
    cut = [vectoriser.chunk_ids(p) for p in pieces]
    owner = np.repeat(np.arange(len(cut)), list(map(len, cut)))
    sums = np.bincount(owner, weights=each[joined(cut)], minlength=len(cut))
    shares: dict[str, float] = {}
    for piece, value in zip(pieces, sums.tolist(), strict=True):
        inside = _inside(piece) if len(piece) <= MEMO_WORD_CHARS else tuple(tokens(piece))
        for word in inside:
            shares[word] = shares.get(word, 0.0) + value / len(inside)
    return shares


@lru_cache(maxsize=MEMO_WORDS)
def _inside(piece: str) -> tuple[str, ...]:
    """The words of one piece, remembered: a search per word of the mail was a fifth of the explanation."""
    return tuple(tokens(piece))


def _phrases(best: Sequence[str], shares: dict[str, float], pairs: dict[tuple[str, str], float]) -> list[Reason]:
    """Two strong words that stand side by side and help as a pair are shown as one phrase."""
    left = dict.fromkeys(best)
    found: list[Reason] = []
    for (a, b), value in sorted(pairs.items(), key=lambda p: (-p[1], p[0])):
        if value > 0 and a != b and a in left and b in left:
            found.append(Reason(phrase=f"{a} {b}"[:_PHRASE_CHARS], weight=shares[a] + shares[b]))
            del left[a], left[b]
    found.extend(Reason(phrase=w[:_PHRASE_CHARS], weight=shares[w]) for w in left)
    return sorted(found, key=lambda r: (-r.weight, r.phrase))
