"""Comparing a reply with what we sent: our own lines are quoted, others among them are answers.

Programs like Outlook quote without any mark; only our own text tells an answer from the mail it
answers. Lines are compared by their words, without quote marks and case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_BARE = re.compile(r"[\s>|*_]+")
_WEIGHT = 12  # shorter lines ("Hello,") are equal by chance; an ideograph says as much as three letters


def key(text: str) -> str:
    """What is left of a line when marks, spaces and case do not count."""
    return _BARE.sub(" ", text).strip().casefold()


def is_telling(text: str) -> bool:
    """True for a key long enough not to be equal by chance."""
    return len(text) >= _WEIGHT or sum(3 if char > "\u2e80" else 1 for char in text) >= _WEIGHT


def known_lines(texts: Sequence[str], sent: Sequence[str]) -> tuple[list[bool], list[bool]]:
    """Of each line: whether we surely sent it, and whether we may have."""
    ours = {found for text in sent for line in text.splitlines() if (found := key(line))}
    keys = [key(text) for text in texts]
    return [each in ours and is_telling(each) for each in keys], [not each or each in ours for each in keys]
