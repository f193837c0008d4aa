"""A real Postfix in front: every recipient gets an answer of its own, and nothing is lost when we are in trouble."""

from __future__ import annotations

import asyncio
import os
import smtplib
from collections.abc import Callable
from pathlib import Path

from daemon.channels.gate import Limits
from daemon.channels.smtp import Doorway, Listener, bind_unix
from daemon.errors import Unavailable
from tests.peers.conftest import Postfix, StartPostfix, StartSink
from tests.unit.channels.conftest import OpenDesk, Store, admit, open_desk  # noqa: F401 - fixtures


def submit(postfix: Postfix, *recipients: str, subject: str = "x", body: str = "y") -> None:
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=10) as client:
        client.sendmail("ann@example.net", recipients, f"Subject: {subject}\r\n\r\n{body}\r\n".encode())


async def until(condition: Callable[[], object], what: Callable[[], object], seconds: float = 30.0) -> None:
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(what())


async def test_each_recipient_has_its_own_answer(
    open_desk: OpenDesk,  # noqa: F811
    start_postfix: StartPostfix,
    start_sink: StartSink,
) -> None:
    """Two desks sent, one unknown bounced, in one transaction; Postfix logs each on its own (fault 8)."""
    desk = await open_desk(lmtp=True, limits=Limits(per_peer=50))
    sink = start_sink()
    postfix = start_postfix(lmtp=f"inet:127.0.0.1:{desk.port}", sink_port=sink.port)

    await asyncio.to_thread(submit, postfix, "help@example.com", "nobody@example.com", "bill@example.com")
    await until(lambda: postfix.log().count("status=") >= 4, postfix.log)

    log = postfix.log()
    assert log.count("to=<help@example.com>") == 1
    assert "to=<help@example.com>" in "".join(postfix.sent())
    assert "to=<bill@example.com>" in "".join(postfix.sent())
    bounced = next(line for line in log.splitlines() if "to=<nobody@example.com>" in line)
    assert "status=bounced" in bounced
    assert "550 5.1.1 no such address here" in bounced
    assert sorted(envelope.desk for envelope, _ in desk.store.taken) == ["bill", "help"]
    assert b"Undelivered Mail" in sink.mails()[0]


async def test_our_trouble_makes_postfix_wait_and_come_again(
    tmp_path: Path, start_postfix: StartPostfix, start_sink: StartSink
) -> None:
    """451 while the store is away, nobody at the socket at all, then delivered: each mail stored once (fault 7)."""
    store = Store(failure=Unavailable("x"))
    path = Path(f"/tmp/fl-{tmp_path.name[-12:]}.sock")
    doorway = Doorway(host="desk.example.com", lmtp=True, limits=Limits(drain_s=2.0))
    listener = Listener(doorway, receive=store.receive, admit=admit)
    await listener.serve(bind_unix(path, mode=0o666))
    postfix = start_postfix(lmtp=f"unix:{path}", sink_port=start_sink().port)
    try:
        for number in range(10):
            await asyncio.to_thread(submit, postfix, "help@example.com", subject=f"m{number}")
        await until(lambda: postfix.log().count("said: 451 4.3.0") >= 10, postfix.log)
        assert store.taken == []

        await listener.stop()
        os.unlink(path)  # noqa: PTH108
        store.failure = None
        listener = Listener(doorway, receive=store.receive, admit=admit)
        await listener.serve(bind_unix(path, mode=0o666))
        await asyncio.to_thread(postfix.flush)
        await until(lambda: len(postfix.sent()) == 10, postfix.log)
    finally:
        await listener.stop()
        os.unlink(path)  # noqa: PTH108

    subjects = sorted(raw.partition(b"Subject: ")[2].split(b"\r\n")[0] for _, raw in store.taken)
    assert subjects == sorted(b"m%d" % number for number in range(10))
    assert "Mail queue is empty" in postfix.queue()
