"""Header fields as they stand in the raw mail: where the block ends, which fields are in it.

The one place that decides what is a header and what is body, so that the duplicate key, the
limits and the parser cannot disagree. It draws the line where Postfix does: a line that is no
field and no continuation ends the block, and a bare CR never starts a field; fields hidden
behind either (an Authentication-Results that the MTA did not strip) stay text. Linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BLANK = re.compile(rb"\n\r*\n")
_NAME = re.compile(rb"([\x21-\x39\x3b-\x7e]{1,200})[ \t]*:")
_FOLD = re.compile(rb"[\r\n]+[ \t]*|\t")
_LEADING_FROM = (b"From ", b">From ")  # mbox separators that pipes leave in front


@dataclass(frozen=True, slots=True)
class Field:
    """One raw field: `name` lower case, `value` the bytes after the colon with their folding."""

    name: str
    value: bytes

    @property
    def unfolded(self) -> bytes:
        """The value on one line: line ends (bare CR too) and their indentation are one space."""
        return _FOLD.sub(b" ", self.value).strip()


@dataclass(frozen=True, slots=True)
class Block:
    """The header block: its fields (at most as many as asked for) and where the body starts.

    `cut` says that there was more than the limits let us read.
    """

    fields: tuple[Field, ...]
    body_start: int
    cut: bool = False


def block_end(raw: bytes, limit: int) -> int:
    """Offset of the end of the header block's last line, -1 when it is longer than `limit` bytes."""
    if raw[:1] == b"\n" or raw[:2] == b"\r\n":
        return 0
    found = _BLANK.search(raw, 0, limit + 2)
    if found:
        return found.start() + 1
    return len(raw) if len(raw) <= limit else -1


def read_block(raw: bytes, *, limit_bytes: int, limit_fields: int) -> Block:
    """The fields of `raw`, in order; never raises."""
    end = block_end(raw, limit_bytes)
    cut = end < 0
    end = limit_bytes if cut else end
    fields: list[Field] = []
    name, lines = "", [b""]
    body_start = -1
    for at, line in _lines(raw, end):
        if name and line[:1] in (b" ", b"\t"):
            lines.append(line)
            continue
        match = _NAME.match(line)
        if match is None:
            if at == 0 and line.startswith(_LEADING_FROM):
                continue
            body_start = at  # a line that is no field: the body starts with it
            break
        if name:
            fields.append(Field(name, b"".join(lines)))
            name = ""
        if len(fields) >= limit_fields:
            cut = True
            break
        name, lines = match.group(1).decode("ascii").lower(), [line[match.end() :]]
    if name:
        fields.append(Field(name, b"".join(lines)))
    return Block(tuple(fields), _after_blank(raw, end) if body_start < 0 else body_start, cut=cut)


def _lines(raw: bytes, end: int) -> Iterator[tuple[int, bytes]]:
    """Each line before `end` with its offset and its line end."""
    at = 0
    while at < end:
        stop = raw.find(b"\n", at, end) + 1 or end
        yield at, raw[at:stop]
        at = stop


def _after_blank(raw: bytes, end: int) -> int:
    """Skip the empty line that ends the block at `end`."""
    at = end
    while raw[at : at + 1] == b"\r":
        at += 1
    return at + 1 if raw[at : at + 1] == b"\n" else end
