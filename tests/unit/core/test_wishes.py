"""What is a wish and what is a mail for a person: in eight languages, whole texts only."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.wishes import Wish, read_wish

CLOSE = {
    "en": (
        "Solved, thanks",
        "solved thanks!",
        "It works now. Thank you so much!\n\nBest regards\nAnna Berg",
        "Hi Anna, the problem is solved, you can close the ticket. Thanks!",
        "Please close this ticket.",
        "All good now, thank you very much for your help.",
        "This can be closed.",
        "Fixed. 👍",
    ),
    "de": (
        "erledigt, danke!",
        "Hallo,\n\nhat sich erledigt, vielen Dank für die schnelle Hilfe.\n\nViele Grüße\nAnna",
        "Es funktioniert jetzt wieder, danke.",
        "Das Ticket kann geschlossen werden.",
        "Problem gelöst, danke",
        "Danke, geht wieder.",
        "Sie können das Ticket schließen. Mit freundlichen Grüßen\nJörg Müller",
    ),
    "fr": (
        "Problème résolu, merci !",
        "C'est réglé, merci beaucoup",
        "Bonjour,\n\nça marche maintenant, merci pour votre aide.\n\nCordialement\nLuc Petit",
        "Vous pouvez fermer le ticket.",
        "C’est bon, merci",
    ),
    "es": (
        "Resuelto, gracias",
        "Ya funciona. Muchas gracias por la ayuda",
        "Hola,\n\nel problema está solucionado.\n\nUn saludo\nAna",
        "Pueden cerrar el caso, por favor",
    ),
    "pt": (
        "Resolvido, obrigada!",
        "Já funciona, obrigado pela ajuda",
        "O problema foi resolvido. Obrigado!",
        "Podem fechar o pedido",
    ),
    "nl": (
        "Opgelost, bedankt!",
        "Het werkt weer, dank u wel",
        "Het probleem is opgelost.",
        "Dit ticket mag gesloten worden",
    ),
    "it": ("Risolto, grazie", "Ora funziona, grazie mille", "Il problema è risolto.", "Potete chiudere il ticket"),
    "sv": ("Löst, tack!", "Det funkar nu, tack för hjälpen", "Problemet är löst.", "Ni kan stänga ärendet"),
}
STATUS = {
    "en": (
        "status?",
        "Status please",
        "Any news?",
        "What is the status of my request?",
        "Hello,\nany update?\nThanks\nJo",
    ),
    "de": ("Stand?", "Wie ist der Stand?", "Gibt es Neuigkeiten?", "Wie ist der aktuelle Status bitte?"),
    "fr": ("Des nouvelles ?", "Où en est ma demande ?", "Quel est l'état de ma demande ?"),
    "es": ("¿Alguna novedad?", "¿Cómo va mi solicitud?", "¿Cuál es el estado?"),
    "pt": ("Alguma novidade?", "Qual é o estado do meu pedido?", "Há novidades?"),
    "nl": ("Wat is de status?", "Is er al nieuws?", "Hoe staat het ermee?"),
    "it": ("Ci sono novità?", "A che punto siete?", "Qual è lo stato della mia richiesta?"),
    "sv": ("Hur går det?", "Finns det något nytt?", "Vad är statusen?"),
}
NOT = (
    "Solved, thanks, but the printer is still slow",
    "not solved",
    "Solved? I do not think so.",
    "It is solved only on my laptop",
    "It would be solved if you called me",
    "Solved the first part, the second one is open",
    "thanks it is broken again",
    "It works on Mondays",
    "Please close the window in room 4",
    "Das Problem ist noch nicht gelöst",
    "Erledigt ist das leider nicht",
    "Danke, aber es geht nicht",
    "Es funktioniert wieder nicht",
    "Bitte schließen Sie mein Konto an das Netz an",
    "Le problème n'est pas résolu",
    "Résolu mais l'imprimante ne marche pas",
    "Ce n'est pas encore réglé",
    "No está resuelto",
    "Ya funciona, pero muy lento",
    "Ainda não está resolvido",
    "Resolvido, mas voltou",
    "Het is nog niet opgelost",
    "Opgelost, maar de printer niet",
    "Non è risolto",
    "Risolto, ma non del tutto",
    "Det är inte löst",
    "Löst, men skrivaren fungerar inte",
    "My account is locked.",
    "Status of the printer in room 4 is red",
    "The status page is down",
    "Ja",
    "yes",
    "ok?",
    "Fixed 2 of 3",
    "",
    " \n\n",
    "Anna",
)


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in CLOSE.items() for text in texts])
def test_it_is_solved(code: str, text: str) -> None:
    """Said with greeting, thanks and name, and whatever language the ticket has."""
    assert read_wish(text, code) is Wish.CLOSE
    assert read_wish(text) is Wish.CLOSE


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in STATUS.items() for text in texts])
def test_how_does_it_stand(code: str, text: str) -> None:
    """A question about the state and nothing else."""
    assert read_wish(text, code) is Wish.STATUS


@pytest.mark.parametrize("text", NOT)
def test_everything_else_is_for_a_person(text: str) -> None:
    """A doubt, a condition, a second thing, a number, a bare yes: no wish."""
    assert read_wish(text) is None


@pytest.mark.parametrize(
    "text", ["yes", "Ja, bitte", "oui, merci", "Sí, gracias", "sim", "ja graag", "Sì", "Ja tack", "OK."]
)
def test_yes_means_something_only_as_an_answer(text: str) -> None:
    """Behind a question of ours."""
    assert read_wish(text) in {None, Wish.THANKS}
    assert read_wish(text, answer=True) is Wish.YES


@pytest.mark.parametrize("text", ["no", "Nein", "yes?", "yes, but not today", "Ja, aber erst morgen"])
def test_no_is_no_yes(text: str) -> None:
    """Nothing that takes it back closes anything."""
    assert read_wish(text, answer=True) is None


@pytest.mark.parametrize(
    "text", ["thanks", "Vielen Dank!", "Merci beaucoup\n\nLuc", "muchas gracias", "Tack för hjälpen"]
)
def test_thanks_alone(text: str) -> None:
    """Known, because they must not open a solved ticket again."""
    assert read_wish(text) is Wish.THANKS


@given(st.text(max_size=400), st.booleans())
def test_any_text_is_read(text: str, answer: bool) -> None:
    """Never an error, always in time."""
    read_wish(text, answer=answer)


@pytest.mark.parametrize(
    "text", ["a " * 120, "the the " * 30, "thanks for " * 20, "is solved " * 24, "ja " * 80, "status of " * 24]
)
def test_reading_is_quick(text: str) -> None:
    """The longest text that is looked at costs milliseconds, whatever it repeats."""
    started = time.process_time()
    for _ in range(10):
        read_wish(text, answer=True)
    assert time.process_time() - started < 1.0
