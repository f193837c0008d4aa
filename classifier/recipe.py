"""The whole experiment as one value: with the rows it determines the model, and it travels in the artifact."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The whole experiment: with the rows it determines the model, and it travels in the artifact."""

    name: str = "model"
    seed: int = 0
    folds: int = 5
    costs: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0)
    sharpness: tuple[float, ...] = (0.0, 0.5)
    blend: bool = True  # add naive Bayes, and logistic regression where it is affordable
    search_rows: int = 6000  # the cost is chosen on at most this many rows
    risk: float = 0.05  # at most this share of what routes by itself may be wrong
    tier_risk: float = 0.2
    even: tuple[str, ...] = ()  # heads whose mix of labels in the rows says nothing about the desk
    tier_decides: bool = True  # a mail with an unsure tier is not routed by itself
    keywords_agree: bool = False  # nothing routes by itself unless the shipped keywords lead to the same category
    bare_risk: float = 0.05  # the same for texts without capitals and punctuation, with `keywords_agree`
    confidence: float = 0.95
    scope_loss: float = 0.02  # the share of the desk's own mails that scope limits may send to a person
    least_familiar: float = 0.25
    encoder_gain: float = 0.005  # held-out macro-F1 that a sentence encoder must add to be used
    min_senders: int = 0
    exempt: tuple[str, ...] = ()  # words that enter the vocabulary however rare
    per_branch: int = 60_000
    languages: tuple[str, ...] = ()
    window: int = 50_000  # newest rows; the rest is for evaluation
    fewest_rows: int = 0  # of labels; the gate refuses fewer
