"""A letter: a notice that has found its words.

Owns `Facts` (all that a template may say, already in the reader's language), `Letter` (subject
and bodies, before they are bytes) and the two strings that we repeat from a stranger's mail:
the subject and the name. Both are cut and stripped of what would turn our answer into a
carrier for somebody else's message (mail-rules §4); neither grows from turn to turn.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from daemon.core.clean import clean_line
from daemon.core.notice import Notice, NoticeKind
from daemon.core.prefix import strip_prefixes

SUBJECT_CHARS = 80
NAME_CHARS = 60
_SCANNED = 1000  # what is looked at of a subject, before any loop over it
_NAME_TABOO = frozenset('/@\\<>:;|{}[]=%#$€£&*~^`"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a letter may say. Every value is one line in `language`, or "" when there is nothing to say.

    `due`, `previous_due`: instants in words. `hours`: the service hours in words.
    `holiday`: names of the holidays that moved the date. `advice`: what to do meanwhile.
    """

    desk: str
    reference: str
    language: str = "en"
    name: str = ""
    category: str = ""
    due: str = ""
    previous_due: str = ""
    hours: str = ""
    holiday: str = ""
    urgent: str = ""
    advice: str = ""
    tier: str = ""  # title of the tier that has the ticket now
    approval: str = ""  # whose word is waited for
    reason: str = ""  # why it was denied
    usual: str = ""  # by when four of five such requests are answered, in words
    closes: str = ""  # when the ticket will be closed, in words
    links: tuple[tuple[str, str], ...] = ()  # (order, mailto: URL) for an agent; never made of anything from a mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Subject and bodies. `text` is complete; `html` says the same, or is "" for a plain letter. Newlines are LF.

    `trouble` is one line for the operator when an admin's template failed and a built-in one spoke instead.
    """

    subject: str
    text: str
    html: str = ""
    language: str = "en"
    trouble: str = ""


def one_line(value: str, limit: int) -> str:
    """`value`, cleaned, as one line of at most `limit` characters; whatever is cut leaves an ellipsis."""
    line = clean_line(value, 4 * limit)
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    head, space, _ = cut.rpartition(" ")
    return f"{(head if space and len(head) > limit // 2 else cut).rstrip()}…"


def bare_subject(subject: str, reference: str) -> str:
    """The subject without reply marks and without our tag, one line of ≤ 80 characters; "" when nothing is left."""
    prefix = reference.rpartition("-")[0]
    line = one_line(subject, _SCANNED)
    if prefix:
        line = re.sub(rf"\[{re.escape(prefix)}-\d{{1,12}}\]", " ", line, flags=re.IGNORECASE)
    return one_line(strip_prefixes(line), SUBJECT_CHARS)


def tagged(subject: str, reference: str, *, reply: bool) -> str:
    """The subject line of a letter: exactly one tag (none without a reference), and one `Re:` where it answers."""
    if not reference:
        return subject
    return f"{'Re: ' if reply else ''}[{reference}] {subject}".rstrip()


def addressee(notice: Notice) -> str:
    """The name for greeting and To field: a stranger's display name is repeated only where the subject may be."""
    known = notice.echo_subject or notice.kind in {NoticeKind.TEAM, NoticeKind.REPLY}
    return speakable_name(notice.to_name) if known else ""


def speakable_name(name: str) -> str:
    """A name that may stand in a greeting, or "": a "name" with an address, a link or a sum of money is a message."""
    line = one_line(name, NAME_CHARS + 1)
    digits = sum(char.isdigit() for char in line)
    if len(line) > NAME_CHARS or digits > 2 or any(char in _NAME_TABOO for char in line):
        return ""
    if "www." in line.lower() or "." in line.strip(".").replace(". ", " "):
        return ""
    return line
