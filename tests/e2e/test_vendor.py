"""The supplier behind a tier, through the running daemon: handed over by an order, answered, no loop."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.e2e.conftest import MakeStage
from tests.e2e.stage import Stage, wait_for
from tests.e2e.test_agents import AGENT, received, send, words

USER, NOC, ENGINEER = "ada@campus.example", "noc@fiber.example", "kim@fiber.example"
CONFIG = """
[guards]
trusted_authserv_ids = ["mx.desk.example"]
[tier.4]
calendar = "always"
supplier = "fiber"
[supplier.fiber]
title = "Statewide Fiber"
address = "noc@fiber.example"
contract = "UC-2026-17"
calendar = "always"
first_response = { P1 = "30m", P2 = "2h", P3 = "8h", P4 = "24h" }
resolution = { P1 = "8h", P2 = "24h", P3 = "72h", P4 = "168h" }
pauses = true
"""


@pytest.fixture
def desk(make_stage: MakeStage) -> Stage:
    stage = make_stage(extra=CONFIG)
    text = stage.config.read_text().replace("[team.service-desk]\n", f'[team.service-desk]\nmembers = ["{AGENT}"]\n')
    stage.config.write_text(text)
    stage.start()
    send(stage, USER, "help@desk.example", "The line to building 7 is dead.", message_id="<r1@campus.example>")
    return stage


def order(stage: Stage, text: str, number: int) -> None:
    (team, *_) = received(stage, AGENT, 1)
    send(stage, AGENT, team["Reply-To"].addresses[0].addr_spec, text, message_id=f"<a{number}@desk.example>")


def turns(stage: Stage, clock: str) -> list[str]:
    found = f"SELECT facts FROM journal WHERE name = 'clock.turned' AND facts LIKE '%\"{clock}\"%' ORDER BY id"
    return [facts.split('"turn":')[1].split('"')[1] for (facts,) in stage.rows(found)]


def an_hour_passes(stage: Stage) -> None:
    """What was handed over was handed over an hour ago: a person had time to read it."""
    with closing(sqlite3.connect(stage.database, timeout=20)) as store:
        store.execute("UPDATE participant SET since = since - 3600000000 WHERE role = 'supplier'")
        store.commit()


def test_the_supplier_gets_the_request_and_its_answers_stay_inside(desk: Stage):
    """#tier 4 → hand-over with both references; robot's note, then a colleague by their own number; nothing outside."""
    order(desk, "We restarted the router.", 1)
    received(desk, USER, 2)
    order(desk, "#tier 4\n#note\nblame the weather", 2)
    (handed,) = received(desk, NOC, 1)

    said = words(handed)
    assert "UC-2026-17" in said
    assert "FL-1001" in said
    assert "building 7 is dead" in said
    assert "We restarted the router." in said
    assert "weather" not in said
    assert USER not in handed.as_string()
    assert handed["Auto-Submitted"] is None
    assert turns(desk, "vendor_response") == ["start"]

    heard = len(desk.sink.to(AGENT))
    send(
        desk,
        NOC,
        handed["Reply-To"].addresses[0].addr_spec,
        "Thank you, we opened a case.",
        message_id="<auto@fiber.example>",
        subject="[FIBER-4711] Case opened: Locked out",
        Auto_Submitted="auto-replied",
    )
    desk.settle()
    assert turns(desk, "vendor_response") == ["start"]
    assert len(desk.sink.to(NOC)) == 1
    assert len(desk.sink.to(AGENT)) == heard

    an_hour_passes(desk)
    send(
        desk,
        ENGINEER,
        "help@desk.example",
        "A digger cut the cable; tonight it is spliced.",
        message_id="<e1@fiber.example>",
        subject="[FIBER-4711] Case updated",
    )
    wait_for(lambda: turns(desk, "vendor_response") == ["start", "stop"], desk.tail)
    wait_for(lambda: any("digger" in words(mail) for mail in received(desk, AGENT, heard + 1)), desk.tail)
    assert turns(desk, "vendor_resolution") == ["start"]
    assert desk.count("SELECT count(*) FROM ticket") == 1
    assert not any(b"digger" in raw for raw in desk.sink.to(USER))
    assert len(desk.sink.to(NOC)) == 1
    desk.audit()


def test_an_answer_that_is_too_quick_is_no_answer(desk: Stage):
    """A ticket system that marks nothing: its note is filed and read, the supplier still owes the answer."""
    order(desk, "#tier 4\n#wait vendor", 1)
    (handed,) = received(desk, NOC, 1)
    send(
        desk,
        NOC,
        handed["Reply-To"].addresses[0].addr_spec,
        "We have received your mail.",
        message_id="<auto@fiber.example>",
        subject="Re: [FL-1001] Locked out (Case 00123456)",
        In_Reply_To=handed["Message-ID"],
    )
    desk.settle()

    assert turns(desk, "vendor_response") == ["start"]
    assert turns(desk, "resolution")[-1] == "pause"
    assert desk.rows("SELECT status FROM ticket") == [("waiting",)]
    assert desk.count("SELECT count(*) FROM message_ref WHERE message_id = 'supplier:fiber:00123456'") == 1
    assert len(desk.sink.to(NOC)) == 1


def test_their_number_from_an_unproven_sender_opens_nothing_of_ours(desk: Stage):
    """Numbers can be guessed: without proof of the domain it is a new request of a stranger."""
    order(desk, "#tier 4", 1)
    (handed,) = received(desk, NOC, 1)
    reply_to = handed["Reply-To"].addresses[0].addr_spec
    send(desk, NOC, reply_to, "ok", message_id="<m1@fiber.example>", subject="[FIBER-4711] ok")
    desk.settle()
    an_hour_passes(desk)
    send(
        desk,
        ENGINEER,
        "help@desk.example",
        "Solved, close it.",
        message_id="<evil@fiber.example>",
        subject="[FIBER-4711] solved",
        proven=False,
    )
    desk.settle()

    assert desk.count("SELECT count(*) FROM ticket") == 2
    assert turns(desk, "vendor_response") == ["start"]
