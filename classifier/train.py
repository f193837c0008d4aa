"""From labelled mails to a calibrated model with thresholds: one vector pass, every decision out of fold.

The same folds choose the cost, the temperature, the thresholds, the conformal
quantile, the scope limits and the list of suspicious labels. Promises:
deterministic by seed; raises `CorpusError` before any work when the labels
cannot be learned from; activates nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier import corpus, folds, linear, measures
from classifier.catalogue import NOT_FOR_US, Catalogue
from classifier.corpus import CorpusError, Finding, Row
from classifier.measures import Array, Index
from classifier.model import NEVER, Head, LinearModel, Scope, Weights
from classifier.threshold import Policy, fit_policy
from classifier.vocabulary import Learned, Limits, learn


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The whole experiment: with the rows it determines the model, and it travels in the artifact."""

    name: str = "model"
    seed: int = 0
    folds: int = 5
    costs: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0)
    search_rows: int = 6000  # the cost is chosen on at most this many rows
    risk: float = 0.05  # at most this share of what routes by itself may be wrong
    tier_risk: float = 0.1
    confidence: float = 0.95
    scope_loss: float = 0.02  # the share of the desk's own mails that scope limits may send to a person
    least_familiar: float = 0.25
    min_senders: int = 0
    exempt: tuple[str, ...] = ()  # words that enter the vocabulary however rare
    per_branch: int = 60_000
    languages: tuple[str, ...] = ()
    window: int = 50_000  # newest rows; the rest is for evaluation
    fewest_rows: int = 0  # of labels; the gate refuses fewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Progress: `done` of `total` equal pieces of work."""

    name: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadResult:
    """What the folds said of one head.

    `rows` index the training rows that carry this label; `probabilities` float64 [rows, labels].
    """

    head: Head
    cost: float
    rows: Index
    truth: Index
    scores: Array
    probabilities: Array
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A model and the evidence for it."""

    model: LinearModel
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    results: dict[str, HeadResult]


def train(
    rows: Sequence[Row],
    catalogue: Catalogue,
    recipe: Recipe | None = None,
    *,
    progress: Callable[[Step], None] | None = None,
) -> Trained:
    """The model of `rows`; raises `CorpusError` with the first fatal finding."""
    recipe = recipe or Recipe()
    findings = corpus.check(rows, catalogue)
    fatal = next((f for f in findings if f.fatal), None)
    if fatal:
        raise CorpusError(fatal.text)
    kept = _window(corpus.deduplicate(rows), recipe.window)
    limits = Limits(per_branch=recipe.per_branch, min_senders=recipe.min_senders, exempt=recipe.exempt)
    learned = learn([r.normalised for r in kept], limits, senders=[r.sender for r in kept])
    tell = progress or (lambda _step: None)
    labelled = [(name, rows_of) for name in HEADS if len(rows_of := _labelled(kept, name)) >= 2]
    pieces: list[tuple[HeadResult, linear.Fitted]] = []
    for done, (name, at) in enumerate(labelled):
        tell(Step(name=name, done=done, total=len(labelled)))
        pieces.append(_head(name, kept, at, learned, recipe))
    tell(Step(name="done", done=len(labelled), total=len(labelled)))
    weights = Weights.of(
        np.hstack([f.coefficients for _, f in pieces]), np.concatenate([f.intercepts for _, f in pieces])
    )
    results = {r.head.name: r for r, _ in pieces}
    model = LinearModel(
        model_id="",
        vectoriser=learned.vectoriser,
        heads=tuple(r.head for r, _ in pieces),
        weights=weights,
        scope=_scope(kept, learned, results["category"], recipe),
        catalogue=catalogue,
    )
    model = replace(model, model_id=identify(model, recipe.name), card=_card(kept, recipe, results))
    return Trained(model=model, rows=kept, findings=findings, results=results)


HEADS = ("category", "tier", "kind", "urgency", "spam")


def _labelled(rows: Sequence[Row], name: str) -> Index:
    """The rows that say something about `name`; a foreign topic says nothing but its category."""
    wanted = [
        i for i, r in enumerate(rows) if _value(r, name) and (name in {"category", "spam"} or r.category != NOT_FOR_US)
    ]
    if len({_value(rows[i], name) for i in wanted}) < 2:
        return np.empty(0, dtype=np.int64)
    return np.array(wanted, dtype=np.int64)


def _value(row: Row, name: str) -> str:
    value = getattr(row, name)
    return "" if value is None else str(value)


def _window(rows: tuple[Row, ...], limit: int) -> tuple[Row, ...]:
    """The newest `limit` rows; what agents and reviewers said stays however old."""
    if len(rows) <= limit:
        return rows
    order = sorted(range(len(rows)), key=lambda i: (rows[i].source not in {"agent", "review"}, -rows[i].at, i))
    return tuple(rows[i] for i in sorted(order[:limit]))


def _head(
    name: str, rows: Sequence[Row], at: Index, learned: Learned, recipe: Recipe
) -> tuple[HeadResult, linear.Fitted]:
    values = [_value(rows[i], name) for i in at]
    labels = tuple(sorted(set(values)))
    place = {label: n for n, label in enumerate(labels)}
    group = corpus.groups([rows[i] for i in at])
    problem = linear.Problem(
        matrix=learned.matrix[at],
        truth=np.array([place[v] for v in values], dtype=np.int64),
        labels=len(labels),
        fold=folds.assign(values, group, folds=_folds(values, recipe), seed=recipe.seed),
        branch=len(learned.vectoriser.words),
        seed=recipe.seed,
    )
    cost = _cost(problem, recipe)
    scores = linear.out_of_fold(problem, cost)
    divisor = linear.temperature(scores, problem.truth)
    probabilities = measures.softmax(scores / divisor)
    never = [n for n, label in enumerate(labels) if label == NOT_FOR_US]
    risk = recipe.risk if name == "category" else recipe.tier_risk
    policy = fit_policy(probabilities, problem.truth, risk=risk, confidence=recipe.confidence, never=never)
    # Urgency from text is hard (0.61 against a majority of 0.53): it never decides alone.
    thresholds = tuple(NEVER for _ in labels) if name == "urgency" else policy.thresholds
    head = Head(name=name, labels=labels, temperature=divisor, thresholds=thresholds, conformal=policy.conformal)
    result = HeadResult(
        head=head,
        cost=cost,
        rows=at,
        truth=problem.truth,
        scores=scores,
        probabilities=probabilities,
        policy=policy,
    )
    return result, linear.fit(problem, cost)


def _folds(values: Sequence[str], recipe: Recipe) -> int:
    return max(2, min(recipe.folds, max(Counter(values).values())))


def _cost(problem: linear.Problem, recipe: Recipe) -> float:
    """The cost with the best macro-F1 out of fold; the smaller on a tie, it forgives wrong labels."""
    if len(recipe.costs) == 1:
        return recipe.costs[0]
    if len(problem.truth) > recipe.search_rows:
        random = np.random.default_rng(recipe.seed)
        problem = problem.take(np.sort(random.permutation(len(problem.truth))[: recipe.search_rows]))
    best, best_score = recipe.costs[0], -1.0
    for cost in sorted(recipe.costs):
        chosen = linear.out_of_fold(problem, cost).argmax(axis=1)
        score = measures.macro_f1(problem.truth, chosen)
        if score > best_score + 1e-9:
            best, best_score = cost, score
    return best


def _scope(rows: Sequence[Row], learned: Learned, result: HeadResult, recipe: Recipe) -> Scope:
    """Limits that at most `scope_loss` of the desk's own training mails would have missed."""
    ours = np.array([rows[i].category != NOT_FOR_US for i in result.rows], dtype=bool)
    scaled = result.scores / result.head.temperature
    peak = scaled.max(axis=1)
    energies = peak + np.log(np.exp(scaled - peak[:, np.newaxis]).sum(axis=1))
    familiar = learned.familiar[result.rows]
    return Scope(
        energy=float(np.quantile(energies[ours], recipe.scope_loss)),
        familiar=max(recipe.least_familiar, min(0.5, float(np.quantile(familiar[ours], recipe.scope_loss)))),
        confidence=min(0.9, 1.5 / max(2, len(result.head.labels))),
        languages=recipe.languages,
    )


def _card(rows: Sequence[Row], recipe: Recipe, results: dict[str, HeadResult]) -> dict[str, object]:
    heads = {
        name: {
            "labels": dict(sorted(Counter(_value(rows[i], name) for i in r.rows).items())),
            "cost": r.cost,
            "temperature": r.head.temperature,
            "out_of_fold": _scores(r),
            "policy": {k: v for k, v in asdict(r.policy).items() if k != "thresholds"},
        }
        for name, r in results.items()
    }
    return {
        "name": recipe.name,
        "rows": len(rows),
        "languages": dict(sorted(Counter(r.language or "?" for r in rows).items())),
        "data_sha256": corpus.digest(rows),
        "newest": max((r.at for r in rows), default=0.0),
        "recipe": {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(recipe).items()},
        "heads": heads,
    }


def _scores(result: HeadResult) -> dict[str, float]:
    chosen = result.probabilities.argmax(axis=1)
    top = result.probabilities.max(axis=1)
    return {
        "accuracy": measures.accuracy(result.truth, chosen),
        "macro_f1": measures.macro_f1(result.truth, chosen),
        "ece": measures.ece(top, chosen == result.truth),
        "majority": float(np.bincount(result.truth).max() / len(result.truth)),
    }


def identify(model: LinearModel, name: str) -> str:
    """A name that two models share only when they predict the same."""
    content = hashlib.sha256()
    parts: tuple[NDArray[Any], ...] = (model.weights.codes, model.weights.steps, model.weights.intercepts)
    for array in (*parts, model.vectoriser.idf):
        content.update(array.tobytes())
    content.update(repr((model.heads, model.scope, model.catalogue, model.vectoriser.words)).encode())
    content.update(repr(model.vectoriser.chars).encode())
    return f"{name}-{content.hexdigest()[:12]}"
