"""Every authored mail of tests/mails is read as its expectation says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from daemon.core.limits import Limits, exceeded
from daemon.core.message import Message
from daemon.core.parse import parse, parse_headers_only

MAILS = Path(__file__).parents[2] / "mails"
NAMES = sorted(path.stem for path in MAILS.glob("*.eml"))


def read(name: str) -> Message:
    raw = (MAILS / f"{name}.eml").read_bytes()
    assert exceeded(raw) == ()
    return parse(raw, Limits())


def actual(message: Message, key: str) -> Any:
    """What a message says under an expectation's key."""
    match key:
        case "identity":
            return str(message.identity or "")
        case "date":
            return message.date.isoformat() if message.date else ""
        case "new" | "quoted" | "signature" | "source":
            return getattr(message.body, key)
        case "from_names":
            return [mailbox.name for mailbox in message.from_]
        case "in_reply_to" | "references":
            return list(getattr(message, key))
        case "header_names":
            return [header.name for header in message.headers]
        case "no_report":
            return message.report is None
        case _:
            return getattr(message, key)


def assert_items(items: tuple[Any, ...], wanted: list[dict[str, Any]]) -> None:
    assert len(items) == len(wanted)
    for item, expected in zip(items, wanted, strict=True):
        assert {key: getattr(item, key) for key in expected} == expected


@pytest.mark.parametrize("name", NAMES)
def test_mail(name: str) -> None:
    """The mail's `why` says which behaviour it shows."""
    expected = tomllib.loads((MAILS / f"{name}.toml").read_text(encoding="utf-8"))
    message = read(name)

    expected.pop("why")
    for key, wanted in expected.items():
        match key:
            case "attachments" | "forwarded":
                assert_items(getattr(message, key), wanted)
            case "report":
                assert message.report is not None
                assert {field: getattr(message.report, field) for field in wanted} == wanted
            case "defects":
                assert set(wanted) <= set(message.defects)
            case "new_contains" | "quoted_contains":
                text = getattr(message.body, key.partition("_")[0])
                assert all(words in text for words in wanted), text
            case _:
                assert actual(message, key) == wanted, key


@pytest.mark.parametrize("name", NAMES)
def test_headers_alone_say_the_same(name: str) -> None:
    """A mail over its limits has the same header fields, identity and subject, and no body."""
    raw = (MAILS / f"{name}.eml").read_bytes()
    whole = parse(raw, Limits())
    headers = parse_headers_only(raw, Limits(), ("parts",))

    assert headers.exceeded == ("parts",)
    assert headers.body.full == ""
    for key in ("headers", "identity", "subject", "from_", "to", "cc", "message_id", "references", "in_reply_to"):
        assert getattr(headers, key) == getattr(whole, key), key


def test_sent_texts_reach_the_body() -> None:
    """Texts of ours that come back without marks are taken for quotes."""
    raw = b"From: a@example.net\n\nThanks!\n\nA person will answer by Tuesday 10:00.\n"

    assert parse(raw, Limits(), sent=("A person will answer by Tuesday 10:00.",)).body.new == "Thanks!"


def test_a_large_mail_is_read_like_a_small_one() -> None:
    """Above 300 kB mail-parser reads the header only; the result is of the same kind."""
    head = b"From: a@example.net\nDate: Tue, 3 Nov 2026 10:00:00 +0000\nContent-Type: multipart/mixed; boundary=b\n\n"
    part = (
        b"--b\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\n" + b"QUJD\n" * 300_000
    )
    message = parse(head + b"--b\n\nhello\n" + part + b"--b--\n", Limits())

    assert message.body.new == "hello"
    assert message.date is not None
    assert [(item.name, item.size_bytes) for item in message.attachments] == [("a.pdf", 900_000)]


def test_html_over_its_limit_is_cut_not_refused() -> None:
    """A large newsletter stays readable, with a note."""
    raw = b"From: a@example.net\nContent-Type: text/html\n\n" + b"<p>word</p>\n" * 30_000
    message = parse(raw, Limits())

    assert message.body.new.startswith("word")
    assert "html-cut" in message.defects


def test_text_over_its_limit_is_cut_with_a_note() -> None:
    """A pasted log of megabytes is kept in the raw mail and read by its beginning."""
    message = parse(b"From: a@example.net\n\n" + b"log line\n" * 100_000, Limits())

    assert len(message.body.full) <= Limits().text_chars
    assert "text-cut" in message.defects
