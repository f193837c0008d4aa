"""A second client of the door, in a process of its own: NOOP after NOOP until its input ends, then the times it took.

`python tests/e2e/neighbour.py PORT` writes one JSON list of seconds. Standard library only: it starts at once.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time

_PAUSE_S = 0.004


def main() -> None:
    times: list[float] = []
    ended = selectors.DefaultSelector()
    ended.register(sys.stdin, selectors.EVENT_READ)
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60) as door:
        door.recv(1000)
        while not ended.select(_PAUSE_S):
            begun = time.perf_counter()
            door.sendall(b"NOOP\r\n")
            answer = door.recv(1000)
            times.append(time.perf_counter() - begun)
            assert answer.startswith(b"250"), answer
    sys.stdout.write(json.dumps(times))


if __name__ == "__main__":
    main()
