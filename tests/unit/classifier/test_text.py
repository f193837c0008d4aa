"""Normalisation: bounded, linear, without personal values."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.text import LIMIT_CHARS, bare, chunks, normalise, tokens


@pytest.mark.parametrize(
    ("subject", "text", "expected"),
    [
        pytest.param("VPN", "Down", "vpn\ndown", id="lower-case"),
        pytest.param("", "Zurücksetzen CAFÉ", "\nzurucksetzen cafe", id="accents"),
        pytest.param("", "write marie@example.org", "\nwrite emailaddr", id="address"),
        pytest.param("", "see https://example.org/a?b=c now", "\nsee weblink now", id="link"),
        pytest.param("", "ticket 1234567 floor 3", "\nticket 0000 floor 3", id="number"),
        pytest.param("", "ﬁle Ⅷ", "\nfile viii", id="compatibility"),
    ],
)
def test_normal_form(subject: str, text: str, expected: str) -> None:
    """Case, accents, addresses, links and long numbers are evened out."""
    assert normalise(subject, text) == expected


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text(subject: str, text: str) -> None:
    """No text raises, and the result keeps the bound."""
    result = normalise(subject, text)
    assert len(result) <= 2 * LIMIT_CHARS
    assert all(t in result for t in tokens(result))
    assert "".join(chunks(result)) == "".join(result.split())


@pytest.mark.parametrize("bad", ["@" * 500_000, "a@" * 300_000, "ﷺ" * 100_000, "1" * 500_000, "www." * 200_000])
def test_hostile_input_is_cheap(bad: str) -> None:
    """Half a megabyte of the worst characters costs less than a fifth of a second."""
    start = time.process_time()
    assert len(normalise(bad, bad)) <= 3 * LIMIT_CHARS
    assert time.process_time() - start < 0.2


@pytest.mark.parametrize(
    ("subject", "text", "expected"),
    [("", "printer does not print", True), ("", "Printer does not print", False), ("vpn", "does it work?", False)],
)
def test_bare(subject: str, text: str, expected: bool) -> None:
    """Bare is what has neither a capital letter nor a mark between words."""
    assert bare(subject, text) is expected
