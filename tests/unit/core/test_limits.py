"""The scan before the parse."""

from __future__ import annotations

import base64
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.limits import DEFAULT_LIMITS, Limits, exceeded

HEAD = b"From: a@example.net\r\nTo: help@example.org\r\nSubject: x\r\n"
TINY = Limits(
    message_bytes=4_000,
    header_bytes=1_000,
    fields=10,
    field_bytes=200,
    parts=5,
    depth=3,
    encoded_words=4,
    addresses=4,
    line_bytes=300,
    lines=100,
    parameters=5_000,
)


def multipart(*names: str, inner: bytes = b"\r\n\r\nhello\r\n") -> bytes:
    raw = HEAD
    for name in names:
        raw += f"Content-Type: multipart/mixed; boundary={name}\r\n\r\n--{name}\r\n".encode()
    return raw + inner


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (HEAD + b"\r\n" + b"x\r\n" * 2_000, "message_bytes"),
        (HEAD + b"X: y\r\n" * 5 + b"X: " + (b"y" * 150 + b"\r\n ") * 8 + b"\r\n\r\nx", "header_bytes"),
        (HEAD + b"X: y\r\n" * 20 + b"\r\nx", "fields"),
        (HEAD + b"X: " + b"y" * 250 + b"\r\n\r\nx", "field_bytes"),
        (HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 6, "parts"),
        (multipart("b1", "b2", "b3", "b4"), "depth"),
        (HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 4 + b"x", "depth"),
        (HEAD + b"X: " + b"=?a?q?b?= " * 5 + b"\r\n\r\nx", "encoded_words"),
        (HEAD + b"Cc: " + b"a@b," * 5 + b"\r\n\r\nx", "addresses"),
        (HEAD + b"Cc: " + b"a," * 20 + b"\r\n\r\nx", "addresses"),
        (HEAD + b"Cc: " + b";" * 20 + b"\r\n\r\nx", "addresses"),
        (HEAD + b"\r\n" + b"x" * 400 + b"\r\n", "line_bytes"),
        (HEAD + b"\r\n" + b"\n" * 150, "lines"),
        (HEAD + b"Content-Type: a/b; c=\r\n " + b";" * 100 + b"\r\n\r\nx", "parameters"),
        (HEAD + b"Content-Type: a/b; name*=punycode''x\r\n\r\nx", "quadratic_codecs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_limit_is_named(raw: bytes, name: str) -> None:
    """A mail over a limit is told so by the limit's name."""
    assert name in exceeded(raw, TINY)


def test_a_usual_mail_breaks_none() -> None:
    """A mail with an alternative and an attachment is within every limit."""
    raw = (
        HEAD
        + b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
        + b"--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
        + b"--b\r\n\r\nhello\r\n--b\r\n\r\nhello\r\n--b--\r\n--a\r\n\r\nx\r\n--a--\r\n"
    )

    assert exceeded(raw) == ()
    assert exceeded(raw, replace(TINY, parts=4)) == ()


def test_siblings_are_not_depth() -> None:
    """A digest of forty multiparts side by side is one level deep."""
    inner = b"".join(
        b"--a\r\nContent-Type: multipart/mixed; boundary=i%d\r\n\r\n--i%d\r\n\r\nx\r\n--i%d--\r\n" % (n, n, n)
        for n in range(40)
    )
    raw = HEAD + b"Content-Type: multipart/digest; boundary=a\r\n\r\n" + inner + b"--a--\r\n"

    assert exceeded(raw, replace(DEFAULT_LIMITS, depth=3)) == ()


@pytest.mark.parametrize(
    "parameter",
    [b"boundary=b", b'boundary="b"', b"BOUNDARY = b", b"boundary*0=b", b'boundary="\\b"', b"boundary\r\n =\r\n b"],
)
def test_parts_are_counted_however_the_boundary_is_written(parameter: bytes) -> None:
    """Quoting, folding and RFC 2231 do not hide parts."""
    raw = HEAD + b"Content-Type: multipart/mixed; " + parameter + b"\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 6

    assert exceeded(raw, TINY) == ("parts",)


def test_text_with_many_dashes_is_no_multipart() -> None:
    """Lines of dashes in a plain text are text."""
    assert exceeded(HEAD + b"\r\n" + b"--- a/file\r\n-- \r\n----------\r\n" * 1_000) == ()


def test_deep_and_long_is_too_deep() -> None:
    """The parser tests each line against each open boundary, so depth times lines is bounded too."""
    raw = multipart(*(f"b{n}" for n in range(30)), inner=b"\r\n" + b"x\r\n" * 110_000)

    assert exceeded(raw) == ("depth",)


def test_25_mb_take_no_more_than_a_moment() -> None:
    """Linear searches only: 25 MB of base64 are scanned in a tenth of a second (asserted loosely)."""
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
    raw += base64.encodebytes(bytes(range(256)) * 70_000).replace(b"\n", b"\r\n")

    started = time.process_time()

    assert exceeded(raw) == ()
    assert time.process_time() - started < 1.5


@given(st.binary(max_size=400))
def test_any_bytes_are_scanned(raw: bytes) -> None:
    """No input raises, and what is named is a limit."""
    assert set(exceeded(raw, TINY)) <= set(Limits.__dataclass_fields__)
    assert set(exceeded(b"Content-Type: multipart/mixed; boundary=\n\n--" + raw, TINY)) <= set(
        Limits.__dataclass_fields__
    )
