"""The gate: how many sessions there may be, in all and per peer, and what one session may cost.

Owns `Limits` (every number of the SMTP and LMTP door in one place) and `Gate`, a counter. A flood from one
address leaves room for the others; an IPv6 peer is its /64, which is what one customer has.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Defaults follow mail-rules §7; a trusted MTA on LMTP wants `per_peer` and `errors` wider."""

    size_bytes: int = 25_000_000
    sessions: int = 100
    per_peer: int = 10
    idle_s: float = 60.0  # to finish one command line, or between two chunks of DATA
    data_s: float = 600.0  # for one message
    store_s: float = 25.0  # after which a commit that does not come back is answered 451 (it may still come)
    drain_s: float = 10.0
    errors: int = 20  # replies of 4xx or 5xx since the last stored mail
    idle_commands: int = 100  # commands since the last stored mail, good RCPTs not counted
    recipients: int = 100  # RFC 5321 §4.5.3.1.8 wants at least 100
    command_bytes: int = 4_096  # §4.5.3.1.4 wants 512, extensions add to it
    room_bytes: int = 256_000_000  # all unfinished messages together


class Gate:
    """Counts sessions; `enter` says no when there are enough."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._peers: Counter[str] = Counter()
        self._sessions = 0

    @property
    def sessions(self) -> int:
        return self._sessions

    def enter(self, peer: str) -> bool:
        """Count a session in. A peer without an address (a Unix socket) only counts in all."""
        key = _network(peer)
        if self._sessions >= self._limits.sessions or (key and self._peers[key] >= self._limits.per_peer):
            return False
        self._sessions += 1
        if key:
            self._peers[key] += 1
        return True

    def leave(self, peer: str) -> None:
        key = _network(peer)
        self._sessions -= 1
        if key:
            self._peers[key] -= 1
            if self._peers[key] <= 0:
                del self._peers[key]


def _network(peer: str) -> str:
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped) if address.ipv4_mapped else address.exploded[:19]
    return str(address)
