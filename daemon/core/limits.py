"""The limits a mail must keep before anybody parses it, and the scan that checks them.

The numbers are mail-rules §7's. `exceeded` works on the raw bytes with linear searches only (no
parse, no decoding), because every MIME parser in Python has inputs of a few kB that cost it
seconds: what passes here is cheap to parse. It over-counts rather than under-counts. A mail over
a limit is kept, read by its headers only, never acknowledged, and a person looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from daemon.core.fields import Field, read_block


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Numbers of mail-rules §7 unless another source is named. All in bytes or counts."""

    message_bytes: int = 25_000_000
    header_bytes: int = 256 * 1024
    fields: int = 1_000
    field_bytes: int = 64 * 1024
    parts: int = 500
    depth: int = 50
    encoded_words: int = 500
    addresses: int = 1_000
    line_bytes: int = 64 * 1024
    html_bytes: int = 256 * 1024  # of one part; more is cut, not refused: newsletters reach it
    lines: int = 600_000  # 25 MB of base64 are 330,000 lines; each costs the parser 1 µs
    nested_lines: int = 3_000_000  # lines × depth: the stdlib tests each line against each open boundary
    text_chars: int = 200_000  # of body text that is kept and searched (threat 16); the rest is in the raw mail
    forwarded: int = 20  # mails inside the mail that are read
    quadratic_codecs: int = 0  # RFC 2231 values in punycode or idna: 900 kB cost the stdlib two minutes


DEFAULT_LIMITS = Limits()

_ADDRESS_FIELDS = frozenset({"from", "sender", "reply-to", "to", "cc", "bcc", "resent-to", "resent-cc", "delivered-to"})
_BODY_WORDS_FACTOR = 10  # encoded words in all part headers (file names) and quoted headers together
_WORD_START = re.compile(rb"=\?[^?\s]{1,60}\?[bBqQ]\?")
_BOUNDARY = re.compile(
    rb"boundary(\*[0-9*]{0,4})?[ \t\r\n]{0,20}=[ \t\r\n]{0,20}(?:\"([^\"\r\n]{0,200})\"|([^\s;\"]{0,200}))",
    re.IGNORECASE,
)
_QUADRATIC_CODEC = re.compile(rb"\*[ \t\r\n]*=[ \t\r\n]*\"?[^a-z0-9.'\"]*(?:punycode|idna)[^a-z0-9.']*'", re.IGNORECASE)
_DELIMITERS = 200_000  # lines that start with "--" are compared with the boundaries; nobody writes more
_BOUNDARIES = 2_000  # declared boundaries
_MESSAGE_TYPES = (b"message/rfc822", b"message/global", b"message/news")


def exceeded(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[str, ...]:
    """Names of the limits `raw` breaks, in the order of `Limits`; empty when it may be parsed."""
    if len(raw) > limits.message_bytes:
        return ("message_bytes",)
    block = read_block(raw, limit_bytes=limits.header_bytes, limit_fields=limits.fields)
    over = _over_in_headers(block.fields, limits)
    if block.cut:
        over.add("fields" if len(block.fields) >= limits.fields else "header_bytes")
    lines = max(raw.count(b"\n"), raw.count(b"\r"))
    if lines > limits.lines:
        over.add("lines")
    if _has_long_line(raw, limits.line_bytes):
        over.add("line_bytes")
    if not over:  # the dearer scans need no more reasons
        over |= _over_in_body(raw, lines, limits)
    return tuple(name for name in Limits.__dataclass_fields__ if name in over)


def _over_in_headers(fields: tuple[Field, ...], limits: Limits) -> set[str]:
    over = set()
    words = addresses = 0
    for field in fields:
        if len(field.value) > limits.field_bytes:
            over.add("field_bytes")
        if b"=?" in field.value:
            words += sum(1 for _ in _WORD_START.finditer(field.value))
        if field.name in _ADDRESS_FIELDS:
            # "Last, First" doubles the commas of a real list; a list without "@" is counted by them.
            addresses += max(field.value.count(b"@"), field.value.count(b",") // 2)
    if words > limits.encoded_words:
        over.add("encoded_words")
    if addresses > limits.addresses:
        over.add("addresses")
    return over


def _over_in_body(raw: bytes, lines: int, limits: Limits) -> set[str]:
    over = set()
    words = limits.encoded_words * _BODY_WORDS_FACTOR
    if (
        b"=?" in raw
        and raw.count(b"=?") > words
        and sum(1 for _ in zip(range(words + 1), _WORD_START.finditer(raw), strict=False)) > words
    ):
        over.add("encoded_words")
    if any(_QUADRATIC_CODEC.finditer(raw)):
        over.add("quadratic_codecs")
    parts, depth = _shape(raw, limits)
    if parts > limits.parts:
        over.add("parts")
    if depth > limits.depth or depth * lines > limits.nested_lines:
        over.add("depth")
    return over


def _has_long_line(raw: bytes, limit: int) -> bool:
    """Jump from line end to line end, `limit` bytes at a time: hundreds of steps for 25 MB, not 350,000."""
    start, size = 0, len(raw)
    while size - start > limit:
        stop = max(raw.rfind(b"\n", start, start + limit + 1), raw.rfind(b"\r", start, start + limit + 1))
        if stop < 0:
            return True
        start = stop + 1
    return False


def _shape(raw: bytes, limits: Limits) -> tuple[int, int]:
    """An upper estimate of (parts, depth) from the boundary lines.

    Depth follows a stack of open boundaries as the parser's own does; a message in a message
    without a boundary between them counts as one level each.
    """
    low = raw.lower()
    messages = b"message/" in low and any(kind in low for kind in _MESSAGE_TYPES)
    if not messages and b"boundary" not in low:
        return 1, 1
    if b"\r--" in raw:  # the parser also ends lines at a bare CR
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        low = raw.lower()
    declared, exotic = _boundaries(raw, low)
    parts = deepest = before = 0
    stack: list[bytes] = []
    for at, name, closing in _delimiters(raw, declared, any_name=exotic):
        if messages:
            deepest = max(deepest, len(stack) + _count_messages(low, before, at))
            before = at
        if name in stack:
            del stack[stack.index(name) + (not closing) :]
        elif not closing:
            stack.append(name)
        deepest = max(deepest, len(stack))
        parts += not closing
        if parts > limits.parts or deepest > limits.depth:
            return parts, deepest
    if messages:
        deepest = max(deepest, len(stack) + _count_messages(low, before, len(low)))
    return max(parts, 1), max(deepest, 1)


def _delimiters(raw: bytes, declared: set[bytes], *, any_name: bool) -> Iterator[tuple[int, bytes, bool]]:
    """Offset, boundary and "is it the closing one" of each line that is a boundary line.

    Past 200,000 lines with "--" in front each one counts, so that the caller stops.
    """
    at = 0 if raw.startswith(b"--") else raw.find(b"\n--") + 1
    seen = 0
    while at > 0 or (seen == 0 and raw.startswith(b"--")):
        seen += 1
        stop = raw.find(b"\n", at, at + 400)
        name = raw[at + 2 : stop if stop >= 0 else at + 400].rstrip()
        closing = name not in declared and name.endswith(b"--") and name[:-2] in declared
        if closing:
            name = name[:-2]
        if name in declared or (any_name and name) or seen > _DELIMITERS:
            yield at, name, closing
        at = raw.find(b"\n--", at) + 1


def _count_messages(low: bytes, start: int, stop: int) -> int:
    return sum(low.count(kind, start, stop) for kind in _MESSAGE_TYPES)


def _boundaries(raw: bytes, low: bytes) -> tuple[set[bytes], bool]:
    """All boundary values declared anywhere, and whether one is written in a way we do not read."""
    declared: set[bytes] = set()
    exotic = False
    at, seen = low.find(b"boundary"), 0
    while at >= 0 and seen <= _BOUNDARIES:
        seen += 1
        match = _BOUNDARY.match(raw, at)
        if match:
            value = (match[2] if match[2] is not None else match[3]).rstrip()
            if match[1] or b"\\" in value or not value:
                exotic = True
            else:
                declared.add(value)
        at = low.find(b"boundary", at + 8)
    return declared, exotic or seen > _BOUNDARIES
