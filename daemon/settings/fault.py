"""A fault of the configuration: where it stands, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: the key it stands at, and what would be right."""

    path: tuple[int | str, ...]
    words: str


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The words for a name that does not exist."""
    return f'there is no {what} "{name[:60]}" (there are {", ".join(sorted(known)) or "none"})'
