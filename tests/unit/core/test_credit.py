"""Credits: the keys under which an address and a domain spend."""

from __future__ import annotations

import pytest
from builders import an_address, some_credits
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.address import Address
from daemon.core.credit import PUBLIC_PROVIDERS, canonical, domain_key


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("Jo.Doe@example.org", "jo.doe@example.org"),
        ("jo+tag@example.org", "jo@example.org"),
        ("+tag@example.org", "+tag@example.org"),
        ("user1234@example.org", "user#@example.org"),
        ("bounce-4f3a9c01de@example.org", "bounce-#@example.org"),
        ("a1b2c3d4e5f6@example.org", "#@example.org"),
        ("facade@example.org", "facade@example.org"),
        ("deadbeefcafe@example.org", "deadbeefcafe@example.org"),
        ("j.o.d.o.e+x@gmail.com", "jodoe@gmail.com"),
    ],
)
def test_canonical(address, expected):
    """What a robot varies from mail to mail is folded; words stay apart."""
    assert canonical(an_address(address)) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("jo@example.org", "example.org"),
        ("jo@a.b.example.org", "example.org"),
        ("jo@mail.example.co.uk", "example.co.uk"),
        ("jo@gmail.com", None),
        ("any@jo.fastmail.com", "jo.fastmail.com"),
        ("any@x.jo.fastmail.com", "jo.fastmail.com"),
        ("root@localhost", "localhost"),
    ],
)
def test_domain_key(address, expected):
    """Hosts of one organisation share a key; people of a public provider do not."""
    assert domain_key(an_address(address), PUBLIC_PROVIDERS) == expected


@given(st.text(max_size=200), st.text(max_size=80))
def test_keys_never_raise(local, domain):
    """Any address has a key; its domain's key is none or not longer than the domain."""
    key = domain_key(Address(local, domain), PUBLIC_PROVIDERS)

    assert canonical(Address(local, domain)).endswith(f"@{domain}")
    assert key is None or domain.endswith(key)


def test_rotating_addresses_share_one_key():
    """A robot that counts in its address spends from one purse."""
    assert len({canonical(Address(f"alert-{number}+{number}", "example.org")) for number in range(1_000)}) == 1


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ({}, ""),
        ({"address": 0}, "address"),
        ({"domain": 0}, "domain"),
        ({"domain": None}, ""),
        ({"overall": 0}, "overall"),
    ],
)
def test_spent(over, expected):
    """The first exhausted bound is named."""
    assert some_credits(**over).spent == expected
