"""Ports for servers that tests start, stop and start again at the same place.

Below the range from which the kernel takes the local ports of connections: a port from there can be gone to any
client of the machine while its server is down between two lives (seen once in 700 restarts). Each worker of a test run
has a range of its own: what one has chosen and not opened yet, another must not choose (seen once in 5,000 tests).
"""

from __future__ import annotations

import os
import random
import socket
from collections import deque

_LOWEST, _HIGHEST, _RANGES = 10_240, 32_700, 8
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _RANGES
_SIZE = (_HIGHEST - _LOWEST) // _RANGES
_CHANCE = random.SystemRandom()  # the seeded one is the same in every worker of a run
_given: deque[int] = deque(maxlen=200)


def free_port() -> int:
    """A loopback port nobody has now; a moment later somebody might, so servers are waited for by name."""
    for _ in range(1_000):
        port = _LOWEST + _WORKER * _SIZE + _CHANCE.randrange(_SIZE)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.append(port)
            return port
    raise AssertionError("no free port")
