"""Commands in agents' mail: a strict grammar at the top, whole or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.command import VERBS, Command, Verb, read_orders
from daemon.core.manual import DOES, manual
from daemon.languages import LANGUAGES


def orders(text):
    return [(command.verb.value, command.argument) for command in read_orders(text).commands]


@pytest.mark.parametrize(
    ("line", "verb", "argument"),
    [
        ("#take", "take", ""),
        ("#Take", "take", ""),
        ("#assign second level", "assign", "second level"),
        ("#close", "close", ""),
        ("#close replaced the cable", "close", "replaced the cable"),
        ("#wait", "wait", "requester"),
        ("#wait 3d", "wait", "3d"),
        ("#wait Vendor", "wait", "vendor"),
        ("#category network", "category", "network"),
        ("#tier 2", "tier", "2"),
        ("#priority p1", "priority", "P1"),
        ("#priority 2", "priority", "P2"),
        ("#kind service request", "kind", "service_request"),
        ("#merge fl-1042", "merge", "FL-1042"),
        ("#time 15m", "time", "15"),
        ("#time 1h30m", "time", "90"),
        ("#time 2h", "time", "120"),
        ("#HILFE", "help", ""),
        ("#aide", "help", ""),
        ("#hjälp", "help", ""),
    ],
)
def test_a_verb_is_read_in_its_normal_form(line, verb, argument):
    """Case, spaces and units do not matter; the argument comes out in one form."""
    assert orders(line) == [(verb, argument)]
    assert read_orders(line).complaints == ()


@pytest.mark.parametrize(
    "line",
    [
        "#clsoe",
        "#tier nine",
        "#tier",
        "#time soon",
        "#time 0m",
        "#merge",
        "#merge 12",
        "#priority P9",
        "#assign",
        "#kind x",
    ],
)
def test_one_bad_line_is_a_complaint(line):
    """A typo never passes silently, and never becomes words for the requester."""
    found = read_orders(f"#take\n{line}\nHello, please restart it.")

    assert len(found.complaints) == 1
    assert found.complaints[0].line == line


def test_words_below_the_verbs_are_the_answer():
    """Verbs on top, blank lines between, then the answer with its own lines kept."""
    found = read_orders("\n#take\n\n#time 5m\n\nHello,\n\nplease restart.\n#close is what I would say\n")

    assert [command.verb for command in found.commands] == [Verb.TAKE, Verb.TIME]
    assert found.words == "Hello,\n\nplease restart.\n#close is what I would say"


@pytest.mark.parametrize("text", ["Hello\n#close", "#1 is the first point", "# heading", "#", "##close", "1. #close"])
def test_only_the_very_top_commands(text):
    """A hash later in the text, or one that begins no word, is text."""
    found = read_orders(text)

    assert found.commands == ()
    assert found.complaints == ()
    assert found.words == text


@pytest.mark.parametrize("text", ["#close\n#reopen", "#wait\n#spam", "#help\n#take", "#undo\n#close"])
def test_what_cannot_both_be_meant_is_a_complaint(text):
    """Two ends of a ticket, or a question together with an order, stop the mail."""
    assert read_orders(text).complaints


def test_the_manual_names_every_verb():
    """`#help` and the documentation come from the same table as the parser."""
    assert {usage.verb for usage in VERBS} == set(Verb)
    assert all(f"#{verb}" in manual() for verb in Verb)


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_the_manual_speaks_every_language(language):
    """Each verb is explained in each of the eight languages, under the forms that the parser reads."""
    assert set(DOES[language]) == set(Verb)
    assert all(len(words.strip()) > 5 for words in DOES[language].values())
    lines = manual(language).splitlines()
    assert [line.split("  ")[0] for line in lines] == [usage.form for usage in VERBS]
    assert lines != manual("en").splitlines()


@given(st.text(max_size=400))
def test_nothing_raises_and_no_word_is_lost(text):
    """Whatever is written, each line is a command, a complaint or part of the words."""
    found = read_orders(text)

    assert all(isinstance(command, Command) for command in found.commands)
    below = found.words.split("\n")
    said = [line.strip() for line in text.splitlines() if line.strip()]
    assert len(said) <= len(found.commands) + len(found.complaints) + len([line for line in below if line.strip()])


@given(st.lists(st.sampled_from([usage.form.split()[0] for usage in VERBS]), max_size=60), st.text(max_size=50))
def test_commands_are_bounded(verbs, tail):
    """Forty verbs are read, no more, however long the mail is."""
    found = read_orders("\n".join([*verbs, tail]))

    assert len(found.commands) + len(found.complaints) <= 41
