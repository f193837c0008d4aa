"""The writer of mail headers: right to the byte, the same every time, and deaf to whoever tries to write along."""

from __future__ import annotations

import email
import email.policy
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import mailparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.core.address import Address
from daemon.core.compose import Stamp, check_headers, compose, field_names
from daemon.core.letter import Letter
from daemon.core.notice import NoticeKind

OUTLOOK_ID = "<" + "AM0PR04MB" + "x" * 90 + "@AM0PR04MB1234.eurprd04.prod.outlook.com>"
AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def a_stamp(**over: object) -> Stamp:
    values: dict[str, object] = {
        "kind": NoticeKind.ACKNOWLEDGMENT,
        "desk_title": "Example Help Desk",
        "desk": Address("help", "example.com"),
        "to": Address("jo", "example.org"),
        "to_name": "Jo Doe",
        "reply_to": Address("help+t.abcdef0123456789", "example.com"),
        "message_id": "<ack.1042.1.0123456789abcdef@example.com>",
        "date": AT,
        "opened_at": AT - timedelta(seconds=3),
        "in_reply_to": "<question@example.org>",
        "references": ("<root@example.org>", "<question@example.org>"),
        "topic": "Printer is silent",
        "reference": "FL-1042",
    }
    return Stamp(**{**values, **over})  # type: ignore[arg-type]


def a_letter(**over: str) -> Letter:
    values = {
        "subject": "Re: [FL-1042] Printer is silent",
        "text": "Hello,\n\nwe have it.\n",
        "html": "<html><p>Hello,</p></html>\n",
        "language": "en",
    }
    return Letter(**{**values, **over})


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_an_acknowledgment_as_a_reader_sees_it() -> None:
    """The standard library reads every field as it was meant, and finds no defect."""
    message = parsed(compose(a_letter(), a_stamp()))

    assert dict(message.items()) == {
        "Date": "Sun, 22 Nov 2026 09:30:00 +0000",
        "From": "Example Help Desk <help@example.com>",
        "To": "Jo Doe <jo@example.org>",
        "Reply-To": "Example Help Desk <help+t.abcdef0123456789@example.com>",
        "Subject": "Re: [FL-1042] Printer is silent",
        "Message-ID": "<ack.1042.1.0123456789abcdef@example.com>",
        "In-Reply-To": "<question@example.org>",
        "References": "<root@example.org> <question@example.org>",
        "Auto-Submitted": "auto-replied",
        "X-Auto-Response-Suppress": "All",
        "Precedence": "bulk",
        "X-Loop": "help@example.com",
        "Thread-Topic": "Printer is silent",
        "Thread-Index": message["Thread-Index"],
        "Content-Language": "en",
        "MIME-Version": "1.0",
        "Content-Type": message["Content-Type"],
        "Content-Transfer-Encoding": "7bit",
    }
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert not any(part.defects for part in message.walk())
    assert message.get_body(("plain",)).get_content().split() == ["Hello,", "we", "have", "it."]  # type: ignore[union-attr]


def test_the_same_letter_gives_the_same_bytes() -> None:
    """A second try after a crash must be the first one again; another identifier has another boundary."""
    first = compose(a_letter(), a_stamp())

    assert compose(a_letter(), a_stamp()) == first
    other = parsed(compose(a_letter(), a_stamp(message_id="<ack.1043.1.ff@example.com>")))
    assert other.get_boundary() != parsed(first).get_boundary()


@pytest.mark.parametrize(
    ("kind", "submitted", "precedence", "suppress"),
    [
        (NoticeKind.ACKNOWLEDGMENT, "auto-replied", "bulk", "All"),
        (NoticeKind.TIME_TO_RESPOND, "auto-generated", None, "All"),
        (NoticeKind.TEAM, "auto-generated", None, "All"),
        (NoticeKind.REPLY, None, None, None),
    ],
)
def test_each_kind_carries_its_marks(
    kind: NoticeKind, submitted: str | None, precedence: str | None, suppress: str | None
) -> None:
    """Automatic mail says so (RFC 3834 §5); the words of a person do not; the loop mark is on all."""
    message = parsed(compose(a_letter(), a_stamp(kind=kind)))

    assert message["Auto-Submitted"] == submitted
    assert message["Precedence"] == precedence
    assert message["X-Auto-Response-Suppress"] == suppress
    assert message["X-Loop"] == "help@example.com"


def test_long_identifiers_stay_bytes_and_are_folded_only_between_each_other() -> None:
    """Exchange identifiers pass 77 characters; an encoded word or a cut would lose Outlook's thread."""
    ids = tuple(f"<{n}{OUTLOOK_ID[1:]}" for n in range(4))

    raw = compose(a_letter(), a_stamp(in_reply_to=OUTLOOK_ID, references=(*ids, OUTLOOK_ID)))

    assert b"\r\nIn-Reply-To: " + OUTLOOK_ID.encode() + b"\r\n" in raw
    expected = "\r\n ".join((*ids, OUTLOOK_ID))
    assert b"\r\nReferences: " + expected.encode() + b"\r\nAuto" in raw


def test_references_are_bounded() -> None:
    """The first (the root of the thread) and the last 20 remain, the parent at the end."""
    ids = tuple(f"<{n}@example.org>" for n in range(100))

    message = parsed(compose(a_letter(), a_stamp(in_reply_to=ids[-1], references=ids)))

    assert message["References"].split() == [ids[0], *ids[-20:]]


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "no-brackets@x",
        "<a b@x>",
        "<a@x>\r\nBcc: x@y",
        "<ü@x>",
        "<a@x><b@x>",
        "<" + "a" * 1000 + "@x>",
        "<>",
        "<a\0@x>",
    ],
)
def test_a_strange_identifier_is_left_out(bad: str) -> None:
    """Never bent, never encoded: a field that could not carry it is not there."""
    message = parsed(compose(a_letter(), a_stamp(in_reply_to=bad, references=(bad,))))

    assert message["In-Reply-To"] is None
    assert message["References"] is None


@pytest.mark.parametrize(
    "where",
    [
        {"to": Address("jo\r\nBcc: all", "example.org")},
        {"to": Address("jö", "example.org")},
        {"to": Address("jo", "exämple.org")},
        {"to": Address("jo,mary", "example.org")},
        {"to": Address("jo> <mary", "example.org")},
        {"to": Address("", "example.org")},
        {"to": Address("jo>,<mary", "[192.0.2.1]")},
        {"reply_to": Address("a b", "example.com")},
        {"desk": Address("help\n", "example.com")},
        {"message_id": "ack@example.com"},
        {"message_id": "<ack@example.com>\n"},
    ],
    ids=str,
)
def test_an_address_or_id_that_is_not_sound_sends_nothing(where: dict[str, object]) -> None:
    """ValueError: these come from us, or passed a strict parse; whoever hands them on has a bug."""
    with pytest.raises(ValueError, match=r"address|Message-ID"):
        compose(a_letter(), a_stamp(**where))


SUBJECTS = [
    "Re: [FL-1042] plain",
    "Re: [FL-1042] Drucker im Büro",
    "Re: [FL-1042] " + "ü" * 80,
    "Re: [FL-1042] " + "word " * 15,
    "Re: [FL-1042] " + "x" * 80,
    "Re: [FL-1042] 打印机不工作，请帮忙 🖨️🔥 " + "急" * 60,
    "[FL-1042] =?utf-8?q?looks_encoded?= but is not",
    "[FL-1042] Ümläut at the start, ascii afterwards until the end of it all, which is long",
    "[FL-1042] a  b",
    "[FL-1042] ends with =?",
    "",
]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_subjects_survive_the_way(subject: str) -> None:
    """Two parsers read back what was meant; no word over 75 characters, no line over 78; the tag stays plain."""
    raw = compose(a_letter(subject=subject), a_stamp())

    wanted = " ".join(subject.split())
    assert parsed(raw)["Subject"] == wanted
    assert mailparser.parse_from_bytes(raw).subject.split() == wanted.split()
    start = raw.index(b"\r\nSubject: ") + 2
    field = raw[start : raw.index(b"\r\nMessage-ID")]
    assert all(len(line) <= 78 or b"?=" not in line for line in field.split(b"\r\n"))
    assert all(len(word) <= 75 for word in field.split() if word.startswith(b"=?"))
    assert ("[FL-1042]" not in subject) or b"[FL-1042]" in field


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Jo Doe",
            "Doe, Jo",
            'Jo "The Boss" Doe',
            "Jürgen Müller",
            "O'Neil",
            "Jo (home)",
            "a\\b",
            "山田 太郎",
            "x" * 200,
        ),
        *("jo@x.org", "=?utf-8?q?trick?=", "Jo\r\nBcc: x@y.z", "", " "),
        "Ärztin Dr. med. Annegret Freifrau von und zu Lüdenscheid-Großräschen, MSc",
    ],
)
def test_display_names_never_break_the_address(name: str) -> None:
    """One mailbox, the right one; the name as far as it goes."""
    to = parsed(compose(a_letter(), a_stamp(to_name=name)))["To"]

    assert [address.addr_spec for address in to.addresses] == ["jo@example.org"]
    shown = to.addresses[0].display_name
    # the standard library keeps the space between two encoded words of a phrase (RFC 2047 §6.2 says: drop it)
    assert "".join(shown.split()) == "".join(name.split()) or shown.endswith("…")


BODIES = (
    *("", "plain\n", "Grüße\n", ".\n..\n.hidden\n", "From here on\n", "x" * 5000 + "\n", "a = b\n--\n-- \n"),
    *("end\r\nof\rline\n", "--=_a0\n", "tab\t\n space \n", "\ud800\n", "\0\x07\n", "é" * 400 + "\n", "🖨️" * 300 + "\n"),
)


@pytest.mark.parametrize("text", BODIES, ids=range(len(BODIES)))
def test_bodies_survive_the_way(text: str) -> None:
    """7-bit, short lines, CRLF only; the reader gets what was written."""
    raw = compose(a_letter(text=text, html=""), a_stamp())

    lines = raw.split(b"\r\n")
    assert raw.isascii()
    assert max(map(len, lines)) <= 998
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)
    message = parsed(raw)
    wanted = text.replace("\r\n", "\n").replace("\r", "\n").replace("\ud800", "?").strip("\n") + "\n"
    assert message.get_content_type() == "text/plain"
    assert message.get_content().replace("\r\n", "\n") == wanted


def test_a_letter_with_an_original_attaches_it_as_it_came() -> None:
    """TEAM: clean originals are message/rfc822, which every client opens."""
    original = b"From: jo@example.org\nSubject: help\n\n.\nIt broke.\n"

    message = parsed(compose(a_letter(), a_stamp(kind=NoticeKind.TEAM, original=original)))

    words, attached = message.iter_parts()
    assert words.get_content_type() == "multipart/alternative"
    assert attached.get_content_type() == "message/rfc822"
    assert attached.get_filename() == "original.eml"
    inner = attached.get_payload(0)
    assert inner["Subject"] == "help"  # type: ignore[index]
    assert inner.get_payload().replace("\r\n", "\n").rstrip("\n") == ".\nIt broke."  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "original",
    [b"Subject: \xff\n\nx\n", b"Subject: x\n\n" + b"y" * 2000, b"a\0b", b"bare\rreturn", b"Subject: x\r\r\n\r\n"],
    ids=["8bit", "long line", "nul", "bare cr", "cr cr lf"],
)
def test_an_original_that_smtp_cannot_carry_goes_as_a_file(original: bytes) -> None:
    """RFC 2046 §5.2.1 allows no encoding of message/rfc822, and a relay may not do 8BITMIME: the bytes are kept."""
    raw = compose(a_letter(), a_stamp(kind=NoticeKind.TEAM, original=original))

    attached = list(parsed(raw).iter_attachments())[-1]
    assert attached.get_content_type() == "application/octet-stream"
    assert attached.get_content() == original


def test_an_original_that_holds_our_boundary_does_not_end_the_mail() -> None:
    """A mail of ours, attached to a mail with the same identifier, still is one attachment."""
    first = compose(a_letter(), a_stamp(kind=NoticeKind.TEAM, original=b"Subject: x\n\ny\n"))

    second = compose(a_letter(), a_stamp(kind=NoticeKind.TEAM, original=first))

    attached = list(parsed(second).iter_attachments())[-1]
    assert attached.get_content_type() == "message/rfc822"
    assert len(list(parsed(second).iter_parts())) == 2


def test_the_thread_index_starts_with_the_ticket_and_grows_by_five_bytes() -> None:
    """Two letters of one ticket share 22 bytes, whatever their date; each has its own child block."""
    early = b64decode(parsed(compose(a_letter(), a_stamp()))["Thread-Index"])
    late = b64decode(
        parsed(compose(a_letter(), a_stamp(date=AT + timedelta(days=3), message_id="<ttr.1.1.x@example.com>")))[
            "Thread-Index"
        ]
    )

    assert len(early) == len(late) == 27
    assert early[:22] == late[:22]
    assert early[0] == 1
    assert early[22:26] < late[22:26]


def test_the_requesters_own_thread_index_is_continued() -> None:
    """A real Outlook parent keeps its bytes; anything else is replaced by the ticket's own."""
    parent = "AdxbZ1Zx0lqk0X8lQ0S2vK6H8m0i1A=="

    message = parsed(compose(a_letter(), a_stamp(thread_index=parent)))

    assert b64decode(message["Thread-Index"])[:22] == b64decode(parent)
    for bad in ("zzz", "!!", "AAAA", parent + "\r\nX: y"):
        assert len(b64decode(parsed(compose(a_letter(), a_stamp(thread_index=bad)))["Thread-Index"])) == 27


INJECTIONS = (
    *("x\r\nBcc: all@example.net", "x\nBcc: y", "x\rBcc: y", "x\0y", "x\u2028Bcc: y", "x\u0085Bcc: y", "x\x0b\x0cy"),
    *(
        "=?utf-8?q?x=0D=0ABcc:_y?=",
        "\r\n\r\n<html>",
        '"><script>',
        " ",
        "\t",
        "a" * 3000,
        "\udcff",
        "é" * 500,
        "{{7*7}}",
    ),
)
hostile = st.text(max_size=300) | st.sampled_from(INJECTIONS)


@settings(max_examples=400)
@given(
    subject=hostile, text=hostile, html=hostile, language=hostile, title=hostile, name=hostile, parent=hostile,
    ancestors=st.lists(hostile | st.just("<a@b>"), max_size=30), topic=hostile, index=hostile,
    kind=st.sampled_from(NoticeKind), original=st.none() | st.binary(max_size=200),
)  # fmt: skip
def test_nobody_writes_a_header_but_us(  # noqa: PLR0917
    subject: str, text: str, html: str, language: str, title: str, name: str, parent: str, ancestors: list[str],
    topic: str, index: str, kind: NoticeKind, original: bytes | None,
) -> None:  # fmt: skip
    """Any text in every field: exactly the foreseen fields, and one mailbox, ours, in each address field."""
    stamp = a_stamp(
        kind=kind, desk_title=title, to_name=name, in_reply_to=parent, references=tuple(ancestors), topic=topic,
        thread_index=index, original=original,
    )  # fmt: skip

    raw = compose(Letter(subject=subject, text=text, html=html, language=language), stamp)

    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.replace(b"\r\n", b"").count(b"\n") == raw.replace(b"\r\n", b"").count(b"\r") == 0
    message = parsed(raw)
    assert tuple(message.keys()) == field_names(stamp)
    for field, address in (("From", stamp.desk), ("To", stamp.to), ("Reply-To", stamp.reply_to)):
        assert [found.addr_spec for found in message[field].addresses] == [str(address)]
    other = mailparser.parse_from_bytes(raw)
    assert [spec for _, spec in other.to] == [str(stamp.to)]
    assert [spec for _, spec in other.from_] == [str(stamp.desk)]


@pytest.mark.parametrize(
    "change",
    [
        (b"\r\nX-Loop", b"\r\nBcc: all@example.net\r\nX-Loop"),
        (b"\r\nX-Loop: help@example.com", b""),
        (b"\r\nTo: ", b"\r\nTo: <x@y.z>\r\nTo: "),
        (b"Precedence: bulk", b"Precedence : bulk"),
        (b"Precedence: bulk", b"Precedence:\xc3\xbc"),
        (b"X-Auto-Response-Suppress: All", b"X-Auto-Response-Suppress: All\nBcc: all@example.net"),
        (b"X-Auto-Response-Suppress: All", b"X-Auto-Response-Suppress: All\r\n\r\nBcc: all@example.net"),
        (b"we have it", b"we h\xe4ve it"),
        (b"we have it", b"we\0have it"),
        (b"we have it", b"we have\nit"),
        (b"we have it", b"x" * 1000),
    ],
    ids=range(11),
)
def test_the_second_look_finds_what_should_not_be_there(change: tuple[bytes, bytes]) -> None:
    """A field more, a field less, a field twice, a broken line: ValueError, so nothing is queued."""
    raw = compose(a_letter(), a_stamp())
    check_headers(raw, a_stamp())

    with pytest.raises(ValueError, match="built mail"):
        check_headers(raw.replace(*change), a_stamp())


def test_a_stamp_without_a_topic_has_no_thread_fields() -> None:
    """Fields that have nothing to say are not there."""
    message = parsed(compose(a_letter(), replace(a_stamp(), topic="", in_reply_to="", references=())))

    assert not {"Thread-Topic", "Thread-Index", "In-Reply-To", "References"} & set(message.keys())
