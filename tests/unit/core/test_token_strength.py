"""What a token is worth: 128 bits over ticket, person and day, and a million guesses that open nothing."""

from __future__ import annotations

import base64
import hmac
import random
from datetime import date

import pytest
from builders import HELP, JO, KEYRING

from daemon.core.address import Address
from daemon.core.token import (
    Keyring,
    read_bounce_address,
    read_message_id,
    read_reply_address,
    reply_address,
    speaks_for,
)

TODAY = date(2026, 11, 23)
ANN = Address("ann", "example.org")


def token_of(ticket: int, person: Address = JO, last: date = TODAY, keyring: Keyring = KEYRING) -> str:
    return reply_address(keyring, HELP, ticket, person, last, plus=True).local.partition("+T.")[2]


def read(token: str, keyring: Keyring = KEYRING, today: date = TODAY):
    return read_reply_address(keyring, Address(f"help+T.{token}", HELP.domain), today)


def raw(token: str) -> bytes:
    return base64.b32decode(token.upper() + "=" * (-len(token) % 8))


def text(octets: bytes) -> str:
    return base64.b32encode(octets).decode().rstrip("=").lower()


def test_the_tag_has_128_bits_of_hmac_sha256():
    """Recomputed from its description: ticket, day and person in front, sixteen octets of HMAC behind."""
    octets = raw(token_of(7))
    payload, tag = octets[:-16], octets[-16:]

    whole = hmac.digest(KEYRING.keys[0], b"firstline\0reply\0" + HELP.key.encode() + b"\0" + payload, "sha256")

    assert len(tag) * 8 >= 128
    assert tag == whole[:16]
    assert int.from_bytes(payload[:4], "big") == 7


@pytest.mark.parametrize("part", ["ticket", "day", "person"])
def test_the_tag_is_bound_to_each_part(part):
    """Ticket, last day and person of a good token cannot be exchanged for those of another good one."""
    good = raw(token_of(7))
    other = raw(token_of(8, ANN, date(2027, 11, 23)))
    where = {"ticket": slice(0, 4), "day": slice(4, 6), "person": slice(6, 11)}[part]

    mixed = bytearray(good)
    mixed[where] = other[where]

    assert read(text(good)) is not None
    assert bytes(mixed) != good
    assert read(text(bytes(mixed))) is None


def test_a_token_speaks_for_its_person_only():
    """Whoever else holds it proves nothing by it."""
    found = read(token_of(7))

    assert speaks_for(KEYRING, found.person_tag, JO)
    assert not speaks_for(KEYRING, found.person_tag, ANN)
    assert not speaks_for(KEYRING, found.person_tag, Address("jo", "example.net"))


def test_a_token_of_another_installation_is_none_here():
    """Two desks with the same addresses and other keys."""
    assert read(token_of(7, keyring=Keyring(keys=(b"x" * 32,)))) is None


def test_rotation_signs_with_the_newest_and_reads_with_all():
    """A new key on top: old tokens hold, new ones are the new key's; without the old key old ones are worthless."""
    old, new = b"a" * 32, b"b" * 32
    before = token_of(7, keyring=Keyring(keys=(old,)))
    after = token_of(7, keyring=Keyring(keys=(new, old)))

    assert before != after
    assert read(before, Keyring(keys=(new, old))) is not None
    assert read(after, Keyring(keys=(new,))) is not None
    assert read(after, Keyring(keys=(old,))) is None
    assert read(before, Keyring(keys=(new,))) is None


@pytest.mark.timeout(300)
@pytest.mark.parametrize("count", [100_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_random_and_mutated_tokens_open_nothing(count):
    """Half of them random, half one to three bits away from a good one; all three kinds of marks."""
    source = random.Random(20261123)
    good = [raw(token_of(ticket, person)) for ticket in (1, 77, 4_000_000_000) for person in (JO, ANN)]
    accepted = 0
    for number in range(count):
        octets = source.randbytes(27)
        if number % 2:  # one to three bits of a good one are other
            mask = 1 << octets[0] % 216 | 1 << octets[1] % 216 | 1 << octets[2] % 216
            octets = (int.from_bytes(good[number % 6], "big") ^ mask).to_bytes(27, "big")
        token = text(octets)[:44]
        match number % 8:
            case 6:
                address = Address(f"help+B.ack.{token[:36]}", HELP.domain)
                accepted += read_bounce_address(KEYRING, address) is not None
            case 7:
                accepted += read_message_id(KEYRING, f"<ack.{number % 99}.1.{token[:26]}@{HELP.domain}>") is not None
            case _:
                accepted += read(token) is not None

    assert accepted == 0
