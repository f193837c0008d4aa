"""Where labelled mails come from: the store, CSV and JSON-lines files, mboxes; and the catalogue's own words.

Promises: every row's label is in the catalogue, or `Unusable` names the first that is not; rows from the store
obey the cap per sender and the rule of five senders; a mail's text is what the daemon would have shown the model.
"""

from __future__ import annotations

import mailbox
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection

from classifier.catalogue import NOT_FOR_US, Catalogue
from classifier.corpus import Row
from classifier.text import normalise, tokens
from classifier.train import Recipe
from daemon.core.limits import Limits, exceeded
from daemon.core.parse import parse
from daemon.errors import Unreadable, Unusable
from daemon.learning.experiment import Data
from daemon.learning.table import Columns, read_table
from daemon.store import labels

STORE = "store"
LABEL_FIELD = "X-Category"
FEWEST_SENDERS = 5  # a word that fewer people wrote may be somebody's secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Rows and what was noticed while they were read."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def from_file(path: Path, data: Data, known: Sequence[str]) -> Gathered:
    """The rows of one file, by its ending: .mbox, .jsonl, else CSV."""
    if path.suffix.lower() in {".mbox", ".mbx"}:
        return _from_mbox(path, known)
    table = read_table(path, Columns(text=data.text, label=data.label, more=True))
    kept = tuple(row for row in table.rows if row.subject.strip() or row.text.strip())
    notes = list(table.notes)
    if table.unlabelled:
        notes.append(f"{path}: {table.unlabelled} rows without a label are left out")
    if len(kept) < len(table.rows):
        notes.append(f"{path}: {len(table.rows) - len(kept)} rows without text are left out")
    return Gathered(rows=kept, notes=tuple(notes))


def from_store(tx: Connection, data: Data, *, window: int) -> Gathered:
    """The labels that count, with the words of their mails."""
    rows = [row_of(each) for each in labels.current(tx, per_sender=data.per_sender, limit=4 * window)]
    kept = tuple(row for row in rows if row.subject.strip() or row.text.strip())
    return Gathered(rows=kept)


def row_of(label: labels.Label) -> Row:
    """A stored label as a training row. An import that names no sender counts as a person of its own."""
    return Row(
        subject=label.subject,
        text=label.text,
        category=label.said.category,
        tier=label.said.tier,
        kind=label.said.kind,
        language=label.language,
        thread=f"ticket:{label.ticket_id}" if label.ticket_id else "",
        sender=label.sender or f"import:{label.id}",
        at=label.mail_at.timestamp() if label.mail_at else 0.0,
        source=str(label.said.provenance),
    )


def checked(rows: Iterable[Row], catalogue: Catalogue, source: str) -> tuple[Row, ...]:
    """The same rows; raises Unusable for a label that the catalogue lacks."""
    ids = {*catalogue.ids, NOT_FOR_US}
    kept = tuple(rows)
    strange = [row.category for row in kept if row.category not in ids]
    if strange:
        listed = ", ".join(catalogue.ids[:12])
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        raise Unusable(f"{source}: label {strange[0][:60]!r}{more} is not in the catalogue ({listed})")
    return kept


def private(recipe: Recipe, rows: Sequence[Row], catalogue: Catalogue, given: Sequence[Row]) -> Recipe:
    """The recipe for rows of real people: a word enters the vocabulary when five of them wrote it.

    Words of the catalogue and of `given` rows (keywords) are exempt: the admin wrote them.
    """
    senders = {row.sender for row in rows if row.sender}
    if len(senders) < FEWEST_SENDERS:
        raise Unusable(
            f"labels of {len(senders)} senders: words enter the vocabulary from {FEWEST_SENDERS} senders on, "
            "so that no model repeats one person's words"
        )
    lines = [*(line for entry in catalogue.categories for line in entry.keywords), *(row.text for row in given)]
    words = {word for line in lines for word in tokens(normalise("", line))}
    return replace(
        recipe,
        min_senders=max(recipe.min_senders, FEWEST_SENDERS),
        exempt=tuple(sorted({*recipe.exempt, *words})),
    )


def _from_mbox(path: Path, known: Sequence[str]) -> Gathered:
    """Mails of an mbox: the category stands in the field X-Category, or the file is named after it."""
    stem = path.stem if path.stem in known else ""
    rows: list[Row] = []
    broken = unlabelled = 0
    limits = Limits()
    for raw, label in _mails(path):
        category = label or stem
        if not category:
            unlabelled += 1
            continue
        try:
            message = parse(raw, limits) if not exceeded(raw, limits) else None
        except Unreadable:
            message = None
        if message is None:
            broken += 1
            continue
        rows.append(
            Row(
                subject=message.subject,
                text=message.body.new,
                category=category,
                sender=str(message.identity or ""),
                thread=next(iter(message.references), message.message_id),
                at=message.date.timestamp() if message.date else 0.0,
            )
        )
    if not rows:
        hint = f"name the file after a category, or write {LABEL_FIELD}: … into each mail"
        raise Unusable(f"{path}: no mail carries a label ({hint})")
    counted = ((broken, "mails that cannot be read"), (unlabelled, "mails without a label"))
    return Gathered(
        rows=tuple(rows), notes=tuple(f"{path}: {count} {what} are left out" for count, what in counted if count)
    )


def _mails(path: Path) -> Iterator[tuple[bytes, str]]:
    box = mailbox.mbox(path, create=False)
    try:
        for name in box.iterkeys():
            raw = box.get_bytes(name)
            yield raw, str(box.get_message(name).get(LABEL_FIELD, "") or "").strip()
    except (OSError, mailbox.Error) as error:
        raise Unusable(f"{path}: {error}") from None
    finally:
        box.close()
