"""What a training showed, as values: the one source of the JSON and of the page.

Promises: everything comes from held-out rows or from test mails; texts are shown
only by words that the vocabulary holds, so that a report names nobody.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from classifier import measures
from classifier.catalogue import NOT_FOR_US, Catalogue
from classifier.corpus import KEYWORD, TERSE, Row, deduplicate
from classifier.corpus import groups as corpus_groups
from classifier.drift import moved
from classifier.evaluate import Figures, evaluate
from classifier.folds import assign
from classifier.gate import Comparison
from classifier.measures import Array
from classifier.model import LinearModel
from classifier.pace import Step
from classifier.rules import default as keyword_rules
from classifier.text import chunks, tokens
from classifier.train import HeadResult, Recipe, Trained, train

SHARES = (0.25, 0.5, 0.75, 1.0)
WORST = 30
MOST_MOVED = 8
FARTHEST = 20  # times the labels that are there: an estimate beyond says nothing but "many"
SHOWN_CHARS = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigures:
    """One label: precision and recall with their 95 % intervals."""

    label: str
    rows: int
    precision: float
    precision_interval: tuple[float, float]
    recall: float
    recall_interval: tuple[float, float]
    threshold: float | None  # None: it never routes by itself
    routed: int
    routed_wrong: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One bar of the reliability diagram."""

    low: float
    high: float
    rows: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of a curve."""

    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One confident mistake, its text masked."""

    text: str
    given: str
    predicted: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A category's share of the mails, of the active model and of this one."""

    label: str
    before: float
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadReport:
    """One head out of fold: figures float, `confusion` [truth][answer]."""

    name: str
    labels: tuple[str, ...]
    rows: int
    accuracy: float
    macro_f1: float
    ece: float
    majority: float
    coverage: float
    misroute: float
    misroute_upper: float
    risk: float
    confusion: tuple[tuple[int, ...], ...]
    classes: tuple[ClassFigures, ...]
    reliability: tuple[Bin, ...]
    coverage_curve: tuple[Point, ...]  # x share routed, y share right
    worst: tuple[Mistake, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A training in figures."""

    model_id: str
    rows: int
    data_sha256: str
    languages: Mapping[str, int]
    findings: tuple[str, ...]
    heads: tuple[HeadReport, ...]
    baselines: Mapping[str, float]  # accuracy on the same rows: majority, keyword rules, active model
    learning_curve: tuple[Point, ...] = ()  # x rows, y accuracy
    rows_for_more: int | None = None  # rows at which half of today's mistakes would be gone
    drift: float | None = None  # of the categories since the active model
    moved: tuple[Moved, ...] = ()  # the categories that moved most since then
    gate: tuple[str, ...] | None = None  # what speaks against it; None: nobody has judged it
    test: Figures | None = None
    comparisons: tuple[Comparison, ...] = ()

    def json(self) -> str:
        """The report as JSON text."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, sort_keys=True)


def build(
    trained: Trained,
    *,
    test: Sequence[Row] = (),
    active: LinearModel | None = None,
    comparisons: Sequence[Comparison] = (),
    curve: Sequence[Point] = (),
) -> Report:
    """The report of a training; `test` mails were not learned from, `active` is the model in service."""
    model = trained.model
    category = trained.results["category"]
    shown = [trained.rows[i] for i in category.rows if trained.rows[i].category != NOT_FOR_US]
    return Report(
        model_id=model.model_id,
        rows=len(trained.rows),
        data_sha256=str(model.card.get("data_sha256", "")),
        languages=dict(sorted(Counter(r.language or "?" for r in trained.rows).items())),
        findings=tuple(f.text for f in trained.findings),
        heads=tuple(_head(r, trained) for r in trained.results.values() if len(r.truth)),
        baselines=_baselines(shown, model.catalogue, active),
        learning_curve=tuple(curve),
        rows_for_more=rows_for(curve),
        drift=_drift(trained, active),
        moved=_moved(trained, active),
        test=evaluate(model, test) if test else None,
        comparisons=tuple(comparisons),
    )


def learning_curve(
    rows: Sequence[Row],
    catalogue: Catalogue,
    recipe: Recipe | None = None,
    *,
    shares: Sequence[float] = SHARES,
    progress: Callable[[Step], None] = lambda _step: None,
) -> tuple[Point, ...]:
    """Accuracy on a held-out fifth after learning from growing shares of the rest; one quick fit each."""
    recipe = replace(recipe or Recipe(), costs=(1.0,), sharpness=(0.0,), blend=False, folds=2)
    mails = [r for r in deduplicate(rows) if r.source not in {KEYWORD, TERSE}]
    fold = assign([r.category for r in mails], corpus_groups(mails), folds=5, seed=recipe.seed)
    test = [mails[i] for i in np.flatnonzero(fold == 0) if mails[i].category != NOT_FOR_US]
    rest = np.random.default_rng(recipe.seed).permutation(np.flatnonzero(fold != 0))
    always = [r for r in rows if r.source == KEYWORD]
    points = []
    whole = round(100 * sum(shares))
    for number, share in enumerate(shares):
        progress(Step(name="", done=round(100 * sum(shares[:number])), total=whole))
        taken = [mails[i] for i in rest[: max(2, round(len(rest) * share))]]
        if len({r.category for r in taken}) > 1:
            model = train((*taken, *always), catalogue, recipe).model
            points.append(Point(x=float(len(taken)), y=evaluate(replace(model, explained=0), test).accuracy))
    progress(Step(name="", done=whole, total=whole))
    return tuple(points)


def rows_for(curve: Sequence[Point]) -> int | None:
    """Rows at which half of the mistakes would be gone if they go on falling as they did; None if they hardly fall."""
    errors = [(p.x, 1.0 - p.y) for p in curve if p.y < 1.0]
    if len(errors) < 2:
        return None
    slope = np.polyfit(np.log([x for x, _ in errors]), np.log([e for _, e in errors]), 1)[0]
    if slope > -0.02:
        return None
    wanted = errors[-1][0] * 0.5 ** (1.0 / slope)
    return int(round(wanted, -1)) if wanted <= FARTHEST * errors[-1][0] else None


def masked(text: str, model: LinearModel) -> str:
    """The words that the vocabulary holds; every other piece is a dot."""
    known = model.vectoriser.word_id
    pieces = []
    for piece in chunks(text[: 4 * SHOWN_CHARS]):
        words = tokens(piece)
        pieces.append(" ".join(words) if words and all(known(w) is not None for w in words) else "·")
    return " ".join(pieces)[:SHOWN_CHARS]


def _head(result: HeadResult, trained: Trained) -> HeadReport:
    labels = result.head.labels
    chosen = result.probabilities.argmax(axis=1)
    top = result.probabilities.max(axis=1)
    right = chosen == result.truth
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(confusion, (result.truth, chosen), 1)
    routed = top >= np.array(result.head.thresholds)[chosen]
    wrong = [int(i) for i in np.argsort(-top, kind="stable") if not right[i]][:WORST]
    return HeadReport(
        name=result.head.name,
        labels=labels,
        rows=len(result.truth),
        accuracy=measures.accuracy(result.truth, chosen),
        macro_f1=measures.macro_f1(result.truth, chosen),
        ece=measures.ece(top, right),
        majority=float(np.bincount(result.truth).max() / len(result.truth)),
        coverage=result.policy.coverage,
        misroute=result.policy.misroute,
        misroute_upper=result.policy.bound,
        risk=result.policy.risk,
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
        classes=tuple(
            _class(label, confusion, n, result, int((routed & (chosen == n)).sum()),
                   int((routed & ~right & (chosen == n)).sum()))
            for n, label in enumerate(labels)
        ),
        reliability=_reliability(top, right),
        coverage_curve=_coverage(top, right),
        worst=tuple(
            Mistake(
                text=masked(trained.rows[result.rows[i]].normalised, trained.model),
                given=labels[result.truth[i]],
                predicted=labels[chosen[i]],
                probability=float(top[i]),
            )
            for i in wrong
        ),
    )  # fmt: skip


def _class(
    label: str, confusion: measures.Index, n: int, result: HeadResult, routed: int, routed_wrong: int
) -> ClassFigures:
    hit, said, true = int(confusion[n, n]), int(confusion[:, n].sum()), int(confusion[n].sum())
    threshold = result.head.thresholds[n]
    return ClassFigures(
        label=label,
        rows=true,
        precision=hit / said if said else 0.0,
        precision_interval=measures.interval(hit, said),
        recall=hit / true if true else 0.0,
        recall_interval=measures.interval(hit, true),
        threshold=threshold if threshold <= 1 else None,
        routed=routed,
        routed_wrong=routed_wrong,
    )


def _reliability(top: Array, right: measures.Flags) -> tuple[Bin, ...]:
    place = np.minimum((top * measures.BINS).astype(int), measures.BINS - 1)
    return tuple(
        Bin(
            low=b / measures.BINS,
            high=(b + 1) / measures.BINS,
            rows=int((place == b).sum()),
            confidence=float(top[place == b].mean()),
            right=float(right[place == b].mean()),
        )
        for b in range(measures.BINS)
        if (place == b).any()
    )


def _coverage(top: Array, right: measures.Flags) -> tuple[Point, ...]:
    order = np.argsort(-top, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    at = np.unique(np.linspace(min(20, len(order)) - 1, len(order) - 1, 60).astype(int))
    return tuple(Point(x=float((i + 1) / len(order)), y=float(share[i])) for i in at)


def _baselines(rows: Sequence[Row], catalogue: Catalogue, active: LinearModel | None) -> dict[str, float]:
    if not rows:
        return {}
    majority = Counter(r.category for r in rows).most_common(1)[0][1] / len(rows)
    found = {"majority": majority, "keyword rules": evaluate(keyword_rules(catalogue), rows).accuracy}
    if active:
        found["active model (may have learned from these rows)"] = evaluate(active, rows).accuracy
    return found


def _drift(trained: Trained, active: LinearModel | None) -> float | None:
    before = _labels_of(active)
    return moved(before, Counter(r.category for r in trained.rows)) if before else None


def _moved(trained: Trained, active: LinearModel | None) -> tuple[Moved, ...]:
    before = _labels_of(active)
    if not before:
        return ()
    now = Counter(r.category for r in trained.rows if r.source != KEYWORD)
    whole, all_now = max(1, sum(before.values())), max(1, sum(now.values()))
    shares = [
        Moved(label=label, before=before.get(label, 0) / whole, now=now[label] / all_now)
        for label in sorted({*before, *now})
    ]
    return tuple(sorted(shares, key=lambda m: -abs(m.now - m.before))[:MOST_MOVED])


def _labels_of(active: LinearModel | None) -> Mapping[str, int]:
    """How many mails of each category a model learned from; empty when its card does not say."""
    try:
        labels = active.card["heads"]["category"]["labels"] if active else {}  # type: ignore[index]
    except (KeyError, TypeError):
        return {}
    return labels if isinstance(labels, dict) else {}
