"""`firstline evaluate`: the figures it promises, and one clear line for files it cannot use."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from daemon import cli
from tests.unit.learning.corpora import a_csv, mails

PROMISED = {
    "accuracy",
    "macro_f1",
    "ece",
    "auroc_reject",
    "coverage",
    "misroute",
    "misroute_upper",
    "cpu_ms_per_mail",
    "train_s",
    "model_mb",
}
HEADER = ("subject", "body", "group")


def evaluate(*words: str) -> tuple[int, str, str]:
    """As the command line does it: code, output, errors."""
    done = CliRunner().invoke(cli.firstline, ["evaluate", *words], catch_exceptions=True)
    return done.exit_code, done.stdout, done.stderr if done.exception is None else str(done.exception)


def test_it_prints_what_it_promises(tmp_path: Path) -> None:
    """Two odd files: every figure is there, out-of-scope mails are separated, junk rows are counted."""
    a = a_csv(tmp_path / "a.csv", [*mails(200), ("", "", "network"), ("lonely", "row", "rare")], HEADER)
    others = [("", "who won the football match", "oos"), ("weather", "will it rain on saturday", "oos")]
    b = a_csv(tmp_path / "b.csv", [*mails(60, seed=2), *others, ("no", "label", ""), ("", "", "access")], HEADER)

    code, out, notes = evaluate(
        *("--train", str(a), "--test", str(b), "--text", "subject,body"),
        *("--label", "group", "--reject-label", "oos", "--json"),
    )

    figures = json.loads(out)
    assert code == 0
    assert set(figures) >= PROMISED
    assert figures["n"] == 61
    assert figures["accuracy"] > 0.9
    assert figures["auroc_reject"] > 0.9
    assert 0 <= figures["misroute"] <= figures["misroute_upper"] <= 1
    assert "1 rows without a label are left out" in notes
    assert "1 rows without text are left out" in notes


def test_a_label_that_was_never_taught_counts_as_wrong(tmp_path: Path) -> None:
    """A rare class that only the test side has does not end the run."""
    a = a_csv(tmp_path / "a.csv", mails(120))
    b = a_csv(tmp_path / "b.csv", [*mails(9, seed=3), ("new", "thing", "unheard")])

    code, out, notes = evaluate("--train", str(a), "--test", str(b), "--json")

    assert code == 0
    assert json.loads(out)["accuracy"] <= 0.9
    assert "'unheard'" in notes


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        pytest.param(mails(20), ("--text", "nothing"), "no column 'nothing'", id="no-text-column"),
        pytest.param(mails(20), ("--label", "queue"), "no column 'queue'", id="no-label-column"),
        pytest.param([("a", "b", "x"), ("c", "d", "y")], (), "two categories with two examples", id="two-singletons"),
        pytest.param([("a", "b", "x"), ("c", "d", "x")], (), "two categories with two examples", id="one-class"),
        pytest.param([], (), "no row below the header", id="empty"),
    ],
)
def test_unusable_files_are_one_line_and_exit_65(
    tmp_path: Path,
    rows: list[tuple[str, str, str]],
    options: tuple[str, ...],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By the real entry point: no traceback, the sysexit for unusable data."""
    path = str(a_csv(tmp_path / "a.csv", rows))
    monkeypatch.setattr(sys, "argv", ["firstline", "evaluate", "--train", path, "--test", path, *options])

    with pytest.raises(SystemExit) as end:
        cli.main()

    said = capsys.readouterr()
    assert end.value.code == 65
    assert words in said.err
    assert said.err.startswith("firstline: ")
    assert said.err.count("\n") == 1
    assert said.out == ""


@pytest.mark.parametrize("words", [(), ("--train", "x.csv"), ("--suite", "nowhere")])
def test_wrong_usage_is_64(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing options, missing files."""
    monkeypatch.setattr(sys, "argv", ["firstline", "evaluate", *words])

    with pytest.raises(SystemExit) as end:
        cli.main()

    assert end.value.code == 64


def test_a_suite_without_known_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which sets it looked for."""
    monkeypatch.setattr(sys, "argv", ["firstline", "evaluate", "--suite", str(tmp_path)])

    with pytest.raises(SystemExit) as end:
        cli.main()

    assert end.value.code == 65
