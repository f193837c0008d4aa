"""Polling: the IMAP accounts' threads, their progress in the store, their state for `firstline status`.

The progress is ours and durable; it is recorded only after the receipts of all it covers. One bad
account never stops another: each has its own thread, back-off and state.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from datetime import date
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection

from daemon.channels.door import Receive
from daemon.channels.imap import ImapAccount, ImapSettings, ImapStatus
from daemon.channels.ledger import Folder, Progress
from daemon.store import memory
from daemon.store.committer import Committer
from daemon.store.figures import POLL

log = structlog.get_logger(__name__)

_T = TypeVar("_T")
_MISSED_LIMIT = 500  # more exceptions than this and the mark goes back before the first: duplicates are harmless
_STORE_S = 60.0
_TELL_EVERY_S = 15.0
_JOIN_S = 3.0


class StoredProgress:
    """The channel's `Ledger` over the store; called from the accounts' own threads, waits for the commit."""

    def __init__(self, committer: Committer, loop: asyncio.AbstractEventLoop) -> None:
        self._committer = committer
        self._loop = loop

    def progress(self, folder: Folder) -> Progress:
        """Where we are with this folder; the empty Progress for one never seen."""
        found = self._wait(self._committer.read(lambda tx: memory.get(tx, _name(folder))))
        return _parse(found) if found else Progress()

    def record(self, folder: Folder, progress: Progress) -> None:
        """Remember it durably."""

        def put(tx: Connection) -> None:
            memory.put(tx, _name(folder), _text(progress))

        self._wait(self._committer.run(put))

    def _wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_STORE_S)


def _name(folder: Folder) -> str:
    return f"imap:{folder.account}/{folder.folder}/{folder.uidvalidity}"


def _text(progress: Progress) -> str:
    missed, last = sorted(progress.missed), progress.last_uid
    if len(missed) > _MISSED_LIMIT:
        last, missed = missed[0] - 1, []
    since = progress.since.isoformat() if progress.since else ""
    return json.dumps({"last_uid": last, "missed": missed, "since": since})


def _parse(text: str) -> Progress:
    facts = json.loads(text)
    since = date.fromisoformat(facts["since"]) if facts["since"] else None
    return Progress(last_uid=facts["last_uid"], missed=frozenset(facts["missed"]), since=since)


class Polling:
    """All accounts of this node."""

    def __init__(self, committer: Committer, accounts: Sequence[ImapSettings], receive: Receive) -> None:
        self._committer = committer
        self._settings = accounts
        self._receive = receive
        self._accounts: list[ImapAccount] = []

    def start(self) -> None:
        """Start every account's thread."""
        loop = asyncio.get_running_loop()
        ledger = StoredProgress(self._committer, loop)
        for settings in self._settings:
            account = ImapAccount(settings, receive=self._receive, ledger=ledger, loop=loop)
            self._accounts.append(account)
            account.start()
            log.info("imap.started", account=settings.name, folder=settings.folder)

    async def tell(self, stop: asyncio.Event) -> None:
        """Write each account's last good comparison into the store now and then, for `status`."""
        told: dict[str, str] = {}
        while self._accounts and not stop.is_set():
            try:
                await self._tell(told)
            except Exception:  # one of the loop edges: only a figure is late
                log.exception("imap.status_failed", next="again")
            try:
                await asyncio.wait_for(stop.wait(), _TELL_EVERY_S)
            except TimeoutError:
                continue
        await stop.wait()

    async def _tell(self, told: dict[str, str]) -> None:
        for account in self._accounts:
            status = account.status
            words = _words(status)
            if words and told.get(status.name) != words:
                name, value = POLL + status.name, words
                await self._committer.run(_putting(name, value))
                told[status.name] = words

    async def stop(self) -> None:
        """Ask all to end and wait a little; a hanging server is cut off."""
        for account in self._accounts:
            account.stop()
        await asyncio.gather(*(asyncio.to_thread(account.join, _JOIN_S) for account in self._accounts))


def _putting(name: str, value: str) -> Callable[[Connection], None]:
    return lambda tx: memory.put(tx, name, value)


def _words(status: ImapStatus) -> str:
    good = status.last_success.isoformat() if status.last_success else "never"
    return f"{good} ({status.error})" if status.error else good if status.last_success else ""
