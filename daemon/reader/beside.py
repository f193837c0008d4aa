"""What works beside the serving model in a worker: a model in the shadow, and the index of solved tickets.

Both are looked for on disk before each batch (three system calls) and loaded only when they changed, so neither needs a
restart nor new workers. Promises: neither ever changes what the serving model said, and one that cannot be loaded
counts as not there: mail is read without it. `firstline check` says what is wrong with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from classifier.types import Classifier, Document, Neighbour, Prediction
from daemon import models

if TYPE_CHECKING:
    from classifier.nearest import Nearest

_Stamp = tuple[int, int] | None


class Beside:
    """For one worker. `folder` is None where there are no models of a desk."""

    def __init__(self, folder: Path | None, serving: Classifier, encoder: str = "") -> None:
        self._folder = folder
        self._encoder = Path(encoder) if encoder else None
        self.serving = serving
        self._index_stamp: _Stamp = None
        self._index: Nearest | None = None
        self._shadow_name = ""
        self._shadow: Classifier | None = None

    def refresh(self) -> bool:
        """Look at what is there now; True when something was loaded."""
        if self._folder is None:
            return False
        return any((self._look_at_index(self._folder), self._look_at_shadow(self._folder)))

    def nearest(self, document: Document, desk: str) -> tuple[Neighbour, ...]:
        """The solved tickets of the desk that are most like it."""
        return self._index.find(document, group=desk) if self._index is not None else ()

    def shadow_of(self, documents: list[Document]) -> list[Prediction | None]:
        """What the model in the shadow says of each; None of all without one."""
        if self._shadow is None:
            return [None] * len(documents)
        return [*self._shadow.predict(documents)]

    def _look_at_index(self, folder: Path) -> bool:
        path = models.similar_of(folder, self.serving.model_id)
        stamp = _stamp(path / "index.json")
        if stamp == self._index_stamp:
            return False
        self._index_stamp, self._index = stamp, None
        vectoriser = getattr(self.serving, "vectoriser", None)
        if stamp is None or vectoriser is None:
            return False
        from classifier import artifact, solved  # noqa: PLC0415 - numpy is only for workers

        try:
            self._index = solved.load(path, self.serving.model_id, vectoriser)
        except (artifact.ArtifactError, MemoryError):
            return False
        return True

    def _look_at_shadow(self, folder: Path) -> bool:
        name = models.shadow(folder)
        if name == self._shadow_name:
            return False
        self._shadow_name, self._shadow = name, None
        if not name or name == self.serving.model_id:
            return False
        from classifier import artifact  # noqa: PLC0415 - see above

        try:
            self._shadow = artifact.load(folder / name, self._encoder)
        except (artifact.ArtifactError, MemoryError):
            return False
        return True


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
