"""A sentence encoder that an admin names: one ONNX model and its tokenizer, run on one thread.

Owns the files of the folder and what may be asked of them. Promises: a folder
that lacks a file, holds something else or changed since it was looked at, and a
missing extra, raise `EncoderError` with one line; a text is bounded in characters
and tokens before it costs anything; equal texts give equal vectors, whatever
stands beside them. So every text is encoded alone: in a batch the int8 steps of
one text depend on its neighbours (cosine 0.992 between alone and in a batch of
32, for 1.3 instead of 0.9 ms; measured 2026-11). Nothing is downloaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from classifier.vector import Floats

TOKENS = 64  # 4.3 ms of CPU; 128 take 7.6 ms and gain nothing on two sets of tickets (docs/classifier.md)
LIMIT_CHARS = 1500  # more than 64 tokens need, and a bound for text without spaces
MODEL_BYTES, TOKENIZER_BYTES = 1_000_000_000, 64_000_000
TOKENIZER = "tokenizer.json"
INPUTS, OUTPUT = ("ids", "mask"), "emb"
REMEMBERED = 200_000
MISSING = "the extra is missing: pip install 'firstline[embeddings]'"


class EncoderError(Exception):
    """An encoder that cannot be used, with the reason in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which encoder: two with equal identities give equal vectors on one kind of processor."""

    model_sha256: str
    tokenizer_sha256: str
    tokens: int = TOKENS

    @property
    def short(self) -> str:
        return self.model_sha256[:12]


class Encodes(Protocol):
    """Texts in, float32 [texts, dimension] with rows of length one out."""

    @property
    def identity(self) -> Identity: ...

    @property
    def dimension(self) -> int: ...

    @property
    def plain(self) -> Encodes: ...  # without a memory: what a model serves with

    def encode(self, texts: Sequence[str]) -> Floats: ...


class Encoder:
    """The encoder of a folder. Its files are hashed at once; the session is opened by the first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._model, self._tokenizer = _files(folder)
        self.identity = _identity(self._read())
        self._run: Callable[[str], Floats] | None = None
        self._dimension = 0

    @property
    def dimension(self) -> int:
        self._opened()
        return self._dimension

    @property
    def plain(self) -> Encodes:
        return self

    def encode(self, texts: Sequence[str]) -> Floats:
        """The vectors of texts, float32 [texts, dimension]; one that says nothing is zero."""
        run = self._opened()
        found: Floats = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            found[row] = run(text)
        return found

    def _read(self) -> tuple[bytes, bytes]:
        return _bytes(self._model, MODEL_BYTES), _bytes(self._tokenizer, TOKENIZER_BYTES)

    def _opened(self) -> Callable[[str], Floats]:
        if self._run is None:
            content = self._read()
            if _identity(content) != self.identity:  # what was hashed is what is used
                raise EncoderError(f"{self.folder}: the encoder changed while it was in use")
            run = _session(self.folder, *content)
            self._dimension = len(run("a"))
            self._run = run
        return self._run


class Remembering:
    """An encoder for one training run, which asks for the vectors of the same mails several times."""

    def __init__(self, encoder: Encodes) -> None:
        self._encoder = encoder
        self._known: dict[bytes, Floats] = {}
        self.identity = encoder.identity

    @property
    def dimension(self) -> int:
        return self._encoder.dimension

    @property
    def plain(self) -> Encodes:
        return self._encoder.plain

    def encode(self, texts: Sequence[str]) -> Floats:
        """As the encoder itself; a text it has seen costs nothing."""
        keys = [hashlib.blake2b(t.encode("utf-8", "surrogatepass"), digest_size=16).digest() for t in texts]
        found: Floats = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, (key, text) in enumerate(zip(keys, texts, strict=True)):
            vector = self._known.get(key)
            if vector is None:
                vector = self._encoder.encode([text])[0]
                if len(self._known) < REMEMBERED:
                    self._known[key] = vector
            found[row] = vector
        return found


def _files(folder: Path) -> tuple[Path, Path]:
    if not folder.is_dir():
        raise EncoderError(f"{folder}: no folder with a sentence encoder")
    models = sorted(folder.glob("*.onnx"))
    if len(models) != 1:
        raise EncoderError(f"{folder}: exactly one file *.onnx is asked for, {len(models)} are there")
    if not (folder / TOKENIZER).is_file():
        raise EncoderError(f"{folder}: {TOKENIZER} is missing")
    return models[0], folder / TOKENIZER


def _bytes(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as handle:
            content = handle.read(limit + 1)
    except OSError as error:
        raise EncoderError(f"{path}: {error.strerror}") from None
    if len(content) > limit:
        raise EncoderError(f"{path}: larger than {limit} bytes")
    return content


def _identity(content: tuple[bytes, bytes]) -> Identity:
    model, tokenizer = (hashlib.sha256(each).hexdigest() for each in content)
    return Identity(model_sha256=model, tokenizer_sha256=tokenizer)


def _session(folder: Path, model: bytes, tokenizer: bytes) -> Callable[[str], Floats]:
    """The function from a text to its vector; raises `EncoderError` when the files are not what they should be."""
    try:
        import onnxruntime  # noqa: PLC0415 -- an extra, and 0.2 s
        import tokenizers  # noqa: PLC0415
    except ImportError:
        raise EncoderError(f"{folder}: {MISSING}") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        cut = tokenizers.Tokenizer.from_str(tokenizer.decode("utf-8"))
        cut.no_padding()
        cut.enable_truncation(TOKENS)
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        _check_names(session, folder)
        run = _runner(cut, session)
        _check(run("a"), folder)
    except EncoderError:
        raise
    except Exception as error:  # noqa: BLE001 -- both libraries raise bare Exception on a damaged file
        raise EncoderError(f"{folder}: not a usable sentence encoder: {str(error).splitlines()[0][:200]}") from None
    return run


def _runner(cut: Any, session: Any) -> Callable[[str], Floats]:
    def run(text: str) -> Floats:
        # A lone surrogate is legal in a Python string and an error in the tokenizer.
        clean = text[:LIMIT_CHARS].encode("utf-8", "replace").decode("utf-8")
        ids = np.array([cut.encode(clean).ids[:TOKENS]], dtype=np.int64)
        vector = np.asarray(session.run([OUTPUT], {"ids": ids, "mask": np.ones_like(ids)})[0], dtype=np.float32)[0]
        length = float(np.sqrt(vector @ vector)) if vector.ndim == 1 else 0.0
        scaled: Floats = vector / np.float32(length) if 0 < length < np.inf else np.zeros_like(vector)
        return scaled

    return run


def _check_names(session: Any, folder: Path) -> None:
    inputs, outputs = ([each.name for each in some] for some in (session.get_inputs(), session.get_outputs()))
    if sorted(inputs) != sorted(INPUTS) or OUTPUT not in outputs:
        raise EncoderError(
            f"{folder}: inputs {', '.join(INPUTS)} and output {OUTPUT} are asked for; "
            f"it has {', '.join(inputs)} and {', '.join(outputs)}"
        )


def _check(vector: Floats, folder: Path) -> None:
    if vector.ndim != 1 or not vector.any():
        raise EncoderError(f"{folder}: {OUTPUT} must be one vector a text, float32 [texts, dimension]")
