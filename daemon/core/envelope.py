"""The envelope: what the transport told us about one delivery, before anybody reads the mail.

Owns `Envelope` and `Receipt`, the two values every channel exchanges with the daemon
(`receive(envelope, raw) -> Receipt`). RFC 5321 words: the reverse-path `<>` is `None`.
Knows nothing of headers: those are claims of the sender, these are facts of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from daemon.core.address import Address


class Channel(StrEnum):
    """The way a mail came in."""

    SMTP = "smtp"
    LMTP = "lmtp"
    IMAP = "imap"
    PIPE = "pipe"
    FILE = "file"  # test-message, demo feeds and imports


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One delivery of one message to one desk.

    `received_at` is aware UTC. `reverse_path` None means `<>` when `reverse_path_known`,
    else "this channel has no envelope" (IMAP without a Return-Path field).
    `source` names the delivery for humans and for IMAP is its key
    (`account/folder/uidvalidity/uid`).
    """

    channel: Channel
    desk: str
    received_at: datetime
    reverse_path: Address | None = None
    reverse_path_known: bool = True
    forward_paths: tuple[Address, ...] = ()
    peer: str = ""
    helo: str = ""
    authenticated_as: str = ""
    tls: bool = False
    source: str = ""


class Acceptance(StrEnum):
    """What became of a delivery at the door."""

    NEW = "new"  # stored, will be read
    DUPLICATE = "duplicate"  # the same content is stored already; counted on it
    ID_REUSED = "id_reused"  # same Message-ID, other content: stored and flagged


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof of a durable commit: only with one in hand may a channel answer 250 or set a flag."""

    inbound_id: int
    acceptance: Acceptance
