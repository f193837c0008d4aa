"""The text of a mail: which part to read, its lines, and the writer's own words in it.

text/plain is preferred to text/html unless it is empty or only says "please view as HTML".
format=flowed (RFC 3676) is joined again, uuencoded files in old mails are taken out of the text,
and the result goes through `quote.split`. User's words are never lost: `full` is all of it.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from daemon.core.clean import clean
from daemon.core.markup import Line, read_html
from daemon.core.message import Body
from daemon.core.quote import ABOUT_NOTHING, About, split

_STUB = re.compile(
    r"html|web ?browser|view (?:this|it) (?:e-?mail|message)|online|navegador|navigateur|richtext|rich text",
    re.IGNORECASE,
)
_STUB_CHARS = 400
_HTML_START = re.compile(r"\s{0,100}(?:<!doctype html|<html|<head|<body|<div[ >]|<p[ >])", re.IGNORECASE)
_BEGIN = re.compile(r"begin(?:-base64)? ?[0-7]{3,4} (\S.{0,200})")
_UU_LINES = 400_000


@dataclass(frozen=True, slots=True)
class Text:
    """One displayable part: its decoded text and how to read it."""

    text: str
    html: bool = False
    flowed: bool = False
    delsp: bool = False


@dataclass(frozen=True, slots=True)
class Embedded:
    """A uuencoded file that stood in the text."""

    name: str
    data: bytes


def lines_of(text: Text, *, limit: int, html_limit: int) -> tuple[Line, ...]:
    """The lines of one part, cleaned, at most about `limit` characters."""
    if text.html:
        return read_html(text.text[:html_limit], limit=limit)
    plain = clean(text.text, limit).replace("\xa0", " ")
    found = unflow(plain, delsp=text.delsp) if text.flowed else plain.split("\n")
    return tuple(Line(line) for line in found)


def is_stub(plain: str, readable_html: str) -> bool:
    """True when the plain text only stands in for the HTML one."""
    bare = plain.strip()
    if not bare:
        return True
    return len(bare) <= _STUB_CHARS and len(readable_html) > 2 * len(bare) and bool(_STUB.search(bare))


def looks_like_html(plain: str) -> bool:
    """True for markup that came under the label text/plain."""
    return bool(_HTML_START.match(plain[:400])) and "</" in plain


def make_body(lines: Sequence[Line], *, source: str, about: About = ABOUT_NOTHING) -> Body:
    """The body of `lines`, taken apart by what is known `about` the mail."""
    full = "\n".join(line.text for line in lines).strip("\n")
    if not full.strip():
        return Body(source="none")
    parts = split(lines, about)
    return Body(new=parts.new, quoted=parts.quoted, signature=parts.signature, full=full, source=source)


def unflow(text: str, *, delsp: bool = False) -> list[str]:
    """Lines of a format=flowed text: soft breaks joined inside one quote depth, space stuffing off (RFC 3676 §4)."""
    done: list[str] = []
    pieces: list[str] = []
    depth = 0

    def flush() -> None:
        if pieces:
            done.append("> " * min(depth, 10) + "".join(pieces))
            pieces.clear()

    for line in text.split("\n"):
        rest = line.lstrip(">")
        quotes = len(line) - len(rest)
        rest = rest.removeprefix(" ")
        if pieces and quotes != depth:
            flush()
        depth = quotes
        if rest == "-- ":  # never flowed
            flush()
            pieces.append(rest)
            flush()
        elif rest.endswith(" "):
            pieces.append(rest[:-1] if delsp else rest)
        else:
            pieces.append(rest)
            flush()
    flush()
    return done


def take_uuencoded(text: str) -> tuple[str, tuple[Embedded, ...]]:
    """The text without its uuencoded files, and those files (netnews and mail before MIME)."""
    if "begin" not in text or "\nend" not in text:
        return text, ()
    kept: list[str] = []
    files: list[Embedded] = []
    block: list[str] = []
    name = ""
    for line in text.split("\n"):
        stripped = line.rstrip("\r")
        if not name:
            match = _BEGIN.fullmatch(stripped) if stripped.startswith("begin") else None
            if match:
                name, block = match[1], [line]
            else:
                kept.append(line)
            continue
        block.append(line)
        if stripped == "end":
            data = _uudecode(block[1:-1])
            if data is None:
                kept.extend(block)
            else:
                files.append(Embedded(name, data))
            name = ""
        elif not _is_uu_line(stripped) or len(block) > _UU_LINES:  # a sentence that began with "begin 644 …"
            kept.extend(block)
            name = ""
    if name:
        kept.extend(block)
    return "\n".join(kept), tuple(files)


def _is_uu_line(line: str) -> bool:
    return not line or (len(line) <= 90 and " " <= line[0] <= "`" and line.isascii())


def _uudecode(lines: Sequence[str]) -> bytes | None:
    out = []
    for line in lines:
        text = line.rstrip("\r")
        if not text.strip(" `"):
            continue
        try:
            out.append(binascii.a2b_uu(text))
        except binascii.Error:
            count = (((ord(text[0]) - 32) & 63) * 4 + 5) // 3  # trailing blanks lost or garbage added
            try:
                out.append(binascii.a2b_uu(text[:count]))
            except binascii.Error:
                return None
    return b"".join(out) if out else None
