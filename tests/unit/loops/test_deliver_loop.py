"""The deliver loop: a slow answer holds one place, a suspect goes alone, a drain waits for who is under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import a_policy
from sqlalchemy import Connection, text

from daemon.channels.submission import Accepted, Submission
from daemon.core.address import Address
from daemon.loops.deliver import PLACES, DeliverLoop, Sending
from daemon.loops.wake import Wake
from daemon.store import outbox
from daemon.store.committer import Committer
from daemon.store.engine import open_engine
from daemon.store.migrate import migrate


class Relay:
    """Answers when the test says so; `busy` are the recipients whose answer is awaited."""

    def __init__(self) -> None:
        self.busy: dict[str, asyncio.Event] = {}
        self.most = 0

    async def submit(
        self, mail_from: str | None, recipient: str, raw: bytes, *, content_goes: Callable[[], None]
    ) -> Submission:
        content_goes()
        event = self.busy[recipient] = asyncio.Event()
        self.most = max(self.most, len(self.busy))
        await event.wait()
        del self.busy[recipient]
        return Accepted(reply="250 ok")

    async def close(self) -> None:
        for event in self.busy.values():
            event.set()


@pytest.fixture
async def committer(tmp_path: Path) -> AsyncIterator[Committer]:
    engine = open_engine(f"sqlite:///{tmp_path / 'deliver.db'}")
    migrate(engine)
    made = Committer(engine)
    made.start()
    yield made
    await made.close()
    engine.dispose()


def queue(committer: Committer, *names: str) -> Awaitable[None]:
    def write(tx: Connection) -> None:
        for name in names:
            posting = outbox.Posting(
                kind="reply",
                ticket_id=None,
                sequence=1,
                to=Address(name, "example.org"),
                message_id=f"<{name}@us.example>",
                mail_from="",
                content=b"Subject: x\r\n\r\nx\r\n",
            )
            outbox.queue(tx, posting, a_policy(), now=datetime.now(UTC))

    return committer.run(write)


def loop_of(committer: Committer, relay: Relay, stop: asyncio.Event) -> tuple[DeliverLoop, Wake]:
    wake = Wake(stop)
    return DeliverLoop(committer, relay, Sending(retry=(timedelta(minutes=1),)), wake, owner="here"), wake


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not done():  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0.005)


async def test_a_slow_answer_does_not_hold_back_later_mail(committer: Committer) -> None:
    """What is queued while one is under way is sent beside it."""
    stop, relay = asyncio.Event(), Relay()
    loop, wake = loop_of(committer, relay, stop)
    running = asyncio.create_task(loop.run())
    await queue(committer, "first")
    wake.hint()
    await until(lambda: len(relay.busy) == 1)

    await queue(committer, "late")
    wake.hint()
    await until(lambda: len(relay.busy) == 2)

    for event in list(relay.busy.values()):
        event.set()
    await until(lambda: loop.sent == 2)
    stop.set()
    await running


async def test_no_more_than_the_places_are_claimed(committer: Committer) -> None:
    """The rest stays queued for whoever has room, and goes when a place is free."""
    stop, relay = asyncio.Event(), Relay()
    loop, _ = loop_of(committer, relay, stop)
    await queue(committer, *(f"p{number}" for number in range(PLACES + 5)))
    running = asyncio.create_task(loop.run())
    await until(lambda: len(relay.busy) == PLACES)

    claimed = await committer.run(lambda tx: count(tx, "claimed"))

    assert claimed == PLACES
    while loop.sent < PLACES + 5:
        for event in list(relay.busy.values()):
            event.set()
        await asyncio.sleep(0.005)
    assert relay.most == PLACES
    stop.set()
    await running


async def test_a_stop_waits_for_the_answer(committer: Committer) -> None:
    """What is under way when the drain begins is recorded."""
    stop, relay = asyncio.Event(), Relay()
    loop, _ = loop_of(committer, relay, stop)
    await queue(committer, "first")
    running = asyncio.create_task(loop.run())
    await until(lambda: len(relay.busy) == 1)

    stop.set()
    await asyncio.sleep(0.02)
    relay.busy["first@example.org"].set()
    await asyncio.wait_for(running, 5)

    assert await committer.run(lambda tx: count(tx, "accepted")) == 1


def count(tx: Connection, state: str) -> Any:
    return tx.execute(text("SELECT count(*) FROM outbox WHERE state = :state"), {"state": state}).scalar_one()
