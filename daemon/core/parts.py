"""The parts of a mail: a frozen tree over what the MIME parser found, with parameters read leniently.

`Part` hides the parser's message objects: its type, name and charset are read by our own linear
scanner (RFC 2045, RFC 2231, and the RFC 2047 words that most mailers put into names), because the
stdlib's raise on some and drop the 8-bit names of others. Broken boundaries are repaired once.
"""

from __future__ import annotations

import binascii
import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message as Mime
from urllib.parse import unquote_to_bytes

from daemon.core.charset import decode, decode_words
from daemon.core.clean import clean_line
from daemon.core.fields import Field
from daemon.core.limits import exceeded

MAX_DEPTH = 60  # of the tree; `limits` stops earlier, this holds for repaired boundaries
MAIL_TYPES = frozenset({"message/rfc822", "message/global", "message/news"})
_PARAMETERS = 100
_GAPS = re.compile(rb"[;\s]{2,}")
_PARAMETER = re.compile(rb';\s?([^\s=;"]{1,80})\s?=\s?(?:"((?:[^"\\]|\\.)*)"?|([^;"]*))', re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_LOST_BOUNDARY = re.compile(rb"^--([^\r\n]{1,200}?)[ \t]*\r?\ncontent-", re.IGNORECASE | re.MULTILINE)
_NAME_CHARS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part. `number` counts as IMAP does; `name` is the claimed file name, not yet safe."""

    number: str
    content_type: str
    fields: tuple[Field, ...]
    source: Mime
    charset: str = ""
    disposition: str = ""
    name: str = ""
    flowed: bool = False
    delsp: bool = False
    content_id: str = ""
    report_type: str = ""
    protocol: str = ""
    children: tuple[Part, ...] = ()

    @property
    def is_message(self) -> bool:
        """True for a mail inside the mail; its one child is that mail's root."""
        return bool(self.children) and self.content_type in MAIL_TYPES

    def field(self, name: str) -> bytes:
        """The first field `name` (lower case) unfolded, b"" when absent."""
        return next((field.unfolded for field in self.fields if field.name == name), b"")

    def data(self) -> bytes:
        """The content with its transfer encoding undone; what cannot be undone comes as it is."""
        try:
            return _payload(self.source)
        except (ValueError, LookupError, AssertionError):  # hostile uuencode, half a base64 quantum
            del self.source["content-transfer-encoding"]
            return _payload(self.source)

    def text(self) -> str:
        """The content as text in the part's charset, or a repaired one."""
        data = self.data()
        label = self.charset
        if not label and self.content_type == "text/html":
            label = _declared_in_html(data)
        return decode(data, label)

    def walk(self) -> Iterator[Part]:
        """This part and all below it, in order; mails inside the mail too."""
        stack = [self]
        while stack:
            part = stack.pop()
            yield part
            stack.extend(reversed(part.children))


def _payload(message: Mime) -> bytes:
    """Always with `decode`: without it the stdlib decodes text by the charset label, whatever codec that names."""
    payload = message.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _declared_in_html(data: bytes) -> str:
    match = re.search(rb"charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_.:-]{1,40})", data[:2_048])
    return match[1].decode("ascii") if match else ""


def build(message: Mime, *, number: str = "", depth: int = 0, repair: bool = True) -> Part:
    """The tree of `message`. Parts deeper than MAX_DEPTH become leaves."""
    fields = tuple(_fields(message))
    type_value = _first(fields, "content-type")
    if repair:
        repaired = _repaired(message, type_value)
        if repaired is not None:
            return build(repaired, number=number, depth=depth, repair=False)
    parameters = read_parameters(type_value)
    disposition_value = _first(fields, "content-disposition")
    disposition = read_parameters(disposition_value)
    content_type = clean_line(message.get_content_type(), 100).lower()
    children = _children(message, content_type, number, depth) if depth < MAX_DEPTH else ()
    name = disposition.get("filename") or parameters.get("name") or ""
    return Part(
        number=number or "1",
        content_type=content_type,
        fields=fields,
        source=message,
        charset=clean_line(parameters.get("charset", ""), 60),
        disposition=_token(disposition_value),
        name=clean_line(name, _NAME_CHARS),
        flowed=parameters.get("format", "").strip().lower() == "flowed",
        delsp=parameters.get("delsp", "").strip().lower() == "yes",
        content_id=clean_line(decode(_first(fields, "content-id")), 200),
        report_type=parameters.get("report-type", "").strip().lower()[:100],
        protocol=parameters.get("protocol", "").strip().lower()[:100],
        children=children,
    )


def _children(message: Mime, content_type: str, number: str, depth: int) -> tuple[Part, ...]:
    payload = message.get_payload() if message.is_multipart() else None
    if not isinstance(payload, list):
        return ()
    if content_type in MAIL_TYPES:
        payload = [_unpacked(child) for child in payload[:1] if isinstance(child, Mime)]
        # IMAP: a multipart inside a message/rfc822 "2" numbers its parts 2.1, 2.2; a single part is 2.1.
        return tuple(
            build(child, number=number if child.is_multipart() else f"{number}.1".lstrip("."), depth=depth + 1)
            for child in payload[:1]
            if isinstance(child, Mime)
        )
    prefix = f"{number}." if number else ""
    return tuple(
        build(child, number=f"{prefix}{index}", depth=depth + 1)
        for index, child in enumerate(payload, start=1)
        if isinstance(child, Mime)
    )


def _unpacked(message: Mime) -> Mime:
    """A mail that came inside another in base64: RFC 2046 §5.2.1 forbids it, gateways do it. Has its own limits."""
    if message.is_multipart() or len(message):
        return message
    data = reads_base64(_payload(message))
    return message if data is None or exceeded(data) else email.message_from_bytes(data)


def _fields(message: Mime) -> Iterator[Field]:
    for name, value in message.raw_items():
        text = str(value)
        yield Field(str(name).lower(), text.encode("utf-8", "surrogateescape"))


def _first(fields: tuple[Field, ...], name: str) -> bytes:
    return next((field.unfolded for field in fields if field.name == name), b"")


def _token(value: bytes) -> str:
    return clean_line(decode(value.split(b";", 1)[0]), 40).lower()


def _repaired(message: Mime, type_value: bytes) -> Mime | None:
    """The mail read again with the boundary its body really uses, when the declared one was not found.

    Also for a mail that lost its MIME header fields and now starts with a boundary line.
    """
    if message.is_multipart():
        return None
    declared = message.get_content_maintype() == "multipart" or type_value.lower().startswith(b"multipart")
    if type_value and not declared:
        return None
    body = _payload(message)
    if b"--" not in body:
        return None
    found = _LOST_BOUNDARY.search(body, 0, len(body) if declared else 2_000)
    if found is None or (not declared and body[: found.start()].strip()):
        return None
    boundary = found[1].rstrip()
    if b'"' in boundary or b"\\" in boundary:
        return None
    kind = message.get_content_type().encode("ascii", "replace") if declared else b"multipart/mixed"
    head = b"Content-Type: " + kind + b'; boundary="' + boundary + b'"\n\n'
    return email.message_from_bytes(head + body)


def read_parameters(value: bytes) -> dict[str, str]:
    """Parameters of a Content-Type or Content-Disposition value; the first of a repeated name wins."""
    # One separator each: a run of 64,000 ";" would be scanned again from each of them.
    value = _GAPS.sub(lambda gap: b"; " if b";" in gap[0] else b" ", value)
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bool, bytes]]] = {}
    for _, match in zip(range(_PARAMETERS), _PARAMETER.finditer(value), strict=False):
        name = match[1].decode("ascii", "replace").lower()
        raw = _ESCAPE.sub(rb"\1", match[2]) if match[2] is not None else match[3].strip()
        if "*" not in name:
            plain.setdefault(name, decode_words(raw))
            continue
        base, *rest = name.split("*")
        index = int(rest[0]) if rest[0].isascii() and rest[0].isdigit() and len(rest[0]) < 4 else 0
        pieces.setdefault(base, {}).setdefault(index, (name.endswith("*"), raw))
    for base, numbered in pieces.items():
        plain[base] = _extended(numbered)
    return plain


def _extended(numbered: dict[int, tuple[bool, bytes]]) -> str:
    """RFC 2231: pieces in order, percent-encoded ones undone, charset'language' in front of the first."""
    charset = ""
    out = []
    for position, index in enumerate(sorted(numbered)):
        encoded, raw = numbered[index]
        if encoded:
            if position == 0 and raw.count(b"'") >= 2:
                label, _, raw = raw.split(b"'", 2)
                charset = label.decode("ascii", "replace")
            raw = unquote_to_bytes(raw)
        out.append(raw)
    joined = b"".join(out)
    return decode_words(joined) if not charset and b"=?" in joined else decode(joined, charset)


def reads_base64(data: bytes) -> bytes | None:
    """The content of a base64 text, None when it is none; used for bodies sent without their header."""
    packed = b"".join(data.split())
    if len(packed) < 40 or len(packed) % 4 or not re.fullmatch(rb"[A-Za-z0-9+/]+={0,2}", packed):
        return None
    try:
        return binascii.a2b_base64(packed)
    except binascii.Error:
        return None
