"""Which language a mail is written in, only when that is sure.

py3langid (0.07 ms a text, loaded once in some 100 ms) among the languages people write to desks
in. Too short, too mixed or too close gives "": the caller then prefers the requester's last
language. Deterministic; bounded to the first 600 letters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

_KNOWN = (
    "en", "de", "fr", "es", "pt", "nl", "it", "sv", "da", "no", "nb", "fi", "pl", "cs", "sk", "hu",
    "ro", "tr", "ru", "uk", "bg", "el", "he", "ar", "fa", "zh", "ja", "ko", "ca", "hr", "sl", "et",
    "lv", "lt", "vi", "id", "th", "hi",
)  # fmt: skip
_NOT_WORDS = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|<[^<>]{0,200}>|[\d_#*=|>\[\]{}()/\\:;,.!?\"'-]+|\s+")
_CHARS = 600  # 1,000 cost half as much again and decided none of 3,000 long tickets differently (November 2026)
_LETTERS = 12  # fewer letters say nothing
_FOREIGN_LETTERS = 20  # to leave the desk's own languages more is asked for
# Least share of the first language and least ratio to the second. On 3,030 labelled requests in 8 languages
# (November 2026): subject and text sure 99.3 %, none wrong; subject alone sure 61 %, 0.2 % wrong.
_OURS = (0.50, 4.0)
_FOREIGN = (0.70, 8.0)
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # scripts in which a few signs are a sentence


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - 120 MB of numpy and model, workers only

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([code for code in _KNOWN if code in set(identifier.nb_classes)])
    return identifier


def detect(text: str, allowed: Sequence[str] = ()) -> str:
    """The ISO 639-1 code of the language of `text`, "" when not sure.

    `allowed` are the desk's languages (empty: any). Another language is named only when that is
    much surer, so that nobody is answered in a guess.
    """
    words = _NOT_WORDS.sub(" ", text[: 4 * _CHARS])[:_CHARS].strip()
    letters = sum(1 for _ in islice(filter(str.isalpha, words), _FOREIGN_LETTERS))  # more say no more
    letters += 5 * len(_DENSE.findall(words)) if not words.isascii() else 0
    if letters < _LETTERS:
        return ""
    ranked = _identifier().rank(words)
    (code, share), (_, second) = ranked[0], ranked[1]
    ours = not allowed or code in allowed
    least_share, least_ratio = _OURS if ours else _FOREIGN
    if float(share) < least_share or float(share) < least_ratio * float(second):
        return ""
    if not ours and letters < _FOREIGN_LETTERS:
        return ""
    return {"nb": "no", "nn": "no"}.get(str(code), str(code))
