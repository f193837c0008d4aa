"""The IMAP poller against a real Dovecot: everything is taken once, nothing is touched before it is stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from daemon.channels import backoff
from daemon.channels.imap import ImapAccount, ImapSettings
from daemon.channels.imap_folder import Server
from daemon.channels.ledger import Folder, Progress
from daemon.core.address import Address
from daemon.core.envelope import Acceptance, Channel, Envelope, Receipt
from daemon.errors import Unavailable
from tests.peers.conftest import Dovecot


@dataclass
class Notebook:
    """A ledger in memory."""

    pages: dict[Folder, Progress] = field(default_factory=dict)

    def progress(self, folder: Folder, /) -> Progress:
        return self.pages.get(folder, Progress())

    def record(self, folder: Folder, progress: Progress, /) -> None:
        self.pages[folder] = progress


@dataclass
class Store:
    """Stores once per content, as the real one; `failing` refuses mails that contain these bytes."""

    taken: list[tuple[Envelope, bytes]] = field(default_factory=list)
    failing: bytes | None = None
    duplicates: int = 0
    on_receive: Callable[[], None] | None = None

    async def receive(self, envelope: Envelope, raw: bytes, /) -> Receipt:
        await asyncio.sleep(0)
        if self.on_receive:
            self.on_receive()
        if self.failing is not None and self.failing in raw:
            raise Unavailable("store is away")
        if any(raw == other for _, other in self.taken):
            self.duplicates += 1
            return Receipt(inbound_id=1, acceptance=Acceptance.DUPLICATE)
        self.taken.append((envelope, raw))
        return Receipt(inbound_id=len(self.taken), acceptance=Acceptance.NEW)

    def subjects(self) -> list[str]:
        return [raw.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode() for _, raw in self.taken]


@dataclass
class Desk:
    """An account under test and what it stored."""

    account: ImapAccount
    store: Store
    ledger: Notebook
    settings: ImapSettings

    async def until(self, condition: Callable[[], object], seconds: float = 15.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, (self.account.status, self.store.subjects(), self.ledger.pages)
            await asyncio.sleep(0.02)

    async def took(self, *subjects: str) -> None:
        """Exactly these, in any order, and the cycle after them is over."""
        await self.until(lambda: sorted(self.store.subjects()) == sorted(subjects))
        await self.until(lambda: self.account.status.state in {"idle", "polling"})

    async def stop(self) -> float:
        began = time.monotonic()
        self.account.stop()
        assert await asyncio.to_thread(self.account.join, 8.0)
        return time.monotonic() - began


def mail(subject: str, body: str = "body") -> bytes:
    return f"From: Ann <ann@example.net>\r\nSubject: {subject}\r\nMessage-ID: <{subject}@x>\r\n\r\n{body}\r\n".encode()


@pytest.fixture
async def watch(dovecot: Dovecot) -> AsyncIterator[Callable[..., Desk]]:
    """`watch(user, …)` starts an account; all are stopped at the end."""
    desks: list[Desk] = []

    def start(
        user: str, *, store: Store | None = None, ledger: Notebook | None = None, port: int | None = None, **more: Any
    ) -> Desk:
        server = Server(host="127.0.0.1", port=port or dovecot.port, security="none", timeout_s=5.0)
        settings = ImapSettings(name="support", desk="help", server=server, user=user, secret=lambda: "pw", **more)
        store, ledger = store or Store(), ledger or Notebook()
        account = ImapAccount(settings, receive=store.receive, ledger=ledger, loop=asyncio.get_running_loop())
        account.start()
        desks.append(Desk(account=account, store=store, ledger=ledger, settings=settings))
        return desks[-1]

    yield start
    for desk in desks:
        await desk.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 0.2)
    monkeypatch.setattr(backoff, "REFUSED_S", 0.2)


def flags(dovecot: Dovecot, user: str, folder: str = "INBOX") -> dict[str, set[bytes]]:
    with dovecot.client(user) as client:
        client.select_folder(folder, readonly=True)
        found = client.fetch(client.search(), ["FLAGS", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]"])
    named = {}
    for item in found.values():
        header = next(value for key, value in item.items() if key.startswith(b"BODY["))
        named[header.decode().removeprefix("Subject: ").strip()] = set(item[b"FLAGS"]) - {b"\\Recent"}
    return named


async def test_what_is_there_and_what_comes_is_taken_and_flagged(dovecot: Dovecot, watch: Callable[..., Desk]) -> None:
    r"""Old mail at the start, new mail by IDLE at once; flagged only with our keyword, never \Seen."""
    user = dovecot.user()
    dovecot.append(user, mail("one"), mail("two"))
    desk = watch(user)
    await desk.took("one", "two")

    began = time.monotonic()
    await asyncio.to_thread(dovecot.deliver, user, mail("three"))
    await desk.took("one", "two", "three")

    assert time.monotonic() - began < 2.0
    assert flags(dovecot, user) == {name: {b"$Firstline"} for name in ("one", "two", "three")}
    envelope, raw = desk.store.taken[2]
    assert envelope.channel is Channel.IMAP
    assert envelope.desk == "help"
    assert envelope.reverse_path == Address("ann", "example.net")
    assert envelope.reverse_path_known
    assert envelope.source.startswith("support/INBOX/")
    assert envelope.source.endswith("/3")
    assert abs(envelope.received_at - datetime.now(UTC)) < timedelta(seconds=30)
    assert b"Subject: three" in raw
    assert desk.account.status.error == ""
    assert desk.account.status.stored == 3
    assert desk.account.status.last_success is not None


async def test_mail_that_somebody_read_is_still_taken(dovecot: Dovecot, watch: Callable[..., Desk]) -> None:
    r"""\Seen, \Flagged, even our own keyword: no flag is the cursor."""
    user = dovecot.user()
    dovecot.append(user, mail("seen"), flags=(b"\\Seen",))
    dovecot.append(user, mail("flagged"), flags=(b"\\Flagged", b"$Firstline"))

    await watch(user).took("seen", "flagged")


@pytest.mark.parametrize(
    ("after", "left", "moved"),
    [
        ("none", {"one": set()}, None),
        ("flag", {"one": {b"$Firstline"}}, None),
        ("seen", {"one": {b"\\Seen"}}, None),
        ("move", {}, {"one": set()}),
        ("delete", {}, None),
    ],
)
async def test_the_action_after_the_store(
    dovecot: Dovecot,
    watch: Callable[..., Desk],
    after: str,
    left: dict[str, set[bytes]],
    moved: dict[str, set[bytes]] | None,
) -> None:
    """Each action does what it says and nothing else."""
    user = dovecot.user()
    dovecot.append(user, mail("one"))
    desk = watch(user, after=after, move_to="Done" if after == "move" else "")
    await desk.took("one")
    await desk.stop()

    assert flags(dovecot, user) == left
    if moved is not None:
        assert flags(dovecot, user, "Done") == moved


async def test_read_only_changes_nothing(dovecot: Dovecot, watch: Callable[..., Desk]) -> None:
    r"""EXAMINE: no flag, not even \Recent is used up by us."""
    user = dovecot.user()
    dovecot.append(user, mail("one"))
    desk = watch(user, after="delete", read_only=True)
    await desk.took("one")

    assert flags(dovecot, user) == {"one": set()}


async def test_nothing_is_marked_that_is_not_stored(dovecot: Dovecot, watch: Callable[..., Desk]) -> None:
    """While our store is away the mail waits untouched on the server; then it is taken (I5)."""
    user = dovecot.user()
    dovecot.append(user, mail("one"))
    store = Store(failing=b"")
    desk = watch(user, store=store, after="delete")
    await desk.until(lambda: desk.account.status.failures >= 2)
    assert flags(dovecot, user) == {"one": set()}
    assert "store" in desk.account.status.error
    assert desk.ledger.pages == {}

    store.failing = None
    await desk.took("one")
    assert desk.account.status.error == ""


async def test_one_mail_that_cannot_be_stored_does_not_stop_the_others(
    dovecot: Dovecot, watch: Callable[..., Desk]
) -> None:
    """It stays unmarked, is shown as missed, and is taken when it can be."""
    user = dovecot.user()
    dovecot.append(user, mail("one"), mail("poison"), mail("three"))
    desk = watch(user, store=Store(failing=b"poison"), idle=False, poll_s=0.2)
    await desk.took("one", "three")
    assert flags(dovecot, user)["poison"] == set()
    await desk.until(lambda: desk.account.status.failures > 0)

    desk.store.failing = None
    await desk.took("one", "three", "poison")
    await desk.until(lambda: desk.account.status.missed == 0)
    assert flags(dovecot, user)["poison"] == {b"$Firstline"}


async def test_a_restart_takes_nothing_twice(dovecot: Dovecot, watch: Callable[..., Desk]) -> None:
    """The ledger is the cursor; the second process fetches only what is new."""
    user = dovecot.user()
    dovecot.append(user, mail("one"), mail("two"))
    first = watch(user)
    await first.took("one", "two")
    await first.stop()
    dovecot.append(user, mail("three"))

    second = watch(user, store=first.store, ledger=first.ledger)
    await second.took("one", "two", "three")
    assert first.store.duplicates == 0


async def test_a_crash_before_the_mark_is_a_duplicate_and_then_flagged(
    dovecot: Dovecot, watch: Callable[..., Desk]
) -> None:
    """Stored, then dead before flag and mark: fetched again, stored once, flagged (fault 16)."""
    user = dovecot.user()
    dovecot.append(user, mail("one"))
    store = Store()
    first = watch(user, store=store, after="none")
    await first.took("one")
    await first.stop()

    second = watch(user, store=store, ledger=Notebook(), after="flag")
    await second.until(lambda: store.duplicates == 1)
    await second.until(lambda: second.account.status.state == "idle")
    assert flags(dovecot, user) == {"one": {b"$Firstline"}}
    assert store.subjects() == ["one"]


async def test_a_new_uidvalidity_is_a_full_rescan(dovecot: Dovecot, watch: Callable[..., Desk]) -> None:
    """UIDs start anew: everything is looked at again, only the new mail is new (fault 13)."""
    user = dovecot.user()
    dovecot.append(user, mail("one"), mail("two"))
    desk = watch(user, idle=False, poll_s=0.2)
    await desk.took("one", "two")

    dovecot.forget_uids(user)
    dovecot.append(user, mail("three"))
    await desk.took("one", "two", "three")
    await desk.until(lambda: len(desk.ledger.pages) == 2)
    assert desk.store.duplicates == 2


async def test_mail_that_vanishes_under_us_is_no_empty_mail(dovecot: Dovecot, watch: Callable[..., Desk]) -> None:
    """Somebody deletes what we are about to fetch: skipped, not stored as nothing (fault 15)."""
    user = dovecot.user()
    big = "x" * 7_900_000  # so that each mail is a fetch of its own
    dovecot.append(user, mail("first", big), mail("gone", big), mail("third", big))
    store = Store()

    def expunge_second() -> None:
        store.on_receive = None
        with dovecot.client(user) as client:
            client.select_folder("INBOX")
            client.delete_messages([2])
            client.uid_expunge([2])

    store.on_receive = expunge_second
    desk = watch(user, store=store)
    await desk.took("first", "third")
    await desk.until(lambda: desk.account.status.last_success is not None)
    assert desk.account.status.error == ""


async def test_a_kicked_session_comes_back(dovecot: Dovecot, watch: Callable[..., Desk]) -> None:
    """BYE in IDLE is a dead connection: reconnect, and what came meanwhile is taken (fault 12)."""
    user = dovecot.user()
    desk = watch(user)
    await desk.until(lambda: desk.account.status.state == "idle")

    await asyncio.to_thread(dovecot.kick, user)
    dovecot.append(user, mail("one"))
    await desk.took("one")


async def test_a_server_without_idle_is_polled(dovecot: Dovecot, watch: Callable[..., Desk]) -> None:
    """idle = false, or no IDLE on offer: the interval."""
    user = dovecot.user()
    desk = watch(user, idle=False, poll_s=0.3)
    await desk.until(lambda: desk.account.status.state == "polling")
    dovecot.append(user, mail("one"))
    await desk.took("one")


async def test_one_bad_account_never_stops_another(dovecot: Dovecot, watch: Callable[..., Desk]) -> None:
    """Wrong port and a good account side by side (threat 31)."""
    user = dovecot.user()
    dovecot.append(user, mail("one"))
    bad = watch(user, port=1)
    good = watch(user)

    await good.took("one")
    await bad.until(lambda: bad.account.status.failures >= 2)
    assert "refused" in bad.account.status.error.lower()
    assert bad.account.status.state == "waiting"


async def test_a_refused_login_is_said_in_words(dovecot: Dovecot, watch: Callable[..., Desk]) -> None:
    """Wrong password: the status says so, without the password."""
    user = dovecot.user()
    desk = watch(user)
    await desk.stop()
    settings = replace(desk.settings, secret=lambda: "not-the-secret")
    account = ImapAccount(settings, receive=desk.store.receive, ledger=desk.ledger, loop=asyncio.get_running_loop())
    account.start()
    bad = Desk(account=account, store=desk.store, ledger=desk.ledger, settings=settings)
    await bad.until(lambda: account.status.failures >= 1, 20)
    await bad.stop()

    assert account.status.error.startswith("login refused: ")
    assert "not-the-secret" not in account.status.error


async def test_cut_off_date(dovecot: Dovecot, watch: Callable[..., Desk]) -> None:
    """The first sync of an old mailbox leaves old mail alone; an earlier date later takes it."""
    user = dovecot.user()
    dovecot.append(user, mail("old"), msg_time=datetime(2020, 5, 1, 12, tzinfo=UTC))
    dovecot.append(user, mail("new"))
    first = watch(user, since=date(2024, 1, 1))
    await first.took("new")
    await first.stop()
    assert flags(dovecot, user)["old"] == set()

    second = watch(user, store=first.store, ledger=first.ledger, since=date(2019, 1, 1))
    await second.took("new", "old")


async def test_a_mail_over_the_limit_is_left_and_shown(dovecot: Dovecot, watch: Callable[..., Desk]) -> None:
    """Not fetched, not marked, counted as missed; the others are taken."""
    user = dovecot.user()
    dovecot.append(user, mail("big", "x" * 50_000), mail("small"))
    desk = watch(user, limit_bytes=20_000)
    await desk.took("small")
    await desk.until(lambda: desk.account.status.missed == 1)

    assert flags(dovecot, user)["big"] == set()


async def test_many_mails_in_batches(dovecot: Dovecot, watch: Callable[..., Desk]) -> None:
    """300 mails: all once, in order, the mark at the last."""
    user = dovecot.user()
    dovecot.append(user, *(mail(f"m{number:03}") for number in range(300)))
    desk = watch(user)

    await desk.took(*(f"m{number:03}" for number in range(300)))
    await desk.until(lambda: [page.last_uid for page in desk.ledger.pages.values()] == [300])
    assert {frozenset(value) for value in flags(dovecot, user).values()} == {frozenset({b"$Firstline"})}


async def test_folder_names_with_umlauts_and_blanks(dovecot: Dovecot, watch: Callable[..., Desk]) -> None:
    """Mailbox names are quoted and in modified UTF-7 on the wire."""
    user = dovecot.user()
    dovecot.append(user, mail("one"), folder="Öffentlich Hilfe")
    desk = watch(user, folder="Öffentlich Hilfe")
    await desk.took("one")


async def test_stop_ends_within_seconds(dovecot: Dovecot, watch: Callable[..., Desk]) -> None:
    """From IDLE, from polling and from waiting."""
    user = dovecot.user()
    idle, polling, waiting = watch(user), watch(user, idle=False, poll_s=300), watch(user, port=1)
    await idle.until(lambda: idle.account.status.state == "idle")
    await polling.until(lambda: polling.account.status.state == "polling")
    await waiting.until(lambda: waiting.account.status.state == "waiting")

    for desk in (idle, polling, waiting):
        assert await desk.stop() < 4.0
        assert desk.account.status.state == "stopped"
