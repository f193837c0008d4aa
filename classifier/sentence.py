"""What a model keeps of sentence vectors: one more linear share per label, and where the desk's mails lie.

Owns the arrays beside the TF-IDF weights and the binding to the encoder they were
learned with. Promises: a model that needs an encoder never predicts without it or
with another one; the means it keeps are of several mails each, so that no mail
can be read back from them. Needs numpy only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.encoder import EncoderError, Encodes, Identity
from classifier.vector import Floats
from classifier.waves import WAVES, waves

Array = NDArray[np.float64]

# The same files on another processor give vectors with a cosine of 0.99 and more; another encoder's are near 0.
LIKE = 0.97
SHARPNESS = np.float32(2.0)  # of nearness: exp(-|a - b|²); 1 and 4 are no better (decision 0310)
HOW = 'name its folder: [classifier] encoder = "DIR", or --encoder DIR'


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sentences:
    """The part of a model that an encoder feeds.

    All float32. `coefficients` [dimension + means, columns] belong to what `lifted` makes of a vector,
    `bends` [WAVES or none, columns] to its waves, and both are added to the scores of the TF-IDF weights. `means`
    [means, dimension], rows of length one of numbers that float16 holds: the middles of the mails it
    learned from, the first `ours` of them the desk's. `probes` [texts, dimension], the vectors of a few
    fixed texts when the model was made.
    """

    identity: Identity
    coefficients: Floats
    bends: Floats
    means: Floats
    ours: int
    probes: Floats
    encoder: Encodes | None = None

    @property
    def dimension(self) -> int:
        return int(self.means.shape[1])

    def scores(self, vector: Floats) -> Array:
        """What the sentence adds to each column, float64 [columns]."""
        values = lifted(vector, self.means) @ self.coefficients
        if len(self.bends):
            values = values + waves(vector) @ self.bends
        return np.asarray(values, dtype=np.float64)

    def nearness(self, vector: Floats) -> float:
        """The cosine to the nearest middle of the desk's own mails."""
        return float((self.means[: self.ours] @ vector).max(initial=-1.0))

    def encode(self, texts: Sequence[str]) -> Floats:
        """The vectors of normalised texts. Raises `EncoderError` without an encoder."""
        if self.encoder is None:
            raise EncoderError(f"the model needs the sentence encoder {self.identity.short}: {HOW}")
        return self.encoder.encode(texts)

    def bound(self, encoder: Encodes | None, texts: Sequence[str]) -> Sentences:
        """Itself with its encoder, once that gives the vectors of `probes` for `texts`. Raises `EncoderError`."""
        if encoder is None:
            raise EncoderError(f"needs the sentence encoder {self.identity.short}: {HOW}")
        if encoder.identity != self.identity:
            raise EncoderError(
                f"was trained with the sentence encoder {self.identity.short}, not with {encoder.identity.short}: "
                "give that one, or train again with 'firstline train --encoder DIR'"
            )
        if encoder.dimension != self.dimension:
            raise EncoderError(f"asks for vectors of {self.dimension} numbers, the encoder gives {encoder.dimension}")
        found = encoder.encode(texts)
        likeness = 1.0 - ((found - self.probes) ** 2).sum(axis=1) / 2.0  # the cosine; 1 where both say nothing
        if float(likeness.min(initial=1.0)) < LIKE:
            raise EncoderError(
                f"gets other vectors from the encoder here than where it was trained (cosine {likeness.min():.3f}): "
                "train it again with 'firstline train --encoder DIR'"
            )
        return replace(self, encoder=encoder)

    def digest(self) -> bytes:
        """Equal for equal predictions of the sentence part."""
        content = hashlib.sha256(repr((self.identity, self.ours)).encode())
        for values in (self.coefficients, self.bends, self.means):
            content.update(values.tobytes())
        return content.digest()

    def facts(self) -> dict[str, Any]:
        """What the configuration of a stored model says of its encoder."""
        return {
            "model_sha256": self.identity.model_sha256,
            "tokenizer_sha256": self.identity.tokenizer_sha256,
            "tokens": self.identity.tokens,
            "dimension": self.dimension,
            "ours": self.ours,
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is stored beside the weights."""
        return {name: getattr(self, name).astype(kind) for name, kind in ARRAYS.items()}


ARRAYS: dict[str, type] = {"coefficients": np.float32, "bends": np.float16, "means": np.float16, "probes": np.float16}


def stored(facts: dict[str, Any], arrays: dict[str, NDArray[Any]], columns: int) -> Sentences:
    """The part of a stored model that an encoder feeds, not yet bound. Raises ValueError if it does not fit."""
    dimension, ours = int(facts["dimension"]), int(facts["ours"])
    shapes = {name: arrays[name].shape for name in ARRAYS}
    if any(len(shape) != 2 for shape in shapes.values()):
        raise ValueError("sentence arrays must be matrices")
    if shapes["means"][1] != dimension or shapes["probes"][1] != dimension or not 0 <= ours <= shapes["means"][0]:
        raise ValueError("sentence means do not fit the encoder")
    if shapes["coefficients"] != (dimension + shapes["means"][0], columns):
        raise ValueError("sentence coefficients do not fit the encoder and the labels")
    if shapes["bends"] not in {(WAVES, columns), (0, columns)}:
        raise ValueError("sentence waves do not fit the labels")
    if not all(np.isfinite(arrays[name]).all() for name in ARRAYS):
        raise ValueError("sentence arrays must be finite")
    identity = Identity(
        model_sha256=str(facts["model_sha256"]),
        tokenizer_sha256=str(facts["tokenizer_sha256"]),
        tokens=int(facts["tokens"]),
    )
    coefficients, bends, means, probes = (arrays[name].astype(np.float32) for name in ARRAYS)
    return Sentences(identity=identity, coefficients=coefficients, bends=bends, means=means, ours=ours, probes=probes)


def lifted(vectors: Floats, means: Floats) -> Floats:
    """The vectors, and how near each is to every mean: float32 [..., dimension + means]."""
    near: Floats = np.exp(SHARPNESS * (vectors @ means.T - 1.0)).astype(np.float32)
    return np.concatenate((vectors, near), axis=-1)


def rounded(values: NDArray[Any]) -> Floats:
    """The nearest numbers that float16 holds, as float32."""
    nearest: Floats = values.astype(np.float16).astype(np.float32)
    return nearest


def share(by_sentence: float, by_words: float) -> float:
    """How much of what spoke for a decision came from the sentence vector, 0..1."""
    spoke = max(by_sentence, 0.0) + max(by_words, 0.0)
    return max(by_sentence, 0.0) / spoke if spoke > 0 else 0.0
