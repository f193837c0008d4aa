"""Which language a mail is written in, only when that is sure.

py3langid (0.07 ms a text, loaded once in some 100 ms) among the languages people write to desks
in. Too short, too mixed or too close gives "": the caller then prefers the requester's last
language. Deterministic; bounded to the first 2,000 letters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

_KNOWN = (
    "en", "de", "fr", "es", "pt", "nl", "it", "sv", "da", "no", "nb", "fi", "pl", "cs", "sk", "hu",
    "ro", "tr", "ru", "uk", "bg", "el", "he", "ar", "fa", "zh", "ja", "ko", "ca", "hr", "sl", "et",
    "lv", "lt", "vi", "id", "th", "hi",
)  # fmt: skip
_NOT_WORDS = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|<[^<>]{0,200}>|[\d_#*=|>\[\]{}()/\\:;,.!?\"'-]+|\s+")
_CHARS = 2_000
_LETTERS = 12  # fewer letters say nothing
_SURE = 0.80
_SURE_SHORT = 0.95  # below 40 letters
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # scripts in which a few signs are a sentence


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - 120 MB of numpy and model, workers only

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([code for code in _KNOWN if code in set(identifier.nb_classes)])
    return identifier


def detect(text: str, allowed: Sequence[str] = ()) -> str:
    """The ISO 639-1 code of the language of `text`, "" when not sure.

    `allowed` are the desk's languages: when two are close, one of them wins. A sure other language
    is named all the same, so that nobody is answered in a guess.
    """
    words = _NOT_WORDS.sub(" ", text[: 4 * _CHARS])[:_CHARS].strip()
    letters = sum(char.isalpha() for char in words)
    letters += 5 * len(_DENSE.findall(words))
    if letters < _LETTERS:
        return ""
    ranked = [(str(code), float(share)) for code, share in _identifier().rank(words)]
    code, share = ranked[0]
    sure = _SURE if letters >= 40 else _SURE_SHORT
    if share < sure and allowed:
        close = [(c, s) for c, s in ranked if c in allowed]
        total = sum(s for _, s in close)
        if close and total > 0.5 and close[0][1] / total >= sure:
            code, share = close[0][0], sure
    return {"nb": "no", "nn": "no"}.get(code, code) if share >= sure else ""
