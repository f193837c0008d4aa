"""Which labelled mails teach and which measure: the newest when dates are known, else a part fixed by content.

Promises: a thread or near-copies never stand on both sides; a row that measured once measures again after more rows
were added, so that an older model, measured on the same terms, has never seen it; small classes only teach.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from classifier.corpus import KEYWORD, TERSE, Row, groups, near_key, split_by_time

SMALL_CLASS = 5
_DATED = 0.8  # share of rows with a date from which time decides

Sides = tuple[tuple[Row, ...], tuple[Row, ...]]


def split(rows: Sequence[Row], *, share: float, most: int, seed: int) -> Sides:
    """(rows that teach, rows that measure)."""
    if not rows:
        return (), ()
    share = min(share, most / len(rows))
    mails = [row for row in rows if row.source not in {KEYWORD, TERSE}]
    if sum(1 for row in mails if row.at > 0) >= _DATED * len(mails):
        older, newer = split_by_time(mails, test_share=share)
        teach, measure = list(older), list(newer)
    else:
        teach, measure = _by_content(mails, share, seed)
    sizes = Counter(row.category for row in mails)
    taught = Counter(row.category for row in teach)
    # A class that only the measuring side has would be counted against every model.
    small = {name for name, size in sizes.items() if size < SMALL_CLASS or taught[name] == 0}
    moved = [row for row in measure if row.category in small]
    rest = [row for row in rows if row.source in {KEYWORD, TERSE}]
    return (*teach, *moved, *rest), tuple(row for row in measure if row.category not in small)


def _by_content(rows: Sequence[Row], share: float, seed: int) -> tuple[list[Row], list[Row]]:
    number = groups(rows)
    least: dict[int, str] = {}
    for row, group in zip(rows, number, strict=True):
        key = row.thread or near_key(row)
        least[group] = min(least.get(group, key), key)
    held = {group: _draw(f"{seed}:{key}") < share for group, key in least.items()}
    teach = [row for row, group in zip(rows, number, strict=True) if not held[group]]
    return teach, [row for row, group in zip(rows, number, strict=True) if held[group]]


def _draw(key: str) -> float:
    """A number in [0, 1) that only the key determines."""
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8).digest()) / 2.0**64
