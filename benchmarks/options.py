"""What the command line may change; every benchmark takes the same options."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`full` adds the sizes that take many minutes."""

    full: bool = False
    rates: tuple[float, ...] = (20.0, 40.0)  # mails a second
    seconds: float = 30.0
    repeats: int = 3
