"""A database as it looks after N tickets: the rows that real mails leave, written in bulk.

Column by column what `settle` writes (one request, its letters sent, its clocks ended for the closed nine in ten), so
that indexes have their real size and shape. Raw mail is short: no measured statement reads it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Float, Integer, Table, insert

from daemon.store import schema
from daemon.store.columns import Instant
from daemon.store.engine import open_engine
from daemon.store.migrate import migrate

BASE = datetime(2026, 1, 1, tzinfo=UTC)
OPEN_SHARE = 50  # one ticket in so many is open
_BATCH = 5_000
_RAW = b"From: a@customer.example\r\nSubject: x\r\n\r\n" + b"x" * 200 + b"\r\n"


def fill_tickets(database: Path, first: int, count: int) -> None:
    """Add tickets `first` … with everything that belongs to them."""
    engine = open_engine(f"sqlite:///{database}")
    migrate(engine)
    for start in range(first, first + count, _BATCH):
        numbers = range(start, min(start + _BATCH, first + count))
        with engine.connect() as tx, tx.begin():
            for table, rows in (
                (schema.TICKET, _tickets(numbers)),
                (schema.INBOUND, (_inbound(number, settled=True) for number in numbers)),
                (schema.RAW, _raws(numbers)),
                (schema.DELIVERY, _deliveries(numbers)),
                (schema.ENTRY, _entries(numbers)),
                (schema.PARTICIPANT, _participants(numbers)),
                (schema.MESSAGE_REF, _references(numbers)),
                (schema.FINGERPRINT, _fingerprints(numbers)),
                (schema.CLOCK, _clocks(numbers)),
                (schema.OUTBOX, _letters(numbers)),
                (schema.JOURNAL, _journal(numbers)),
                (schema.CREDIT, _credits(numbers)),
            ):
                write(tx, table, list(rows))
    engine.dispose()
    with closing(sqlite3.connect(database)) as plain:
        plain.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def fill_backlog(database: Path, count: int) -> None:
    """Add mails that were accepted and wait to be settled."""
    engine = open_engine(f"sqlite:///{database}")
    for start in range(0, count, _BATCH):
        numbers = range(10**8 + start, 10**8 + min(start + _BATCH, count))
        with engine.connect() as tx, tx.begin():
            write(tx, schema.INBOUND, [_inbound(number, settled=False) for number in numbers])
            write(tx, schema.RAW, list(_raws(numbers)))
            write(tx, schema.DELIVERY, list(_deliveries(numbers)))
    engine.dispose()


def write(tx: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert, with an empty value for every column that a row does not name and the table demands."""
    if not rows:
        return
    empty = {
        column.name: _empty(column)
        for column in table.c
        if not column.nullable and column.name not in rows[0] and not (column.primary_key and column.name == "id")
    }
    tx.execute(insert(table), [{**empty, **row} for row in rows])


def _empty(column: Column[Any]) -> Any:
    if isinstance(column.type, Instant):
        return BASE
    return 0 if isinstance(column.type, (Integer, Float, Boolean)) else ""


def message_id(number: int) -> str:
    return f"<m{number}.{digest(number)[:12]}@customer{number % 5000}.example>"


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def person(number: int) -> str:
    return f"person{number}@customer{number % 5000}.example"


def at(number: int) -> datetime:
    return BASE + timedelta(seconds=10 * (number % 10**7))


def is_open(number: int) -> bool:
    return number % OPEN_SHARE == 0


def _tickets(numbers: range) -> Iterator[dict[str, Any]]:
    for n in numbers:
        yield {
            "id": schema.FIRST_TICKET + n, "reference": f"FL-{schema.FIRST_TICKET + n}", "desk": "help",
            "requester": person(n), "requester_key": person(n), "requester_name": f"Person {n}",
            "subject": f"Printer {n} does not print", "category": f"c{n % 20}", "tier": n % 4, "kind": "incident",
            "priority": "P3", "team": "service-desk", "status": "new" if is_open(n) else "closed", "language": "en",
            "confidence": 0.8, "model_id": "starter", "thread_root": message_id(n), "opened_at": at(n),
            "changed_at": at(n), "promised_at": at(n),
        }  # fmt: skip


def _inbound(n: int, *, settled: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": n + 1, "desk": "help", "message_id": message_id(n), "digest": digest(n), "size": len(_RAW),
        "id_reused": False, "state": "settled" if settled else "received", "attempts": int(settled),
        "lease_until": at(n), "fence": 1, "received_at": at(n), "outcome": "ticket" if settled else "",
        "evidence": '{"from":"x"}' * 40 if settled else "",
    }  # fmt: skip
    return {**row, "ticket_id": schema.FIRST_TICKET + n, "settled_at": at(n)} if settled else row


def _raws(numbers: range) -> Iterator[dict[str, Any]]:
    for n in numbers:
        yield {"inbound_id": n + 1, "sha256": digest(n), "bytes": _RAW}


def _deliveries(numbers: range) -> Iterator[dict[str, Any]]:
    for n in numbers:
        yield {
            "inbound_id": n + 1, "acceptance": "new", "channel": "smtp", "reverse_path": person(n),
            "reverse_path_known": True, "forward_paths": '["help@desk.example"]', "peer": "127.0.0.1",
            "helo": "sender.example", "source": f"smtp/{n}", "received_at": at(n), "tls": False,
        }  # fmt: skip


def _entries(numbers: range) -> Iterator[dict[str, Any]]:
    for n in numbers:
        yield {
            "ticket_id": schema.FIRST_TICKET + n, "inbound_id": n + 1, "kind": "request", "author": person(n),
            "author_name": f"Person {n}", "subject": f"Printer {n}", "text": "It does not print. " * 30, "at": at(n),
        }  # fmt: skip


def _participants(numbers: range) -> Iterator[dict[str, Any]]:
    for n in numbers:
        yield {"ticket_id": schema.FIRST_TICKET + n, "address": person(n), "role": "requester", "since": at(n)}


def own_id(number: int, kind: str) -> str:
    return f"<{kind}.{schema.FIRST_TICKET + number}.1.{digest(number)[:16]}@desk.example>"


def _references(numbers: range) -> Iterator[dict[str, Any]]:
    for n in numbers:
        ticket = schema.FIRST_TICKET + n
        yield {"message_id": message_id(n), "ticket_id": ticket, "origin": "mail"}
        yield {"message_id": own_id(n, "ack"), "ticket_id": ticket, "origin": "own"}
        yield {"message_id": own_id(n, "team"), "ticket_id": ticket, "origin": "own"}


def _fingerprints(numbers: range) -> Iterator[dict[str, Any]]:
    for n in numbers:
        yield {"hash": digest(n), "desk": "help", "ticket_id": schema.FIRST_TICKET + n, "at": at(n)}


def _clocks(numbers: range) -> Iterator[dict[str, Any]]:
    for n in numbers:
        for name, hours in (("at_risk", 3), ("first_response", 4)):
            ended = None if is_open(n) else at(n)
            yield {
                "ticket_id": schema.FIRST_TICKET + n, "name": name, "due_at": at(n) + timedelta(hours=hours),
                "state": "cancelled" if ended else "pending", "ended_at": ended, "lease_until": at(n), "fence": 0,
            }  # fmt: skip


def _letters(numbers: range) -> Iterator[dict[str, Any]]:
    for n in numbers:
        for kind in ("ack", "team"):
            yield {
                "ticket_id": schema.FIRST_TICKET + n, "kind": kind, "sequence": 1, "message_id": own_id(n, kind),
                "mail_from": "bounce@desk.example", "recipient": person(n), "state": "accepted", "attempts": 1,
                "uncertain": 0, "next_at": at(n), "expires_at": at(n), "fence": 1, "reply": "250 ok",
                "created_at": at(n), "done_at": at(n), "sha256": digest(n), "bytes": _RAW,
            }  # fmt: skip


def _journal(numbers: range) -> Iterator[dict[str, Any]]:
    for n in numbers:
        for name in ("ticket.opened", "notice.queued", "credit.taken", "notice.sent"):
            yield {
                "at": at(n), "name": name, "inbound_id": n + 1, "ticket_id": schema.FIRST_TICKET + n,
                "facts": '{"tier":"1","priority":"P3"}',
            }  # fmt: skip


def _credits(numbers: range) -> Iterator[dict[str, Any]]:
    for n in numbers:
        yield {"scope": "address", "key": person(n), "left": 2, "last_at": at(n)}
