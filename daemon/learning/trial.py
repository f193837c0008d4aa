"""A model in the shadow against the one that served, on live mail that people have spoken of since.

Only what both said before anybody corrected it is compared, so neither has learned from the answers. A label counts
whatever its ground; without labels only agreement can be told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from scipy.stats import binom
from sqlalchemy import Connection

from daemon.store import labels
from daemon.store import replay as past

CONFIDENCE = 0.95
_MOVES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`only_serving`, `only_shadow`: labelled mails that just one of them had right.

    `moves`: ((serving, shadow), mails) where they disagree.
    """

    model: str
    mails: int
    same: int
    routed_serving: int
    routed_shadow: int
    labelled: int
    right_serving: int
    right_shadow: int
    only_serving: int
    only_shadow: int
    wrong_routed_serving: int
    wrong_routed_shadow: int
    moves: tuple[tuple[tuple[str, str], int], ...]

    @property
    def chance(self) -> float:
        """Of so uneven a split of their disagreements if both were equally good (one-sided sign test)."""
        split = self.only_serving + self.only_shadow
        more = max(self.only_serving, self.only_shadow)
        return float(binom.sf(more - 1, split, 0.5)) if split else 1.0

    @property
    def better(self) -> bool:
        """True when the model in the shadow was right more often, beyond chance."""
        return self.only_shadow > self.only_serving and self.chance < 1 - CONFIDENCE

    @property
    def worse(self) -> bool:
        """True when it was wrong more often, beyond chance."""
        return self.only_serving > self.only_shadow and self.chance < 1 - CONFIDENCE

    @property
    def words(self) -> Iterator[str]:
        """For people."""
        yield f"{self.model} saw {self.mails} live mails in the shadow; the same category in {self.same}"
        yield f"  would route by itself  {self.routed_shadow}  (serving: {self.routed_serving})"
        yield (
            f"  people have labelled   {self.labelled}: right {self.right_shadow}, serving right {self.right_serving}; "
            f"only it {self.only_shadow}, only serving {self.only_serving} (chance {self.chance:.2g})"
        )
        yield f"  routed and wrong       {self.wrong_routed_shadow}  (serving: {self.wrong_routed_serving})"
        for (serving, shadow), count in self.moves:
            yield f"  {count:>6}  {serving or '-'} → {shadow}"
        verdict = "better beyond chance" if self.better else "worse beyond chance" if self.worse else "no difference"
        yield f"  so far: {verdict}"


def compare(tx: Connection, model_id: str) -> Trial:
    """All mail the model has seen in the shadow, page by page, so that memory stays small."""
    said = {each.inbound_id: each.said.category for each in labels.current(tx) if each.inbound_id is not None}
    count: Counter[str] = Counter()
    moves: Counter[tuple[str, str]] = Counter()
    for mail in past.shadowed(tx, model_id=model_id):
        count["mails"] += 1
        count["same"] += mail.predicted == mail.shadow
        count["routed_serving"] += mail.routed
        count["routed_shadow"] += mail.shadow_routed
        if mail.predicted != mail.shadow:
            moves[mail.predicted, mail.shadow] += 1
        label = said.get(mail.inbound_id)
        if label is None:
            continue
        served, shadowed = mail.predicted == label, mail.shadow == label
        count["labelled"] += 1
        count["right_serving"] += served
        count["right_shadow"] += shadowed
        count["only_serving"] += served and not shadowed
        count["only_shadow"] += shadowed and not served
        count["wrong_routed_serving"] += mail.routed and not served
        count["wrong_routed_shadow"] += mail.shadow_routed and not shadowed
    names = [name for name in Trial.__slots__ if name not in {"model", "moves"}]
    return Trial(model=model_id, moves=tuple(moves.most_common(_MOVES)), **{name: count[name] for name in names})
