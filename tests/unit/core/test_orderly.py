"""Mail that mail-parser is not asked about: it would have said the same."""

from __future__ import annotations

import email
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from typing import Any

import mailparser
import pytest
from hostile import MAILS
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import mails
from daemon.core import parse as parsing
from daemon.core.fields import read_block
from daemon.core.limits import Limits, exceeded
from daemon.core.orderly import dated, is_flawless

FOLDER = Path(__file__).parents[2] / "mails"
LIMITS = Limits()


def corpus() -> Iterator[Any]:
    for file in sorted(FOLDER.rglob("*.eml")):
        yield pytest.param(file.read_bytes(), id=file.stem)
    for name, made in MAILS.items():
        raw = made() if callable(made) else made
        if len(raw) < 200_000 and not exceeded(raw, LIMITS):
            yield pytest.param(raw, id=f"hostile-{name}")
    for mail in mails.mixed(20):
        yield pytest.param(mail.raw, id=f"made-{mail.number}")


def headed(raw: bytes) -> tuple[bytes, dict[str, bytes]]:
    """The mail as mail-parser gets it, and its first fields."""
    block = read_block(raw, limit_bytes=LIMITS.header_bytes, limit_fields=LIMITS.fields)
    whole = parsing._parser_head(block.fields) + b"\n" + raw[block.body_start :]
    return whole, {field.name: field.unfolded for field in reversed(block.fields)}


def shape(message: Message) -> list[tuple[str, object]]:
    return [(part.get_content_type(), part.get_payload(decode=True)) for part in message.walk()]


def asked(whole: bytes) -> tuple[datetime | None, set[str]]:
    """What mail-parser says: the date, the kinds of defects."""
    mail = mailparser.MailParser.from_bytes(whole)
    return mail.date, set(mail.defects_categories)


@pytest.mark.parametrize("raw", list(corpus()))
def test_what_is_called_orderly_is_so_for_mail_parser(raw: bytes) -> None:
    """Every mail of the tests: date, defects and structure are mail-parser's, or mail-parser is asked."""
    whole, fields = headed(raw)
    date = dated(fields)
    if date is None or not is_flawless(email.message_from_bytes(whole)):
        return

    assert asked(whole) == (date, set())
    assert shape(mailparser.MailParser.from_bytes(whole).message) == shape(email.message_from_bytes(whole))


def test_most_mail_is_orderly() -> None:
    """Else all this would be for nothing."""
    found = [headed(mail.raw) for mail in mails.mixed(20)]

    assert all(dated(fields) and is_flawless(email.message_from_bytes(whole)) for whole, fields in found)


name = st.sampled_from(
    (
        *("Jo Doe", "J", "=?utf-8?q?J=C3=B6rg_Doe?=", "=?utf-8?q?J=C3?=", "=?utf-8?q?a=40b?=", "Jo,", "a  b", "1"),
        *("=?utf-8?q?=3Cx=40y=3E?=", '"Jo"', "jo@x.org", "=?utf-8?b?Sm8=?=", "=?utf-8?q?a?= =?utf-8?q?b?="),
        *("Jo =?utf-8?q?D?=", "=?UTF-8?Q?=E2=82=AC?="),
    )
)
spec = st.sampled_from(
    (
        *("jo@example.org", "j.o@x", "a..b@x.org", "jo@example..org", "@x", "jo@", "jo@-x.org", "jo@[1.2.3.4]", "x"),
        *("A+b@C.org", "_a@x.y"),
    )
)
day = st.sampled_from(["Mon", "Tue", "Sun", "mon", "Xxx"])
date_text = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    day,
    st.integers(0, 32),
    st.sampled_from(["Nov", "Feb", "nov", "11"]),
    st.sampled_from([2026, 26, 1999, 2099, 3000]),
    st.sampled_from(["09", "9", "24"]),
    st.sampled_from(["00", "60", "7"]),
    st.sampled_from(["00", "60", "61"]),
    st.sampled_from(["+0100", "-0000", "+1400", "-1330", "+0160", "GMT", "+01:00"]),
)
right = st.just("Mon, 23 Nov 2026 09:00:00 +0100")
mailbox = st.builds("{} <{}>".format, name, spec) | spec
boxes = st.lists(mailbox, min_size=1, max_size=3).map(", ".join)


charset = st.sampled_from(("utf-8", "UTF-8", "us-ascii", "iso-8859-1", "utf\0", "utf-16", "punycode", "x"))
coded = st.sampled_from(("SG8=", "SG8", "w6Q=", "/w==", "a=C3=A4", "a=C3", "=ZZ", "a_b", "", "a b", "?"))
word = st.builds("=?{}?{}?{}?=".format, charset, st.sampled_from("bBqQx"), coded)
subject = st.lists(word | st.sampled_from(("Hello", "=?", "?=", "\x01", "ä")), max_size=4).map(" ".join)


@given(sender=mailbox, to=boxes, date=date_text | right, title=subject)
def test_no_header_is_called_orderly_against_mail_parser(sender: str, to: str, date: str, title: str) -> None:
    """Addresses, dates and subjects at the edges of what is well-formed."""
    whole = f"from: {sender}\nto: {to}\ndate: {date}\nsubject: {title}\n\nHello\n".encode()
    known = dated({"from": sender.encode(), "to": to.encode(), "date": date.encode(), "subject": title.encode()})

    if known is not None:
        assert asked(whole) == (known, set())


kind = st.sampled_from(
    (
        *("text/plain", "text/html; charset=utf-8", "text/plain; charset=us-ascii", "text/plain; charset=windows-1252"),
        *("text/csv", "text/x", 'text/plain; charset="utf-8"; format=flowed', "application/pdf", "text/rtf"),
        *("image/png; name=a.png", "text/plain; charset=koi9", "message/rfc822", "text/plain; charset=utf-16"),
        *("multipart/mixed; boundary=x", "multipart/mixed"),
    )
)
encoding = st.sampled_from(("", "7bit", "8bit", "base64", "quoted-printable", "Base64 ", "uuencode", "binary"))
disposition = st.sampled_from(
    (
        "",
        "inline",
        "attachment",
        "attachment; filename=a.pdf",
        'attachment; filename="a b.pdf"',
        "inline; filename=a.txt",
    )
)
body = st.sampled_from(
    (
        b"Hello\n",
        b"\xc3\xa4\n",
        b"\xe4\x81\n",
        b"SGVsbG8=\n",
        b"SGVsbG8\n",
        b"=C3=A4 =\n",
        b"--x\n\na\n--x--\n",
        b"=ZZ\n",
    )
)


@given(kind=kind, encoding=encoding, disposition=disposition, content=body)
def test_no_part_is_called_flawless_against_mail_parser(
    kind: str, encoding: str, disposition: str, content: bytes
) -> None:
    """Types, charsets, encodings and dispositions that mail-parser may have something to say about."""
    head = f"from: jo@example.org\ndate: Mon, 23 Nov 2026 09:00:00 +0100\ncontent-type: {kind}\n"
    head += f"content-transfer-encoding: {encoding}\n" if encoding else ""
    head += f"content-disposition: {disposition}\n" if disposition else ""
    whole = head.encode() + b"\n" + content

    if is_flawless(email.message_from_bytes(whole)):
        assert asked(whole) == (datetime(2026, 11, 23, 8, 0, tzinfo=UTC), set())
