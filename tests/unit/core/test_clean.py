"""What `clean` lets through."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.clean import clean, clean_line

FORBIDDEN = "\x00\x01\x0b\x1b\x7f\x80\x85\x9f\ud800\udfff\u200e\u202e\u2066\u061c\ufeff\ufffe\U000e0041"


@pytest.mark.parametrize("char", FORBIDDEN, ids=lambda char: f"U+{ord(char):04X}")
def test_controls_and_bidi_marks_go(char: str) -> None:
    """A control, surrogate or direction mark never leaves `clean`."""
    assert clean(f"a{char}b", 100) == "ab"
    assert clean_line(f"a{char}b", 100) == "ab"


def test_line_ends_become_lf() -> None:
    """CRLF, CR and Unicode's own line ends are one LF each; tabs stay."""
    assert clean("a\r\nb\rc\u2028d\te", 100) == "a\nb\nc\nd\te"


def test_a_line_has_no_line_ends() -> None:
    """`clean_line` folds every run of white space to one space and strips."""
    assert clean_line("  a\r\n\tb\xa0 c \n", 100) == "a b c"


def test_text_is_nfc() -> None:
    """A letter and its combining mark become one character."""
    assert clean("u\u0308", 10) == "ü"


def test_limit_holds_after_normalisation() -> None:
    """Characters that NFC expands do not exceed the limit."""
    assert len(clean("\ufb1d" * 50, 50)) <= 50


def test_joiners_of_scripts_and_emoji_stay() -> None:
    """ZWJ and ZWNJ carry meaning in Persian and emoji."""
    assert clean("می\u200cخواهم 👨\u200d👩", 50) == "می\u200cخواهم 👨\u200d👩"


def test_a_million_combining_marks_are_thinned_in_linear_time() -> None:
    """Canonical ordering is quadratic in a run of marks, so the run is cut first."""
    started = time.process_time()
    text = clean("a" + "\u0300\u0316" * 500_000, 1_000_000)

    assert time.process_time() - started < 5
    assert len(text) <= 40


@given(st.text(), st.integers(min_value=0, max_value=80))
def test_output_is_safe_bounded_and_stable(text: str, limit: int) -> None:
    """Any text comes out without forbidden characters, in NFC, bounded, and unchanged by a second pass."""
    for function in (clean, clean_line):
        once = function(text, limit)
        assert len(once) <= limit
        assert not set(once) & set(FORBIDDEN)
        assert unicodedata.is_normalized("NFC", once)
        assert function(once, limit) == once
        once.encode("utf-8")
