"""What mail programs write round a reply, by language; read from `languages.toml`.

The tables are the programs' own forms as far as they are publicly known; names and addresses are
invented. They are kept apart from the daemon's tables on purpose: a word that the daemon does not know
must fail here.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One language. Labels are From, Sent, To, Subject; `sent` texts are one date in the programs' forms."""

    code: str
    writer: str
    subject: str
    letter: tuple[str, ...]
    older: tuple[str, ...]
    gmail: str
    gmail_older: str
    apple: str
    thunderbird: str
    k9: str
    yahoo: str
    outlook_labels: tuple[str, ...]
    outlook_date: str
    samsung_divider: str
    samsung_labels: tuple[str, ...]
    samsung_date: str
    zimbra_divider: str
    zimbra_labels: tuple[str, ...]
    zimbra_date: str
    gmx_labels: tuple[str, ...]
    gmx_date: str
    ios_mobile: str
    outlook_mobile: str
    samsung_mobile: str
    k9_mobile: str
    yahoo_mobile: str
    disclaimer: str


@lru_cache(maxsize=1)
def _all() -> dict[str, Language]:
    table = tomllib.loads((Path(__file__).parent / "languages.toml").read_text(encoding="utf-8"))
    names = {field.name for field in fields(Language)} - {"code"}
    found = {}
    for code, values in table.items():
        assert set(values) == names, (code, set(values) ^ names)
        frozen = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        found[code] = Language(code=code, **frozen)
    return found


def language(code: str) -> Language:
    """The language with this code."""
    return _all()[code]
