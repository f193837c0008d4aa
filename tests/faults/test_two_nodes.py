"""Two nodes on one database: each mail is settled by one, each answer sent by one."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import MakeStage
from tests.e2e.sink import Sink
from tests.faults.two_nodes import run_two_nodes
from tests.postgres import cluster


@pytest.mark.peer
def test_two_nodes_on_postgresql_share_the_work(make_stage: MakeStage, sink: Sink):
    """Claims with leases and fences: nothing is sent twice, nothing left behind."""
    with cluster() as server, server.database() as url:
        run_two_nodes(make_stage, sink, url=url)


@pytest.mark.soak
def test_two_nodes_on_one_sqlite_file_share_the_work(make_stage: MakeStage, sink: Sink):
    """The same by SQLite's own locks, as a test of the claims (nobody is told to run it so)."""
    run_two_nodes(make_stage, sink)
