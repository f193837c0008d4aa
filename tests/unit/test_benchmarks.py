"""The benchmarks stay runnable: their mails, their tables and their filled database follow the code they measure."""

from __future__ import annotations

import email
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import fill, growth, mails, training
from benchmarks.table import Table, quantile
from daemon.commands.configured import demo_settings
from daemon.settings import policy
from daemon.store.engine import open_engine


@pytest.mark.parametrize("kind", ["plain", "alternative", "attached"])
def test_the_same_number_is_the_same_mail(kind: str) -> None:
    """Two runs measure the same bytes, and no two mails are a repeat of each other."""
    first, again, other = mails.made(7, kind), mails.made(7, kind), mails.made(8, kind)

    assert first.raw == again.raw
    assert first.sender != other.sender
    assert email.message_from_bytes(first.raw)["Message-ID"] != email.message_from_bytes(other.raw)["Message-ID"]
    assert all(len(line) <= 998 for line in first.raw.split(b"\r\n"))


def test_the_mix_is_as_said() -> None:
    """70 % plain, 25 % with HTML, 5 % with an attachment."""
    kinds = [mail.kind for mail in mails.mixed(100)]

    assert [kinds.count(kind) for kind in ("plain", "alternative", "attached")] == [70, 25, 5]


def test_every_measured_statement_runs_on_a_filled_database(tmp_path: Path) -> None:
    """A change of the schema or of a store function is noticed here, not in the next long run."""
    database = tmp_path / "filled.db"
    fill.fill_tickets(database, 0, 60)
    fill.fill_backlog(database, 5)
    made = policy(demo_settings({"state.directory": str(tmp_path)}))
    engine = open_engine(f"sqlite:///{database}")

    for statement in growth.STATEMENTS.values():
        with engine.connect() as tx, tx.begin() as transaction:
            statement(tx, 7, made, datetime.now(UTC))
            transaction.rollback()

    engine.dispose()


def test_a_table_shows_every_cell() -> None:
    """Numbers by their size, nothing as a dash."""
    table = Table(
        name="t", title="T", columns=("", "a", "b"), rows=(("x", 1234567, None), ("y", 0.5, "z")), notes=("n",)
    )

    assert str(table).splitlines() == ["== T", "           a  b", "x  1,234,567  -", "y        0.5  z", "   n"]


def test_quantiles_are_values_that_were_measured() -> None:
    """Nearest rank, no interpolation."""
    assert [quantile([3, 1, 2], share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 2, 3, 3]


def test_training_mails_are_the_same_each_time_and_not_alike() -> None:
    """What a training is timed on does not change between two runs, has many labels and hardly any repeats."""
    made = list(training.mails(300))

    assert made == list(training.mails(300))
    assert len({row.text for row in made}) == 300
    assert len({row.category for row in made}) > 15
