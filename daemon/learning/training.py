"""One training run: a twin learns from the older part and is measured, then the model learns from all of it.

The model that serves must have learned from the newest corrections, and what is said of it must be measured on mails
it has not seen: so the figures, the baselines and the gate are the twin's, trained the same way without the rows
that measure. The twin stays beside the model, so that the next model is compared on equal terms (decision 0320).
Deterministic by seed. Activates nothing and writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from classifier import corpus, rules
from classifier.catalogue import NOT_FOR_US, Catalogue
from classifier.corpus import KEYWORD, TERSE, CorpusError, Finding, Row
from classifier.encoder import Encodes
from classifier.evaluate import Figures, evaluate
from classifier.model import LinearModel
from classifier.pace import Step
from classifier.report import Point, Report, build, learning_curve
from classifier.train import Recipe, Trained, train
from classifier.types import Classifier
from daemon.errors import Unusable
from daemon.learning.experiment import Experiment
from daemon.learning.gate import Judgement, Terms, judgement
from daemon.learning.split import split

DECIDED = -1.0  # the gain that is asked of a sentence encoder once the folds of a full training chose it
CURVE_ROWS = 20_000  # four more fits: above this the curve is flat and the wait is long
# Where each part ends, by its share of the time at 10,000 rows.
MEASURED, TRAINED, COMPARED = 0.5, 0.85, 0.88


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The model that serves now: its name, and for a fair comparison its twin (or itself, when it has none)."""

    model_id: str
    twin: Classifier
    trusted: bool = True  # trained for this desk, not the starter or keywords


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run gave. `baselines` are measured on the rows that were held back, like `figures`."""

    model: LinearModel
    twin: LinearModel
    report: Report
    taught: int
    rows: int
    held: int
    figures: Figures | None
    baselines: tuple[tuple[str, Figures], ...]
    judgement: Judgement
    compared_with: str
    seconds: float


Progress = Callable[[float, str], None]


def check(rows: Sequence[Row], catalogue: Catalogue) -> tuple[Finding, ...]:
    """What is wrong with the labels; raises Unusable with the first thing that forbids training."""
    findings = corpus.check(rows, catalogue)
    fatal = next((each for each in findings if each.fatal), None)
    if fatal is not None:
        raise Unusable(f"training is not possible: {fatal.text}")
    return findings


def run(
    rows: Sequence[Row],
    catalogue: Catalogue,
    experiment: Experiment,
    *,
    before: Before | None = None,
    golden: Sequence[Row] = (),
    progress: Progress = lambda _share, _what: None,
    encoder: Encodes | None = None,
) -> Outcome:
    """Train, measure, train again on everything, judge. `progress` gets the share that is done and what is next.

    Whether an `encoder` is used is decided where the twin learns; the model that serves follows.
    """
    began = time.perf_counter()
    check(rows, catalogue)
    recipe = experiment.recipe
    taught, held = split(rows, share=experiment.data.test_share, most=experiment.data.test_rows, seed=recipe.seed)
    try:
        told = _part(progress, 0.0, MEASURED, "measuring")
        measured = train(taught, catalogue, recipe, progress=told, encoder=encoder)
        final = train(
            rows,
            catalogue,
            _settled(recipe, measured),
            progress=_part(progress, MEASURED, TRAINED, "training"),
            encoder=encoder if measured.model.sentences else None,
        )
    except CorpusError as error:
        raise Unusable(f"training is not possible: {error}") from None
    progress(TRAINED, "comparing")
    judged = judgement(
        measured.model,
        before.twin if before else None,
        held,
        golden,
        Terms(
            labels=labelled(final.rows),
            fewest_labels=recipe.fewest_rows,
            risk=recipe.risk,
            protected=experiment.gate.protected,
            trusted=before is not None and before.trusted,
        ),
    )
    figures, baselines = _measured(held, measured.model, catalogue, before)
    active = before.twin if before and isinstance(before.twin, LinearModel) else None
    curve = _curve(rows, catalogue, recipe, _part(progress, COMPARED, 1.0, "learning curve"))
    report = build(measured, test=held if figures else (), active=active, comparisons=judged.comparisons, curve=curve)
    card = {
        **final.model.card,
        "experiment": experiment.as_dict(),
        "twin": measured.model.model_id,
        "sentence_encoder": measured.model.card["sentence_encoder"],
    }
    return Outcome(
        model=replace(final.model, card=card),
        twin=measured.model,
        report=replace(
            report,
            model_id=final.model.model_id,
            gate=tuple(f"{each.rule}: {each.words}" for each in judged.refusals),
        ),
        taught=labelled(measured.rows),
        rows=labelled(final.rows),
        held=len(held),
        figures=figures,
        baselines=baselines,
        judgement=judged,
        compared_with=before.model_id if before else "",
        seconds=time.perf_counter() - began,
    )


def quick(
    rows: Sequence[Row],
    catalogue: Catalogue,
    recipe: Recipe,
    *,
    like: dict[str, object],
    encoder: Encodes | None = None,
) -> Trained:
    """A refit on old and new rows together (replay) with the settings that `like`, a model's card, was trained with.

    `encoder` is that of the model, None when it uses none.

    No search and three folds for the calibration: a minute at 10,000 rows, where the full run takes several.
    Raises Unusable.
    """
    check(rows, catalogue)
    heads = like.get("heads")
    setting = heads.get("category", {}).get("setting", {}) if isinstance(heads, dict) else {}
    cost = setting.get("cost")
    costs = (float(cost),) if isinstance(cost, int | float) and cost > 0 else (1.0,)
    try:
        settled = replace(recipe, costs=costs, sharpness=(0.0,), blend=False, folds=3, encoder_gain=DECIDED)
        return train(rows, catalogue, settled, encoder=encoder)
    except CorpusError as error:
        raise Unusable(f"training is not possible: {error}") from None


def labelled(rows: Sequence[Row]) -> int:
    """How many mails people labelled: words of the catalogue and shortened copies are none."""
    return sum(1 for row in rows if row.source not in {KEYWORD, TERSE})


def _curve(
    rows: Sequence[Row], catalogue: Catalogue, recipe: Recipe, progress: Callable[[Step], None]
) -> tuple[Point, ...]:
    if len(rows) > CURVE_ROWS:
        return ()
    try:
        return learning_curve(rows, catalogue, recipe, progress=progress)
    except CorpusError:  # too few rows for a fifth of them to be a test
        return ()


def _settled(recipe: Recipe, measured: Trained) -> Recipe:
    """The recipe without the search: what was chosen for the twin's categories."""
    setting = measured.results["category"].setting
    sharpness = (0.0, setting.sharpness) if setting.sharpness else (0.0,)
    return replace(recipe, costs=(setting.cost,), sharpness=sharpness, encoder_gain=DECIDED)


def _measured(
    held: Sequence[Row], twin: LinearModel, catalogue: Catalogue, before: Before | None
) -> tuple[Figures | None, tuple[tuple[str, Figures], ...]]:
    """The twin's figures and the baselines'; the share of the largest class stands in each as `majority`."""
    if not any(row.category != NOT_FOR_US for row in held):
        return None, ()
    others: list[tuple[str, Classifier]] = [("keyword rules", rules.default(catalogue))]
    if before is not None and not before.model_id.startswith("rules-"):
        others.append((f"serving: {before.model_id}", before.twin))
    return evaluate(twin, held), tuple((name, evaluate(model, held)) for name, model in others)


def _part(progress: Progress, start: float, end: float, what: str) -> Callable[[Step], None]:
    def tell(step: Step) -> None:
        share = step.done / step.total if step.total else 1.0
        progress(start + (end - start) * share, f"{what}: {step.name}" if step.name else what)

    return tell
