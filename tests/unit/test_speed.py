"""The small form of the benchmarks: what holds on a noisy machine.

Counts, steps of SQLite and ratios of processor time inside one process; never wall time, never an absolute time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from builders import a_message, a_reading
from sqlalchemy import Connection, Engine, insert, text
from test_slots import ANEW, RENDERER, a_notice, some_facts

from benchmarks import fill, growth
from daemon.commands.configured import demo_settings
from daemon.core.address import Address
from daemon.core.envelope import Channel, Envelope
from daemon.core.trust import Proof, Trust
from daemon.loops.enact import Desked
from daemon.loops.settle import settle_one
from daemon.render import Renderer
from daemon.settings import policy
from daemon.store import inbound
from daemon.store.engine import open_engine
from daemon.store.inbound import Arrival
from daemon.store.migrate import migrate
from daemon.store.prepared import inserting
from daemon.store.schema import JOURNAL

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DESK = Address("help", "desk.example")
STATEMENTS_OF_A_SETTLEMENT = 50  # 42 in November 2026: one that comes with every mail should be a decision
STATEMENTS_OF_A_DELIVERY = 8  # at the door, however many mails share the commit
STEPS_AT_FIFTY_TIMES = 1.6  # of SQLite's machine, for fifty times as many tickets


@pytest.fixture
def settled(tmp_path: Path) -> Iterator[tuple[Engine, Any]]:
    """An empty database and the demo desk's policy."""
    made = policy(
        demo_settings(
            {
                "state.directory": str(tmp_path),
                "desk.help.address": str(DESK),
                "credits.overall": 10_000,
                "credits.team": 999,
            }
        )
    )
    engine = open_engine(f"sqlite:///{tmp_path}/speed.db")
    migrate(engine)
    yield engine, made
    engine.dispose()


def an_arrival(number: int) -> Arrival:
    envelope = Envelope(
        channel=Channel.SMTP,
        desk="help",
        received_at=NOW,
        reverse_path=Address(f"jo{number}", "customer.example"),
        forward_paths=(DESK,),
        source=f"smtp/{number}",
    )
    return Arrival(envelope=envelope, raw=b"x" * 2_000, message_id=f"<{number}@x.example>", digest=f"{number:064}")


def statements(tx: Connection, work: Callable[[], object]) -> list[str]:
    """What SQLite itself was told to do."""
    told: list[str] = []
    driver: Any = tx.connection.driver_connection
    driver.set_trace_callback(told.append)
    work()
    driver.set_trace_callback(None)
    return told


def cpu(work: Callable[[], object], times: int) -> float:
    """The least processor time of five rounds: what else runs can only add to it."""
    rounds = []
    for _ in range(5):
        begun = time.process_time()
        for _ in range(times):
            work()
        rounds.append(time.process_time() - begun)
    return min(rounds)


def test_a_settlement_asks_the_database_little(settled: tuple[Engine, Any]) -> None:
    """A new ticket with its acknowledgment and its team's letter, from context to the mail's own end."""
    engine, made = settled
    desked = Desked(policy=made, renderer=Renderer(), now=NOW)
    counts = []
    with engine.connect() as tx, tx.begin():
        inbound.accept_many(tx, [an_arrival(number) for number in range(3)])
        for mail in inbound.claim(tx, owner="n", now=NOW, lease=growth._LEASE):
            person = Address(f"jo{mail.inbound_id}", "customer.example")
            message = a_message(message_id=mail.message_id, identity=person, subject=f"Printer {mail.inbound_id}")
            reading = a_reading(message, trust=Trust(proof=Proof.DOMAIN))
            counts.append(len(statements(tx, lambda m=mail, r=reading: settle_one(tx, m, r, desked))))
        queued = tx.execute(text("SELECT count(*) FROM outbox")).scalar()

    assert queued == 6
    assert max(counts[1:]) <= STATEMENTS_OF_A_SETTLEMENT


@pytest.mark.parametrize("mails", [1, 32])
def test_a_commit_of_many_mails_is_as_many_statements_as_of_one(settled: tuple[Engine, Any], mails: int) -> None:
    """Beside one INSERT for each row, which SQLite runs out of one call."""
    engine, _ = settled
    with engine.connect() as tx, tx.begin():
        told = statements(tx, lambda: inbound.accept_many(tx, [an_arrival(number) for number in range(mails)]))

    rows = [each for each in told if each.startswith("INSERT")]
    assert len(rows) == 3 * mails
    assert len(told) - len(rows) <= STATEMENTS_OF_A_DELIVERY - 3


def test_statements_do_not_grow_with_the_tickets(tmp_path: Path) -> None:
    """Steps of SQLite's machine with 60 tickets and with 3,000: a scan would show fifty-fold."""
    made = policy(demo_settings({"state.directory": str(tmp_path)}))
    steps: dict[str, list[int]] = {}
    for size in (60, 3_000):
        database = tmp_path / f"{size}.db"
        fill.fill_tickets(database, 0, size)
        fill.fill_backlog(database, 5)
        engine = open_engine(f"sqlite:///{database}")
        with engine.connect() as tx:
            for name, statement in growth.STATEMENTS.items():
                with tx.begin() as transaction:
                    statement(tx, 7, made, NOW)  # compiles and warms
                    steps.setdefault(name, []).append(_steps(tx, lambda s=statement: s(tx, 8, made, NOW)))
                    transaction.rollback()
        engine.dispose()

    grown = {name: large / max(small, 200) for name, (small, large) in steps.items()}
    flat = {name: ratio for name, ratio in grown.items() if "of all open" not in name}  # that one follows the open set
    assert {name: ratio for name, ratio in flat.items() if ratio > STEPS_AT_FIFTY_TIMES} == {}


def _steps(tx: Connection, work: Callable[[], object]) -> int:
    counted = [0]

    def count() -> int:
        counted[0] += 10
        return 0

    driver: Any = tx.connection.driver_connection
    driver.set_progress_handler(count, 10)
    work()
    driver.set_progress_handler(None, 0)
    return counted[0]


def test_a_filled_letter_takes_less_than_a_rendered_one() -> None:
    """The gain for which `slots` exists."""
    notice, facts = a_notice(), some_facts()

    assert RENDERER.render(notice, facts) == ANEW.render(notice, facts)
    assert cpu(lambda: RENDERER.render(notice, facts), 40) < 0.6 * cpu(lambda: ANEW.render(notice, facts), 40)


def test_a_prepared_statement_takes_less_than_sqlalchemy_s(settled: tuple[Engine, Any]) -> None:
    """The gain for which `prepared` exists."""
    engine, _ = settled
    plain, quick = insert(JOURNAL), inserting(JOURNAL)
    row = {"at": NOW, "name": "x", "inbound_id": 1, "ticket_id": 2, "facts": "{}"}
    with engine.connect() as tx, tx.begin():
        assert cpu(lambda: quick.run(tx, row), 200) < 0.7 * cpu(lambda: tx.execute(plain, row), 200)
