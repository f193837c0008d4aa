"""Bytes to `Message`: mail-parser under a normaliser; the only importer of mail-parser.

mail-parser gives the MIME structure, the date and the defects. It is fed a mail that passed
`limits.exceeded`, with the trace fields taken out (parsing those is 40 % of its time and they are
kept from our own scan), and what it breaks is done by us: raw 8-bit headers, unknown charsets,
forwarded mails, delivery reports (decision 0020). `parse` raises nothing but `Unreadable`.
"""

from __future__ import annotations

import email
import email.errors
import email.utils
import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.feedparser import BytesFeedParser
from email.message import Message as Mime

import mailparser

from daemon.core.address import parse_address_list, parse_identity
from daemon.core.attribution import is_forward_subject, plain_address
from daemon.core.body import make_body
from daemon.core.charset import decode, decode_words
from daemon.core.clean import clean_line
from daemon.core.content import read_content
from daemon.core.fields import Block, Field, read_block
from daemon.core.identifier import all_ids, first_id
from daemon.core.limits import Limits
from daemon.core.message import Header, Mailbox, Message
from daemon.core.orderly import dated, is_flawless
from daemon.core.parts import build
from daemon.core.prefix import strip_prefixes
from daemon.core.quote import About
from daemon.core.report import find_report
from daemon.errors import Unreadable

# mail-parser 4.8 and the stdlib below it raise these plainly on mails of < 150 bytes (found by fuzzing).
_SURPRISES = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError,
    email.errors.MessageError, mailparser.exceptions.MailParserError,
)  # fmt: skip
logging.getLogger("mailparser").addHandler(logging.NullHandler())
logging.getLogger("mailparser").propagate = False  # it logs header text of strangers at ERROR

_PARSER_FIELDS = frozenset(
    {"from", "to", "cc", "reply-to", "date", "subject", "message-id", "mime-version"}
)  # and Content-*; the first of each
_WHOLE_BYTES = 300_000  # above, mail-parser reads the header only: it makes three copies of each attachment
_SLICE_BYTES = 1 << 20
# mail-parser decodes with any codec Python has: 900 kB under `charset=punycode` took it two minutes.
_CODEC_TRICK = re.compile(
    rb"charset\s{0,100}(?:\*|=[^a-z0-9.]{0,100}(?:punycode|idna))|=\?[^a-z0-9.]{0,100}(?:punycode|idna)", re.IGNORECASE
)
_NOT_TEXT = frozenset(
    {"received", "dkim-signature", "arc-seal", "arc-message-signature", "arc-authentication-results", "x-received",
     "authentication-results", "received-spf", "domainkey-signature", "message-id", "references", "in-reply-to"}
)  # fmt: skip
_VALUE_CHARS = 8_000
_REFERENCE_CHARS = 64 * 1024
_SUBJECT_CHARS = 1_000
_NAME_CHARS = 200


def parse(raw: bytes, limits: Limits, sent: Sequence[str] = ()) -> Message:
    """The mail `raw`, which must be within `limits`. `sent`: texts of ours it may quote. Raises `Unreadable` only."""
    try:
        return _parse(_with_line_ends(raw), limits, sent)
    except _SURPRISES as error:
        raise Unreadable(f"the mail cannot be parsed: {type(error).__name__}") from error


def parse_headers_only(raw: bytes, limits: Limits, exceeded: tuple[str, ...]) -> Message:
    """What the header block says, of a mail over its limits; bounded work on any input, never raises."""
    head = _with_line_ends(raw[: limits.header_bytes + 1_000])
    block = read_block(head, limit_bytes=limits.header_bytes, limit_fields=limits.fields)
    return _headline(block, limits, exceeded)


def _with_line_ends(raw: bytes) -> bytes:
    """Mail of old Macs ends its lines with CR alone."""
    return raw.replace(b"\r", b"\n") if b"\n" not in raw[:65_536] and b"\r" in raw[:65_536] else raw


def _parse(raw: bytes, limits: Limits, sent: Sequence[str]) -> Message:
    block = read_block(raw, limit_bytes=limits.header_bytes, limit_fields=limits.fields)
    headline = _headline(block, limits, ())
    mime, date, defects = _structure(raw, block)
    root = build(mime)
    content = read_content(root, limits)
    body = make_body(content.lines, source=content.source, about=_about(headline, sent))
    return replace(
        headline,
        date=date or headline.date,
        body=body,
        attachments=tuple(content.attachments),
        forwarded=tuple(content.forwarded),
        report=find_report(root, headline, body.full),
        content_type=root.content_type,
        defects=tuple(dict.fromkeys((*headline.defects, *defects, *content.notes))),
    )


def _about(headline: Message, sent: Sequence[str]) -> About:
    """What the header says of the text: whether it answers or forwards, and whom it answers."""
    people = (*headline.to, *headline.cc, *headline.from_)
    index = headline.values("thread-index")  # a first mail has 22 bytes, every answer adds five
    answers = bool(headline.in_reply_to or headline.references or any(len(value) > 32 for value in index))
    return About(
        forward=is_forward_subject(headline.subject),
        reply=answers or strip_prefixes(headline.subject) != headline.subject.strip(),
        people=frozenset(plain_address(str(mailbox.address)) for mailbox in people),
        sent=tuple(sent),
    )


def _structure(raw: bytes, block: Block) -> tuple[Mime, datetime | None, tuple[str, ...]]:
    """The MIME message, the date and the defects, from mail-parser; from the stdlib alone where that fails."""
    head = _parser_head(block.fields) + b"\n"
    whole = len(raw) - block.body_start <= _WHOLE_BYTES and not _CODEC_TRICK.search(raw, block.body_start)
    if (known := _orderly(raw, block, head, whole=whole)) is not None:
        return known
    defects: list[str] = []
    date: datetime | None = None
    mime: Mime | None = None
    try:
        mail = mailparser.MailParser.from_bytes(head + raw[block.body_start :] if whole else head)
        date = mail.date if isinstance(mail.date, datetime) else None
        defects.extend(sorted(str(name) for name in mail.defects_categories) if whole else ())
        mime = mail.message if whole else None
    except _SURPRISES as error:
        defects.append(f"mail-parser: {type(error).__name__}")
    return mime if mime is not None else _structure_alone(head, raw, block.body_start), date, tuple(defects)


def _orderly(
    raw: bytes, block: Block, head: bytes, *, whole: bool
) -> tuple[Mime, datetime | None, tuple[str, ...]] | None:
    """The same for mail of which it is known what mail-parser says; None for any other."""
    date = dated({field.name: field.unfolded for field in reversed(block.fields)})
    if date is None:
        return None
    if not whole:
        return _structure_alone(head, raw, block.body_start), date, ()
    try:
        mime = email.message_from_bytes(head + raw[block.body_start :])
        return (mime, date, ()) if is_flawless(mime) else None
    except _SURPRISES:
        return None


def _structure_alone(head: bytes, raw: bytes, start: int) -> Mime:
    """The MIME message from the stdlib, fed in slices: no second copy of 25 MB."""
    parser = BytesFeedParser()
    parser.feed(head)
    for at in range(start, len(raw), _SLICE_BYTES):
        parser.feed(raw[at : at + _SLICE_BYTES])
    return parser.close()


def _parser_head(fields: tuple[Field, ...]) -> bytes:
    """The header fields the parser needs, each once, a bare CR made harmless."""
    seen: set[str] = set()
    lines = []
    for field in fields:
        wanted = field.name in _PARSER_FIELDS and not _CODEC_TRICK.search(field.value)
        if field.name in seen or not (wanted or field.name.startswith("content-")):
            continue
        seen.add(field.name)
        lines.append(field.name.encode("ascii") + b": " + field.unfolded + b"\n")
    return b"".join(lines)


def _headline(block: Block, limits: Limits, exceeded: tuple[str, ...]) -> Message:
    """All that the header fields say."""
    by_name: dict[str, list[Field]] = {}
    for field in block.fields:
        by_name.setdefault(field.name, []).append(field)
    defects = tuple(f"repeated-{name}" for name in ("from", "subject", "to", "date") if len(by_name.get(name, ())) > 1)
    from_values = [decode(field.unfolded) for field in by_name.get("from", ())[:3]]
    senders = _mailboxes(by_name.get("sender", ()), 1)
    references = [identifier for field in by_name.get("references", ())[:3] for identifier in all_ids(field.unfolded)]
    return Message(
        message_id=next((first_id(field.unfolded) for field in by_name.get("message-id", ())), ""),
        identity=parse_identity(from_values),
        from_text=_text(by_name, "from", _VALUE_CHARS),
        from_=_mailboxes(by_name.get("from", ()), limits.addresses),
        sender=senders[0] if senders else None,
        reply_to=_mailboxes(by_name.get("reply-to", ()), limits.addresses),
        to=_mailboxes(by_name.get("to", ()), limits.addresses),
        cc=_mailboxes(by_name.get("cc", ()), limits.addresses),
        subject=_text(by_name, "subject", _SUBJECT_CHARS),
        date=_odd_date(_text(by_name, "date", 200)),
        in_reply_to=tuple(i for field in by_name.get("in-reply-to", ())[:1] for i in all_ids(field.unfolded)),
        references=tuple(dict.fromkeys(references)),
        headers=tuple(_header(field) for field in block.fields),
        content_type=_text(by_name, "content-type", 100).partition(";")[0].strip().lower() or "text/plain",
        defects=(*defects, "header-cut") if block.cut else defects,
        exceeded=exceeded,
    )


def _header(field: Field) -> Header:
    value = field.unfolded
    limit = _REFERENCE_CHARS if field.name == "references" else _VALUE_CHARS
    head = value[: 4 * limit]
    return Header(
        name=field.name, value=clean_line(decode(head) if field.name in _NOT_TEXT else decode_words(head), limit)
    )


def _text(by_name: dict[str, list[Field]], name: str, limit: int) -> str:
    """The first field `name`, decoded and cleaned."""
    return next((clean_line(decode_words(field.unfolded[: 8 * limit]), limit) for field in by_name.get(name, ())), "")


def _mailboxes(fields: Sequence[Field], limit: int) -> tuple[Mailbox, ...]:
    found: list[Mailbox] = []
    for field in fields:
        text = clean_line(decode(field.unfolded), _REFERENCE_CHARS)
        for name, address in parse_address_list(text, limit=limit - len(found)):
            found.append(Mailbox(name=_name(name), address=address))
        if len(found) >= limit:
            break
    return tuple(found)


def _name(name: str) -> str:
    return clean_line(decode_words(name.encode("utf-8", "replace")), _NAME_CHARS)


def _odd_date(text: str) -> datetime | None:
    """A Date in one of the forms mail-parser refuses (no zone, two-digit year, names of zones)."""
    try:
        parsed = email.utils.parsedate_tz(text)
        if parsed is None:
            return None
        naive = datetime(*parsed[:6])  # noqa: DTZ001 - the zone is the next line's
        return (naive - timedelta(seconds=parsed[9] or 0)).replace(tzinfo=UTC)
    except _SURPRISES:
        return None
