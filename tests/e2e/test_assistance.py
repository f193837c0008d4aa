"""What agents see of a new ticket beside the mail: solved tickets like it and the script; and a model on trial."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from classifier import artifact
from classifier.catalogue import Catalogue
from classifier.corpus import Row
from classifier.train import Recipe, train
from daemon import models
from tests.e2e.corpus import mixed
from tests.e2e.stage import Stage, wait_for
from tests.e2e.test_agents import AGENT, USER, received, send, words
from tests.unit.learning.corpora import mails

HELP, SALES = "help@desk.example", "sales@desk.example"
VPN = "The VPN tunnel drops every five minutes and I cannot reach the file server from home."
CANARY = "Tunnel of the xylophone committee"
FAST = Recipe(name="desk", costs=(1.0,), sharpness=(0.0,), blend=False, folds=3)
SCRIPT = """
[category.network]
script.en = ["Which place, which network?", "Since when, and for whom else?"]
[guards]
trusted_authserv_ids = ["mx.desk.example"]
"""


@pytest.fixture
def desk(stage: Stage) -> Stage:
    """A running desk with one agent, a script for network trouble, and a second desk."""
    text = stage.config.read_text().replace("[team.service-desk]\n", f'[team.service-desk]\nmembers = ["{AGENT}"]\n')
    stage.config.write_text(text + SCRIPT)
    stage.start()
    return stage


def team_mail(stage: Stage, subject: str):
    """The mail about a new ticket of that subject that went to the agent."""

    def mine():
        return [mail for mail in received(stage, AGENT, 0) if subject in str(mail["Subject"])]

    wait_for(mine, stage.tail)
    return mine()[-1]


def index(stage: Stage) -> int:
    done = stage.run("model", "index", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["tickets"]


def solve(stage: Stage, about, message_id: str) -> None:
    """The agent answers and closes by mail."""
    before = stage.count("SELECT count(*) FROM ticket WHERE status = 'solved'")
    to = about["Reply-To"].addresses[0].addr_spec
    send(stage, AGENT, to, "#close\n\nPlease reinstall the client.", message_id=message_id)
    wait_for(lambda: stage.count("SELECT count(*) FROM ticket WHERE status = 'solved'") == before + 1, stage.tail)


def test_solved_tickets_and_the_script_are_shown_to_the_team_alone(desk: Stage):
    """Solved, indexed, then a like mail: reference, subject, likeness; nothing to the requester or another desk."""
    send(desk, USER, HELP, VPN, message_id="<v1@campus.example>", subject=CANARY)
    first = team_mail(desk, CANARY)
    assert "Similar" not in words(first)
    assert "1. Which place, which network?" in words(first)
    solve(desk, first, "<c1@desk.example>")
    assert index(desk) == 1

    send(desk, "bo@other.example", HELP, f"Hello, {VPN} Thanks", message_id="<v2@other.example>", subject="VPN again")
    second = team_mail(desk, "VPN again")

    (line,) = [line for line in words(second).splitlines() if "Similar, solved" in line]
    assert "FL-1001 (" in line
    assert CANARY in line
    send(desk, "bo@other.example", SALES, f"Hello, {VPN} Thanks", message_id="<v3@other.example>", subject="VPN sold")
    desk.settle()
    evidence = [json.loads(row[0]) for row in desk.rows("SELECT evidence FROM inbound ORDER BY id")]
    said = {each["subject"]: each["prediction"] for each in evidence if "prediction" in each}
    assert said["VPN again"]["nearest"][0][0] == 1001
    assert said["VPN again"]["runner_up"]
    assert said["VPN sold"]["nearest"] == []
    for raw in desk.sink.to("bo@other.example"):
        assert b"xylophone" not in raw
        assert b"FL-1001" not in raw
    assert "like solved tickets: 1001" in desk.run("explain", "<v2@other.example>").stdout
    desk.audit()


def test_a_ticket_that_was_opened_again_is_no_longer_shown(desk: Stage):
    """The index is older than the ticket's state: the store decides what may be told."""
    send(desk, USER, HELP, VPN, message_id="<v1@campus.example>", subject=CANARY)
    solve(desk, team_mail(desk, CANARY), "<c1@desk.example>")
    assert index(desk) == 1
    answer = received(desk, USER, 2)[-1]
    to = answer["Reply-To"].addresses[0].addr_spec
    send(desk, USER, to, "Not solved.", message_id="<r@campus.example>", In_Reply_To=answer["Message-ID"])
    wait_for(lambda: desk.rows("SELECT status FROM ticket") == [("open",)], desk.tail)

    send(desk, "bo@other.example", HELP, VPN, message_id="<v2@other.example>", subject="VPN again")

    assert "Similar" not in words(team_mail(desk, "VPN again"))


def test_a_damaged_index_costs_no_mail(desk: Stage):
    """Cut while the daemon runs: mail is read without it, and the next good one is taken."""
    send(desk, USER, HELP, VPN, message_id="<v1@campus.example>", subject=CANARY)
    solve(desk, team_mail(desk, CANARY), "<c1@desk.example>")
    index(desk)
    (arrays,) = models.folder_of(desk.state).glob("similar/*/solved-*.npz")
    (head,) = models.folder_of(desk.state).glob("similar/*/index.json")
    arrays.write_bytes(arrays.read_bytes()[:-20])
    head.write_text(head.read_text() + " ")

    send(desk, "bo@other.example", HELP, VPN, message_id="<v2@other.example>", subject="VPN again")
    assert "Similar" not in words(team_mail(desk, "VPN again"))
    index(desk)
    send(desk, "cy@other.example", HELP, VPN, message_id="<v3@other.example>", subject="VPN third")
    assert "FL-1001" in words(team_mail(desk, "VPN third"))


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of this desk."""
    rows = [Row(subject=subject, text=body, category=label) for subject, body, label in mails(150)]
    model = train(rows, Catalogue.of(sorted({row.category for row in rows})), FAST).model
    path = tmp_path_factory.mktemp("models") / model.model_id
    artifact.save(model, path)
    return path


def test_a_model_in_the_shadow_says_and_decides_nothing(stage: Stage, candidate: Path):
    """Named while the daemon runs: stored beside the serving model's word; compared with corrections; then ended."""
    folder = models.folder_of(stage.state)
    shutil.copytree(candidate, folder / candidate.name)
    stage.start()
    samples = mixed(30)
    stage.send(samples[:10])
    stage.settle()
    assert stage.count("SELECT count(*) FROM inbound WHERE evidence LIKE '%\"shadow\"%'") == 0

    done = stage.run("model", "shadow", candidate.name)
    assert done.returncode == 0, done.stderr
    stage.send(samples[10:])
    stage.settle()

    evidence = [json.loads(row[0]) for row in stage.rows("SELECT evidence FROM inbound")]
    shadows = [each["shadow"] for each in evidence if "shadow" in each]
    assert len(shadows) == 14
    assert {each["model"] for each in shadows} == {candidate.name}
    used = {row[0] for row in stage.rows("SELECT DISTINCT model_id FROM ticket")}
    assert not [name for name in used if name == candidate.name]
    report = json.loads(stage.run("model", "shadow", "--report", "--json").stdout)
    assert (report["mails"], report["model"], report["labelled"]) == (14, candidate.name, 0)
    assert stage.run("model", "shadow", "--stop").returncode == 0
    stage.send(mixed(10, start=50))
    stage.settle()
    assert stage.count("SELECT count(*) FROM inbound WHERE evidence LIKE '%\"shadow\"%'") == 14
    stage.audit()
