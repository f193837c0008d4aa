"""The main job on PostgreSQL: the same promises, looked at through a connection of the test's own."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import MakeStage
from tests.e2e.corpus import duplicates, follow_ups, mixed
from tests.e2e.invariants import assert_invariants
from tests.faults.kills import prove
from tests.postgres import Cluster, cluster

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


def test_the_main_job(make_stage: MakeStage, server: Cluster):
    """Mixed mails, duplicates and follow-ups: I1–I7 hold, nothing is repeated, SIGTERM ends it cleanly."""
    first = mixed(40)
    again, later = duplicates(first[::5]), follow_ups([s for s in first if s.eligible][:8], start=5000)
    with server.database() as url:
        stage = make_stage(database_url=url)
        stage.start()

        stage.send([*first, *again])
        stage.settle()
        stage.send(later)
        stage.settle()

        assert_invariants(stage, [*first, *again, *later])
        assert stage.stop() == 0, stage.tail()


def test_kill_9_under_load(make_stage: MakeStage, server: Cluster):
    """Killed three times while mails come in and answers go out: nothing lost, doubled or repeated without a reason."""
    with server.database() as url:
        stage = make_stage(database_url=url)
        samples = []
        stage.start()
        for life in range(3):
            batch = mixed(8, start=8 * life)
            samples += batch
            stage.send(batch)
            time.sleep(0.02 * life)
            stage.kill()
            stage.start()
        stage.settle()

        assert_invariants(stage, samples)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("point", ["before_commit", "after_commit", "mid_read", "outbox_claimed", "after_relay_final"])
def test_kill_points(make_stage: MakeStage, server: Cluster, point: str):
    """The kill points once more, a desk and a database for each."""
    with server.database() as url:
        prove(make_stage, point, 3, database_url=url)
