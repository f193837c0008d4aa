"""What systemd and a daemon say to each other: readiness, the watchdog, sockets that it opened for us.

Follows sd_notify(3), sd_listen_fds(3) and sd_watchdog_enabled(3). Promises: without systemd every
function does nothing, and a lost message never stops the daemon. The variables are
read, never changed; the descriptors are made non-inheritable, so no worker keeps a listener open.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

_FIRST_DESCRIPTOR = 3  # SD_LISTEN_FDS_START
_MAX_DESCRIPTORS = 64


def notify(state: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Say `READY=1`, `WATCHDOG=1`, `STOPPING=1`, `STATUS=…` (several in lines). True when it went out."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address or address[0] not in "@/":
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as channel:
            channel.connect("\0" + address[1:] if address[0] == "@" else address)
            channel.sendall(state.encode())
    except OSError:  # a full or vanished manager must not take the daemon along
        return False
    return True


def watchdog_interval(environ: Mapping[str, str] = os.environ) -> float | None:
    """Seconds between two `WATCHDOG=1` (half of the limit); None when no watchdog looks at this process."""
    pid, limit = environ.get("WATCHDOG_PID", ""), environ.get("WATCHDOG_USEC", "")
    if not limit.isdigit() or int(limit) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(limit) / 1_000_000 / 2


def listen_fds(environ: Mapping[str, str] = os.environ) -> dict[str, list[socket.socket]]:
    """The sockets handed to this process by the name in their unit (`FileDescriptorName=`); empty without any."""
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(os.getpid()) or not count.isdigit() or int(count) > _MAX_DESCRIPTORS:
        return {}
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, list[socket.socket]] = {}
    for index in range(int(count)):
        descriptor = _FIRST_DESCRIPTOR + index
        os.set_inheritable(descriptor, False)
        opened = socket.socket(fileno=descriptor)
        opened.setblocking(False)
        found.setdefault(names[index] if index < len(names) else "unknown", []).append(opened)
    return found
