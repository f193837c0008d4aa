"""Lines of keys: whatever tomllib accepts is found at the line where it stands."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.settings.locate import key_lines

DOCUMENT = '''\
# a comment with [brackets] and "quotes"
top = 1

[table] # why
plain = "a # b"
"quoted.key" = 'x'
dotted.deep.er = [
  "one", # ]
  """two
  [not.a.table]
  three = 3""",
]
inline = { a = 1, b = { c = "}" } }
text = """
[fake]
fake = 1
quotes at the end: """""
raw = \'\'\'
"""
\'\'\'
after = true

  [ table . "sub table" ]
spaced   =   2

[[list]]
name = "first"
[list.child]
x = 1
[[list]]
name = "second"
[list.child]
x = 2
'''


@pytest.mark.parametrize(
    ("path", "word"),
    [
        (("top",), "top = 1"),
        (("table",), "[table]"),
        (("table", "plain"), "plain ="),
        (("table", "quoted.key"), '"quoted.key"'),
        (("table", "dotted"), "dotted.deep"),
        (("table", "dotted", "deep", "er"), "dotted.deep"),
        (("table", "inline"), "inline ="),
        (("table", "raw"), "raw ="),
        (("table", "after"), "after ="),
        (("table", "sub table"), "sub table"),
        (("table", "sub table", "spaced"), "spaced"),
        (("list", 0, "name"), '"first"'),
        (("list", 1, "name"), '"second"'),
        (("list", 0, "child", "x"), "x = 1"),
        (("list", 1, "child", "x"), "x = 2"),
    ],
    ids=str,
)
def test_a_key_is_found_where_it_stands(path: tuple[str | int, ...], word: str) -> None:
    """Comments, strings of all four kinds and nested values never move a line."""
    tomllib.loads(DOCUMENT)

    assert word in DOCUMENT.splitlines()[key_lines(DOCUMENT)[path] - 1]


def test_words_inside_strings_are_no_keys() -> None:
    """A table's header in a multi-line string is text."""
    assert ("fake",) not in key_lines(DOCUMENT)


def test_windows_line_ends_count_once() -> None:
    """A file written elsewhere has the same lines."""
    assert key_lines(DOCUMENT.replace("\n", "\r\n")) == key_lines(DOCUMENT)


values = st.recursive(
    st.booleans()
    | st.integers(-9, 9)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
names = st.text("abcdefg-_", min_size=1, max_size=4)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[\n" + "".join(f"  {_toml(item)}, # ]\n" for item in value) + "]"
    return "'''" + value.replace("'", "") + "'''" if isinstance(value, str) else str(value)


@given(st.dictionaries(names, st.dictionaries(names, values, max_size=4), max_size=4))
def test_every_key_of_any_document_has_its_line(document: dict[str, dict[str, object]]) -> None:
    """For each key of a generated document the line found begins with that key."""
    text = "".join(
        f"[{table}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in keys.items())
        for table, keys in document.items()
    )
    parsed, lines = tomllib.loads(text), key_lines(text)

    for table, keys in parsed.items():
        assert text.splitlines()[lines[(table,)] - 1] == f"[{table}]"
        for key in keys:
            assert text.split("\n")[lines[(table, key)] - 1].startswith(f"{key} = ")
