"""Keys, DKIM signatures and ARC seals for tests: made here, so that a test can make wrong ones too.

Keys are found from a seed by plain arithmetic: no program, no file, the same in every run. Signing is
ours (RFC 6376 §3.7, RFC 8617 §5.1), so it does not share dkimpy's reading of a mail.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

_SMALL = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


@dataclass(frozen=True)
class Key:
    """An RSA key pair."""

    n: int
    e: int
    d: int

    @property
    def record(self) -> str:
        """The TXT record that publishes it."""
        return f"v=DKIM1; k=rsa; p={base64.b64encode(self.public).decode()}"

    @property
    def public(self) -> bytes:
        """SubjectPublicKeyInfo."""
        algorithm = _der(0x30, bytes.fromhex("06092a864886f70d0101010500"))
        key = _der(0x30, _integer(self.n) + _integer(self.e))
        return _der(0x30, algorithm + _der(0x03, b"\0" + key))

    def sign(self, text: bytes) -> str:
        size = (self.n.bit_length() + 7) // 8
        info = _DIGEST_INFO + hashlib.sha256(text).digest()
        padded = b"\0\1" + b"\xff" * (size - len(info) - 3) + b"\0" + info
        return base64.b64encode(pow(int.from_bytes(padded, "big"), self.d, self.n).to_bytes(size, "big")).decode()


@cache
def a_key(seed: int = 1, bits: int = 1024) -> Key:
    """The key of that number: always the same one. Worth nothing outside of tests."""
    source = random.Random(f"firstline test key {seed}")
    p, q = (_prime(source, bits // 2) for _ in range(2))
    return Key(n=p * q, e=65537, d=pow(65537, -1, (p - 1) * (q - 1)))


def _prime(source: random.Random, bits: int) -> int:
    while True:
        n = source.getrandbits(bits) | (3 << bits - 2) | 1
        probable = all(n % small for small in _SMALL) and all(pow(base, n - 1, n) == 1 for base in (2, 3, 5))
        if probable and (n - 1) % 65537:
            return n


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _integer(number: int) -> bytes:
    return _der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


# -- canonical forms ---------------------------------------------------------------------------------------------------


def split(raw: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """The fields (name, raw value with its folding) and the body of a mail with CRLF."""
    head, _, body = raw.partition(b"\r\n\r\n")
    fields = re.split(r"\r\n(?![ \t])", head.decode("latin-1"))
    return [(name, value) for name, _, value in (field.partition(":") for field in fields if field)], body


def relaxed(name: str, value: str) -> str:
    unfolded = re.sub(r"[ \t]+", " ", value.replace("\r\n", "")).strip()
    return f"{name.lower().strip()}:{unfolded}"


def relaxed_body(body: bytes) -> bytes:
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


def _chosen(fields: Sequence[tuple[str, str]], names: Sequence[str]) -> list[tuple[str, str]]:
    """RFC 6376 §5.4.2: from the bottom up, each instance once."""
    rest = list(fields)
    found = []
    for name in names:
        at = next((i for i in range(len(rest) - 1, -1, -1) if rest[i][0].lower() == name.lower()), None)
        if at is not None:
            found.append(rest.pop(at))
    return found


SIGNED = ("from", "to", "subject", "date", "message-id", "content-type")


def _tags(tags: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in tags.items())


def dkim_signed(
    raw: bytes,
    domain: str,
    selector: str = "s1",
    key: Key | None = None,
    names: Sequence[str] = SIGNED,
    name: str = "DKIM-Signature",
    **tags: str,
) -> bytes:
    """`raw` with one more signature on top. `tags` are added or replace what stands there; None leaves one out."""
    fields, body = split(raw)
    present = [each for each in names if any(field.lower() == each.lower() for field, _ in fields)]
    signature = {
        "v": "1", "a": "rsa-sha256", "c": "relaxed/relaxed", "d": domain, "s": selector, "h": ":".join(present),
        "bh": base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode(),
    }  # fmt: skip
    signature.update(tags)
    value = " " + _tags({k: v for k, v in signature.items() if v is not None}) + "; b="
    text = "\r\n".join([*(relaxed(*field) for field in _chosen(fields, present)), relaxed(name, value)])
    return f"{name}:{value}{(key or a_key()).sign(text.encode('latin-1'))}\r\n".encode("latin-1") + raw


def arc_sealed(
    raw: bytes,
    domain: str,
    results: str = "mx.lists.example; dmarc=pass header.from=example.org",
    *,
    instance: int = 1,
    cv: str | None = None,
    key: Key | None = None,
    selector: str = "s1",
    names: Sequence[str] = SIGNED,
    ams: Mapping[str, str] | None = None,
    seal: Mapping[str, str] | None = None,
    sealing: Key | None = None,
) -> bytes:
    """`raw` with one more ARC set on top (RFC 8617 §5.1)."""
    key = key or a_key()
    fields, body = split(raw)
    aar = ("ARC-Authentication-Results", f" i={instance}; {results}")
    present = [each for each in names if any(field.lower() == each.lower() for field, _ in fields)]
    tags = {
        "i": str(instance), "a": "rsa-sha256", "c": "relaxed/relaxed", "d": domain, "s": selector,
        "h": ":".join(present), "bh": base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode(),
    }  # fmt: skip
    tags.update(ams or {})
    value = " " + _tags(tags) + "; b="
    text = "\r\n".join([*(relaxed(*f) for f in _chosen(fields, present)), relaxed("arc-message-signature", value)])
    message = ("ARC-Message-Signature", value + key.sign(text.encode("latin-1")))
    status = cv if cv is not None else "none" if instance == 1 else "pass"
    seal_tags = {"i": str(instance), "a": "rsa-sha256", "cv": status, "d": domain, "s": selector, **(seal or {})}
    seal_value = " " + _tags(seal_tags) + "; b="
    chain = []
    if status != "fail":
        for number in range(1, instance):
            for kind in ("arc-authentication-results", "arc-message-signature", "arc-seal"):
                chain += [f for f in fields if f[0].lower() == kind and re.search(rf"\bi={number};", f[1])]
    text = "\r\n".join(relaxed(*f) for f in [*chain, aar, message, ("ARC-Seal", seal_value)])
    sealed = ("ARC-Seal", seal_value + (sealing or key).sign(text.encode("latin-1")))
    return b"".join(f"{n}:{v}\r\n".encode("latin-1") for n, v in (sealed, message, aar)) + raw
