"""LMTP: one reply per recipient, in order, each with its own outcome (RFC 2033)."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from daemon.channels.gate import Limits
from daemon.channels.smtp import Doorway, Listener, bind_unix
from daemon.core.envelope import Channel
from daemon.errors import Misconfigured, Unavailable
from tests.unit.channels.conftest import OpenDesk, Store, Wire, admit

MAIL = b"Subject: help\r\n\r\nprinter\r\n"


async def _lhlo(wire: Wire) -> None:
    assert (await wire.reply()) == "220 desk.example.com LMTP"
    assert (await wire.ask("EHLO x")).startswith("500")
    assert (await wire.ask("LHLO mta.example")).startswith("250-desk.example.com")
    await wire.ask("MAIL FROM:<ann@example.net>")


async def test_one_reply_per_recipient_in_order(open_desk: OpenDesk) -> None:
    """Two desks are two deliveries; two addresses of one desk are one delivery and two replies (fault 8)."""
    desk = await open_desk(lmtp=True)
    desk.store.failure, desk.store.fail_for = Unavailable("x"), "bill"
    wire = await desk.call()
    await _lhlo(wire)
    order = ["bill@example.com", "help@example.com", "nobody@example.com", "help+token@example.com"]
    codes = [(await wire.ask(f"RCPT TO:<{to}>"))[:3] for to in order]
    assert codes == ["250", "250", "550", "250"]

    await wire.ask("DATA")
    await wire.say(MAIL + b".\r\n")
    replies = [(await wire.reply())[:9] for _ in range(3)]

    assert replies == ["451 4.3.0", "250 2.0.0", "250 2.0.0"]
    ((envelope, raw),) = desk.store.taken
    assert (envelope.channel, envelope.desk, len(envelope.forward_paths)) == (Channel.LMTP, "help", 2)
    assert b" with LMTP id " in raw
    assert b"for <" not in raw
    assert (await wire.ask("NOOP")).startswith("250")


async def test_fifty_recipients(open_desk: OpenDesk) -> None:
    """Fifty accepted recipients hear fifty replies and are one commit."""
    desk = await open_desk(lmtp=True)
    wire = await desk.call()
    await _lhlo(wire)
    for _ in range(50):
        await wire.ask("RCPT TO:<help+token@example.com>")
    await wire.ask("DATA")
    await wire.say(MAIL + b".\r\n")

    assert {(await wire.reply())[:3] for _ in range(50)} == {"250"}
    assert len(desk.store.taken) == 1


async def test_many_unknown_recipients_are_no_attack(open_desk: OpenDesk) -> None:
    """The MTA in front hears 550 for each of fifty and the mail of the last one still arrives (fault 8)."""
    desk = await open_desk(lmtp=True)
    wire = await desk.call()
    await _lhlo(wire)
    answers = [await wire.ask(f"RCPT TO:<nobody{number}@example.com>") for number in range(50)]
    assert all(answer.startswith("550 5.1.1") for answer in answers)
    await wire.ask("RCPT TO:<help@example.com>")
    await wire.ask("DATA")
    await wire.say(MAIL + b".\r\n")

    assert (await wire.reply()).startswith("250")


async def test_too_big_is_said_to_each(open_desk: OpenDesk) -> None:
    """The size refusal is one reply per recipient too; the next mail is in step."""
    desk = await open_desk(lmtp=True, limits=Limits(size_bytes=100, drain_s=1.0))
    wire = await desk.call()
    await _lhlo(wire)
    await wire.ask("RCPT TO:<help@example.com>")
    await wire.ask("RCPT TO:<bill@example.com>")
    await wire.ask("DATA")
    await wire.say(b"x" * 200 + b"\r\n.\r\n")

    assert [(await wire.reply())[:9] for _ in range(2)] == ["552 5.3.4"] * 2
    assert (await wire.ask("NOOP")).startswith("250")


async def test_unix_socket(tmp_path: Path) -> None:
    """Served on a path with its rights; a dead socket is replaced, a living one is not."""
    path = tmp_path / "lmtp.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    store = Store()
    listener = Listener(Doorway(host="desk.example.com", lmtp=True), receive=store.receive, admit=admit)
    await listener.serve(bind_unix(path, mode=0o660))

    with pytest.raises(Misconfigured):
        bind_unix(path)
    assert path.stat().st_mode & 0o777 == 0o660
    wire = Wire(*await asyncio.open_unix_connection(str(path)))
    await _lhlo(wire)
    await wire.ask("RCPT TO:<help@example.com>")
    await wire.ask("DATA")
    await wire.say(MAIL + b".\r\n")
    assert (await wire.reply()).startswith("250")
    assert store.taken[0][0].peer == "local"
    await wire.close()
    await listener.stop()
