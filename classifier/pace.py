"""How far a training is: pieces of work that cost about the same, so that the time left can be told.

A head costs by its labels: one machine for each. Pure arithmetic; the pieces themselves say when they are done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from classifier import spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Progress: `done` of `total` equal pieces of work; `name` is what is being done."""

    name: str
    done: int
    total: int


class Pace:
    """Tells the steps of one training. `heads`: (name, labels); `pieces`: fits of each head."""

    def __init__(self, tell: Callable[[Step], None], heads: Sequence[tuple[str, int]], pieces: int) -> None:
        self._tell = tell
        self._cost = {name: max(1, labels) * pieces for name, labels in heads}
        self._pieces = pieces
        self._total = max(1, sum(self._cost.values()))
        self._before = 0
        self._name = ""
        self._count = 0

    @contextmanager
    def head(self, name: str) -> Iterator[None]:
        """Within, the work is for this head; afterwards all of it is done, however many pieces there were."""
        self._name, self._count = name, 0
        self._say()
        with spread.heard(self._piece):
            yield
        self._before += self._cost[name]
        self._name, self._count = name, 0
        self._say(of=0)

    def _piece(self) -> None:
        # A second pass over noisy labels makes more pieces than were planned: the last one waits for the end.
        self._count = min(self._count + 1, self._pieces - 1)
        self._say()

    def _say(self, *, of: int = 1) -> None:
        done = self._before + of * self._cost[self._name] * self._count // self._pieces
        self._tell(Step(name=self._name, done=done, total=self._total))
