"""What is wrong, or may be wrong, with labels: `labels check` as values.

Beside what the classifier's own check finds: words that give the label away because a tool wrote them into the mail,
mails of one thread with different labels, and the labels that all other mails speak against (out of fold).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from classifier import corpus
from classifier.catalogue import NOT_FOR_US, Catalogue
from classifier.corpus import CorpusError, Finding, Row
from classifier.labels import suspicious
from classifier.train import Recipe, train

LEAK_SHARE = 0.5  # of a category's mails that carry the mark
LEAK_ELSEWHERE = 0.02  # of all other mails that do
FEWEST_LEAKS = 5
MARKS = ("#{}", "[{}]", "category: {}", "category={}", "queue: {}", "queue={}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One label that the other mails speak against; `row` counts from 0 in what was checked."""

    row: int
    given: str
    likely: str
    given_probability: float
    likely_probability: float
    subject: str


def findings(rows: Sequence[Row], catalogue: Catalogue) -> tuple[Finding, ...]:
    """Everything that can be said without training, what forbids training first."""
    found = [*corpus.check(rows, catalogue), *_leaks(rows), *_threads(rows)]
    return tuple(sorted(found, key=lambda each: not each.fatal))


def doubts(rows: Sequence[Row], catalogue: Catalogue, *, limit: int, seed: int = 0) -> tuple[Doubt, ...]:
    """The most doubtful labels first; empty when there is too little to learn from. One fit of each of three folds."""
    recipe = Recipe(seed=seed, costs=(0.3,), sharpness=(0.0,), blend=False, folds=3)
    try:
        trained = train(rows, catalogue, recipe)
    except CorpusError:
        return ()
    # Rows were de-duplicated and ordered by the training; the caller counts in its own.
    place: dict[tuple[str, str, str], int] = {}
    for number, row in enumerate(rows):
        place.setdefault((row.subject, row.text, row.category), number)
    found = []
    for each in suspicious(trained, limit=limit):
        row = trained.rows[each.row]
        found.append(
            Doubt(
                row=place.get((row.subject, row.text, row.category), each.row),
                given=each.given,
                likely=each.likely,
                given_probability=each.given_probability,
                likely_probability=each.likely_probability,
                subject=row.subject[:80] or row.text[:80],
            )
        )
    return tuple(found)


def _leaks(rows: Sequence[Row]) -> list[Finding]:
    """A mark like "[network]" that a tool wrote: a model would learn the tool, and mails do not carry it later."""
    found = []
    sizes = Counter(row.category for row in rows)
    lowered = [f"{row.subject}\n{row.text}".lower() for row in rows]
    for category, size in sorted(sizes.items()):
        if category == NOT_FOR_US or size < FEWEST_LEAKS:
            continue
        for mark in MARKS:
            words = mark.format(category.lower())
            at = [i for i, text in enumerate(lowered) if words in text]
            own = sum(1 for i in at if rows[i].category == category)
            others = len(at) - own
            if own >= max(FEWEST_LEAKS, LEAK_SHARE * size) and others <= LEAK_ELSEWHERE * (len(rows) - size):
                text = f"{words!r} gives category {category!r} away in {own} of its {size} mails: remove it"
                found.append(Finding(code="leak", text=text, rows=tuple(at[:20])))
                break
    return found


def _threads(rows: Sequence[Row]) -> list[Finding]:
    said: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.thread:
            said[row.thread].add(row.category)
    torn = sorted(thread for thread, labels in said.items() if len(labels) > 1)
    if not torn:
        return []
    text = f"{len(torn)} threads carry two different categories, first: {torn[0][:80]!r}"
    return [Finding(code="torn-thread", text=text)]
