"""Bytes to text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.charset import codec_of, decode, decode_words


@pytest.mark.parametrize(
    ("data", "label", "text"),
    [
        ("Grüße".encode(), "utf-8", "Grüße"),
        ("Grüße".encode("latin-1"), "iso-8859-1", "Grüße"),
        (b"\x93quoted\x94 \x80", "iso-8859-1", "“quoted” €"),
        (b"\x93quoted\x94", "us-ascii", "“quoted”"),
        ("Grüße".encode("latin-1"), "", "Grüße"),
        ("Grüße".encode("latin-1"), "utf-8", "Grüße"),
        ("Grüße".encode(), "us-ascii", "Grüße"),
        ("Grüße".encode(), "x-nonsense", "Grüße"),
        ("镕基".encode("gbk"), "gb2312", "镕基"),
        ("한글똠".encode("cp949"), "ks_c_5601-1987", "한글똠"),
        ("①あ".encode("cp932"), "Shift_JIS", "①あ"),
        ("日本語".encode("iso2022_jp"), "ISO-2022-JP", "日本語"),
        ("Привет".encode("koi8-r"), "KOI8-R", "Привет"),
        ("Zażółć".encode("iso8859-2"), "ISO_8859-2", "Zażółć"),
        ("é".encode("cp850"), "cp-850", "é"),
        ("hello".encode("utf-16"), "utf-16", "hello"),
        (b"hello", "utf-16", "hello"),
        (b"+AGgAZQBsAGwAbw-", "utf-7", "+AGgAZQBsAGwAbw-"),
        ("Grüße".encode(), '"UTF-8"', "Grüße"),
        (b"\xef\xbb\xbfhello", "utf-8", "hello"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_text_is_repaired(data: bytes, label: str, text: str) -> None:
    """Each label means what mailers mean by it, and a wrong one falls back to UTF-8, then Windows-1252."""
    assert decode(data, label) == text


@pytest.mark.parametrize(
    "label", ["idna", "punycode", "utf-7", "rot13", "zlib", "unicode_escape", "undefined", "../x", "x" * 10_000, "a\0b"]
)
def test_codec_names_are_not_looked_up(label: str) -> None:
    """Only names on our list reach Python's codec registry."""
    assert codec_of(label) == ""
    assert decode(b"hello", label) == "hello"


def test_every_codec_on_the_list_exists() -> None:
    """A label on the list can be decoded."""
    for label in (
        "gb18030",
        "big5-hkscs",
        "hz-gb-2312",
        "iso-2022-kr",
        "tis-620",
        "macintosh",
        "johab",
        "koi8-u",
        "iso-8859-16",
    ):
        assert codec_of(label)
        assert decode(b"abc", label) == "abc"


def test_utf8_with_a_cut_character_stays_utf8() -> None:
    """One damaged character does not turn the rest into mojibake."""
    assert decode("Grüße aus Köln, schöne Grüße ü".encode()[:-1], "utf-8").startswith("Grüße aus Köln")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?utf-8?b?R3LDvMOfZQ==?= =?utf-8?b?ISE=?=", "Grüße!!"),
        (b"=?utf-8?b?ww==?= =?utf-8?b?vA==?=", "ü"),
        (b"=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "ü"),
        (b"a =?utf-8?q?b_c?= d", "a b c d"),
        (b"a=?utf-8?q?b?=c", "abc"),
        (b"=?utf-8?q?with space?=", "with space"),
        (b"=?iso-8859-1*en?q?caf=E9?=", "café"),
        (b"=?utf-8?b?!!!?=", ""),
        (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        (b"=?utf-8?q?open", "=?utf-8?q?open"),
        (b"=?gb2312?B?6UY=?=", "镕"),
        ("roh ü".encode("latin-1"), "roh ü"),
        ("roh ü".encode(), "roh ü"),
        (b"=?utf-7?q?+AGgAZQ-?=", "+AGgAZQ-"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_encoded_words(value: bytes, text: str) -> None:
    """RFC 2047 words are decoded as leniently as mail programs write them."""
    assert decode_words(value) == text


def test_words_are_bounded() -> None:
    """A field of 100,000 words costs no more than its length."""
    started = time.process_time()
    decode_words(b"=?utf-8?q?a?= " * 100_000)
    decode_words(b"=?utf-8?q?" * 100_000)

    assert time.process_time() - started < 3


@given(st.binary(max_size=200), st.text(max_size=20))
def test_any_bytes_become_text(data: bytes, label: str) -> None:
    """No bytes and no label raise."""
    assert isinstance(decode(data, label), str)
    assert isinstance(decode_words(data), str)
    assert isinstance(decode_words(b"=?" + label.encode("utf-8", "replace") + b"?b?" + data + b"?="), str)
