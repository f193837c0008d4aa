"""Models with their evidence on disk: the model, its twin, the report, and what the gate said against which model.

Promises: a model appears on the shelf whole or not at all; one that is already there with the same id predicts the
same and is left alone, only its evidence is renewed; evidence belongs to the exact files it was measured on.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from classifier import artifact
from classifier.model import LinearModel
from classifier.page import page
from classifier.report import Report
from daemon import models
from daemon.errors import Unavailable, Unusable
from daemon.learning.gate import Refusal

TWIN = "twin"
EVIDENCE = "evidence.json"
REPORT_JSON, REPORT_HTML = "report.json", "report.html"
_LIMIT_BYTES = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was measured. `against` maps the id of the model that served to the refusals of that comparison."""

    model: str
    manifest_sha256: str
    made_at: str
    how: str  # full or quick
    sources: tuple[str, ...]
    rows: int
    held: int
    figures: Mapping[str, object] | None
    baselines: Mapping[str, Mapping[str, object]]
    against: Mapping[str, tuple[Refusal, ...]]


def keep(folder: Path, model: LinearModel, twin: LinearModel | None, evidence: Evidence, report: Report | None) -> Path:
    """Put a model on the shelf; its directory. Raises Unavailable when the disk refuses."""
    target = models.path_of(folder, model.model_id)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (target / "manifest.json").is_file():
            staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=folder))
            try:
                place(staging / "model", model, twin, evidence, report)
                (staging / "model").rename(target)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
        else:
            _write_evidence(target, evidence, report)
    except OSError as error:
        raise Unavailable(f"{folder}: {error.strerror}") from None
    return target


def place(
    target: Path, model: LinearModel, twin: LinearModel | None, evidence: Evidence, report: Report | None
) -> None:
    """Write a model with all that belongs to it into a directory of one's own choice."""
    artifact.save(model, target)
    if twin is not None:
        artifact.save(twin, target / TWIN)
    _write_evidence(target, evidence, report)


def load(path: Path, encoder: str = "") -> LinearModel:
    """The model of a directory, with the sentence encoder of that folder if it needs one. Raises Unusable."""
    try:
        return artifact.load(path, Path(encoder) if encoder else None)
    except artifact.ArtifactError as error:
        raise Unusable(f"model refused: {error}") from None


def load_twin(path: Path, encoder: str = "") -> LinearModel:
    """The twin that was measured; the model itself when it has none."""
    return load(path / TWIN if (path / TWIN).is_dir() else path, encoder)


def evidence_of(path: Path) -> Evidence | None:
    """What was measured of the model in `path`; None when nothing was, or when the model is not the one measured."""
    try:
        raw = (path / EVIDENCE).read_bytes()[:_LIMIT_BYTES]
        values = json.loads(raw)
        against = {name: tuple(Refusal(**each) for each in found) for name, found in values.pop("against").items()}
        evidence = Evidence(**{**values, "against": against, "sources": tuple(values["sources"])})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return evidence if evidence.manifest_sha256 == manifest_sha256(path) else None


def manifest_sha256(path: Path) -> str:
    """The hash of the manifest, which holds the hash of every other file; "" when there is none."""
    try:
        return hashlib.sha256((path / "manifest.json").read_bytes()).hexdigest()
    except OSError:
        return ""


def card_of(path: Path) -> dict[str, object]:
    """The card of a model; empty when it cannot be read."""
    try:
        card = json.loads((path / "card.json").read_bytes()[:_LIMIT_BYTES])
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def made_at(path: Path) -> datetime | None:
    """When the model was trained here."""
    evidence = evidence_of(path)
    return datetime.fromisoformat(evidence.made_at) if evidence else None


def prune(folder: Path, *, keep: int = 5) -> tuple[str, ...]:
    """Remove all but the newest `keep` quick models that neither serve nor are in the shadow; what was removed."""
    used = {models.active(folder), models.shadow(folder)}
    quick = [
        name
        for name in models.known(folder)
        if name not in used and (evidence := evidence_of(folder / name)) and evidence.how == "quick"
    ]
    gone = tuple(quick[: max(0, len(quick) - keep)])
    for name in gone:
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.rmtree(models.similar_of(folder, name), ignore_errors=True)
    return gone


def _write_evidence(target: Path, evidence: Evidence, report: Report | None) -> None:
    known = evidence_of(target)
    against = {**(known.against if known else {}), **evidence.against}
    values = {**asdict(evidence), "manifest_sha256": manifest_sha256(target)}
    values["against"] = {name: [asdict(each) for each in found] for name, found in against.items()}
    _put(target / EVIDENCE, json.dumps(values, indent=1, ensure_ascii=False, default=str))
    if report is not None:
        _put(target / REPORT_JSON, report.json())
        _put(target / REPORT_HTML, page(report))


def _put(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
