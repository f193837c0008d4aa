"""What a prediction promises, whatever the mail."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.model import LinearModel
from classifier.types import Band, Document
from tests.unit.classifier.build import CATALOGUE, TIERS, TOPICS, a_trained, some_rows


def model() -> LinearModel:
    return a_trained().model


def test_easy_mail_routes() -> None:
    """A mail like the training mails is routed, with its reasons."""
    [found] = model().predict([Document(subject="toner", text="please help, toner does not work, also paper jam")])
    assert (found.category, found.band) == ("printing", Band.AUTOMATIC)
    assert any("toner" in r.phrase or "paper" in r.phrase for r in found.reasons)
    assert found.runner_up is not None
    assert found.runner_up.probability <= found.confidence
    assert found.model_id == model().model_id


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("   \n\t ", id="blank"),
        pytest.param("\x00\x01\ufffd\ufffd\x07" * 50, id="bytes"),
        pytest.param("qzxv wvbk jjkq pwrt zzzq", id="letters"),
        pytest.param("プリンターが動きません。助けてください。", id="japanese"),
        pytest.param("Принтер не работает, помогите пожалуйста", id="russian"),
        pytest.param("Tulostimen mustekasetti on loppunut ja paperi juuttuu", id="finnish"),
        pytest.param("what should I cook for dinner tonight with chicken and rice", id="off-topic"),
    ],
)
def test_nonsense_goes_to_a_person(text: str) -> None:
    """Empty, random, foreign and off-topic mails are never routed."""
    [found] = model().predict([Document(subject="", text=text)])
    assert found.band is Band.HUMAN


def test_known_foreign_language_goes_to_a_person() -> None:
    """A mail the reader knows to be in an untrained language is not judged by its few loan words."""
    trained = replace(model(), scope=replace(model().scope, languages=("en",)))
    texts = [("en", Band.AUTOMATIC), ("da", Band.HUMAN), ("", Band.AUTOMATIC)]
    for language, band in texts:
        mail = Document(subject="toner", text="please help, toner does not work, also paper jam", language=language)
        assert trained.predict([mail])[0].band is band


def test_forbidden_tier_never_wins() -> None:
    """Every predicted tier is one the catalogue allows for the predicted category."""
    mails = [Document(subject=r.subject, text=r.text) for r in some_rows(30, seed=99)]
    for found in model().predict(mails):
        assert found.tier in TIERS[found.category]


@settings(max_examples=150)
@given(st.lists(st.builds(Document, subject=st.text(max_size=60), text=st.text(max_size=200)), max_size=4))
def test_any_documents(mails: list[Document]) -> None:
    """No content raises; order, length, closed labels and ranges hold."""
    found = model().predict(mails)
    assert len(found) == len(mails)
    for p in found:
        assert p.category in TOPICS
        assert CATALOGUE.find(p.category) is not None
        assert 0.0 <= p.confidence <= 1.0
        assert p.candidates[0].label == p.category


def test_batch_equals_single() -> None:
    """A mail's prediction does not depend on its neighbours."""
    mails = [Document(subject=r.subject, text=r.text) for r in some_rows(4, seed=5)]
    assert model().predict(mails) == [model().predict([m])[0] for m in mails]


def test_urgency_never_decides() -> None:
    """Urgency is a suggestion: no threshold lets it act."""
    head = next(h for h in model().heads if h.name == "urgency")
    assert all(t > 1 for t in head.thresholds)
