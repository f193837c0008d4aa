"""Labelled mails: read, checked, de-duplicated and split without leaks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from classifier.corpus import (
    CorpusError,
    Row,
    check,
    deduplicate,
    digest,
    from_keywords,
    groups,
    read_csv,
    read_jsonl,
    split_by_time,
    terse,
)
from classifier.folds import assign
from tests.unit.classifier.build import CATALOGUE, some_rows


def test_csv_with_subject_and_body(tmp_path: Path) -> None:
    """Text columns become subject and text; a row without a label is left out."""
    file = tmp_path / "a.csv"
    file.write_text('subject,body,group\nVPN,"down, again",network\nHello,there,\n', encoding="utf-8")
    assert read_csv(file, text=("subject", "body"), label="group") == (
        Row(subject="VPN", text="down, again", category="network"),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("subject,group\nx,y\n", "no column 'body'", id="no text column"),
        pytest.param("subject,body\nx,y\n", "no column 'group'", id="no label column"),
        pytest.param("", "no column", id="empty file"),
    ],
)
def test_wrong_csv_is_one_clear_line(tmp_path: Path, content: str, message: str) -> None:
    """A file without the named column is refused with the columns it has."""
    file = tmp_path / "a.csv"
    file.write_text(content)
    with pytest.raises(CorpusError, match=message):
        read_csv(file, text=("subject", "body"), label="group")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("{", "line 1: not JSON", id="broken"),
        pytest.param("[]", "an object", id="list"),
        pytest.param('{"body": 1, "category": "x"}', "must be text", id="number"),
        pytest.param('{"body": "a", "category": "x", "tier": "one"}', "whole number", id="tier"),
    ],
)
def test_wrong_json_line(tmp_path: Path, line: str, message: str) -> None:
    """A line that is no labelled mail is refused with its number."""
    (tmp_path / "a.jsonl").write_text(line + "\n")
    with pytest.raises(CorpusError, match=message):
        read_jsonl(tmp_path / "a.jsonl")


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        pytest.param([], "empty", id="nothing"),
        pytest.param([Row(text="a", category="printing")] * 3, "one-class", id="one category"),
        pytest.param(
            [Row(text="a", category="printing"), Row(text="b", category="network")], "one-class", id="one example each"
        ),
        pytest.param([*some_rows(3), Row(text="x", category="nonsense")], "unknown-category", id="unknown category"),
        pytest.param([*some_rows(3), Row(text="x", category="access", tier=9)], "unknown-tier", id="unknown tier"),
    ],
)
def test_labels_that_cannot_be_learned_from(rows: list[Row], code: str) -> None:
    """What training must refuse is a fatal finding."""
    assert code in {f.code for f in check(rows, CATALOGUE) if f.fatal}


def test_warnings_do_not_stop() -> None:
    """Copies, contradictions and tiny classes are shown, not fatal."""
    rows = [*some_rows(8), Row(text="same words", category="access"), Row(text="Same, words!", category="network")]
    found = check(rows, CATALOGUE)
    assert {"duplicate", "contradiction"} <= {f.code for f in found}
    assert not any(f.fatal for f in found)


def test_copies_collapse_to_the_majority_label() -> None:
    """A text told three times is one row with the label most gave it; on a tie the newest speaks."""
    a, b = Row(text="help me", category="access", at=1), Row(text="HELP  me!", category="network", at=2)
    assert deduplicate([a, b]) == (b,)
    assert deduplicate([a, replace(a, at=0), b])[0].category == "access"


def test_threads_and_copies_share_a_group() -> None:
    """A thread, and a copy of one of its mails elsewhere, are one group."""
    rows = [
        Row(text="first", category="access", thread="t1"),
        Row(text="reply", category="access", thread="t1"),
        Row(text="REPLY", category="access", thread="t2"),
        Row(text="other", category="access", thread="t3"),
    ]
    number = groups(rows)
    assert number[0] == number[1] == number[2] != number[3]


def test_split_by_time_keeps_threads_whole() -> None:
    """No reply of a training thread is in the test, and the test is newer."""
    rows = [replace(r, thread=f"t{i // 3}", at=float(i)) for i, r in enumerate(some_rows(20))]
    older, newer = split_by_time(rows, test_share=0.25)
    assert not {r.thread for r in older} & {r.thread for r in newer}
    assert len(older) + len(newer) == len(rows)
    assert max(r.at for r in older) < min(r.at for r in newer)


def test_folds_keep_groups_and_spread_labels() -> None:
    """Every fold has its share of each label and no group is torn."""
    labels = ["a"] * 40 + ["b"] * 10
    group = [i // 2 for i in range(50)]
    fold = assign(labels, group, folds=5, seed=3)
    assert all(fold[i] == fold[i + 1] for i in range(0, 50, 2))
    assert all(8 <= (fold[:40] == f).sum() <= 8 and (fold[40:] == f).sum() == 2 for f in range(5))


def test_digest_does_not_depend_on_order() -> None:
    """The data hash names a set of labels."""
    rows = some_rows(5)
    assert digest(rows) == digest(rows[::-1]) != digest(rows[1:])


def test_terse_copies_stay_with_their_mail() -> None:
    """A shortened copy has its original's thread and label, and is the same for the same seed."""
    rows = some_rows(5)
    copies = terse(rows, seed=1)
    assert copies == terse(rows, seed=1)
    assert {(c.thread, c.category) for c in copies} <= {(r.thread, r.category) for r in rows}


def test_keywords_become_rows() -> None:
    """Each keyword is one row of its category that no fold tests."""
    assert [(r.text, r.category, r.source) for r in from_keywords({"access": ["password"]})] == [
        ("password", "access", "keyword")
    ]
