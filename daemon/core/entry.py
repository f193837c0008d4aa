"""Entries: the mails on a ticket, as people see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from daemon.core.address import Address
from daemon.core.decision import EntryKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """New text only, without quotes and signature. `author` is an `Address.key` or ""."""

    inbound_id: int
    kind: EntryKind
    author: str
    author_name: str
    subject: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A mail of the requester's side that can be parted from its ticket. `copied`: who else it was written to."""

    entry: Entry
    author: Address
    message_id: str = ""
    thread_index: str = ""
    copied: tuple[Address, ...] = ()
