"""From labelled mails to a calibrated model with thresholds: one vector pass, every decision out of fold.

The same folds choose the cost, the temperature, the thresholds, the conformal
quantile, the scope limits and the list of suspicious labels. Promises:
deterministic by seed; raises `CorpusError` before any work when the labels
cannot be learned from; activates nothing.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier import corpus, folds, linear, measures, second
from classifier.artifact import PROBES
from classifier.catalogue import NOT_FOR_US, Catalogue
from classifier.choice import choose
from classifier.corpus import KEYWORD, CorpusError, Finding, Row
from classifier.encoder import Encodes
from classifier.joining import Joint
from classifier.meaning import Meaning, told
from classifier.measures import Array, Index
from classifier.model import NEAR_SHARE, NEVER, Head, LinearModel, Scale, Scope, Signs, Weights
from classifier.noise import NONE, Noise
from classifier.pace import Pace, Step
from classifier.recipe import Recipe
from classifier.rules import KeywordRules, default
from classifier.threshold import Policy, fit_policy
from classifier.vocabulary import Learned, Limits, learn

__all__ = ["HEADS", "HeadResult", "Recipe", "Step", "Trained", "identify", "labelled", "train", "value_of", "window"]

# Two thirds of so many mails teach as much as four fifths, and three folds cost half of five.
MANY, FOLDS_OF_MANY = 20_000, 3
# Without a single mail nothing can be calibrated, and nothing routes by itself either.
COLD_TEMPERATURE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadResult:
    """What the folds said of one head.

    `rows` index the training rows that carry this label; `probabilities` float64 [rows, labels].
    """

    head: Head
    setting: linear.Setting
    spreads: tuple[float, ...]
    shift: tuple[float, ...]
    rows: Index
    truth: Index
    scores: Array
    probabilities: Array
    policy: Policy
    bare_least: float = 0.0  # the probability that bare texts need, where a second opinion is asked
    noise: Noise = NONE  # labels that are wrong at random
    joint: Joint | None = None  # what a sentence encoder adds
    joined: bool = False  # and whether it adds enough: then scores, thresholds and sets are of both together


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A model and the evidence for it."""

    model: LinearModel
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    results: dict[str, HeadResult]


def train(
    rows: Iterable[Row],
    catalogue: Catalogue,
    recipe: Recipe | None = None,
    *,
    progress: Callable[[Step], None] | None = None,
    encoder: Encodes | None = None,
) -> Trained:
    """The model of the newest `rows` (see `window`); raises `CorpusError` with the first fatal finding.

    With an `encoder` the folds decide whether the model uses it; raises `EncoderError` when that cannot run.
    """
    recipe = recipe or Recipe()
    # Near-copies fall out afterwards, so more is read than is learned from.
    rows = window(rows, 2 * recipe.window)
    findings = corpus.check(rows, catalogue)
    fatal = next((f for f in findings if f.fatal), None)
    if fatal:
        raise CorpusError(fatal.text)
    kept = window(corpus.deduplicate(rows), recipe.window)
    kept = (*kept, *corpus.names(kept, catalogue))
    limits = Limits(per_branch=recipe.per_branch, min_senders=recipe.min_senders, exempt=recipe.exempt)
    learned = learn([r.normalised for r in kept], limits, senders=[r.sender for r in kept])
    asked = [(name, rows_of) for name in HEADS if len(rows_of := labelled(kept, name)) >= 2]
    sizes = [(name, len({value_of(kept[i], name) for i in at})) for name, at in asked]
    pace = Pace(progress or (lambda _step: None), sizes, _pieces(recipe))
    rules = default(catalogue) if recipe.keywords_agree else None
    given = meaning = Meaning.of(encoder, kept, recipe.encoder_gain)
    pieces: list[tuple[HeadResult, linear.Fitted]] = []
    for name, at in asked:
        with pace.head(name):
            agree = rules if name == "category" else None
            pieces.append(_head(name, kept, at, learned, recipe, rules=agree, meaning=meaning))
        if name == "category" and not pieces[-1][0].joined:
            meaning = None  # a desk whose categories do not gain pays for no encoder
    weights = Weights.of(
        np.hstack([f.coefficients for _, f in pieces]), np.concatenate([f.intercepts for _, f in pieces])
    )
    results = {r.head.name: r for r, _ in pieces}
    model = LinearModel(
        model_id="",
        vectoriser=learned.vectoriser,
        heads=tuple(r.head for r, _ in pieces),
        weights=weights,
        scope=replace(_scope(kept, learned, results["category"], recipe), bare_least=results["category"].bare_least),
        catalogue=catalogue,
        rules=rules,
    )
    if meaning is not None:
        kept_parts = [(len(r.head.labels), r.joint if r.joined else None) for r, _ in pieces]
        model = replace(model, sentences=meaning.sentences(kept_parts, PROBES))
    card = _card(kept, recipe, results)
    card["sentence_encoder"] = told(given, {name: (r.joint, r.joined) for name, r in results.items()})
    model = replace(model, model_id=identify(model, recipe.name), card=card)
    return Trained(model=model, rows=kept, findings=findings, results=results)


def _pieces(recipe: Recipe) -> int:
    """About how many fits a head takes: two folds of each sweep, the folds of the calibration, and the final one."""
    sweeps = 1 + sum(1 for s in recipe.sharpness if s > 0) if len(recipe.costs) > 1 or len(recipe.sharpness) > 1 else 0
    return 2 * sweeps + recipe.folds + 2


HEADS = ("category", "tier", "kind", "urgency", "spam")


def labelled(rows: Sequence[Row], name: str) -> Index:
    """The rows that say something about `name`; a foreign topic says nothing but its category."""
    wanted = [
        i
        for i, r in enumerate(rows)
        if value_of(r, name) and (name in {"category", "spam"} or r.category != NOT_FOR_US)
    ]
    if len({value_of(rows[i], name) for i in wanted}) < 2:
        return np.empty(0, dtype=np.int64)
    return np.array(wanted, dtype=np.int64)


def value_of(row: Row, name: str) -> str:
    """What a row says of one head, "" when it says nothing."""
    value = getattr(row, name)
    return "" if value is None else str(value)


def window(rows: Iterable[Row], limit: int) -> tuple[Row, ...]:
    """The newest `limit` rows in their order; what agents and reviewers said stays however old.

    Reads the rows once and holds no more than these: an archive of a million mails may come from a file.
    """
    newest = heapq.nsmallest(
        limit, enumerate(rows), key=lambda each: (each[1].source not in {"agent", "review"}, -each[1].at, each[0])
    )
    return tuple(row for _, row in sorted(newest, key=lambda each: each[0]))


def _head(
    name: str,
    rows: Sequence[Row],
    at: Index,
    learned: Learned,
    recipe: Recipe,
    *,
    rules: KeywordRules | None,
    meaning: Meaning | None,
) -> tuple[HeadResult, linear.Fitted]:
    values = [value_of(rows[i], name) for i in at]
    labels = tuple(sorted(set(values)))
    place = {label: n for n, label in enumerate(labels)}
    problem = linear.Problem(
        matrix=learned.matrix[at],
        truth=np.array([place[v] for v in values], dtype=np.int64),
        labels=len(labels),
        fold=_fold([rows[i] for i in at], values, recipe),
        branch=len(learned.vectoriser.words),
        seed=recipe.seed,
    )
    tested = problem.tested
    truth = problem.truth[tested]
    chosen = choose(problem, recipe)
    problem, setting, held, heard = chosen.problem, chosen.setting, chosen.held, chosen.heard
    scores = held.scores(setting.blend)
    cold = linear.temperature(scores, truth, heard) if meaning and len(truth) else 1.0
    joint = meaning.join(scores / cold, problem, at) if meaning else None
    joined = meaning is not None and meaning.gains(joint)
    if joint is not None and joined:
        scores = joint.scores
    judged = np.arange(len(truth))
    shift = np.zeros(len(labels))
    if name in recipe.even and len(truth):
        shift, judged = _evened(scores, truth, len(labels), recipe.seed)
    scores = scores - shift
    divisor = linear.temperature(scores[judged], truth[judged], heard) if len(truth) else COLD_TEMPERATURE
    probabilities = measures.softmax(scores / divisor)
    never = [n for n, label in enumerate(labels) if label == NOT_FOR_US]
    risk = recipe.risk if name == "category" else recipe.tier_risk
    told = [rows[i] for i in at[tested]]
    free = second.agreed(told, labels, probabilities, rules) if rules else np.ones(len(told), dtype=bool)
    bare = second.stripped(told) if rules else np.zeros(len(told), dtype=bool)
    policy = fit_policy(
        probabilities[judged],
        truth[judged],
        risk=risk,
        confidence=recipe.confidence,
        never=never,
        noise=heard,
        able=(free & ~bare)[judged],
    )
    # Urgency from text is hard (0.61 against a majority of 0.53): it never decides alone.
    thresholds = tuple(NEVER for _ in labels) if name == "urgency" else policy.thresholds
    head = Head(name=name, labels=labels, temperature=divisor, thresholds=thresholds, conformal=policy.conformal)
    result = HeadResult(
        head=head,
        setting=setting,
        spreads=held.spreads,
        shift=tuple(float(x) for x in shift),
        rows=at[tested],
        truth=truth,
        scores=scores,
        probabilities=probabilities,
        policy=policy,
        noise=heard,
        bare_least=second.bare_least(
            probabilities, truth, free & bare, risk=recipe.bare_risk, confidence=recipe.confidence
        )
        if rules
        else 0.0,
        joint=joint,
        joined=joined,
    )
    fitted = linear.fit(problem, setting, held.spreads)
    if joint is not None and joined:
        fitted = joint.words(fitted, cold)
    return result, replace(fitted, intercepts=fitted.intercepts - shift)


def _evened(scores: Array, truth: Index, labels: int, seed: int) -> tuple[Array, Index]:
    """What to take off each label's score so that the mix of the examples does not speak, and an even sample of rows.

    For a model that goes to other desks: how many of the examples are of tier 1 says nothing about theirs.
    """
    sizes = np.bincount(truth, minlength=labels)
    shift = linear.temperature(scores, truth) * np.log(np.maximum(sizes, 1) * labels / len(truth))
    random = np.random.default_rng(seed)
    fewest = int(sizes[sizes > 0].min())
    taken = [random.permutation(np.flatnonzero(truth == n))[:fewest] for n in range(labels)]
    return shift, np.sort(np.concatenate(taken))


def _fold(rows: Sequence[Row], values: Sequence[str], recipe: Recipe) -> Index:
    """The fold of each row; a keyword teaches in every fold and is never the test of anything."""
    fold = np.full(len(rows), linear.ALWAYS, dtype=np.int64)
    tested = [i for i, r in enumerate(rows) if r.source != KEYWORD]
    if tested:
        mails, labels = [rows[i] for i in tested], [values[i] for i in tested]
        wanted = recipe.folds if len(tested) <= MANY else min(recipe.folds, FOLDS_OF_MANY)
        number = max(2, min(wanted, max(Counter(labels).values())))
        fold[tested] = folds.assign(labels, corpus.groups(mails), folds=number, seed=recipe.seed)
    return fold


def _scope(rows: Sequence[Row], learned: Learned, result: HeadResult, recipe: Recipe) -> Scope:
    """Limits that at most `scope_loss` of the desk's own training mails would have missed."""
    ours = np.array([rows[i].category != NOT_FOR_US for i in result.rows], dtype=bool)
    if not ours.any():
        return Scope(
            least_familiar=recipe.least_familiar,
            tier_decides=recipe.tier_decides,
            languages=recipe.languages,
        )
    near = result.joint.near if result.joint is not None and result.joined else np.zeros(len(ours))
    signs = [
        Signs.of(result.head.labels, scores, float(familiar), float(close))
        for scores, familiar, close in zip(
            result.scores[ours] / result.head.temperature, learned.familiar[result.rows][ours], near[ours], strict=True
        )
    ]
    familiar = np.array([s.familiar for s in signs])
    scope = Scope(
        energy=Scale.of(np.array([s.energy for s in signs])),
        familiar=Scale.of(familiar),
        reject=Scale.of(np.array([s.reject for s in signs])),
        least_familiar=max(recipe.least_familiar, min(0.5, float(np.quantile(familiar, recipe.scope_loss / 2)))),
        confidence=min(0.9, 1.5 / max(2, len(result.head.labels))),
        tier_decides=recipe.tier_decides,
        languages=recipe.languages,
    )
    if result.joined:
        # Nearness knows words that nobody wrote before: what the words alone cannot place is no stranger yet.
        scale = Scale.of(near[ours])
        scope = replace(
            scope, near=scale, near_share=NEAR_SHARE, familiar_share=0.0, least_familiar=recipe.least_familiar
        )
    return replace(scope, least=float(np.quantile([scope.belongs(s) for s in signs], recipe.scope_loss)))


def _card(rows: Sequence[Row], recipe: Recipe, results: dict[str, HeadResult]) -> dict[str, object]:
    heads = {
        name: {
            "labels": dict(sorted(Counter(value_of(rows[i], name) for i in r.rows).items())),
            "setting": asdict(r.setting),
            "spreads": list(r.spreads),
            "shift": list(r.shift),
            "temperature": r.head.temperature,
            "wrong_labels": asdict(r.noise),
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
        "majority": float(np.bincount(result.truth).max() / len(result.truth)) if len(result.truth) else 0.0,
    }


def identify(model: LinearModel, name: str) -> str:
    """A name that two models share only when they predict the same."""
    content = hashlib.sha256()
    parts: tuple[NDArray[Any], ...] = (model.weights.codes, model.weights.steps, model.weights.intercepts)
    for array in (*parts, model.vectoriser.idf):
        content.update(array.tobytes())
    content.update(repr((model.heads, model.scope, model.catalogue, model.vectoriser.words)).encode())
    content.update(repr(model.vectoriser.chars).encode())
    if model.sentences:
        content.update(model.sentences.digest())
    if model.rules:
        content.update(model.rules.model_id.encode())
    return f"{name}-{content.hexdigest()[:12]}"
