"""Learns what sentence vectors add to a head, and whether they add enough. Training only.

The TF-IDF scores of held-out rows stand still; a softmax regression on the
vectors learns what they left open. So the sum is linear, each share is exact, and
the TF-IDF machines need not know of it (decision 0310). Promises: a row's joint
score comes from machines that have not seen its fold; a head uses the encoder only
where held-out macro-F1 rises by what the recipe asks; deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier import measures
from classifier.linear import ALWAYS, Fitted
from classifier.measures import Array, Index
from classifier.vector import Floats

ITERATIONS = 40
MEANS = 3  # per label; 1 to 10 give the same within 0.001 of AUROC, single mails (5-NN) 0.001 less
FEWEST = 5  # mails behind a mean, where a label has so many
ROUNDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How much the TF-IDF scores (made likely by their temperature) count, and the cost of the regression."""

    words: float
    cost: float


# Short natural questions want the first, long terse tickets the second (decision 0310).
SHARES = (Share(words=0.3, cost=30.0), Share(words=0.7, cost=3.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Open:
    """What one head leaves to the vectors.

    `scores` float64 [tested, labels] are held-out and divided by their temperature; `vectors` float32
    [rows, dimension]; `truth`, `fold` and `weight` are per row, as in `linear.Problem`.
    """

    scores: Array
    vectors: Floats
    truth: Index
    fold: Index
    weight: NDArray[np.float32]

    @property
    def tested(self) -> Index:
        return np.flatnonzero(self.fold != ALWAYS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Joint:
    """A head with its sentence part: held-out `scores` float64 [tested, labels] of both together."""

    share: Share
    coefficients: Floats
    intercepts: Array
    scores: Array
    before: float  # macro-F1 of held-out rows by TF-IDF alone
    after: float

    def words(self, fitted: Fitted, temperature: float) -> Fitted:
        """The TF-IDF part as it enters the sum."""
        scale = self.share.words / temperature
        return Fitted(
            coefficients=fitted.coefficients * np.float32(scale), intercepts=fitted.intercepts * scale + self.intercepts
        )


def join(problem: Open) -> Joint:
    """The better of a few shares on one fold, then the held-out scores of all folds and the machine of all rows."""
    truth = problem.truth[problem.tested]
    share = min(SHARES, key=lambda s: _trial(problem, s))
    scores = np.zeros_like(problem.scores)
    for number in np.unique(problem.fold[problem.tested]):
        hold, values = _held(problem, share, int(number))
        scores[hold] = values
    coefficients, intercepts = _fit(problem, share, np.arange(len(problem.truth)))
    return Joint(
        share=share,
        coefficients=coefficients,
        intercepts=intercepts,
        scores=scores,
        before=measures.macro_f1(truth, problem.scores.argmax(axis=1)),
        after=measures.macro_f1(truth, scores.argmax(axis=1)),
    )


def means(vectors: Floats, labels: Index) -> Floats:
    """A few middles of each label's vectors, float32 [means, dimension] of length one, none of too few mails."""
    found = [_middles(vectors[labels == label]) for label in np.unique(labels)]
    return np.vstack(found) if found else np.zeros((0, vectors.shape[1]), dtype=np.float32)


def nearness(vectors: Floats, labels: Index, fold: Index) -> Array:
    """The cosine of each row to the nearest middle of rows outside its fold, float64 [rows]."""
    near = np.zeros(len(vectors))
    for number in np.unique(fold[fold != ALWAYS]):
        hold, learn = fold == number, fold != number
        near[hold] = (vectors[hold] @ means(vectors[learn], labels[learn]).T).max(axis=1, initial=-1.0)
    return near


def _trial(problem: Open, share: Share) -> float:
    """The loss on the first fold."""
    hold, values = _held(problem, share, int(problem.fold[problem.tested].min()))
    chosen = measures.softmax(values)[np.arange(len(hold)), problem.truth[problem.tested][hold]]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def _held(problem: Open, share: Share, number: int) -> tuple[Index, Array]:
    """Which of the tested rows fold `number` holds out, and their joint scores."""
    tested = problem.tested
    coefficients, intercepts = _fit(problem, share, np.flatnonzero(problem.fold != number))
    hold = np.flatnonzero(problem.fold[tested] == number)
    return hold, share.words * problem.scores[hold] + problem.vectors[tested[hold]] @ coefficients + intercepts


def _fit(problem: Open, share: Share, rows: Index) -> tuple[Floats, Array]:
    start = np.zeros((len(problem.truth), problem.scores.shape[1]), dtype=np.float32)
    start[problem.tested] = share.words * problem.scores  # a keyword has no held-out score and starts from nothing
    cost = problem.weight[rows] * np.float32(share.cost)
    return regression(problem.vectors[rows], problem.truth[rows], start[rows], cost)


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


def _middles(vectors: Floats) -> Floats:
    """Spherical k-means from well-spread rows; what gathers too few mails is left out."""
    whole = _unit(vectors.mean(axis=0, keepdims=True))
    count = min(MEANS, len(vectors) // FEWEST)
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
