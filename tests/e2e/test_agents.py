"""Agents by mail, through the running daemon: answers under the desk's name, orders with receipts, forgers fail."""

from __future__ import annotations

import email
import email.policy
import smtplib
from email.message import EmailMessage

import pytest

from tests.e2e.conftest import MakeStage
from tests.e2e.stage import Stage, wait_for

AGENT = "agent@desk.example"
SECOND = "dora@desk.example"
USER = "ada@campus.example"
AUTH = "mx.desk.example; dmarc=pass header.from={domain}"


@pytest.fixture
def desk(make_stage: MakeStage) -> Stage:
    """A running desk with two agents and a trusted authserv-id."""
    stage = make_stage()
    members = f'[team.service-desk]\nmembers = ["{AGENT}", "{SECOND}"]\n'
    text = stage.config.read_text().replace("[team.service-desk]\n", members)
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


def test_orders_of_every_kind_by_mail(desk: Stage):
    """Forwarded outside, the answer a note; a mail split off and joined again; merged, parted, linked."""
    send(desk, USER, "help@desk.example", "My account is locked: CANARYONE.", message_id="<r1@campus.example>")
    (first,) = received(desk, AGENT, 1)
    token = first["Reply-To"].addresses[0].addr_spec

    send(desk, AGENT, token, "#forward vic@vendor.example\nCan you see it?", message_id="<a1@desk.example>")
    (asked,) = received(desk, "vic@vendor.example", 1)
    received(desk, AGENT, 2)
    assert "CANARYONE" in words(asked)
    assert "Can you see it?" in words(asked)
    outside = asked["Reply-To"].addresses[0].addr_spec
    send(desk, "vic@vendor.example", outside, "CANARYTWO: no.", message_id="<v1@vendor.example>", Cc="eve@evil.example")
    _, _, note = received(desk, AGENT, 3)
    assert "CANARYTWO" in words(note)

    send(
        desk, USER, "help@desk.example", "My mouse is dead as well.", message_id="<r2@campus.example>",
        In_Reply_To="<r1@campus.example>", subject="Mouse",
    )  # fmt: skip
    follow = received(desk, AGENT, 4)[3]
    send(desk, AGENT, token, "#split", message_id="<a2@desk.example>", In_Reply_To=follow["Message-ID"])
    receipt, split = sorted(received(desk, AGENT, 6)[4:], key=lambda mail: "My mouse" in words(mail))
    assert "new ticket: FL-1002" in words(receipt)
    send(desk, AGENT, split["Reply-To"].addresses[0].addr_spec, "A new one comes.", message_id="<a3@desk.example>")
    answers = received(desk, USER, 2)
    assert answers[1]["In-Reply-To"] == "<r2@campus.example>"
    send(desk, AGENT, receipt["Reply-To"].addresses[0].addr_spec, "#undo", message_id="<a4@desk.example>")
    assert "FL-1002 is joined with this one again" in words(received(desk, AGENT, 7)[6])

    send(desk, "bob@campus.example", "help@desk.example", "Mine is locked too.", message_id="<b1@campus.example>")
    other = received(desk, AGENT, 8)[7]["Reply-To"].addresses[0].addr_spec
    send(desk, AGENT, other, "#merge FL-1001\n#link FL-1002", message_id="<a5@desk.example>")
    merged = received(desk, AGENT, 9)[8]
    assert "merged_into: - → FL-1001" in words(merged)
    assert desk.rows("SELECT merged_into FROM ticket WHERE id = 1003") == [(1001,)]
    send(desk, AGENT, merged["Reply-To"].addresses[0].addr_spec, "#undo", message_id="<a6@desk.example>")
    received(desk, AGENT, 10)
    assert desk.rows("SELECT status, merged_into FROM ticket WHERE id = 1003") == [("new", None)]
    assert desk.rows("SELECT * FROM ticket_link") == []

    seen = {address: b"".join(desk.sink.to(address)) for address in (USER, "bob@campus.example", "eve@evil.example")}
    assert not [address for address, raw in seen.items() if b"CANARY" in raw]
    desk.audit()


def test_a_second_agents_answer_is_held_back(desk: Stage):
    """The first answer goes out; the second agent is told; #send sends his as well."""
    send(desk, USER, "help@desk.example", "My account is locked.", message_id="<r1@campus.example>")
    (team,) = received(desk, AGENT, 1)
    (theirs,) = received(desk, SECOND, 1)
    second = theirs["Reply-To"].addresses[0].addr_spec

    send(desk, AGENT, team["Reply-To"].addresses[0].addr_spec, "It is open.", message_id="<a1@desk.example>")
    received(desk, USER, 2)
    send(desk, SECOND, second, "I have opened it.", message_id="<d1@desk.example>")
    told = received(desk, SECOND, 2)[1]
    assert f"{AGENT} answered" in words(told)
    assert len(desk.sink.to(USER)) == 2

    send(desk, SECOND, second, "#send\nI have opened it.", message_id="<d2@desk.example>")
    assert "I have opened it." in words(received(desk, USER, 3)[2])


def test_a_reply_all_storm_is_one_ticket(desk: Stage):
    """500 in Cc, a hundred of whom answer all: one ticket, one acknowledgment, nothing to any of them."""
    crowd = [f"s{number}@campus.example" for number in range(500)]
    cc = ", ".join(crowd)
    send(desk, USER, "help@desk.example", "The network is down.", message_id="<r1@campus.example>", Cc=cc)
    received(desk, USER, 1)

    for number, person in enumerate(crowd[:100]):
        send(
            desk, person, "help@desk.example", f"Please take me off this list, {number}.", Cc=cc,
            subject="Re: Locked out", message_id=f"<s{number}@campus.example>", In_Reply_To="<r1@campus.example>",
        )  # fmt: skip
    desk.settle()

    assert desk.count("SELECT count(*) FROM ticket") == 1
    assert desk.count("SELECT count(*) FROM entry") == 101
    assert desk.count("SELECT count(*) FROM outbox WHERE kind = 'ack'") == 1
    assert {to for _, to, _ in desk.sink.mails} == {USER, AGENT, SECOND}
    desk.audit()


def test_answers_between_the_lines_of_our_letter(desk: Stage):
    """A program that quotes without marks: what the requester typed between our lines is read, our lines are not."""
    send(desk, USER, "help@desk.example", "My account is locked.", message_id="<r1@campus.example>")
    (team,) = received(desk, AGENT, 1)
    send(
        desk, AGENT, team["Reply-To"].addresses[0].addr_spec,
        "Which account is it, the one for mail?\n\nSince when have you not been able to log in?",
        message_id="<a1@desk.example>",
    )  # fmt: skip
    _, question = received(desk, USER, 2)
    lines = ["From: Example Help Desk <help@desk.example>", "Sent: Monday, 23 November 2026 10:00", f"To: {USER}"]
    lines += [f"Subject: {question['Subject']}", ""]
    for line in words(question).splitlines():
        lines.append(line.strip())
        lines += (
            ["The mail one."] if line.startswith("Which") else ["Since Friday."] if line.startswith("Since") else []
        )

    send(
        desk, USER, question["Reply-To"].addresses[0].addr_spec, "\n".join(lines), message_id="<r2@campus.example>",
        In_Reply_To=question["Message-ID"], subject=f"RE: {question['Subject']}",
    )  # fmt: skip
    wait_for(lambda: desk.count("SELECT count(*) FROM entry") == 3, desk.tail)

    assert desk.rows("SELECT text FROM entry ORDER BY id DESC LIMIT 1")[0][0].split() == [
        *("The", "mail", "one."),
        *("Since", "Friday."),
    ]
