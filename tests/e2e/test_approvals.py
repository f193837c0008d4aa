"""Approvals by mail, through the running daemon: asked, decided by a click, told; forgers change nothing."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.e2e.conftest import MakeStage
from tests.e2e.stage import Stage, wait_for
from tests.e2e.test_agents import AGENT, received, send, words

BOSS, DEPUTY, USER = "boss@desk.example", "deputy@desk.example", "ada@campus.example"
REQUEST = "alpha, bravo, charlie and delta"
CONFIG = """
[guards]
trusted_authserv_ids = ["mx.desk.example"]
[tier.1]
calendar = "always"
[approver.boss]
title = "Head of Purchasing"
address = "boss@desk.example"
deputies = ["deputy"]
[approver.deputy]
title = "Deputy Head"
address = "deputy@desk.example"
[category.gear]
title = "Gear"
kind = "service_request"
keywords = ["alpha", "bravo", "charlie", "delta"]
approvers = ["boss"]
"""


@pytest.fixture
def desk(make_stage: MakeStage) -> Stage:
    """A running desk on which a word of the boss is needed for gear."""
    stage = make_stage(extra=CONFIG)
    text = stage.config.read_text().replace("[team.service-desk]\n", f'[team.service-desk]\nmembers = ["{AGENT}"]\n')
    stage.config.write_text(text)
    stage.start()
    send(stage, USER, "help@desk.example", REQUEST, message_id="<r1@campus.example>", subject="New gear")
    return stage


def click(mail, label: str) -> tuple[str, str]:
    """The address and the text that a one-click link writes."""
    found = re.search(rf"{label}[^\n]*\n\s*(mailto:\S+)", words(mail))
    assert found, words(mail)
    link = urlsplit(found[1])
    return unquote(link.path), parse_qs(link.query)["body"][0]


def approvals(stage: Stage) -> list[tuple]:
    return stage.rows("SELECT slot, person, state, reason FROM approval ORDER BY asked_at, person")


def test_one_click_approves_and_everybody_is_told(desk: Stage):
    """Request → the approver's mail → his click → requester and team know; the solution's clock goes on."""
    (acknowledgment,) = received(desk, USER, 1)
    (asked,) = received(desk, BOSS, 1)
    assert "needs an approval first (Head of Purchasing)" in words(acknowledgment)
    assert "charlie and delta" in words(asked)
    assert USER in words(asked)
    turns = "SELECT facts FROM journal WHERE name = 'clock.turned' AND facts LIKE '%resolution%' ORDER BY id"
    assert ['"turn":"pause"' in facts.replace(" ", "") for (facts,) in desk.rows(turns)] == [False, True]

    to, body = click(asked, "Approve")
    send(desk, BOSS, to, body, message_id="<y1@desk.example>", subject="Re: New gear")

    _, told = received(desk, USER, 2)
    _, recorded = received(desk, BOSS, 2)
    assert "has been approved" in words(told)
    assert "approved" in words(recorded)
    assert approvals(desk) == [("boss", BOSS, "approved", "")]
    assert desk.rows("SELECT status FROM ticket") == [("new",)]
    assert '"resume"' in desk.rows(turns)[-1][0]
    wait_for(lambda: any("#approve" in words(mail) for mail in received(desk, "team@desk.example", 1)), desk.tail)
    desk.audit()


def test_a_denial_says_why_and_solves(desk: Stage):
    """`#deny` with words: the requester reads the reason, the ticket is solved, the promise is kept."""
    (asked,) = received(desk, BOSS, 1)
    to, _ = click(asked, "Deny")
    send(desk, BOSS, to, "#deny no budget before spring", message_id="<n1@desk.example>")

    _, told = received(desk, USER, 2)
    assert "was not approved. The reason given: no budget before spring" in " ".join(words(told).split())
    assert approvals(desk) == [("boss", BOSS, "denied", "no budget before spring")]
    assert desk.rows("SELECT status FROM ticket") == [("solved",)]
    assert desk.rows("SELECT state FROM promise") == [("kept",)]


@pytest.mark.parametrize(
    ("sender", "token", "proven"),
    [(BOSS, True, False), ("eve@desk.example", True, True), (BOSS, False, True)],
    ids=["token-without-proof", "somebody-elses-token", "proof-without-token"],
)
def test_a_forged_approver_changes_nothing(desk: Stage, sender: str, token: bool, proven: bool):
    """The right words from the wrong hand: the approval stands as it stood."""
    (asked,) = received(desk, BOSS, 1)
    to, body = click(asked, "Approve")
    send(
        desk,
        sender,
        to if token else "help@desk.example",
        body,
        message_id="<evil@elsewhere.example>",
        proven=proven,
        subject="Re: [FL-1001] New gear",
        In_Reply_To=asked["Message-ID"],
    )
    desk.settle()

    assert approvals(desk) == [("boss", BOSS, "asked", "")]
    assert len(desk.sink.to(BOSS)) == 1


def test_an_absence_note_brings_in_the_deputy(desk: Stage):
    """The approver is away: his deputy gets it at once and may decide; the note itself decides nothing."""
    (asked,) = received(desk, BOSS, 1)
    send(
        desk,
        BOSS,
        asked["Reply-To"].addresses[0].addr_spec,
        "#approve everything, I am away",
        message_id="<away@desk.example>",
        Auto_Submitted="auto-replied",
    )
    (stand_in,) = received(desk, DEPUTY, 1)
    assert "as a deputy" in words(stand_in)
    assert "charlie and delta" in words(stand_in)
    assert [state for _, _, state, _ in approvals(desk)] == ["asked", "asked"]

    to, body = click(stand_in, "Approve")
    send(desk, DEPUTY, to, body, message_id="<y1@desk.example>")
    received(desk, USER, 2)
    assert approvals(desk) == [("boss", BOSS, "void", ""), ("boss", DEPUTY, "approved", "")]


def test_words_that_decide_nothing_are_for_the_team(desk: Stage):
    """The approver asks a question: a note that the team reads; the requester hears nothing of it."""
    (asked,) = received(desk, BOSS, 1)
    send(desk, BOSS, asked["Reply-To"].addresses[0].addr_spec, "Is this in the plan?", message_id="<q@desk.example>")

    wait_for(lambda: any("in the plan" in words(mail) for mail in received(desk, AGENT, 1)), desk.tail)
    assert approvals(desk) == [("boss", BOSS, "asked", "")]
    assert len(desk.sink.to(USER)) == 1
    assert desk.count("SELECT count(*) FROM entry WHERE kind = 'note'") == 1
