"""How verbs find their configuration: the file named on the command line, the usual places, or the demo's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from daemon import resources
from daemon.errors import Misconfigured
from daemon.settings import Settings, load

DEMO = "demo.toml"


def configured(path: str | None, overrides: Mapping[str, object] | None = None) -> Settings:
    """The configuration for a verb that works on a real desk. Raises Misconfigured."""
    return load(Path(path) if path else None, overrides)


def configured_or_demo(path: str | None, overrides: Mapping[str, object]) -> tuple[Settings, bool]:
    """The same, or the demo's desk where nothing is configured (True then): for dry runs."""
    if path:
        return load(Path(path), overrides), False
    try:
        return load(None, overrides), False
    except Misconfigured:
        return demo_settings(overrides), True


def demo_settings(overrides: Mapping[str, object]) -> Settings:
    """The invented desk of `config/demo.toml`; no file or variable of this machine has a say in it."""
    return load(resources.resource("config", DEMO), overrides, environ={})
