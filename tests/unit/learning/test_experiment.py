"""The file that is the whole experiment: read as written, refused by name where it cannot be worked with."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.errors import Unusable
from daemon.learning.experiment import read_experiment


def a_file(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "experiment.toml"
    path.write_text(content)
    return path


def test_everything_has_a_default() -> None:
    """At most 50,000 rows teach, and the same seed is used until another is asked for."""
    made = read_experiment(None)

    assert (made.recipe.window, made.data.per_sender, made.gate.golden) == (50_000, 20, "")
    assert read_experiment(None, seed=7).recipe.seed == 7


def test_the_golden_file_lies_beside_the_experiment(tmp_path: Path) -> None:
    """Wherever the command is typed."""
    made = read_experiment(a_file(tmp_path, '[recipe]\nfolds = 3\nrisk = 0.1\n[gate]\ngolden = "g.csv"\n'))

    assert made.gate.golden == str(tmp_path / "g.csv")
    assert (made.recipe.folds, made.recipe.risk) == (3, 0.1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("[recipe]\nfolds = 'three'\n", "recipe.folds is a whole number, not 'three'", id="type"),
        pytest.param("[recipe]\nfolds = -1\n", "recipe.folds lies between 2 and 20, not -1", id="few-folds"),
        pytest.param("[recipe]\ncosts = ['a']\n", "recipe.costs lies between 0.0001 and 10,000, not", id="word"),
        pytest.param("[recipe]\ncosts = []\n", "recipe.costs lies between", id="none"),
        pytest.param("[recipe]\ncosts = [true]\n", "recipe.costs lies between", id="truth"),
        pytest.param("[recipe]\nrisk = nan\n", "recipe.risk lies between", id="nan"),
        pytest.param("[recipe]\nwindow = 0\n", "recipe.window lies between 10 and 5,000,000, not 0", id="window"),
        pytest.param("[recipe]\nlanguages = [1]\n", "recipe.languages is a list of texts", id="languages"),
        pytest.param("[recipe]\nfold = 3\n", "recipe.fold: no such key", id="unknown"),
        pytest.param("[recipes]\n", "no table is called 'recipes'", id="table"),
        pytest.param("[data]\ntest_share = 1.5\n", "data.test_share lies between", id="share"),
        pytest.param("not toml", "line 1", id="syntax"),
    ],
)
def test_what_no_training_can_work_with_is_one_line(tmp_path: Path, content: str, words: str) -> None:
    """File, key and what is wrong."""
    path = a_file(tmp_path, content)

    with pytest.raises(Unusable) as caught:
        read_experiment(path)

    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
