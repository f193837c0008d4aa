"""Delivery, disposition and abuse reports: does a mail speak of another mail, and what does it say.

Structured reports are RFC 3464 (and RFC 6533's global form), RFC 8098 and RFC 5965; text bounces
of MTAs that write none are read by `nondelivery`. Only the mail's own top level counts: a report that
somebody forwards or quotes is not a report. Never raises; every string is cleaned and bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from daemon.core.charset import decode, decode_words
from daemon.core.clean import clean_line
from daemon.core.fields import Field, read_block
from daemon.core.identifier import first_id
from daemon.core.message import Delivery, Header, Message, Report, ReportKind
from daemon.core.nondelivery import find_bounce, find_recipient, is_from_system, status_in
from daemon.core.parts import Part, reads_base64

_KINDS = {
    "message/delivery-status": ReportKind.DELIVERY,
    "message/global-delivery-status": ReportKind.DELIVERY,
    "message/disposition-notification": ReportKind.DISPOSITION,
    "message/global-disposition-notification": ReportKind.DISPOSITION,
    "message/feedback-report": ReportKind.ABUSE,
}
_HEADER_PARTS = frozenset(
    {"text/rfc822-headers", "text/rfc822-header", "message/global-headers", "message/rfc822-headers"}
)
_ACTIONS = {
    "failed": Delivery.FAILED,
    "failure": Delivery.FAILED,
    "delayed": Delivery.DELAYED,
    "delivered": Delivery.DELIVERED,
    "relayed": Delivery.DELIVERED,
    "expanded": Delivery.DELIVERED,
    "displayed": Delivery.DELIVERED,
}
_STATUS_BYTES = 256 * 1024
_STATUS_FIELDS = 2_000
_OPENING = 6_000  # characters of text that may name the recipient
_ORIGINAL_FIELDS = 200
_VALUE_CHARS = 2_000
_RECIPIENT = re.compile(r"(?:rfc822|utf-8|unitext|x-[a-z-]+)?\s{0,9};?\s{0,9}<?([^<>\s;]{1,320})>?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Original:
    """The mail a report speaks of, as far as it came along."""

    headers: tuple[Header, ...] = ()

    @property
    def message_id(self) -> str:
        value = next((header.value for header in self.headers if header.name == "message-id"), "")
        return first_id(value.encode("utf-8", "replace"))


def find_report(root: Part, message: Message, text: str) -> Report | None:
    """The report that this mail is, or None. `message` has its header fields read, `text` is its whole text."""
    top = list(_top_level(root))
    complaint = _hotmail_complaint(top, message)
    if complaint is not None:
        return complaint
    for part in top:
        kind = _KINDS.get(part.content_type)
        if kind is not None and _belongs(part, root, message):
            found = _structured(kind, part, _find_original(top, text))
            if found.kind is ReportKind.DELIVERY and not found.recipient:
                return replace(
                    found, recipient=find_recipient(message, text[:_OPENING], headers=found.original_headers)
                )
            return found
    return find_bounce(message, text, headers=_find_original(top, text).headers)


def _hotmail_complaint(top: list[Part], message: Message) -> Report | None:
    """Outlook.com's junk mail reports come without a feedback part."""
    if not message.subject.startswith("complaint about message from ") or not any(part.is_message for part in top):
        return None
    original = _find_original(top, "")
    recipient = next((h.value for h in original.headers if h.name == "x-hmxmroriginalrecipient"), "")
    return Report(
        kind=ReportKind.ABUSE,
        recipient=_bare(recipient),
        diagnostic="complaint",
        original_message_id=original.message_id,
        original_headers=original.headers,
    )


def _top_level(root: Part) -> Iterator[Part]:
    """All parts but those inside a mail that came along."""
    stack = [root]
    while stack:
        part = stack.pop()
        yield part
        if not part.is_message and part.content_type not in _KINDS:
            stack.extend(reversed(part.children))


def _belongs(part: Part, root: Part, message: Message) -> bool:
    """A status part in a mail that is no multipart/report counts when a mail system sent it so.

    A person's mail program attaches a saved report by name.
    """
    if root.content_type == "multipart/report" or root.report_type:
        return True
    return root is part or is_from_system(message)


def _structured(kind: ReportKind, part: Part, original: _Original) -> Report:
    groups = _groups(part)
    first = groups[0] if groups else {}
    original_id = original.message_id
    if kind is ReportKind.DISPOSITION:
        everything = _merged(groups)
        disposition = everything.get("disposition", "").rpartition(";")[2].strip().lower()
        return Report(
            kind=kind,
            delivery=_ACTIONS.get(disposition.partition("/")[0].strip(), Delivery.UNKNOWN),
            recipient=_recipient(everything),
            diagnostic=everything.get("disposition", "")[:_VALUE_CHARS],
            original_message_id=_id(everything.get("original-message-id", "")) or original_id,
            original_headers=original.headers,
        )
    if kind is ReportKind.ABUSE:
        everything = _merged(groups)
        recipient = everything.get("original-rcpt-to", "") or everything.get("removal-recipient", "")
        return Report(
            kind=kind,
            recipient=_bare(recipient),
            diagnostic=everything.get("feedback-type", "")[:_VALUE_CHARS],
            original_message_id=original_id,
            original_headers=original.headers,
        )
    chosen = _worst(groups)
    diagnostic = chosen.get("diagnostic-code", "")
    status = status_in(chosen.get("status", "")) or status_in(diagnostic)
    return Report(
        kind=kind,
        delivery=_delivery(chosen, status),
        recipient=_recipient(chosen),
        status=status,
        diagnostic=diagnostic[:_VALUE_CHARS],
        original_message_id=original_id or _id(first.get("x-original-message-id", "")),
        original_headers=original.headers,
    )


def _delivery(group: dict[str, str], status: str) -> Delivery:
    action = re.match(r"\s*([a-z]+)", group.get("action", "").lower())
    if action and action[1] in _ACTIONS:
        return _ACTIONS[action[1]]
    return {"5": Delivery.FAILED, "4": Delivery.DELAYED, "2": Delivery.DELIVERED}.get(status[:1], Delivery.UNKNOWN)


def _worst(groups: list[dict[str, str]]) -> dict[str, str]:
    """The recipient group that matters most: failed before delayed before delivered."""
    order = (Delivery.FAILED, Delivery.DELAYED, Delivery.DELIVERED, Delivery.UNKNOWN)
    named = [
        group for group in groups if "final-recipient" in group or "original-recipient" in group or "action" in group
    ]
    if not named:
        return _merged(groups)
    return min(named, key=lambda group: order.index(_delivery(group, status_in(group.get("status", "")))))


def _merged(groups: list[dict[str, str]]) -> dict[str, str]:
    everything: dict[str, str] = {}
    for group in groups:
        for name, value in group.items():
            everything.setdefault(name, value)
    return everything


def _recipient(group: dict[str, str]) -> str:
    """The address that *we* wrote to comes first: that is the one to put on hold (RFC 3464 §2.3.1)."""
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        found = _bare(group.get(name, ""))
        if "@" in found:
            return found
    return _bare(group.get("final-recipient", ""))


def _bare(value: str) -> str:
    match = _RECIPIENT.search(value[:_VALUE_CHARS])
    return match[1].strip("'\"") if match else ""


def _id(value: str) -> str:
    return first_id(value.encode("utf-8", "replace"))


def _groups(part: Part) -> list[dict[str, str]]:
    """The groups of fields of a status part: the message's first, then one per recipient."""
    data = _status_bytes(part)[:_STATUS_BYTES].replace(b"\r\n", b"\n")
    packed = reads_base64(data)
    groups = []
    for chunk in (packed or data).split(b"\n\n")[:_STATUS_FIELDS]:
        block = read_block(chunk.lstrip(b"\n"), limit_bytes=_STATUS_BYTES, limit_fields=_ORIGINAL_FIELDS)
        group: dict[str, str] = {}
        for field in block.fields:
            group.setdefault(field.name, clean_line(decode_words(field.unfolded), _VALUE_CHARS))
        if group:
            groups.append(group)
    return groups


def _status_bytes(part: Part) -> bytes:
    """The stdlib makes a message of each group; write them down again, the rest of the text too."""
    payload = part.source.get_payload() if part.source.is_multipart() else None
    if not isinstance(payload, list):
        return part.data()
    pieces = []
    for inner in payload[:_STATUS_FIELDS]:
        if isinstance(inner, str):
            continue
        for name, value in inner.raw_items():
            pieces.append(f"{name}: {value}\n".encode("utf-8", "surrogateescape"))
        text = inner.get_payload(decode=True)
        pieces.append(b"\n" + (text if isinstance(text, bytes) else b"") + b"\n\n")
    return b"".join(pieces)


def _find_original(top: list[Part], text: str) -> _Original:
    """The header fields of the returned mail: a part of its own, or copied into the text."""
    for part in top:
        if part.is_message:
            return _Original(_headers(part.children[0].fields))
        if part.content_type in _HEADER_PARTS:
            data = part.data() or _status_bytes(part)
            block = read_block(data.lstrip(), limit_bytes=_STATUS_BYTES, limit_fields=_ORIGINAL_FIELDS)
            return _Original(_headers(block.fields))
    return _Original(_headers(_copied_fields(text)))


_COPIED = re.compile(
    r"^[ \t>]{0,4}(?:Received|Return-Path|Message-ID|DKIM-Signature|Delivered-To): ", re.IGNORECASE | re.MULTILINE
)


def _copied_fields(text: str) -> tuple[Field, ...]:
    match = _COPIED.search(text)
    if match is None:
        return ()
    copied = text[match.start() : match.start() + _STATUS_BYTES].lstrip(" \t>")
    return read_block(
        copied.encode("utf-8", "replace"), limit_bytes=_STATUS_BYTES, limit_fields=_ORIGINAL_FIELDS
    ).fields


def _headers(fields: tuple[Field, ...]) -> tuple[Header, ...]:
    return tuple(
        Header(
            name=field.name,
            value=clean_line(
                decode(field.unfolded[: 4 * _VALUE_CHARS])
                if field.name == "received"
                else decode_words(field.unfolded[: 4 * _VALUE_CHARS]),
                _VALUE_CHARS,
            ),
        )
        for field in fields[:_ORIGINAL_FIELDS]
    )
