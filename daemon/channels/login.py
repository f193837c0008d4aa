"""AUTH: the two mechanisms every client has, PLAIN (RFC 4616) and LOGIN, as pure readers of base64.

Only ever offered inside TLS; the session asks the given `Verify`. Passwords are neither kept nor logged.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass

MECHANISMS = ("PLAIN", "LOGIN")
_MAX_BASE64 = 12_288  # RFC 4954 §4


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Login:
    """What a client claims."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login(user={self.user!r})"


def unbase64(line: bytes) -> str | None:
    """The text of one base64 answer, None when it is not that."""
    if len(line) > _MAX_BASE64:
        return None
    try:
        return b64decode(line.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None


def read_plain(line: bytes) -> Login | None:
    """`authzid NUL authcid NUL password`; an authzid other than the user's own is refused (no proxy logins)."""
    text = unbase64(line)
    parts = text.split("\0") if text is not None else []
    if len(parts) != 3 or not parts[1] or parts[0] not in {"", parts[1]}:
        return None
    return Login(user=parts[1], password=parts[2])
