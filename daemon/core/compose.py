"""A letter and its stamp → RFC 5322 bytes. The only writer of mail headers.

Promises: the same input gives the same bytes; only ASCII, CRLF and lines ≤ 998; every value is
one line of our own making, and after building the header is read again and must hold exactly
the fields that `field_names` foresees, each once: otherwise ValueError and nothing is sent.
Preformatted bytes, not EmailMessage: that takes 1.3 ms a mail and breaks identifiers of more
than 77 characters into encoded words, which costs Outlook users their thread. Addresses are ASCII:
a local part that needs SMTPUTF8 is refused here, and by whoever decides to answer.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from daemon.core.address import Address
from daemon.core.entity import body_of
from daemon.core.header import LINE_LIMIT, addr_spec, mailbox, unstructured
from daemon.core.letter import Letter
from daemon.core.notice import NoticeKind

REFERENCES_KEPT = 20  # besides the first: enough for every client, and the field stays under 64 kB
_ID = re.compile(r"<[!-;=?-~]{1,900}>", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}", re.ASCII)
_FIELD = re.compile(rb"([A-Za-z-]+): [ -~]*(?:\r\n[ \t][ -~]*)*\r\n")
_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)

_AUTO_SUBMITTED = {
    NoticeKind.ACKNOWLEDGMENT: "auto-replied",  # RFC 3834 §5
    NoticeKind.TIME_TO_RESPOND: "auto-generated",
    NoticeKind.TEAM: "auto-generated",
    NoticeKind.RECEIPT: "auto-replied",
    NoticeKind.STATUS: "auto-generated",
    NoticeKind.REMINDER: "auto-generated",
    NoticeKind.APPROVAL: "auto-generated",
    NoticeKind.VENDOR: "",  # an agent ordered it; a supplier's ticket system drops what is marked as automatic
    NoticeKind.ANSWER: "auto-replied",
    NoticeKind.QUESTION: "auto-replied",
    NoticeKind.SURVEY: "auto-generated",
    NoticeKind.DATA: "auto-replied",
    NoticeKind.AGENDA: "auto-generated",
    NoticeKind.REPORT: "auto-generated",
    NoticeKind.DIGEST: "auto-generated",
    NoticeKind.REPLY: "",  # the words of a person
    NoticeKind.FORWARD: "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What the outside of a letter says. `message_id`, `in_reply_to` and `references` carry angle brackets.

    `date` and `opened_at` are aware; both are given so that a second try has the same bytes.
    `reply_to` is the ticket's signed address. `topic` is the bare subject of the thread and
    `thread_index` the requester's own Thread-Index, when there was one (Outlook). `original` is a
    raw mail to go along (TEAM); its size is the caller's to bound.
    """

    kind: NoticeKind
    desk_title: str
    desk: Address
    to: Address
    reply_to: Address
    message_id: str
    date: datetime
    opened_at: datetime
    to_name: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    topic: str = ""
    thread_index: str = ""
    reference: str = ""
    original: bytes | None = None
    listing: str = ""  # a text of ours to go along (DATA)
    unsubscribe: str = ""  # mailto: URL by which the reader stops the news of this ticket (RFC 2369)


def compose(letter: Letter, stamp: Stamp) -> bytes:
    """The mail, ready for `sendmail`. ValueError when an address, an identifier or the result is not sound."""
    body = body_of(letter, stamp.message_id, stamp.original, stamp.listing)
    fields = [("Date", format_datetime(stamp.date.astimezone(UTC)))]
    fields.append(("From", mailbox(stamp.desk_title, stamp.desk)))
    fields.append(("To", mailbox(stamp.to_name, stamp.to)))
    fields.append(("Reply-To", mailbox(stamp.desk_title, stamp.reply_to)))
    fields.append(("Subject", unstructured(letter.subject, len("Subject: "))))
    fields.append(("Message-ID", _identifier(stamp.message_id)))
    if parent := _known_id(stamp.in_reply_to):
        fields.append(("In-Reply-To", parent))
    if ancestors := _ancestors(stamp):
        fields.append(("References", "\r\n ".join(ancestors)))
    if submitted := _AUTO_SUBMITTED[stamp.kind]:
        fields.append(("Auto-Submitted", submitted))
        # Whoever has to decide and is away should say so: his deputies are asked then (MS-OXCMAIL 2.2.3.2.14).
        quiet = "DR, RN, NRN, AutoReply" if stamp.kind is NoticeKind.APPROVAL else "All"
        fields.append(("X-Auto-Response-Suppress", quiet))
    if stamp.kind is NoticeKind.ACKNOWLEDGMENT:
        fields.append(("Precedence", "bulk"))
    fields.append(("X-Loop", addr_spec(stamp.desk)))
    if stamp.unsubscribe:
        fields.append(("List-Unsubscribe", f"<{stamp.unsubscribe}>"))
    if stamp.topic:
        fields.append(("Thread-Topic", unstructured(stamp.topic, len("Thread-Topic: "))))
        fields.append(("Thread-Index", _thread_index(stamp)))
    fields.append(("Content-Language", letter.language if _LANGUAGE.fullmatch(letter.language) else "en"))
    fields.append(("MIME-Version", "1.0"))
    fields.append(("Content-Type", body.kind))
    fields.append(("Content-Transfer-Encoding", body.encoding))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields).encode("ascii")
    raw = head + b"\r\n" + body.body
    check_headers(raw, stamp)
    return raw


def field_names(stamp: Stamp) -> tuple[str, ...]:
    """The fields that a mail with this stamp has, in order, each once."""
    automatic = bool(_AUTO_SUBMITTED[stamp.kind])
    wanted = (
        ("Date", True),
        ("From", True),
        ("To", True),
        ("Reply-To", True),
        ("Subject", True),
        ("Message-ID", True),
        ("In-Reply-To", bool(_known_id(stamp.in_reply_to))),
        ("References", bool(_ancestors(stamp))),
        ("Auto-Submitted", automatic),
        ("X-Auto-Response-Suppress", automatic),
        ("Precedence", stamp.kind is NoticeKind.ACKNOWLEDGMENT),
        ("X-Loop", True),
        ("List-Unsubscribe", bool(stamp.unsubscribe)),
        ("Thread-Topic", bool(stamp.topic)),
        ("Thread-Index", bool(stamp.topic)),
        ("Content-Language", True),
        ("MIME-Version", True),
        ("Content-Type", True),
        ("Content-Transfer-Encoding", True),
    )
    return tuple(name for name, there in wanted if there)


def check_headers(raw: bytes, stamp: Stamp) -> None:
    """ValueError unless the header of `raw` holds exactly the foreseen fields and all of it may go over SMTP."""
    end = raw.find(b"\r\n\r\n")
    names: list[str] = []
    at = 0
    while at < end + 2:
        field = _FIELD.match(raw, at, end + 2)
        if field is None:
            raise ValueError("a header line of the built mail is no header line")
        names.append(field[1].decode("ascii"))
        at = field.end()
    if tuple(names) != field_names(stamp):
        raise ValueError(f"the built mail has the fields {', '.join(names)}")
    lines = raw.split(b"\r\n")
    if not raw.isascii() or b"\0" in raw or raw.count(b"\n") != len(lines) - 1 or raw.count(b"\r") != len(lines) - 1:
        raise ValueError("the built mail is not plain ASCII with CRLF line ends")
    if max(map(len, lines)) > LINE_LIMIT:
        raise ValueError("a line of the built mail is longer than 998 bytes")


def _identifier(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError("a Message-ID of ours must be one identifier in angle brackets")
    return value


def _known_id(value: str) -> str:
    """A stranger's identifier as it is, or "" when no field could carry it: left out, never bent."""
    return value if _ID.fullmatch(value) else ""


def _ancestors(stamp: Stamp) -> tuple[str, ...]:
    """References: the first and the last 20, the parent at the end (RFC 5322 §3.6.4)."""
    known = [value for value in dict.fromkeys(stamp.references) if value != stamp.in_reply_to and _known_id(value)]
    if parent := _known_id(stamp.in_reply_to):
        known.append(parent)
    if len(known) > REFERENCES_KEPT + 1:
        known = [known[0], *known[-REFERENCES_KEPT:]]
    return tuple(known)


def _thread_index(stamp: Stamp) -> str:
    """Outlook's place in the conversation (MS-OXOMSG 2.2.1.3): the thread's 22 bytes, then 5 for this letter."""
    try:
        parent = b64decode(stamp.thread_index, validate=True)
    except (Base64Error, ValueError):
        parent = b""
    if not 22 <= len(parent) <= 512 or (len(parent) - 22) % 5 or parent[0] != 1:
        root = (_filetime(stamp.opened_at) >> 16).to_bytes(6, "big")
        parent = root + hashlib.sha256(stamp.reference.encode("utf-8", "replace")).digest()[:16]
    began = int.from_bytes(parent[:6], "big") << 16
    passed = max(_filetime(stamp.date) - began, 0)
    # 31 bits of the time passed: in steps of 2^18 ticks, or of 2^23 with the top bit set after 1.7 years
    delta = passed >> 18 if passed < 1 << 49 else (passed >> 23) & 0x7FFFFFFF | 0x80000000
    mark = hashlib.sha256(stamp.message_id.encode("ascii", "replace")).digest()[:1]
    return b64encode(parent + delta.to_bytes(4, "big") + mark).decode("ascii")


def _filetime(at: datetime) -> int:
    """100 ns since 1601."""
    return max((at - _FILETIME_EPOCH) // _TICK * 10, 0)
