"""The relay's every answer, at every step, becomes the right value."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.channels.dot import DotReader, Room
from daemon.channels.submission import Accepted, Deferred, Refused, SenderRefused, Step, Unknown
from daemon.channels.submit import Relay, RelaySettings, wire

MAIL = b"Subject: ack\r\n\r\n.dot\r\n..two\r\nend\r\n"
DROP = "drop"
HANG = "hang"


@dataclass
class Script:
    """A relay that answers by a table of verb -> reply (or DROP, HANG)."""

    replies: dict[str, str] = field(default_factory=dict)
    extensions: tuple[str, ...] = ("SIZE 1000000", "8BITMIME")
    tls: ssl.SSLContext | None = None
    seen: list[str] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    sessions: int = 0
    once: set[str] = field(default_factory=set)  # verbs whose special reply is used up after one time

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions += 1
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def answer(verb: str, usual: str) -> bool:
            reply = self.replies.get(verb, usual)
            if verb in self.once:
                self.replies.pop(verb, None)
            if reply == HANG:
                await reader.read()
            if reply in (DROP, HANG):
                return False
            writer.write(reply.encode() + b"\r\n")
            await writer.drain()
            return not reply.startswith("421")

        if not await answer("CONNECT", "220 script"):
            return
        while line := (await reader.readline()).decode():
            verb = line.split()[0].upper()
            self.seen.append(line.strip())
            if verb == "EHLO":
                words = ["script", *self.extensions, *(["STARTTLS"] if self.tls else [])]
                usual = "\r\n".join([f"250-{word}" for word in words[:-1]] + [f"250 {words[-1]}"])
            else:
                usual = {"DATA": "354 go", "QUIT": "221 bye", "STARTTLS": "220 go", "AUTH": "235 ok"}.get(
                    verb, "250 ok"
                )
            if not await answer(verb, usual):
                return
            if verb == "STARTTLS" and self.tls:
                await writer.start_tls(self.tls)
            if verb == "DATA" and "DATA" not in self.replies:
                self.contents.append(await reader.readuntil(b"\r\n.\r\n"))
                if not await answer(".", "250 2.0.0 queued as 1"):
                    return


@asynccontextmanager
async def relay_to(script: Script, **more: object) -> AsyncIterator[Relay]:
    server = await asyncio.start_server(script, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = {
        "security": "none",
        "helo": "desk.example.com",
        "connect_s": 2.0,
        "command_s": 2.0,
        "data_s": 0.5,
        **more,
    }
    relay = Relay(RelaySettings(host="localhost" if "ca_file" in more else "127.0.0.1", port=port, **settings))  # type: ignore[arg-type]
    try:
        yield relay
    finally:
        await relay.close()
        server.close()
        await asyncio.sleep(0.01)


async def send(relay: Relay, mail_from: str | None = None, to: str = "ann@example.net", raw: bytes = MAIL):
    return await relay.submit(mail_from, to, raw)


async def test_accepted_with_exact_bytes() -> None:
    """The relay gets the bytes as they are, stuffed once, with the size said before."""
    script = Script()
    async with relay_to(script) as relay:
        outcome = await send(relay)

    assert outcome == Accepted(reply="250 2.0.0 queued as 1")
    assert script.seen[:4] == [
        "EHLO desk.example.com",
        f"MAIL FROM:<> SIZE={len(MAIL)}",
        "RCPT TO:<ann@example.net>",
        "DATA",
    ]
    assert script.contents == [b"Subject: ack\r\n\r\n..dot\r\n...two\r\nend\r\n.\r\n"]


@given(raw=st.binary(max_size=300))
def test_what_we_send_is_one_message_of_the_same_content(raw: bytes) -> None:
    """Stuffing and our own reader are inverse, and no bare CR or LF leaves us (threat 12)."""
    content = wire(raw)
    dot = DotReader(10_000, Room(100_000))

    assert dot.feed(content) == b""
    assert dot.finished
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"\r" not in content.replace(b"\r\n", b"")
    if b"\r" not in raw.replace(b"\r\n", b"") and b"\n" not in raw.replace(b"\r\n", b""):
        assert dot.content == (raw if raw.endswith(b"\r\n") else raw + b"\r\n")


@pytest.mark.parametrize(
    ("verb", "reply", "expected"),
    [
        ("CONNECT", "421 busy", Deferred(code=421, reply="421 busy", step=Step.CONNECT)),
        ("CONNECT", "554 no", Deferred(code=554, reply="554 no", step=Step.CONNECT)),
        ("EHLO", "421 busy", Deferred(code=421, reply="421 busy", step=Step.CONNECT)),
        ("MAIL", "451 later", Deferred(code=451, reply="451 later", step=Step.MAIL)),
        ("MAIL", "421 busy", Deferred(code=421, reply="421 busy", step=Step.MAIL)),
        ("MAIL", "550 5.7.1 no null sender", SenderRefused(code=550, reply="550 5.7.1 no null sender")),
        ("MAIL", "552 5.3.4 too big", Refused(code=552, reply="552 5.3.4 too big", step=Step.MAIL)),
        ("RCPT", "450 4.2.0 greylisted", Deferred(code=450, reply="450 4.2.0 greylisted", step=Step.RCPT)),
        ("RCPT", "550 5.1.1 no such user", Refused(code=550, reply="550 5.1.1 no such user", step=Step.RCPT)),
        ("RCPT", "553 5.1.7 bad sender", SenderRefused(code=553, reply="553 5.1.7 bad sender")),
        ("RCPT", "421 busy", Deferred(code=421, reply="421 busy", step=Step.RCPT)),
        ("DATA", "451 later", Deferred(code=451, reply="451 later", step=Step.DATA)),
        ("DATA", "554 no", Refused(code=554, reply="554 no", step=Step.DATA)),
        (".", "451 later", Deferred(code=451, reply="451 later", step=Step.DOT)),
        (".", "421 closing", Deferred(code=421, reply="421 closing", step=Step.DOT)),
        (
            ".",
            "554-5.7.1 spam\r\n554 5.7.1 really",
            Refused(code=554, reply="554 5.7.1 spam 5.7.1 really", step=Step.DOT),
        ),
    ],
    ids=lambda value: str(value)[:24] if isinstance(value, str) else "",
)
@pytest.mark.parametrize(
    "extensions", [("SIZE 1000000",), ("SIZE 1000000", "PIPELINING")], ids=("one-by-one", "at-once")
)
async def test_each_answer_at_each_step(verb: str, reply: str, expected: object, extensions: tuple[str, ...]) -> None:
    """4xx and 421 try again, 5xx is about the mail from MAIL on and about the relay before."""
    script = Script(replies={verb: reply}, extensions=extensions)
    async with relay_to(script) as relay:
        assert await send(relay) == expected


@pytest.mark.parametrize("how", [DROP, HANG])
@pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)], ids=("one-by-one", "at-once"))
async def test_silence_before_the_content_is_deferred(verb: str, how: str, extensions: tuple[str, ...]) -> None:
    """Lost or timed out before the content: nothing was sent (fault 3)."""
    script = Script(replies={verb: how}, extensions=extensions)
    async with relay_to(script, connect_s=0.3, command_s=0.3) as relay:
        outcome = await send(relay)

    assert isinstance(outcome, Deferred)
    assert outcome.code == 0
    assert outcome.reply


@pytest.mark.parametrize("how", [DROP, HANG, "banana", "199 what", "350 what"])
async def test_silence_or_nonsense_after_the_dot_is_unknown(how: str) -> None:
    """The relay may have taken it: the same bytes must go again (fault 4)."""
    async with relay_to(Script(replies={".": how})) as relay:
        outcome = await send(relay)

    assert isinstance(outcome, Unknown)


async def test_a_signed_bounce_address_is_refused_for_good() -> None:
    """Only the null sender has a fallback."""
    async with relay_to(Script(replies={"MAIL": "550 5.7.1 no"})) as relay:
        assert await send(relay, "bounce+x@example.com") == Refused(code=550, reply="550 5.7.1 no", step=Step.MAIL)


async def test_the_connection_is_kept_and_survives_a_refusal() -> None:
    """Many mails, one connection; a refused recipient is reset and not in the way."""
    script = Script()
    async with relay_to(script) as relay:
        await send(relay)
        script.replies["RCPT"] = "550 5.1.1 no"
        assert isinstance(await send(relay), Refused)
        del script.replies["RCPT"]
        assert isinstance(await send(relay), Accepted)

    assert script.sessions == 1
    assert script.seen.count("RSET") == 1
    assert len(script.contents) == 2


async def test_a_refusal_of_three_commands_keeps_what_is_in_order() -> None:
    """A relay that refuses DATA too is used on; one that waits for a content that never comes is left (RFC 2920)."""
    script = Script(replies={"RCPT": "550 5.1.1 no", "DATA": "554 no valid recipients"}, extensions=("PIPELINING",))
    async with relay_to(script) as relay:
        refused = await send(relay)
        del script.replies["DATA"]
        again = await send(relay)
        script.replies.clear()
        taken = await send(relay)

    assert isinstance(refused, Refused)
    assert refused == again
    assert isinstance(taken, Accepted)
    assert script.sessions == 2
    assert script.contents == [wire(MAIL)]


async def test_what_a_relay_says_unasked_answers_nothing() -> None:
    """A second reply to one command is not the reply to the next."""
    script = Script(replies={".": "250 2.0.0 queued as 1\r\n550 5.1.1 and more"})
    async with relay_to(script) as relay:
        first, second = await send(relay), await send(relay)

    assert first == second == Accepted(reply="250 2.0.0 queued as 1")


@pytest.mark.parametrize("how", [DROP, "421 idle too long"])
async def test_a_kept_connection_that_died_is_replaced_in_the_same_try(how: str) -> None:
    """A relay that drops idle clients costs no retry of minutes."""
    script = Script()
    async with relay_to(script) as relay:
        await send(relay)
        script.replies["MAIL"] = how
        script.once.add("MAIL")
        assert isinstance(await send(relay), Accepted)

    assert script.sessions == 2


async def test_at_most_so_many_connections() -> None:
    """Parallel submissions share the places."""
    script = Script()
    async with relay_to(script, connections=2) as relay:
        outcomes = await asyncio.gather(*(send(relay) for _ in range(8)))

    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert script.sessions == 2


async def test_cancelling_drops_the_connection() -> None:
    """A submission cut by the drain leaves no half dialogue behind."""
    script = Script(replies={"RCPT": HANG})
    async with relay_to(script) as relay:
        task = asyncio.create_task(send(relay))
        await _until(lambda: len(script.seen) == 3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        script.replies.clear()
        assert isinstance(await send(relay), Accepted)

    assert script.sessions == 2


async def test_an_unreachable_relay_is_deferred() -> None:
    """Nobody there, or no such name: try later, in words."""
    relay = Relay(RelaySettings(host="127.0.0.1", port=1, security="none"))
    nowhere = Relay(RelaySettings(host="relay.invalid", port=25, security="none", connect_s=5))

    for outcome in (await send(relay), await send(nowhere)):
        assert isinstance(outcome, Deferred)
        assert outcome.step is Step.CONNECT
        assert outcome.reply


@pytest.mark.parametrize("to", ["jürgen@example.net", "a@b\r\nRCPT TO:<c@d>"])
async def test_addresses_that_cannot_be_said(to: str) -> None:
    """Neither SMTPUTF8 nor a control character reaches the relay."""
    script = Script()
    async with relay_to(script) as relay:
        outcome = await send(relay, to=to)

    assert isinstance(outcome, (Refused, Deferred))
    assert script.contents == []


async def test_eight_bit_content_is_announced() -> None:
    """BODY=8BITMIME when the relay knows it and the mail needs it."""
    script = Script()
    async with relay_to(script) as relay:
        await send(relay, raw="Subject: ä\r\n\r\nü\r\n".encode())

    assert "BODY=8BITMIME" in script.seen[1]


async def test_a_server_without_ehlo() -> None:
    """HELO is enough."""
    async with relay_to(Script(replies={"EHLO": "502 what"})) as relay:
        assert isinstance(await send(relay), Accepted)


def _server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_starttls_and_login(certificate: Path) -> None:
    """TLS verified against the given authority, then AUTH, then the mail."""
    script = Script(tls=_server_context(certificate), extensions=("SIZE 1", "AUTH PLAIN LOGIN"))
    async with relay_to(script, security="starttls", ca_file=certificate, user="ann", password="secret") as relay:
        assert isinstance(await send(relay), Accepted)
        assert await relay.check() is None

    assert [line.split()[0] for line in script.seen[:4]] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]


async def test_plaintext_is_never_a_fallback(certificate: Path) -> None:
    """Without STARTTLS on offer, or with a certificate nobody vouches for, nothing is sent (fault 21)."""
    stripped = Script()
    unknown = Script(tls=_server_context(certificate))
    async with relay_to(stripped, security="starttls") as one, relay_to(unknown, security="starttls") as two:
        for outcome in (await send(one), await send(two), await two.check()):
            assert isinstance(outcome, Deferred)
            assert outcome.step is Step.TLS

    assert not any(line.startswith("MAIL") for line in stripped.seen + unknown.seen)


async def test_a_refused_login_is_trouble_of_ours(certificate: Path) -> None:
    """535 defers all mail and says so; it never refuses one."""
    script = Script(extensions=("AUTH PLAIN",), replies={"AUTH": "535 5.7.8 wrong"})
    async with relay_to(script, user="ann", password="secret") as relay:
        outcome = await send(relay)

    assert outcome == Deferred(code=535, reply="535 5.7.8 wrong", step=Step.LOGIN)


def test_settings_do_not_show_the_password() -> None:
    """repr ends up in logs."""
    assert "hush" not in repr(RelaySettings(host="h", port=25, security="tls", user="u", password="hush"))


async def _until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
