"""Signed marks of ours: Message-IDs, reply addresses and bounce addresses.

Owns the only code that makes or checks an HMAC. A mark is ≥ 128 bit and bound to its
ticket (reply addresses also to the person and an expiry), so quoting a ticket number
proves nothing and holding a mark proves that we gave it (mail-rules §5). Keys rotate:
the first signs, all verify. Everything is constant-time on the compared tag.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """Secret keys, newest first, each ≥ 32 bytes. `repr` never shows them."""

    keys: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Keyring({len(self.keys)} keys)"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnId:
    """A Message-ID that we made: `<kind.ticket.sequence.tag@domain>`."""

    kind: str
    ticket_id: int
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyToken:
    """What a verified reply address says; `person_tag` must equal `person_tag(keyring, address)` of the writer."""

    ticket_id: int
    person_tag: str
    expires_on: int  # days since 1970-01-01, UTC
