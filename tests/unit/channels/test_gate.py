"""Counting sessions, and how long to wait after trouble."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.channels import backoff
from daemon.channels.gate import Gate, Limits


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_what_counts_as_one_peer(one: str, other: str, same: bool) -> None:
    """An IPv4 address, or an IPv6 /64."""
    gate = Gate(Limits(per_peer=1))
    assert gate.enter(one)

    assert gate.enter(other) is not same


def test_a_unix_peer_counts_only_in_all() -> None:
    """It has no address to be limited by."""
    gate = Gate(Limits(sessions=3, per_peer=1))

    assert [gate.enter("") for _ in range(4)] == [True, True, True, False]
    gate.leave("")
    assert gate.enter("")


@given(peers=st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", ""]), max_size=60))
def test_who_leaves_makes_room(peers: list[str]) -> None:
    """After everybody has left nothing is counted any more."""
    gate = Gate(Limits(sessions=10, per_peer=4))
    inside = [peer for peer in peers if gate.enter(peer)]
    assert len(inside) == gate.sessions <= 10
    for peer in inside:
        gate.leave(peer)

    assert gate.sessions == 0
    assert all(gate.enter(peer) for peer in ("192.0.2.1", "192.0.2.2", "2001:db8::1", ""))


@given(failures=st.integers(1, 10_000), chance=st.floats(0, 0.999))
def test_the_wait_is_bounded(failures: int, chance: float) -> None:
    """Between half a second and five minutes; after a refusal never under a minute."""
    assert 0.5 <= backoff.pause_s(failures, chance) <= 300
    assert 60 <= backoff.pause_s(failures, chance, refused=True) <= 300


def test_the_wait_grows() -> None:
    """Each failure waits longer, whatever the chance."""
    assert [backoff.pause_s(n, 0.0) for n in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 4.0]
