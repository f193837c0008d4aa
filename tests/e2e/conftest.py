"""Fixtures of the end-to-end tests: a sink and a stage, cleaned up whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stage import Sink, Stage


@pytest.fixture
def sink() -> Iterator[Sink]:
    relay = Sink()
    relay.start()
    yield relay
    relay.stop()


@pytest.fixture
def stage(tmp_path: Path, sink: Sink) -> Iterator[Stage]:
    desk = Stage(directory=tmp_path, sink=sink)
    yield desk
    desk.close()
