"""A model with sentence vectors: when it is used, that it is exact, what it keeps, and when it is refused."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from classifier import artifact, joining
from classifier.catalogue import Catalogue
from classifier.corpus import KEYWORD, CorpusError, Row
from classifier.encoder import Encoder, Encodes
from classifier.joining import FEWEST, means, regression
from classifier.refit import refit
from classifier.sentence import lifted, share
from classifier.train import Recipe, Trained, train
from classifier.types import Document
from classifier.waves import WAVES
from tests.unit.classifier.tiny_encoder import MEANINGS, write

QUICK = Recipe(name="test", folds=3, costs=(1.0,), sharpness=(0.0,), risk=0.2, tier_decides=False)
CATALOGUE = Catalogue.of(sorted(MEANINGS))


def some_mails(words: slice, per_category: int = 12, seed: int = 1) -> list[Row]:
    """Mails whose only telling words are these of each meaning: each word in few mails, so that letters say little."""
    dice = random.Random(seed)
    fill = ["monday", "please", "again", "room", "still", "since", "help", "today"]
    return [
        Row(
            text=f"{' '.join(dice.sample(fill, 3))} {dice.choice(group[words])} {dice.choice(fill)} {number}{seed}",
            category=category,
            tier=1 + number % 2,
        )
        for category, group in MEANINGS.items()
        for number in range(per_category)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One tiny encoder for all tests of this module."""
    return write(tmp_path_factory.mktemp("encoder"))


@cache
def _trained(folder: Path) -> Trained:
    return train(some_mails(slice(0, 8)), CATALOGUE, QUICK, encoder=Encoder(folder))


class Useless:
    """An encoder that knows nothing: a vector by chance for each text."""

    def __init__(self, encoder: Encodes) -> None:
        self.identity = encoder.identity
        self.dimension = 8
        self.plain = self

    def encode(self, texts: list[str]) -> np.ndarray:
        """Equal texts, equal chance."""
        rows = [np.random.default_rng(abs(sum(t.encode()) * 7919)).normal(size=8) for t in texts]
        return np.array([r / np.linalg.norm(r) for r in rows], dtype=np.float32)


def test_an_encoder_that_helps_is_used_and_the_card_says_why(folder: Path) -> None:
    """Held-out macro-F1 with and without it stand in the card with the encoder's hash and dimension."""
    told = _trained(folder).model.card["sentence_encoder"]

    assert isinstance(told, dict)
    assert told["used"] is True
    assert told["dimension"] == 8
    assert told["model_sha256"] == Encoder(folder).identity.model_sha256
    assert "points, 0.5 are asked" in told["why"]
    assert told["heads"]["category"]["macro_f1_with"] > told["heads"]["category"]["macro_f1_without"] + 0.005


def test_words_nobody_wrote_in_training_are_understood(folder: Path) -> None:
    """With the encoder unseen words of a known meaning find their category; without it they cannot."""
    teach, ask = some_mails(slice(0, 4), 20), some_mails(slice(4, 8), 20, seed=2)

    joined = train(teach, CATALOGUE, replace(QUICK, encoder_gain=-1.0), encoder=Encoder(folder)).model
    plain = train(teach, CATALOGUE, QUICK).model

    assert _right(joined, ask) > 0.9 > _right(plain, ask)


def test_an_encoder_that_does_not_help_changes_nothing(folder: Path) -> None:
    """A desk that does not gain gets the very model it would have without, and pays for no encoder."""
    rows = some_mails(slice(0, 2), 20)

    tried = train(rows, CATALOGUE, QUICK, encoder=Useless(Encoder(folder))).model

    assert tried.sentences is None
    assert tried.model_id == train(rows, CATALOGUE, QUICK).model.model_id
    assert "used" in str(tried.card["sentence_encoder"])
    assert tried.card["sentence_encoder"]["used"] is False  # type: ignore[index]


def test_another_head_is_left_alone_where_it_does_not_gain(folder: Path) -> None:
    """The tier of these mails is chance: its columns hold no sentence part."""
    model = _trained(folder).model
    assert model.sentences is not None
    tier = next(h for h in model.heads if h.name == "tier")
    told = model.card["sentence_encoder"]["heads"]  # type: ignore[index]

    zero = not model.sentences.coefficients[:, model.columns(tier)].any()

    assert zero is not told["tier"]["used"]


def test_without_a_labelled_mail_nothing_is_proven(folder: Path) -> None:
    """Keywords alone are no evidence for an encoder."""
    rows = [Row(text=w, category=c, source=KEYWORD) for c, group in MEANINGS.items() for w in group[:3]]

    model = train(rows, CATALOGUE, QUICK, encoder=Encoder(folder)).model

    assert model.sentences is None
    assert model.card["sentence_encoder"]["why"] == "no labelled mail to judge it by"  # type: ignore[index]


def test_the_two_shares_add_up_exactly(folder: Path) -> None:
    """Log-odds of choice over runner-up = the words' part + the sentence's part + the intercepts' difference."""
    model = _trained(folder).model
    assert model.sentences is not None
    vector = model.vector("please the toner again")
    category = model.answers(vector)["category"]
    first, second = np.argsort(-category.probabilities)[:2]
    columns = model.columns(category.head)

    sentence = model.sentences.scores(vector.sentence)[columns] / category.head.temperature
    words = (model.weights.product(replace(vector, sentence=None)) - model.weights.intercepts)[columns]
    words = words / category.head.temperature
    bias = model.weights.intercepts[columns] / category.head.temperature
    total = category.scores[first] - category.scores[second]

    parts = [part[first] - part[second] for part in (sentence, words, bias)]
    assert total == pytest.approx(sum(parts), abs=1e-4)
    (said,) = model.predict([Document(subject="", text="please the toner again")])
    assert said.by_sentence == pytest.approx(share(parts[0], parts[1]), abs=1e-3)


def test_a_model_without_encoder_says_that_nothing_came_from_one() -> None:
    """The share is 0 where there is no sentence vector."""
    model = train(some_mails(slice(0, 3)), CATALOGUE, QUICK).model

    assert [p.by_sentence for p in model.predict([Document(subject="", text="toner")])] == [0.0]


def test_equal_runs_give_equal_models(folder: Path) -> None:
    """Deterministic: the same rows and encoder, the same id."""
    again = train(some_mails(slice(0, 8)), CATALOGUE, QUICK, encoder=Encoder(folder))

    assert again.model.model_id == _trained(folder).model.model_id


def test_saved_and_loaded_it_predicts_the_same(folder: Path, tmp_path: Path) -> None:
    """What is stored is what was measured, to the last digit."""
    model = _trained(folder).model
    documents = [Document(subject="", text=r.text) for r in some_mails(slice(0, 8), 5, seed=9)]
    artifact.save(model, tmp_path / "m")

    loaded = artifact.load(tmp_path / "m", folder)

    assert loaded.predict(documents) == model.predict(documents)


def test_the_waves_travel_with_the_model(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are mails enough, the machine on waves takes part, and is stored as it was measured."""
    monkeypatch.setattr(joining, "ENOUGH", 10)
    monkeypatch.setattr(joining, "MIXES", ((0.0, 0.0, 1.0), (0.5, 0.5, 0.0)))
    documents = [Document(subject="", text=r.text) for r in some_mails(slice(0, 8), 5, seed=9)]

    model = train(some_mails(slice(0, 8)), CATALOGUE, QUICK, encoder=Encoder(folder)).model
    artifact.save(model, tmp_path / "m")

    assert model.sentences is not None
    assert model.sentences.bends.shape[0] == WAVES
    assert artifact.load(tmp_path / "m", folder).predict(documents) == model.predict(documents)


def test_without_its_encoder_it_is_refused_with_the_sentence_to_type(folder: Path, tmp_path: Path) -> None:
    """The line names the encoder and the key."""
    artifact.save(_trained(folder).model, tmp_path / "m")

    with pytest.raises(
        artifact.ArtifactError, match=r"needs the sentence encoder [0-9a-f]{12}.*\[classifier\] encoder"
    ):
        artifact.load(tmp_path / "m")


def test_with_another_encoder_it_is_refused(folder: Path, tmp_path: Path) -> None:
    """A different encoder is told apart by its hash, and the line says what to type."""
    artifact.save(_trained(folder).model, tmp_path / "m")

    with pytest.raises(
        artifact.ArtifactError, match=r"was trained with .* train again with 'firstline train --encoder"
    ):
        artifact.load(tmp_path / "m", write(tmp_path / "other", seed=3))


def test_an_encoder_that_computes_otherwise_is_refused(folder: Path, tmp_path: Path) -> None:
    """The same files, other vectors (another processor, a broken library): the stored probes tell."""
    model = _trained(folder).model
    assert model.sentences is not None
    turned = replace(model.sentences, probes=np.roll(model.sentences.probes, 1, axis=1))
    artifact.save(replace(model, sentences=turned), tmp_path / "m")

    with pytest.raises(artifact.ArtifactError, match="gets other vectors from the encoder here"):
        artifact.load(tmp_path / "m", folder)


def test_a_quick_refit_of_its_words_alone_is_refused(folder: Path) -> None:
    """Words and sentences were weighed against each other: neither is learned again without the other."""
    with pytest.raises(CorpusError, match="train it in full"):
        refit(_trained(folder).model, some_mails(slice(0, 8)))


@pytest.mark.parametrize("damage", ["cut", "changed", "missing", "denied"])
def test_a_tampered_sentence_part_is_refused(folder: Path, tmp_path: Path, damage: str) -> None:
    """One line, and no prediction."""
    artifact.save(_trained(folder).model, tmp_path / "m")
    path = tmp_path / "m" / artifact.SENTENCES
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-5])
    elif damage == "changed":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content))
    elif damage == "missing":
        path.unlink()
    else:
        manifest = json.loads((tmp_path / "m" / artifact.MANIFEST).read_text())
        del manifest["files"][artifact.SENTENCES]
        (tmp_path / "m" / artifact.MANIFEST).write_text(json.dumps(manifest))

    with pytest.raises(artifact.ArtifactError):
        artifact.load(tmp_path / "m", folder)


def test_a_mean_is_of_several_mails() -> None:
    """No mail can be read back: where a label has enough mails, each of its means is of at least five."""
    dice = np.random.default_rng(0)
    rows = dice.normal(size=(40, 6)).astype(np.float32)
    rows[0] = 30.0  # a stranger that would be a mean of its own
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)

    found, owners = means(rows, np.repeat([0, 1], 20))

    assert len(found) == len(owners)
    nearest = (rows @ found.T).max(axis=0)
    assert (nearest < 0.9999).all()
    assert len(found) <= 2 * (20 // FEWEST)


def test_the_regression_learns_what_the_start_leaves_open() -> None:
    """A start that is right already leaves nothing to learn; a wrong one is put right."""
    dice = np.random.default_rng(0)
    vectors = dice.normal(size=(90, 5)).astype(np.float32)
    truth = (vectors @ dice.normal(size=(5, 3))).argmax(axis=1)
    right = 20 * np.eye(3, dtype=np.float32)[truth]
    cost = np.full(90, 10, dtype=np.float32)

    idle, _ = regression(vectors, truth, right, cost)
    busy, bias = regression(vectors, truth, np.zeros_like(right), cost)

    assert np.abs(idle).max() < 0.01
    assert ((vectors @ busy + bias).argmax(axis=1) == truth).mean() > 0.95


def test_held_out_rows_are_scored_by_what_has_not_seen_them(folder: Path) -> None:
    """A row's label changes nothing of its own held-out score."""
    rows = some_mails(slice(0, 8), 6)
    vectors = Encoder(folder).encode([r.text for r in rows])
    truth = np.repeat(np.arange(3), 6)
    fold = np.tile(np.arange(3), 6)
    asked = joining.Open(
        scores=np.zeros((18, 3)),
        vectors=vectors,
        truth=truth,
        fold=fold,
        weight=np.ones(18, dtype=np.float32),
        group=truth,
    )
    other = truth.copy()
    other[0] = 2

    one = joining._held(asked, joining.SHARES[0], 0)
    two = joining._held(replace(asked, truth=other, group=other), joining.SHARES[0], 0)

    assert np.array_equal(one.scores, two.scores)
    assert np.array_equal(one.near, two.near)


def test_lifting_one_or_many_is_the_same() -> None:
    """A single vector gets what its row in a matrix gets."""
    dice = np.random.default_rng(1)
    rows, middles = (dice.normal(size=(n, 4)).astype(np.float32) for n in (5, 3))

    assert np.allclose(lifted(rows, middles)[2], lifted(rows[2], middles), atol=1e-6)


@pytest.mark.parametrize(
    ("sentence", "words", "said"), [(1.0, 1.0, 0.5), (2.0, -1.0, 1.0), (-1.0, 2.0, 0.0), (0.0, 0.0, 0.0)]
)
def test_the_share_counts_what_spoke_for_it(sentence: float, words: float, said: float) -> None:
    """What speaks against the choice takes no share."""
    assert share(sentence, words) == said


def _right(model: object, rows: list[Row]) -> float:
    said = model.predict([Document(subject="", text=r.text) for r in rows])  # type: ignore[attr-defined]
    return sum(p.category == r.category for p, r in zip(said, rows, strict=True)) / len(rows)
