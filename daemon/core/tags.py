"""The tags of an HTML text, one after the other: a tokeniser that only moves forward.

For `markup`. Comments, declarations, scripts and styles are skipped. What a search did not find is
remembered, so that it is not searched for again: 60,000 unclosed comments cost what 60,000
characters cost. Markup that is never closed comes out as text rather than swallow the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_RAW_TEXT = frozenset({"script", "style", "title", "template", "noscript", "svg", "math", "select", "object", "iframe"})
_ATTRIBUTE = re.compile(r"([a-zA-Z-]{1,40})\s{0,20}=\s{0,20}(?:\"([^\"]*)\"?|'([^']*)'?|([^\s\"'>]+))")
_ATTRIBUTES_CHARS = 8_000
_TAG_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9:_-]{0,40})")
_CLOSERS = {name: re.compile(rf"</{name}\b", re.IGNORECASE) for name in _RAW_TEXT}


def events(source: str) -> Iterator[tuple[str, str, str]]:
    """(kind, name, value): "text" with its text, "open" with the attributes' text, "close"."""
    at, size = 0, len(source)
    missing: set[str] = set()  # closers known not to come any more: a second search would be quadratic
    while at < size:
        start = source.find("<", at)
        if start < 0:
            yield "text", "", source[at:]
            return
        if start > at:
            yield "text", "", source[at:start]
        follower = source[start + 1 : start + 2]
        if follower in {"!", "?"}:
            at = _declaration_end(source, start, missing)
            continue
        match = _TAG_NAME.match(source, start + 1)
        stop = _tag_end(source, match.end(), missing) if match else -1
        if match is None or stop < 0:
            yield "text", "", "<"
            at = start + 1
            continue
        name = match[1].lower()
        at = stop + 1
        if follower == "/":
            yield "close", name, ""
            continue
        if name in _RAW_TEXT and source[stop - 1] != "/":
            end = _raw_text_end(source, name, at, missing)
            if end > at:
                at = end
                continue
        yield "open", name, source[match.end() : min(stop, match.end() + _ATTRIBUTES_CHARS)]


def _declaration_end(source: str, start: int, missing: set[str]) -> int:
    """Offset behind a comment or declaration; only its "<!" when it never ends."""
    for opener, closer in (("<!--", "-->"), ("<", ">")):
        if closer not in missing and source.startswith(opener, start):
            stop = source.find(closer, start + 2)
            if stop >= 0:
                return stop + len(closer)
            missing.add(closer)
    return start + 2


def _raw_text_end(source: str, name: str, at: int, missing: set[str]) -> int:
    """Offset behind the end tag of a script or style that begins at `at`; `at` when there is none."""
    if name in missing:
        return at
    closer = _CLOSERS[name].search(source, at)
    if closer is None:
        missing.add(name)
        return at
    return source.find(">", closer.end()) + 1 or len(source)


def _tag_end(source: str, at: int, missing: set[str]) -> int:
    """Offset of the ">" that ends the tag, one inside quotes apart; every step consumes what it scans."""
    if ">" in missing:
        return -1
    stop = source.find(">", at)
    if stop < 0:
        missing.add(">")
        return -1
    first = stop
    while True:
        quote = _open_quote(source, at, stop)
        if not quote or quote in missing:
            return stop if not quote else first
        close = source.find(quote, stop)
        if close < 0:
            missing.add(quote)
            return first
        at = close + 1
        stop = source.find(">", at)
        if stop < 0:
            return first


def _open_quote(source: str, at: int, stop: int) -> str:
    """The quote character still open at `stop`, or ""."""
    chunk = source[at:stop]
    if '"' not in chunk and "'" not in chunk:
        return ""
    pos = chunk.find("=")
    while pos >= 0:
        rest = chunk[pos + 1 : pos + 20].lstrip()
        quote = rest[:1]
        if quote and quote in "\"'":
            begin = chunk.find(quote, pos + 1)
            end = chunk.find(quote, begin + 1)
            if end < 0:
                return quote
            pos = end
        pos = chunk.find("=", pos + 1)
    return ""


def read_attributes(text: str) -> dict[str, str]:
    """The attributes of a tag by lower-case name; the first of a repeated name wins."""
    values: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(text):
        values.setdefault(match[1].lower(), match[2] or match[3] or match[4] or "")
    if re.search(r"(?:^|\s)hidden(?:\s|$|/)", text[:400], re.IGNORECASE):
        values.setdefault("hidden", "")
    return values
