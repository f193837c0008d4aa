"""Networks of our own mail servers: whose Authentication-Results may count (RFC 8601 §5), and who is no edge.

A field with our authserv-id is worth what the hop is worth that handed the mail in: from anybody
else it is the sender's own claim, whatever name it carries.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

EVERY_HOP = ("0.0.0.0/0", "::/0")


def is_among(peer: str, networks: tuple[str, ...]) -> bool:
    """True when `peer` is an address inside one of `networks`; a peer without an address (a Unix socket) is not."""
    try:
        ip = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return any(ip.version == network.version and ip in network for network in _networks(networks))


@lru_cache(maxsize=64)
def _networks(texts: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
