"""Fixtures of the fault tests: those of the end-to-end tests and of the real peers."""

from __future__ import annotations

from tests.e2e.conftest import make_stage, sink, zygote  # noqa: F401
from tests.peers.conftest import dovecot, short_dir  # noqa: F401
