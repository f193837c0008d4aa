"""Builders of arrivals for the loops' tests."""

from __future__ import annotations

from typing import Any

from builders import an_envelope

from daemon.core.digest import canonical_digest
from daemon.store.inbound import Arrival


def an_arrival(number: int = 1, *, raw: bytes | None = None, **over: Any) -> Arrival:
    """A mail of person `number`, as the door hands it to the store."""
    content = (
        raw
        or (
            f"From: p{number}@d{number}.example\r\nTo: help@example.com\r\nSubject: request {number}\r\n"
            "Date: Mon, 23 Nov 2026 09:00:00 +0000\r\n"
            f"Message-ID: <m{number}@d{number}.example>\r\n\r\nwords {number}\r\n"
        ).encode()
    )
    message_id, digest = canonical_digest(content)
    return Arrival(envelope=an_envelope(**over), raw=content, message_id=message_id, digest=digest)
