"""`python -m classifier.starter`: train the starter model from the examples beside this file and save it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from classifier import artifact
from classifier.catalogue import DEFAULT, LANGUAGES, NOT_FOR_US
from classifier.corpus import Row, from_keywords, read_jsonl, terse
from classifier.rules import keywords
from classifier.starter import examples, path
from classifier.text import tokens
from classifier.train import Recipe, Trained, train

# Somebody else's desk is unlike our examples, so the starter is asked for more than its 90 % (decision 0303).
RECIPE = Recipe(
    name="starter",
    languages=LANGUAGES,
    risk=0.05,
    tier_risk=0.1,
    tier_decides=False,
    even=("tier",),
    keywords_agree=True,
    bare_risk=0.03,
    costs=(1.0,),
    sharpness=(0.0,),
)


def rows(directory: Path) -> tuple[Row, ...]:
    """All example mails, in the order of the file names; one scenario told in several languages is one thread."""
    found: list[Row] = []
    for file in sorted(directory.glob("*.jsonl")):
        found.extend(read_jsonl(file))
    return tuple(replace(r, thread=f"scenario-{n}") for r, n in zip(found, scenarios(found), strict=True))


RARE = 10  # mails; a word in more of them says nothing about the scenario


def scenarios(mails: Sequence[Row]) -> list[int]:
    """A number per mail; mails of equal labels that share a rare figure, or two rare words, share it.

    The examples tell one incident in several languages: without this a fold would learn from the Dutch
    mail and be tested on the Swedish one (out of fold 0.81 right, on other people's mails 0.59).
    """
    seen: dict[tuple[str, int | None, str, str], list[int]] = {}
    for number, mail in enumerate(mails):
        for word in {w for w in tokens(mail.normalised) if len(w) > 2}:
            seen.setdefault((mail.category, mail.tier, mail.kind, word), []).append(number)
    shared: Counter[tuple[int, int]] = Counter()
    for (*_, word), at in seen.items():
        if len(at) <= RARE:
            weight = 2 if any(c.isdigit() for c in str(word)) else 1
            shared.update({(at[0], other): weight for other in at[1:]})
    parent = list(range(len(mails)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for (a, b), weight in shared.items():
        if weight >= 2:
            parent[root(b)] = root(a)
    return [root(n) for n in range(len(mails))]


def build(directory: Path, target: Path, recipe: Recipe = RECIPE) -> Trained:
    """Trains on the examples in `directory` and writes the model to `target`."""
    mails = rows(directory)
    ours = tuple(r for r in mails if r.category != NOT_FOR_US)
    copies = terse(ours, seed=recipe.seed)
    trained = train((*mails, *copies, *from_keywords(keywords())), DEFAULT, recipe)
    artifact.save(trained.model, target)
    return trained


def main(arguments: Sequence[str]) -> int:
    """Command line: an optional target directory."""
    target = Path(arguments[0]) if arguments else path()
    trained = build(examples(), target)
    category = trained.results["category"]
    right = float((category.probabilities.argmax(axis=1) == category.truth).mean())
    sys.stdout.write(
        f"{trained.model.model_id}: {len(trained.rows)} mails, category {right:.3f} right out of fold, "
        f"{artifact.size_bytes(target) / 1e6:.1f} MB in {target}\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
