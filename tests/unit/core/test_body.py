"""Flowed text, uuencoded files, and what is a stub."""

from __future__ import annotations

import binascii
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.body import Text, is_stub, lines_of, looks_like_html, make_body, take_uuencoded, unflow


@pytest.mark.parametrize(
    ("text", "delsp", "lines"),
    [
        ("one \ntwo\nthree", False, ["one two", "three"]),
        ("one \ntwo", True, ["onetwo"]),
        ("> one \n> two\nthree", False, ["> one two", "three"]),
        (">> one \n> two", False, ["> > one ", "> two"]),
        (" >stuffed\n From here", False, [">stuffed", "From here"]),
        ("end \n-- \nBob", False, ["end ", "-- ", "Bob"]),
        ("a\n\nb", False, ["a", "", "b"]),
    ],
    ids=["soft break", "delsp", "quoted", "depth changes", "space stuffing", "signature", "blank line"],
)
def test_flowed_text_is_joined(text: str, delsp: bool, lines: list[str]) -> None:
    """RFC 3676: soft line breaks end, quote depth and signatures stay."""
    assert unflow(text, delsp=delsp) == lines


@given(st.lists(st.sampled_from(["a ", "b", "> c ", ">> d", "-- ", "", " "]), max_size=30))
def test_flowed_text_loses_no_words(lines: list[str]) -> None:
    """Every letter that went in comes out, in order."""
    joined = "".join(unflow("\n".join(lines)))

    assert [char for char in joined if char.isalpha()] == [char for line in lines for char in line if char.isalpha()]


def uuencoded(name: str, data: bytes) -> str:
    rows = [binascii.b2a_uu(data[at : at + 45]).decode("ascii") for at in range(0, len(data), 45)]
    return f"begin 644 {name}\n{''.join(rows)}`\nend\n"


def test_uuencoded_files_are_taken_out() -> None:
    """Text before MIME held its files; they become attachments with their bytes."""
    text, files = take_uuencoded("See below.\n" + uuencoded("a.bin", bytes(range(200))) + "Bye\n")

    assert text == "See below.\nBye\n"
    assert [(file.name, file.data) for file in files] == [("a.bin", bytes(range(200)))]


@pytest.mark.parametrize(
    "text",
    [
        "begin 644 words\nare words, not a file\nend",
        "I begin 644 things\nend",
        "begin 644 open.bin\nM" + "A" * 60,
        "nothing",
    ],
)
def test_sentences_that_begin_with_begin_stay(text: str) -> None:
    """What is no uuencoded file stays text."""
    assert take_uuencoded(text) == (text, ())


def test_many_begins_are_linear() -> None:
    """A flood of "begin" lines costs no more than its length (asserted loosely)."""
    started = time.process_time()
    take_uuencoded("begin 644 a\n" * 20_000 + "\nend\n")

    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("plain", "stub"),
    [
        ("", True),
        ("  \n", True),
        ("Please view this message in HTML.", True),
        ("Your e-mail client does not support HTML. View it online: https://example.org", True),
        ("The printer shows an HTML error page, please help.", False),
        ("Hello", False),
    ],
)
def test_stub_or_text(plain: str, stub: bool) -> None:
    """A text that only points at the HTML is a stub when the HTML says much more."""
    html = "x" * 2_000 if stub else "The printer shows an HTML error page, please help."

    assert is_stub(plain, html) is stub


def test_html_under_a_plain_label_is_seen() -> None:
    """Some mailers label their HTML as plain text."""
    assert looks_like_html("<html><body><p>hi</p></body></html>")
    assert not looks_like_html("<p> is the tag that I mean")


def test_body_of_no_text_is_empty() -> None:
    """White space alone is no body."""
    assert make_body(lines_of(Text(" \n\n"), limit=100, html_limit=100), source="plain").source == "none"


def test_body_has_all_parts() -> None:
    """New, quoted and signature add up to the full text."""
    body = make_body(lines_of(Text("hi\n> you\n-- \nBob"), limit=100, html_limit=100), source="plain")

    assert (body.new, body.quoted, body.signature, body.full) == ("hi", "> you", "--\nBob", "hi\n> you\n-- \nBob")
