"""Learns what sentence vectors add to a head, and whether they add enough. Training only.

The TF-IDF scores of held-out rows stand still; a softmax regression learns what
they left open from the vectors and their nearness to the middles of each label's
mails, and a ridge regression on waves stands beside it. All shares simply add, so
each is exact, and the TF-IDF machines need not know of them (decision 0310).
Promises: a row's joint score comes from machines and middles that have not seen
its fold; deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier import linear, measures
from classifier.linear import ALWAYS, CLIP, Fitted
from classifier.measures import Array, Index
from classifier.ridge import ridge
from classifier.sentence import SHARPNESS, lifted, rounded
from classifier.vector import Floats

ITERATIONS = 40
MOST_MEANS, MEANS = 600, 8  # in all, and per label
FEWEST = 5  # mails behind a mean, where a label has so many
ROUNDS = 8
# Below this share of the largest, a direction among the means is noise that float32 cannot carry.
NARROW = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How much the TF-IDF scores (made likely by their temperature) count, and the cost of the regression."""

    words: float
    cost: float


# Short natural questions want the first, a few labels the second, long terse tickets the third (decision 0310).
SHARES = (Share(words=0.3, cost=10.0), Share(words=0.2, cost=30.0), Share(words=0.7, cost=3.0))


# Shares of the regression, of the machine on waves, and of the words once more. Few, so that the choice is no fit.
ENOUGH = 2000  # mails; with fewer the waves add nothing, and the folds cannot tell a mixture
MIXES = ((1.0, 0.0, 0.0), (0.7, 0.3, 0.0), (0.5, 0.3, 0.2), (0.3, 0.4, 0.3))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Open:
    """What one head leaves to the vectors.

    `scores` float64 [tested, labels] are held-out and divided by their temperature; `vectors` float32
    [rows, dimension]; `truth`, `fold` and `weight` are per row, as in `linear.Problem`; `group` numbers the
    categories, whose mails have middles of their own, and `foreign` is that of others' topics.
    """

    scores: Array
    vectors: Floats
    truth: Index
    fold: Index
    weight: NDArray[np.float32]
    group: Index
    foreign: int = -1

    @property
    def tested(self) -> Index:
        return np.flatnonzero(self.fold != ALWAYS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Joint:
    """A head with its sentence part.

    Held out: `scores` float64 [tested, labels] of both together, and `near` float64 [tested], the cosine to
    the nearest middle of the desk's mails.
    """

    share: Share
    mix: tuple[float, ...]  # of regression, waves and words alone
    words_scale: float  # what TF-IDF scores (divided by their temperature) are multiplied by in the sum
    coefficients: Floats
    bends: Floats  # of no rows where the waves take no part
    intercepts: Array
    scores: Array
    near: Array
    before: float  # macro-F1 of held-out rows by TF-IDF alone
    after: float

    def words(self, fitted: Fitted, temperature: float) -> Fitted:
        """The TF-IDF part as it enters the sum."""
        scale = self.words_scale / temperature
        return Fitted(
            coefficients=fitted.coefficients * np.float32(scale), intercepts=fitted.intercepts * scale + self.intercepts
        )


def join(problem: Open, middles: Floats) -> Joint:
    """The best of a few shares on one fold, the held-out scores of all folds, and the machine of all rows.

    `middles` are the means the model will keep.
    """
    truth = problem.truth[problem.tested]
    first = int(problem.fold[problem.tested].min())
    share = min(SHARES, key=lambda s: _loss(_held(problem, s, first), truth))
    scores, near = np.zeros_like(problem.scores), np.zeros(len(truth))
    for number in np.unique(problem.fold[problem.tested]):
        held = _held(problem, share, int(number))
        scores[held.rows], near[held.rows] = held.scores, held.near
    mixes_of = MIXES if len(truth) >= ENOUGH else MIXES[:1]
    bent, bends = np.zeros((len(problem.truth), scores.shape[1])), np.zeros((0, scores.shape[1]), dtype=np.float32)
    if len(mixes_of) > 1:
        bent, bends = ridge(problem.vectors, problem.truth, scores.shape[1], problem.fold, problem.weight)
    coefficients, intercepts = _fit(problem, share, np.arange(len(problem.truth)), middles)
    parts = (scores, bent[problem.tested], problem.scores)
    spreads = [float(np.maximum(part - part.mean(axis=1, keepdims=True), CLIP).std()) or 1.0 for part in parts]
    mixes = [tuple(m / spread for m, spread in zip(mix, spreads, strict=True)) for mix in mixes_of]
    sums = [np.sum([m * part for m, part in zip(mix, parts, strict=True)], axis=0) for mix in mixes]
    losses = [linear.loss(each / linear.temperature(each, truth), truth) for each in sums]
    best = int(np.argmin(losses))
    regressed, waved, plain = mixes[best]
    return Joint(
        share=share,
        mix=mixes_of[best],
        words_scale=regressed * share.words + plain,
        coefficients=coefficients * np.float32(regressed),
        bends=bends[: len(bends) if waved else 0] * np.float32(waved),
        intercepts=intercepts * regressed,
        scores=sums[best],
        near=near,
        before=measures.macro_f1(truth, problem.scores.argmax(axis=1)),
        after=measures.macro_f1(truth, sums[best].argmax(axis=1)),
    )


def means(vectors: Floats, group: Index) -> tuple[Floats, Index]:
    """A few middles of each group's vectors, float32 [means, dimension] of length one, and the group of each."""
    groups = np.unique(group)
    most = max(1, min(MEANS, MOST_MEANS // max(1, len(groups))))
    found = [_middles(vectors[group == each], most) for each in groups]
    owners = np.repeat(groups, [len(each) for each in found])
    return (rounded(np.vstack(found)) if found else np.zeros((0, vectors.shape[1]), dtype=np.float32)), owners


class _Held(NamedTuple):
    rows: Index  # of the tested ones
    scores: Array
    near: Array


def _loss(held: _Held, truth: Index) -> float:
    chosen = measures.softmax(held.scores)[np.arange(len(held.rows)), truth[held.rows]]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def _held(problem: Open, share: Share, number: int) -> _Held:
    """What the rows of fold `number` get from the others."""
    tested = problem.tested
    learn = np.flatnonzero(problem.fold != number)
    middles, owners = means(problem.vectors[learn], problem.group[learn])
    coefficients, intercepts = _fit(problem, share, learn, middles)
    hold = np.flatnonzero(problem.fold[tested] == number)
    vectors = problem.vectors[tested[hold]]
    said = lifted(vectors, middles) @ coefficients
    near = (vectors @ middles[owners != problem.foreign].T).max(axis=1, initial=-1.0)
    return _Held(hold, share.words * problem.scores[hold] + said + intercepts, near.astype(np.float64))


def _fit(problem: Open, share: Share, rows: Index, middles: Floats) -> tuple[Floats, Array]:
    start = np.zeros((len(problem.truth), problem.scores.shape[1]), dtype=np.float32)
    start[problem.tested] = share.words * problem.scores  # a keyword has no held-out score and starts from nothing
    cost = problem.weight[rows] * np.float32(share.cost)
    basis = _basis(middles)
    found, intercepts = regression(
        lifted(problem.vectors[rows], middles) @ basis, problem.truth[rows], start[rows], cost
    )
    return basis @ found, intercepts


def _basis(middles: Floats) -> Floats:
    """Vectors as they are, nearness in directions that do not overlap: float32 [dimension + means, directions]."""
    dimension = middles.shape[1]
    likeness = np.exp(SHARPNESS * (middles @ middles.T - 1.0)).astype(np.float64)
    sizes, directions = np.linalg.eigh(likeness)
    kept = sizes > NARROW * sizes[-1]
    basis = np.zeros((dimension + len(middles), dimension + int(kept.sum())), dtype=np.float32)
    basis[:dimension, :dimension] = np.eye(dimension)
    basis[dimension:, dimension:] = directions[:, kept] / np.sqrt(sizes[kept])
    return basis


def regression(vectors: Floats, truth: Index, start: Floats, cost: NDArray[np.float32]) -> tuple[Floats, Array]:
    """Softmax regression on top of given scores `start` float32 [rows, labels]: coefficients and intercepts."""
    from scipy.optimize import minimize  # noqa: PLC0415 -- training only

    rows, dimension = vectors.shape
    labels = start.shape[1]
    at = np.arange(rows)
    costs = cost[:, np.newaxis]

    def loss(flat: Array) -> tuple[float, Array]:
        weights = flat[: dimension * labels].reshape(dimension, labels).astype(np.float32)
        scores = vectors @ weights
        scores += start
        scores += flat[dimension * labels :].astype(np.float32)
        scores -= scores.max(axis=1, keepdims=True)
        right = scores[at, truth].copy()
        np.exp(scores, out=scores)
        total = scores.sum(axis=1, keepdims=True)
        value = float((cost * (np.log(total[:, 0]) - right)).sum(dtype=np.float64))
        scores /= total
        scores[at, truth] -= 1.0
        scores *= costs
        slope = vectors.T @ scores + weights
        gradient = np.concatenate((slope.ravel(), scores.sum(axis=0))).astype(np.float64)
        return value + 0.5 * float((weights * weights).sum(dtype=np.float64)), gradient

    zero = np.zeros(dimension * labels + labels)
    found: Any = minimize(loss, zero, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "gtol": 1e-3})
    weights, bias = found.x[: dimension * labels].reshape(dimension, labels), found.x[dimension * labels :]
    centred: Floats = (weights - weights.mean(axis=1, keepdims=True)).astype(np.float32)
    return centred, bias - bias.mean()


def _middles(vectors: Floats, most: int) -> Floats:
    """Spherical k-means from well-spread rows; what gathers too few mails is left out."""
    whole = _unit(vectors.mean(axis=0, keepdims=True))
    count = min(most, len(vectors) // FEWEST)
    if count < 2:
        return whole
    chosen = [int((vectors @ whole[0]).argmax())]
    for _ in range(count - 1):
        chosen.append(int((vectors @ vectors[chosen].T).max(axis=1).argmin()))
    centres = vectors[chosen]
    for _ in range(ROUNDS):
        owner = (vectors @ centres.T).argmax(axis=1)
        centres = _unit(np.stack([vectors[owner == n].sum(axis=0) for n in range(count)]))
    sizes = np.bincount((vectors @ centres.T).argmax(axis=1), minlength=count)
    enough = centres[sizes >= FEWEST]
    return enough if len(enough) else whole


def _unit(rows: Floats) -> Floats:
    lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    scaled: Floats = (rows / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
    return scaled
