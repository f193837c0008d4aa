"""Which rows learn and which are held out: stratified folds that keep groups whole.

Promises: deterministic by seed, every row in exactly one fold, rows of one group
(thread, near-copies) in the same fold. Needs numpy only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def assign(labels: Sequence[str], group: Sequence[int], *, folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of every row, each label spread as evenly as its groups allow."""
    random = np.random.default_rng(seed)
    members: dict[int, list[int]] = defaultdict(list)
    for row, number in enumerate(group):
        members[number].append(row)
    by_label: dict[str, list[int]] = defaultdict(list)
    for number, rows in members.items():
        by_label[labels[rows[0]]].append(number)
    fold = np.zeros(len(labels), dtype=np.int64)
    total = np.zeros(folds)
    for label in sorted(by_label):
        numbers = [by_label[label][i] for i in random.permutation(len(by_label[label]))]
        numbers.sort(key=lambda n: -len(members[n]))
        held = np.zeros(folds)
        for number in numbers:
            # Fewest of this label first, then the smallest fold.
            target = min(range(folds), key=lambda f: (held[f], total[f], f))
            fold[members[number]] = target
            held[target] += len(members[number])
            total[target] += len(members[number])
    return fold
