"""Finding solved tickets like a mail: the index in memory and on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from classifier import nearest, solved
from classifier.artifact import ArtifactError
from classifier.nearest import Example, Nearest, build
from classifier.types import Document
from tests.unit.classifier.build import a_trained, some_rows

MODEL = a_trained().model
ROWS = some_rows(20)


def an_index(limit: int = 1_000) -> Nearest:
    examples = [
        Example(
            key=1000 + number,
            group="help" if number % 2 else "sales",
            document=Document(subject=row.subject, text=row.text),
        )
        for number, row in enumerate(ROWS[:limit])
    ]
    return Nearest(MODEL.vectoriser, build(MODEL.vectoriser, examples))


def asked(number: int) -> Document:
    return Document(subject=ROWS[number].subject, text=ROWS[number].text)


def test_the_same_words_come_first() -> None:
    """Itself with likeness one, the others in falling order."""
    found = an_index().find(asked(7), group="help", count=5)

    assert found[0].key == 1007
    assert found[0].likeness == pytest.approx(1.0, abs=0.02)
    assert [each.likeness for each in found] == sorted((each.likeness for each in found), reverse=True)


def test_likeness_is_the_cosine_of_the_models_own_vectors() -> None:
    """What the sparse product over all features says, within what rounding and cutting change."""
    index = an_index()

    def unit(document: Document) -> np.ndarray:
        from classifier.text import normalise

        vector = MODEL.vectoriser.vector(normalise(document.subject, document.text))
        dense = np.zeros(MODEL.vectoriser.size)
        dense[vector.ids] = vector.weights
        return dense / np.linalg.norm(dense)

    for found in index.find(asked(3), group="help", count=10, least=0.0):
        exact = float(unit(asked(3)) @ unit(asked(found.key - 1000)))
        assert found.likeness == pytest.approx(exact, abs=0.12)


def test_another_desk_is_never_told() -> None:
    """Not even of the very same words, and nothing of a desk that the index does not know."""
    index = an_index()

    assert all(each.key % 2 == 0 for each in index.find(asked(7), group="sales", count=100, least=0.001))
    assert index.find(asked(7), group="other") == ()


@pytest.mark.parametrize("text", ["", "?!", "\x00\ud800", "プリンター", "x" * 200_000])
def test_content_never_raises(text: str) -> None:
    """Nothing like it is no answer."""
    assert an_index().find(Document(subject="", text=text), group="help") == ()
    assert Nearest(MODEL.vectoriser, build(MODEL.vectoriser, [])).find(asked(1), group="help") == ()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first so many examples; each by its heaviest features."""
    monkeypatch.setattr(nearest, "LIMIT_TEXTS", 10)
    index = an_index()

    assert len(index) == 10
    postings = build(MODEL.vectoriser, [Example(key=1, group="help", document=asked(1))])
    assert len(postings.owners) <= 2 * nearest.HEAVIEST


def saved(path: Path) -> Path:
    examples = [Example(key=n, group="help", document=asked(n)) for n in range(20)]
    solved.save(build(MODEL.vectoriser, examples), MODEL.model_id, path)
    return path


def test_the_index_on_disk_answers_the_same(tmp_path: Path) -> None:
    """Written anew, the older file goes."""
    saved(tmp_path / "m")
    examples = [Example(key=n + 5, group="help", document=asked(n)) for n in range(20)]
    solved.save(build(MODEL.vectoriser, examples), MODEL.model_id, tmp_path / "m")

    index = solved.load(tmp_path / "m", MODEL.model_id, MODEL.vectoriser)

    assert index.find(asked(7), group="help")[0].key == 12
    assert sorted(path.suffix for path in (tmp_path / "m").iterdir()) == [".json", ".npz"]


def test_no_word_of_a_mail_is_in_it(tmp_path: Path) -> None:
    """Numbers alone: somebody else's disk may hold it longer than the mail."""
    saved(tmp_path / "m")

    for path in (tmp_path / "m").iterdir():
        content = path.read_bytes()
        assert b"printer" not in content
        assert b"password" not in content


@pytest.mark.parametrize("damage", ["cut", "changed", "no-head", "other-model", "format", "foreign-arrays", "path"])
def test_a_damaged_index_is_refused(tmp_path: Path, damage: str) -> None:
    """One line, whatever it is."""
    path = saved(tmp_path / "m")
    head_path = path / solved.INDEX
    head = json.loads(head_path.read_text())
    arrays = path / head["file"]
    match damage:
        case "cut":
            arrays.write_bytes(arrays.read_bytes()[:-40])
        case "changed":
            arrays.write_bytes(arrays.read_bytes()[:-1] + b"!")
        case "no-head":
            head_path.write_text("[")
        case "other-model":
            head_path.write_text(json.dumps({**head, "model_id": "another"}))
        case "format":
            head_path.write_text(json.dumps({**head, "format": 99}))
        case "foreign-arrays":
            np.savez(arrays, something=np.arange(3))
            content = arrays.read_bytes()
            import hashlib

            digest = hashlib.sha256(content).hexdigest()
            head_path.write_text(json.dumps({**head, "bytes": len(content), "sha256": digest}))
        case "path":
            (tmp_path / "outside.npz").write_bytes(arrays.read_bytes())
            arrays.unlink()
            head_path.write_text(json.dumps({**head, "file": "../outside.npz"}))

    with pytest.raises(ArtifactError) as caught:
        solved.load(path, MODEL.model_id, MODEL.vectoriser)

    assert "\n" not in str(caught.value)


def test_numbers_that_point_outside_are_refused(tmp_path: Path) -> None:
    """Whole and hashed, but not of this vocabulary."""
    from dataclasses import replace

    good = build(MODEL.vectoriser, [Example(key=n, group="help", document=asked(n)) for n in range(5)])
    for wrong in (
        replace(good, owners=good.owners + 5),
        replace(good, groups=good.groups - 1),
        replace(good, starts=good.starts[:-1]),
        replace(good, weights=good.weights[:-1]),
    ):
        solved.save(wrong, MODEL.model_id, tmp_path / "m")
        with pytest.raises(ArtifactError):
            solved.load(tmp_path / "m", MODEL.model_id, MODEL.vectoriser)
