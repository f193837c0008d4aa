"""The fast vectoriser against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from classifier.text import normalise
from classifier.vector import Vectoriser
from classifier.vocabulary import Limits, as_matrix, learn
from tests.unit.classifier.build import some_rows

TEXTS = [r.normalised for r in some_rows(20)] + ["", "a", "ab", "x" * 300, "é è ñ", "a_b c-d e.f", "\u2028ab\x85cd"]
LEARNED = learn(TEXTS, Limits())


def plain(vectoriser: Vectoriser) -> tuple[TfidfVectorizer, TfidfVectorizer]:
    """scikit-learn's vectorisers with the same vocabulary."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, vocabulary=vectoriser.words, lowercase=False)
    chars = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, vocabulary=vectoriser.chars, lowercase=False
    )
    return words.fit(TEXTS), chars.fit(TEXTS)


def test_same_numbers_as_scikit_learn() -> None:
    """The remembered n-grams give scikit-learn's matrix to 1e-5, for training texts and new ones."""
    words, chars = plain(LEARNED.vectoriser)
    new = [*TEXTS, "printer printer vpn!!", "completely different words", "paper jam, again (third time)"]

    ours = as_matrix(LEARNED.vectoriser, new)

    theirs = sparse.hstack([words.transform(new), chars.transform(new)], format="csr")
    assert abs(ours - theirs).max() < 1e-5


def test_learning_gives_the_same_matrix_as_predicting() -> None:
    """The matrix a head learns from is the one it will see."""
    assert abs(LEARNED.matrix - as_matrix(LEARNED.vectoriser, TEXTS)).max() < 1e-5


WORDS, CHARS = plain(LEARNED.vectoriser)


@settings(max_examples=60)
@given(st.text(max_size=200))
def test_any_text_matches(text: str) -> None:
    """Whatever the text, ids and weights are scikit-learn's."""
    normal = normalise("", text)

    ours = as_matrix(LEARNED.vectoriser, [normal])

    theirs = sparse.hstack([WORDS.transform([normal]), CHARS.transform([normal])], format="csr")
    assert ours.nnz == theirs.nnz
    assert abs(ours - theirs).sum() < 1e-4


def test_empty_text_has_no_features() -> None:
    """Nothing in, nothing out, and no division by zero."""
    vector = LEARNED.vectoriser.vector("")
    assert (len(vector.ids), vector.words, vector.known) == (0, 0, 0)


def test_few_senders_words_stay_out() -> None:
    """A word that one person wrote never becomes a feature, in words or in characters; an exempt one does."""
    texts = ["printer broken zyxwv"] * 6 + ["printer broken sapgui"] * 3 + ["printer broken"] * 6
    senders = ["one@example.org"] * 6 + ["two@example.org"] * 3 + [f"p{i}@example.org" for i in range(6)]

    vectoriser = learn(texts, Limits(min_senders=5, exempt=("sapgui",)), senders=senders).vectoriser

    assert {"printer", "broken", "sapgui"} <= set(vectoriser.words)
    assert not any("zyx" in gram for gram in (*vectoriser.words, *vectoriser.chars))


def test_order_of_texts_does_not_matter() -> None:
    """The vocabulary is a function of the set of texts."""
    assert (
        learn(TEXTS[::-1], Limits(per_branch=50)).vectoriser.words
        == learn(TEXTS, Limits(per_branch=50)).vectoriser.words
    )


def test_wrong_idf_is_refused() -> None:
    """A vocabulary and weights of different length are not one vectoriser."""
    with pytest.raises(ValueError, match="per feature"):
        Vectoriser(["a"], ["b"], np.ones(3, dtype=np.float32))
