"""The rows of one training as a sentence encoder sees them, and whether the desk gains from it.

Owns the decision. Promises: the encoder stays only where held-out macro-F1 of the
category rises by what the recipe asks, and in another head only where it rises
there too; what was decided and why stands in the card. Training only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from classifier import joining, linear
from classifier.catalogue import NOT_FOR_US
from classifier.corpus import Row
from classifier.encoder import Encodes
from classifier.joining import Joint
from classifier.measures import Array, Index
from classifier.sentence import Sentences, rounded
from classifier.text import normalise
from classifier.vector import Floats
from classifier.waves import WAVES


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Meaning:
    """`vectors` float32 [rows, dimension]; `group` numbers the rows' categories, `foreign` that of others' topics."""

    encoder: Encodes
    vectors: Floats
    group: Index
    foreign: int
    middles: Floats
    ours: int
    gain: float

    @classmethod
    def of(cls, encoder: Encodes | None, rows: Sequence[Row], gain: float) -> Meaning | None:
        """The vectors of the rows; None without an encoder. Raises `EncoderError`."""
        if encoder is None:
            return None
        vectors = encoder.encode([row.normalised for row in rows])
        # Others' topics last, so that the desk's own middles come first.
        names = sorted({row.category for row in rows}, key=lambda name: (name == NOT_FOR_US, name))
        place = {name: number for number, name in enumerate(names)}
        group = np.array([place[row.category] for row in rows], dtype=np.int64)
        foreign = place.get(NOT_FOR_US, -1)
        middles, owners = joining.means(vectors, group)
        return cls(
            encoder=encoder,
            vectors=vectors,
            group=group,
            foreign=foreign,
            middles=middles,
            ours=int((owners != foreign).sum()),
            gain=gain,
        )

    def join(self, scores: Array, problem: linear.Problem, at: Index) -> Joint | None:
        """What the vectors add to held-out `scores` (divided by their temperature); None when no row is held out."""
        if not len(problem.tested):
            return None
        weight = np.ones(len(at), dtype=np.float32) if problem.weight is None else problem.weight
        asked = joining.Open(
            scores=scores,
            vectors=self.vectors[at],
            truth=problem.truth,
            fold=problem.fold,
            weight=weight,
            group=self.group[at],
            foreign=self.foreign,
        )
        return joining.join(asked, self.middles)

    def gains(self, joint: Joint | None) -> bool:
        """Whether a head is better with its sentence part, by what was asked."""
        return joint is not None and joint.after - joint.before >= self.gain

    def sentences(self, heads: Sequence[tuple[int, Joint | None]], probes: Sequence[str]) -> Sentences:
        """What the model keeps: per head its number of labels and, where it gains, its sentence part."""
        size = self.vectors.shape[1] + len(self.middles)
        columns = sum(labels for labels, _ in heads)
        bent = any(joint is not None and len(joint.bends) for _, joint in heads)
        coefficients, bends = (np.zeros((rows, columns), dtype=np.float32) for rows in (size, WAVES if bent else 0))
        start = 0
        for labels, joint in heads:
            if joint is not None:
                coefficients[:, start : start + labels] = joint.coefficients
                if len(joint.bends):
                    bends[:, start : start + labels] = rounded(joint.bends)
            start += labels
        return Sentences(
            identity=self.encoder.identity,
            coefficients=coefficients,
            bends=bends,
            means=self.middles,
            ours=self.ours,
            probes=rounded(self.encoder.encode([normalise("", text) for text in probes])),
            encoder=self.encoder.plain,
        )


def told(meaning: Meaning | None, judged: Mapping[str, tuple[Joint | None, bool]]) -> dict[str, object]:
    """The card's entry: which encoder, whether it is used, and why. `judged`: per head its sentence part, and used."""
    if meaning is None:
        return {"used": False, "why": "no sentence encoder was given"}
    joint, used = judged["category"]
    identity = meaning.encoder.identity
    facts: dict[str, object] = {
        "used": used,
        "model_sha256": identity.model_sha256,
        "tokenizer_sha256": identity.tokenizer_sha256,
        "dimension": int(meaning.vectors.shape[1]),
    }
    if joint is None:
        return {**facts, "why": "no labelled mail to judge it by"}
    gained = 100 * (joint.after - joint.before)
    why = (
        f"held-out macro-F1 of the category {joint.after:.3f} with it and {joint.before:.3f} without: "
        f"{gained:+.1f} points, {100 * meaning.gain:.1f} are asked"
    )
    heads = {
        name: {
            "used": each_used,
            "macro_f1_with": each.after,
            "macro_f1_without": each.before,
            "share": each.share.words,
        }
        for name, (each, each_used) in judged.items()
        if each is not None
    }
    return {**facts, "why": why, "heads": heads}
