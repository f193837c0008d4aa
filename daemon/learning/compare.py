"""What differs between two models, and what a model would have done with the mail of the last days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from classifier.types import Band, Classifier, Document
from daemon.learning import shelf
from daemon.store import labels
from daemon.store import replay as past

_BATCH = 256
_MOVES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not the same; None where one of them has nothing of that name."""

    what: str
    one: object
    other: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A model on past mail, beside what was done then. `moves`: (then, now) of mails that both route, by number."""

    model: str
    mails: int
    routed: int
    routed_then: int
    routed_both: int
    changed: int
    labelled: int
    right: int
    right_then: int
    routed_labelled: int
    misrouted: int
    moves: tuple[tuple[tuple[str, str], int], ...]


def differences(one: Path, other: Path) -> tuple[Difference, ...]:
    """Figures, labels per category, recipe and library versions that differ."""
    flat = [dict(_flat(shelf.card_of(path), "")) | dict(_measured(path)) for path in (one, other)]
    names = sorted({*flat[0], *flat[1]})
    return tuple(
        Difference(what=name, one=flat[0].get(name), other=flat[1].get(name))
        for name in names
        if flat[0].get(name) != flat[1].get(name)
    )


def replay(tx: Connection, model: Classifier, *, since: datetime) -> Replayed:
    """Every mail that opened a ticket since then, through `model`; batch by batch, so that memory stays small."""
    said = {each.inbound_id: each.said.category for each in labels.current(tx) if each.inbound_id is not None}
    count: Counter[str] = Counter()
    moves: Counter[tuple[str, str]] = Counter()
    stream = past.first_mails(tx, since=since)
    while batch := list(islice(stream, _BATCH)):
        documents = [Document(subject=each.subject, text=each.text, language=each.language) for each in batch]
        for mail, now in zip(batch, model.predict(documents), strict=True):
            routed, then = now.band is Band.AUTOMATIC, mail.routed
            count["mails"] += 1
            count["routed"] += routed
            count["routed_then"] += then
            if routed and then:
                count["routed_both"] += 1
                if now.category != mail.predicted:
                    count["changed"] += 1
                    moves[mail.predicted, now.category] += 1
            label = said.get(mail.inbound_id)
            if label is not None:
                count["labelled"] += 1
                count["right"] += now.category == label
                count["right_then"] += mail.predicted == label
                count["routed_labelled"] += routed
                count["misrouted"] += routed and now.category != label
    names = [name for name in Replayed.__slots__ if name not in {"model", "moves"}]
    return Replayed(
        model=model.model_id, moves=tuple(moves.most_common(_MOVES)), **{name: count[name] for name in names}
    )


def _measured(path: Path) -> Iterator[tuple[str, object]]:
    evidence = shelf.evidence_of(path)
    for name, value in ((evidence.figures or {}) if evidence else {}).items():
        yield f"measured.{name}", value


def _flat(value: object, name: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield name, ", ".join(map(str, value))
    else:
        yield name, value
