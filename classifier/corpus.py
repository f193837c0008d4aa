"""Labelled mails: reading, checking, de-duplicating and splitting them.

Owns what may enter training. Promises: reading is bounded, a broken file raises
`CorpusError` with file, line and cause, a split never puts two mails of one
thread, or two near-copies, on different sides. Standard library only.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from classifier.catalogue import KINDS, NOT_FOR_US, TIERS, URGENCIES, Catalogue
from classifier.text import normalise, tokens

TERSE = "terse"  # the source of shortened copies
KEYWORD = "keyword"  # the source of rows that are words of the catalogue, not mails
LIMIT_BYTES = 2_000_000_000
LIMIT_FIELD_CHARS = 1_000_000


class CorpusError(ValueError):
    """Labels that cannot be trained on, in one line a person can act on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One labelled mail; "" and None mean that nobody said."""

    subject: str = ""
    text: str
    category: str
    tier: int | None = None
    kind: str = ""
    urgency: str = ""
    spam: str = ""  # yes or no
    language: str = ""
    thread: str = ""  # mails of one thread stay on one side of every split
    sender: str = ""
    at: float = 0.0  # POSIX seconds; 0 when not known
    source: str = "import"  # who said so: agent, closing, review, import, keyword, terse

    @property
    def normalised(self) -> str:
        return normalise(self.subject, self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong with a corpus; `fatal` means that training must not start."""

    code: str  # empty, unknown-category, unknown-tier, tiny-class, one-class, duplicate, contradiction
    text: str
    fatal: bool = False
    rows: tuple[int, ...] = ()


def read_csv(path: Path, *, text: Sequence[str], label: str = "category") -> tuple[Row, ...]:
    """Rows of a CSV file with a header; `text` names one column, or subject and body columns."""
    if path.stat().st_size > LIMIT_BYTES:
        raise CorpusError(f"{path}: larger than {LIMIT_BYTES} bytes")
    csv.field_size_limit(min(LIMIT_FIELD_CHARS, sys.maxsize))
    rows: list[Row] = []
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as handle:
        reader = csv.DictReader(handle)
        present = reader.fieldnames or []
        for column in (*text, label):
            if column not in present:
                raise CorpusError(f"{path}: no column {column!r}; the header has {', '.join(map(repr, present))}")
        try:
            rows.extend(_csv_row(record, text, label) for record in reader)
        except csv.Error as error:
            raise CorpusError(f"{path}: line {reader.line_num}: {error}") from error
    return tuple(r for r in rows if r.category)


def _csv_row(record: dict[str, str | None], text: Sequence[str], label: str) -> Row:
    parts = [(record.get(column) or "") for column in text]
    subject, body = (parts[0], "\n".join(parts[1:])) if len(parts) > 1 else ("", parts[0])
    return Row(
        subject=subject,
        text=body,
        category=(record.get(label) or "").strip(),
        language=(record.get("language") or "").strip() if label != "language" else "",
        thread=(record.get("thread") or "").strip() if label != "thread" else "",
    )


def read_jsonl(path: Path) -> tuple[Row, ...]:
    """Rows of a file with one JSON object per line: subject, body or text, category, and what else is known."""
    if path.stat().st_size > LIMIT_BYTES:
        raise CorpusError(f"{path}: larger than {LIMIT_BYTES} bytes")
    rows = []
    with path.open(encoding="utf-8", errors="replace") as handle:
        for number, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise CorpusError(f"{path}: line {number}: not JSON: {error}") from error
            rows.append(_json_row(record, f"{path}: line {number}"))
    return tuple(rows)


def _json_row(record: object, where: str) -> Row:
    if not isinstance(record, dict):
        raise CorpusError(f"{where}: an object is expected")
    body = record.get("body", record.get("text"))
    if not isinstance(body, str) or not isinstance(record.get("category"), str):
        raise CorpusError(f"{where}: 'body' and 'category' must be text")
    tier = record.get("tier")
    if tier is not None and (isinstance(tier, bool) or not isinstance(tier, int)):
        raise CorpusError(f"{where}: 'tier' must be a whole number")
    words = {k: v for k in ("subject", "kind", "urgency", "spam", "language", "thread", "sender", "source")
             if isinstance(v := record.get(k), str)}  # fmt: skip
    at = record.get("at", 0.0)
    return Row(
        text=body,
        category=record["category"].strip(),
        tier=tier,
        at=float(at) if isinstance(at, int | float) else 0.0,
        **words,
    )


def check(rows: Sequence[Row], catalogue: Catalogue) -> tuple[Finding, ...]:
    """What is wrong with the labels, fatal findings first."""
    found: list[Finding] = []
    ids = {*catalogue.ids, NOT_FOR_US}
    if not rows:
        return (Finding(code="empty", text="no labelled mail", fatal=True),)
    for name in sorted({r.category for r in rows} - ids):
        at = tuple(i for i, r in enumerate(rows) if r.category == name)
        found.append(Finding(code="unknown-category", text=_unknown(name, at), fatal=True, rows=at))
    for name, values in (("tier", TIERS), ("kind", KINDS), ("urgency", URGENCIES)):
        at = tuple(i for i, r in enumerate(rows) if getattr(r, name) not in {None, "", *values})
        if at:
            text = f"{len(at)} rows with an unknown {name}, first: {getattr(rows[at[0]], name)!r}"
            found.append(Finding(code=f"unknown-{name}", text=text, fatal=True, rows=at))
    sizes = Counter(r.category for r in rows if r.category != NOT_FOR_US)
    usable = [c for c, n in sizes.items() if n >= 2]
    if len(usable) < 2:
        text = "at least two categories with two examples each are needed"
        found.append(Finding(code="one-class", text=text, fatal=True))
    found.extend(
        Finding(code="tiny-class", text=f"category {c!r} has {n} example(s): it will only be suggested")
        for c, n in sorted(sizes.items())
        if n < 5
    )
    found.extend(_copies(rows))
    return tuple(sorted(found, key=lambda f: not f.fatal))


def _unknown(name: str, at: tuple[int, ...]) -> str:
    return f"category {name!r} is not in the catalogue ({len(at)} rows, first at row {at[0] + 1})"


def _copies(rows: Sequence[Row]) -> list[Finding]:
    found = []
    copies = contradictions = 0
    first: tuple[int, ...] = ()
    for group in _by_key(rows).values():
        copies += len(group) - 1
        if len({rows[i].category for i in group}) > 1:
            contradictions += 1
            first = first or tuple(group)
    if copies:
        found.append(Finding(code="duplicate", text=f"{copies} near-copies of another mail"))
    if contradictions:
        text = f"{contradictions} texts carry two different categories"
        found.append(Finding(code="contradiction", text=text, rows=first))
    return found


def from_keywords(keywords: Mapping[str, Iterable[str]]) -> tuple[Row, ...]:
    """One row per keyword of a category: they teach, but no fold tests them."""
    return tuple(
        Row(text=word, category=category, source=KEYWORD, language="")
        for category, words in keywords.items()
        for word in words
    )


FEW = 50  # mails per category; above it a name adds nothing that the mails do not say better


def names(rows: Sequence[Row], catalogue: Catalogue) -> tuple[Row, ...]:
    """Where mails are few: one row per category whose words are its name (else its id) and description.

    With 5 and 10 mails for each of BANKING77's labels: +3.4 and +1.1 points (held-out training mails; 2026-11).
    """
    taught = {r.category for r in rows}
    if sum(r.source not in {KEYWORD, TERSE} for r in rows) > FEW * len(taught):
        return ()
    known = {(r.category, r.normalised) for r in rows}
    found = [
        Row(text=f"{c.name or _NOT_A_WORD.sub(' ', c.id)} {c.description}".strip(), category=c.id, source=KEYWORD)
        for c in catalogue.categories
        if c.id in taught
    ]
    return tuple(r for r in found if tokens(r.normalised) and (r.category, r.normalised) not in known)


def terse(rows: Sequence[Row], *, seed: int, drop: float = 0.3) -> tuple[Row, ...]:
    """The same mails as a hurried sender or a careless client would leave them.

    No subject, no punctuation, no capitals, and every word dropped with the chance `drop`. A copy keeps
    its mail's thread, so that no fold learns from one and tests on the other.
    """
    copies = []
    for row in rows:
        dice = random.Random(f"{seed}:{row.subject}:{row.text}")  # noqa: S311 -- not a secret
        words = [w for w in tokens(row.normalised) if dice.random() > drop]
        if words:
            copies.append(replace(row, subject="", text=" ".join(words), source=TERSE))
    return tuple(copies)


_NOT_A_WORD = re.compile(r"[\W\d_]+")


def near_key(row: Row) -> str:
    """Equal for mails that differ only in case, accents, digits, punctuation or spacing."""
    squeezed = _NOT_A_WORD.sub(" ", row.normalised).strip()
    return hashlib.blake2b(squeezed.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _by_key(rows: Sequence[Row]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        groups[near_key(row)].append(i)
    return groups


def deduplicate(rows: Sequence[Row]) -> tuple[Row, ...]:
    """One row per text and label; a text with contradicting labels keeps the label most rows gave it.

    On a tie the newest row speaks: a correction comes after the mistake.
    """
    kept: list[int] = []
    for group in _by_key(rows).values():
        votes = Counter(rows[i].category for i in group)
        kept.append(max(group, key=lambda i: (votes[rows[i].category], rows[i].at, i)))
    return tuple(rows[i] for i in sorted(kept))


def groups(rows: Sequence[Row]) -> list[int]:
    """A number per row; rows of one thread or with one text share it."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    keys = [f"n:{near_key(r)}" for r in rows]
    for row, key in zip(rows, keys, strict=True):
        if row.thread:
            parent[root(f"t:{row.thread}")] = root(key)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(root(k), len(numbers)) for k in keys]


def split_by_time(rows: Sequence[Row], *, test_share: float = 0.2) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Older mails to learn from, newer ones to test on; a thread or near-copy that began earlier stays earlier."""
    number = groups(rows)
    begins: dict[int, float] = {}
    for row, group in zip(rows, number, strict=True):
        begins[group] = min(begins.get(group, row.at), row.at)
    order = sorted(range(len(rows)), key=lambda i: (begins[number[i]], number[i], i))
    cut = len(rows) - round(len(rows) * test_share)
    # Move the border to the end of the group it falls into.
    while 0 < cut < len(rows) and number[order[cut]] == number[order[cut - 1]]:
        cut += 1
    older, newer = order[:cut], order[cut:]
    return tuple(rows[i] for i in sorted(older)), tuple(rows[i] for i in sorted(newer))


def digest(rows: Iterable[Row]) -> str:
    """A hash of texts and labels that does not depend on their order."""
    each = sorted(
        hashlib.sha256(
            json.dumps([r.subject, r.text, r.category, r.tier, r.kind, r.urgency, r.spam]).encode()
        ).hexdigest()
        for r in rows
    )
    return hashlib.sha256("".join(each).encode()).hexdigest()
