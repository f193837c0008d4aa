"""Authentication-Results fields (RFC 8601), as values.

Owns the reading of one field: comments, folding, quoted strings, version numbers, spaces
round `=`, and Microsoft 365's form without an authserv-id. One linear pass over bounded text;
what cannot be read is left out, nothing raises. Says nothing of whether a field may be
believed: that is `trust`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

_MAX_FIELD = 8_192  # characters read of one field
_MAX_RESULTS = 50
_PIECES = re.compile(r'"(?:[^"\\]|\\.)*"|\\.|[\s]+|[();]|[^\s"();\\]+|["\\]', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthResult:
    """One method's result, lower case. `properties` are (`header.from`, `example.org`) pairs in order.

    `comment` is the first one of the statement, without brackets: OpenDMARC, Gmail and rspamd say only there
    which policy the domain published.
    """

    method: str
    result: str
    properties: tuple[tuple[str, str], ...] = ()
    comment: str = ""

    def value(self, name: str) -> str:
        """The first property of that name, or ""."""
        return next((value for key, value in self.properties if key == name), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthResults:
    """One field. `authserv_id` is lower case, "" when the field names none (Microsoft 365)."""

    authserv_id: str
    results: tuple[AuthResult, ...] = ()


def parse_authentication_results(value: str) -> AuthResults:
    """What one field says."""
    segments = list(islice(_segments(value[:_MAX_FIELD]), _MAX_RESULTS + 1))
    head = segments[0][0] if segments else []
    authserv_id = head[0].lower() if head and "=" not in head[0] else ""
    statements = segments[1:] if authserv_id else segments
    results = (_result(words, comment) for words, comment in statements)
    return AuthResults(authserv_id=authserv_id, results=tuple(result for result in results if result))


def _segments(value: str) -> Iterator[tuple[list[str], str]]:
    """The words between semicolons, quotes off, `a = b` joined to `a=b`; and the first comment among them."""
    words: list[str] = []
    comments: list[str] = []
    word = ""
    depth = 0
    for match in _PIECES.finditer(value):
        piece = match[0]
        if piece == "(":
            depth += 1
            comments.append("")
        elif piece == ")":
            depth = max(depth - 1, 0)
        if depth or piece == ")":
            if depth and piece != "(":
                comments[0] += piece if len(comments) == 1 else ""
            continue
        if piece != ";" and not piece.isspace():
            word += _unquoted(piece)
            continue
        if word:
            words.append(word)
            word = ""
        if piece == ";":
            yield _joined(words), comments[0] if comments else ""
            words, comments = [], []
    yield _joined([*words, word] if word else words), comments[0] if comments else ""


def _unquoted(piece: str) -> str:
    if len(piece) < 2 or piece[0] != '"' or piece[-1] != '"':
        return piece
    return re.sub(r"\\(.)", r"\1", piece[1:-1], flags=re.DOTALL)


def _joined(words: list[str]) -> list[str]:
    joined: list[str] = []
    for word in words:
        if joined and (word.startswith("=") or joined[-1].endswith("=")) and joined[-1].count("=") <= 1:
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _result(words: list[str], comment: str) -> AuthResult | None:
    """`method[/version]=result`, then properties; None when there is no method (`none`, rubbish)."""
    pairs = [(name.lower(), value) for name, equals, value in (word.partition("=") for word in words) if equals]
    if not pairs or "=" not in words[0]:
        return None
    method, result = pairs[0]
    return AuthResult(
        method=method.partition("/")[0],
        result=result.lower(),
        properties=tuple((name, value.lower()) for name, value in pairs[1:]),
        comment=comment.strip().lower(),
    )
