"""What became of one submission to the relay: a closed set of values for the deliver loop.

The distinction that matters is *before* or *after* the final dot: a connection lost before it is `Deferred` (nothing
was sent), after it `Unknown` (the relay may have taken it: the same bytes and Message-ID again, RFC 1047).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """How far the dialogue came."""

    CONNECT = "connect"
    TLS = "tls"
    LOGIN = "login"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"  # up to the final dot
    DOT = "dot"  # the answer to it


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """2xx after the dot: the relay is responsible now."""

    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """5xx for this mail: trying again is useless. `reply` starts with the code, in the relay's words."""

    code: int
    reply: str
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderRefused:
    """5xx for the null reverse-path: try again with the signed bounce address (mail-rules §4)."""

    code: int
    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """Nothing was sent: try again later. `code` 0 means no answer; the relay's or the network's words in `reply`."""

    code: int
    reply: str
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The content went out and the answer never came."""

    reply: str


Submission = Accepted | Refused | SenderRefused | Deferred | Unknown
