"""Message identifiers as text: the one reading of Message-ID, In-Reply-To and References.

Identifiers keep their angle brackets, lose white space that folding put inside them, and are
bounded. Encoded words around them are undone: Python's own writer wraps long identifiers in
those (bpo-79986) and Exchange's are long.
"""

from __future__ import annotations

import re

from daemon.core.charset import decode, decode_words
from daemon.core.clean import clean_line

ID_CHARS = 500  # RFC 5322 lines end at 998; the longest seen in real mail is 310
IDS = 100  # newest kept; RFC 5537 §3.4.4 lets followers trim References too
_SCAN_BYTES = 64 * 1024

_ID = re.compile(r"<([^<>]{1,900})>")
_SPACES = re.compile(r"\s+")


def _text(value: bytes) -> str:
    head = value[:_SCAN_BYTES]
    return clean_line(decode_words(head) if b"=?" in head else decode(head), _SCAN_BYTES)


def first_id(value: bytes) -> str:
    """The identifier of a Message-ID field, with angle brackets even when it had none; "" when empty."""
    text = _text(value[: 4 * ID_CHARS])
    match = _ID.search(text)
    inner = _SPACES.sub("", match[1] if match else text.strip("<> "))[:ID_CHARS]
    return f"<{inner}>" if inner else ""


def all_ids(value: bytes) -> tuple[str, ...]:
    """The identifiers of an In-Reply-To or References field, oldest first, without repeats."""
    found = (_SPACES.sub("", match[1]) for match in _ID.finditer(_text(value)))
    unique = dict.fromkeys(f"<{inner[:ID_CHARS]}>" for inner in found if inner)
    return tuple(unique)[-IDS:]
