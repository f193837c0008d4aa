"""Labels: what people said a mail is about, with who, when and on what ground; the memory that training learns from.

One label of an item counts, the rest stays as history: a reader sees who disagreed. A weaker ground never replaces
a stronger one (review over agent over closing code over import), the same or a stronger one does. Callers let only
authenticated agents speak; what the model had said of the mail is noted beside each label, so that corrections can
be counted per model. A mail's own text stays with the mail; only an import brings its text along.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, String, and_, bindparam, delete, func, insert, select, text, update

from daemon.store.engine import exclusive
from daemon.store.rows import new_ids
from daemon.store.schema import ENTRY, INBOUND, LABEL, TICKET

_CURRENT = text("label.superseded_at IS NULL")


class Provenance(StrEnum):
    """On what ground a label stands, the strongest first."""

    REVIEW = "review"
    AGENT = "agent"  # a command or a reassignment
    CLOSING = "closing"  # a closing code
    IMPORT = "import"


_STRENGTH = {each: place for place, each in enumerate(reversed(Provenance))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What somebody says of one mail. `tier` None and `kind` "" mean that nothing was said of these."""

    category: str
    tier: int | None = None
    kind: str = ""
    provenance: Provenance
    by: str  # the agent's address; "" only for an import


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The text of an imported label."""

    subject: str = ""
    text: str
    sender: str = ""
    language: str = ""
    mail_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A stored label with the words it belongs to. `counts` False: another label of the item took its place."""

    id: int
    item: str
    inbound_id: int | None
    ticket_id: int | None
    reference: str
    said: Said
    at: datetime
    mail_at: datetime | None  # when the mail came; None of an import that did not say
    predicted: str
    model_id: str
    sender: str
    language: str
    subject: str
    text: str
    counts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlabelled:
    """A ticket's first mail of which nobody said anything yet, with what the model thinks."""

    inbound_id: int
    ticket_id: int
    reference: str
    sender: str
    language: str
    subject: str
    text: str
    category: str
    confidence: float
    runner_up: float  # the probability of the next likely category; 0 when it was not stored
    received_at: datetime


def record(tx: Connection, said: Said, *, inbound_id: int, now: datetime) -> int:
    """Note what an authenticated person says of a stored mail; the label's id.

    It counts unless a stronger ground has spoken of this mail.
    """
    mail = tx.execute(_MAIL, {"id": inbound_id}).one()
    prediction = (json.loads(mail.evidence) if mail.evidence else {}).get("prediction") or {}
    return _put(
        tx,
        {
            "item": f"mail:{inbound_id}",
            "inbound_id": inbound_id,
            "ticket_id": mail.ticket_id,
            "predicted": str(prediction.get("category", "")),
            "band": str(prediction.get("band", "")),
            "model_id": str(prediction.get("model", "")),
            "sender": mail.author or "",
            "language": mail.language or "",
            "mail_at": None,
            "subject": "",
            "text": "",
        },
        said,
        now,
    )


def record_import(tx: Connection, said: Said, words: Imported, *, now: datetime) -> int | None:
    """Note an imported label with its text; None when this very label is there already."""
    digest = hashlib.sha256(f"{words.subject}\0{words.text}".encode("utf-8", "surrogatepass")).hexdigest()
    item = f"text:{digest}"
    there = tx.execute(_OF_ITEM, {"item": item}).first()
    if there is not None and (there.category, there.tier, there.kind) == (said.category, said.tier, said.kind):
        return None
    return _put(
        tx,
        {
            "item": item,
            "inbound_id": None,
            "ticket_id": None,
            "predicted": "",
            "band": "",
            "model_id": "",
            "sender": words.sender,
            "language": words.language[:16],
            "mail_at": words.mail_at,
            "subject": words.subject,
            "text": words.text,
        },
        said,
        now,
    )


def undo(tx: Connection, label_id: int) -> bool:
    """Take a label back as if it had never been said; what it replaced counts again. False when it is not there."""
    exclusive(tx)
    if not tx.execute(_DELETE, {"b_id": label_id}).rowcount:
        return False
    tx.execute(_RESTORE, {"b_id": label_id})
    return True


def current(tx: Connection, *, per_sender: int = 0, limit: int = 1_000_000) -> Iterator[Label]:
    """The labels that count, people's before imports, each the newest first; at most `per_sender` of one sender.

    In this order, because a large import that came last must not push out what agents said before it.
    """
    taken: dict[str, int] = {}
    order = (LABEL.c.provenance == str(Provenance.IMPORT), LABEL.c.at.desc(), LABEL.c.id.desc())
    for row in tx.execute(_ALL.where(_CURRENT).order_by(*order).limit(limit)):
        if per_sender and row.sender:
            taken[row.sender] = taken.get(row.sender, 0) + 1
            if taken[row.sender] > per_sender:
                continue
        yield _label(row)


def disputed(tx: Connection, *, limit: int = 1000) -> tuple[tuple[Label, ...], ...]:
    """Items that two people (or grounds) gave different categories, each with all it was given, the newest first."""
    items = [row.item for row in tx.execute(_DISPUTED, {"count": limit})]
    found: dict[str, list[Label]] = {item: [] for item in items}
    for start in range(0, len(items), 500):
        for row in tx.execute(_BY_ITEMS, {"items": items[start : start + 500]}):
            found[row.item].append(_label(row))
    return tuple(tuple(each) for each in found.values())


def readings(tx: Connection) -> tuple[tuple[str, str, str], ...]:
    """(item, reader, category) of every review, the newest of each reader: what agreement is computed from."""
    newest = {(row.item, row.by_whom): row.category for row in tx.execute(_READINGS)}
    return tuple((item, reader, category) for (item, reader), category in newest.items())


def read_by(tx: Connection, reader: str) -> frozenset[str]:
    """The items that `reader` has reviewed."""
    return frozenset(row.item for row in tx.execute(_READ_BY, {"reader": reader}))


def unlabelled(tx: Connection, *, limit: int) -> tuple[Unlabelled, ...]:
    """First mails of the newest `limit` tickets without a label, the newest first."""
    found = []
    for row in tx.execute(_UNLABELLED, {"count": limit}):
        prediction = (json.loads(row.evidence) if row.evidence else {}).get("prediction") or {}
        found.append(
            Unlabelled(
                inbound_id=row.inbound_id,
                ticket_id=row.ticket_id,
                reference=row.reference,
                sender=row.author,
                language=row.language,
                subject=row.subject,
                text=row.text,
                category=str(prediction.get("category", "")),
                confidence=float(prediction.get("confidence", 0.0)),
                runner_up=float((prediction.get("runner_up") or ("", 0.0))[1]),
                received_at=row.received_at,
            )
        )
    return tuple(found)


def corrected(tx: Connection, *, model_id: str, since: datetime, begins: bool = False) -> tuple[int, int]:
    """Of the tickets that `model_id` routed by itself since then: how many were corrected, and how many there are.

    With `begins`, all models whose id begins so (the starter of several releases).
    """
    values = {"model_id": _pattern(model_id, begins=begins), "since": since}
    wrong = tx.execute(_WRONG, values).scalar_one()
    routed = tx.execute(_ROUTED, values).scalar_one()
    return min(int(wrong), int(routed)), int(routed)


def newest(tx: Connection) -> datetime | None:
    """When the newest label that people gave was given; None when there is none."""
    return tx.execute(_NEWEST).scalar()


def _pattern(model_id: str, *, begins: bool) -> str:
    escaped = model_id.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"{escaped}%" if begins else escaped


def _put(tx: Connection, values: dict[str, Any], said: Said, now: datetime) -> int:
    if not said.by and said.provenance is not Provenance.IMPORT:
        raise ValueError("a label needs somebody who said so")
    exclusive(tx)
    before = tx.execute(_OF_ITEM, {"item": values["item"]}).first()
    (label_id,) = new_ids(tx, LABEL)
    counts = before is None or _STRENGTH[said.provenance] >= _STRENGTH[Provenance(before.provenance)]
    if before is not None and counts:
        tx.execute(_SUPERSEDE, {"b_id": before.id, "b_now": now, "b_by": label_id})
    tx.execute(
        insert(LABEL),
        {
            **values,
            "id": label_id,
            "category": said.category,
            "tier": said.tier,
            "kind": said.kind,
            "provenance": str(said.provenance),
            "by_whom": said.by,
            "at": now,
            "superseded_at": None if counts else now,
            "superseded_by": None if counts or before is None else before.id,
        },
    )
    return label_id


def _label(row: Row[Any]) -> Label:
    of_mail = row.inbound_id is not None
    return Label(
        id=row.id,
        item=row.item,
        inbound_id=row.inbound_id,
        ticket_id=row.ticket_id,
        reference=row.reference or "",
        said=Said(
            category=row.category,
            tier=row.tier,
            kind=row.kind,
            provenance=Provenance(row.provenance),
            by=row.by_whom,
        ),
        at=row.at,
        mail_at=row.entry_at if of_mail else row.mail_at,
        predicted=row.predicted,
        model_id=row.model_id,
        sender=row.sender,
        language=row.language,
        subject=(row.mail_subject or "") if of_mail else row.subject,
        text=(row.mail_text or "") if of_mail else row.text,
        counts=row.superseded_at is None,
    )


_ALL = (
    select(
        LABEL,
        TICKET.c.reference,
        ENTRY.c.subject.label("mail_subject"),
        ENTRY.c.text.label("mail_text"),
        ENTRY.c.at.label("entry_at"),
    )
    .outerjoin(TICKET, TICKET.c.id == LABEL.c.ticket_id)
    .outerjoin(ENTRY, and_(ENTRY.c.ticket_id == LABEL.c.ticket_id, ENTRY.c.inbound_id == LABEL.c.inbound_id))
)
_MAIL = (
    select(INBOUND.c.ticket_id, INBOUND.c.evidence, ENTRY.c.author, TICKET.c.language)
    .outerjoin(TICKET, TICKET.c.id == INBOUND.c.ticket_id)
    .outerjoin(ENTRY, and_(ENTRY.c.ticket_id == INBOUND.c.ticket_id, ENTRY.c.inbound_id == INBOUND.c.id))
    .where(INBOUND.c.id == bindparam("id"))
)
_OF_ITEM = select(LABEL).where(_CURRENT, LABEL.c.item == bindparam("item"))
_SUPERSEDE = (
    update(LABEL)
    .where(LABEL.c.id == bindparam("b_id"))
    .values(superseded_at=bindparam("b_now"), superseded_by=bindparam("b_by"))
)
_DELETE = delete(LABEL).where(LABEL.c.id == bindparam("b_id"))
# Only the label that the deleted one replaced counts again, not one that was too weak from the start.
_RESTORE = (
    update(LABEL)
    .where(LABEL.c.superseded_by == bindparam("b_id"), LABEL.c.id < bindparam("b_id"))
    .values(superseded_at=None, superseded_by=None)
)
_DISPUTED = (
    select(LABEL.c.item)
    .group_by(LABEL.c.item)
    .having(func.count(LABEL.c.category.distinct()) > 1)
    .order_by(func.max(LABEL.c.id).desc())
    .limit(bindparam("count"))
)
_BY_ITEMS = _ALL.where(LABEL.c.item.in_(bindparam("items", expanding=True))).order_by(LABEL.c.id.desc())
_READINGS = (
    select(LABEL.c.item, LABEL.c.by_whom, LABEL.c.category)
    .where(LABEL.c.provenance == str(Provenance.REVIEW))
    .order_by(LABEL.c.id)
)
_READ_BY = (
    select(LABEL.c.item)
    .where(LABEL.c.provenance == str(Provenance.REVIEW), LABEL.c.by_whom == bindparam("reader"))
    .distinct()
)
_UNLABELLED = (
    select(
        ENTRY.c.inbound_id,
        ENTRY.c.ticket_id,
        ENTRY.c.author,
        ENTRY.c.subject,
        ENTRY.c.text,
        TICKET.c.reference,
        TICKET.c.language,
        INBOUND.c.evidence,
        INBOUND.c.received_at,
    )
    .join(TICKET, TICKET.c.id == ENTRY.c.ticket_id)
    .join(INBOUND, INBOUND.c.id == ENTRY.c.inbound_id)
    .where(
        ENTRY.c.kind == "request",
        ~select(LABEL.c.id).where(_CURRENT, LABEL.c.inbound_id == ENTRY.c.inbound_id).exists(),
    )
    .order_by(ENTRY.c.id.desc())
    .limit(bindparam("count"))
)
_WRONG = select(func.count(LABEL.c.ticket_id.distinct())).where(
    _CURRENT,
    LABEL.c.model_id.like(bindparam("model_id", type_=String), escape="\\"),
    LABEL.c.at >= bindparam("since"),
    LABEL.c.band == "automatic",
    LABEL.c.predicted != LABEL.c.category,
)
_ROUTED = select(func.count()).where(
    TICKET.c.model_id.like(bindparam("model_id", type_=String), escape="\\"),
    TICKET.c.opened_at >= bindparam("since"),
    TICKET.c.suggested == "",
)
_NEWEST = select(func.max(LABEL.c.at)).where(LABEL.c.provenance != str(Provenance.IMPORT))
