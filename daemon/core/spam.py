"""What a spam filter in front of us found: the highest score of the topmost fields.

Reads SpamAssassin's and rspamd's fields. They are claims (anybody may write them), but all a
forger gains is that his own mail is put aside.
"""

from __future__ import annotations

import re

from daemon.core.case import Case, bare

_NUMBER = r"(-?\d{1,5}(?:\.\d{1,6})?)"
_SCORED = (
    ("x-spam-status", re.compile(rf"(?:score|hits)\s?=\s?{_NUMBER}", re.IGNORECASE)),
    ("x-spam-score", re.compile(_NUMBER)),
    ("x-rspamd-score", re.compile(_NUMBER)),
    ("x-spamd-result", re.compile(rf"\[\s?{_NUMBER}\s?/")),
)
_BARS = ("x-spam-level", "x-spam-bar", "x-rspamd-bar")
_FLAGS = ("x-spam-flag", "x-spam")


def marked_as_spam(case: Case) -> str | None:
    """A score above `policy.spam_limit`; a bare "yes" counts when no field gives a score."""
    scores = list(_scores(case))
    if not scores:
        flag = next(((n, v) for n in _FLAGS for v in case.fields.get(n, [])[:1] if bare(v) in {"yes", "true"}), None)
        return f"{flag[0]}: {flag[1]}" if flag else None
    score, evidence = max(scores)
    return evidence if score > case.policy.spam_limit else None


def _scores(case: Case) -> list[tuple[float, str]]:
    found = []
    for name, pattern in _SCORED:
        for value in case.fields.get(name, [])[:1]:
            match = pattern.search(value)
            if match:
                found.append((float(match[1]), f"{name}: {value}"))
    for name in _BARS:
        for value in case.fields.get(name, [])[:1]:
            length = len(value) - len(value.lstrip("*+xs"))
            if length:
                found.append((float(length), f"{name}: {value}"))
    return found
