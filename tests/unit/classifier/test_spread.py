"""A training on other machines gives the same model; its pieces are heard of wherever they are done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from classifier import spread
from classifier.pace import Pace, Step
from classifier.train import train
from tests.unit.classifier.build import CATALOGUE, QUICK, some_rows

RECIPE = replace(QUICK, costs=(0.3, 1.0), sharpness=(0.0, 0.5))


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """A Dask scheduler with one worker, on loopback."""
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        host="tcp://127.0.0.1",
        dashboard_address="127.0.0.1:0",  # None would be a port of its own choice, on every interface
        protocol="tcp",
    )
    yield cluster.scheduler_address
    cluster.close()


def test_one_worker_gives_the_very_same_model(scheduler: str) -> None:
    """Id and figures: where a fold was fitted decides nothing."""
    alone = train(some_rows(30), CATALOGUE, RECIPE)
    steps: list[Step] = []

    with spread.machines(scheduler) as threads:
        spreaded = train(some_rows(30), CATALOGUE, RECIPE, progress=steps.append)

    assert threads == 1
    assert spreaded.model.model_id == alone.model.model_id
    assert spreaded.model.card == alone.model.card
    assert steps[-1].done == steps[-1].total


def test_afterwards_work_stays_here(scheduler: str) -> None:
    """The scheduler is asked for as long as it was named, and no longer."""
    with spread.machines(scheduler):
        assert list(spread.each(divmod, [(7, 2), (9, 4)])) == [(3, 1), (2, 1)]
    assert list(spread.each(lambda a: a, [(1,), (2,)])) == [1, 2]  # a local function cannot travel by name


def test_nobody_answers() -> None:
    """One line, soon."""
    with (
        pytest.raises(spread.SpreadError, match=r"no scheduler at tcp://127\.0\.0\.1:9") as caught,
        spread.machines("tcp://127.0.0.1:9"),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_steps_never_go_back_and_end_at_the_total() -> None:
    """Each head in pieces that cost by its labels; a head that took more or fewer pieces ends where it was planned."""
    steps: list[Step] = []
    pace = Pace(steps.append, [("category", 10), ("tier", 3)], 4)
    with pace.head("category"):
        for _ in range(9):
            spread.piece_done()
    with pace.head("tier"):
        spread.piece_done()

    done = [step.done for step in steps]
    assert done == sorted(done)
    assert {step.total for step in steps} == {52}
    assert done[-1] == 52
    assert next(step.done for step in steps if step.name == "tier") == 40


def test_a_training_tells_more_than_its_heads() -> None:
    """Each fold is heard of."""
    steps: list[Step] = []
    train(some_rows(30), CATALOGUE, RECIPE, progress=steps.append)

    assert len(steps) > 20
    assert [step.done for step in steps] == sorted(step.done for step in steps)
