"""The values that cross the border between the daemon and a text model.

Standard library only: the daemon, its tests and `firstline --help` import this
module without paying for numpy or scikit-learn (seconds and > 100 MB).
Anything with the `Classifier` protocol can be named in the configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable


class Band(StrEnum):
    """How far a prediction is trusted."""

    AUTOMATIC = "automatic"  # routes the ticket without a person
    SUGGEST = "suggest"  # a person confirms; shown to the agent
    HUMAN = "human"  # triage queue and a neutral acknowledgment


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a model may look at: the requester's own words, never headers of trust."""

    subject: str
    text: str
    language: str = ""  # ISO 639-1 code; "" when not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One phrase of the mail and how much it carried the decision (log-odds)."""

    phrase: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One label of one head with its calibrated probability (0..1)."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A text like this one that was solved before: the number it was indexed under, and the likeness 0..1."""

    key: int
    likeness: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the model says of one document; labels come from a closed set.

    `category` and `tier` are always the best guess, even when `band` is HUMAN:
    whoever routes must look at `band` first.
    """

    category: str
    tier: int
    kind: str  # incident, service_request, problem, other
    confidence: float  # calibrated probability of `category`, 0..1
    band: Band
    model_id: str
    tier_confidence: float = 0.0
    tier_sure: bool = False  # tier_confidence reached the threshold that was proven for this tier
    runner_up: Choice | None = None
    candidates: tuple[Choice, ...] = ()  # conformal set for the suggest band, best first
    urgency: str = ""  # a suggestion only: low, normal, high; "" when not predicted
    belongs: float = 0.0  # how much the text looks like the desk's own mails; low is out of scope
    spam: float = 0.0  # evidence beside the guards, 0..1
    reasons: tuple[Reason, ...] = ()
    by_sentence: float = 0.0  # of what spoke for the category, the share of the sentence vector and not of the words
    nearest: tuple[Neighbour, ...] = ()  # solved tickets of the same desk, most alike first; for people only

    @property
    def abstained(self) -> bool:
        """True when a person must choose: the band is not automatic."""
        return self.band is not Band.AUTOMATIC


@runtime_checkable
class Classifier(Protocol):
    """A text model. `predict` keeps the order and length of its input and never raises on content."""

    @property
    def model_id(self) -> str: ...

    def predict(self, documents: list[Document]) -> list[Prediction]: ...
