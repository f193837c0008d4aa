"""The duplicate key."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.digest import canonical_digest

MAIL = (
    b"From: A <a@example.net>\r\nTo: help@example.org\r\nSubject: printer\r\nDate: Tue, 03 Nov 2026 10:00:00 +0000\r\n"
    b"Message-ID: <1@example.net>\r\n\r\nIt does not print.\r\n"
)


def test_the_same_mail_by_two_paths_is_the_same() -> None:
    """Trace fields, folding, line ends and trailing blank lines do not matter."""
    other = (
        b"Return-Path: <a@example.net>\nReceived: from x by y; Tue, 03 Nov 2026\n"
        b"Authentication-Results: mx; dmarc=pass\n"
        + MAIL.replace(b"\r\n", b"\n").replace(b"To: help", b"To:\n  help")
        + b"\n\n"
    )

    assert canonical_digest(other) == canonical_digest(MAIL)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"It does", b"It did"),
        (b"printer", b"Printer"),
        (b"a@example.net>\r\nTo", b"b@example.net>\r\nTo"),
        (b"10:00:00", b"10:00:01"),
        (b"help@", b"sales@"),
    ],
    ids=["body", "subject", "from", "date", "to"],
)
def test_other_content_is_another_digest(old: bytes, new: bytes) -> None:
    """The id is the same, the content is not: not a duplicate."""
    message_id, digest = canonical_digest(MAIL.replace(old, new, 1))

    assert message_id == "<1@example.net>"
    assert digest != canonical_digest(MAIL)[1]


@pytest.mark.parametrize(
    ("field", "message_id"),
    [
        (b"<1@example.net>", "<1@example.net>"),
        (b"\r\n <1@example.net>", "<1@example.net>"),
        (b"1@example.net", "<1@example.net>"),
        (b"<a\r\n b@example.net> (comment)", "<ab@example.net>"),
        (b"=?utf-8?q?=3C1=40example=2Enet=3E?=", "<1@example.net>"),
    ],
    ids=["plain", "folded", "without brackets", "folded inside", "as an encoded word"],
)
def test_message_id_is_read(field: bytes, message_id: str) -> None:
    """An identifier is found in every form mailers write it."""
    assert canonical_digest(MAIL.replace(b"<1@example.net>", field))[0] == message_id


def test_first_message_id_counts_and_is_bounded() -> None:
    """A second identifier is ignored, a huge one is cut."""
    twice = MAIL.replace(b"Message-ID:", b"Message-ID: <0@example.net>\r\nMessage-ID:")
    huge = MAIL.replace(b"<1@", b"<" + b"1" * 5_000 + b"@")

    assert canonical_digest(twice)[0] == "<0@example.net>"
    assert len(canonical_digest(huge)[0]) <= 502


def test_without_message_id_the_date_makes_one() -> None:
    """A dated mail without id is a duplicate of its own copy, of no other."""
    raw = MAIL.replace(b"Message-ID: <1@example.net>\r\n", b"")

    assert canonical_digest(raw)[0].endswith("@no-message-id.invalid>")
    assert canonical_digest(raw) == canonical_digest(raw + b"\r\n")
    assert canonical_digest(raw)[0] != canonical_digest(raw.replace(b"print", b"scan"))[0]


def test_without_id_and_date_there_is_no_key() -> None:
    """Two equal texts from a form may be two requests."""
    assert canonical_digest(b"From: a@example.net\n\nhello\n")[0] == ""


def test_25_mb_take_no_more_than_a_moment() -> None:
    """Hashing is all the work there is (asserted loosely)."""
    raw = MAIL + b"x" * 76 * 320_000 + b"\r\n" * 100_000

    started = time.process_time()
    canonical_digest(raw)

    assert time.process_time() - started < 1.5


@given(st.binary(max_size=300))
def test_any_bytes_have_a_digest(raw: bytes) -> None:
    """No input raises; blank lines at the end never matter."""
    message_id, digest = canonical_digest(raw)

    assert len(digest) == 64
    assert message_id == "" or (message_id[0] == "<" and message_id[-1] == ">")
    if b"\n\n" in raw or b"\n\r\n" in raw:
        assert canonical_digest(raw + b"\n")[1] == digest
