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
from binascii import b2a_qp
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

from daemon.core.address import Address
from daemon.core.letter import Letter, one_line
from daemon.core.notice import NoticeKind

REFERENCES_KEPT = 20  # besides the first: enough for every client, and the field stays under 64 kB
_LINE = 78
_LINE_LIMIT = 998  # RFC 5322 §2.1.1, without CRLF
_NAME_CHARS = 100
_ENCODED_LINE = 76  # RFC 2047 §2, of a line with an encoded word
_WORD_CHARS = 60  # encoded text in one word: 75 (RFC 2047 §2) minus its frame, rounded down
_WORD_FRAME = len("=?utf-8?q??=")
_PLAIN_START = 32  # of a subject with encoded words: room for "Re:" and the tag
_ID = re.compile(r"<[!-;=?-~]{1,900}>", re.ASCII)
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,256}@[A-Za-z0-9.-]{1,255}|[!-~]{1,256}@\[[A-Za-z0-9.:]{2,64}\]"
)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}", re.ASCII)
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+", re.ASCII)
_FIELD = re.compile(rb"([A-Za-z-]+): [ -~]*(?:\r\n[ \t][ -~]*)*\r\n")
_PLAIN_Q = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/")  # RFC 2047 §5 (3)
_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)

_AUTO_SUBMITTED = {
    NoticeKind.ACKNOWLEDGMENT: "auto-replied",  # RFC 3834 §5
    NoticeKind.TIME_TO_RESPOND: "auto-generated",
    NoticeKind.TEAM: "auto-generated",
    NoticeKind.REPLY: "",  # the words of a person
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


def compose(letter: Letter, stamp: Stamp) -> bytes:
    """The mail, ready for `sendmail`. ValueError when an address, an identifier or the result is not sound."""
    body = _body(letter, stamp)
    fields = [("Date", format_datetime(stamp.date.astimezone(UTC)))]
    fields.append(("From", _mailbox(stamp.desk_title, stamp.desk)))
    fields.append(("To", _mailbox(stamp.to_name, stamp.to)))
    fields.append(("Reply-To", _mailbox(stamp.desk_title, stamp.reply_to)))
    fields.append(("Subject", _text(letter.subject, len("Subject: "))))
    fields.append(("Message-ID", _identifier(stamp.message_id)))
    if parent := _known_id(stamp.in_reply_to):
        fields.append(("In-Reply-To", parent))
    if ancestors := _ancestors(stamp):
        fields.append(("References", "\r\n ".join(ancestors)))
    if submitted := _AUTO_SUBMITTED[stamp.kind]:
        fields.append(("Auto-Submitted", submitted))
        fields.append(("X-Auto-Response-Suppress", "All"))
    if stamp.kind is NoticeKind.ACKNOWLEDGMENT:
        fields.append(("Precedence", "bulk"))
    fields.append(("X-Loop", _addr_spec(stamp.desk)))
    if stamp.topic:
        fields.append(("Thread-Topic", _text(stamp.topic, len("Thread-Topic: "))))
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
    automatic = stamp.kind is not NoticeKind.REPLY
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
    if max(map(len, lines)) > _LINE_LIMIT:
        raise ValueError("a line of the built mail is longer than 998 bytes")


def _mailbox(name: str, address: Address) -> str:
    spec = _addr_spec(address)
    words = one_line(name, _NAME_CHARS)
    if not words:
        return spec
    if _ATOMS.fullmatch(words) and "=?" not in words:
        phrase = words
    elif words.isascii() and "=?" not in words:
        phrase = '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'
    else:
        phrase = _encoded_words(words, len("Reply-To: "))
    return f"{phrase}\r\n <{spec}>" if len(phrase) + len(spec) > 60 else f"{phrase} <{spec}>"


def _addr_spec(address: Address) -> str:
    spec = str(address)
    if not _ADDRESS.fullmatch(spec):
        raise ValueError("an address that is not plain ASCII without quoting cannot be written to")
    return spec


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


def _text(value: str, used: int) -> str:
    """Unstructured text (RFC 5322 §2.2.1), folded; encoded words when it is not plain ASCII or only looks like them."""
    words = one_line(value, _LINE_LIMIT // 2).split(" ")
    if all(map(_is_plain, words)):
        return _folded(words, used)
    # What is plain at the start stays readable in logs and filters: the tag is there. The first encoded word follows
    # on the same line: readers built on Python's decode_header lose the space when a fold stands between.
    plain = ""
    while _is_plain(words[0]) and len(plain) + len(words[0]) < _PLAIN_START:
        plain += words.pop(0) + " "
    return plain + _encoded_words(" ".join(words), used + len(plain))


def _is_plain(word: str) -> bool:
    return word.isascii() and "=?" not in word and len(word) <= _LINE // 2


def _folded(words: list[str], used: int) -> str:
    lines, room = [""], _LINE - used
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append(word)
            room = _LINE - 1
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return "\r\n ".join(lines)


@lru_cache(maxsize=256)
def _encoded_words(line: str, used: int) -> str:
    """RFC 2047: words of ≤ 75 characters that never cut one of theirs in two; the shorter of Q and B for all of it."""
    data = line.encode("utf-8", "replace")
    plain = sum(byte in _PLAIN_Q or byte == 0x20 for byte in data)
    use_q = plain + 3 * (len(data) - plain) <= len(data) * 4 // 3 + 2
    words, word, size = [], bytearray(), 0
    limit = min(_WORD_CHARS, _ENCODED_LINE - used - _WORD_FRAME)
    for char in line:
        code = char.encode("utf-8", "replace")
        cost = sum(1 if byte in _PLAIN_Q or byte == 0x20 else 3 for byte in code) if use_q else len(code)
        if word and size + cost > (limit if use_q else limit // 4 * 3):
            words.append(bytes(word))
            limit = _WORD_CHARS
            word, size = bytearray(), 0
        word += code
        size += cost
    words.append(bytes(word))
    return "\r\n ".join(_q_word(word) if use_q else f"=?utf-8?b?{b64encode(word).decode()}?=" for word in words)


def _q_word(word: bytes) -> str:
    coded = "".join(chr(byte) if byte in _PLAIN_Q else "_" if byte == 0x20 else f"={byte:02X}" for byte in word)
    return f"=?utf-8?q?{coded}?="


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A MIME entity: the value of Content-Type, of Content-Transfer-Encoding, and the encoded body."""

    kind: str
    encoding: str
    body: bytes
    disposition: str = ""

    def whole(self) -> bytes:
        """With its own header, as it stands inside a multipart."""
        disposition = f"Content-Disposition: {self.disposition}\r\n" if self.disposition else ""
        head = f"Content-Type: {self.kind}\r\nContent-Transfer-Encoding: {self.encoding}\r\n{disposition}\r\n"
        return head.encode("ascii") + self.body


def _body(letter: Letter, stamp: Stamp) -> _Part:
    seed = hashlib.sha256(stamp.message_id.encode("ascii", "replace")).hexdigest()
    whole = _words("text/plain", letter.text)
    if letter.html:
        whole = _multipart("alternative", f"=_a{seed[:30]}", whole, _words("text/html", letter.html))
    if stamp.original is None:
        return whole
    boundary = f"=_m{seed[:30]}"
    while boundary.encode() in stamp.original:  # nobody can foresee it, but a mail of ours may come back to be attached
        boundary = f"=_m{hashlib.sha256(boundary.encode()).hexdigest()[:30]}"
    return _multipart("mixed", boundary, whole, _original(stamp.original))


def _multipart(subtype: str, boundary: str, *parts: _Part) -> _Part:
    """`=_` at its start keeps a boundary from ever being a line of quoted-printable or base64 (RFC 2045 §6.7)."""
    mark = f"--{boundary}".encode("ascii")
    inside = b"".join(mark + b"\r\n" + part.whole() for part in parts)
    return _Part(
        kind=f'multipart/{subtype};\r\n boundary="{boundary}"', encoding="7bit", body=inside + mark + b"--\r\n"
    )


def _words(kind: str, text: str) -> _Part:
    """A text part. Quoted-printable: 7-bit safe everywhere, and readable in a log."""
    data = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").replace("\n", "\r\n").encode("utf-8", "replace")
    coded = b2a_qp(data + b"\r\n", quotetabs=False, istext=True)
    return _Part(kind=f'{kind}; charset="utf-8"', encoding="quoted-printable", body=coded)


def _original(raw: bytes) -> _Part:
    """The mail as it came; RFC 2046 §5.2.1 forbids to encode message/rfc822, so what is not 7-bit goes as a file."""
    data = raw.replace(b"\r\n", b"\n")
    disposition = 'attachment; filename="original.eml"'
    if raw.isascii() and b"\r" not in data and b"\0" not in data and max(map(len, data.split(b"\n"))) <= _LINE_LIMIT:
        body = data.replace(b"\n", b"\r\n") + b"\r\n"
        return _Part(kind="message/rfc822", encoding="7bit", body=body, disposition=disposition)
    code = b64encode(raw)
    body = b"".join(code[at : at + 76] + b"\r\n" for at in range(0, len(code), 76))
    return _Part(kind="application/octet-stream", encoding="base64", body=body, disposition=disposition)
