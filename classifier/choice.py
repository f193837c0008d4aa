"""What the folds choose: cost, sharpness, the mixture of machines, and which labels to believe.

Likelihood chooses, not macro-F1: on a few thousand rows F1 moves by chance more
than by cost (decision 0302). Promises: deterministic; a label is only doubted
after the folds have proven that labels are wrong at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from classifier import linear, measures, noise
from classifier.measures import Array, Index
from classifier.noise import Noise
from classifier.recipe import Recipe

SEARCH_FOLDS = 2
# Non-zeros times labels; above it a logistic regression takes minutes a fold (10,000 tickets of 41 categories: 2e8).
LOGISTIC_LIMIT = 500_000_000
DOUBTED = 0.5  # a label teaches nothing when its chance of being wrong is above this
# Shares of support vector machines, naive Bayes and logistic regression. Few, so that the choice is not a fit.
BLENDS = ((1.0, 0.0, 0.0), (0.75, 0.25, 0.0), (0.5, 0.5, 0.0), (0.5, 0.25, 0.25), (0.4, 0.3, 0.3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A head's setting, its held-out scores, and the noise that was found in its labels (`NONE` when unproven)."""

    problem: linear.Problem
    setting: linear.Setting
    held: linear.Held
    heard: Noise


def choose(problem: linear.Problem, recipe: Recipe) -> Choice:
    """The setting of `problem` and what the folds then say.

    Labels are believed until the folds prove that some are wrong at random; then those that are more likely
    wrong than right teach no more, and everything is chosen again (decision 0304).
    """
    truth = problem.truth[problem.tested]
    setting, held = _folded(problem, recipe, noise.NONE)
    if not len(truth):
        return Choice(problem=problem, setting=setting, held=held, heard=noise.NONE)
    scores = held.scores(setting.blend)
    probabilities = measures.softmax(scores / linear.temperature(scores, truth))
    heard = noise.estimate(probabilities, truth)
    if not heard.matters:
        return Choice(problem=problem, setting=setting, held=held, heard=noise.NONE)
    weight = np.ones(len(problem.truth), dtype=np.float32)
    weight[problem.tested] = noise.doubt(probabilities, truth, heard) <= DOUBTED
    problem = replace(problem, weight=weight)
    setting, held = _folded(problem, recipe, heard)
    return Choice(problem=problem, setting=setting, held=held, heard=heard)


def _folded(problem: linear.Problem, recipe: Recipe, heard: Noise) -> tuple[linear.Setting, linear.Held]:
    setting = _setting(problem, recipe, heard)
    held = linear.out_of_fold(problem, setting)
    return replace(setting, blend=_blend(held, problem.truth[problem.tested], setting, heard)), held


def _setting(problem: linear.Problem, recipe: Recipe, heard: Noise) -> linear.Setting:
    """The cost, then the sharpness, that make held-out labels most likely.

    Likelihood, not macro-F1: on a few thousand rows F1 moves by chance more than by cost (decision 0302).
    """
    size = problem.matrix.nnz * problem.labels
    chosen = linear.Setting(cost=min(recipe.costs))
    if not len(problem.tested):
        chosen = linear.Setting(cost=1.0)
    elif len(recipe.costs) > 1 or len(recipe.sharpness) > 1:
        if len(problem.truth) > recipe.search_rows:
            random = np.random.default_rng(recipe.seed)
            problem = problem.take(np.sort(random.permutation(len(problem.truth))[: recipe.search_rows]))
        # Two folds are held out while searching, all of them afterwards: 40 % of the time.
        searched = np.where(problem.fold < SEARCH_FOLDS, problem.fold, linear.ALWAYS)
        problem = replace(problem, fold=searched)
        cost, least = _best(problem, sorted(recipe.costs), 0.0, heard)
        chosen = linear.Setting(cost=cost)
        for sharpness in (s for s in recipe.sharpness if s > 0):
            _, less = _best(problem, (cost,), sharpness, heard)
            if less < least:
                chosen, least = replace(chosen, sharpness=sharpness), less
    if not recipe.blend:
        return chosen
    return replace(chosen, blend=(0.4, 0.3, 0.3) if size <= LOGISTIC_LIMIT else (0.5, 0.5))


def _best(problem: linear.Problem, costs: Sequence[float], sharpness: float, heard: Noise) -> tuple[float, float]:
    """The cost of the least loss, and that loss."""
    truth = problem.truth[problem.tested]
    losses = [_loss(scores, truth, heard) for scores in linear.sweep(problem, costs, sharpness)]
    best = int(np.argmin(losses))
    return costs[best], losses[best]


def _loss(scores: Array, truth: Index, heard: Noise) -> float:
    """The calibrated loss of held-out scores."""
    return linear.loss(scores / linear.temperature(scores, truth, heard), truth, heard)


def _blend(held: linear.Held, truth: Index, setting: linear.Setting, heard: Noise) -> tuple[float, ...]:
    """The shares of the machines that make held-out labels most likely, out of a few."""
    if not len(truth):
        return setting.blend
    size = len(setting.blend)
    candidates = [b[:size] for b in BLENDS if not any(b[size:])]
    losses = [_loss(held.scores(blend), truth, heard) for blend in candidates]
    return candidates[int(np.argmin(losses))]
