"""The public sets the project measures itself on, read from a directory laid out as their publishers do.

Owns which file is which set and how each is split (as published; else 80/20 by
seed, near-copies on one side). Nothing here tunes: every set is trained with the
default recipe on its training part only.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from classifier.catalogue import NOT_FOR_US
from classifier.corpus import CorpusError, Row, deduplicate, read_csv
from classifier.encoder import Encodes
from classifier.evaluate import Figures, train_and_evaluate
from classifier.train import Recipe

SEEDS = 5
Pair = tuple[tuple[Row, ...], tuple[Row, ...]]


def suite(
    data: Path,
    *,
    only: Sequence[str] = (),
    recipe: Recipe | None = None,
    tell: Callable[[str], None] | None = None,
    encoder: Encodes | None = None,
) -> dict[str, Figures]:
    """The figures of every set under `data` that is there; `only` names some of `SETS`."""
    found: dict[str, Figures] = {}
    for name, (folder, read) in SETS.items():
        if (only and name not in only) or not (data / folder).is_dir():
            continue
        runs = []
        for learning, test in read(data / folder):
            runs.append(train_and_evaluate(learning, test, recipe, encoder=encoder)[1])
            if tell:
                tell(f"{name}: run {len(runs)} accuracy {runs[-1].accuracy:.4f}")
        found[name] = mean(runs)
    if not found:
        raise CorpusError(f"{data}: none of the sets {', '.join(SETS)} is there")
    return found


def mean(runs: Sequence[Figures]) -> Figures:
    """The mean of several runs of one set, figure by figure."""
    values: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        for name in Figures.__slots__:
            value = getattr(run, name)
            if value is not None:
                values[name].append(value)
    averages: dict[str, float] = {n: float(np.mean(v)) for n, v in values.items()}
    return replace(runs[0], **{**averages, "n": runs[0].n})  # type: ignore[arg-type]


def banking(folder: Path) -> Iterator[Pair]:
    """77 fine-grained questions to a bank, split as published."""
    yield read_csv(folder / "train.csv", text=("text",)), read_csv(folder / "test.csv", text=("text",))


def clinc(folder: Path) -> Iterator[Pair]:
    """150 intents; the 1,000 out-of-scope test questions are others' mails. Trained without any of those."""
    data = json.loads((folder / "data_full.json").read_text(encoding="utf-8"))
    learning, inside, outside = (
        tuple(Row(text=t, category=NOT_FOR_US if c == "oos" else c) for t, c in data[part])
        for part in ("train", "test", "oos_test")
    )
    yield learning, (*inside, *outside)


def topics(folder: Path) -> Iterator[Pair]:
    """Real IT tickets in eight topics, five stratified splits."""
    rows = read_csv(folder / "tickets.csv", text=("title", "body"), label="topic_group")
    yield from _splits(deduplicate(rows))


def few(name: str) -> Callable[[Path], Iterator[Pair]]:
    """A published few-shot training split of BANKING77."""

    def read(folder: Path) -> Iterator[Pair]:
        yield (
            read_csv(folder / name, text=("text",), label="label"),
            read_csv(folder / "test.csv", text=("text",), label="label"),
        )

    return read


def noisy(folder: Path) -> Iterator[Pair]:
    """The topics with every tenth training label wrong."""
    for seed, (learning, test) in enumerate(topics(folder)):
        dice = np.random.default_rng(seed)
        labels = sorted({r.category for r in learning})
        flipped = set(dice.permutation(len(learning))[: len(learning) // 10].tolist())
        wrong = [
            replace(r, category=str(dice.choice([c for c in labels if c != r.category]))) if i in flipped else r
            for i, r in enumerate(learning)
        ]
        yield tuple(wrong), test


def _splits(rows: Sequence[Row]) -> Iterator[Pair]:
    from sklearn.model_selection import train_test_split  # noqa: PLC0415 -- seconds; measuring only

    labels = [r.category for r in rows]
    for seed in range(SEEDS):
        older, newer = train_test_split(np.arange(len(rows)), test_size=0.2, stratify=labels, random_state=seed)
        yield tuple(rows[i] for i in older), tuple(rows[i] for i in newer)


SETS: dict[str, tuple[str, Callable[[Path], Iterator[Pair]]]] = {
    "banking77": ("banking77", banking),
    "clinc150": ("clinc150", clinc),
    "topics8": ("endava_tickets", topics),
    "topics8-noise10": ("endava_tickets", noisy),
    "banking77-5": ("fewshot/BANKING77", few("train_5.csv")),
    "banking77-10": ("fewshot/BANKING77", few("train_10.csv")),
}
