"""Parameters and the part tree."""

from __future__ import annotations

import email
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.parts import build, read_parameters


@pytest.mark.parametrize(
    ("value", "parameters"),
    [
        (b"text/plain; charset=utf-8", {"charset": "utf-8"}),
        (b'text/plain; charset="utf-8" ; Format=Flowed', {"charset": "utf-8", "format": "Flowed"}),
        (b'a/b; name="a;b\\"c"', {"name": 'a;b"c'}),
        (b"a/b; name=a b.txt", {"name": "a b.txt"}),
        (b'a/b; name="=?utf-8?q?=C3=BC?="', {"name": "ü"}),
        (b"a/b; name*=utf-8'de'%C3%BC.txt", {"name": "ü.txt"}),
        (b"a/b; name*0*=utf-8''%C3; name*1*=%BC; name*2=.txt", {"name": "ü.txt"}),
        (b"a/b; name*1=b; name*0=a", {"name": "ab"}),
        (b"a/b; name=\xfc.txt", {"name": "ü.txt"}),
        (b'a/b; name="open', {"name": "open"}),
        (b"a/b; name=a; name=b", {"name": "a"}),
        (b"a/b;;; ;charset=x", {"charset": "x"}),
        (b"a/b", {}),
        (b"a/b; name*999999999999999999999=x", {"name": "x"}),
    ],
    ids=lambda value: repr(value)[:36],
)
def test_parameters(value: bytes, parameters: dict[str, str]) -> None:
    """RFC 2045, RFC 2231 and RFC 2047 in names, as mail programs write them."""
    assert read_parameters(value) == parameters


def numbers(raw: bytes) -> list[tuple[str, str]]:
    root = build(email.message_from_bytes(raw))
    return [(part.number, part.content_type) for part in root.walk()]


def test_parts_are_numbered_as_imap_does() -> None:
    """RFC 3501 §6.4.5: mixed parts count from 1, a mail inside counts its own."""
    raw = (
        b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/alternative; boundary=b\n\n"
        b"--b\nContent-Type: text/plain\n\nx\n--b\nContent-Type: text/html\n\nx\n--b--\n"
        b"--a\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c--\n"
        b"--a\nContent-Type: message/rfc822\n\nSubject: x\n\nx\n--a--\n"
    )

    assert [number for number, kind in numbers(raw) if not kind.startswith("multipart/")] == [
        "1.1",
        "1.2",
        "2",
        "2.1",
        "3",
        "3.1",
    ]


def test_a_wrong_boundary_is_repaired() -> None:
    """Parts are found by the boundary that the body really uses."""
    raw = b"Content-Type: multipart/mixed; boundary=wrong\n\n--right\nContent-Type: text/html\n\n<p>x\n--right--\n"

    assert ("1", "text/html") in numbers(raw)


def test_a_lost_mime_header_is_repaired() -> None:
    """A mail whose MIME fields were lost is read by the boundary its body starts with."""
    assert ("1", "text/html") in numbers(b"Subject: x\n\n--b\nContent-Type: text/html\n\n<p>x\n--b--\n")


def test_a_text_that_quotes_mime_is_text() -> None:
    """A person who pastes MIME source writes plain text."""
    raw = b"Subject: x\n\nLook at this:\n--b\nContent-Type: text/html\n\n<p>x\n--b--\n"

    assert numbers(raw) == [("1", "text/plain")]


@pytest.mark.parametrize("piece", [b";", b" ", b"; ", b"a=", b'"', b';a="', b"\\", b"*0*=a;", b"''"])
def test_parameters_are_linear(piece: bytes) -> None:
    """64 kB of any repeated piece take no more than a moment (asserted loosely)."""
    started = time.process_time()
    read_parameters(b"a/b; x" + (piece * 65_536)[:65_536])
    read_parameters(b'a/b; x="' + (piece * 65_536)[:65_536])

    assert time.process_time() - started < 2


@given(st.binary(max_size=200))
def test_any_parameters_are_read(value: bytes) -> None:
    """No bytes raise."""
    assert isinstance(read_parameters(b"a/b;" + value), dict)
