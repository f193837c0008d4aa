"""The index of solved tickets on disk: plain arrays under a model's name, checked before anything is used.

Owns the format: `index.json` names one file of arrays with its size and SHA-256; no pickle. Promises: whoever looks
finds the old index or the new one, whole; one that is cut, changed, or made for another model raises `ArtifactError`
with one line. It holds feature numbers and ticket numbers, no text. Needs numpy only.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.artifact import ArtifactError
from classifier.nearest import LIMIT_TEXTS, Nearest, Postings
from classifier.vector import Vectoriser

INDEX = "index.json"
FORMAT = 1
LIMIT_BYTES = 64_000_000
_HEAD_BYTES = 1_000_000
_ARRAYS: dict[str, type] = {
    "keys": np.int64,
    "groups": np.int16,
    "starts": np.int64,
    "owners": np.int32,
    "weights": np.uint8,
}


def save(postings: Postings, model_id: str, path: Path) -> None:
    """Write the index of the model to the directory `path`, in place of one that is there."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {name: getattr(postings, name) for name in _ARRAYS}
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    name = f"solved-{digest[:16]}.npz"
    head = {
        "format": FORMAT,
        "model_id": model_id,
        "names": list(postings.names),
        "file": name,
        "bytes": len(content),
        "sha256": digest,
    }
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(path / name, content)
    _write(path / INDEX, json.dumps(head, indent=1).encode())  # from here on the new one counts
    for old in path.glob("solved-*.npz"):
        if old.name != name:
            old.unlink(missing_ok=True)


def load(path: Path, model_id: str, vectoriser: Vectoriser) -> Nearest:
    """The index in the directory `path`, for the model it was made with; raises `ArtifactError`."""
    try:
        head = json.loads(_read(path / INDEX, _HEAD_BYTES))
        if head["format"] != FORMAT or head["model_id"] != model_id:
            raise ArtifactError(f"{path}: made for {head['model_id']!r} in format {head['format']!r}")
        content = _read(path / Path(str(head["file"])).name, LIMIT_BYTES)
        if len(content) != head["bytes"] or hashlib.sha256(content).hexdigest() != head["sha256"]:
            raise ArtifactError(f"{path}: changed since it was written (SHA-256 differs)")
        postings = Postings(names=tuple(map(str, head["names"])), **_arrays(content))
        _check(postings, vectoriser.size)
        return Nearest(vectoriser, postings)
    except (KeyError, TypeError, ValueError, AttributeError, OSError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path}: not a usable index of solved tickets: {error!r}") from error


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: info.file_size for info in archive.infolist()}
    if sorted(members) != sorted(f"{name}.npy" for name in _ARRAYS) or sum(members.values()) > LIMIT_BYTES:
        raise ArtifactError("it holds something else than the arrays of an index")
    with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
        arrays: dict[str, NDArray[Any]] = {name: loaded[name] for name in _ARRAYS}
    for name, kind in _ARRAYS.items():
        if arrays[name].dtype != kind or arrays[name].ndim != 1:
            raise ArtifactError(f"{name} is {arrays[name].dtype} of {arrays[name].ndim} dimensions")
    return arrays


def _check(postings: Postings, features: int) -> None:
    """Numbers that point outside would be an error at the worst moment: with a mail in hand."""
    texts = len(postings.keys)
    fits = (
        texts == len(postings.groups) <= LIMIT_TEXTS
        and len(postings.starts) == features + 1
        and len(postings.owners) == len(postings.weights) == int(postings.starts[-1])
        and int(postings.starts[0]) == 0
        and bool((np.diff(postings.starts) >= 0).all())
    )
    inside = (
        fits
        and bool(((postings.owners >= 0) & (postings.owners < texts)).all())
        and bool(((postings.groups >= 0) & (postings.groups < len(postings.names))).all())
    )
    if not inside:
        raise ArtifactError("the arrays of the index do not fit each other or the vocabulary")


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ArtifactError(f"{path}: larger than {limit} bytes")
    return content


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
