"""What helps an agent who opens a new ticket: solved tickets like it, and what the catalogue says to ask and try first.

Pure. For mails to a team only: nothing of it is ever said to a requester. A subject of another ticket is shown to
the team that worked on that ticket; to other teams of the same desk its reference and likeness must do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from daemon.core.policy import Policy

MOST_SIMILAR = 3
MOST_STEPS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Similar:
    """A solved ticket of the same desk. `likeness`: 0..1."""

    reference: str
    subject: str
    category: str
    team: str
    likeness: float


Detail = tuple[tuple[str, str], ...]


def similar(found: Sequence[Similar], team: str) -> Detail:
    """A labelled line for each, most alike first; `team` gets the mail."""
    lines = (
        f"{each.reference} ({each.likeness:.0%})"
        + (f" – {each.subject}" if each.team == team and each.subject.strip() else "")
        for each in sorted(found, key=lambda each: -each.likeness)[:MOST_SIMILAR]
    )
    return tuple(("similar", line) for line in lines)


def script(policy: Policy, category: str, language: str) -> Detail:
    """The category's steps in the team's language, else in the desk's first that has them; numbered lines."""
    entry = policy.category(category)
    if entry is None or not entry.script:
        return ()
    by_language = dict(entry.script)
    steps = by_language.get(language) or by_language.get("en") or entry.script[0][1]
    return tuple(("script", f"{number}. {step}") for number, step in enumerate(steps[:MOST_STEPS], 1))
