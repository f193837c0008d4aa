"""The layers of a configuration, lowest first, merged into one table that remembers where each key came from.

packaged config/*.toml < one own file < conf.d/*.toml beside it < FIRSTLINE_SECTION__KEY < overrides.
Tables merge key by key; a value, a list and a week of `hours` replace what was there. Relative
paths are relative to the file that holds them.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.errors import Misconfigured
from daemon.resources import resource
from daemon.settings import locate

MAX_BYTES = 2_000_000
ENVIRONMENT_PREFIX = "FIRSTLINE_"
DEFAULTS = ("default.toml", "catalogue.toml")
_WHOLE = frozenset({"hours"})  # half of a default week under half of an own one would be nobody's intention
_PATHS = frozenset(
    {"password_file", "database_password_file", "certificate", "key", "ca_file", "socket", "directory", "keys"}
)
_PATH_LISTS = frozenset({"ics"})
_FILES_OR_WORDS = {"model": frozenset({"starter", "none"})}

Table = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One source of configuration with the line of each key; no lines for what is not a file."""

    name: str
    table: Table
    lines: dict[locate.Path, int]

    def place(self, path: locate.Path) -> str:
        line = self.lines[path]
        return f"{self.name}:{line}" if line else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """All layers as one table."""

    table: Table
    layers: tuple[Layer, ...]

    def where(self, path: locate.Path) -> str:
        """`file:line` of a key, or of the nearest table above it, in the highest layer that has it."""
        for layer in reversed(self.layers):
            if not any(layer.lines.values()) and any(key[: len(path)] == path for key in layer.lines):
                return layer.name  # a variable or an override that put something at or below the key
            if path in layer.lines:
                return layer.place(path)
        for length in range(len(path) - 1, 0, -1):
            for layer in reversed(self.layers):
                if path[:length] in layer.lines:
                    return layer.place(path[:length])
        return self.layers[-1].name if len(self.layers) > len(DEFAULTS) else "configuration"


def merged(path: Path | None, overrides: Mapping[str, object], environ: Mapping[str, str]) -> Merged:
    """Every layer that applies, read and merged. Raises Misconfigured for a file that cannot be read."""
    defaults = [read(resource("config", name)) for name in DEFAULTS]
    own = [read(file) for file in own_files(path, environ)]
    table: Table = {}
    for layer in (*defaults, *own):
        _merge(table, layer.table)
    variables = [_variable(name, environ[name], table) for name in sorted(environ) if _is_setting(name)]
    last = [_override(key, value) for key, value in overrides.items()]
    for layer in (*variables, *last):
        _merge(table, layer.table)
    if table.get("catalogue", {}) == {"builtin": False}:
        table = {}
        defaults = [_without_catalogue(layer) for layer in defaults]
        for layer in (*defaults, *own, *variables, *last):
            _merge(table, layer.table)
    return Merged(table=table, layers=(*defaults, *own, *variables, *last))


def candidates(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where an own file is looked for when none is named; the first that exists is read."""
    home = environ.get("HOME", "")
    user = environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    folders = (Path(user) / "firstline",) if user else ()
    return tuple(folder / "firstline.toml" for folder in (*folders, Path("/etc/firstline")))


def own_files(path: Path | None, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The own file and its drop-ins in order; a named one must exist."""
    named = path or (Path(environ["FIRSTLINE_CONFIG"]) if environ.get("FIRSTLINE_CONFIG") else None)
    chosen = named or next((file for file in candidates(environ) if file.is_file()), None)
    if chosen is None:
        return ()
    return (chosen, *sorted((chosen.parent / "conf.d").glob("*.toml")))


def read(file: Path) -> Layer:
    """One TOML file as a layer."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        msg = f"{file}: cannot be read: {error.strerror}"
        raise Misconfigured(msg) from None
    if len(raw) > MAX_BYTES:
        msg = f"{file}: larger than {MAX_BYTES} bytes: that is no configuration"
        raise Misconfigured(msg)
    try:
        text = raw.decode()
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        msg = f"{file}:{line}: not UTF-8"
        raise Misconfigured(msg) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Misconfigured(_syntax(file, str(error))) from None
    _absolute(table, file.absolute().parent)
    return Layer(name=str(file), table=table, lines=locate.key_lines(text))


def _syntax(file: Path, message: str) -> str:
    """`file:line: words` from tomllib's "words (at line 3, column 5)"."""
    words, _, place = message.rpartition(" (at ")
    line = place.removeprefix("line ").partition(",")[0]
    return f"{file}:{line}: {words}" if line.isdigit() else f"{file}: {message}"


def _merge(into: Table, table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        below = into.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and key not in _WHOLE:
            _merge(below, value)
        else:
            into[key] = _copy(value)


def _copy(value: Any) -> Any:
    return {key: _copy(item) for key, item in value.items()} if isinstance(value, dict) else value


def _absolute(table: Table, folder: Path) -> None:
    for key, value in table.items():
        if isinstance(value, dict):
            _absolute(value, folder)
        elif isinstance(value, str) and value and _is_path(key, value):
            table[key] = str(folder / Path(value).expanduser())
        elif key in _PATH_LISTS and isinstance(value, list | tuple):
            table[key] = [str(folder / Path(each).expanduser()) if isinstance(each, str) else each for each in value]


def _is_path(key: str, value: str) -> bool:
    if key == "password_file" and "/" not in value:
        return False  # a bare name may be a systemd credential: decided when it is read
    return key in _PATHS or (key in _FILES_OR_WORDS and value not in _FILES_OR_WORDS[key])


def _without_catalogue(layer: Layer) -> Layer:
    return Layer(name=layer.name, table={**layer.table, "category": {}}, lines=layer.lines)


def _is_setting(name: str) -> bool:
    return name.startswith(ENVIRONMENT_PREFIX) and "__" in name


def _variable(name: str, value: str, below: Table) -> Layer:
    """FIRSTLINE_DESK__HELP_IT__TITLE; an underscore also stands for the dash of a name that is there already."""
    keys: list[str] = []
    place: Any = below
    for part in name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"):
        known = place if isinstance(place, dict) else {}
        keys.append(next((key for key in known if key.replace("-", "_") == part), part))
        place = known.get(keys[-1])
    return _nested(f"${name}", keys, _parsed(value))


def _parsed(value: str) -> Any:
    """Lists and tables are written as in TOML; everything else is read by the key's own type."""
    if value.lstrip()[:1] not in {"[", "{"}:
        return value
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value


def _override(dotted: str, value: object) -> Layer:
    return _nested("command line", dotted.split("."), value)


def _nested(name: str, keys: Iterable[str], value: Any) -> Layer:
    path = tuple(keys)
    table: Any = value
    for key in reversed(path):
        table = {key: table}
    _absolute(table, Path.cwd())
    return Layer(name=name, table=table, lines={path: 0, **{(*path, *deeper): 0 for deeper in _paths(value)}})


def _paths(value: Any) -> Iterable[tuple[str, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield (key,)
            yield from ((key, *deeper) for deeper in _paths(item))


def environment(environ: Mapping[str, str] | None) -> Mapping[str, str]:
    """The given variables, or the process's own."""
    return os.environ if environ is None else environ
