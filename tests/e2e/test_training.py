"""A model is changed under a running daemon: no mail is lost, and a broken one changes nothing."""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from classifier import artifact
from classifier.catalogue import Catalogue
from classifier.corpus import Row
from classifier.train import Recipe, train
from daemon import models
from tests.e2e.corpus import mixed
from tests.e2e.invariants import assert_invariants
from tests.e2e.stage import Stage, wait_for
from tests.unit.learning.corpora import a_csv, mails

FAST = Recipe(name="desk", costs=(1.0,), sharpness=(0.0,), blend=False, folds=3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two models of this desk."""
    made = []
    for seed in (1, 2):
        rows = [Row(subject=subject, text=body, category=label) for subject, body, label in mails(150, seed=seed)]
        model = train(rows, Catalogue.of(sorted({row.category for row in rows})), FAST).model
        path = tmp_path_factory.mktemp("models") / model.model_id
        artifact.save(model, path)
        made.append(path)
    return made[0], made[1]


def test_models_change_under_load_and_no_mail_is_lost(stage: Stage, trained: tuple[Path, Path]) -> None:
    """Starter → A → B → back to A while mail comes in: every mail settled once, each by a model that served."""
    folder = models.folder_of(stage.state)
    for path in trained:
        shutil.copytree(path, folder / path.name)
    a, b = (path.name for path in trained)
    samples = mixed(60)
    stage.start()

    for part, change in enumerate((a, b, "back")):
        stage.send(samples[part * 15 : part * 15 + 15])
        before = stage.tail(1_000_000).count("daemon.model_changed")
        began = time.monotonic()
        if change == "back":
            assert models.rollback(folder, now=datetime.now(UTC)) == (a, b)
        else:
            models.activate(folder, change, now=datetime.now(UTC))
        assert time.monotonic() - began < 0.2
        wait_for(
            lambda before=before: stage.tail(1_000_000).count("daemon.model_changed") == before + 1, stage.tail, 60
        )
    stage.send(samples[45:])
    stage.settle()

    assert_invariants(stage, samples)
    used = [json.loads(row[0]).get("prediction", {}).get("model") for row in stage.rows("SELECT evidence FROM inbound")]
    assert a in used
    assert used[-1] in {a, None}
    assert stage.stop() == 0


def test_a_broken_model_changes_nothing(stage: Stage, trained: tuple[Path, Path]) -> None:
    """The link points at a cut file: the log says so, the old model goes on, the next good one is taken."""
    folder = models.folder_of(stage.state)
    for path in trained:
        shutil.copytree(path, folder / path.name)
    a, b = (path.name for path in trained)
    weights = folder / b / "weights.npz"
    weights.write_bytes(weights.read_bytes()[:-100])
    models.activate(folder, a, now=datetime.now(UTC))
    stage.start()

    models.activate(folder, b, now=datetime.now(UTC))
    wait_for(lambda: "daemon.model_refused" in stage.tail(), stage.tail, 60)
    samples = mixed(8)
    stage.send(samples)
    stage.settle()

    used = {json.loads(row[0]).get("prediction", {}).get("model") for row in stage.rows("SELECT evidence FROM inbound")}
    assert used <= {a, None}
    assert a in used


def test_the_verbs_beside_a_running_daemon(stage: Stage, tmp_path: Path) -> None:
    """Train and activate, roll back: the daemon follows; labels are imported while it takes mail."""
    path = a_csv(tmp_path / "archive.csv", mails(300))
    recipe = tmp_path / "fast.toml"
    recipe.write_text("[recipe]\ncosts = [1.0]\nsharpness = [0.0]\nblend = false\nfolds = 3\n")
    samples = mixed(20)
    stage.start()
    stage.send(samples[:10])

    done = stage.run("train", "--from", str(path), "--config", str(recipe), "--activate", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    model = json.loads(done.stdout)["model"]
    wait_for(lambda: f"model={model}" in stage.tail(), stage.tail, 60)
    imported = stage.run("labels", "import", str(path))
    assert imported.returncode == 0, imported.stderr
    stage.send(samples[10:])
    assert stage.run("model", "rollback").returncode == 0
    wait_for(lambda: stage.tail(1_000_000).count("daemon.model_changed") == 2, stage.tail, 60)
    stage.settle()

    assert_invariants(stage, samples)
    used = {json.loads(row[0]).get("prediction", {}).get("model") for row in stage.rows("SELECT evidence FROM inbound")}
    assert model in used
