"""Answers written between the lines of our letter, in a program that quotes without marks, are read as answers."""

from __future__ import annotations

import re

import pytest

from daemon.core.markup import read_html
from tests.conversations.world import AGENT, JO, Letter, World, letter_for

QUESTION = (
    "Which printer is it?\n\nHave you tried to switch it off and on again as the sheet on its lid says?\n\n"
    "When shall we come to look at it?"
)


def outlook(letter: Letter, answers: dict[str, str], *, form: str) -> str:
    """The letter as Outlook quotes it, with words typed below some of its lines."""
    lines = ["", "________________________________", f"From: Example Help Desk <{letter.reply_to}>"]
    lines += ["Sent: Monday, November 23, 2026 10:00", f"To: Jo Doe <{JO}>", f"Subject: {letter.mail['Subject']}", ""]
    for line in letter.words.splitlines():
        shown = [line.strip()]
        if form == "split rows" and line.startswith("  ") and ": " in line:
            shown = line.strip().split(": ", 1)
        elif form == "wrapped":
            shown = re.findall(r".{1,45}(?:\s|$)", line) or [""]
        lines += [each.strip() for each in shown]
        lines += [answers[key] for key in answers if key in line]
    return "\n".join(lines)


def written(world: World) -> str:
    return world.one("SELECT text FROM entry ORDER BY id DESC LIMIT 1")


@pytest.mark.parametrize("form", ["as it is", "split rows", "wrapped"])
def test_answers_between_the_lines_of_an_agents_letter(world: World, form: str) -> None:
    """Every typed word is kept, and our own words are not taken for the requester's."""
    team = world.request(JO)
    answer = letter_for(JO, world.order(QUESTION, team))

    typed = {"Which printer": "The one on floor two.", "switch it off": "Yes, twice.", "When shall": "Now, please."}
    world.send(JO, outlook(answer, typed, form=form), to=answer.reply_to, answers=answer, subject="RE: Printer")

    assert written(world).split() == ["The", "one", "on", "floor", "two.", "Yes,", "twice.", "Now,", "please."]


@pytest.mark.parametrize("form", ["as it is", "split rows", "wrapped"])
def test_an_acknowledgment_quoted_whole_is_not_the_writers(world: World, form: str) -> None:
    """The usual reply: words on top, our letter below."""
    acknowledged = letter_for(JO, world.send(JO, "It does not print."))

    text = "It is printer 7." + outlook(acknowledged, {}, form=form)
    world.send(JO, text, to=acknowledged.reply_to, answers=acknowledged, subject="RE: Printer")

    assert written(world) == "It is printer 7."


def test_an_agents_answers_between_the_lines_of_a_request(world: World) -> None:
    """The letter to the team is known too: what an agent types into it goes to the requester."""
    team = world.request(JO, "Where do I find the new form for travel costs?\n\nAnd who has to sign it then?")

    typed = {"Where do I": "On the first page of the intranet.", "And who": "Your supervisor."}
    answer = letter_for(JO, world.order(outlook(team, typed, form="as it is"), team))

    assert "On the first page of the intranet." in answer.words
    assert "Your supervisor." in answer.words
    assert "Where do I find" not in answer.words


def test_a_letter_is_known_by_its_signed_identifier_only(world: World) -> None:
    """Whoever forges or guesses an identifier is not compared with anything of ours."""
    team = world.request(JO)
    answer = letter_for(JO, world.order(QUESTION, team))
    forged = str(answer.mail["Message-ID"]).replace(".1@", ".2@")

    world.send("eve@evil.example", outlook(answer, {}, form="as it is"), answers=forged, subject="RE: Printer")

    assert world.one("SELECT count(*) FROM entry WHERE author = 'eve@evil.example' AND ticket_id = 1001") == 0
    assert AGENT not in written(world)


@pytest.mark.parametrize("form", ["as it is", "cells", "tabs", "rows apart", "with links"])
def test_nothing_of_the_letter_to_the_team_reaches_the_requester(world: World, form: str) -> None:
    """An agent writes on top and his program quotes our letter, set from its HTML, without marks: his words go out."""
    team = world.request(JO, "Where do I find the new form for travel costs?\n\nAnd who has to sign it then?")
    html = team.mail.get_body(("html",)).get_content()
    set_ = [line.text for line in read_html(html, limit=100_000)] if form != "as it is" else team.words.splitlines()
    between = {"tabs": "\t", "rows apart": "\n\n"}.get(form)
    lines = [line.replace(" | ", between) if between else line for line in set_]
    lines[1:1] = ["Like solved tickets - FL-77: SECRET", "of somebody else"]  # as no program of ours has written it
    if form == "with links":
        lines = [line.replace(JO, f"{JO}<mailto:{JO}>") for line in lines]
    head = [
        "It is on page one.",
        "",
        "From: Example Help Desk <help@example.com>",
        "Sent: Monday, 10:00",
        f"To: {AGENT}",
    ]

    told = world.order("\n".join([*head, f"Subject: {team.mail['Subject']}", "", *lines]), team)

    answer = letter_for(JO, told)
    assert answer.words.split("Example Help Desk")[0].split() == ["It", "is", "on", "page", "one."]


def test_a_letter_to_the_team_that_cannot_be_told_apart_stops_the_mail(world: World) -> None:
    """Quoted without any sign and unlike what we wrote: nothing goes out, the agent reads why."""
    team = world.request(JO)
    words = " / ".join(team.words.split())

    told = world.order(f"Please see here {words}", team)

    assert [each.to for each in told] == [AGENT]
    assert "could not be told from your words" in told[0].words
