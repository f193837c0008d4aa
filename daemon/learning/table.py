"""Labelled mails from CSV and JSON-lines files as people really have them.

Owns encodings (UTF-8 with or without a mark, UTF-16 with one, else Windows-1252), delimiters, and column names in
any case. Promises: a file that cannot be read ends in `Unusable`, one line that names the file and what is wrong;
a row without a label is left out and counted; reading is bounded and in one pass.
"""

from __future__ import annotations

import codecs
import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from classifier.catalogue import KINDS, TIERS, URGENCIES
from classifier.corpus import LIMIT_BYTES, LIMIT_FIELD_CHARS, Row
from daemon.errors import Unusable

JSON_SUFFIXES = (".jsonl", ".ndjson")
_DELIMITERS = ",;\t|"
_HEADER_CHARS = 65_536
_NO_NUMBER = -1
_MISSING = frozenset({"nan", "NaN"})  # what a table library writes for nothing
_TEXTS = (("subject", "body"), ("subject", "text"), ("title", "body"), ("text",), ("body",), ("message",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which columns hold what. `text` is the subject and the rest of the text, or one column of text.

    An empty `text` is guessed from usual names. `more` takes tier, kind, urgency and the like along
    where columns of these names exist.
    """

    text: tuple[str, ...] = ()
    label: str = "category"
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a file held. `unlabelled` rows were left out."""

    rows: tuple[Row, ...]
    unlabelled: int = 0
    notes: tuple[str, ...] = ()  # columns that were left out, and why


def read_table(path: Path, columns: Columns) -> Table:
    """The labelled rows of a CSV file with a header, or of JSON lines. Raises Unusable."""
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise Unusable(f"{path}: larger than {LIMIT_BYTES} bytes")
        with path.open(encoding=_encoding(path), errors="replace", newline="") as lines:
            records = _objects(lines, path) if path.suffix.lower() in JSON_SUFFIXES else _records(lines, path, columns)
            return _table(records, path, columns)
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from None


def _encoding(path: Path) -> str:
    """By mark, else UTF-8 when all of it is, else what old spreadsheets write."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        if file.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            return "utf-16"
        file.seek(0)
        try:
            while block := file.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig"


Record = Mapping[str, object]


def _records(lines: Iterable[str], path: Path, columns: Columns) -> Iterator[Record]:
    """Rows of a CSV file; the delimiter is the one that shows the wanted columns in the header."""
    csv.field_size_limit(LIMIT_FIELD_CHARS)
    stream = iter(lines)
    first = next(stream, "")
    if not first.strip():
        raise Unusable(f"{path}: empty, or without a header line")
    if len(first) > _HEADER_CHARS:
        raise Unusable(f"{path}: the header line is longer than {_HEADER_CHARS} characters")
    delimiter = _delimiter(first, columns)
    reader = csv.reader(_joined(first, stream), delimiter=delimiter)
    try:
        header = [name.strip() for name in next(reader)]
        for values in reader:
            if values:
                yield dict(zip(header, values, strict=False))
    except csv.Error as error:
        raise Unusable(f"{path}: line {reader.line_num}: {error}") from None


def _joined(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _delimiter(header: str, columns: Columns) -> str:
    wanted = {name.casefold() for name in (*columns.text, columns.label)}

    def found(delimiter: str) -> tuple[int, int]:
        names = [name.strip().casefold() for name in next(csv.reader([header], delimiter=delimiter), [])]
        return len(wanted & set(names)), len(names)

    return max(_DELIMITERS, key=lambda delimiter: (*found(delimiter), -_DELIMITERS.index(delimiter)))


def _objects(lines: Iterable[str], path: Path) -> Iterator[Record]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            raise Unusable(f"{path}: line {number}: not JSON") from None
        if not isinstance(record, dict):
            raise Unusable(f"{path}: line {number}: an object is expected")
        yield record


def _table(records: Iterator[Record], path: Path, columns: Columns) -> Table:
    rows: list[Row] = []
    unlabelled = 0
    pick: _Pick | None = None
    for record in records:
        pick = pick or _Pick(record, path, columns)
        row = pick.row(record)
        if row.category:
            rows.append(row)
        else:
            unlabelled += 1
    if not rows:
        raise Unusable(f"{path}: no row carries a label" if unlabelled else f"{path}: no row below the header")
    kept, notes = _closed(rows, path)
    return Table(rows=kept, unlabelled=unlabelled, notes=notes)


_CLOSED: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("tier", TIERS),
    ("kind", KINDS),
    ("urgency", URGENCIES),
    ("spam", ("yes", "no")),
)


def _closed(rows: Sequence[Row], path: Path) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """A column that only by its name looks like one of ours is left out as a whole, and told."""
    notes = []
    for name, values in _CLOSED:
        strange = next((value for row in rows if (value := getattr(row, name)) not in {None, "", *values}), None)
        if strange is not None:
            listed = ", ".join(map(str, values))
            shown = "what is no number" if strange == _NO_NUMBER else repr(strange)
            notes.append(f"{path}: column {name!r} is left out: it holds {shown}, which is none of {listed}")
            nothing: dict[str, Any] = {name: None if name == "tier" else ""}
            rows = [replace(row, **nothing) for row in rows]
    return tuple(rows), tuple(notes)


class _Pick:
    """The wanted fields of each record, found once by name in the first."""

    def __init__(self, first: Record, path: Path, columns: Columns) -> None:
        self._path = path
        self._there = list(first)
        self._names = {name.casefold(): name for name in reversed(self._there)} | {name: name for name in first}
        self._text = tuple(self._find(name) for name in columns.text or self._guess())
        self._label = self._find(columns.label)
        used = {*self._text, self._label}
        extra = ("language", "thread", *(("tier", "kind", "urgency", "spam", "sender", "source") * columns.more))
        self._extra = {name: there for name in extra if (there := self._names.get(name)) and there not in used}
        self._at = self._names.get("at") if columns.more else None

    def row(self, record: Record) -> Row:
        parts = [_words(record.get(name)) for name in self._text]
        subject, text = (parts[0], "\n".join(part for part in parts[1:] if part)) if len(parts) > 1 else ("", parts[0])
        extra = {name: _words(record.get(there)).strip() for name, there in self._extra.items()}
        tier = extra.pop("tier", "")
        extra["source"] = extra.get("source") or "import"
        return Row(
            subject=subject,
            text=text,
            category=_words(record.get(self._label)).strip(),
            tier=_number(tier) if tier else None,
            at=_instant(record.get(self._at)) if self._at else 0.0,
            **extra,
        )

    def _find(self, name: str) -> str:
        there = self._names.get(name) or self._names.get(name.casefold())
        if there is None:
            raise Unusable(f"{self._path}: no column {name!r}; there are {self._listed()}")
        return there

    def _guess(self) -> tuple[str, ...]:
        for names in _TEXTS:
            if all(name in self._names for name in names):
                return names
        raise Unusable(f"{self._path}: no text column; there are {self._listed()} (name yours with --text)")

    def _listed(self) -> str:
        return ", ".join(repr(name[:40]) for name in self._there[:20])


def _number(value: str) -> int:
    try:
        number = float(value)
        return int(number) if number == int(number) else _NO_NUMBER
    except (ValueError, OverflowError):
        return _NO_NUMBER


def _words(value: object) -> str:
    """A field as text; nothing for what stands for nothing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return "" if words.strip() in _MISSING else words[:LIMIT_FIELD_CHARS]


def _instant(value: object) -> float:
    """POSIX seconds; 0 when nobody said or it is none."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) and value != "" else 0.0
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0
