"""What a statement costs with a thousand tickets in the database, with a hundred thousand, with a million.

The store's own functions, each in a transaction that is rolled back, on a warm cache; the columns are
interleaved, so that all sizes see the same machine. What must stay flat is the last column.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from benchmarks import fill, machine
from benchmarks.options import Options
from benchmarks.table import Cell, Table, median
from daemon.commands.configured import demo_settings
from daemon.core.address import parse_path
from daemon.core.envelope import Channel, Envelope
from daemon.core.policy import Policy
from daemon.settings import policy
from daemon.store import clocks, inbound, outbox, schema, threads, tickets
from daemon.store import credits as purses
from daemon.store.engine import open_engine
from daemon.store.inbound import Arrival

_SIZES = (1_000, 100_000)
_FULL = (*_SIZES, 1_000_000)
_ROUNDS = 60
_LEASE = timedelta(minutes=5)

Statement = Callable[[Connection, int, Policy, datetime], Any]


def run(options: Options) -> list[Table]:
    sizes = _FULL if options.full else _SIZES
    with tempfile.TemporaryDirectory(prefix="firstline-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        made = policy(demo_settings({"state.directory": str(folder)}))
        engines: dict[int, Engine] = {}
        notes = []
        for size in sizes:
            begun = time.perf_counter()
            database = folder / f"{size}.db"
            fill.fill_tickets(database, 0, size)
            fill.fill_backlog(database, 50)
            engines[size] = open_engine(f"sqlite:///{database}")
            stack.callback(engines[size].dispose)
            notes.append(
                f"{size:,}: {database.stat().st_size / 1e6:,.0f} MB, filled in {time.perf_counter() - begun:.0f} s"
            )
        rows = [_row(label, statement, engines, made) for label, statement in STATEMENTS.items()]
        after = machine.look(folder)
    return [
        Table(
            name="growth",
            title="Statement costs by size of the database (microseconds, p50, SQLite, without commit)",
            columns=("statement", *(f"{size:,} tickets" for size in sizes), "largest / smallest"),
            rows=tuple(rows),
            notes=(f"one ticket in {fill.OPEN_SHARE} is open; " + "; ".join(notes), str(after)),
        )
    ]


def _row(label: str, statement: Statement, engines: dict[int, Engine], made: Policy) -> tuple[Cell, ...]:
    chance = random.Random(label)
    now = datetime.now(UTC)
    spent: dict[int, list[float]] = {size: [] for size in engines}
    for _ in range(_ROUNDS):
        for size, engine in engines.items():
            number = chance.randrange(size)
            with engine.connect() as tx, tx.begin() as transaction:
                begun = time.perf_counter()
                statement(tx, number, made, now)
                spent[size].append(time.perf_counter() - begun)
                transaction.rollback()
    micros = [median(values) * 1e6 for values in spent.values()]
    return (label, *micros, micros[-1] / micros[0])


def _arrival(number: int) -> Arrival:
    envelope = Envelope(
        channel=Channel.SMTP,
        desk="help",
        received_at=fill.at(number),
        reverse_path=parse_path(fill.person(number)),
        forward_paths=(),
        peer="127.0.0.1",
        helo="x",
        source="smtp/x",
    )
    return Arrival(
        envelope=envelope, raw=b"x" * 2_000, message_id=f"<new{number}@x.example>", digest=fill.digest(-1 - number)
    )


STATEMENTS: dict[str, Statement] = {
    "accept one mail": lambda tx, n, _, __: inbound.accept_many(tx, [_arrival(n)]),
    "accept 32 mails": lambda tx, n, _, __: inbound.accept_many(tx, [_arrival(n + i) for i in range(32)]),
    "claim one of 50 waiting": lambda tx, _, __, now: inbound.claim(tx, owner="b", now=now, lease=_LEASE, limit=1),
    "backlog, 50 waiting": lambda tx, _, __, ___: inbound.backlog(tx),
    "thread by one id": lambda tx, n, _, __: threads.tickets_of(tx, [fill.message_id(n)], desk="help"),
    "thread by ten ids": lambda tx, n, _, __: threads.tickets_of(
        tx, [fill.message_id(n), *(f"<no{i}@x.example>" for i in range(9))], desk="help"
    ),
    "the same text again": lambda tx, n, made, _: threads.repeats(
        tx, fill.digest(n), window=made.repeat_window, now=fill.at(n)
    ),
    "last language of a person": lambda tx, n, _, __: tickets.last_language(tx, _person(n)),
    "credits of a person": lambda tx, n, made, now: purses.left(tx, _person(n), made, now=now),
    "ticket by number": lambda tx, n, _, __: tickets.get(tx, schema.FIRST_TICKET + n),
    "letters due": lambda tx, _, __, now: outbox.claim(tx, owner="b", now=now, lease=_LEASE),
    "clocks due, 50 of all open": lambda tx, _, __, now: clocks.claim(tx, owner="b", now=now, lease=_LEASE),
}


def _person(number: int) -> Any:
    return parse_path(fill.person(number))
