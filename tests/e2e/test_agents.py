"""Agents by mail, through the running daemon: answers under the desk's name, orders with receipts, forgers fail."""

from __future__ import annotations

import email
import email.policy
import smtplib
from email.message import EmailMessage

import pytest

from tests.e2e.stage import Stage, wait_for

AGENT = "agent@desk.example"
USER = "ada@campus.example"
AUTH = "mx.desk.example; dmarc=pass header.from={domain}"


@pytest.fixture
def desk(stage: Stage) -> Stage:
    """A running desk with one agent and a trusted authserv-id."""
    text = stage.config.read_text().replace("[team.service-desk]\n", f'[team.service-desk]\nmembers = ["{AGENT}"]\n')
    stage.config.write_text(text + '\n[guards]\ntrusted_authserv_ids = ["mx.desk.example"]\n')
    stage.start()
    return stage


def send(stage: Stage, sender: str, to: str, body: str, *, proven: bool = True, **fields: str) -> None:
    """One mail as the MTA in front hands it in: with its own verdict on top when the sender was authentic."""
    mail = EmailMessage(policy=email.policy.SMTP)
    if proven:
        mail["Authentication-Results"] = AUTH.format(domain=sender.partition("@")[2])
    mail["From"], mail["To"] = sender, to
    mail["Subject"] = fields.pop("subject", "Locked out")
    mail["Message-ID"] = fields.pop("message_id")
    for name, value in fields.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(body)
    with smtplib.SMTP("127.0.0.1", stage.smtp_port, timeout=20) as client:
        client.sendmail(sender, [to], mail.as_bytes())


def received(stage: Stage, address: str, count: int) -> list[EmailMessage]:
    """The mails that arrived for `address`, once there are `count`."""
    wait_for(lambda: len(stage.sink.to(address)) >= count, stage.tail)
    return [email.message_from_bytes(raw, policy=email.policy.default) for raw in stage.sink.to(address)]


def words(mail: EmailMessage) -> str:
    return mail.get_body(("plain",)).get_content()


def test_an_agent_answers_closes_and_the_requester_reopens(desk: Stage):
    """Request → team mail → agent's reply → requester; then the requester's reply opens the ticket again."""
    send(desk, USER, "help@desk.example", "My account is locked.", message_id="<r1@campus.example>")
    (team,) = received(desk, AGENT, 1)

    send(
        desk,
        AGENT,
        team["Reply-To"].addresses[0].addr_spec,
        "#close unlocked\n#time 10m\n\nYour account is open again.\n\n-- \nAnna Agent, extension 4711\n",
        message_id="<a1@desk.example>",
        subject=f"Re: {team['Subject']}",
        In_Reply_To=team["Message-ID"],
    )
    _, answer = received(desk, USER, 2)
    _, receipt = received(desk, AGENT, 2)

    assert "Your account is open again." in words(answer)
    assert answer["From"].addresses[0].addr_spec == "help@desk.example"
    assert AGENT not in answer.as_string()
    assert "4711" not in answer.as_string()
    assert "#close" not in answer.as_string()
    assert "solved" in words(receipt)
    assert desk.rows("SELECT status FROM ticket") == [("solved",)]
    assert desk.rows("SELECT state FROM promise") == [("kept",)]

    send(
        desk,
        USER,
        answer["Reply-To"].addresses[0].addr_spec,
        "It is locked again.",
        message_id="<r2@campus.example>",
        In_Reply_To=answer["Message-ID"],
    )
    wait_for(lambda: desk.rows("SELECT status FROM ticket") == [("open",)], desk.tail)
    assert len(desk.sink.to(USER)) == 2
    desk.audit()


def test_a_forged_agent_with_a_real_token_changes_nothing(desk: Stage):
    """The token leaked, but the mail is not authentic: nothing goes out, nothing changes, the audit line is there."""
    send(desk, USER, "help@desk.example", "My account is locked.", message_id="<r1@campus.example>")
    (team,) = received(desk, AGENT, 1)

    send(
        desk,
        AGENT,
        team["Reply-To"].addresses[0].addr_spec,
        "#close\nClick on this link.",
        message_id="<evil@elsewhere.example>",
        proven=False,
    )
    desk.settle()

    assert desk.rows("SELECT status FROM ticket") == [("new",)]
    assert len(desk.sink.to(USER)) == 1
    assert desk.count("SELECT count(*) FROM journal WHERE name = 'agent.unproven'") == 1


def test_a_typo_reaches_nobody_but_the_agent(desk: Stage):
    """`#clsoe` stops the mail; the agent gets the list and can do it right; #undo takes it back."""
    send(desk, USER, "help@desk.example", "My account is locked.", message_id="<r1@campus.example>")
    (team,) = received(desk, AGENT, 1)
    token = team["Reply-To"].addresses[0].addr_spec

    send(desk, AGENT, token, "#clsoe\nDone.", message_id="<a1@desk.example>")
    _, complaint = received(desk, AGENT, 2)
    assert "there is no command #clsoe" in words(complaint)
    assert "#close" in words(complaint)

    send(desk, AGENT, token, "#category network\n#take", message_id="<a2@desk.example>")
    received(desk, AGENT, 3)
    assert desk.rows("SELECT category, assignee FROM ticket") == [("network", AGENT)]
    assert desk.rows("SELECT category, provenance, by_whom FROM label") == [("network", "agent", AGENT)]

    send(desk, AGENT, token, "#undo", message_id="<a3@desk.example>")
    received(desk, AGENT, 4)
    assert desk.rows("SELECT assignee FROM ticket") == [("",)]
    assert len(desk.sink.to(USER)) == 1


def test_an_agents_absence_note_never_reaches_the_requester(desk: Stage):
    """Auto-Submitted from an agent with token: filed on the ticket, not relayed, no receipt."""
    send(desk, USER, "help@desk.example", "My account is locked.", message_id="<r1@campus.example>")
    (team,) = received(desk, AGENT, 1)

    send(
        desk,
        AGENT,
        team["Reply-To"].addresses[0].addr_spec,
        "I am away until Monday.",
        message_id="<ooo@desk.example>",
        Auto_Submitted="auto-replied",
    )
    desk.settle()

    assert len(desk.sink.to(USER)) == 1
    assert len(desk.sink.to(AGENT)) == 1
