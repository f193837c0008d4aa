"""Comparing a reply with what we sent: our own lines are quoted, others among them are answers.

Programs like Outlook quote without any mark; only our own text tells an answer from the mail it
answers. Lines are compared by their words, without quote marks and case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from daemon.core.token import redact

_BARE = re.compile(r"[\s>|*_]+")
_WEIGHT = 12  # shorter lines ("Hello,") are equal by chance; an ideograph says as much as three letters


_PIECE, _LONGEST = 30, 20_000  # characters of a piece of our text that cannot be somebody's own words by chance
_WHOLE = 100_000
_SEARCHED = 2_000  # lines that are looked for in our text; a letter of ours has some dozens


_LINK = re.compile(r"<(?:mailto:|https?://)[^<>]{1,1000}>", re.IGNORECASE)  # what programs put behind an address


def key(text: str) -> str:
    """What is left of a line when marks, spaces and case do not count."""
    return _BARE.sub(" ", text).strip().casefold()


def is_telling(text: str) -> bool:
    """True for a key long enough not to be equal by chance."""
    return len(text) >= _WEIGHT or sum(3 if char > "\u2e80" else 1 for char in text) >= _WEIGHT


def known_lines(texts: Sequence[str], sent: Sequence[str]) -> tuple[list[bool], list[bool]]:
    """Of each line: whether we surely sent it, and whether we may have.

    Programs set a row of our table as `label value` or as two lines, and break long lines of ours: a long piece of our
    text between two words is ours, a short one is not, since "as soon as possible" is also an answer.
    """
    ours = {found for text in sent for line in text.splitlines() for found in _written(line)}
    whole = f" {' '.join(key(text) for text in sent)[:_WHOLE]} "
    keys = [key(_LINK.sub(" ", text)) for text in texts]
    sure, maybe = [], []
    after = -1  # where in our text the line above ended; what goes on from there is ours, however short
    for number, each in enumerate(keys):
        at = whole.find(f" {each} ") if _PIECE <= len(each) <= _LONGEST and number < _SEARCHED else -1
        goes_on = bool(each) and after >= 0 and whole.startswith(f"{each} ", after)
        marked = redact(texts[number]) != texts[number]  # nobody types an address with a token of ours
        sure.append(is_telling(each) and (each in ours or at >= 0))
        maybe.append(marked or not each or each in ours or at >= 0 or goes_on)
        after = after + len(each) + 1 if goes_on else at + len(each) + 2 if at >= 0 else -1
    return sure, maybe


def _written(line: str) -> tuple[str, ...]:
    """The forms in which a line of ours comes back; a row of facts (it is indented) also in two halves."""
    whole = key(line)
    label, colon, value = whole.partition(": ")
    if not colon or not line.startswith("  "):
        return (whole,) if whole else ()
    return whole, label, f"{label}:", value, f"{label} {value}"
