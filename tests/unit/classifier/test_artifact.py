"""A model directory is checked byte by byte before anything is used."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier import artifact
from classifier.artifact import ArtifactError
from classifier.rules import KeywordRules
from classifier.types import Band, Classifier, Document
from tests.unit.classifier.build import CATALOGUE, TOPICS, a_trained, some_rows

DOCUMENTS = [Document(subject=r.subject, text=r.text) for r in some_rows(5, seed=7)] + [Document(subject="", text="")]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    artifact.save(a_trained().model, tmp_path / "m")
    return tmp_path / "m"


def test_round_trip(saved: Path) -> None:
    """A loaded model predicts exactly what the trained one did."""
    loaded = artifact.load(saved)
    assert isinstance(loaded, Classifier)
    assert loaded.predict(DOCUMENTS) == a_trained().model.predict(DOCUMENTS)


def test_saving_again_replaces_and_gives_the_same_bytes(saved: Path) -> None:
    """Saving is deterministic and leaves nothing beside the model."""
    before = {p.name: p.read_bytes() for p in saved.iterdir()}
    artifact.save(a_trained().model, saved)
    assert {p.name: p.read_bytes() for p in saved.iterdir()} == before
    assert [p.name for p in saved.parent.iterdir()] == ["m"]


@pytest.mark.parametrize("name", artifact.FILES)
def test_tampered_file(saved: Path, name: str) -> None:
    """One changed byte in any file is refused."""
    content = bytearray((saved / name).read_bytes())
    content[len(content) // 2] ^= 1
    (saved / name).write_bytes(bytes(content))
    with pytest.raises(ArtifactError, match="changed since"):
        artifact.load(saved)


@pytest.mark.parametrize("name", artifact.FILES)
def test_truncated_file(saved: Path, name: str) -> None:
    """A file cut short is refused."""
    (saved / name).write_bytes((saved / name).read_bytes()[:-1])
    with pytest.raises(ArtifactError, match="the manifest says"):
        artifact.load(saved)


@pytest.mark.parametrize("name", artifact.FILES)
def test_missing_file(saved: Path, name: str) -> None:
    """A listed file that is not there is refused."""
    (saved / name).unlink()
    with pytest.raises(ArtifactError, match="No such file"):
        artifact.load(saved)


def relist(path: Path, name: str, content: bytes) -> None:
    """Changes a file and makes the manifest agree, as an attacker with write access would."""
    (path / name).write_bytes(content)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"][name] = {"bytes": len(content), "sha256": artifact._sha256(content)}
    (path / "manifest.json").write_text(json.dumps(manifest))


def test_foreign_format(saved: Path) -> None:
    """A newer format is refused with the sentence to type."""
    manifest = json.loads((saved / "manifest.json").read_text())
    manifest["format"] = 99
    (saved / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="firstline train"):
        artifact.load(saved)


def test_other_predictions_are_refused(saved: Path) -> None:
    """When the installed libraries predict differently from the ones that trained, the model is not used."""
    config = json.loads((saved / "config.json").read_text())
    config["probes"][0][0] += 0.5
    relist(saved, "config.json", json.dumps(config).encode())
    with pytest.raises(ArtifactError, match="predicts differently"):
        artifact.load(saved)


def test_pickled_array_is_refused(saved: Path) -> None:
    """An object array never reaches the unpickler, even with a manifest that agrees."""
    path = saved / "weights.npz"
    with np.load(path) as arrays:
        changed = {**arrays, "idf": np.array([{"a": 1}], dtype=object)}
    np.savez(path, **changed)
    relist(saved, "weights.npz", path.read_bytes())
    with pytest.raises(ArtifactError):
        artifact.load(saved)


def test_archive_with_more_inside_is_refused(saved: Path) -> None:
    """An archive member that no model has is refused before anything is unpacked."""
    path = saved / "weights.npz"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("evil.npy", b"\0" * 100)
    relist(saved, "weights.npz", path.read_bytes())
    with pytest.raises(ArtifactError, match="something else"):
        artifact.load(saved)


def test_extra_listed_file_is_refused(saved: Path) -> None:
    """Nothing outside the fixed list of files is read."""
    relist(saved, "../evil.txt", b"x")
    with pytest.raises(ArtifactError, match="nothing else"):
        artifact.load(saved)


def test_no_directory(tmp_path: Path) -> None:
    """A path without a model is one clear line."""
    with pytest.raises(ArtifactError, match="no model here"):
        artifact.load(tmp_path / "none")


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"files": {}}', '{"files": {}, "format": 1}', "\xff"])
def test_broken_manifest(tmp_path: Path, manifest: str) -> None:
    """Any manifest that is not ours is refused."""
    (tmp_path / "manifest.json").write_text(manifest, encoding="latin-1")
    with pytest.raises(ArtifactError):
        artifact.load(tmp_path)


def test_loading_needs_no_training_library(saved: Path) -> None:
    """Loading and predicting import neither scikit-learn nor scipy."""
    code = (
        "import sys; from pathlib import Path; from classifier import artifact; "
        "from classifier.types import Document; "
        f"artifact.load(Path({str(saved)!r})).predict([Document(subject='a', text='b')]); "
        "sys.exit(bool({'sklearn', 'scipy', 'pickle5'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_second_opinion_is_kept(tmp_path: Path) -> None:
    """Keywords that must agree travel with the model, and what routes by itself is the same after loading."""
    model = replace(a_trained().model, rules=KeywordRules.of(TOPICS, CATALOGUE))
    artifact.save(model, tmp_path / "model")
    mails = [Document(subject=r.subject, text=r.text) for r in some_rows(10, seed=8)]
    alone, agreed, loaded = (
        [p.band for p in m.predict(mails)] for m in (a_trained().model, model, artifact.load(tmp_path / "model"))
    )
    assert loaded == agreed
    assert agreed.count(Band.AUTOMATIC) < alone.count(Band.AUTOMATIC)
    nothing = replace(model, rules=KeywordRules.of({}, CATALOGUE))
    assert all(p.band is not Band.AUTOMATIC for p in nothing.predict(mails))
