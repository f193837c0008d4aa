"""Fixtures of the verbs' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.commands.desk import ADesk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[ADesk]:
    made = ADesk(tmp_path)
    yield made
    made.engine.dispose()
