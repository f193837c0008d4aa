"""Text → sparse TF-IDF vector, fast enough to sit beside a mail queue.

Owns the vocabulary and its inverse document frequencies. Word 1–2-grams and
character 3–5-grams inside words, sublinear, each branch scaled to length one:
the same numbers as two scikit-learn `TfidfVectorizer`s side by side (held by a
differential test to 1e-5). Character n-grams depend on the word alone, so they
are cut once per word and remembered: six times faster (0.9 against 5.2 ms for
1.2 kB; measured 2026-11). Needs numpy only; never raises on content.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from classifier.text import chunks, tokens

Ids = NDArray[np.int32]
Floats = NDArray[np.float32]

GRAM_MIN, GRAM_MAX = 3, 5
# A longer piece (base64, a URL's tail) is cut anew each time, so that it cannot push words out of the memo.
MEMO_WORD_CHARS = 40
MEMO_WORDS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """One document: feature ids ascending, their weights, and how much of it the vocabulary knew."""

    ids: Ids
    weights: Floats
    counts: Ids  # how often each feature occurs
    words: int  # distinct words of the document
    known: int  # of these, how many the vocabulary holds
    familiar: float  # the known share, a rare word counting more (by its inverse document frequency), 0..1
    sentence: Floats | None = None  # float32 [dimension], where a model has an encoder


def grams(chunk: str) -> list[str]:
    """The character n-grams of one piece of text, padded with a blank on both sides."""
    padded = f" {chunk} "
    size = len(padded)
    found: list[str] = []
    for n in range(GRAM_MIN, GRAM_MAX + 1):
        if size <= n:
            found.append(padded)
            break
        found.extend(padded[i : i + n] for i in range(size - n + 1))
    return found


def word_grams(words: Sequence[str]) -> list[str]:
    """The words and the pairs of neighbours."""
    return [*words, *(f"{a} {b}" for a, b in pairwise(words))]


def joined(pieces: Sequence[Ids]) -> Ids:
    """Id lists end to end; none give an empty one."""
    return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int32)


class Vectoriser:
    """A fixed vocabulary: `words` are features 0.., `chars` follow them.

    `idf` is float32 [words + chars].
    """

    def __init__(self, words: Sequence[str], chars: Sequence[str], idf: Floats) -> None:
        if len(words) + len(chars) != len(idf):
            raise ValueError("one inverse document frequency per feature")
        self.words = tuple(words)
        self.chars = tuple(chars)
        self.idf = np.ascontiguousarray(idf, dtype=np.float32)
        self._word_ids = {w: i for i, w in enumerate(self.words)}
        self._char_ids = {g: i for i, g in enumerate(self.chars, start=len(self.words))}
        # A word nobody wrote is rarer than the rarest in the vocabulary.
        self.unknown = float(self.idf[: len(self.words)].max(initial=1.0)) + 1.0
        self._memo = lru_cache(maxsize=MEMO_WORDS)(self._cut)

    @property
    def size(self) -> int:
        return len(self.idf)

    def feature(self, index: int) -> str:
        """The n-gram of a feature id."""
        split = len(self.words)
        return self.words[index] if index < split else self.chars[index - split]

    def word_id(self, gram: str) -> int | None:
        """The id of a word or pair of words, None when the vocabulary lacks it."""
        return self._word_ids.get(gram)

    def chunk_ids(self, chunk: str) -> Ids:
        """The ids of the known character n-grams of one piece, with repetitions."""
        return self._memo(chunk) if len(chunk) <= MEMO_WORD_CHARS else self._cut(chunk)

    def vector(self, normalised: str) -> Vector:
        """The vector of a normalised text."""
        words = tokens(normalised)
        look_up = self._word_ids.get
        found = [i for i in map(look_up, word_grams(words)) if i is not None]
        distinct = set(words)
        singles = [i for i in map(look_up, distinct) if i is not None]
        known_mass = float(self.idf[singles].sum()) if singles else 0.0
        mass = known_mass + self.unknown * (len(distinct) - len(singles))
        word_ids, word_weights, word_counts = self._weigh(np.array(found, dtype=np.int32))
        pieces = [self.chunk_ids(c) for c in chunks(normalised)]
        char_ids, char_weights, char_counts = self._weigh(joined(pieces))
        return Vector(
            ids=np.concatenate((word_ids, char_ids)),
            weights=np.concatenate((word_weights, char_weights)),
            counts=np.concatenate((word_counts, char_counts)),
            words=len(distinct),
            known=len(singles),
            familiar=known_mass / mass if mass else 0.0,
        )

    def _cut(self, chunk: str) -> Ids:
        ids = self._char_ids
        return np.array([ids[g] for g in grams(chunk) if g in ids], dtype=np.int32)

    def _weigh(self, occurrences: Ids) -> tuple[Ids, Floats, Ids]:
        ids, counts = np.unique(occurrences, return_counts=True)
        weights = (1.0 + np.log(counts, dtype=np.float32)) * self.idf[ids]
        norm = math.sqrt(float(weights @ weights))
        scaled = (weights / np.float32(norm) if norm > 0 else weights).astype(np.float32, copy=False)
        return ids, scaled, counts.astype(np.int32)
