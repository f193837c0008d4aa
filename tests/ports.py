"""Ports for servers that tests start, stop and start again at the same place.

Below the range from which the kernel takes the local ports of connections: a port from there can be gone to any
client of the machine while its server is down between two lives (seen once in 700 restarts).
"""

from __future__ import annotations

import random
import socket

_LOWEST, _HIGHEST = 10_240, 32_700
_CHANCE = random.SystemRandom()  # the seeded one is the same in every worker of a run


def free_port() -> int:
    """A loopback port nobody has now; a moment later somebody might, so servers are waited for by name."""
    for _ in range(1_000):
        port = _CHANCE.randint(_LOWEST, _HIGHEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")
