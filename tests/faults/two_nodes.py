"""Two daemons on one database, both with a door, and a relay that takes its time."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import MakeStage
from tests.e2e.corpus import mixed
from tests.e2e.invariants import assert_invariants
from tests.e2e.sink import Sink

_PAUSE_S = 0.4  # long enough that the other node looks for work while mails are under way


def run_two_nodes(make_stage: MakeStage, sink: Sink, *, url: str = "", **how: object) -> None:
    """40 mails to two nodes by turns; the invariants hold over both."""
    sink.pause_s = _PAUSE_S
    first = make_stage(name="a", **how)
    shared = url or f"sqlite:///{first.directory / 'shared.db'}"
    second = make_stage(name="b", database_url=shared, **how)
    first.database_url = shared
    keys = Path(first.directory) / "keys"
    keys.write_text("5e" * 32 + "\n")
    keys.chmod(0o600)
    for node in (first, second):
        node.configure(f'{node.extra}\n[secrets]\nkeys = "{keys}"\n')
        node.start()
    samples = mixed(40)

    first.send(samples[::2])
    second.send(samples[1::2])
    first.settle()

    assert_invariants(first, samples)
    assert first.stop() == second.stop() == 0
