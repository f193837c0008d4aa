"""What stands below the writer's words."""

from __future__ import annotations

import time

import pytest

from daemon.core.signature import is_disclaimer, is_mobile_signature, signature_start

LEGAL = "This e-mail is confidential. If you are not the intended recipient, notify the sender and delete it."


@pytest.mark.parametrize(
    "line",
    [
        "Sent from my colleague's computer, and it had no attachment. Why?",
        "Sent from my colleague's computer",
        "Scarica il file sul telefono e poi si blocca",
        "Die Mail wurde vom Handy gesendet",
        "I use K-9 Mail",
        "",
    ],
)
def test_sentences_are_no_phones_signature(line: str) -> None:
    """A sentence of the writer stays, whatever it begins with."""
    assert not is_mobile_signature(line)


@pytest.mark.parametrize(
    "text",
    [
        LEGAL,
        "CONFIDENTIALITY NOTICE: This transmission is intended for the addressee; if received in error, delete it.",
        "The information in this message is privileged and intended only for the addressee. Notify us if not.",
    ],
)
def test_disclaimers(text: str) -> None:
    """Legal text that speaks of itself, of confidence and of the wrong reader."""
    assert is_disclaimer(text)


@pytest.mark.parametrize(
    "text",
    [
        "This e-mail with confidential data went to the wrong recipient by error, please help me delete it at once.",
        "The recipient got a confidential message in error and asks whether to delete it or to notify somebody.",
        "This message appears when the addressee is unknown: the mail was not delivered, please check the server.",
        "Confidential.",
    ],
)
def test_words_about_confidence_are_the_writers(text: str) -> None:
    """People write to a help desk about mails that went astray."""
    assert not is_disclaimer(text)


@pytest.mark.parametrize(
    ("lines", "start"),
    [
        (["Hi", "", LEGAL], 2),
        (["Hi", "Jo", LEGAL], 2),
        (["Hi", "", "Sent from my iPhone", "", LEGAL], 2),
        (["Hi", "-- ", "Jo", "", LEGAL], 1),
        (["Hi", "", LEGAL, "", "Please call."], 5),
        (["Hi", ""], 2),
    ],
    ids=["below", "below a name", "below a phone's line", "below a signature", "words below it", "nothing"],
)
def test_where_the_words_end(lines: list[str], start: int) -> None:
    """Only the end of a passage is cut, and only as far as it is known."""
    assert signature_start(lines, 0, len(lines)) == start


@pytest.mark.parametrize("piece", ["Sent from my ", "This e-mail ", f"{LEGAL}\n", "confidential recipient ", "--\n"])
def test_hostile_endings_are_linear(piece: str) -> None:
    """200 kB of any repeated piece take no more than a moment (asserted loosely)."""
    lines = (piece * 200_000)[:200_000].split("\n")
    started = time.process_time()

    signature_start(lines, 0, len(lines))

    assert time.process_time() - started < 3
