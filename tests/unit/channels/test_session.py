"""The SMTP conversation over a socket: what is stored, what is answered, what is refused."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
import socket
import struct
from pathlib import Path

import pytest

from daemon.channels import connection
from daemon.channels.door import Admission
from daemon.channels.gate import Limits
from daemon.core.address import Address
from daemon.core.envelope import Channel
from daemon.errors import Misconfigured, StorageFull, Unavailable
from tests.unit.channels.conftest import OpenDesk, Wire, make_certificate, trusting

MAIL = b"Subject: help\r\n\r\nprinter\r\n"


async def test_a_mail_is_stored_before_250(open_desk: OpenDesk) -> None:
    """One mail: the bytes after our trace field are the sender's, the envelope is what was said."""
    desk = await open_desk()
    wire = await desk.call()
    await wire.start()

    await wire.say(MAIL + b"..dot\r\n.\r\n")
    reply = await wire.reply()

    envelope, raw = desk.store.taken[0]
    assert reply.startswith("250 2.0.0 stored as ")
    assert desk.store.bodies == [MAIL + b".dot\r\n"]
    assert raw.startswith(b"Received: from client.example ([127.0.0.1])\r\n\tby desk.example.com with ESMTP id ")
    assert b"for <help@example.com>" in raw
    assert (envelope.channel, envelope.desk, envelope.helo) == (Channel.SMTP, "help", "client.example")
    assert envelope.reverse_path == Address("ann", "example.net")
    assert envelope.forward_paths == (Address("help", "example.com"),)
    assert envelope.received_at.tzinfo is not None


async def test_null_sender_is_none(open_desk: OpenDesk) -> None:
    """`<>` is a known, null reverse-path."""
    desk = await open_desk()
    wire = await desk.call()
    await wire.start(sender="<>")
    await wire.say(MAIL + b".\r\n")
    await wire.reply()

    assert desk.store.taken[0][0].reverse_path is None
    assert desk.store.taken[0][0].reverse_path_known


@pytest.mark.parametrize(
    "ending",
    [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n\x00.\r\n"],
    ids=repr,
)
async def test_smuggling_gives_one_message(open_desk: OpenDesk, ending: bytes) -> None:
    """A second mail hidden behind a false ending stays content of the first."""
    desk = await open_desk()
    wire = await desk.call()
    await wire.start()
    hidden = b"MAIL FROM:<boss@example.com>\r\nRCPT TO:<help@example.com>\r\nDATA\r\nhidden\r\n"

    await wire.say(MAIL + b"a" + ending + hidden + b".\r\n")

    assert (await wire.reply()).startswith("250")
    assert (await wire.ask("NOOP")).startswith("250")
    (body,) = desk.store.bodies
    assert body.startswith(MAIL + b"a")
    assert body.endswith(hidden)


async def test_pipelined_session_in_one_packet(open_desk: OpenDesk) -> None:
    """Two whole mails, commands and content, in one packet: replies in order, two stored (RFC 2920)."""
    desk = await open_desk()
    wire = await desk.call()
    one = b"MAIL FROM:<a@example.net>\r\nRCPT TO:<help@example.com>\r\nRCPT TO:<no@example.com>\r\nDATA\r\n"

    await wire.say(b"EHLO x\r\n" + one + MAIL + b"1\r\n.\r\n" + one + MAIL + b"2\r\n.\r\nQUIT\r\n")
    codes = [line[:4] for line in (await wire.rest()).decode().splitlines()]

    assert [code for code in codes if code[3] == " "] == (
        ["220 ", "250 "] + ["250 ", "250 ", "550 ", "354 ", "250 "] * 2 + ["221 "]
    )
    assert desk.store.bodies == [MAIL + b"1\r\n", MAIL + b"2\r\n"]


async def test_content_sent_ahead_of_a_refused_data_is_never_run(open_desk: OpenDesk) -> None:
    """When DATA is refused, what a rude client sent after it is not taken for commands."""
    desk = await open_desk()
    wire = await desk.call()
    await wire.say(
        b"EHLO x\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<no@example.com>\r\nDATA\r\n"
        b"RSET\r\nMAIL FROM:<b@example.net>\r\nRCPT TO:<help@example.com>\r\nDATA\r\nx\r\n.\r\n"
    )

    answers = (await wire.rest()).decode().splitlines()

    assert answers[-1].startswith("503")
    assert desk.store.taken == []


@pytest.mark.parametrize("ending", ["half-close", "reset", "close"])
async def test_a_client_that_vanishes_before_the_dot_leaves_nothing(open_desk: OpenDesk, ending: str) -> None:
    """No dot, no mail (fault 6)."""
    desk = await open_desk()
    wire = await desk.call()
    await wire.start()
    await wire.say(MAIL)

    _vanish(wire.writer, ending)
    await _until(lambda: desk.listener.sessions == 0)

    assert desk.store.taken == []


@pytest.mark.parametrize("ending", ["half-close", "reset", "close"])
async def test_a_client_that_vanishes_after_the_dot_cannot_cancel_the_commit(open_desk: OpenDesk, ending: str) -> None:
    """The commit is shielded: stored once, although nobody hears the 250 (fault 6)."""
    desk = await open_desk()
    desk.store.go.clear()
    wire = await desk.call()
    await wire.start()
    await wire.say(MAIL + b".\r\n")
    await desk.store.begun.wait()

    _vanish(wire.writer, ending)
    await asyncio.sleep(0.05)
    desk.store.go.set()
    await _until(lambda: len(desk.store.taken) == 1)

    if ending == "half-close":
        assert b"250 2.0.0 stored" in await wire.rest()
    assert desk.store.bodies == [MAIL]


@pytest.mark.parametrize(
    ("failure", "reply"),
    [
        (StorageFull("secret path"), "452 4.3.1 "),
        (Unavailable("secret path"), "451 4.3.0 "),
        (RuntimeError("secret path"), "451 4.3.0 "),
        (asyncio.CancelledError("secret path"), "451 4.3.0 "),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_our_own_trouble_is_temporary_and_silent(open_desk: OpenDesk, failure: BaseException, reply: str) -> None:
    """Never 5xx, never our text, and the session goes on."""
    desk = await open_desk()
    desk.store.failure = failure
    wire = await desk.call()
    await wire.start()
    await wire.say(MAIL + b".\r\n")

    answer = await wire.reply()

    assert answer.startswith(reply)
    assert "secret" not in answer
    assert (await wire.ask("NOOP")).startswith("250")


async def test_trouble_in_admission_is_temporary(open_desk: OpenDesk) -> None:
    """An exception in a pure callable of ours is 451 too."""

    def broken(recipient: Address, size: int, /) -> Admission:
        raise KeyError("secret")

    desk = await open_desk()
    desk.listener._house.admit = broken
    wire = await desk.call()
    await wire.reply()
    await wire.ask("EHLO x")
    await wire.ask("MAIL FROM:<a@example.net>")

    assert await wire.ask("RCPT TO:<help@example.com>") == "451 4.3.0 cannot store mail now, try again later"


async def test_a_commit_that_does_not_come_back_is_451_in_time(open_desk: OpenDesk) -> None:
    """The peer is not kept waiting for a hanging store (fault 7)."""
    desk = await open_desk(limits=Limits(store_s=0.1, drain_s=1.0))
    desk.store.go.clear()
    wire = await desk.call()
    await wire.start()
    await wire.say(MAIL + b".\r\n")

    assert (await wire.reply()).startswith("451 4.3.0")
    desk.store.go.set()


@pytest.mark.parametrize(
    "command",
    [
        "RCPT TO:<nobody@example.com>",
        "RCPT TO:<help@elsewhere.example>",
        "RCPT TO:<help%example.com@example.com>",
        "RCPT TO:<elsewhere.example!help@example.com>",
        "RCPT TO:<@example.com:help@elsewhere.example>",
        "RCPT TO:<@example.com,@b.example:help@example.com>",
        "RCPT TO:<help@elsewhere.example@example.com>",
        'RCPT TO:<"help@elsewhere.example"@example.com>',
        "RCPT TO:<help@elsewhere.example@[127.0.0.1]>",
        "RCPT TO:<help@[127.0.0.1]>",
        "RCPT TO:<help>",
        "RCPT TO:<help@>",
        "RCPT TO:<@example.com>",
        "RCPT TO:help@elsewhere.example",
    ],
)
async def test_no_relay_shape_is_accepted(open_desk: OpenDesk, command: str) -> None:
    """550 5.1.1 for everything that is not an address of ours (threat 30)."""
    desk = await open_desk()
    wire = await desk.call()
    await wire.reply()
    await wire.ask("EHLO x")
    await wire.ask("MAIL FROM:<a@example.net>")

    assert (await wire.ask(command)).startswith("550 5.1.1 ")


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("MAIL FROM:<a@b.example> SIZE=25000001", "552 5.3.4"),
        ("MAIL FROM:<a@b.example> SIZE=25000000 BODY=8BITMIME SMTPUTF8", "250"),
        ("MAIL FROM:<ü@müller.example> SMTPUTF8", "250"),
        ("MAIL FROM: <a@b.example>", "250"),
        ("mail from:a@b.example", "250"),
        ('MAIL FROM:<"a> b"@b.example>', "250"),
        ("MAIL FROM:<a@b.example> SIZE=x", "501"),
        ("MAIL FROM:<a@b.example> SIZE=" + "9" * 30, "501"),
        ("MAIL FROM:<a@b.example> RET=FULL", "555"),
        ("MAIL FROM:<a b@c>", "553"),
        ("MAIL FROM:", "501"),
        ("MAIL", "501"),
        ("MAIL TO:<a@b.example>", "501"),
        ("MAIL FROM:<a@b.example>x", "501"),
        ("RCPT TO:<help@example.com>", "503"),
        ("DATA", "503"),
        ("VRFY help@example.com", "252"),
        ("EXPN staff", "502"),
        ("AUTH PLAIN AGEAYg==", "502"),
        ("STARTTLS", "454"),
        ("LHLO x", "500"),
        ("BDAT 10 LAST", "500"),
        ("FOO\x00BAR", "500"),
        ("", "500"),
        ("NOOP " + "x" * 5000, "500"),
    ],
    ids=lambda value: value[:40],
)
async def test_commands_have_their_replies(open_desk: OpenDesk, command: str, reply: str) -> None:
    """The grammar of RFC 5321 §4.1.1 and its replies, one command on a fresh session."""
    desk = await open_desk()
    wire = await desk.call()
    await wire.reply()
    await wire.ask("EHLO x")

    assert (await wire.ask(command)).startswith(reply)


async def test_postmaster_needs_no_domain(open_desk: OpenDesk) -> None:
    """RFC 5321 §4.5.1: `RCPT TO:<Postmaster>` is the postmaster of this host."""
    desk = await open_desk()
    wire = await desk.call()
    await wire.start("Postmaster")


async def test_ehlo_offers_what_we_keep(open_desk: OpenDesk) -> None:
    """SIZE with the number, and no extension we do not serve."""
    desk = await open_desk()
    wire = await desk.call()
    await wire.reply()

    lines = (await wire.ask("EHLO x")).splitlines()

    assert [line[4:] for line in lines] == [
        "desk.example.com",
        "SIZE 25000000",
        "8BITMIME",
        "SMTPUTF8",
        "PIPELINING",
        "ENHANCEDSTATUSCODES",
    ]


async def test_size_is_enforced_and_the_session_goes_on(open_desk: OpenDesk) -> None:
    """More than advertised is 552 5.3.4 after the dot; nothing is stored."""
    desk = await open_desk(limits=Limits(size_bytes=1000, drain_s=1.0))
    wire = await desk.call()
    await wire.start()

    await wire.say(b"x" * 1500 + b"\r\n.\r\n")

    assert (await wire.reply()).startswith("552 5.3.4")
    assert (await wire.ask("NOOP")).startswith("250")
    assert desk.store.taken == []


async def test_memory_of_all_sessions_is_bounded(open_desk: OpenDesk) -> None:
    """When unfinished messages hold too much together, one more is told to come back."""
    desk = await open_desk(limits=Limits(room_bytes=5000, drain_s=1.0))
    wire = await desk.call()
    await wire.start()
    await wire.say(b"x" * 6000 + b"\r\n.\r\n")

    assert (await wire.reply()).startswith("452 4.3.1")


@pytest.mark.parametrize("length", [998, 1001, 65_536, 300_000])
async def test_long_lines_are_content(open_desk: OpenDesk, length: int) -> None:
    """The door takes lines of any length up to the message's size; the reader judges them."""
    desk = await open_desk()
    wire = await desk.call()
    await wire.start()
    await wire.say(b"x" * length + b"\r\n.\r\n")

    assert (await wire.reply()).startswith("250")
    assert desk.store.bodies == [b"x" * length + b"\r\n"]


async def test_eight_bit_and_nul_survive(open_desk: OpenDesk) -> None:
    """Bytes are bytes."""
    desk = await open_desk()
    wire = await desk.call()
    await wire.start()
    body = bytes(range(256)).replace(b"\r", b"").replace(b"\n", b"") + b"\r\n"
    await wire.say(body + b".\r\n")

    assert (await wire.reply()).startswith("250")
    assert desk.store.bodies == [body]


async def test_recipients_of_two_desks_are_two_deliveries_and_one_reply(open_desk: OpenDesk) -> None:
    """SMTP has one reply; when one desk fails, the peer tries again and the other desk sees a duplicate."""
    desk = await open_desk()
    wire = await desk.call()
    await wire.start("help@example.com", "help+token@example.com", "bill@example.com")
    await wire.say(MAIL + b".\r\n")
    assert (await wire.reply()).startswith("250")
    assert sorted((e.desk, len(e.forward_paths)) for e, _ in desk.store.taken) == [("bill", 1), ("help", 2)]

    desk.store.failure, desk.store.fail_for = Unavailable("x"), "bill"
    await wire.ask("MAIL FROM:<>")
    await wire.ask("RCPT TO:<help@example.com>")
    await wire.ask("RCPT TO:<bill@example.com>")
    await wire.ask("DATA")
    await wire.say(MAIL + b".\r\n")
    assert (await wire.reply()).startswith("451")


async def test_errors_are_counted(open_desk: OpenDesk) -> None:
    """Somebody who tries addresses is sent away (threat 38)."""
    desk = await open_desk(limits=Limits(errors=5, drain_s=1.0))
    wire = await desk.call()
    await wire.say(b"EHLO x\r\nMAIL FROM:<>\r\n" + b"RCPT TO:<guess@example.com>\r\n" * 10)

    answers = (await wire.rest()).decode().splitlines()

    assert sum(line.startswith("550") for line in answers) == 6
    assert answers[-1].startswith("421 4.7.0")


async def test_commands_that_do_nothing_are_limited_and_mails_are_not(open_desk: OpenDesk) -> None:
    """A kept connection may bring any number of mails, but not NOOPs for ever."""
    desk = await open_desk(limits=Limits(idle_commands=20, drain_s=1.0))
    wire = await desk.call()
    await wire.reply()
    await wire.ask("EHLO x")
    for _ in range(30):
        await wire.ask("MAIL FROM:<>")
        await wire.ask("RCPT TO:<help@example.com>")
        await wire.ask("DATA")
        await wire.say(MAIL + b".\r\n")
        assert (await wire.reply()).startswith("250")

    await wire.say(b"NOOP\r\n" * 50)

    assert (await wire.rest()).decode().splitlines()[-1].startswith("421 4.7.0")


async def test_a_browser_is_turned_away_at_its_first_line(open_desk: OpenDesk) -> None:
    """Cross-protocol requests must not reach a second line that could be SMTP."""
    desk = await open_desk()
    wire = await desk.call()
    await wire.say(b"POST / HTTP/1.1\r\nEHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<help@example.com>\r\nDATA\r\nx\r\n.\r\n")

    assert (await wire.rest()).decode().splitlines()[1:] == ["554 5.5.1 this is a mail server"]
    assert desk.store.taken == []


async def test_sessions_per_peer_and_in_all(open_desk: OpenDesk) -> None:
    """The one too many hears 421 4.7.0; a place is free again when somebody leaves (threat 36)."""
    desk = await open_desk(limits=Limits(sessions=3, per_peer=2, drain_s=1.0))
    first, second = await desk.call(), await desk.call()
    assert (await first.reply()).startswith("220")
    assert (await second.reply()).startswith("220")

    third = await desk.call()
    assert (await third.rest()).startswith(b"421 4.7.0")

    await first.ask("QUIT")
    await _until(lambda: desk.listener.sessions == 1)
    assert (await (await desk.call()).reply()).startswith("220")


async def test_the_flood_hears_421_before_anything_is_built(open_desk: OpenDesk) -> None:
    """Above the number in all nobody gets a session."""
    desk = await open_desk(limits=Limits(sessions=1, per_peer=5, drain_s=1.0))
    assert (await (await desk.call()).reply()).startswith("220")

    assert (await (await desk.call()).rest()).startswith(b"421 4.7.0")


@pytest.mark.parametrize("in_data", [False, True])
async def test_silent_peers_lose_their_place(open_desk: OpenDesk, in_data: bool) -> None:
    """Silence does not hold a session, before and inside DATA."""
    desk = await open_desk(limits=Limits(idle_s=0.4, drain_s=1.0))
    wire = await desk.call()
    if in_data:
        await wire.start()
        await wire.say(b"half")

    assert b"421 4.4.2" in await wire.rest()
    await _until(lambda: desk.listener.sessions == 0)


async def test_a_command_in_drops_is_silence(open_desk: OpenDesk) -> None:
    """One byte now and then does not hold a session either (slowloris)."""
    desk = await open_desk(limits=Limits(idle_s=0.4, drain_s=1.0))
    wire = await desk.call()
    for _ in range(20):
        with contextlib.suppress(ConnectionError):
            await wire.say(b"x")
        await asyncio.sleep(0.1)

    assert desk.listener.sessions == 0


async def test_data_has_a_whole_time(open_desk: OpenDesk) -> None:
    """A message that trickles for ever is cut although it never pauses."""
    desk = await open_desk(limits=Limits(idle_s=0.3, data_s=0.6, drain_s=1.0))
    wire = await desk.call()
    await wire.start()

    async def trickle() -> None:
        while True:
            await wire.say(b"x")
            await asyncio.sleep(0.05)

    task = asyncio.create_task(trickle())
    assert b"421 4.4.2" in await wire.rest()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert desk.store.taken == []


async def test_drain_says_421_to_the_idle_and_finishes_what_runs(open_desk: OpenDesk) -> None:
    """SIGTERM: no new connections, idle sessions 421, a running commit gets its 250 (fault 20)."""
    desk = await open_desk(limits=Limits(drain_s=5.0))
    idle, busy = await desk.call(), await desk.call()
    await idle.reply()
    await busy.start()
    desk.store.go.clear()
    await busy.say(MAIL + b".\r\n")
    await desk.store.begun.wait()

    stopping = asyncio.create_task(desk.listener.stop())
    assert (await idle.rest()).startswith(b"421 4.3.2")
    with pytest.raises(ConnectionRefusedError):
        await desk.call()
    desk.store.go.set()

    assert (await busy.reply()).startswith("250")
    assert (await busy.reply()).startswith("421 4.3.2")
    await asyncio.wait_for(stopping, 3)


async def test_drain_ends_in_time_whatever_hangs(open_desk: OpenDesk) -> None:
    """A peer in the middle of DATA and a store that hangs do not hold the process."""
    desk = await open_desk(limits=Limits(drain_s=1.0))
    slow, stuck = await desk.call(), await desk.call()
    await slow.start()
    await stuck.start()
    desk.store.go.clear()
    await stuck.say(MAIL + b".\r\n")
    await desk.store.begun.wait()

    began = asyncio.get_running_loop().time()
    await desk.listener.stop()

    assert asyncio.get_running_loop().time() - began < 2.0
    desk.store.go.set()


async def test_a_peer_that_does_not_read_is_idle(open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replies nobody reads neither pile up nor hold the place."""
    monkeypatch.setattr(connection, "_ABORT_AFTER_S", 0.3)
    desk = await open_desk(limits=Limits(idle_s=0.5, idle_commands=10**9, drain_s=1.0))
    wire = await desk.call()
    wire.reader._transport.pause_reading()  # type: ignore[attr-defined]
    wire.writer.write(b"HELP\r\n" * 400_000)

    await _until(lambda: desk.listener.sessions == 1)
    await _until(lambda: desk.listener.sessions == 0, seconds=15)


# -- TLS and AUTH ----------------------------------------------------------------------------------------------------


async def _upgrade(wire) -> None:
    assert (await wire.ask("STARTTLS")).startswith("220")
    await wire.writer.start_tls(trusting())


async def test_starttls_then_mail(open_desk: OpenDesk, certificate: Path) -> None:
    """After the handshake the session begins anew, and the trace field says ESMTPS."""
    desk = await open_desk(certificate=certificate)
    wire = await desk.call()
    await wire.reply()
    assert "STARTTLS" in await wire.ask("EHLO x")
    await _upgrade(wire)

    assert (await wire.ask("MAIL FROM:<>")).startswith("503")
    hello = await wire.ask("EHLO x")
    assert "STARTTLS" not in hello
    assert "AUTH" not in hello
    await wire.ask("MAIL FROM:<>")
    await wire.ask("RCPT TO:<help@example.com>")
    await wire.ask("DATA")
    await wire.say(b"x" * 200_000 + b"\r\n.\r\n")
    assert (await wire.reply()).startswith("250")

    assert desk.store.taken[0][0].tls
    assert b" with ESMTPS id " in desk.store.taken[0][1]


async def test_nothing_before_the_handshake_is_used_after_it(open_desk: OpenDesk, certificate: Path) -> None:
    """Plaintext injected behind STARTTLS never runs (CVE-2011-0411, CVE-2024-34083)."""
    desk = await open_desk(certificate=certificate)
    wire = await desk.call()
    await wire.reply()
    await wire.ask("EHLO x")
    await wire.say(b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@example.net>\r\nRCPT TO:<help@example.com>\r\n")
    assert (await wire.reply()).startswith("220")
    await wire.writer.start_tls(trusting())

    assert (await wire.ask("NOOP")).startswith("250")  # the next reply is to the first encrypted command
    assert (await wire.ask("RCPT TO:<help@example.com>")).startswith("503")


async def test_a_failed_handshake_frees_the_place(open_desk: OpenDesk, certificate: Path) -> None:
    """Garbage instead of a ClientHello ends the session and nothing else."""
    desk = await open_desk(certificate=certificate)
    wire = await desk.call()
    await wire.reply()
    await wire.ask("EHLO x")
    await wire.ask("STARTTLS")
    await wire.say(b"MAIL FROM:<>\r\n" * 10)

    await wire.rest()
    await _until(lambda: desk.listener.sessions == 0)


async def test_a_new_certificate_is_served_without_a_restart(open_desk: OpenDesk, tmp_path: Path) -> None:
    """Reload takes effect for the next handshake; a broken file keeps the old one."""
    path = make_certificate(tmp_path / "a.pem", "old.example")
    desk = await open_desk(certificate=path)

    async def name() -> bytes:
        wire = await desk.call()
        await wire.reply()
        await wire.ask("EHLO x")
        await _upgrade(wire)
        return wire.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)

    old = await name()
    make_certificate(path, "new.example")
    desk.listener.reload_certificate()
    new = await name()
    path.write_text("broken")
    with pytest.raises(Misconfigured):
        desk.listener.reload_certificate()

    assert old != new
    assert await name() == new


async def _verify(user: str, password: str, /) -> bool:
    return (user, password) == ("ann", "pä ss")


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("mechanism", ["PLAIN initial", "PLAIN", "LOGIN", "LOGIN initial"])
async def test_auth_over_tls(open_desk: OpenDesk, certificate: Path, mechanism: str) -> None:
    """PLAIN and LOGIN, with and without the initial response; the envelope says who it was."""
    desk = await open_desk(certificate=certificate, verify=_verify)
    wire = await desk.call()
    await wire.reply()
    await wire.ask("EHLO x")
    await _upgrade(wire)
    assert "AUTH PLAIN LOGIN" in await wire.ask("EHLO x")

    plain = _b64("\0ann\0pä ss")
    said = {
        "PLAIN initial": [f"AUTH PLAIN {plain}"],
        "PLAIN": ["AUTH PLAIN", plain],
        "LOGIN": ["AUTH LOGIN", _b64("ann"), _b64("pä ss")],
        "LOGIN initial": [f"AUTH LOGIN {_b64('ann')}", _b64("pä ss")],
    }[mechanism]
    answers = [await wire.ask(line) for line in said]

    assert answers[-1].startswith("235")
    assert all(answer.startswith("334") for answer in answers[:-1])
    await wire.ask("MAIL FROM:<> AUTH=<>")
    await wire.ask("RCPT TO:<help@example.com>")
    await wire.ask("DATA")
    await wire.say(MAIL + b".\r\n")
    await wire.reply()
    assert desk.store.taken[0][0].authenticated_as == "ann"
    assert b" with ESMTPSA id " in desk.store.taken[0][1]


async def test_auth_never_without_tls(open_desk: OpenDesk, certificate: Path) -> None:
    """A password in the clear is refused before it is asked for."""
    desk = await open_desk(certificate=certificate, verify=_verify)
    wire = await desk.call()
    await wire.reply()
    assert "AUTH" not in await wire.ask("EHLO x")

    assert (await wire.ask(f"AUTH PLAIN {_b64('0ann0x')}")).startswith("538")


@pytest.mark.parametrize("blob", ["*", "!!!", _b64("\0ann\0wrong"), _b64("root\0ann\0pä ss"), _b64("x"), "/w=="])
async def test_bad_logins(open_desk: OpenDesk, certificate: Path, blob: str) -> None:
    """Wrong, cancelled, undecodable and proxy logins all hear the same 535."""
    desk = await open_desk(certificate=certificate, verify=_verify)
    wire = await desk.call()
    await wire.reply()
    await wire.ask("EHLO x")
    await _upgrade(wire)
    await wire.ask("EHLO x")

    assert (await wire.ask(f"AUTH PLAIN {blob}")).startswith("535 5.7.8")


def _vanish(writer: asyncio.StreamWriter, how: str) -> None:
    if how == "half-close":
        writer.write_eof()
    elif how == "reset":
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()


async def _until(condition, seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


async def test_tls_and_login_can_be_required(open_desk: OpenDesk, certificate: Path) -> None:
    """No MAIL before STARTTLS and AUTH where the doorway wants them."""
    desk = await open_desk(certificate=certificate, verify=_verify, require_tls=True, require_login=True)
    wire = await desk.call()
    await wire.reply()
    await wire.ask("EHLO x")
    assert (await wire.ask("MAIL FROM:<>")) == "530 5.7.0 must issue a STARTTLS command first"
    await _upgrade(wire)
    await wire.ask("EHLO x")
    assert (await wire.ask("MAIL FROM:<>")) == "530 5.7.0 authentication required"
    await wire.ask("AUTH PLAIN " + _b64("\0ann\0pä ss"))
    assert (await wire.ask("MAIL FROM:<>")).startswith("250")


async def test_tls_from_the_first_byte(open_desk: OpenDesk, certificate: Path) -> None:
    """The submissions port (465): TLS before the greeting."""
    desk = await open_desk(certificate=certificate, implicit_tls=True)
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.port, ssl=trusting())
    wire = Wire(reader, writer)
    await wire.start()
    await wire.say(MAIL + b".\r\n")

    assert (await wire.reply()).startswith("250")
    assert desk.store.taken[0][0].tls
    writer.close()


_WORDS = [
    b"EHLO x",
    b"HELO",
    b"LHLO x",
    b"MAIL FROM:<>",
    b"MAIL FROM:<a@b.example> SIZE=5",
    b"mail from:<\xff\xfe@\xc3\x28>",
    b"MAIL FROM:" + b"<" * 500,
    b'MAIL FROM:"' + b"\\" * 400,
    b"MAIL",
    b"RCPT TO:<help@example.com>",
    b"RCPT TO:<" + b"x" * 3000,
    b"RCPT TO:<@a:b@c>",
    b"RCPT",
    b"DATA",
    *(b"x . .. RSET QUIT STARTTLS VRFY HELP NOOP".split()),
    b"AUTH PLAIN",
    b"AUTH LOGIN ====",
    b"BDAT 5",
    b"\x00\x01",
    b"\xe2\x80\xa8",
    b" ",
    b"",
]


async def test_no_input_confuses_the_server(open_desk: OpenDesk) -> None:
    """Sixty random dialogues: only well-formed replies, never trouble of ours, and the next client is served."""
    chance = random.Random(20261122)
    desk = await open_desk(limits=Limits(per_peer=100, drain_s=1.0))
    for _ in range(60):
        wire = await desk.call()
        lines = [chance.choice(_WORDS) + chance.choice([b"\r\n"] * 6 + [b"\n", b"\r"]) for _ in range(30)]
        with contextlib.suppress(ConnectionError):
            await wire.say(b"".join(lines))
            wire.writer.write_eof()
        with contextlib.suppress(ConnectionError):
            answer = await wire.rest()
            assert all(line[:3].isdigit() for line in answer.splitlines()), answer
            assert b"\n451" not in answer, (lines, answer)
        await wire.close()

    wire = await desk.call()
    await wire.start()
    await wire.say(MAIL + b".\r\n")
    assert (await wire.reply()).startswith("250")
