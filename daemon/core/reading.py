"""The reading of one mail: everything that can be known without the store.

Made in a worker process (`daemon.reader`), consumed by `decide`. Pure value: reading an old
raw mail again with a new model is the same call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from classifier.types import Prediction
from daemon.core.clues import Clues
from daemon.core.guards import Verdict
from daemon.core.message import Message
from daemon.core.trust import Trust


class Readability(StrEnum):
    """How much of the mail could be read."""

    FULL = "full"
    HEADERS = "headers"  # over a limit: headers only, no acknowledgment, a person looks
    NOT = "not"  # the worker failed or was killed on it: a person looks at the original


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A mail, understood as far as it goes."""

    message: Message
    readability: Readability = Readability.FULL
    verdicts: tuple[Verdict, ...] = ()
    trust: Trust = field(default_factory=Trust)
    clues: Clues = field(default_factory=Clues)
    language: str = ""  # ISO 639-1; "" when not sure
    prediction: Prediction | None = None  # None when not classified (automatic mail, unreadable)
    shadow: Prediction | None = None  # of a model on trial beside the serving one: stored, never acted upon
    trouble: str = ""  # why not FULL, in one phrase for a person
    seconds: float = 0.0
