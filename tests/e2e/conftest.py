"""Fixtures of the end-to-end tests: a sink and stages, cleaned up whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.launch import Zygote
from tests.e2e.sink import Sink
from tests.e2e.stage import CHEAP, Stage

MakeStage = Callable[..., Stage]


@pytest.fixture
def sink() -> Iterator[Sink]:
    relay = Sink()
    relay.start()
    yield relay
    relay.stop()


@pytest.fixture
def stage(tmp_path: Path, sink: Sink) -> Iterator[Stage]:
    """The daemon by its command, as delivered: with the starter model and all its workers."""
    desk = Stage(directory=tmp_path, sink=sink)
    yield desk
    desk.close()


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    launcher = Zygote()
    yield launcher
    launcher.close()


@contextmanager
def stages(tmp_path: Path, sink: Sink, launcher: Zygote) -> Iterator[MakeStage]:
    made: list[Stage] = []

    def make(*, extra: str = "", name: str = "", **more: object) -> Stage:
        directory = tmp_path / (name or f"desk{len(made)}")
        directory.mkdir()
        made.append(
            Stage(**{"directory": directory, "sink": sink, "extra": CHEAP + extra, "launcher": launcher, **more})
        )
        return made[-1]

    yield make
    for desk in made:
        desk.close()


@pytest.fixture
def make_stage(tmp_path: Path, sink: Sink, zygote: Zygote) -> Iterator[MakeStage]:
    """Daemons that start fast: forked, keyword rules, one worker."""
    with stages(tmp_path, sink, zygote) as make:
        yield make
