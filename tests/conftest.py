"""What every test shares: hypothesis' profile and how a test asks for a real peer."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "firstline",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("firstline")

_EXTRA_PATH = ("/usr/sbin", "/usr/lib/postfix/sbin", "/usr/lib/dovecot")


def missing_peer(reason: str) -> None:
    """Skip with a reason on a newcomer's machine, fail where CI=true: nothing is silently untested."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must provide it: {reason}")
    pytest.skip(reason)


def need_program(*names: str) -> Path:
    """The path of the first of `names` that is installed, else skip (fail in CI)."""
    for name in names:
        found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_EXTRA_PATH]))
        if found:
            return Path(found)
    missing_peer(f"needs {' or '.join(names)}")
    raise AssertionError("unreachable")


def need_root() -> None:
    """Skip (fail in CI) unless root."""
    if os.geteuid() != 0:
        missing_peer("needs root")
