"""Envelopes as rows of `delivery`: one per accepted delivery, duplicates included.

Owns the two-way mapping. Forward-paths are bounded to 64 kB of text; the rest by the columns.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row

from daemon.core.address import Address
from daemon.core.envelope import Acceptance, Channel, Envelope
from daemon.store.columns import bounded

_FORWARD_PATHS_CHARACTERS = 64_000


def address_of(written: str | None) -> Address | None:
    """The address a column holds; the domain is after the last `@` (a quoted local part may hold others)."""
    local, at, domain = (written or "").rpartition("@")
    return Address(local, domain) if at else None


def row(envelope: Envelope, inbound_id: int, acceptance: Acceptance, *, source_key: str | None) -> dict[str, Any]:
    """The `delivery` row of this envelope."""
    return {
        "inbound_id": inbound_id,
        "acceptance": str(acceptance),
        "channel": str(envelope.channel),
        "reverse_path": None if envelope.reverse_path is None else str(envelope.reverse_path),
        "reverse_path_known": envelope.reverse_path_known,
        "forward_paths": _forward_paths(envelope),
        "peer": envelope.peer,
        "helo": envelope.helo,
        "authenticated_as": envelope.authenticated_as,
        "tls": envelope.tls,
        "source": envelope.source,
        "source_key": source_key,
        "received_at": envelope.received_at,
    }


def load(stored: Row[Any]) -> Envelope:
    """The envelope of a `delivery` row joined with its mail's `desk`."""
    return Envelope(
        channel=Channel(stored.channel),
        desk=stored.desk,
        received_at=stored.received_at,
        reverse_path=address_of(stored.reverse_path),
        reverse_path_known=bool(stored.reverse_path_known),
        forward_paths=tuple(filter(None, map(address_of, json.loads(stored.forward_paths)))),
        peer=stored.peer,
        helo=stored.helo,
        authenticated_as=stored.authenticated_as,
        tls=bool(stored.tls),
        source=stored.source,
    )


def _forward_paths(envelope: Envelope) -> str:
    kept: list[str] = []
    room = _FORWARD_PATHS_CHARACTERS
    for path in envelope.forward_paths:
        written = bounded(str(path), 1000)
        room -= len(written)
        if room < 0:
            break
        kept.append(written)
    return json.dumps(kept)
