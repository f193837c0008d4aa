"""The starter model on tickets of a desk it never saw: real IT tickets whose groups are not our categories.

Owns the mapping, which was written down from the names of the eight groups and
the descriptions of our categories before any prediction was compared with it.
*Strict*: the four groups that bear the name of one of our categories, that
category and no other. *Sets*: every group; a desk without a group for printing,
telephony, network, e-mail, software or security files these somewhere, so a group
takes the categories that its name contains and "Miscellaneous" those that no
group is named for. Nothing here tunes anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from classifier import artifact, starter
from classifier.corpus import Row, deduplicate, read_csv
from classifier.demands import Demand
from classifier.evaluate import document
from classifier.measures import upper_bound
from classifier.types import Band, Classifier

STRICT: Mapping[str, frozenset[str]] = {
    "Hardware": frozenset({"hardware"}),
    "HR Support": frozenset({"accounts"}),
    "Access": frozenset({"access"}),
    "Purchase": frozenset({"purchase"}),
}
SETS: Mapping[str, frozenset[str]] = {
    "Hardware": frozenset({"hardware", "printing", "telephony"}),
    "HR Support": frozenset({"accounts"}),
    "Access": frozenset({"access", "network"}),
    "Purchase": frozenset({"purchase"}),
    "Storage": frozenset({"email", "network"}),
    "Administrative rights": frozenset({"access", "software"}),
    "Miscellaneous": frozenset({"other", "printing", "telephony", "network", "email", "software", "security"}),
    "Internal Project": frozenset({"other"}),
}
RIGHT = 0.9  # what is asked of the mails that route by themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """What a model routed by itself: `routed` of `rows`, `right` of these."""

    rows: int
    routed: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / self.routed if self.routed else 1.0

    @property
    def upper(self) -> float:
        """The bound of the wrong share."""
        return upper_bound(self.routed - self.right, self.routed)


def routed(model: Classifier, rows: Sequence[Row], mapping: Mapping[str, frozenset[str]]) -> Routed:
    """How `model` did on the rows whose label the mapping knows."""
    known = [r for r in rows if r.category in mapping]
    found = [
        (p.category in mapping[r.category])
        for r, p in zip(known, model.predict([document(r) for r in known]), strict=True)
        if p.band is Band.AUTOMATIC
    ]
    return Routed(rows=len(known), routed=len(found), right=sum(found))


def tickets(data: Path) -> tuple[Row, ...]:
    """The tickets with a topic group, under a directory of public sets; none when it is not there."""
    file = data / "endava_tickets" / "tickets.csv"
    return deduplicate(read_csv(file, text=("title", "body"), label="topic_group")) if file.is_file() else ()


def starter_demands(data: Path) -> tuple[Demand, ...]:
    """The starter's lines of the table of demands; its coverage is printed beside its rightness."""
    rows = tickets(data)
    if not rows:
        return ()
    model = artifact.load(starter.path())
    lines = []
    for name, mapping in (("strict mapping", STRICT), ("sets", SETS)):
        found = routed(model, rows, mapping)
        share = f"{found.routed} of {found.rows} routed"
        lines.append(
            Demand(
                measure=f"starter on foreign tickets, {name} ({share})", value=found.precision, floor=RIGHT, aim=0.95
            )
        )
    return tuple(lines)
