"""Measures a model on mails it has not seen, and the default pipeline on pairs of files.

Promises: the test side never tunes anything, not even a threshold; figures come
from `predict`, the call the daemon makes. `evaluate_files` is what the command
line prints for `--train A --test B`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from classifier import artifact, measures
from classifier.catalogue import NOT_FOR_US, Catalogue
from classifier.corpus import CorpusError, Row, read_csv, read_jsonl
from classifier.encoder import Encodes
from classifier.model import LinearModel
from classifier.train import Recipe, train
from classifier.types import Band, Classifier, Document, Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a model did on test mails; shares are 0..1, None means that the set cannot tell."""

    n: int  # mails of the desk
    accuracy: float
    macro_f1: float
    ece: float
    majority: float
    auroc_reject: float | None = None  # the desk's mails against the others
    in_scope: float | None = None  # right and not sent away as out of scope
    reject_recall: float | None = None  # others' mails that were sent away
    coverage: float = 0.0  # routed by itself
    misroute: float = 0.0  # wrong, of the desk's mails that were routed by itself
    misroute_upper: float = 1.0
    reject_routed: float | None = None  # others' mails that were routed by itself
    coverage_at_95: float = 0.0  # with the best threshold in hindsight
    tier_accuracy: float | None = None
    kind_accuracy: float | None = None
    cpu_ms_per_mail: float = 0.0
    train_s: float | None = None
    model_mb: float | None = None
    load_s: float | None = None  # CPU seconds


def document(row: Row) -> Document:
    """What a model may see of a labelled mail."""
    return Document(subject=row.subject, text=row.text, language=row.language)


def evaluate(model: Classifier, rows: Sequence[Row]) -> Figures:
    """The figures of `model` on `rows`; rows of the category `not_for_us` should have been sent away."""
    if not any(r.category != NOT_FOR_US for r in rows):
        raise CorpusError("no test mail with a category of the desk")
    documents = [document(r) for r in rows]
    model.predict(documents[:50])  # a daemon is warm: the first mails fill the memo
    start = time.process_time()
    found = [p for d in documents for p in model.predict([d])]
    cost = (time.process_time() - start) * 1000 / len(rows)
    return replace(_figures(rows, found), cpu_ms_per_mail=cost)


def _figures(rows: Sequence[Row], found: Sequence[Prediction]) -> Figures:
    ours = np.array([r.category != NOT_FOR_US for r in rows])
    truth = np.array([r.category for r in rows])
    chosen = np.array([p.category for p in found])
    right = truth == chosen
    confidence = np.array([p.confidence for p in found])
    routed = np.array([p.band is Band.AUTOMATIC for p in found])
    kept = np.array([p.band is not Band.HUMAN for p in found])
    belongs = np.array([p.belongs for p in found])
    sent = int((routed & ours).sum())
    wrong = int((routed & ours & ~right).sum())
    others = bool((~ours).any())
    tiers = [(r.tier, p.tier) for r, p in zip(rows, found, strict=True) if r.tier is not None]
    kinds = [(r.kind, p.kind) for r, p in zip(rows, found, strict=True) if r.kind]
    return Figures(
        n=int(ours.sum()),
        accuracy=measures.accuracy(truth[ours], chosen[ours]),
        macro_f1=measures.macro_f1(truth[ours], chosen[ours]),
        ece=measures.ece(confidence[ours], right[ours]),
        majority=max(float((truth[ours] == c).mean()) for c in np.unique(truth[ours])),
        auroc_reject=measures.auroc(belongs[ours], belongs[~ours]) if others else None,
        in_scope=float((right & kept)[ours].mean()) if others else None,
        reject_recall=float((~kept)[~ours].mean()) if others else None,
        coverage=float(routed[ours].mean()),
        misroute=wrong / sent if sent else 0.0,
        misroute_upper=measures.upper_bound(wrong, sent),
        reject_routed=float(routed[~ours].mean()) if others else None,
        coverage_at_95=measures.coverage_at(confidence[ours], right[ours], 0.95),
        tier_accuracy=_share(tiers),
        kind_accuracy=_share(kinds),
    )


def _share(pairs: Sequence[tuple[object, object]]) -> float | None:
    return sum(1 for a, b in pairs if a == b) / len(pairs) if pairs else None


def train_and_evaluate(
    learning: Sequence[Row],
    test: Sequence[Row],
    recipe: Recipe | None = None,
    catalogue: Catalogue | None = None,
    *,
    encoder: Encodes | None = None,
) -> tuple[LinearModel, Figures]:
    """The default pipeline on `learning` only, measured on `test`."""
    if catalogue is None:
        catalogue = Catalogue.of(sorted({r.category for r in learning} - {NOT_FOR_US}))
    start = time.perf_counter()
    model = train(learning, catalogue, recipe, encoder=encoder).model
    seconds = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model"
        artifact.save(model, path)
        megabytes = artifact.size_bytes(path) / 1e6
        load_s = None if model.sentences else _load_s(path)
    return model, replace(evaluate(model, test), train_s=seconds, model_mb=megabytes, load_s=load_s)


def _load_s(path: Path) -> float:
    start = time.process_time()
    artifact.load(path)
    return time.process_time() - start


def evaluate_files(
    learning: Path,
    test: Path,
    *,
    text: Sequence[str] = ("subject", "body"),
    label: str = "category",
    reject_label: str = "",
) -> Figures:
    """Trains on the file `learning` alone and measures on the file `test` (CSV with a header, or JSON lines)."""
    a, b = (_rejecting(_read(path, text, label), reject_label) for path in (learning, test))
    known = {r.category for r in a}
    strangers = sorted({r.category for r in b} - known - {NOT_FOR_US})
    if strangers:
        raise CorpusError(f"{test}: label {strangers[0]!r} does not occur in {learning}")
    return train_and_evaluate(a, b)[1]


def _read(path: Path, text: Sequence[str], label: str) -> tuple[Row, ...]:
    if path.suffix in {".jsonl", ".ndjson"}:
        return read_jsonl(path)
    return read_csv(path, text=text, label=label)


def _rejecting(rows: Sequence[Row], reject_label: str) -> tuple[Row, ...]:
    """Rows of the reject label become somebody else's topic."""
    if not reject_label:
        return tuple(rows)
    return tuple(replace(r, category=NOT_FOR_US) if r.category == reject_label else r for r in rows)
