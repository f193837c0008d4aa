"""The door: what a channel is given by the daemon, and all it may ask.

Owns the Protocols between transports and the rest. `Receive` returns only after the durable commit and
raises on our own trouble (`StorageFull`, `Unavailable`, or anything: the peer always hears 4xx then).
`Admit` is pure and fast: it is asked at RCPT, on the event loop. A channel never interprets a mail.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from daemon.core.address import Address
from daemon.core.disposition import Door
from daemon.core.envelope import Envelope, Receipt

Refusal = Door


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """This recipient is ours; mail to it belongs to `desk`."""

    desk: str


Admission = Admitted | Refusal


class Receive(Protocol):
    """Stores one delivery to one desk durably; a shielded call, it is never cancelled by a peer."""

    def __call__(self, envelope: Envelope, raw: bytes, /) -> Awaitable[Receipt]: ...


class Admit(Protocol):
    """Says at RCPT whether mail to `recipient` of `size` bytes (0: not declared) is taken now."""

    def __call__(self, recipient: Address, size: int, /) -> Admission: ...


class Verify(Protocol):
    """Checks a login (AUTH); slow hashing belongs in a thread of the callee."""

    def __call__(self, user: str, password: str, /) -> Awaitable[bool]: ...
