"""What we repeat of a stranger's mail: one line, short, and no message of his own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.address import Address
from daemon.core.letter import SUBJECT_CHARS, addressee, bare_subject, one_line, speakable_name, tagged
from daemon.core.notice import Notice, NoticeKind


@pytest.mark.parametrize(
    ("subject", "bare"),
    [
        ("Printer is silent", "Printer is silent"),
        ("Re: AW: SV: Printer is silent", "Printer is silent"),
        ("Re: [FL-1042] Printer is silent", "Printer is silent"),
        ("[FL-1042] Re: [FL-1042] Re: Printer is silent [fl-7]", "Printer is silent"),
        ("[Other-1042] Printer", "[Other-1042] Printer"),
        ("Re:", ""),
        ("[FL-1042]", ""),
        ("", ""),
        ("one\r\nBcc: x@y", "one Bcc: x@y"),
        ("a\0b\u202ec\u2028d", "abc d"),
        ("Regarding: the printer", "Regarding: the printer"),
    ],
)
def test_the_bare_subject(subject: str, bare: str) -> None:
    """No marks, no tag of ours, one line."""
    assert bare_subject(subject, "FL-1042") == bare


@given(st.text(max_size=300))
def test_a_subject_never_grows_from_turn_to_turn(subject: str) -> None:
    """Answering our own answer gives the same subject line again: one tag, one Re:."""
    first = tagged(bare_subject(subject, "FL-1042"), "FL-1042", reply=True)

    assert tagged(bare_subject(first, "FL-1042"), "FL-1042", reply=True) == first
    assert len(bare_subject(subject, "FL-1042")) <= SUBJECT_CHARS


@pytest.mark.parametrize("subject", ["Re: " * 50_000, "[FL-1]" * 50_000, "[" * 100_000, "x" * 1_000_000])
def test_a_huge_subject_is_only_looked_at_in_part(subject: str) -> None:
    """Bounded before any loop; the test's time limit is the proof."""
    assert len(bare_subject(subject, "FL-1")) <= SUBJECT_CHARS


@given(st.text(max_size=400), st.integers(1, 200))
def test_one_line_is_one_line(text: str, limit: int) -> None:
    """At most the limit, no line break that any reader knows, no control, nothing at the ends."""
    line = one_line(text, limit)

    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
    assert line == line.strip()
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in line)


@pytest.mark.parametrize(
    "name", ["Jo Doe", "Doe, Jo", "Jürgen Müller-Lüdenscheidt", "O'Neil", "山田 太郎", "J. R. Hartley", "Jo (IT)"]
)
def test_names_of_people_are_said(name: str) -> None:
    """Names stay as they are."""
    assert speakable_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "Win money at evil.example",
        "https://evil.example",
        "www.evil.example/x",
        "jo@example.org",
        "Call 0900 123456 now",
        "You won 1,000,000 $",
        "Jo <script>",
        "{{ 7*7 }}",
        "x" * 61,
        "",
    ],
)
def test_a_name_that_is_a_message_is_not(name: str) -> None:
    """An acknowledgment must not carry a stranger's advertisement to a forged sender (RFC 3834 §6)."""
    assert speakable_name(name) == ""


def test_only_a_proven_senders_name_is_repeated() -> None:
    """The rule for the subject holds for the name too; people of ours are known."""
    unproven = Notice(kind=NoticeKind.ACKNOWLEDGMENT, to=Address("jo", "example.org"), to_name="Jo Doe")

    assert addressee(unproven) == ""
    assert addressee(Notice(kind=NoticeKind.REPLY, to=Address("jo", "example.org"), to_name="Jo Doe")) == "Jo Doe"
