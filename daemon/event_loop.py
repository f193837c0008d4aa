"""The event loop of the daemon: uvloop when it is installed (extra `fast`), else asyncio's own.

Also owns how long a thread may keep the interpreter while another wants it. The writer thread computes between its
flushes; with Python's 5 ms a reply after a final dot waited for it that long.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from daemon.errors import Misconfigured

SWITCH_S = 0.001


def run(main: Coroutine[Any, Any, None], choice: str = "auto") -> None:
    """Run `main` to its end on the chosen loop: auto, asyncio or uvloop. Misconfigured when that one is not there."""
    try:
        factory = loop_factory(choice)
    except Misconfigured:
        main.close()
        raise
    sys.setswitchinterval(SWITCH_S)
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)


def loop_factory(choice: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the loop; None is asyncio's own."""
    if choice == "asyncio":
        return None
    try:
        made: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    except ImportError:
        if choice == "uvloop":
            raise Misconfigured("run.event_loop = uvloop needs it: install firstline[fast]") from None
        return None
    return made
