"""Whatever stands in a configuration, `load` answers with settings or with clear lines, never with a traceback."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from daemon.core.token import Keyring
from daemon.errors import Misconfigured
from daemon.settings import Settings, load, policy

BASE: dict[str, object] = {
    "desk.help": {"title": "Help", "address": "help@example.com"},
    "state.directory": "/nonexistent/state",
}
NAMED = {"desk", "team", "tier", "category", "calendar", "robot", "imap"}


def known_paths() -> list[str]:
    """Every key of every table, in a table that exists and in one that does not."""
    found: list[str] = []
    for table, field in Settings.model_fields.items():
        found += [table, f"{table}.x", f"{table}.x.y.z"]
        names = {"tier": ["1", "9"], "desk": ["help", "b"], "category": ["access", "b"], "calendar": ["office", "b"]}
        annotation: Any = field.annotation
        if table in NAMED:
            annotation = annotation.__args__[1]
            tables = [f"{table}.{name}" for name in names.get(table, ["b"])]
        else:
            tables = [table]
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            found += [f"{name}.{key}" for name in tables for key in annotation.model_fields]
    return found


ODD = (
    "~ ~nobody/x / . .. ١٢:٣٤-١٣:٣٥ ² 1e999 nan -0 [ DE- DE-BE 24:00-24:00 00:00-24:00 a@b a@[::1] :1 [::1]:٣ "
    "02-29 0000-01-01 9999-12-31 localtime"
)
odd = st.sampled_from(["", "\0", "a\0b", "a\nb", "\ud800", "x" * 5000, "1h" * 999, *ODD.split()])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | odd | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd | st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(known_paths()), values, min_size=1, max_size=3))
def test_any_value_at_any_key_is_settings_or_clear_lines(overrides: dict[str, object]) -> None:
    """Types, meaning and policy hold against every kind of value at every key."""
    try:
        loaded = load(Path("/dev/null"), BASE | overrides, environ={"HOME": "/nonexistent"})
        policy(loaded, keyring=Keyring(keys=(b"k" * 32,)))
    except Misconfigured as error:
        for line in str(error).splitlines():
            assert re.match(r"^(… and \d+ more|(command line|configuration|/\S+\.toml:\d+|/dev/null): .+)$", line), line
            assert len(line) < 900


@pytest.mark.parametrize("value", ["\0", "[", "[1", "{", "[[[[", "'", "a\rb", "é" * 1000, "\udcff"])
@pytest.mark.parametrize("name", ["FIRSTLINE____", "FIRSTLINE_ZONE__X", "FIRSTLINE_TIER__1__TEAM"])
def test_a_variable_that_makes_no_sense_is_named(name: str, value: str) -> None:
    """The environment is as hostile as a file, and the fault says which variable it was."""
    with pytest.raises(Misconfigured) as caught:
        load(Path("/dev/null"), BASE, environ={"HOME": "/nonexistent", name: value})

    assert all(line.startswith(f"${name}: ") for line in str(caught.value).splitlines())


@pytest.mark.parametrize("value", ["\0", "a\rb", "\udcff"])
def test_no_control_character_gets_in(value: str) -> None:
    """What ends up in logs, headers and file names is text."""
    with pytest.raises(Misconfigured, match=r"^\$FIRSTLINE_RELAY__HELO: relay.helo: has control characters"):
        load(Path("/dev/null"), BASE, environ={"HOME": "/nonexistent", "FIRSTLINE_RELAY__HELO": value})
