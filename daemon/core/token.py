"""Signed marks of ours: Message-IDs, reply addresses and bounce addresses.

Owns the only code that makes or checks an HMAC. A mark is ≥ 128 bit and bound to its
ticket (reply addresses also to the person and an expiry), so quoting a ticket number
proves nothing and holding a mark proves that we gave it (mail-rules §5). Keys rotate:
the first signs, all verify. Everything is constant-time on the compared tag.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from datetime import date
from itertools import islice

from daemon.core.address import Address

_TAG_BYTES = 16  # 128 bit
_PERSON_BYTES = 5  # keyed, so a guess costs a mail each: 40 bit are plenty and keep the local part short
_MAX_LOCAL = 64  # octets, RFC 5321 §4.5.3.1.1
_EPOCH = date(1970, 1, 1).toordinal()
_MAX_TICKET = 2**32 - 1
_MAX_SEQUENCE = 2**16 - 1

_KIND = re.compile(r"[a-z]{1,8}")
_OWN_ID = re.compile(
    r"<(?P<kind>[a-z]{1,8})\.(?P<ticket>[0-9]{1,10})\.(?P<seq>[0-9]{1,5})\.[a-z2-7]{26}@(?P<at>[^@<>\s]{1,253})>"
)
_REPLY = re.compile(r"(?P<desk>.{1,40})\+t\.(?P<token>[a-z2-7]{44})", re.IGNORECASE | re.ASCII)
_ORDER = re.compile(r"(?<![\w.-])(?P<word>[a-z]{1,12}(?:-[0-9])?)\.(?P<token>[a-z2-7]{44})(?![\w.-])", re.IGNORECASE)
_MOST_MARKS = 5  # of one subject that are verified
_BOUNCE = re.compile(r"(?P<desk>.{1,40})\+b\.(?P<kind>[a-z]{1,8})\.(?P<token>[a-z2-7]{36})", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """Secret keys, newest first, each ≥ 32 bytes. `repr` never shows them."""

    keys: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Keyring({len(self.keys)} keys)"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnId:
    """A Message-ID that we made: `<kind.ticket.sequence.tag@domain>`."""

    kind: str
    ticket_id: int
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyToken:
    """What a verified reply address says; ask `speaks_for` whether the writer is its person."""

    ticket_id: int
    person_tag: str
    expires_on: int  # days since 1970-01-01, UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A verified order mark: one word that one person may order on one ticket; ask `speaks_for` about the writer."""

    word: str
    token: ReplyToken


def message_id(keyring: Keyring, kind: str, ticket_id: int, sequence: int, domain: str) -> str:
    """The Message-ID of one notice of ours: the same for the same four facts, so a resend is byte-identical."""
    _check(kind, ticket_id, sequence)
    return _message_id(keyring.keys[0], kind, ticket_id, sequence, domain.lower())


def read_message_id(keyring: Keyring, text: str) -> OwnId | None:
    """What our own Message-ID (with angle brackets, nothing else) says; None unless one of our keys signed it."""
    match = _OWN_ID.fullmatch(text)
    if match is None:
        return None
    kind, ticket_id, sequence = match["kind"], int(match["ticket"]), int(match["seq"])
    if not any(_same(_message_id(key, kind, ticket_id, sequence, match["at"]), text) for key in keyring.keys):
        return None
    return OwnId(kind=kind, ticket_id=ticket_id, sequence=sequence)


_SPACES = re.compile(rb"\s+")
_TRIED = 100  # identifiers of one header whose signature is checked


def own_ids(keyring: Keyring, head: bytes, *, limit: int) -> tuple[OwnId, ...]:
    """Our own Message-IDs in a raw header, wherever they stand, the last first; folding inside one is undone."""
    text = _SPACES.sub(b"", head).decode("latin-1")
    named = dict.fromkeys(match[0] for match in reversed(list(_OWN_ID.finditer(text))))
    read = (read_message_id(keyring, each) for each in list(named)[:_TRIED])
    return tuple(own for own in read if own is not None)[:limit]


def person_tag(keyring: Keyring, address: Address) -> str:
    """The short tag that stands for a person in a reply address, by the newest key."""
    return _person(keyring.keys[0], address)


def speaks_for(keyring: Keyring, tag: str, address: Address) -> bool:
    """True when `tag` is the tag of `address` by any key of the ring (a tag outlives a rotation)."""
    return any(_same(_person(key, address), tag) for key in keyring.keys)


def reply_address(
    keyring: Keyring,
    desk: Address,
    ticket_id: int,
    person: Address,
    expires: date,
    plus: bool,  # noqa: FBT001
) -> Address:
    """The desk's address with a token for one ticket, one person and a last day (`help+T.<token>@…`).

    The plain desk address when the desk has no plus-addressing or its local part leaves no
    room below 64 octets (more than 17).
    """
    _check("t", ticket_id, 0)
    payload = ticket_id.to_bytes(4, "big") + _day(expires).to_bytes(2, "big") + _unbase32(person_tag(keyring, person))
    token = _base32(payload + _tag(keyring.keys[0], "reply", desk.key, payload))
    local = f"{desk.local}+T.{token}"
    return Address(local, desk.domain) if plus and len(local.encode()) <= _MAX_LOCAL else desk


def read_reply_address(keyring: Keyring, address: Address, today: date) -> ReplyToken | None:
    """What a reply address of ours says; None when it is none, was changed, or its last day has passed."""
    match = _REPLY.fullmatch(address.local)
    if match is None:
        return None
    payload = _verified(keyring, "reply", f"{match['desk'].lower()}@{address.domain}", match["token"])
    if payload is None:
        return None
    token = _token(payload)
    return None if token.expires_on < today.toordinal() - _EPOCH else token


def bounce_address(keyring: Keyring, desk: Address, ticket_id: int, kind: str, sequence: int) -> Address:
    """The signed envelope sender of one notice (`help+B.<kind>.<token>@…`), where `<>` cannot be used.

    The plain desk address when its local part leaves no room below 64 octets.
    """
    _check(kind, ticket_id, sequence)
    payload = ticket_id.to_bytes(4, "big") + sequence.to_bytes(2, "big")
    token = _base32(payload + _tag(keyring.keys[0], f"bounce {kind}", desk.key, payload))
    local = f"{desk.local}+B.{kind}.{token}"
    return Address(local, desk.domain) if len(local.encode()) <= _MAX_LOCAL else desk


def order_mark(keyring: Keyring, word: str, ticket_id: int, person: Address, expires: date) -> str:
    """`word.<44 characters>`: what a one-click link puts into a subject. It needs no plus-addressing."""
    _check("t", ticket_id, 0)
    payload = ticket_id.to_bytes(4, "big") + _day(expires).to_bytes(2, "big") + _unbase32(person_tag(keyring, person))
    return f"{word}.{_base32(payload + _tag(keyring.keys[0], 'order', word, payload))}"


def read_order_mark(keyring: Keyring, text: str, today: date) -> Mark | None:
    """The first mark of ours in `text` (a subject) that is genuine and has not expired."""
    for match in islice(_ORDER.finditer(text), _MOST_MARKS):
        word = match["word"].lower()
        payload = _verified(keyring, "order", word, match["token"])
        if payload is not None and int.from_bytes(payload[4:6], "big") >= today.toordinal() - _EPOCH:
            return Mark(word=word, token=_token(payload))
    return None


def _token(payload: bytes) -> ReplyToken:
    return ReplyToken(
        ticket_id=int.from_bytes(payload[:4], "big"),
        person_tag=_base32(payload[6:]),
        expires_on=int.from_bytes(payload[4:6], "big"),
    )


_MARKED = re.compile(
    r"(?:\+|%2B)[tb]\.(?:[a-z]{1,8}\.)?[a-z2-7]{36,44}(?=@|%40)"
    r"|[a-z]{1,12}(?:-[0-9])?\.[a-z2-7]{44}(?![a-z2-7])",  # an order mark, also behind the `%20` of a URL
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` without tokens of our addresses and order marks: what an agent quotes hands no rights to the reader."""
    return _MARKED.sub("", text)


_ENCODED = re.compile(rb"(?:[A-Za-z0-9+/]{40,80}\r?\n){1,100000}[A-Za-z0-9+/]{0,80}={0,2}")


def carries_marks(raw: bytes) -> bool:
    """True when a token or a Message-ID of ours stands in the mail, also inside quoted-printable or base64.

    Such a mail belongs to a conversation with us and may quote it.

    A wrong True costs an attachment; what no mail program writes (a token that is encoded twice) is not looked for.
    """
    unfolded = raw.replace(b"=\r\n", b"").replace(b"=\n", b"").replace(b"=2B", b"+")
    texts = [raw, unfolded, *map(_decoded, _ENCODED.findall(raw))]
    words = (text.decode("latin-1") for text in texts)
    return any(_MARKED.search(text) or _OWN_ID.search(text) for text in words)


def _decoded(block: bytes) -> bytes:
    letters = block.translate(None, b"\r\n=")
    return base64.b64decode(letters + b"=" * (-len(letters) % 4)) if len(letters) % 4 != 1 else b""


def read_bounce_address(keyring: Keyring, address: Address) -> OwnId | None:
    """The notice that a bounce address of ours stands for; None when it is none or was changed."""
    match = _BOUNCE.fullmatch(address.local)
    if match is None:
        return None
    kind = match["kind"].lower()
    desk = f"{match['desk'].lower()}@{address.domain}"
    payload = _verified(keyring, f"bounce {kind}", desk, match["token"])
    if payload is None:
        return None
    return OwnId(kind=kind, ticket_id=int.from_bytes(payload[:4], "big"), sequence=int.from_bytes(payload[4:], "big"))


def _message_id(key: bytes, kind: str, ticket_id: int, sequence: int, domain: str) -> str:
    left = f"{kind}.{ticket_id}.{sequence}"
    return f"<{left}.{_base32(_tag(key, 'message-id', domain, left.encode()))}@{domain}>"


def _person(key: bytes, address: Address) -> str:
    return _base32(_tag(key, "person", address.key, b"")[:_PERSON_BYTES])


def _tag(key: bytes, purpose: str, where: str, payload: bytes) -> bytes:
    """128 bits of HMAC-SHA-256. Each purpose has its own name, so no mark passes for another."""
    text = b"\0".join((b"firstline", purpose.encode(), where.encode("utf-8", "surrogatepass"), payload))
    return hmac.digest(key, text, "sha256")[:_TAG_BYTES]


def _verified(keyring: Keyring, purpose: str, where: str, token: str) -> bytes | None:
    """The payload in front of a valid tag. The text is compared too: base32 has spare bits that nobody signed."""
    raw = _unbase32(token)
    payload, tag = raw[:-_TAG_BYTES], raw[-_TAG_BYTES:]
    valid = any(_equal(_tag(key, purpose, where, payload), tag) for key in keyring.keys)
    return payload if valid and _base32(raw) == token.lower() else None


def _same(ours: str, theirs: str) -> bool:
    return _equal(ours.encode("utf-8", "surrogatepass"), theirs.encode("utf-8", "surrogatepass"))


def _equal(ours: bytes, theirs: bytes) -> bool:
    return hmac.compare_digest(ours, theirs)


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode("ascii").rstrip("=").lower()


def _unbase32(text: str) -> bytes:
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


def _day(day: date) -> int:
    return min(max(day.toordinal() - _EPOCH, 0), 2**16 - 1)


def _check(kind: str, ticket_id: int, sequence: int) -> None:
    if not _KIND.fullmatch(kind) or not 0 <= ticket_id <= _MAX_TICKET or not 0 <= sequence <= _MAX_SEQUENCE:
        raise ValueError(f"not a mark's facts: {kind!r} {ticket_id} {sequence}")
