"""The measuring verb's callables."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from classifier import suite as suites
from classifier.catalogue import NOT_FOR_US
from classifier.corpus import CorpusError, Row
from classifier.evaluate import Figures, evaluate, evaluate_files
from tests.unit.classifier.build import a_trained, some_rows


def write(path: Path, rows: list[Row]) -> Path:
    """The rows as CSV with subject, body and group."""
    with path.open("w", newline="") as handle:
        out = csv.writer(handle)
        out.writerow(["subject", "body", "group"])
        out.writerows([r.subject, r.text, r.category] for r in rows)
    return path


OTHERS = [Row(text=f"what is the best recipe number {i} for soup and bread", category=NOT_FOR_US) for i in range(9)]


def test_figures_of_a_model() -> None:
    """Right on easy mails, and other people's mails are told apart and not counted as the desk's."""
    figures = evaluate(a_trained().model, [*some_rows(15, seed=6), *OTHERS])
    assert figures.n == 45
    assert figures.accuracy > 0.9
    assert figures.auroc_reject is not None
    assert figures.auroc_reject > 0.9
    assert figures.reject_routed == 0
    assert 0 < figures.cpu_ms_per_mail < 50


def test_files(tmp_path: Path) -> None:
    """Two CSV files give every figure; the reject label becomes other people's mails."""
    a = write(tmp_path / "a.csv", some_rows(25))
    oos = [replace(r, category="oos") for r in OTHERS]
    b = write(tmp_path / "b.csv", [*some_rows(10, seed=6), *oos])
    figures = evaluate_files(a, b, text=("subject", "body"), label="group", reject_label="oos")
    assert figures.n == 30
    assert figures.auroc_reject is not None
    assert figures.train_s is not None
    assert figures.model_mb is not None
    assert figures.misroute <= figures.misroute_upper


def test_unknown_test_label(tmp_path: Path) -> None:
    """A test label that training never had is one clear line."""
    a = write(tmp_path / "a.csv", some_rows(5))
    b = write(tmp_path / "b.csv", [Row(text="x", category="martians")])
    with pytest.raises(CorpusError, match="martians"):
        evaluate_files(a, b, text=("subject", "body"), label="group")


def test_suite_measures_what_is_there(tmp_path: Path) -> None:
    """Sets that are not on the disk are left out; none at all is one clear line."""
    with pytest.raises(CorpusError, match="none of the sets"):
        suites.suite(tmp_path)
    folder = tmp_path / "clinc150"
    folder.mkdir()
    pairs = {p: [[r.text, r.category] for r in some_rows(n, seed=s)] for p, n, s in (("train", 20, 1), ("test", 8, 2))}
    (folder / "data_full.json").write_text(json.dumps({**pairs, "oos_test": [[o.text, "oos"] for o in OTHERS]}))
    told: list[str] = []
    found = suites.suite(tmp_path, tell=told.append)
    assert list(found) == ["clinc150"]
    assert isinstance(found["clinc150"], Figures)
    assert told


def test_mean_of_runs() -> None:
    """The mean keeps what no run could tell as unknown."""
    one = evaluate(a_trained().model, some_rows(5, seed=6))
    mean = suites.mean([one, replace(one, accuracy=0.0)])
    assert mean.accuracy == one.accuracy / 2
    assert mean.auroc_reject is None
