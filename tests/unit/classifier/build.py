"""Small corpora the classifier's tests share, built in memory."""

from __future__ import annotations

import random
from functools import cache

from classifier.catalogue import Catalogue, Category
from classifier.corpus import Row
from classifier.train import Recipe, Trained, train

TOPICS = {
    "printing": ["printer", "toner", "paper jam", "scanner", "print queue", "cartridge", "duplex"],
    "network": ["vpn", "wifi", "firewall", "router", "network drive", "dns", "cable"],
    "access": ["password", "login", "locked account", "permission", "sign in", "token", "reset"],
}
FRAMES = [
    "hello the {a} on floor {n} is broken and the {b} too",
    "please help, {a} does not work since monday, also {b}",
    "{a} problem again. I tried the {b} already, thanks",
    "my colleague says {a} and {b} need attention in room {n}",
    "since this morning {a} fails with {b}",
]
TIERS = {"printing": (1,), "network": (1, 2), "access": (0, 1)}
CATALOGUE = Catalogue(
    categories=tuple(Category(id=c, tiers=TIERS[c], default_tier=TIERS[c][0]) for c in sorted(TOPICS))
)


def some_rows(per_category: int = 40, seed: int = 1, topics: dict[str, list[str]] | None = None) -> list[Row]:
    """Synthetic mails of three easy topics."""
    dice = random.Random(seed)
    rows = []
    for category, words in (topics or TOPICS).items():
        for number in range(per_category):
            a, b = dice.sample(words, 2)
            text = dice.choice(FRAMES).format(a=a, b=b, n=dice.randint(1, 9))
            rows.append(
                Row(
                    subject=a,
                    text=f"{text} {dice.choice(['asap', 'regards', 'cheers', 'bye'])} {dice.randint(10, 999)}",
                    category=category,
                    tier=dice.choice(TIERS.get(category, (1,))),
                    kind=dice.choice(["incident", "service_request"]),
                    urgency=dice.choice(["low", "normal", "high"]),
                    language="en",
                    sender=f"person{dice.randint(1, 12)}@example.org",
                    thread=f"{category}-{number}",
                    at=1_700_000_000.0 + number * 3600,
                )
            )
    return rows


QUICK = Recipe(name="test", folds=3, costs=(1.0,), sharpness=(0.0,), risk=0.1, tier_decides=False)


@cache
def a_trained() -> Trained:
    """One small trained model for the tests that only read it."""
    return train(some_rows(), CATALOGUE, QUICK)
