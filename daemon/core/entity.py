"""MIME entities: the bodies of our mails, as bytes that any relay carries unchanged.

Everything is 7-bit with CRLF and lines ≤ 998, so no relay has a reason to re-encode it and a
second try is the same to the byte. Boundaries come from the Message-ID. Owns RFC 2045/2046 as
far as we write it; `compose` owns the header above.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from binascii import a2b_qp, b2a_qp
from dataclasses import dataclass, replace

from daemon.core.header import LINE_LIMIT
from daemon.core.letter import Letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
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


def body_of(letter: Letter, message_id: str, original: bytes | None, listing: str = "") -> Entity:
    """The letter as one entity: its alternatives, and beside them the original mail or a text of ours."""
    seed = hashlib.sha256(message_id.encode("ascii", "replace")).hexdigest()
    whole = _words("text/plain", letter.text)
    if letter.html:
        whole = _multipart("alternative", f"=_a{seed[:30]}", whole, _words("text/html", letter.html))
    if listing:
        beside = replace(_words("text/plain", listing), disposition='attachment; filename="data.txt"')
        return _multipart("mixed", f"=_m{seed[:30]}", whole, beside)
    if original is None:
        return whole
    boundary = f"=_m{seed[:30]}"
    while boundary.encode() in original:  # nobody can foresee it, but a mail of ours may come back to be attached
        boundary = f"=_m{hashlib.sha256(boundary.encode()).hexdigest()[:30]}"
    return _multipart("mixed", boundary, whole, _original(original))


def text_of(content: bytes) -> str:
    """The words of a mail that `body_of` made: its first text/plain part; "" when there is none."""
    start = content.find(b"Content-Type: text/plain")
    begin = content.find(b"\r\n\r\n", start) + 4
    if start < 0 or begin < 4:
        return ""
    stop = content.find(b"\r\n--=_", begin)
    return a2b_qp(content[begin : stop if stop >= 0 else len(content)]).decode("utf-8", "replace")


def _multipart(subtype: str, boundary: str, *parts: Entity) -> Entity:
    """`=_` at its start keeps a boundary from ever being a line of quoted-printable or base64 (RFC 2045 §6.7)."""
    mark = f"--{boundary}".encode("ascii")
    inside = b"".join(mark + b"\r\n" + part.whole() for part in parts)
    return Entity(
        kind=f'multipart/{subtype};\r\n boundary="{boundary}"', encoding="7bit", body=inside + mark + b"--\r\n"
    )


def _words(kind: str, text: str) -> Entity:
    """A text part. Quoted-printable: 7-bit safe everywhere, and readable in a log."""
    data = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").replace("\n", "\r\n").encode("utf-8", "replace")
    coded = b2a_qp(data + b"\r\n", quotetabs=False, istext=True)
    return Entity(kind=f'{kind}; charset="utf-8"', encoding="quoted-printable", body=coded)


def _original(raw: bytes) -> Entity:
    """The mail as it came; RFC 2046 §5.2.1 forbids to encode message/rfc822, so what is not 7-bit goes as a file."""
    data = raw.replace(b"\r\n", b"\n")
    disposition = 'attachment; filename="original.eml"'
    if raw.isascii() and b"\r" not in data and b"\0" not in data and max(map(len, data.split(b"\n"))) <= LINE_LIMIT:
        body = data.replace(b"\n", b"\r\n") + b"\r\n"
        return Entity(kind="message/rfc822", encoding="7bit", body=body, disposition=disposition)
    code = b64encode(raw)
    body = b"".join(code[at : at + 76] + b"\r\n" for at in range(0, len(code), 76))
    return Entity(kind="application/octet-stream", encoding="base64", body=body, disposition=disposition)
