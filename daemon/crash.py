"""Crash points: places where a fault test lets the process die as if by `kill -9`.

`FIRSTLINE_CRASH_AT="name:n"` kills the process at the n-th pass of `point("name")`. The variable
is read once at import; without it a point costs one comparison. A point never raises: the
process is gone, or nothing happened.
"""

from __future__ import annotations

import itertools
import os
import signal


def _armed(value: str) -> tuple[str, int]:
    """(name, pass) of a `name:n` value; ("", 0) when there is none. A bare name means its first pass."""
    name, _, count = value.partition(":")
    return (name, int(count)) if count.isdigit() else (name, 1 if name else 0)


_NAME, _PASS = _armed(os.environ.get("FIRSTLINE_CRASH_AT", ""))
_passes = itertools.count(1)  # next() on it is atomic under the interpreter lock: points are passed in many threads


def point(name: str) -> None:
    """Die here when armed for this pass of this point."""
    if name == _NAME and next(_passes) == _PASS:
        os.kill(os.getpid(), signal.SIGKILL)
