"""Prepared statements do what the same Core expression does, values and errors included."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from builders import NOW
from sqlalchemy import Engine, bindparam, exc, insert, select, update

from daemon.store import clocks, holds, inbound, journal, outbox, promises, threads, tickets
from daemon.store import credits as purse_keeper
from daemon.store.prepared import Prepared, inserting
from daemon.store.schema import CREDIT, HOLD, JOURNAL

MODULES = (clocks, purse_keeper, holds, inbound, journal, outbox, promises, threads, tickets)


def a_hold(number: int = 0, **over: Any) -> dict[str, Any]:
    return {"address": f"jo{number}@example.org", "until": NOW, "reason": "bounced " * 200, **over}


def test_an_insert_stores_what_core_stores(engine: Engine) -> None:
    """The types' conversions are the same: instants, cut words, folded keys, one row or many."""
    long = f"{'x' * 400}@example.org"
    with engine.connect() as tx, tx.begin():
        tx.execute(insert(HOLD), [a_hold(1), a_hold(2, address=long, reason="a\0b")])
        plain = tx.execute(select(HOLD).order_by(HOLD.c.address)).all()
        tx.execute(HOLD.delete())

        statement = inserting(HOLD)
        statement.many(tx, [a_hold(1)])
        statement.many(tx, [a_hold(2, address=long, reason="a\0b")])
        quick = tx.execute(select(HOLD).order_by(HOLD.c.address)).all()
        tx.execute(HOLD.delete())
        statement.many(tx, [a_hold(1), a_hold(2, address=long, reason="a\0b")])
        together = tx.execute(select(HOLD).order_by(HOLD.c.address)).all()

    assert quick == together == plain


def test_a_select_reads_what_core_reads(engine: Engine) -> None:
    """Names of columns, instants and booleans; fixed values in the statement stand beside given ones."""
    statement = select(HOLD.c.until, HOLD.c.address).where(HOLD.c.address == bindparam("who"), HOLD.c.reason != "")
    with engine.connect() as tx, tx.begin():
        inserting(HOLD).many(tx, [a_hold(1), a_hold(2)])

        plain = tx.execute(statement, {"who": "jo2@example.org"}).one()
        quick = Prepared(statement).first(tx, {"who": "jo2@example.org"})

        assert tuple(quick) == tuple(plain)
        assert (quick.until, quick.address) == (NOW, "jo2@example.org")
        assert quick.until.tzinfo is UTC
        assert Prepared(statement).first(tx, {"who": "nobody"}) is None


def test_an_update_says_how_many_rows_it_touched(engine: Engine) -> None:
    """A fixed NULL is a value, too."""
    key = {"scope": "overall", "key": "", "left": 3, "last_at": NOW}
    line = {"at": NOW, "name": "x", "inbound_id": 1, "ticket_id": None, "facts": "{}"}
    statement = Prepared(update(CREDIT).where(CREDIT.c.left > bindparam("least")).values(left=CREDIT.c.left - 1))
    with engine.connect() as tx, tx.begin():
        inserting(CREDIT).many(tx, [key, {**key, "key": "other", "left": 0}])
        inserting(JOURNAL).run(tx, line)

        assert statement.run(tx, {"least": 0}) == 1
        assert statement.run(tx, {"least": 5}) == 0
        assert tx.execute(select(JOURNAL.c.ticket_id)).scalar_one() is None


def test_an_error_is_the_one_that_core_raises_without_the_values(engine: Engine) -> None:
    """`faults` translates both alike; people's words stay out of it."""
    with engine.connect() as tx, tx.begin() as transaction:
        statement = inserting(HOLD)
        statement.run(tx, a_hold(reason="secret words"))

        with pytest.raises(exc.IntegrityError) as raised:
            statement.run(tx, a_hold(reason="secret words"))
        transaction.rollback()

    assert "secret" not in str(raised.value)
    assert raised.value.orig is not None
    assert not raised.value.connection_invalidated


def test_rows_of_one_insert_have_the_same_columns(engine: Engine) -> None:
    """A column that only a later row names would be lost without a word."""
    with engine.connect() as tx, tx.begin():
        statement = inserting(HOLD)
        statement.run(tx, a_hold(1))

        with pytest.raises(ValueError, match="same columns"):
            statement.run(tx, {**a_hold(2), "more": 1})


def test_every_prepared_statement_is_the_text_of_its_expression(engine: Engine) -> None:
    """What the driver gets is what SQLAlchemy would have sent, for every statement of the hot path."""
    statements = [each for module in MODULES for each in vars(module).values() if isinstance(each, Prepared)]
    with engine.connect() as tx, tx.begin():
        for each in statements:
            plain = each._statement
            if getattr(plain, "is_insert", False):
                continue  # gets its columns from its first row: the tests above
            made = each._compiled(tx, {})
            assert made.sql == str(plain.compile(dialect=tx.dialect))  # type: ignore[attr-defined]

    assert len(statements) > 20
