"""End to end on one PostgreSQL: one daemon, and three that share it, the same mixed mails, in turns.

The server is one of our own on a Unix socket, with fsync and synchronous_commit on and its data on the disk that the
other benchmarks use. Three daemons need processors of their own to be faster than one; where these are lacking, what
counts is that a mail costs no more with three.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, create_engine, text

from benchmarks import machine, mails, process
from benchmarks.desk import Desk
from benchmarks.options import Options
from benchmarks.post import Relay, send_flowing
from benchmarks.table import Cell, Table, median
from tests import postgres

_WARM, _MAILS = 60, 300
_SESSIONS, _UNDER_WAY = 32, 96
_PATIENCE_S = 180.0


@dataclass(slots=True)
class _Fleet:
    """So many daemons, and what they took."""

    daemons: int
    rates: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    server_ms: list[float] = field(default_factory=list)
    audits: set[str] = field(default_factory=set)


def run(options: Options) -> list[Table]:
    fleets = (_Fleet(1), _Fleet(3))
    before = machine.look()
    with postgres.cluster(Path(tempfile.gettempdir())) as server:
        for _ in range(max(1, options.repeats - 1)):
            for fleet in fleets:
                with server.database() as url:
                    asyncio.run(_measure(fleet, url, server.pid))
    rows: list[tuple[Cell, ...]] = [
        (f"{each.daemons}", median(each.rates), median(each.cpu_ms), median(each.server_ms), "; ".join(each.audits))
        for each in fleets
    ]
    return [
        Table(
            name="postgresql",
            title=f"One PostgreSQL, {_MAILS} mixed mails to ticket, acknowledgment and team",
            columns=("daemons", "mails/s", "CPU ms per mail, daemons and readers", "PostgreSQL", "afterwards"),
            rows=tuple(rows),
            notes=(f"before: {before}", f"after:  {machine.look()}"),
        )
    ]


async def _measure(fleet: _Fleet, url: str, server: int) -> None:
    relay = Relay()
    await relay.start()
    engine = create_engine(url)
    with contextlib.ExitStack() as stack:
        desks: list[Desk] = []
        for _ in range(fleet.daemons):
            desk = Desk(relay.port, workers=2 if fleet.daemons == 1 else 1, database=url)
            desks.append(await asyncio.to_thread(stack.enter_context, desk))
        await _send(desks, relay, 0, _WARM)
        await asyncio.to_thread(_drain, engine)
        cpu, own, wall = sum(desk.cpu_s() for desk in desks), _server_s(server), time.perf_counter()
        await _send(desks, relay, _WARM, _WARM + _MAILS)
        fleet.rates.append(_MAILS / (time.perf_counter() - wall))
        await asyncio.to_thread(_drain, engine)
        fleet.cpu_ms.append((sum(desk.cpu_s() for desk in desks) - cpu) / _MAILS * 1000)
        fleet.server_ms.append((_server_s(server) - own) / _MAILS * 1000)
        fleet.audits.add(await asyncio.to_thread(desks[0].audit))
    engine.dispose()
    await relay.stop()


async def _send(desks: list[Desk], relay: Relay, first: int, last: int) -> None:
    """Each daemon gets its share, as behind a balancer."""
    share = len(desks)
    batch = list(mails.mixed(last - first, start=first))
    await asyncio.gather(
        *(
            send_flowing(
                desk.port, batch[each::share], relay, sessions=_SESSIONS // share, under_way=_UNDER_WAY // share
            )
            for each, desk in enumerate(desks)
        )
    )


def _drain(engine: Engine) -> None:
    end = time.monotonic() + _PATIENCE_S
    pending = text(
        "SELECT (SELECT count(*) FROM inbound WHERE settled_at IS NULL)"
        " + (SELECT count(*) FROM outbox WHERE done_at IS NULL)"
    )
    while time.monotonic() < end:
        with engine.connect() as connection:
            if not connection.execute(pending).scalar():
                return
        time.sleep(0.2)
    raise RuntimeError("something still waits")


def _server_s(postmaster: int) -> float:
    """Processor time of the server and of every connection that is still open."""
    return process.cpu_s(postmaster, *process.children(postmaster))
