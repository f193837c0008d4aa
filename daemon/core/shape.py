"""The shape of a mail as far as searches can see it: parts, depth, weight of its parameters.

For `limits`, before any parse. `raw` has LF or CRLF line ends and no bare CR in front of a boundary or a
Content field; `low` is the same bytes in lower case. Linear, and rather too high than too low.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_BOUNDARY = re.compile(
    rb"boundary(\*[0-9*]{0,4})?[ \t\r\n]{0,20}=[ \t\r\n]{0,20}(?:\"([^\"\r\n]{0,200})\"|([^\s;\"]{0,200}))",
    re.IGNORECASE,
)
_DELIMITERS = 200_000  # lines that start with "--" are compared with the boundaries; nobody writes more
_BOUNDARIES = 2_000  # declared boundaries
_MESSAGE_TYPES = (b"message/rfc822", b"message/global", b"message/news")
_WITH_PARAMETERS = (b"content-type", b"content-disposition", b"content-transfer-encoding")
_CONTENT_FIELDS = 50_000  # lines that begin with "Content-"; more is no mail


def parameter_work(low: bytes, *, limit: int) -> int:
    """Separators × octets of each Content-* field at a line's start, summed up to `limit`."""
    work = seen = 0
    at = 0 if low.startswith(b"content-") else low.find(b"\ncontent-") + 1
    while at > 0 or (seen == 0 and low.startswith(b"content-")):
        seen += 1
        stop = low.find(b"\n", at)
        while stop >= 0 and low[stop + 1 : stop + 2] in (b" ", b"\t"):
            stop = low.find(b"\n", stop + 1)
        stop = len(low) if stop < 0 else stop
        if low.startswith(_WITH_PARAMETERS, at):
            work += low.count(b";", at, stop) * (stop - at)
        if work > limit or seen > _CONTENT_FIELDS:
            return limit + 1
        at = low.find(b"\ncontent-", stop) + 1
    return work


def parts_and_depth(raw: bytes, low: bytes, *, most_parts: int, most_depth: int) -> tuple[int, int]:
    """An upper estimate of (parts, depth) from the boundary lines.

    Depth follows a stack of open boundaries as the parser's own does; a message in a message
    without a boundary between them counts as one level each. Stops at the first number over.
    """
    messages = b"message/" in low and any(kind in low for kind in _MESSAGE_TYPES)
    if not messages and b"boundary" not in low:
        return 1, 1
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
        if parts > most_parts or deepest > most_depth:
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
