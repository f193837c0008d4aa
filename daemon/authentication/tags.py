"""Tag lists (`v=DKIM1; k=rsa; p=…`), the one syntax of DKIM keys, signatures and DMARC records.

RFC 6376 §3.2: names are case-sensitive, white space round them is not, a repeated name makes the
whole list invalid. Linear on bounded text; says None rather than guess.
"""

from __future__ import annotations

import re

MAX_LIST = 8_192
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


def read_tags(text: str) -> dict[str, str] | None:
    """The tags in their order, or None when the list is not well formed."""
    if len(text) > MAX_LIST:
        return None
    tags: dict[str, str] = {}
    pieces = text.split(";")
    for number, piece in enumerate(pieces):
        name, equals, value = (part.strip(" \t\r\n") for part in piece.partition("="))
        if not name and not equals and number == len(pieces) - 1:
            continue  # a last semicolon is fine
        if not equals or not _NAME.fullmatch(name) or name in tags:
            return None
        tags[name] = value
    return tags


def words(value: str) -> tuple[str, ...]:
    """The members of a colon-separated value, lower case."""
    return tuple(word.strip().lower() for word in value.split(":") if word.strip())
