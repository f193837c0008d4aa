"""A model on disk: one directory of plain arrays and text, checked byte by byte before anything is used.

Owns the format. Promises: no pickle and no code path from file to code;
`manifest.json` lists every file with size and SHA-256, and nothing else is read;
a file that is missing, changed, cut short or written by a newer format raises
`ArtifactError` with one line and leaves the model in service alone; saving is
atomic. A few stored texts are predicted at load: a library that would change
predictions is refused. Needs numpy only.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import unicodedata
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.catalogue import Catalogue, Category
from classifier.encoder import Encoder, EncoderError
from classifier.model import Head, LinearModel, Scale, Scope, Weights
from classifier.rules import KeywordRules
from classifier.sentence import ARRAYS, Sentences, stored
from classifier.text import normalise
from classifier.vector import Vectoriser

FORMAT = 1
MANIFEST = "manifest.json"
FILES = ("card.json", "chars.txt", "config.json", "weights.npz", "words.txt")
SENTENCES = "sentences.npz"  # beside them when the model needs a sentence encoder
LIMIT_BYTES = 128_000_000  # one file, unpacked
TOLERANCE = 1e-3
_ARRAYS = {"codes": np.int8, "steps": np.float32, "intercepts": np.float32, "idf": np.float32}
# Written for this purpose: every language of the templates, accents, digits, an address, a script without cases.
PROBES = (
    "The printer on floor 2 shows error 0x80070005 and nothing comes out",
    "Ich kann mich nicht anmelden, das Paßwort wurde zurückgesetzt",
    "Ma messagerie est bloquée: marie@example.org n'arrive pas à se connecter",
    "El teléfono de la recepción no da señal desde ayer",
    "",
    "プリンターが動きません ½ ﬁle",
)


class ArtifactError(Exception):
    """A model directory that must not be used, with the reason in one line."""


def save(model: LinearModel, path: Path) -> None:
    """Writes the model to the directory `path`, replacing one that is there; all of it or nothing."""
    contents = _contents(model)
    manifest = {
        "format": FORMAT,
        "model_id": model.model_id,
        "files": {n: {"bytes": len(b), "sha256": _sha256(b)} for n, b in contents.items()},
    }
    contents[MANIFEST] = _json(manifest)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = path.with_name(f".{path.name}.new"), path.with_name(f".{path.name}.old")
    for stale in (fresh, old):
        shutil.rmtree(stale, ignore_errors=True)
    fresh.mkdir()
    for name, content in contents.items():
        with (fresh / name).open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
    if path.exists():
        path.rename(old)
    fresh.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def load(path: Path, encoder: Path | None = None) -> LinearModel:
    """The model in the directory `path`, with the sentence encoder of another where it needs one.

    Raises `ArtifactError`; also for an encoder that is missing or not the model's.
    """
    manifest = _manifest(path)
    try:
        files = manifest["files"]
        content = {name: _read(path / name, files[name]) for name in files}
        model = _assemble(content, str(manifest["model_id"]))
        _probe(model, json.loads(content["config.json"])["probes"], path)
        if model.sentences is not None:
            given = Encoder(encoder) if encoder else None
            return replace(model, sentences=model.sentences.bound(given, [normalise("", text) for text in PROBES]))
    except ArtifactError:
        raise
    except EncoderError as error:
        raise ArtifactError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OSError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path}: not a usable model: {error!r}") from error
    return model


def size_bytes(path: Path) -> int:
    """The size of the model's files on disk."""
    return sum((path / name).stat().st_size for name in (*FILES, SENTENCES, MANIFEST) if (path / name).is_file())


def _contents(model: LinearModel) -> dict[str, bytes]:
    weights: dict[str, NDArray[Any]] = {
        "codes": model.weights.codes,
        "steps": model.weights.steps,
        "intercepts": model.weights.intercepts,
        "idf": model.vectoriser.idf,
    }
    config = {
        "catalogue": [asdict(c) for c in model.catalogue.categories],
        "heads": [asdict(h) for h in model.heads],
        # JSON has no infinity.
        "scope": {**asdict(model.scope), "least": max(model.scope.least, -1e300)},
        "explained": model.explained,
        "keywords": {p: list(c) for p, c in model.rules.phrases.items()} if model.rules else None,
        "probes": [_outcome(model, number) for number in range(len(PROBES))],
        "sentences": model.sentences.facts() if model.sentences else None,
    }
    versions = {"numpy": np.__version__, "unicode": unicodedata.unidata_version, **_trainer_version()}
    joined = {SENTENCES: _packed(model.sentences.arrays())} if model.sentences else {}
    return {
        **joined,
        "card.json": _json({**model.card, "model_id": model.model_id, "versions": versions}),
        "chars.txt": _lines(model.vectoriser.chars),
        "config.json": _json(config),
        "weights.npz": _packed(weights),
        "words.txt": _lines(model.vectoriser.words),
    }


def _packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    each: dict[str, Any] = dict(arrays)
    np.savez_compressed(buffer, allow_pickle=False, **each)
    return buffer.getvalue()


def _trainer_version() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 -- slow, only when saving

    try:
        return {"scikit-learn": version("scikit-learn")}
    except PackageNotFoundError:
        return {}


def _manifest(path: Path) -> dict[str, Any]:
    try:
        raw = (path / MANIFEST).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path}: no model here: {error.strerror}") from error
    try:
        manifest = json.loads(raw)
    except ValueError as error:
        raise ArtifactError(f"{path}: {MANIFEST} is not JSON") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise ArtifactError(f"{path}: {MANIFEST} lists no files")
    if manifest.get("format") != FORMAT:
        found = manifest.get("format")
        raise ArtifactError(
            f"{path}: model format {found!r}, this version reads {FORMAT}: train it again with 'firstline train'"
        )
    if sorted(manifest["files"]) not in (sorted(FILES), sorted((*FILES, SENTENCES))):
        raise ArtifactError(f"{path}: the manifest must list {', '.join(FILES)} and nothing else")
    return manifest


def _read(path: Path, expected: dict[str, Any]) -> bytes:
    """The bytes of one file; what is hashed is what is used."""
    try:
        with path.open("rb") as handle:
            content = handle.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}") from error
    if len(content) != expected["bytes"]:
        raise ArtifactError(f"{path}: {len(content)} bytes, the manifest says {expected['bytes']}")
    if _sha256(content) != expected["sha256"]:
        raise ArtifactError(f"{path}: changed since it was written (SHA-256 differs)")
    return content


def _assemble(content: dict[str, bytes], model_id: str) -> LinearModel:
    arrays = _arrays("weights.npz", content["weights.npz"], _ARRAYS)
    config = json.loads(content["config.json"])
    heads = tuple(
        Head(**{**h, "labels": tuple(h["labels"]), "thresholds": tuple(h["thresholds"])}) for h in config["heads"]
    )
    columns = sum(len(h.labels) for h in heads)
    words, chars = _split(content["words.txt"]), _split(content["chars.txt"])
    if arrays["codes"].shape != (len(words) + len(chars), columns):
        raise ArtifactError("weights.npz does not fit the vocabulary and the labels")
    if arrays["steps"].shape != (columns,) or arrays["intercepts"].shape != (columns,):
        raise ArtifactError("weights.npz does not fit the labels")
    if any(len(h.thresholds) != len(h.labels) or h.temperature <= 0 for h in heads):
        raise ArtifactError("config.json: one threshold per label, and a temperature above zero")
    scope = config["scope"]
    catalogue = Catalogue(
        categories=tuple(
            Category(**{**c, "keywords": tuple(c["keywords"]), "tiers": tuple(c["tiers"])}) for c in config["catalogue"]
        )
    )
    return LinearModel(
        model_id=model_id,
        vectoriser=Vectoriser(words, chars, arrays["idf"]),
        heads=heads,
        weights=Weights(codes=arrays["codes"], steps=arrays["steps"], intercepts=arrays["intercepts"]),
        scope=Scope(
            **{
                **scope,
                "energy": Scale(**scope["energy"]),
                "familiar": Scale(**scope["familiar"]),
                "reject": Scale(**scope["reject"]),
                "near": Scale(**scope.get("near", {})),
                "languages": tuple(scope["languages"]),
            }
        ),
        catalogue=catalogue,
        explained=int(config["explained"]),
        rules=_rules(config.get("keywords"), catalogue),
        card=json.loads(content["card.json"]),
        sentences=_sentences(content, config.get("sentences"), columns),
    )


def _sentences(content: dict[str, bytes], facts: dict[str, Any] | None, columns: int) -> Sentences | None:
    if (facts is None) != (SENTENCES not in content):
        raise ArtifactError(f"config.json and {SENTENCES} disagree about a sentence encoder")
    if facts is None:
        return None
    return stored(facts, _arrays(SENTENCES, content[SENTENCES], ARRAYS), columns)


def _rules(phrases: dict[str, list[str]] | None, catalogue: Catalogue) -> KeywordRules | None:
    """The second opinion of a model that has one."""
    if phrases is None:
        return None
    return KeywordRules(model_id="keywords", phrases={p: tuple(c) for p, c in phrases.items()}, catalogue=catalogue)


def _arrays(file: str, packed: bytes, kinds: Mapping[str, type]) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        members = {i.filename: i.file_size for i in archive.infolist()}
    if sorted(members) != sorted(f"{n}.npy" for n in kinds) or sum(members.values()) > LIMIT_BYTES:
        raise ArtifactError(f"{file} holds something else than a model's arrays")
    with np.load(io.BytesIO(packed), allow_pickle=False) as loaded:
        arrays: dict[str, NDArray[Any]] = {name: loaded[name] for name in kinds}
    for name, kind in kinds.items():
        if arrays[name].dtype != kind:
            raise ArtifactError(f"{file}: {name} is {arrays[name].dtype}, not {np.dtype(kind)}")
    return {name: np.ascontiguousarray(a) for name, a in arrays.items()}


def _outcome(model: LinearModel, number: int) -> list[float]:
    """The probability of each head's first label for a probe: one number per head says enough to see a change.

    With the sentence vector that was stored: another one is the encoder's doing, and told apart.
    """
    vector = model.vectoriser.vector(normalise("", PROBES[number]))
    if model.sentences is not None:
        vector = replace(vector, sentence=model.sentences.probes[number])
    answers = model.answers(vector)
    return [float(a.probabilities[0]) for a in answers.values()]


def _probe(model: LinearModel, expected: list[Any], path: Path) -> None:
    for number, probability in zip(range(len(PROBES)), expected, strict=True):
        if not np.allclose(_outcome(model, number), probability, rtol=0, atol=TOLERANCE):
            raise ArtifactError(
                f"{path}: predicts differently with the installed libraries (numpy {np.__version__}, Unicode "
                f"{unicodedata.unidata_version}): train it again with 'firstline train'"
            )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _lines(grams: tuple[str, ...]) -> bytes:
    # Grams hold no white space but blanks: they were cut from pieces between white space.
    return "\n".join(grams).encode("utf-8", "surrogatepass")


def _split(content: bytes) -> list[str]:
    return content.decode("utf-8", "surrogatepass").split("\n") if content else []
