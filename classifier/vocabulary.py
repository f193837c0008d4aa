"""Learns a vocabulary from texts: which n-grams are worth a feature, and their document frequencies.

Promises: deterministic, one pass over the text, and no feature that fewer than
`min_senders` distinct senders wrote, so that a model trained on people's mail
does not memorise one person's words (words given in `exempt` stay). Training
only; needs numpy and scipy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from classifier.text import chunks, tokens
from classifier.vector import Floats, Vectoriser, grams, word_grams

# Above this many texts an n-gram seen once is noise that only costs memory.
RARE_FROM_TEXTS = 2000
FEATURES_PER_BRANCH = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A vocabulary and the training texts in it.

    `matrix`: float32 CSR [texts, features], word and character branch each of length one.
    `familiar`: float64 [texts], what `Vector.familiar` would be had the text not been learned from.
    """

    vectoriser: Vectoriser
    matrix: sparse.csr_matrix
    familiar: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an n-gram must be to become a feature."""

    per_branch: int = FEATURES_PER_BRANCH
    min_texts: int = 0  # 0: two from `RARE_FROM_TEXTS` texts on, else one
    min_senders: int = 0  # distinct senders who wrote it; 0 asks for no sender
    exempt: tuple[str, ...] = ()  # stay although few senders wrote them


def learn(texts: Sequence[str], limits: Limits, *, senders: Sequence[str] = ()) -> Learned:
    """Vocabulary and matrix of normalised `texts`; `senders` (one per text) only matter with `min_senders`."""
    if not limits.min_texts:
        limits = replace(limits, min_texts=2 if len(texts) > RARE_FROM_TEXTS else 1)
    branches = [_branch(texts, cut, senders, limits) for cut in (_cut_words, _CutChars())]
    (words, word_counts, word_df), (chars, char_counts, char_df) = branches
    idf = np.concatenate([_idf(df, len(texts)) for df in (word_df, char_df)])
    vectoriser = Vectoriser(words, chars, idf)
    split = len(words)
    matrix = sparse.hstack([weigh(word_counts, idf[:split]), weigh(char_counts, idf[split:])], format="csr")
    weight = {
        w: float(i) for w, i, df in zip(words, idf, word_df, strict=False) if df > limits.min_texts and " " not in w
    }
    familiar = _familiar(texts, weight, vectoriser.unknown)
    return Learned(vectoriser=vectoriser, matrix=matrix, familiar=familiar)


def weigh(counts: sparse.csr_matrix, idf: Floats) -> sparse.csr_matrix:
    """Sublinear TF-IDF of a count matrix [texts, features of one branch], rows of length one, float32."""
    data = (1.0 + np.log(counts.data, dtype=np.float32)) * idf[counts.indices]
    return rescale(sparse.csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape))


def rescale(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """The same rows with length one; an empty row stays empty."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64).ravel())
    lengths[lengths == 0] = 1.0
    data = matrix.data / np.repeat(lengths, np.diff(matrix.indptr))
    return sparse.csr_matrix((data.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def as_matrix(vectoriser: Vectoriser, texts: Sequence[str]) -> sparse.csr_matrix:
    """The vectors of normalised texts as float32 CSR [texts, features]."""
    vectors = [vectoriser.vector(t) for t in texts]
    starts = np.cumsum([0, *(len(v.ids) for v in vectors)])
    empty = np.empty(0, dtype=np.float32)
    return sparse.csr_matrix(
        (
            np.concatenate([empty, *(v.weights for v in vectors)]),
            np.concatenate([empty.astype(np.int32), *(v.ids for v in vectors)]),
            starts,
        ),
        shape=(len(texts), vectoriser.size),
    )


Cut = Callable[[str, dict[str, int]], NDArray[np.int32]]


def _cut_words(text: str, ids: dict[str, int]) -> NDArray[np.int32]:
    return np.array([ids.setdefault(g, len(ids)) for g in word_grams(tokens(text))], dtype=np.int32)


class _CutChars:
    """Cuts character n-grams, remembering each piece of text it has seen."""

    def __init__(self) -> None:
        self._seen: dict[str, NDArray[np.int32]] = {}

    def __call__(self, text: str, ids: dict[str, int]) -> NDArray[np.int32]:
        pieces = [self._piece(c, ids) for c in chunks(text)]
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int32)

    def _piece(self, chunk: str, ids: dict[str, int]) -> NDArray[np.int32]:
        if chunk not in self._seen:
            cut = np.array([ids.setdefault(g, len(ids)) for g in grams(chunk)], dtype=np.int32)
            self._seen[chunk] = cut
        return self._seen[chunk]


def _branch(
    texts: Sequence[str], cut: Cut, senders: Sequence[str], limits: Limits
) -> tuple[list[str], sparse.csr_matrix, NDArray[np.int64]]:
    ids: dict[str, int] = {}
    rows = [_counted(cut(t, ids)) for t in texts]
    indptr = np.cumsum([0, *(len(r[0]) for r in rows)])
    none = np.empty(0, dtype=np.int32)
    indices = np.concatenate([none, *(r[0] for r in rows)])
    counts = np.concatenate([none, *(r[1] for r in rows)])
    del rows
    raw = sparse.csr_matrix((counts, indices, indptr), shape=(len(texts), len(ids)))
    df = np.bincount(indices, minlength=len(ids)).astype(np.int64)
    names = np.array(list(ids), dtype=object)
    wanted = df >= limits.min_texts
    if limits.min_senders > 1:
        exempt = frozenset(limits.exempt)
        spared = np.fromiter((n in exempt for n in names), dtype=bool, count=len(names))
        wanted &= (_by_sender(raw, senders) >= limits.min_senders) | spared
    chosen = np.flatnonzero(wanted)
    # Most frequent first, ties by spelling: the order of the input must not change the vocabulary.
    order = sorted(chosen.tolist(), key=lambda i: (-int(df[i]), names[i]))[: limits.per_branch]
    order.sort(key=lambda i: names[i])
    columns = np.array(order, dtype=np.int64)
    return [str(names[i]) for i in order], raw[:, columns].tocsr(), df[columns]


def _counted(found: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The distinct ids and how often each occurs; as small as can be, for there are tens of millions."""
    distinct, counts = np.unique(found, return_counts=True)
    return distinct, counts.astype(np.int32)


def _by_sender(raw: sparse.csr_matrix, senders: Sequence[str]) -> NDArray[np.int64]:
    """How many distinct senders wrote each feature; a text without a sender counts for nobody."""
    if len(senders) != raw.shape[0]:
        raise ValueError("min_senders needs one sender per text")
    known = sorted({s for s in senders if s})
    place = {s: i for i, s in enumerate(known)}
    at = [i for i, s in enumerate(senders) if s]
    ones = np.ones(len(at), dtype=np.int32)
    by = sparse.csr_matrix((ones, ([place[senders[i]] for i in at], at)), shape=(len(known), raw.shape[0]))
    together = by @ raw
    return np.bincount(together.tocsr().indices, minlength=raw.shape[1]).astype(np.int64)


def _idf(df: NDArray[np.int64], texts: int) -> Floats:
    weights: Floats = (np.log((1.0 + texts) / (1.0 + df)) + 1.0).astype(np.float32)
    return weights


def _familiar(texts: Sequence[str], weight: dict[str, float], unknown: float) -> NDArray[np.float64]:
    """`weight` holds the words that would be known without the text itself."""
    shares = np.zeros(len(texts))
    for row, text in enumerate(texts):
        found = [weight.get(w) for w in set(tokens(text))]
        mass = sum(w for w in found if w is not None)
        total = mass + unknown * sum(1 for w in found if w is None)
        shares[row] = mass / total if total else 0.0
    return shares
