"""The IMAP poller against servers that lie: bounded, kept apart, and never a mail lost or invented."""

from __future__ import annotations

import asyncio
import base64
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from daemon.channels import backoff
from daemon.channels.imap import ImapAccount, ImapSettings
from daemon.channels.imap_folder import BATCH_BYTES, Server, batches, return_path
from daemon.channels.ledger import Folder, Progress
from daemon.core.address import Address
from tests.unit.channels.conftest import Store

HANG_UP = b"<hang up>"
MAIL = b"Subject: x\r\n\r\nx\r\n"


@dataclass
class Liar:
    """An IMAP server by hand: one folder, answers by verb, replaced where a test wants a lie."""

    mails: dict[int, bytes] = field(default_factory=dict)
    lies: dict[str, Callable[[str, list[str]], bytes | None]] = field(default_factory=dict)
    capabilities: str = "IMAP4rev1 UIDPLUS"
    uidnext: bool = True
    commands: list[str] = field(default_factory=list)
    sessions: int = 0
    asked: str = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions += 1
        writer.write(b"* OK hello\r\n")
        try:
            while line := (await reader.readline()).decode():
                self.commands.append(line.strip())
                tag, *words = line.split()
                if not words:  # the answer to a "+"
                    writer.write(f"{self.asked} OK done\r\n".encode())
                    continue
                self.asked = tag
                verb = words[1].upper() if words[0].upper() == "UID" else words[0].upper()
                lie = self.lies.get(verb)
                told = lie(tag, words) if lie else None
                if told == b"":
                    break
                words_said = told if told is not None else self.truth(tag, verb, words)
                writer.write(words_said.removesuffix(HANG_UP))
                await writer.drain()
                if words_said.endswith(HANG_UP):
                    break
        except ConnectionError:
            pass
        writer.close()

    def truth(self, tag: str, verb: str, words: list[str]) -> bytes:
        untagged = b""
        if verb == "CAPABILITY":
            untagged = f"* CAPABILITY {self.capabilities}\r\n".encode()
        elif verb in ("SELECT", "EXAMINE"):
            untagged = b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n" % len(self.mails)
            if self.uidnext:
                untagged += b"* OK [UIDNEXT %d] ok\r\n" % (max(self.mails, default=0) + 1)
        elif verb == "SEARCH":
            first, _, last = words[words.index("UID", 2) + 1].strip(")").partition(":")
            if "," in first or not last:
                found = [int(uid) for uid in first.split(",") if int(uid) in self.mails]
            else:
                top = max(self.mails, default=0)
                end = top if last == "*" else int(last)
                found = [uid for uid in sorted(self.mails) if min(int(first), end) <= uid <= max(end, 0)]
            untagged = ("* SEARCH " + " ".join(map(str, found))).strip().encode() + b"\r\n"
        elif verb == "FETCH":
            for number, uid in enumerate(sorted(self.mails), 1):
                if str(uid) in words[2].split(","):
                    untagged += self.fetch(number, uid, " ".join(words[3:]))
        return untagged + f"{tag} OK done\r\n".encode()

    def fetch(self, number: int, uid: int, what: str) -> bytes:
        raw = self.mails[uid]
        if "SIZE" in what:
            return b"* %d FETCH (UID %d RFC822.SIZE %d)\r\n" % (number, uid, len(raw))
        return b'* %d FETCH (UID %d INTERNALDATE "22-Nov-2026 00:00:00 +0000" BODY[] {%d}\r\n%s)\r\n' % (
            number,
            uid,
            len(raw),
            raw,
        )


@dataclass
class Notebook:
    pages: dict[Folder, Progress] = field(default_factory=dict)

    def progress(self, folder: Folder, /) -> Progress:
        return self.pages.get(folder, Progress())

    def record(self, folder: Folder, progress: Progress, /) -> None:
        self.pages[folder] = progress

    @property
    def page(self) -> Progress:
        (page,) = self.pages.values()
        return page


@dataclass
class Case:
    account: ImapAccount
    store: Store
    ledger: Notebook

    async def until(self, condition: Callable[[], object], seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, (self.account.status, len(self.store.taken), self.ledger.pages)
            await asyncio.sleep(0.01)


@pytest.fixture
async def against(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., object]]:
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)
    monkeypatch.setattr(backoff, "LONGEST_S", 0.1)
    cases: list[Case] = []
    servers: list[asyncio.Server] = []

    async def start(
        liar: Liar,
        *,
        ledger: Notebook | None = None,
        tls: Path | None = None,
        ca_file: Path | None = None,
        host: str = "127.0.0.1",
        **more: object,
    ) -> Case:
        context = None
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
        server = await asyncio.start_server(liar, "127.0.0.1", 0, ssl=context)
        servers.append(server)
        port = server.sockets[0].getsockname()[1]
        settings = ImapSettings(
            name="a",
            desk="help",
            server=Server(host=host, port=port, security="tls" if tls else "none", ca_file=ca_file, timeout_s=1.0),
            user="u",
            **{"secret": lambda: "pw", "poll_s": 0.05, "limit_bytes": 1_000_000, **more},  # type: ignore[arg-type]
        )
        store, ledger = Store(), ledger or Notebook()
        account = ImapAccount(settings, receive=store.receive, ledger=ledger, loop=asyncio.get_running_loop())
        account.start()
        cases.append(Case(account=account, store=store, ledger=ledger))
        return cases[-1]

    yield start
    for case in cases:
        case.account.stop()
        assert await asyncio.to_thread(case.account.join, 5.0)
    for server in servers:
        server.close()


async def test_the_server_by_hand_is_understood(against: Callable[..., object]) -> None:
    """The honest form of the fixture works, so that the lies mean something."""
    liar = Liar(mails={3: MAIL, 9: MAIL})
    case = await against(liar)
    await case.until(lambda: len(case.store.taken) == 2 and case.account.status.last_success)

    assert case.ledger.page == Progress(last_uid=9)
    assert any("UID STORE 3,9 +FLAGS.SILENT ($Firstline)" in line for line in liar.commands)


@pytest.mark.parametrize("amount", [10**13, 5_000_000])
async def test_a_giant_literal_is_not_read(against: Callable[..., object], amount: int) -> None:
    """More than we allow ends the connection, not the process (threat 31)."""
    liar = Liar(mails={1: MAIL})
    liar.lies["FETCH"] = lambda tag, words: (
        None if "SIZE" in words[3] else b"* 1 FETCH (UID 1 BODY[] {%d}\r\n" % amount + b"x" * 10_000
    )
    case = await against(liar)
    await case.until(lambda: case.account.status.failures > 0)

    assert "more than we allow" in case.account.status.error
    assert case.store.taken == []


async def test_endless_untagged_answers_are_bounded(against: Callable[..., object]) -> None:
    """A server that talks without end inside one answer is cut off."""
    liar = Liar(mails={1: MAIL})
    liar.lies["SEARCH"] = lambda tag, words: b"* OK still thinking\r\n" * 300_000
    case = await against(liar)
    await case.until(lambda: case.account.status.failures > 0)

    assert "more than we allow" in case.account.status.error


@pytest.mark.parametrize(
    "answer",
    [
        b"* 1 FETCH (UID 1 BODY[] NIL)\r\n",
        b"* 1 FETCH (UID 1)\r\n",
        b'* 1 FETCH (UID 1 BODY[] "")\r\n',
        b"",
    ],
    ids=["nil", "absent", "empty", "no-answer"],
)
async def test_a_body_that_is_not_there_is_tried_again_and_never_stored(
    against: Callable[..., object], answer: bytes
) -> None:
    """None is "not now": no empty mail, no flag, and when it is there it is taken (fault 15)."""
    liar = Liar(mails={1: MAIL, 2: b"Subject: y\r\n\r\ny\r\n"})

    def lie(tag: str, words: list[str]) -> bytes | None:
        if "SIZE" in words[3]:
            return None
        return answer + liar.fetch(2, 2, "BODY[]") + f"{tag} OK done\r\n".encode()

    liar.lies["FETCH"] = lie
    case = await against(liar)
    await case.until(lambda: case.ledger.pages and case.ledger.page == Progress(last_uid=2, missed=frozenset({1})))
    assert [raw for _, raw in case.store.taken] == [liar.mails[2]]
    assert not any("STORE 1" in line for line in liar.commands)

    liar.lies.clear()
    await case.until(lambda: case.ledger.page == Progress(last_uid=2))
    assert case.store.taken[1][1] == MAIL


async def test_a_missed_mail_that_vanished_is_forgotten(against: Callable[..., object]) -> None:
    """Somebody deleted it: it is not missed for ever."""
    liar = Liar(mails={5: MAIL})
    ledger = Notebook()
    ledger.pages[Folder(account="a", folder="INBOX", uidvalidity=7)] = Progress(last_uid=5, missed=frozenset({2, 5}))
    case = await against(liar, ledger=ledger)

    await case.until(lambda: case.ledger.page == Progress(last_uid=5))
    assert len(case.store.taken) == 1


async def test_mails_nobody_asked_for_are_not_taken(against: Callable[..., object]) -> None:
    """A foreign UID in the answer is ignored."""
    liar = Liar(mails={1: MAIL})
    liar.lies["FETCH"] = lambda tag, words: (
        None
        if "SIZE" in words[3]
        else b"* 9 FETCH (UID 99 BODY[] {3}\r\nbad)\r\n" + liar.fetch(1, 1, "BODY[]") + f"{tag} OK x\r\n".encode()
    )
    case = await against(liar)
    await case.until(lambda: case.account.status.last_success)

    assert [raw for _, raw in case.store.taken] == [MAIL]


async def test_a_mail_that_breaks_the_connection_goes_last(against: Callable[..., object]) -> None:
    """After three broken connections on one mail the others are taken, and it is shown as missed."""
    liar = Liar(mails={1: b"one" * 10, 2: b"two" * 10, 3: b"three" * 10})
    liar.lies["FETCH"] = lambda tag, words: b"" if "BODY" in words[3] and "2" in words[2].split(",") else None
    case = await against(liar)

    await case.until(lambda: len(case.store.taken) == 2 and case.account.status.missed == 1)
    assert case.ledger.page == Progress(last_uid=3, missed=frozenset({2}))


async def test_a_mail_the_server_refuses_does_not_stop_the_others(against: Callable[..., object]) -> None:
    """NO to one fetch: the batch is taken one by one, without reconnecting."""
    liar = Liar(mails={1: b"one" * 10, 2: b"two" * 10, 3: b"three" * 10})
    liar.lies["FETCH"] = lambda tag, words: (
        f"{tag} NO cannot read\r\n".encode() if "BODY" in words[3] and "2" in words[2].split(",") else None
    )
    case = await against(liar)

    await case.until(lambda: len(case.store.taken) == 2 and case.account.status.missed == 1)
    assert liar.sessions == 1


@pytest.mark.parametrize(
    "lie",
    [
        ("SEARCH", b"* SEARCH one two\r\n%s OK x\r\n"),
        ("SEARCH", b"* SEARCH -5 0 99999999999999\r\n%s OK x\r\n"),
        ("SEARCH", b"\xff\xfe\x00\r\n"),
        ("SEARCH", b"%s BAD what\r\n"),
        ("SELECT", b"* OK [UIDVALIDITY oops] x\r\n%s OK x\r\n"),
        ("SELECT", b"%s NO such folder\r\n"),
        ("FETCH", b"* 1 FETCH ((((((((((\r\n%s OK x\r\n"),
        ("FETCH", b"* 1 FETCH (UID 1 RFC822.SIZE banana)\r\n%s OK x\r\n"),
        ("LOGIN", b"* BYE not today\r\n"),
        ("CAPABILITY", b""),
    ],
    ids=lambda lie: f"{lie[0]}-{lie[1][:12]!r}",
)
async def test_nonsense_is_an_error_in_words_or_ignored(against: Callable[..., object], lie: tuple[str, bytes]) -> None:
    """Whatever a server says, the account waits and tries again; nothing is stored; it can be stopped."""
    verb, answer = lie
    liar = Liar(mails={1: MAIL})
    liar.lies[verb] = lambda tag, words: answer.replace(b"%s", tag.encode())
    case = await against(liar)
    await case.until(lambda: case.account.status.failures > 0 or case.account.status.last_success)

    assert case.store.taken == []
    assert case.account.status.error or case.account.status.last_success


async def test_a_server_that_never_answers_can_be_stopped(against: Callable[..., object]) -> None:
    """Silence is a time-out; stop does not wait for it."""
    liar = Liar()
    liar.lies["SELECT"] = lambda tag, words: b" "
    case = await against(liar)
    await case.until(lambda: case.account.status.failures > 0)

    assert case.account.status.error


@pytest.mark.parametrize("goodbye", [b"", b"* BYE restarting\r\n"], ids=["silent", "bye"])
async def test_a_connection_that_ends_in_idle_is_noticed_at_once(
    against: Callable[..., object], goodbye: bytes
) -> None:
    """It is not polled 40,000 times a second; the account reconnects and takes what came meanwhile."""
    liar = Liar(capabilities="IMAP4rev1 IDLE")
    liar.lies["IDLE"] = lambda tag, words: b"+ idling\r\n" + goodbye + HANG_UP
    case = await against(liar)
    before = time.process_time()
    await case.until(lambda: case.account.status.failures > 0)

    assert time.process_time() - before < 0.5
    assert "BYE" in case.account.status.error if goodbye else "IDLE" in case.account.status.error
    liar.mails[1] = MAIL
    await case.until(lambda: len(case.store.taken) == 1)
    assert liar.sessions >= 2


async def test_oauth_asks_for_a_token_at_each_login(against: Callable[..., object]) -> None:
    """XOAUTH2 with a fresh token: an expired one costs a reconnect, not the account (fault 17)."""
    tokens = iter(f"token{number}" for number in range(1, 100))
    liar = Liar(mails={1: MAIL}, capabilities="IMAP4rev1 UIDPLUS AUTH=XOAUTH2")
    liar.lies["AUTHENTICATE"] = lambda tag, words: b"+ \r\n"
    liar.lies["STORE"] = lambda tag, words: b"" if liar.sessions == 1 else None
    case = await against(liar, oauth=True, secret=lambda: next(tokens))
    await case.until(lambda: case.account.status.last_success)

    said = [base64.b64decode(line) for line in liar.commands if " " not in line]
    assert said == [f"user=u\x01auth=Bearer token{number}\x01\x01".encode() for number in (1, 2)]


async def test_tls_is_verified(against: Callable[..., object], certificate: Path) -> None:
    """A certificate somebody vouches for is taken, an unknown one is an error and no login is tried."""
    good, bad = Liar(mails={1: MAIL}), Liar(mails={1: MAIL})
    trusted = await against(good, tls=certificate, ca_file=certificate)
    unknown = await against(bad, tls=certificate)
    await trusted.until(lambda: trusted.account.status.last_success)
    await unknown.until(lambda: unknown.account.status.failures > 0)

    assert "certificate" in unknown.account.status.error.lower()
    assert bad.commands == []


async def test_the_first_search_is_in_windows_and_ends(against: Callable[..., object]) -> None:
    """UIDs near the end of their space, with and without UIDNEXT: found in a few searches."""
    for uidnext in (True, False):
        liar = Liar(mails={4_000_000_000: MAIL}, uidnext=uidnext)
        case = await against(liar)
        await case.until(lambda case=case: case.account.status.last_success)

        assert len(case.store.taken) == 1
        first = [line for line in liar.commands if " UID SEARCH " in line]
        assert len(first) < 40


async def test_since_is_part_of_the_search(against: Callable[..., object]) -> None:
    """The cut-off is the server's work, not ours."""
    liar = Liar(mails={1: MAIL})
    case = await against(liar, since=date(2026, 11, 1))
    await case.until(lambda: case.account.status.last_success)

    assert any("SINCE 01-Nov-2026" in line for line in liar.commands)
    assert case.ledger.page.since == date(2026, 11, 1)


async def test_without_uidplus_nothing_of_others_is_expunged(against: Callable[..., object]) -> None:
    r"""A plain EXPUNGE would remove what others marked: only \Deleted is set."""
    liar = Liar(mails={1: MAIL}, capabilities="IMAP4rev1")
    case = await against(liar, after="delete")
    await case.until(lambda: case.account.status.last_success)

    assert any("+FLAGS.SILENT (\\Deleted)" in line for line in liar.commands)
    assert not any("EXPUNGE" in line for line in liar.commands)


async def test_a_flag_the_server_refuses_is_no_reason_to_take_a_mail_again(against: Callable[..., object]) -> None:
    """NO to STORE: stored, not flagged, not fetched again."""
    liar = Liar(mails={1: MAIL})
    liar.lies["STORE"] = lambda tag, words: f"{tag} NO read-only\r\n".encode()
    case = await against(liar)
    await case.until(lambda: case.account.status.last_success)
    await asyncio.sleep(0.2)

    assert len(case.store.taken) == 1
    assert case.account.status.error == ""


async def test_two_hundred_thousand_uids_stay_bounded(against: Callable[..., object]) -> None:
    """A first sync asks in windows; no answer is longer than imaplib's line limit."""
    liar = Liar(mails=dict.fromkeys(range(1, 200_001), b""), capabilities="IMAP4rev1")
    asked = threading.Event()

    def fetch(tag: str, words: list[str]) -> bytes:
        asked.set()
        return f"{tag} OK none\r\n".encode()

    liar.lies["FETCH"] = fetch
    case = await against(liar)
    await case.until(asked.is_set)

    assert case.account.status.error == ""
    case.account.stop()


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"Return-Path: <ann@example.net>\r\n", (Address("ann", "example.net"), True)),
        (b"return-path:<>\r\n", (None, True)),
        (b"Subject: x\r\n", (None, False)),
        (b"Return-Path: <not an address>\r\n", (None, False)),
        (b"Return-Path: <a@example.net>\r\nReturn-Path: <b@example.net>\r\n", (Address("a", "example.net"), True)),
    ],
)
def test_return_path(head: bytes, expected: tuple[Address | None, bool]) -> None:
    """The topmost field, which the final server wrote; none is "not known"."""
    assert return_path(head + b"\r\nReturn-Path: <body@example.net>\r\n") == expected


def test_batches_by_number_and_size() -> None:
    """Fifty small ones, or what fits; a big one alone; order kept."""
    sizes = {1: 10, 2: BATCH_BYTES, 3: 10, 4: 10, 5: BATCH_BYTES - 10}

    assert batches(sizes, at_most=2) == [[1], [2], [3, 4], [5]]
    assert batches({}, at_most=50) == []


def test_arrival_is_never_in_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server ahead of us, or without a date, gives our own time."""
    from daemon.channels.imap_folder import _arrived

    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert _arrived(datetime(2027, 1, 1, tzinfo=UTC), now) == now
    assert _arrived(None, now) == now
    assert _arrived(datetime(2026, 1, 1, 12, 0), now) == datetime(2026, 1, 1, 12, tzinfo=UTC)
