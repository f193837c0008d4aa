"""One TOML file is the whole experiment: how to train, which rows to hold back, what the gate asks for.

    [recipe]                 # any field of the recipe: seed, folds, costs, risk, window, fewest_rows, …
    [data]
    test_share = 0.2         # the newest part (without dates: a fixed part) that measures and never teaches
    test_rows = 2000         # at most so many
    per_sender = 20          # of labels from the store: at most so many of one sender
    text = ["subject", "body"]
    label = "category"
    [gate]
    golden = "golden.csv"    # mails that every model must get right as well as the one before it
    protected = ["security"] # categories that may not get worse

Everything has a default; an unknown key is refused by its name. It travels in the model's card.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from classifier.train import Recipe
from daemon.errors import Unusable

_LIMIT_BYTES = 1_000_000
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Which rows, and how they are read from files. An empty `text` means usual names."""

    test_share: float = 0.2
    test_rows: int = 2000
    per_sender: int = 20
    text: tuple[str, ...] = ()
    label: str = "category"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """What the gate asks for beyond the held-back rows; the fewest labels stand in the recipe."""

    golden: str = ""
    protected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """All that, with the rows, determines a model."""

    recipe: Recipe = field(default_factory=Recipe)
    data: Data = Data()
    gate: GateRules = GateRules()

    def as_dict(self) -> dict[str, object]:
        """For the card and the report."""
        return asdict(self)


def read_experiment(path: Path | None, *, seed: int | None = None) -> Experiment:
    """The experiment of a TOML file, or the default one. Raises Unusable with file and key."""
    made = Experiment() if path is None else _parse(path)
    return made if seed is None else replace(made, recipe=replace(made.recipe, seed=seed))


def _parse(path: Path) -> Experiment:
    try:
        if path.stat().st_size > _LIMIT_BYTES:
            raise Unusable(f"{path}: larger than {_LIMIT_BYTES} bytes")
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Unusable(f"{path}: {error}") from None
    for name in tables:
        if name not in {"recipe", "data", "gate"}:
            raise Unusable(f"{path}: no table is called {name!r}; there are recipe, data and gate")
    made = Experiment(
        recipe=_filled(Recipe(), tables.get("recipe", {}), f"{path}: recipe"),
        data=_filled(Data(), tables.get("data", {}), f"{path}: data"),
        gate=_filled(GateRules(), tables.get("gate", {}), f"{path}: gate"),
    )
    _within(made.recipe, f"{path}: recipe")
    if not 0 < made.data.test_share < 1 or made.data.test_rows < 1:
        raise Unusable(f"{path}: data.test_share lies between 0 and 1, data.test_rows is at least 1")
    golden = made.gate.golden
    return replace(made, gate=replace(made.gate, golden=str(path.parent / golden))) if golden else made


def _filled(default: _T, table: object, where: str) -> _T:
    """`default` with the values of `table`, each of the same type as the default's."""
    if not isinstance(table, dict):
        raise Unusable(f"{where} is a table")
    known = {each.name: getattr(default, each.name) for each in fields(default)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise Unusable(f"{where}.{key}: no such key; there are {', '.join(known)}")
    values = {key: _typed(value, known[key], f"{where}.{key}") for key, value in table.items()}
    return replace(default, **values)  # type: ignore[type-var]


def _typed(value: Any, like: Any, where: str) -> Any:
    if isinstance(like, tuple):
        if not isinstance(value, list):
            raise Unusable(f"{where} is a list")
        return tuple(value)
    if isinstance(like, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(like):
        raise Unusable(f"{where} is {_KINDS[type(like)]}, not {value!r}")
    return value


_KINDS: dict[type, str] = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
# The least and the most of each number; a list's values each.
_BOUNDS: dict[str, tuple[float, float]] = {
    "folds": (2, 20),
    "costs": (1e-4, 1e4),
    "sharpness": (0, 2),
    "search_rows": (100, 1_000_000),
    "risk": (1e-4, 0.5),
    "tier_risk": (1e-4, 0.9),
    "confidence": (0.5, 0.9999),
    "scope_loss": (0, 0.5),
    "least_familiar": (0, 1),
    "min_senders": (0, 1_000),
    "per_branch": (100, 1_000_000),
    "window": (10, 5_000_000),
    "fewest_rows": (0, 5_000_000),
}


def _within(recipe: Recipe, where: str) -> None:
    """Numbers that no training can work with are refused by name, not by a library in the middle of the night."""
    for each in fields(Recipe):
        value = getattr(recipe, each.name)
        if each.name in _BOUNDS:
            least, most = _BOUNDS[each.name]
            numbers = value if isinstance(value, tuple) else (value,)
            if not numbers or not all(_is_number(number) and least <= number <= most for number in numbers):
                shown = list(value) if isinstance(value, tuple) else value
                raise Unusable(f"{where}.{each.name} lies between {least:,.7g} and {most:,.7g}, not {shown!r}")
        elif isinstance(value, tuple) and not all(isinstance(word, str) for word in value):
            raise Unusable(f"{where}.{each.name} is a list of texts, not {list(value)!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
