"""Tags of the desk software that a desk came from: `[Ticket#123]`, `[Desk #123]`, `[desk-123]` in a subject.

Owns the form of their patterns and the search. A pattern is literal text with one `{number}`; `{name}` stands for some
words, `{slug}` for one. What is found is a hint like our own tag: only people who take part get in. Linear: every place
is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

_PLACES = {
    "{number}": "([0-9]{1,20})",
    "{name}": r"[^\[\]#\r\n]{1,60}?",
    "{slug}": "[A-Za-z0-9_.]{1,40}",
}
_PLACE = re.compile(r"(\{[a-z]+\})")
MOST = 5  # foreign tags of one subject that are looked up
PATTERN_CHARS = 80


def wrong_pattern(pattern: str) -> str:
    """Why this is no pattern of a tag, or ""."""
    places = _PLACE.findall(pattern)
    if len(pattern) > PATTERN_CHARS:
        return f"is longer than {PATTERN_CHARS} characters"
    if unknown := next((place for place in places if place not in _PLACES), ""):
        return f"there is no place {unknown} (there are {', '.join(_PLACES)})"
    if places.count("{number}") != 1:
        return "needs {number} once"
    if not re.search(r"[^\w\s]", _PLACE.sub("", pattern)):
        return "needs a bracket, # or another sign round the number, or any number would be one"
    return ""


def find_foreign(subject: str, patterns: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """(system, number) of every foreign tag in `subject`, by (system, pattern)."""
    for system, pattern in patterns:
        for number in _compiled(pattern).findall(subject):
            yield system, number.lstrip("0") or "0"


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(_PLACES.get(piece) or re.escape(piece) for piece in _PLACE.split(pattern)), re.IGNORECASE)
