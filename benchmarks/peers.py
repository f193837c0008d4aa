"""Postfix's smtp-sink and smtp-source: the mail world's own measuring tools, when they are installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.desk import LOOPBACK, free_port

_SBIN = ("/usr/sbin", "/usr/local/sbin", "/usr/lib/postfix/sbin")


def program(name: str) -> str:
    """Its path. Raises FileNotFoundError in words when it is not installed."""
    found = shutil.which(name) or next((str(path) for folder in _SBIN if (path := Path(folder, name)).exists()), None)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed (Debian: postfix)")
    return found


@contextlib.contextmanager
def sink() -> Iterator[tuple[int, int]]:
    """A running smtp-sink: (port, process id)."""
    port = free_port()
    rights = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([program("smtp-sink"), *rights, f"{LOOPBACK}:{port}", "256"])
    try:
        wait_open(port)
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


def wait_open(port: int, patience_s: float = 20.0) -> None:
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=5):
            return
        time.sleep(0.01)
    raise RuntimeError(f"nothing listens on port {port}")


def source(port: int, *, sessions: int, mails: int, size: int, to: str) -> float:
    """Send `mails` of `size` bytes over `sessions` kept connections; the seconds it took."""
    words = [program("smtp-source"), "-d", "-s", str(sessions), "-l", str(size), "-m", str(mails)]
    begun = time.perf_counter()
    subprocess.run([*words, "-f", "sender@customer.example", "-t", to, f"{LOOPBACK}:{port}"], check=True, timeout=600)
    return time.perf_counter() - begun
