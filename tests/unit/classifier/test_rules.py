"""The keyword rules: a start without a model, never sure of themselves."""

from __future__ import annotations

import pytest

from classifier import rules
from classifier.catalogue import DEFAULT, Catalogue, Category
from classifier.text import normalise
from classifier.types import Band, Classifier, Document

RULES = rules.default()


@pytest.mark.parametrize(
    ("text", "category"),
    [
        pytest.param("The printer has a paper jam", "printing", id="en"),
        pytest.param("Ich habe mein Passwort vergessen, Konto gesperrt", "access", id="de"),
        pytest.param("Mon imprimante ne marche pas, bourrage papier", "printing", id="fr"),
        pytest.param("El correo no llega a mi buzón", "email", id="es"),
        pytest.param("O telemóvel não tem sinal, cartão SIM", "telephony", id="pt"),
        pytest.param("Het scherm en het toetsenbord zijn stuk", "hardware", id="nl"),
        pytest.param("Ho bisogno di un preventivo e poi della fattura", "purchase", id="it"),
        pytest.param("Misstänkt nätfiske i min inkorg", "security", id="sv"),
    ],
)
def test_eight_languages(text: str, category: str) -> None:
    """A keyword of any template language suggests its category and shows itself as the reason."""
    [found] = RULES.predict([Document(subject="", text=text)])
    assert (found.category, found.band) == (category, Band.SUGGEST)
    assert found.reasons


def test_nothing_found_is_for_a_person() -> None:
    """Without a keyword the mail is for a person."""
    [found] = RULES.predict([Document(subject="Hello", text="Could you call me back?")])
    assert (found.category, found.band, found.abstained) == ("other", Band.HUMAN, True)


def test_overwhelming_keywords_route() -> None:
    """Four different keywords of one category and none of another are believed."""
    text = "The printer prints nothing: print queue is full, toner is new, the scanner works, no paper jam"
    assert RULES.predict([Document(subject="", text=text)])[0].band is Band.AUTOMATIC
    mixed = f"{text}, and the vpn is down"
    assert RULES.predict([Document(subject="", text=mixed)])[0].band is Band.SUGGEST


def test_own_catalogue() -> None:
    """A desk's own categories and keywords work alone, with their default tier."""
    desk = Catalogue(
        categories=(Category(id="payroll", keywords=("salary slip",), default_tier=2), Category(id="rest"))
    )
    own = rules.default(desk)
    [found] = own.predict([Document(subject="", text="My salary slip is wrong")])
    assert isinstance(own, Classifier)
    assert (found.category, found.tier) == ("payroll", 2)


def test_every_category_has_keywords_in_every_language() -> None:
    """The shipped list leaves no category but the last resort without words."""
    known = {c for found in RULES.phrases.values() for c in found}
    assert known == set(DEFAULT.ids) - {"other"}


def test_a_lead_is_strict() -> None:
    """Most different keywords lead; a tie, nothing, or fewer than asked do not."""
    text = normalise("Toner", "The printer shows a paper jam")
    assert RULES.leads(text) == "printing"
    assert RULES.leads(text, least=9) == ""
    assert RULES.leads(normalise("", "hello")) == ""
    assert RULES.leads(normalise("", "the printer and the vpn")) == ""


def test_bare_texts_need_more_keywords() -> None:
    """One keyword agrees with a written mail, not with a text that has lost capitals and punctuation."""
    text = normalise("", "toner")
    assert RULES.agrees(text, "printing", stripped=False)
    assert not RULES.agrees(text, "printing", stripped=True)
    assert not RULES.agrees(text, "network", stripped=False)
