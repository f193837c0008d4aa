"""Every reply of the corpus is read as its writer meant it."""

from __future__ import annotations

import re
import time
from collections import Counter
from functools import cache

import pytest

from daemon.core.limits import Limits
from daemon.core.message import Message
from daemon.core.parse import parse
from replies.clients import build
from replies.script import Case, cases

CASES = cases()
EXACT = 0.97  # of all replies; the others may keep more


@cache
def read(case: Case) -> Message:
    sent = ("\n".join(case.language.letter),) if "sent" in case.options else ()
    return parse(build(case), Limits(), sent)


def words(text: str) -> list[str]:
    """Words as they were typed; the marks of list items are the program's."""
    text = re.sub(r"(?m)^\s*(?:[*•-]|\d\.)\s+", "", text)
    return text.split()


def lost(case: Case) -> list[str]:
    return list((Counter(words(case.expected)) - Counter(words(read(case).body.new))).elements())


def is_exact(case: Case) -> bool:
    return words(read(case).body.new) == words(case.expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_writers_words(case: Case) -> None:
    """No word of the writer is lost; where it can be told, nothing else is left, and the full text is kept."""
    body = read(case).body

    assert lost(case) == []
    if "keep" not in case.options:
        assert words(body.new) == words(case.expected)
    assert Counter(words(case.expected)) <= Counter(words(body.full))


def test_the_corpus_holds_its_bounds() -> None:
    """At least 150 replies of twelve programs and ten languages: 97 % read exactly, none with a word lost."""
    exact = sum(is_exact(case) for case in CASES)

    assert len(CASES) >= 150
    assert len({case.client for case in CASES}) >= 12
    assert len({case.language.code for case in CASES}) >= 10
    assert exact / len(CASES) >= EXACT
    assert not [case.name for case in CASES if lost(case)]


def test_the_daemon_knows_its_letters() -> None:
    """Read as the daemon does, which looks up the letter that a mail names: every one is exact, no word is lost."""
    for case in CASES:
        letter = "\n".join(case.language.letter)
        new = parse(build(case), Limits(), (letter,)).body.new

        assert words(new) == words(case.expected), case.name


def test_the_corpus_is_read_in_no_time() -> None:
    """A reply is read in milliseconds (asserted loosely)."""
    mails = [build(case) for case in CASES]
    started = time.process_time()

    for mail in mails:
        parse(mail, Limits())

    assert time.process_time() - started < 0.03 * len(mails)
