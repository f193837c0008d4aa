"""The configuration: TOML layers → one frozen `Settings`, and the `Policy` made from it.

`load` promises either a complete, meaningful configuration or one `Misconfigured` that lists
every fault at once, each on one line with file, line and key; never a traceback, never a
secret. Imports pydantic (75 ms): a command imports this when it runs, not for its `--help`.
"""

from __future__ import annotations

from daemon.settings.agreement import calendars, policy
from daemon.settings.load import load
from daemon.settings.machine import state_directory
from daemon.settings.model import Settings

__all__ = ["Settings", "calendars", "load", "policy", "state_directory"]
