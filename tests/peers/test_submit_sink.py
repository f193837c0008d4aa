"""The relay against smtp-sink, which can be told to misbehave at each step."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from daemon.channels.submission import Accepted, Deferred, Refused, SenderRefused, Step, Unknown
from daemon.channels.submit import Relay, RelaySettings
from tests.peers.conftest import StartSink

MAIL = (
    b"From: Help <help@example.com>\r\nTo: ann@example.net\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"References: <" + b"x" * 120 + b"@outlook.example>\r\n\r\n.dot\r\n..two\r\nlast\r\n"
)


def relay_to(port: int, **more: Any) -> Relay:
    settings: dict[str, Any] = {"helo": "desk.example.com", "connect_s": 3.0, "command_s": 3.0, "data_s": 2.0, **more}
    return Relay(RelaySettings(host="127.0.0.1", port=port, security="none", **settings))


async def test_the_sink_gets_the_bytes_we_composed(start_sink: StartSink) -> None:
    """Nothing is re-serialised on the way: long References stay whole, dots stay single."""
    sink = start_sink()
    relay = relay_to(sink.port)

    assert isinstance(await relay.submit(None, "ann@example.net", MAIL), Accepted)
    await relay.close()

    (dump,) = sink.mails()
    lines = MAIL.replace(b"\r\n", b"\n")
    assert lines in dump.replace(b"\r\n", b"\n")
    assert b"X-Mail-Args: <>" in dump
    assert b"X-Rcpt-Args: <ann@example.net>" in dump


@pytest.mark.parametrize(
    ("options", "kind", "step"),
    [
        (("-r", "MAIL"), Deferred, Step.MAIL),
        (("-r", "RCPT"), Deferred, Step.RCPT),
        (("-r", "DATA"), Deferred, Step.DATA),
        (("-r", "."), Deferred, Step.DOT),
        (("-f", "RCPT"), Refused, Step.RCPT),
        (("-f", "DATA"), Refused, Step.DATA),
        (("-f", "."), Refused, Step.DOT),
        (("-Q", "MAIL"), Deferred, Step.MAIL),
        (("-Q", "RCPT"), Deferred, Step.RCPT),
        (("-Q", "."), Deferred, Step.DOT),
        (("-q", "CONNECT"), Deferred, Step.CONNECT),
        (("-q", "EHLO"), Deferred, Step.CONNECT),
        (("-q", "MAIL"), Deferred, Step.MAIL),
        (("-q", "RCPT"), Deferred, Step.RCPT),
        (("-q", "DATA"), Deferred, Step.DATA),
        (("-q", "."), Unknown, None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
async def test_each_misbehaviour(
    start_sink: StartSink, options: tuple[str, ...], kind: type, step: Step | None
) -> None:
    """Soft, hard, 421 and hanging up, at each command."""
    relay = relay_to(start_sink(*options).port)
    outcome = await relay.submit(None, "ann@example.net", MAIL)
    await relay.close()

    assert isinstance(outcome, kind), outcome
    assert step is None or outcome.step is step


async def test_a_relay_that_refuses_the_null_sender(start_sink: StartSink) -> None:
    """5xx to MAIL FROM:<> asks for the signed bounce address; the same 5xx to that one is final."""
    relay = relay_to(start_sink("-f", "MAIL", "-B", "550 5.7.1 no empty senders").port)
    first = await relay.submit(None, "ann@example.net", MAIL)
    second = await relay.submit("bounce@example.com", "ann@example.net", MAIL)
    await relay.close()

    assert first == SenderRefused(code=550, reply="550 5.7.1 no empty senders")
    assert second == Refused(code=550, reply="550 5.7.1 no empty senders", step=Step.MAIL)


async def test_a_relay_that_is_too_slow_after_the_dot(start_sink: StartSink) -> None:
    """The answer to the dot comes after our patience: unknown, and the next mail has a connection of its own."""
    sink = start_sink("-W", ".:2")
    relay = relay_to(sink.port, data_s=0.5)

    assert isinstance(await relay.submit(None, "ann@example.net", MAIL), Unknown)
    await relay.close()


async def test_two_hundred_mails_over_four_connections(start_sink: StartSink) -> None:
    """In parallel, each exactly once."""
    sink = start_sink("-c")
    relay = relay_to(sink.port, connections=4)
    outcomes = await asyncio.gather(
        *(relay.submit(None, f"u{number}@example.net", MAIL + b"%d\r\n" % number) for number in range(200))
    )
    await relay.close()

    assert {type(outcome) for outcome in outcomes} == {Accepted}
    assert len({dump.rstrip().rsplit(b"\n", 1)[-1] for dump in sink.mails()}) == 200
