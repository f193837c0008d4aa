"""`python -m classifier.starter`: train the starter model from the examples beside this file and save it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from classifier import artifact
from classifier.catalogue import DEFAULT, LANGUAGES
from classifier.corpus import Row, from_keywords, read_jsonl
from classifier.rules import keywords
from classifier.starter import examples, path
from classifier.train import Recipe, Trained, train

RECIPE = Recipe(name="starter", languages=LANGUAGES, risk=0.05, tier_risk=0.1)


def rows(directory: Path) -> tuple[Row, ...]:
    """All example mails, in the order of the file names."""
    found: list[Row] = []
    for file in sorted(directory.glob("*.jsonl")):
        found.extend(read_jsonl(file))
    return tuple(found)


def build(directory: Path, target: Path, recipe: Recipe = RECIPE) -> Trained:
    """Trains on the examples in `directory` and writes the model to `target`."""
    trained = train((*rows(directory), *from_keywords(keywords())), DEFAULT, recipe)
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
