"""The same daemon on asyncio's loop and on uvloop."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from daemon.errors import Misconfigured
from daemon.event_loop import loop_factory
from tests.conftest import missing_peer
from tests.e2e.corpus import mixed
from tests.e2e.invariants import assert_invariants
from tests.e2e.stage import Stage

HAS_UVLOOP = importlib.util.find_spec("uvloop") is not None


@pytest.mark.parametrize("choice", ["asyncio", "uvloop"])
def test_the_main_job_on_either_loop(stage: Stage, choice: str):
    """Mail in, acknowledgments out, a clean stop."""
    if choice == "uvloop" and not HAS_UVLOOP:
        missing_peer("needs uvloop (extra fast)")
    samples = mixed(16)
    stage.configure(extra=f'[run]\nevent_loop = "{choice}"\n')
    stage.start()

    stage.send(samples)
    stage.settle()

    assert_invariants(stage, samples)
    assert stage.stop() == 0, stage.tail()


def test_auto_takes_what_is_there(monkeypatch: pytest.MonkeyPatch):
    """Without uvloop `auto` is asyncio, and asking for uvloop says what to install."""
    assert loop_factory("asyncio") is None
    assert (loop_factory("auto") is not None) is HAS_UVLOOP

    monkeypatch.setitem(sys.modules, "uvloop", None)

    assert loop_factory("auto") is None
    with pytest.raises(Misconfigured, match=r"firstline\[fast\]"):
        loop_factory("uvloop")
