"""The IMAP poller: one thread per account, from the folder to `receive` and only then to a flag.

Each cycle compares the server with our ledger (UID above the mark, and the missed ones), whatever the flags say:
fetch, await the durable receipt on the daemon's loop, act on the server, then move the mark. A crash anywhere
means the same mail again, which is a duplicate, never a second ticket or a lost one. An account in trouble waits
(1 s … 5 min with jitter, a minute after a refusal) and disturbs no other.
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import structlog
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from daemon import crash
from daemon.channels import backoff
from daemon.channels.door import Receive
from daemon.channels.imap_folder import BATCH, After, Fetched, ImapFolder, Server, batches, connect, return_path
from daemon.channels.imap_wire import BoundedClient
from daemon.channels.ledger import Ledger, Progress
from daemon.core.clean import clean_line
from daemon.core.envelope import Channel, Envelope, Receipt
from daemon.errors import Unavailable

log = structlog.get_logger(__name__)

_SLICE_S = 1.0  # how soon a stop is seen in IDLE
_STORE_S = 60.0
_POISON_AFTER = 3  # connections lost on one mail before it is left for later
_POISON_S = 3600.0
_ROUNDS = 5  # comparisons in a row when the server keeps telling of news
_GOODBYE_S = 2.0
_LASTED_S = 60.0
_THROTTLED = ("[LIMIT]", "[OVERQUOTA]", "[UNAVAILABLE]", "THROTTL", "TOO MANY")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapSettings:
    """One polled folder. `secret` gives the password, or with `oauth` a fresh access token, at each login."""

    name: str
    desk: str
    server: Server
    user: str
    secret: Callable[[], str]
    oauth: bool = False
    folder: str = "INBOX"
    after: After = "flag"
    move_to: str = ""
    read_only: bool = False
    idle: bool = True
    poll_s: float = 60.0
    idle_s: float = 240.0  # IDLE is left and the folder compared again: servers and NATs forget at 5 to 29 min
    since: date | None = None
    limit_bytes: int = 25_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapStatus:
    """For `firstline status`: what an operator wants to know, in words."""

    name: str
    state: str = "starting"  # starting, connecting, taking, idle, polling, waiting, stopped
    last_success: datetime | None = None  # the last complete comparison with the server
    error: str = ""  # empty while all is well
    failures: int = 0  # in a row; 0 while all is well
    stored: int = 0  # since the start of the process
    missed: int = 0  # mails on the server that could not be taken (too big, unreadable for the server)


class _Stopping(Exception):
    """The account was asked to stop."""


class ImapAccount:
    """One account's thread."""

    def __init__(
        self, settings: ImapSettings, *, receive: Receive, ledger: Ledger, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._settings = settings
        self._receive = receive
        self._ledger = ledger
        self._loop = loop
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"imap-{settings.name}", daemon=True)
        self._status = ImapStatus(name=settings.name)
        self._poison: dict[int, tuple[int, float]] = {}
        self._client: BoundedClient | None = None
        self._client_since: float | None = None
        self._failures = 0  # in a row, for the back-off
        self._suspects: tuple[int, ...] = ()
        self._one_by_one = False

    @property
    def status(self) -> ImapStatus:
        return self._status

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; it does within seconds, after the batch at hand."""
        self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end (not on the loop's thread: a batch may need the loop); True when it came."""
        if self._thread.ident is None:
            return True
        self._thread.join(timeout_s)
        client = self._client
        if self._thread.is_alive() and client is not None:
            with suppress(OSError, AttributeError):  # it hangs in a read: the server does not answer
                client.socket().shutdown(socket.SHUT_RDWR)
            self._thread.join(_GOODBYE_S)
        return not self._thread.is_alive()

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._session()
            except _Stopping:
                break
            except Exception as error:  # noqa: BLE001 - the edge of one account: logged once, then it waits
                self._failed(error)
        self._note(state="stopped")

    def _failed(self, error: Exception) -> None:
        words = _in_words(error)
        # A server that lets us in and drops us again is trouble too: only a session that lasted starts the count anew.
        lasted = self._client_since is not None and time.monotonic() - self._client_since > _LASTED_S
        self._client_since = None
        failures = self._failures = 1 if lasted else self._failures + 1
        if self._suspects and isinstance(error, (IMAPClientAbortError, OSError)):
            self._one_by_one = True
            if len(self._suspects) == 1:
                count, _ = self._poison.get(self._suspects[0], (0, 0.0))
                self._poison[self._suspects[0]] = (count + 1, time.monotonic())
        self._suspects = ()
        wait = backoff.pause_s(failures, random.random(), refused=_is_refusal(error))  # noqa: S311 - jitter
        known = isinstance(error, (IMAPClientError, OSError, Unavailable))
        log.warning(
            "imap.trouble",
            account=self._settings.name,
            error=words,
            failures=failures,
            next=f"again in {wait:.0f} s",
            exc_info=None if known else error,
        )
        self._note(state="waiting", error=words, failures=failures)
        self._stop.wait(wait)

    def _session(self) -> None:
        """One connection, until it breaks or the account stops."""
        settings = self._settings
        self._note(state="connecting")
        client = self._client = connect(settings.server)
        self._client_since = time.monotonic()
        try:
            secret = settings.secret()
            if settings.oauth:
                client.oauth2_login(settings.user, secret)
            else:
                client.login(settings.user, secret)
            folder = ImapFolder(
                client,
                name=settings.folder,
                after=settings.after,
                read_only=settings.read_only,
                move_to=settings.move_to,
            )
            while True:
                folder.open()
                self._take_new(folder)
                while self._wait(client):
                    self._take_new(folder)
        finally:
            self._client = None
            with suppress(IMAPClientError, OSError, ValueError, AttributeError):
                if self._stop.is_set():
                    client.socket().settimeout(_GOODBYE_S)
                    client.logout()
            with suppress(IMAPClientError, OSError):
                client.shutdown()

    def _wait(self, client: BoundedClient) -> bool:
        """Until something happens (True) or the folder should be compared anew (False)."""
        settings = self._settings
        if not settings.idle or not client.has_capability("IDLE"):
            self._note(state="polling")
            self._stop.wait(settings.poll_s)
            self._check_stop()
            return False
        self._note(state="idle")
        client.allow()
        client.idle()
        news = False
        slices = max(1, round(settings.idle_s / _SLICE_S))
        for _ in range(slices):
            news = client.wait_in_idle(min(_SLICE_S, settings.idle_s))
            if news or self._stop.is_set():
                break
        client.allow()
        client.idle_done()
        self._check_stop()
        return news

    def _take_new(self, folder: ImapFolder) -> None:
        """Compare the server with the ledger until nothing is left to take."""
        progress = self._ledger.progress(folder.key(self._settings.name))
        if progress.since != self._settings.since:
            progress = Progress(since=self._settings.since)
        if progress.missed:
            there = frozenset(folder.present(progress.missed))
            progress = self._record(folder, progress, 0, there)
            for first in range(0, len(there), BATCH):
                progress = self._take(folder, sorted(there)[first : first + BATCH], progress)
        for _ in range(_ROUNDS):
            while uids := folder.new_uids(progress):
                self._note(state="taking")
                for first in range(0, len(uids), BATCH):
                    self._check_stop()
                    progress = self._take(folder, uids[first : first + BATCH], progress)
            if not folder.news_pending():
                break
        self._note(last_success=datetime.now(UTC), error="", failures=0, missed=len(progress.missed))

    def _take(self, folder: ImapFolder, uids: Sequence[int], progress: Progress) -> Progress:
        """Up to 50 UIDs in ascending order: sizes, bodies in groups, receipts, action, mark."""
        sizes = folder.sizes(uids)
        left = {uid for uid, size in sizes.items() if size > self._settings.limit_bytes or self._is_poison(uid)}
        for uid in sorted(left - progress.missed):
            log.warning("imap.left", account=self._settings.name, uid=uid, size=sizes[uid], next="left on the server")
        missed = (progress.missed - set(uids)) | left
        wanted = {uid: size for uid, size in sizes.items() if uid not in left}
        for group in batches(wanted, at_most=1 if self._one_by_one else BATCH):
            self._check_stop()
            missed |= self._take_group(folder, group, sum(wanted[uid] for uid in group))
            progress = self._record(folder, progress, group[-1], frozenset(missed))
        self._one_by_one = False
        return self._record(folder, progress, max(uids), frozenset(missed))

    def _record(self, folder: ImapFolder, progress: Progress, reached: int, missed: frozenset[int]) -> Progress:
        new = replace(progress, last_uid=max(progress.last_uid, reached), missed=missed)
        if new != progress:
            self._ledger.record(folder.key(self._settings.name), new)
        return new

    def _take_group(self, folder: ImapFolder, group: Sequence[int], size: int) -> set[int]:
        """Fetch, store, act; the UIDs that are to be tried again (a body that is gone shows itself gone then)."""
        self._suspects = tuple(group)
        try:
            mails = folder.bodies(group, size)
        except IMAPClientAbortError:
            raise
        except IMAPClientError as error:
            if len(group) == 1:
                log.warning("imap.unreadable", account=self._settings.name, uid=group[0], error=_in_words(error))
                return {group[0]}
            return set().union(*(self._take_group(folder, [uid], size) for uid in group))
        self._suspects = ()
        stored = self._store(mails, folder.uidvalidity)
        crash.point("after_store")
        folder.act(stored)
        return set(group) - set(stored)

    def _store(self, mails: Sequence[Fetched], uidvalidity: int) -> list[int]:
        """The UIDs with a receipt. When none has one the trouble is ours, not a mail's: Unavailable."""
        futures = {mail.uid: self._submit(mail, uidvalidity) for mail in mails}
        wait(futures.values(), timeout=_STORE_S)
        stored = [uid for uid, future in futures.items() if _has_receipt(future)]
        self._note(stored=self._status.stored + len(stored))
        if mails and not stored:
            raise Unavailable("cannot store mail now")
        for uid in sorted(set(futures) - set(stored)):
            log.error("imap.not_stored", account=self._settings.name, uid=uid, next="tried again with the next cycle")
        return stored

    def _is_poison(self, uid: int) -> bool:
        """True for a mail that broke the connection so often that others go first; it has a chance every hour."""
        count, since = self._poison.get(uid, (0, 0.0))
        if time.monotonic() - since > _POISON_S:
            self._poison.pop(uid, None)
            return False
        return count >= _POISON_AFTER

    def _submit(self, mail: Fetched, uidvalidity: int) -> Future[Receipt]:
        settings = self._settings
        reverse_path, known = return_path(mail.raw)
        envelope = Envelope(
            channel=Channel.IMAP,
            desk=settings.desk,
            received_at=mail.arrived,
            reverse_path=reverse_path,
            reverse_path_known=known,
            peer=settings.server.host,
            tls=settings.server.security != "none",
            source=f"{settings.name}/{settings.folder}/{uidvalidity}/{mail.uid}",
        )
        return asyncio.run_coroutine_threadsafe(self._await_receipt(envelope, mail.raw), self._loop)

    async def _await_receipt(self, envelope: Envelope, raw: bytes) -> Receipt:
        return await self._receive(envelope, raw)

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise _Stopping

    def _note(self, **changes: object) -> None:
        self._status = replace(self._status, **changes)  # type: ignore[arg-type]


def _has_receipt(future: Future[Receipt]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _is_refusal(error: Exception) -> bool:
    text = str(error).upper()
    return (isinstance(error, LoginError) and not _is_lost(error)) or any(word in text for word in _THROTTLED)


def _is_lost(error: Exception) -> bool:
    """IMAPClient turns a connection that breaks in the login into a LoginError."""
    return isinstance(error, IMAPClientAbortError) or isinstance(error.__context__, (IMAPClientAbortError, OSError))


def _in_words(error: Exception) -> str:
    """One line for an operator; server texts are cut and cleaned."""
    text = clean_line(str(error), 200)
    if isinstance(error, IMAPClientError) and _is_lost(error):
        return f"connection lost: {text}"
    if isinstance(error, LoginError):
        return f"login refused: {text}"
    if isinstance(error, IMAPClientError):
        return f"server refused: {text}"
    if isinstance(error, (OSError, Unavailable)):
        return text or type(error).__name__
    return f"unexpected {type(error).__name__}"
