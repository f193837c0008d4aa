"""What the project asks of its classifier on the public sets: measure, floor, aim, and whether it holds.

Owns the table. Pure over the figures of a suite; measures whose sets were not run
are left out. `plus` figures are those of a run with a sentence encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from classifier.evaluate import Figures

CALIBRATED_ROWS = 1000  # a smaller test part says nothing about calibration
STATED_RISK = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One line of the table; `least` tells whether more is better."""

    measure: str
    value: float
    floor: float
    aim: float
    least: bool = True

    @property
    def holds(self) -> bool:
        return self.value >= self.floor if self.least else self.value <= self.floor

    @property
    def reached(self) -> bool:
        """Whether the aim is reached too."""
        return self.value >= self.aim if self.least else self.value <= self.aim


Of = Callable[[Figures], float | None]

# (set, measure, what it reads, floor and aim of the fast pipeline, floor and aim with a sentence encoder)
_TABLE: tuple[tuple[str, str, Of, tuple[float, float] | None, tuple[float, float] | None], ...] = (
    ("banking77", "accuracy", lambda f: f.accuracy, (0.915, 0.93), (0.940, 0.945)),
    ("clinc150", "accuracy in scope", lambda f: f.accuracy, (0.925, 0.94), (0.960, 0.967)),
    ("clinc150", "AUROC out of scope", lambda f: f.auroc_reject, (0.950, 0.965), (0.975, 0.985)),
    ("clinc150", "in scope, right and kept", lambda f: f.in_scope, None, (0.94, 0.94)),
    ("clinc150", "out of scope, sent away", lambda f: f.reject_recall, None, (0.80, 0.88)),
    ("topics8", "accuracy, mean of seeds", lambda f: f.accuracy, (0.85, 0.87), None),
    ("topics8", "coverage at 95 % right", lambda f: f.coverage_at_95, (0.65, 0.75), None),
    ("banking77-5", "accuracy", lambda f: f.accuracy, None, (0.805, 0.84)),
    ("banking77-10", "accuracy", lambda f: f.accuracy, None, (0.855, 0.88)),
)


def demands(found: Mapping[str, Figures], *, plus: bool = False) -> tuple[Demand, ...]:
    """The lines of the table that `found` (set → figures) can answer."""
    return (*_of_sets(found, plus=plus), *_of_every_set(found, plus=plus), *_of_noise(found))


def _of_sets(found: Mapping[str, Figures], *, plus: bool) -> Iterator[Demand]:
    for name, measure, read, fast, joined in _TABLE:
        limits = joined if plus else fast
        value = read(found[name]) if name in found else None
        if limits and value is not None:
            yield Demand(measure=f"{name}: {measure}", value=value, floor=limits[0], aim=limits[1])


def _of_every_set(found: Mapping[str, Figures], *, plus: bool) -> Iterator[Demand]:
    cost = (8.0, 5.0) if plus else (2.0, 0.8)
    for name, f in found.items():
        if f.n >= CALIBRATED_ROWS:
            yield Demand(measure=f"{name}: ECE", value=f.ece, floor=0.04, aim=0.02, least=False)
        if f.coverage:
            bound = f"{name}: misroute at a stated 5 % risk, upper bound"
            yield Demand(measure=bound, value=f.misroute_upper, floor=STATED_RISK, aim=STATED_RISK, least=False)
        limits = (("ms of CPU a mail", f.cpu_ms_per_mail, *cost), ("MB of the model", f.model_mb, 5.0, 2.0),
                  ("s to load", f.load_s, 0.1, 0.05))  # fmt: skip
        for measure, value, floor, aim in limits:
            if value is not None:
                yield Demand(measure=f"{name}: {measure}", value=value, floor=floor, aim=aim, least=False)
    ten_thousand = found.get("banking77")
    if ten_thousand and ten_thousand.train_s is not None:
        yield Demand(
            measure="banking77: s to train with calibration (10,003 mails)",
            value=ten_thousand.train_s,
            floor=90.0,
            aim=45.0,
            least=False,
        )


def _of_noise(found: Mapping[str, Figures]) -> Iterator[Demand]:
    if "topics8" in found and "topics8-noise10" in found:
        lost = found["topics8"].accuracy - found["topics8-noise10"].accuracy
        yield Demand(
            measure="topics8: points lost by 10 % wrong labels", value=lost * 100, floor=2.1, aim=1.0, least=False
        )
