"""Do people correct the serving model more than the one before it? Then the one before it serves again.

Compares shares of corrected mails among those that each model routed by itself, and acts only beyond chance
(one-sided exact test, 99 %), with enough corrections, and only on a model that an admin or a timer activated.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from classifier.drift import Corrections, rose
from daemon import models
from daemon.errors import Unusable
from daemon.learning import shelf
from daemon.store import labels

FEWEST = 10  # corrections of the serving model; fewer may be one person's bad day
LOOK_BACK = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was counted. `rose` True: corrections rose beyond chance."""

    model: str
    before: str
    routed: int
    corrected: int
    routed_before: int
    corrected_before: int
    rose: bool

    @property
    def words(self) -> str:
        """For people, and for the history."""
        if not self.before:
            return f"{self.model}: no model served before it"
        return (
            f"{self.model}: {self.corrected} of {self.routed} routed mails were corrected; "
            f"{self.before}: {self.corrected_before} of {self.routed_before}"
        )


def look(tx: Connection, folder: Path, *, now: datetime) -> Seen:
    """Count corrections of the serving model and of the one before, each with the quick refits made of it."""
    stack = models.stack(folder)
    family = _family(folder, stack)
    older = stack[: len(stack) - len(family)]
    if not older or (change := models.last_change(folder)) is None or change.how != "activate":
        return _seen(stack[-1], "", Corrections(mails=0, corrected=0), Corrections(mails=0, corrected=0))
    since = now - LOOK_BACK
    return _seen(stack[-1], older[-1], _counted(tx, family, since), _counted(tx, _family(folder, older), since))


def act(folder: Path, seen: Seen, *, now: datetime) -> str:
    """Roll back when corrections rose and the model still serves; the model that serves then, "" when none did."""
    if not seen.rose or models.active(folder) != seen.model:
        return ""
    try:
        return models.rollback(folder, now=now, to=seen.before, how="automatic", why=seen.words)[0]
    except Unusable:
        return ""


def _family(folder: Path, stack: list[str]) -> list[str]:
    """The top of the stack down to the full training that its quick refits were made of."""
    family: list[str] = []
    for name in reversed(stack):
        family.insert(0, name)
        evidence = shelf.evidence_of(folder / name)
        if evidence is None or evidence.how != "quick":
            break
    return family


def _counted(tx: Connection, family: list[str], since: datetime) -> Corrections:
    mails = corrected = 0
    for name in dict.fromkeys(family):
        starter = name == models.STARTER  # its id carries a hash of the release
        wrong, routed = labels.corrected(tx, model_id=f"{name}-" if starter else name, since=since, begins=starter)
        mails, corrected = mails + routed, corrected + wrong
    return Corrections(mails=mails, corrected=corrected)


def _seen(model: str, before: str, now: Corrections, then: Corrections) -> Seen:
    return Seen(
        model=model,
        before=before,
        routed=now.mails,
        corrected=now.corrected,
        routed_before=then.mails,
        corrected_before=then.corrected,
        rose=now.corrected >= FEWEST and rose(then, now),
    )
