"""A sentence encoder of a few kilobytes, written byte by byte: the tests need no download and no `onnx` package.

Its vector is the mean of its words' vectors; words of one meaning share one, which no TF-IDF can know.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

MEANINGS = {
    "printing": ["printer", "toner", "scanner", "cartridge", "copier", "inkjet", "plotter", "laserjet"],
    "network": ["vpn", "wifi", "firewall", "router", "ethernet", "proxy", "gateway", "dns"],
    "access": ["password", "login", "token", "account", "credential", "signin", "lockout", "permission"],
}
DIMENSION = 8


def write(folder: Path, *, output: str = "emb", inputs: tuple[str, str] = ("ids", "mask"), seed: int = 0) -> Path:
    """A folder with `model.onnx` and `tokenizer.json`."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder.mkdir(parents=True, exist_ok=True)
    words = ["[UNK]", *(w for group in MEANINGS.values() for w in group)]
    dice = np.random.default_rng(seed)
    table = [dice.normal(size=DIMENSION) * 0.05]
    for group in MEANINGS.values():
        centre = dice.normal(size=DIMENSION)
        table.extend(centre + 0.05 * dice.normal(size=DIMENSION) for _ in group)
    tokenizer = Tokenizer(models.WordLevel({w: n for n, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "model.onnx").write_bytes(_model(np.array(table, dtype=np.float32), inputs, output))
    return folder


def _model(table: np.ndarray, inputs: tuple[str, str], output: str) -> bytes:
    weights = (
        b"".join(_number(1, n) for n in table.shape) + _number(2, 1) + _text(8, "table") + _bytes(9, table.tobytes())
    )
    axis = _text(1, "axes") + _number(8, 1) + _number(20, 7)
    keep = _text(1, "keepdims") + _number(3, 0) + _number(20, 2)
    gather = _text(1, "table") + _text(1, inputs[0]) + _text(2, "each") + _text(4, "Gather")
    mean = _text(1, "each") + _text(2, output) + _text(4, "ReduceMean") + _bytes(5, axis) + _bytes(5, keep)
    graph = _bytes(1, gather) + _bytes(1, mean) + _text(2, "tiny") + _bytes(5, weights)
    for name in inputs:
        graph += _bytes(11, _value(name, 7, ("b", "s")))
    graph += _bytes(12, _value(output, 1, ("b", table.shape[1])))
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _text(1, "") + _number(2, 13))


def _value(name: str, kind: int, shape: tuple[str | int, ...]) -> bytes:
    sizes = b"".join(_bytes(1, _number(1, s) if isinstance(s, int) else _text(2, s)) for s in shape)
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, sizes)))


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += struct.pack("B", value & 127 | 128)
        value >>= 7
    return out + struct.pack("B", value)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, content: str) -> bytes:
    return _bytes(field, content.encode())
