"""Where a key stands in a TOML file: `tomllib` gives values without positions, errors need lines.

One pass over text that `tomllib` has accepted already, so nothing here checks syntax. Knows
tables, arrays of tables, dotted and quoted keys, and skips values of any shape; a key
inside an inline table is found at the line of the key that holds the table.
"""

from __future__ import annotations

import re
import tomllib

Path = tuple[str | int, ...]

_KEY = re.compile(r"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*""")
_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)+")
_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*|[\[\]{}\n]|[^\"'#\[\]{}\n]+",
    re.DOTALL,
)


def key_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of every table and key of a valid TOML document."""
    text = text.replace("\r\n", "\n")
    lines: dict[Path, int] = {}
    arrays: dict[Path, int] = {}
    table: Path = ()
    position, counted, line = _after_blank(text, 0), 0, 1
    while position < len(text):
        line, counted = line + text.count("\n", counted, position), position
        if text[position] == "[":
            is_array = text.startswith("[[", position)
            keys, position = _dotted(text, position + (2 if is_array else 1))
            table = _enter(keys, arrays, is_array=is_array)
            path, position = table, position + (2 if is_array else 1)
        else:
            keys, position = _dotted(text, position)
            path, position = table + keys, _after_value(text, position + 1)
        for length in range(1, len(path) + 1):
            lines.setdefault(path[:length], line)
        position = _after_blank(text, position)
    return lines


def _enter(keys: tuple[str, ...], arrays: dict[Path, int], *, is_array: bool) -> Path:
    """The full path of a table header: names of arrays of tables are followed by the index of their last entry."""
    path: Path = ()
    for depth, key in enumerate(keys, start=1):
        path = (*path, key)
        if is_array and depth == len(keys):
            arrays[path] = arrays.get(path, -1) + 1
        if path in arrays:
            path = (*path, arrays[path])
    return path


def _dotted(text: str, position: int) -> tuple[tuple[str, ...], int]:
    keys: list[str] = []
    while match := _KEY.match(text, position):
        word, position = match[1], match.end()
        keys.append(tomllib.loads(f"k = {word}")["k"] if word[0] in "\"'" else word)
        if not text.startswith(".", position):
            break
        position += 1
    return tuple(keys), position


def _after_value(text: str, position: int) -> int:
    depth = 0
    for match in _TOKEN.finditer(text, position):
        piece = match[0]
        if piece == "\n" and depth == 0:
            return match.end()
        depth += (piece in "[{") - (piece in "]}")
    return len(text)


def _after_blank(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position
