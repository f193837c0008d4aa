"""DKIM keys (RFC 6376 §3.6.1): which record may verify which signature.

Checked before a library computes with the key: a record from a stranger's DNS decides how long
an exponentiation takes (measured: 0.15 ms for 2048 bits with e=65537, 2.7 s for 8192 bits with an
exponent as long), and dkimpy reads over `s=`, `h=` and `t=`.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from daemon.authentication.tags import read_tags, words

MAX_RECORD = 4_096
MIN_BITS, MAX_BITS = 1024, 4096  # RFC 8301 §3.2
_MAX_EXPONENT_BITS = 32
_INTEGER, _BITS, _SEQUENCE = 0x02, 0x03, 0x30


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a record verifies nothing, as a result of RFC 8601."""

    result: str
    why: str


def refusal(text: str, *, signer: str, identity: str) -> Refusal | None:
    """None when the key `text` may verify an rsa-sha256 signature of `signer` (d=) for `identity` (domain of i=)."""
    tags = read_tags(text) if len(text) <= MAX_RECORD else None
    if (
        tags is None
        or "p" not in tags
        or tags.get("v", "DKIM1") != "DKIM1"
        or (list(tags).index("v") if "v" in tags else 0)
    ):
        return Refusal(result="permerror", why="no key record")
    if not tags["p"]:
        return Refusal(result="permerror", why="the key was revoked")
    if tags.get("k", "rsa").lower() != "rsa":
        return Refusal(result="neutral", why="key type is not rsa")
    if not {"*", "email"}.intersection(words(tags.get("s", "*"))):
        return Refusal(result="permerror", why="the key is not for mail")
    if "h" in tags and "sha256" not in words(tags["h"]):
        return Refusal(result="permerror", why="the key is not for sha256")
    flags = words(tags.get("t", ""))
    if "y" in flags:
        return Refusal(result="neutral", why="the signer is testing")
    if "s" in flags and identity != signer:
        return Refusal(result="policy", why="the key is not for subdomains")
    return _weak(tags["p"])


def _weak(encoded: str) -> Refusal | None:
    try:
        modulus, exponent = _numbers(base64.b64decode("".join(encoded.split()), validate=True))
    except (binascii.Error, ValueError, IndexError):
        return Refusal(result="permerror", why="the key cannot be read")
    if not MIN_BITS <= modulus.bit_length() <= MAX_BITS:
        return Refusal(result="policy", why=f"the key has {modulus.bit_length()} bits")
    if exponent < 3 or not exponent % 2 or exponent.bit_length() > _MAX_EXPONENT_BITS:
        return Refusal(result="policy", why="the key has an odd exponent")
    return None


def _numbers(der: bytes) -> tuple[int, int]:
    """Modulus and exponent of a SubjectPublicKeyInfo or an RSAPublicKey. Raises ValueError or IndexError."""
    tag, outer, _ = _element(der)
    if tag != _SEQUENCE:
        raise ValueError("no sequence")
    tag, first, rest = _element(outer)
    if tag == _SEQUENCE:  # the algorithm; the key is a bit string with a first octet of unused bits
        tag, bits, _ = _element(rest)
        if tag != _BITS or not bits or bits[0]:
            raise ValueError("no bit string")
        _, outer, _ = _element(bits[1:])
        tag, first, rest = _element(outer)
    tag_of_exponent, second, _ = _element(rest)
    if tag != _INTEGER or tag_of_exponent != _INTEGER:
        raise ValueError("no integers")
    return int.from_bytes(first, "big"), int.from_bytes(second, "big")


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content and what follows of the first DER element."""
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    if start + length > len(der):
        raise ValueError("cut off")
    return der[0], der[start : start + length], der[start + length :]
