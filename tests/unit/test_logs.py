"""The log: one line per fact, whatever the values hold, and never a reason to stop."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
import structlog

from daemon import logs


class Full(io.StringIO):
    """A file on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def default_log() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_log_on_a_full_disk_stops_nobody():
    """A line that cannot be written is lost; the caller hears nothing of it."""
    logs.configure("info", "text", stream=Full())

    structlog.get_logger("x").error("disk.full", free=0)


def test_a_value_cannot_begin_a_line():
    """Line ends in a value are escaped: one event is one line."""
    out = io.StringIO()
    logs.configure("info", "text", stream=out)

    structlog.get_logger("y").info("inbound.received", subject="a\nfake line")

    assert out.getvalue().count("\n") == 1
