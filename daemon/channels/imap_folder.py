"""One connection to one IMAP folder: what is new, its bytes, and what is done with it afterwards.

Reads with BODY.PEEK[] only and never looks at a flag to decide what is new. A body that is not in the answer is a mail
that is gone, not an empty one. What it does after the store (`act`) names UIDs only: sequence numbers made
osTicket remove every second mail. EXPUNGE is by UID too, or left to others: a plain one would remove what
somebody else has marked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import structlog
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from daemon import crash
from daemon.channels.imap_wire import COMMAND_BYTES, BoundedClient
from daemon.channels.ledger import Folder, Progress
from daemon.core.address import Address, parse_path

log = structlog.get_logger(__name__)

KEYWORD = "$Firstline"
BATCH = 50
BATCH_BYTES = 8_000_000  # bodies held at once, unless one mail alone is bigger
_WINDOW = 20_000  # UIDs asked for in one search: the answer is one line and imaplib refuses lines over 1 MB
_SPELLED_OUT = 500  # UIDs listed one by one in a command line
_MAX_UID = 2**32 - 1
_SLACK = 1_000_000  # RFC822.SIZE is an estimate on some servers
_HEAD = 65_536
_RETURN_PATH = re.compile(rb"^Return-Path:[ \t]*<([^<>\r\n]*)>[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)

After = Literal["none", "flag", "seen", "move", "delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How to reach and enter one account. Exactly one of `password` and `token` is used."""

    host: str
    port: int
    security: Literal["none", "starttls", "tls"] = "tls"
    ca_file: Path | None = None
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One mail as the server gave it. `arrived` is aware UTC."""

    uid: int
    raw: bytes
    arrived: datetime


class ImapFolder:
    """A selected folder; raises IMAPClientError, OSError and whatever else a server provokes."""

    def __init__(self, client: BoundedClient, *, name: str, after: After, read_only: bool, move_to: str) -> None:
        self._client = client
        self._name = name
        self._after: After = "none" if read_only else after
        self._move_to = move_to
        self._next_uid = 0
        self._can_flag = True
        self.uidvalidity = 0

    def open(self) -> None:
        """Select (or EXAMINE, which cannot change anything) and learn the folder's incarnation."""
        self._client.allow()
        told: dict[bytes, Any] = self._client.select_folder(self._name, readonly=self._after == "none")
        self.uidvalidity = int(told.get(b"UIDVALIDITY", 0))
        self._next_uid = int(told.get(b"UIDNEXT", 0))
        permanent = told.get(b"PERMANENTFLAGS", (b"\\*",))
        self._can_flag = self._after != "flag" or b"\\*" in permanent or KEYWORD.encode() in permanent
        if not self._can_flag:
            log.warning("imap.no_keywords", folder=self._name, next="mail is taken but not flagged")
        if self._after == "move" and not self._client.folder_exists(self._move_to):
            self._client.create_folder(self._move_to)

    def key(self, account: str) -> Folder:
        return Folder(account=account, folder=self._name, uidvalidity=self.uidvalidity)

    def new_uids(self, progress: Progress) -> list[int]:
        """UIDs above the mark, ascending, not all at once; empty when there are none."""
        start, window = progress.last_uid + 1, _WINDOW
        while start <= _MAX_UID:
            last = start + window >= self._next_uid > 0 or start + window > _MAX_UID
            span = f"{start}:{'*' if last else start + window - 1}"  # "n:*" finds the last mail even when it is below n
            found = [uid for uid in self._search(span, progress.since) if uid >= start]
            if found or last:
                return sorted(found)
            start, window = start + window, window * 4
        return []

    def present(self, uids: Iterable[int]) -> set[int]:
        """Which of these are on the server."""
        wanted = sorted(uids)
        there: set[int] = set()
        for first in range(0, len(wanted), _SPELLED_OUT):
            there |= set(self._search(",".join(map(str, wanted[first : first + _SPELLED_OUT])), None))
        return there & set(wanted)

    def news_pending(self) -> bool:
        return self._client.news_pending()

    def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """RFC822.SIZE of those that are still there."""
        self._client.allow()
        answer = self._client.fetch(list(uids), ["RFC822.SIZE"])
        return {
            uid: int(item[b"RFC822.SIZE"]) for uid, item in answer.items() if isinstance(item.get(b"RFC822.SIZE"), int)
        }

    def bodies(self, uids: Sequence[int], expected_bytes: int) -> list[Fetched]:
        """The mails of these UIDs that are still there, in order of UID."""
        self._client.allow(expected_bytes + len(uids) * 1_000 + _SLACK)
        answer = self._client.fetch(list(uids), ["BODY.PEEK[]", "INTERNALDATE"])
        now = datetime.now(UTC)
        fetched = []
        for uid in sorted(answer):
            raw = answer[uid].get(b"BODY[]")
            if isinstance(raw, bytes) and raw:  # None: expunged by somebody else while we looked
                fetched.append(Fetched(uid=uid, raw=raw, arrived=_arrived(answer[uid].get(b"INTERNALDATE"), now)))
        crash.point("after_fetch")
        return fetched

    def act(self, uids: Sequence[int]) -> None:
        """Flag, move or delete mails whose receipts we hold. Trouble here is never a reason to take them again."""
        if not uids or self._after == "none":
            return
        self._client.allow()
        crash.point("before_flag")
        try:
            self._mark(list(uids))
        except IMAPClientAbortError:
            raise
        except IMAPClientError as error:
            log.warning("imap.not_marked", folder=self._name, uids=len(uids), after=self._after, error=str(error)[:200])
        crash.point("after_flag")

    def _mark(self, uids: list[int]) -> None:
        client = self._client
        match self._after:
            case "flag" if self._can_flag:
                client.add_flags(uids, [KEYWORD], silent=True)
            case "seen":
                client.add_flags(uids, [b"\\Seen"], silent=True)
            case "move" if client.has_capability("MOVE"):
                client.move(uids, self._move_to)
            case "move":
                client.copy(uids, self._move_to)
                self._delete(uids)
            case "delete":
                self._delete(uids)
            case _:
                pass

    def _delete(self, uids: list[int]) -> None:
        self._client.delete_messages(uids, silent=True)
        crash.point("before_expunge")
        if self._client.has_capability("UIDPLUS"):
            self._client.uid_expunge(uids)

    def _search(self, span: str, since: date | None) -> list[int]:
        self._client.allow()
        self._client.news_pending()  # forget what was told before this search
        criteria: list[Any] = ["UID", span]
        if since is not None:
            criteria = ["SINCE", since, *criteria]
        return [uid for uid in self._client.search(criteria) if 0 < uid <= _MAX_UID]


def return_path(raw: bytes) -> tuple[Address | None, bool]:
    """(reverse-path, known?) from the field the final server put on top (RFC 5321 §4.4)."""
    head, _, _ = raw[:_HEAD].partition(b"\r\n\r\n")
    found = _RETURN_PATH.search(head)
    if found is None:
        return None, False
    text = found[1].decode("utf-8", "replace").strip()
    address = parse_path(text)
    return address, not text or address is not None


def batches(sizes: dict[int, int], *, at_most: int) -> list[list[int]]:
    """UIDs in order, at most `at_most` and `BATCH_BYTES` together; a bigger mail goes alone."""
    groups: list[list[int]] = []
    held = 0
    for uid in sorted(sizes):
        if not groups or len(groups[-1]) >= at_most or held + sizes[uid] > BATCH_BYTES:
            groups.append([])
            held = 0
        groups[-1].append(uid)
        held += sizes[uid]
    return groups


def connect(server: Server) -> BoundedClient:
    """A connection before its login; TLS is verified and never given up when asked for."""
    return BoundedClient(
        server.host, server.port, security=server.security, ca_file=server.ca_file, timeout_s=server.timeout_s
    )


def _arrived(told: object, now: datetime) -> datetime:
    """INTERNALDATE in UTC; a server without one, or ahead of our clock, gives now."""
    if isinstance(told, datetime):
        told = told if told.tzinfo else told.replace(tzinfo=UTC)
        return min(told.astimezone(UTC), now)
    return now


assert COMMAND_BYTES > _WINDOW * 12
