"""The pipe: what is read, and which exit code the MTA sees."""

from __future__ import annotations

import asyncio
import io
import os
from pathlib import Path

import pytest

from daemon.channels.gate import Limits
from daemon.channels.pipe import (
    EMPTY,
    FULL,
    NO_SUCH_ADDRESS,
    STORED,
    TOO_BIG,
    TROUBLE,
    Ending,
    PipeRefused,
    deliver_by_lmtp,
    ending_of,
    read_pipe,
)
from daemon.channels.smtp import Doorway, Listener, bind_unix
from daemon.errors import StorageFull, Unavailable
from tests.unit.channels.conftest import Store, admit

MAIL = b"Subject: help\r\n\r\nprinter\r\n"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (MAIL, MAIL),
        (MAIL.replace(b"\r\n", b"\n"), MAIL),
        (b"From ann@example.net Sun Nov 22 00:00:00 2026\n" + MAIL.replace(b"\r\n", b"\n"), MAIL),
        (b"From: ann@example.net\n\nx\n", b"From: ann@example.net\r\n\r\nx\r\n"),
        (b"Subject: no end", b"Subject: no end"),
        (b"Subject: bare\r\n\r\na\nb\r\n", b"Subject: bare\r\n\r\na\nb\r\n"),
    ],
    ids=["crlf", "lf", "mbox", "from-field", "no-newline", "crlf-with-bare-lf"],
)
def test_local_line_ends_and_mbox_lines_are_undone(given: bytes, read: bytes) -> None:
    """They belong to the pipe, not to the mail; a mail in CRLF is left as it is."""
    assert read_pipe(io.BytesIO(given), 10_000) == read


@pytest.mark.parametrize(("given", "ending"), [(b"", EMPTY), (b"\n\n", EMPTY), (b"x" * 101, TOO_BIG)])
def test_what_cannot_be_a_mail(given: bytes, ending: Ending) -> None:
    """Nothing on standard input, or too much of it."""
    with pytest.raises(PipeRefused) as refused:
        read_pipe(io.BytesIO(given), 100)

    assert ending_of(refused.value) == ending


@pytest.mark.parametrize(
    ("error", "ending"),
    [(StorageFull("/secret"), FULL), (Unavailable("/secret"), TROUBLE), (ValueError("/secret"), TROUBLE)],
)
def test_our_own_trouble_is_75_without_its_text(error: Exception, ending: Ending) -> None:
    """The MTA keeps the mail and tries again."""
    assert ending_of(error) == ending
    assert ending.code == os.EX_TEMPFAIL
    assert "secret" not in ending.line


@pytest.mark.parametrize(
    ("recipients", "failure", "ending"),
    [
        (["help@example.com"], None, STORED.code),
        (["help@example.com", "bill@example.com"], None, STORED.code),
        (["nobody@example.com"], None, NO_SUCH_ADDRESS.code),
        (["help@example.com"], Unavailable("x"), TROUBLE.code),
        (["help@example.com"], StorageFull("x"), FULL.code),
        (["nobody@example.com", "help@example.com"], Unavailable("x"), TROUBLE.code),
        (["nobody@example.com", "help@example.com"], None, NO_SUCH_ADDRESS.code),
        (["a@b\r\nDATA"], None, TROUBLE.code),
    ],
)
async def test_delivery_to_a_running_daemon(
    tmp_path: Path, recipients: list[str], failure: Exception | None, ending: int
) -> None:
    """Over its LMTP socket, with the worst of the answers as the exit code: temporary before permanent."""
    store = Store(failure=failure)
    listener = Listener(
        Doorway(host="desk.example.com", lmtp=True, limits=Limits(drain_s=1.0)), receive=store.receive, admit=admit
    )
    await listener.serve(bind_unix(tmp_path / "lmtp.sock"))

    got = await asyncio.to_thread(
        deliver_by_lmtp, tmp_path / "lmtp.sock", sender="ann@example.net", recipients=recipients, raw=MAIL + b".x\r\n"
    )
    await listener.stop()

    assert got is not None
    assert got.code == ending
    assert got.line[1:3] == {0: ".0", 67: ".1", 75: ".3"}[ending][:2]
    if ending == 0:
        assert set(store.bodies) == {MAIL + b".x\r\n"}
        assert got.line.startswith("2.0.0 firstline: stored as ")


async def test_too_big_for_the_daemon_is_permanent(tmp_path: Path) -> None:
    """The size is said before the content is sent."""
    limits = Limits(size_bytes=10, drain_s=1.0)
    store = Store()
    listener = Listener(Doorway(host="d", lmtp=True, limits=limits), receive=store.receive, admit=admit)
    await listener.serve(bind_unix(tmp_path / "lmtp.sock"))

    got = await asyncio.to_thread(
        deliver_by_lmtp, tmp_path / "lmtp.sock", sender=None, recipients=["help@example.com"], raw=MAIL
    )
    await listener.stop()

    assert got == TOO_BIG


def test_no_daemon_is_none(tmp_path: Path) -> None:
    """The command opens the store itself then; a dead socket is no daemon either."""
    bind_unix(tmp_path / "dead.sock").close()

    for name in ("absent.sock", "dead.sock"):
        assert deliver_by_lmtp(tmp_path / name, sender=None, recipients=["help@example.com"], raw=MAIL) is None


async def test_a_daemon_that_speaks_nonsense_is_our_trouble(tmp_path: Path) -> None:
    """Whatever sits on the socket: 75."""

    async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\r\n")
        writer.close()

    server = await asyncio.start_unix_server(nonsense, tmp_path / "odd.sock")
    got = await asyncio.to_thread(
        deliver_by_lmtp, tmp_path / "odd.sock", sender=None, recipients=["help@example.com"], raw=MAIL
    )
    server.close()

    assert got == TROUBLE
