"""Signed marks: what we signed reads back, and nothing else does."""

from __future__ import annotations

import random
import string
from datetime import date, timedelta

import pytest
from builders import HELP, JO, KEYRING
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.address import Address
from daemon.core.token import (
    Keyring,
    OwnId,
    bounce_address,
    message_id,
    person_tag,
    read_bounce_address,
    read_message_id,
    read_reply_address,
    reply_address,
    speaks_for,
)

OTHER = Keyring(keys=(b"x" * 32,))
TODAY = date(2026, 11, 23)
NEXT_YEAR = date(2027, 11, 23)

TICKETS = st.integers(0, 2**32 - 1)
SEQUENCES = st.integers(0, 2**16 - 1)
KINDS = st.from_regex(r"[a-z]{1,8}", fullmatch=True)


@given(KINDS, TICKETS, SEQUENCES)
def test_message_id_reads_back(kind, ticket, sequence):
    """Our Message-ID says kind, ticket and sequence, is stable, and fits one header line."""
    mark = message_id(KEYRING, kind, ticket, sequence, "example.com")

    assert read_message_id(KEYRING, mark) == OwnId(kind=kind, ticket_id=ticket, sequence=sequence)
    assert mark == message_id(KEYRING, kind, ticket, sequence, "EXAMPLE.com")
    assert len(mark) < 78


@given(KINDS, TICKETS, SEQUENCES)
def test_bounce_address_reads_back(kind, ticket, sequence):
    """Our envelope sender says which notice it carried, also after a case change on the way."""
    mark = bounce_address(KEYRING, HELP, ticket, kind, sequence)

    assert read_bounce_address(KEYRING, mark) == OwnId(kind=kind, ticket_id=ticket, sequence=sequence)
    assert read_bounce_address(KEYRING, Address(mark.local.lower(), mark.domain)) is not None
    assert read_bounce_address(KEYRING, Address(mark.local.upper(), mark.domain)) is not None
    assert len(mark.local) <= 64


@given(TICKETS)
def test_reply_address_reads_back(ticket):
    """A reply address says ticket, person and last day, also after a case change on the way."""
    mark = reply_address(KEYRING, HELP, ticket, JO, NEXT_YEAR, plus=True)

    for local in (mark.local, mark.local.lower(), mark.local.upper()):
        token = read_reply_address(KEYRING, Address(local, mark.domain), TODAY)
        assert token is not None
        assert token.ticket_id == ticket
        assert speaks_for(KEYRING, token.person_tag, JO)
        assert token.person_tag == person_tag(KEYRING, JO)
    assert len(mark.local) <= 64


def test_reply_address_ends_with_its_last_day():
    """The last day counts, the day after does not."""
    mark = reply_address(KEYRING, HELP, 1042, JO, TODAY, plus=True)

    assert read_reply_address(KEYRING, mark, TODAY) is not None
    assert read_reply_address(KEYRING, mark, TODAY + timedelta(days=1)) is None


@pytest.mark.parametrize(
    ("desk", "plus"),
    [(HELP, False), (Address("a-very-long-help-desk-name", "example.com"), True)],
    ids=["no plus-addressing", "no room"],
)
def test_reply_address_falls_back_to_the_desk(desk, plus):
    """Where a token cannot stand, people write to the plain desk address."""
    assert reply_address(KEYRING, desk, 1042, JO, NEXT_YEAR, plus=plus) == desk


def test_token_is_of_one_person():
    """A token speaks for its person in any case, and for nobody else."""
    token = read_reply_address(KEYRING, reply_address(KEYRING, HELP, 1, JO, NEXT_YEAR, plus=True), TODAY)

    assert token is not None
    assert speaks_for(KEYRING, token.person_tag, Address("JO", "example.org"))
    assert not speaks_for(KEYRING, token.person_tag, Address("joe", "example.org"))
    assert not speaks_for(OTHER, token.person_tag, JO)


def test_keys_rotate():
    """After a rotation old marks still hold; when the old key is gone they do not."""
    rotated = Keyring(keys=(*OTHER.keys, *KEYRING.keys))
    mark = message_id(KEYRING, "ack", 1, 1, "example.com")
    reply = reply_address(KEYRING, HELP, 1, JO, NEXT_YEAR, plus=True)
    bounce = bounce_address(KEYRING, HELP, 1, "ack", 1)

    token = read_reply_address(rotated, reply, TODAY)
    assert token is not None
    assert speaks_for(rotated, token.person_tag, JO)
    assert read_message_id(rotated, mark) is not None
    assert read_bounce_address(rotated, bounce) is not None
    assert message_id(rotated, "ack", 1, 1, "example.com") == message_id(OTHER, "ack", 1, 1, "example.com")
    assert read_message_id(OTHER, mark) is None
    assert read_reply_address(OTHER, reply, TODAY) is None
    assert read_bounce_address(OTHER, bounce) is None


def test_a_mark_passes_for_no_other():
    """A reply token is no bounce mark, and a mark for one desk is none at another."""
    reply = reply_address(KEYRING, HELP, 1, JO, NEXT_YEAR, plus=True)
    bounce = bounce_address(KEYRING, HELP, 1, "ack", 1)

    assert read_bounce_address(KEYRING, reply) is None
    assert read_reply_address(KEYRING, bounce, TODAY) is None
    assert read_reply_address(KEYRING, Address(reply.local, "example.net"), TODAY) is None
    assert read_reply_address(KEYRING, Address(reply.local.replace("help", "sales"), reply.domain), TODAY) is None
    assert read_bounce_address(KEYRING, Address(bounce.local.replace(".ack.", ".ttr."), bounce.domain)) is None
    assert read_message_id(KEYRING, message_id(KEYRING, "ack", 1, 1, "a.example").replace("a.ex", "b.ex")) is None


def test_hundred_thousand_mutations_are_refused():
    """One changed, added, dropped or swapped character anywhere makes a mark worthless."""
    dice = random.Random(7)
    letters = string.ascii_lowercase + string.digits + "+.=@<>- é\0"
    marks = [
        message_id(KEYRING, "ack", 1042, 1, "example.com"),
        str(reply_address(KEYRING, HELP, 1042, JO, NEXT_YEAR, plus=True)),
        str(bounce_address(KEYRING, HELP, 1042, "ack", 1)),
    ]
    accepted = []
    for turn in range(100_000):
        mark = marks[turn % 3]
        place = dice.randrange(len(mark))
        letter = dice.choice(letters)
        mutant = dice.choice(
            (
                mark[:place] + letter + mark[place + 1 :],
                mark[:place] + letter + mark[place:],
                mark[:place] + mark[place + 1 :],
                mark[:place] + mark[place : place + 2][::-1] + mark[place + 2 :],
            )
        )
        if mutant.lower() == mark.lower():
            continue
        local, _, domain = mutant.rpartition("@")
        address = Address(local, domain.lower())
        if (
            read_message_id(KEYRING, mutant)
            or read_reply_address(KEYRING, address, TODAY)
            or read_bounce_address(KEYRING, address)
        ):
            accepted.append(mutant)

    assert accepted == []


@given(st.text(max_size=120), st.text(max_size=40))
def test_reading_never_raises(local, domain):
    """Any text is read, and is no mark of ours."""
    assert read_message_id(KEYRING, f"<{local}@{domain}>") is None
    assert read_reply_address(KEYRING, Address(local, domain), TODAY) is None
    assert read_bounce_address(KEYRING, Address(local, domain)) is None


@given(st.text(alphabet="abcdefghij234567ſKİ", min_size=44, max_size=44), st.sampled_from(["+t.", "+T.", "+b.ack."]))
def test_odd_letters_in_the_token_place_never_raise(token, mark):
    """Letters that fold to ASCII only by case are not base32."""
    assert read_reply_address(KEYRING, Address(f"help{mark}{token}", "example.com"), TODAY) is None
    assert read_bounce_address(KEYRING, Address(f"help{mark}{token[:36]}", "example.com")) is None


@pytest.mark.parametrize(
    ("kind", "ticket", "sequence"), [("ACK", 1, 1), ("", 1, 1), ("ack", -1, 1), ("ack", 1, 70_000)]
)
def test_facts_out_of_range_are_refused(kind, ticket, sequence):
    """A mark that could not be read back is never made."""
    with pytest.raises(ValueError, match="not a mark"):
        message_id(KEYRING, kind, ticket, sequence, "example.com")


def test_the_keyring_keeps_its_secret():
    """No key shows in a repr."""
    assert "kkk" not in repr(KEYRING)
