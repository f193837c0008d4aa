"""Language detection."""

from __future__ import annotations

import pytest

from daemon.core.language import detect

OURS = ("en", "de", "fr", "es", "pt", "nl", "it", "sv")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("My laptop does not start since this morning, please help me.", "en"),
        ("Mein Drucker druckt seit heute Morgen nicht mehr, bitte um Hilfe.", "de"),
        ("Je ne peux plus me connecter au VPN depuis ce matin, pouvez-vous m'aider ?", "fr"),
        ("No puedo acceder a mi correo electrónico desde ayer por la tarde.", "es"),
        ("Não consigo imprimir nada desde ontem, podem ajudar-me por favor?", "pt"),
        ("Ik kan sinds vanochtend niet meer inloggen op mijn computer.", "nl"),
        ("Non riesco ad accedere alla posta elettronica da questa mattina.", "it"),
        ("Jag kan inte logga in på min dator sedan i morse, kan ni hjälpa mig?", "sv"),
        ("Nie mogę się zalogować do systemu od wczoraj, proszę o pomoc.", "pl"),
        ("У меня не работает принтер со вчерашнего дня, помогите пожалуйста.", "ru"),
        ("我的电脑从今天早上开始无法启动，请帮忙。", "zh"),
    ],
    ids=lambda value: value[:12],
)
def test_a_sentence_is_enough(text: str, language: str) -> None:
    """One sentence names its language, one of the desk's or not."""
    assert detect(text, OURS) == language


@pytest.mark.parametrize("text", ["", "ok", "VPN", "FL-1042", "https://example.org/a/b", "12345 67890", "help"])
def test_too_little_says_nothing(text: str) -> None:
    """A word or a number is not guessed from."""
    assert detect(text, OURS) == ""


def test_addresses_and_links_say_nothing() -> None:
    """Only words count."""
    assert detect("bitte@beispiel.de https://www.beispiel.de/hilfe/drucker/geht/nicht", OURS) == ""


def test_long_text_is_bounded() -> None:
    """A megabyte is read by its beginning."""
    assert (
        detect("The printer on the second floor has not printed since this morning, please help. " * 40_000, OURS)
        == "en"
    )
