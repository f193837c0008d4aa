"""`load`: layers → secrets read → types checked → meaning checked → `Settings`, or every fault at once."""

from __future__ import annotations

import difflib
import os
import re
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from daemon.errors import Misconfigured
from daemon.settings.fault import Fault
from daemon.settings.layers import Merged, Table, candidates, environment, merged
from daemon.settings.meaning import faults
from daemon.settings.model import Settings

_BREAKING = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")  # a line break is fine inside words
MAX_SECRET = 65_536
MAX_FAULTS = 30
MAX_LINE = 600
_NAMED = ("desk", "team", "tier", "category", "calendar", "robot", "supplier", "approver", "imap")
_SECRETS = {"password_file": "password", "database_password_file": "database_password"}
_FILLED = frozenset({"name", "number", *_SECRETS.values()})


def load(
    path: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The configuration from all layers. `overrides` are the highest one: dotted keys, `{"relay.port": 2525}`.

    Raises Misconfigured with one line for each fault: `file:line: key: what would be right`.
    """
    variables = environment(environ)
    layers = merged(path, overrides or {}, variables)
    table = layers.table
    early = [*_unprintable(table, ()), *_named(table), *_read_secrets(table, (), variables)]
    _default_state(table, variables)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(table)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        found = [*early, *(fault for detail in details for fault in _typed(detail))]
    else:
        found = early or list(faults(settings, candidates(variables)))
    if settings is None or found:
        raise Misconfigured(_lines(found, layers))
    settings._sources = tuple(dict.fromkeys(layer.name for layer in layers.layers))  # noqa: SLF001
    return settings


def _lines(found: Iterable[Fault], layers: Merged) -> str:
    lines = dict.fromkeys(_line(fault, layers.where(fault.path)) for fault in found)
    shown = list(lines)[:MAX_FAULTS]
    rest = len(lines) - len(shown)
    return "\n".join([*shown, *([f"… and {rest} more"] if rest else [])])


def _line(fault: Fault, where: str) -> str:
    """One fault on one line, whatever stands in its key or its words."""
    key = f"{'.'.join(map(str, fault.path))}: " if fault.path else ""
    return _BREAKING.sub(lambda match: ascii(match[0])[1:-1], f"{where}: {key[:120]}{fault.words}")[:MAX_LINE]


def _unprintable(value: Any, path: tuple[str | int, ...]) -> Iterable[Fault]:
    """Control characters and broken text, which would end up in logs, headers and file names."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _unprintable(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _unprintable(item, (*path, index))
    elif isinstance(value, str) and _UNPRINTABLE.search(value):
        yield Fault(path, "has control characters or is not UTF-8")


def _named(table: Table) -> list[Fault]:
    """Give each table its name as a field; a name written by hand would be a second truth."""
    found = []
    for group in _NAMED:
        members = table.get(group)
        for name, member in members.items() if isinstance(members, dict) else ():
            field = "number" if group == "tier" else "name"
            if isinstance(member, dict):
                if field in member:
                    found.append(Fault((group, name, field), "unknown key: the table's own name is the name"))
                member[field] = name
    return found


def _read_secrets(table: Table, path: tuple[str, ...], environ: Mapping[str, str]) -> list[Fault]:
    """Put the content of every `…_file` secret beside it. Content never reaches a message."""
    found: list[Fault] = []
    for key, value in list(table.items()):
        here = (*path, key)
        if isinstance(value, dict):
            found += _read_secrets(value, here, environ)
        elif key in _SECRETS.values():
            found.append(Fault(here, f"a secret does not stand here: put it into a file and name it with {key}_file"))
            del table[key]
        elif key in _SECRETS and isinstance(value, str) and value:
            file = _secret_file(value, environ)
            try:
                table[_SECRETS[key]] = _secret(file)
            except (OSError, ValueError) as error:
                found.append(Fault(here, f"secret file {file} {_reason(error)}"))
                table[_SECRETS[key]] = "unread"
            table[key] = str(file)
    return found


def _reason(error: Exception) -> str:
    return f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)


def _secret_file(value: str, environ: Mapping[str, str]) -> Path:
    """A bare name is a systemd credential when there is one of that name."""
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    if credentials and "/" not in value and (Path(credentials) / value).is_file():
        return Path(credentials) / value
    return Path(value).expanduser()


def _secret(file: Path) -> str:
    with file.open("rb") as stream:
        raw = stream.read(MAX_SECRET + 1)
    if len(raw) > MAX_SECRET:
        raise ValueError("is too large for a secret")
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    if not text:
        raise ValueError("is empty")
    return text


def _default_state(table: Table, environ: Mapping[str, str]) -> None:
    state = table.setdefault("state", {})
    if isinstance(state, dict) and not state.get("directory"):
        state["directory"] = str(state_folder(environ))


def state_folder(environ: Mapping[str, str]) -> Path:
    """The StateDirectory of systemd, else /var/lib for root, else the user's own."""
    if environ.get("STATE_DIRECTORY"):
        return Path(environ["STATE_DIRECTORY"].split(":")[0])
    if os.geteuid() == 0 and not environ.get("XDG_STATE_HOME"):
        return Path("/var/lib/firstline")
    base = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "/")) / ".local" / "state")
    return Path(base) / "firstline"


def _typed(detail: ErrorDetails) -> Iterable[Fault]:
    """A fault in our words from one of pydantic's."""
    path = tuple(part for part in detail["loc"] if part != "[key]")
    kind, message = detail["type"], detail["msg"].removeprefix("Value error, ")
    if path[-1:] and path[-1] in _FILLED and kind != "extra_forbidden":
        return  # filled in by us, from the table's name or the secret's file: the fault is told there
    if kind == "extra_forbidden":
        yield Fault(path, f"unknown key{_suggestion(path)}")
    elif kind == "missing":
        yield Fault(path, "is missing")
    elif kind == "string_pattern_mismatch" and "[key]" in detail["loc"]:
        yield Fault(path, "a name has small letters, digits and dashes, at most 40")
    else:
        yield Fault(path, message.replace("Input should be", "should be").replace("String should", "should"))


def _suggestion(path: tuple[int | str, ...]) -> str:
    keys = [*_keys_at(Settings, path[:-1])]
    near = difflib.get_close_matches(str(path[-1]), keys, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; this table knows {', '.join(sorted(keys))}" if keys else ""


def _keys_at(model: type[BaseModel], path: tuple[int | str, ...]) -> Iterable[str]:
    """The keys that the table at `path` may have, by the models' annotations."""
    here: Any = model
    for part in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(str(part))
            here = field.annotation if field else None
        elif typing.get_origin(here) is dict:
            here = typing.get_args(here)[1]
        if typing.get_origin(here) in {typing.Union, types.UnionType}:
            here = next((arm for arm in typing.get_args(here) if arm is not types.NoneType), None)
    known = here.model_fields if isinstance(here, type) and issubclass(here, BaseModel) else {}
    return (key for key in known if key not in _FILLED)
