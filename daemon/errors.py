"""Broken promises, as exceptions. Outcomes the business expects are values, never these."""

from __future__ import annotations


class FirstlineError(Exception):
    """Base of all our exceptions; its text is one line for an operator."""


class Unreadable(FirstlineError):
    """This message cannot be read; it is kept and a person looks."""


class Misconfigured(FirstlineError):
    """Stop at start (exit 78). The text names file, line and key where there are any."""


class Unavailable(FirstlineError):
    """Something outside is not there now; try again later (exit 75)."""


class Unusable(FirstlineError):
    """A file that was named to a verb cannot be worked with (exit 65). The text names the file and what is wrong."""


class StorageFull(Unavailable):
    """No room for another mail now: 452 4.3.1 at the door, and nothing was kept."""
