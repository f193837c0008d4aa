"""Labelled files as people really have them: encodings, delimiters, names, and one clear line for the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daemon.errors import Unusable
from daemon.learning.table import Columns, read_table

PLAIN = "subject,body,group\nPrinter,it jams,printing\nVPN,no tunnel,network\n"
COLUMNS = Columns(text=("subject", "body"), label="group")


def a_file(tmp_path: Path, content: str | bytes, name: str = "a.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PLAIN, id="plain"),
        pytest.param(b"\xef\xbb\xbf" + PLAIN.encode(), id="mark"),
        pytest.param(PLAIN.encode("utf-16"), id="utf-16"),
        pytest.param(PLAIN.replace("\n", "\r\n"), id="crlf"),
        pytest.param(PLAIN.replace(",", ";"), id="semicolon"),
        pytest.param(PLAIN.replace(",", "\t"), id="tab"),
        pytest.param(PLAIN.replace("subject,body,group", " Subject , BODY,Group "), id="names"),
        pytest.param(PLAIN.replace("it jams", '"it jams"') + "\n\n", id="quotes-and-empty-lines"),
        pytest.param(PLAIN + "left out,nobody said,\nalso,this,nan\n", id="unlabelled"),
        pytest.param(PLAIN + "short line\n", id="short-row"),
    ],
)
def test_the_same_rows_from_every_shape(tmp_path: Path, content: str | bytes) -> None:
    """What a spreadsheet or a library makes of the file does not matter."""
    rows = read_table(a_file(tmp_path, content), COLUMNS).rows

    assert [(row.subject, row.text, row.category) for row in rows] == [
        ("Printer", "it jams", "printing"),
        ("VPN", "no tunnel", "network"),
    ]


def test_old_spreadsheets_write_windows_1252(tmp_path: Path) -> None:
    """Umlauts arrive as letters, not as replacement marks."""
    table = read_table(a_file(tmp_path, "body,group\nDrucker gestört,x\n".encode("cp1252")), Columns(label="group"))

    assert table.rows[0].text == "Drucker gestört"


def test_one_text_column_is_the_text(tmp_path: Path) -> None:
    """Without a subject the column is the body."""
    table = read_table(a_file(tmp_path, "text,label\nhello,a\n"), Columns(text=("text",), label="label"))

    assert (table.rows[0].subject, table.rows[0].text) == ("", "hello")


def test_json_lines_by_the_same_names(tmp_path: Path) -> None:
    """Nothing, NaN and numbers in a field are no trouble."""
    lines = [
        {"subject": "A", "body": "one", "group": "x"},
        {"subject": None, "body": float("nan"), "group": 7},
        {"body": "no label"},
    ]
    path = a_file(tmp_path, "\n".join(json.dumps(line) for line in lines), "a.jsonl")

    table = read_table(path, COLUMNS)

    assert [(row.subject, row.text, row.category) for row in table.rows] == [("A", "one", "x"), ("", "", "7")]
    assert table.unlabelled == 1


def test_more_columns_on_request(tmp_path: Path) -> None:
    """Tier, kind and the rest come along for training, under their own names only."""
    path = a_file(tmp_path, "body,category,tier,kind,sender,at,language\nx,a,2.0,incident,jo@example.org,12.5,de\n")

    (row,) = read_table(path, Columns(more=True)).rows
    (bare,) = read_table(path, Columns()).rows

    assert (row.tier, row.kind, row.sender, row.at, row.language) == (2, "incident", "jo@example.org", 12.5, "de")
    assert (bare.tier, bare.kind, bare.sender, bare.at, bare.language) == (None, "", "", 0.0, "de")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param("subject,body\nx,y\n", "no column 'group'; there are 'subject', 'body'", id="no-label-column"),
        pytest.param("subject,group\nx,y\n", "no column 'body'", id="no-text-column"),
        pytest.param("subject,body,group\n", "no row below the header", id="no-rows"),
        pytest.param("subject,body,group\nx,y,\n", "no row carries a label", id="no-labels"),
        pytest.param('subject,body,group\nx,"' + "y" * 1_100_000 + '",a\n', "line 2: field larger", id="huge-field"),
        pytest.param("a" * 70_000, "header line is longer", id="huge-header"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "no column", id="picture"),
    ],
)
def test_one_clear_line_for_what_cannot_be_read(tmp_path: Path, content: str | bytes, words: str) -> None:
    """It names the file and what is wrong."""
    path = a_file(tmp_path, content)

    with pytest.raises(Unusable, match=words) as caught:
        read_table(path, COLUMNS)

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("line", ["{", "[1]", '"x"', "[" * 100_000])
def test_a_broken_json_line_is_numbered(tmp_path: Path, line: str) -> None:
    """The line is named, however deep it nests."""
    path = a_file(tmp_path, json.dumps({"body": "a", "category": "x"}) + "\n" + line, "a.jsonl")

    with pytest.raises(Unusable, match="line 2"):
        read_table(path, Columns(text=("body",)))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param(("1", "low", "incident"), (), id="ours"),
        pytest.param(("1", "3", "incident"), ("'urgency' is left out: it holds '3'",), id="numbers"),
        pytest.param(("high", "low", "Question"), ("'tier' is left out", "'kind' is left out"), id="words"),
        pytest.param(("1.5", "low", ""), ("'tier' is left out: it holds what is no number",), id="fraction"),
        pytest.param(("7", "low", ""), ("'tier' is left out: it holds 7",), id="foreign-tier"),
    ],
)
def test_a_column_that_only_is_called_like_ours_is_left_out(
    tmp_path: Path, values: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """Other systems have a tier, an urgency, a kind of their own."""
    path = a_file(tmp_path, "body,category,tier,urgency,kind\nx,a," + ",".join(values) + "\n")

    table = read_table(path, Columns(more=True))

    assert len(table.notes) == len(words)
    for note, part in zip(table.notes, words, strict=True):
        assert part in note
    assert table.rows[0].tier in {1, None}
