"""Where the header ends and which fields are in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.fields import Block, read_block


def read(raw: bytes, *, limit_bytes: int = 10_000, limit_fields: int = 100) -> Block:
    return read_block(raw, limit_bytes=limit_bytes, limit_fields=limit_fields)


def pairs(raw: bytes) -> list[tuple[str, bytes]]:
    return [(field.name, field.unfolded) for field in read(raw).fields]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\r\n"], ids=["lf", "crlf", "crcrlf"])
def test_fields_and_body_are_found_with_every_line_end(end: bytes) -> None:
    """LF, CRLF and the CRCRLF of broken conversions end lines."""
    raw = b"Subject: a" + end + b" b" + end + b"To: c" + end + end + b"body"

    block = read(raw)

    assert [(field.name, field.unfolded) for field in block.fields] == [("subject", b"a b"), ("to", b"c")]
    assert raw[block.body_start :] == b"body"


def test_a_line_that_is_no_field_starts_the_body() -> None:
    """What an MTA saw as body never becomes a header field."""
    raw = b"From: a\njunk\nAuthentication-Results: x\n\nbody"

    block = read(raw)

    assert [field.name for field in block.fields] == ["from"]
    assert raw[block.body_start :].startswith(b"junk")


def test_a_bare_cr_starts_no_field() -> None:
    """A carriage return inside a value is a space."""
    assert pairs(b"Subject: a\rBcc: b\n\n") == [("subject", b"a Bcc: b")]


def test_mbox_lines_in_front_are_skipped() -> None:
    """Pipes leave "From " and ">From " lines."""
    assert pairs(b"From a@b Tue Nov  3 10:00:00 2026\nTo: c\n\n") == [("to", b"c")]
    assert pairs(b">From a@b Tue Nov  3 10:00:00 2026\nTo: c\n\n") == [("to", b"c")]


def test_space_before_the_colon_is_allowed() -> None:
    """Obsolete syntax (RFC 5322 §4.5) is read as Postfix reads it."""
    assert pairs(b"Subject : a\n\n") == [("subject", b"a")]


def test_no_header_and_no_body() -> None:
    """A mail that starts with an empty line has no fields, one without an empty line no body."""
    assert read(b"\r\nbody") == Block((), 2)
    assert read(b"To: a\n").body_start == 6
    assert read(b"").fields == ()


def test_limits_cut_and_say_so() -> None:
    """More fields or bytes than allowed are not read."""
    many = read(b"X: y\n" * 50 + b"\nbody", limit_fields=10)
    long = read(b"X: " + b"y" * 500 + b"\n\nbody", limit_bytes=100)

    assert (len(many.fields), many.cut) == (10, True)
    assert (len(long.fields), long.cut) == (1, True)
    assert not read(b"X: y\n" * 10 + b"\n", limit_fields=10).cut


@given(st.binary(max_size=300))
def test_any_bytes_are_read(raw: bytes) -> None:
    """No input raises, and the body starts inside the mail."""
    block = read(raw)

    assert 0 <= block.body_start <= len(raw)
    assert all(field.name == field.name.lower() for field in block.fields)
