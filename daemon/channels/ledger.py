"""The ledger: how far an IMAP folder has been taken over, as the daemon remembers it.

Our own mark, never a flag on the server: anybody may read, unread or flag mail in a mailbox (FreeScout lost mail that
somebody else had read). Within one UIDVALIDITY a server's UIDs only grow (RFC 3501 §2.3.1.1), so one number and
the few exceptions below it are the whole truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The key: one incarnation of one folder of one account."""

    account: str
    folder: str
    uidvalidity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Every UID up to `last_uid` is stored, or older than `since`, except those in `missed`.

    `missed` are mails that could not be fetched or are over the size limit; they are tried again. Another `since` than
    the configured one makes the progress void: the folder is read again, and what is stored already is a duplicate.
    """

    last_uid: int = 0
    missed: frozenset[int] = frozenset()
    since: date | None = None


class Ledger(Protocol):
    """Durable; called from the account's own thread."""

    def progress(self, folder: Folder, /) -> Progress:
        """Where we are; the empty Progress for a folder never seen (a new UIDVALIDITY is one)."""
        ...

    def record(self, folder: Folder, progress: Progress, /) -> None:
        """Remember it; called only after the receipts of all it covers."""
        ...
