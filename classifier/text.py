"""From a mail's words to the normalised text every model sees.

Owns normalisation and the input bound. Promises: linear time, never raises on
content, the same output on every platform with the same Unicode tables, and
never more than `LIMIT_CHARS` characters (a 120 kB body costs up to 0.7 s to
vectorise with character n-grams; measured 2026-11). Addresses, links and long
numbers become placeholders, so that no personal value can become a feature.
"""

from __future__ import annotations

import re
import unicodedata

LIMIT_CHARS = 4000

# Both repetitions are bounded, so a hostile run of characters costs a constant per position.
_ADDRESS = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{1,255}")
_LINK = re.compile(r"(?:https?://|www\.)\S{1,2000}")
_NUMBER = re.compile(r"\d{4,}")
_HIGH = re.compile("[^\x00-\u02ff]")  # each combining mark is one; to ask every letter took 3 ×
_TOKEN = re.compile(r"\b\w\w+\b")

ADDRESS = "emailaddr"
LINK = "weblink"
NUMBER = "0000"


def _without_mark(found: re.Match[str]) -> str:
    return "" if unicodedata.combining(found[0]) else found[0]


def normalise(subject: str, text: str) -> str:
    """Subject and text as one lower-case NFKD string without accents, at most `LIMIT_CHARS` long.

    Accents go because half of the people who write Spanish or Portuguese mails leave them out.
    """
    raw = f"{subject[:LIMIT_CHARS]}\n{text[:LIMIT_CHARS]}"[:LIMIT_CHARS]
    if not raw.isascii():
        # NFKD can make one character eighteen (U+FDFA): cut again after it.
        raw = unicodedata.normalize("NFKD", raw)[:LIMIT_CHARS]
        raw = _HIGH.sub(_without_mark, raw)
    raw = raw.lower()
    raw = _LINK.sub(LINK, raw)
    raw = _ADDRESS.sub(ADDRESS, raw)
    return _NUMBER.sub(NUMBER, raw)


def chunks(normalised: str) -> list[str]:
    """The white-space separated pieces, punctuation kept: what character n-grams are cut from."""
    return normalised.split()


def tokens(normalised: str) -> list[str]:
    """The words of two or more characters, punctuation dropped: what word n-grams are made of."""
    return _TOKEN.findall(normalised)


_SENTENCE = frozenset('.,;:!?()"')


def bare(subject: str, text: str) -> bool:
    """True when nothing is left of how a person writes: not one capital letter, not one mark between words."""
    return not any(c.isupper() or c in _SENTENCE for part in (subject, text) for c in part[:LIMIT_CHARS])
