"""The sentence encoder of a training or a measurement, tried at once: a wrong folder is told before any work."""

from __future__ import annotations

from pathlib import Path

from classifier.encoder import Encoder, EncoderError, Encodes, Remembering
from daemon.errors import Unusable


def remembering(folder: Path | None) -> Encodes | None:
    """The encoder of a folder, that encodes each mail of this run once; None without one. Raises Unusable."""
    if folder is None:
        return None
    try:
        found = Remembering(Encoder(folder))
        found.encode(("",))
    except EncoderError as error:
        raise Unusable(f"sentence encoder: {error}") from None
    return found
