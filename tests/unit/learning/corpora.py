"""Small labelled files that a linear model learns within a second."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

WORDS = {
    "network": ("vpn", "tunnel", "connection", "wifi", "gateway"),
    "printing": ("printer", "paper", "toner", "jam", "scanner"),
    "access": ("password", "login", "locked", "reset", "account"),
}
FILLER = [
    "please",
    "help",
    "me",
    "with",
    "this",
    "the",
    "today",
    "since",
    "morning",
    "it",
    "does",
    "not",
    "work",
    "again",
    "office",
    "floor",
    "colleague",
    "thanks",
]


def mails(amount: int, *, seed: int = 1) -> list[tuple[str, str, str]]:
    """(subject, body, label), reproducible."""
    dice = random.Random(seed)
    found = []
    for _ in range(amount):
        label = dice.choice(sorted(WORDS))
        words = dice.choices(WORDS[label], k=3) + dice.choices(FILLER, k=8)
        dice.shuffle(words)
        found.append((" ".join(dice.choices(WORDS[label], k=2)), " ".join(words), label))
    return found


def a_csv(path: Path, rows: Iterable[Sequence[str]], header: Sequence[str] = ("subject", "body", "category")) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path
