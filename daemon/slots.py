"""Slots: a text with places to be filled, so that a letter's fixed words are set once and not for each ticket.

A place is written as its name between two NULs: no value of a letter can hold one (`clean` takes controls away), no
template says one, and it goes through layout and escaping as it is. `render` decides which letters may be filled, and
a test compares them with letters rendered anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_FENCE = "\0"


def place(name: str) -> str:
    """The place of this name, as it stands in a text."""
    return f"{_FENCE}{name}{_FENCE}"


@dataclass(frozen=True, slots=True)
class Slotted:
    """Fixed pieces with a name between each two."""

    pieces: tuple[str, ...]
    names: tuple[str, ...]

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with all its places filled."""
        filled = [self.pieces[0]]
        for name, piece in zip(self.names, self.pieces[1:], strict=True):
            filled += (values[name], piece)
        return "".join(filled)

    def says(self, phrase: str) -> bool:
        """True when a fixed piece holds the phrase."""
        return any(phrase in piece for piece in self.pieces)


def read(text: str) -> Slotted:
    """The text with its places found."""
    parts = text.split(_FENCE)
    return Slotted(tuple(parts[::2]), tuple(parts[1::2]))
