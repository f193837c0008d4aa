"""The limits a mail must keep before anybody parses it, and the scan that checks them.

The numbers are mail-rules §7's. `exceeded` works on the raw bytes with linear searches only (no
parse, no decoding), because every MIME parser in Python has inputs of a few kB that cost it
seconds: what passes here is cheap to parse. It over-counts rather than under-counts. A mail over
a limit is kept, read by its headers only, never acknowledged, and a person looks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from daemon.core.fields import Field, read_block
from daemon.core.shape import parameter_work, parts_and_depth


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
    # Separators × octets, summed over all Content-* fields: the stdlib copies the rest of a field at each ";".
    # 64 kB of ";" in one boundary took it 20 s; a usual field is 3 × 100.
    parameters: int = 8_000_000
    quadratic_codecs: int = 0  # RFC 2231 values in punycode or idna: 900 kB cost the stdlib two minutes


DEFAULT_LIMITS = Limits()

_ADDRESS_FIELDS = frozenset({"from", "sender", "reply-to", "to", "cc", "bcc", "resent-to", "resent-cc", "delivered-to"})
_BODY_WORDS_FACTOR = 10  # encoded words in all part headers (file names) and quoted headers together
_WORD_START = re.compile(rb"=\?[^?\s]{1,60}\?[bBqQ]\?")
_QUADRATIC_CODEC = re.compile(rb"\*[ \t\r\n]*=[ \t\r\n]*\"?[^a-z0-9.'\"]*(?:punycode|idna)[^a-z0-9.']*'", re.IGNORECASE)


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
            # "Last, First" doubles the separators of a real list; a list without "@" is counted by them.
            separators = field.value.count(b",") + field.value.count(b";")
            addresses += max(field.value.count(b"@"), separators // 2)
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
    if _QUADRATIC_CODEC.search(raw):
        over.add("quadratic_codecs")
    low = raw.lower()
    if b"\r--" in low or b"\rcontent-" in low:  # the parser also ends lines at a bare CR
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        low = raw.lower()
    if parameter_work(low, limit=limits.parameters) > limits.parameters:
        over.add("parameters")
    parts, depth = parts_and_depth(raw, low, most_parts=limits.parts, most_depth=limits.depth)
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
