"""The solved tickets most like a mail: evidence for the person who decides, never a decision.

Cosine in the model's own TF-IDF space. One sparse product per question; memory
is the matrix (about 5 kB a ticket). Training and web processes only: needs scipy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.text import normalise
from classifier.types import Document
from classifier.vector import Vectoriser
from classifier.vocabulary import as_matrix

# Both branches have length one, so the product of two texts with themselves is two.
BRANCHES = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """One similar ticket: the reference it was indexed under, and the likeness 0..1."""

    reference: str
    likeness: float


class Nearest:
    """An index of texts under references."""

    def __init__(self, vectoriser: Vectoriser, references: Sequence[str], documents: Sequence[Document]) -> None:
        if len(references) != len(documents):
            raise ValueError("one reference per document")
        self._vectoriser = vectoriser
        self._references = tuple(references)
        self._matrix = as_matrix(vectoriser, [normalise(d.subject, d.text) for d in documents])

    def find(self, document: Document, *, count: int = 5) -> tuple[Neighbour, ...]:
        """The `count` most similar tickets, most similar first; those without a common word are left out."""
        vector = self._vectoriser.vector(normalise(document.subject, document.text))
        asked = np.zeros(self._vectoriser.size, dtype=np.float32)
        asked[vector.ids] = vector.weights
        likeness: NDArray[np.float64] = np.asarray(self._matrix @ asked, dtype=np.float64) / BRANCHES
        order = np.argsort(-likeness, kind="stable")[:count]
        return tuple(
            Neighbour(reference=self._references[i], likeness=min(1.0, float(likeness[i])))
            for i in order
            if likeness[i] > 0
        )
