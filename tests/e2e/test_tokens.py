"""Reply tokens with the running daemon: rotated keys, last days, other people and other tickets."""

from __future__ import annotations

import email
import email.policy
import secrets
import signal
from datetime import UTC, datetime, timedelta

import pytest

from daemon.core.address import Address, parse_path
from daemon.core.token import Keyring, read_reply_address, reply_address
from tests.e2e.conftest import MakeStage
from tests.e2e.smtpraw import hand_in
from tests.e2e.stage import Stage, wait_for

AGENT, OTHER, USER = "agent@desk.example", "second@desk.example", "ada@campus.example"
HELP = Address("help", "desk.example")


@pytest.fixture
def desk(make_stage: MakeStage) -> Stage:
    stage = make_stage(extra='\n[guards]\ntrusted_authserv_ids = ["mx.desk.example"]\n')
    members = f'[team.service-desk]\nmembers = ["{AGENT}", "{OTHER}"]\n'
    stage.config.write_text(stage.config.read_text().replace("[team.service-desk]\n", members))
    stage.start()
    return stage


def send(stage: Stage, number: int, sender: str, to: str, text: str) -> str:
    """A mail that the MTA in front found authentic; its Message-ID."""
    domain = sender.partition("@")[2]
    raw = (
        f"Authentication-Results: mx.desk.example; dmarc=pass header.from={domain}\r\nFrom: {sender}\r\nTo: {to}\r\n"
        f"Subject: Locked out {number}\r\nMessage-ID: <{number}@{domain}>\r\n\r\n{text}\r\n"
    ).encode()
    assert hand_in(stage.smtp_port, raw, sender=sender, to=[to]) == 250
    stage.settle()
    return f"<{number}@{domain}>"


def open_ticket(stage: Stage, number: int) -> tuple[int, str]:
    """A new ticket: its id and the agent's reply address."""
    before = len(stage.sink.to(AGENT))
    send(stage, number, USER, str(HELP), f"My account {number} is locked.")
    wait_for(lambda: len(stage.sink.to(AGENT)) > before, stage.tail)
    team = email.message_from_bytes(stage.sink.to(AGENT)[-1], policy=email.policy.default)
    return stage.count("SELECT max(id) FROM ticket"), team["Reply-To"].addresses[0].addr_spec


def assignee(stage: Stage, ticket: int) -> str:
    return stage.rows(f"SELECT assignee FROM ticket WHERE id = {ticket}")[0][0]


def journal(stage: Stage, message_id: str) -> list[str]:
    rows = stage.rows(
        "SELECT journal.name FROM journal JOIN inbound ON inbound.id = journal.inbound_id"
        f" WHERE inbound.message_id = '{message_id}' ORDER BY journal.id"
    )
    return [row[0] for row in rows]


def rotate(stage: Stage, *keys: str) -> None:
    """Write the key file anew and tell the daemon."""
    told = stage.tail(10**6).count("daemon.reloaded")
    (stage.state / "keys").write_text("\n".join(keys) + "\n")
    stage.process.send_signal(signal.SIGHUP)
    wait_for(lambda: stage.tail(10**6).count("daemon.reloaded") > told, stage.tail)


def keyring(*keys: str) -> Keyring:
    return Keyring(keys=tuple(map(bytes.fromhex, keys)))


def says(token: str, *keys: str) -> bool:
    address = parse_path(token)
    return address is not None and read_reply_address(keyring(*keys), address, datetime.now(UTC).date()) is not None


@pytest.mark.timeout(180)
def test_keys_are_rotated_by_the_key_file_and_sighup(desk: Stage):
    """The new key signs at once, the old one still opens what it signed until its line is gone."""
    old, new = (desk.state / "keys").read_text().split()[0], secrets.token_hex(32)
    first, before = open_ticket(desk, 1)
    assert says(before, old)

    rotate(desk, new, old)
    second, after = open_ticket(desk, 2)
    assert says(after, new)
    assert not says(after, old)
    send(desk, 3, AGENT, before, "#take")
    assert assignee(desk, first) == AGENT

    rotate(desk, new)
    send(desk, 4, AGENT, before, "#close")
    send(desk, 5, AGENT, after, "#take")

    assert desk.rows(f"SELECT status FROM ticket WHERE id = {first}") != [("solved",)]
    assert assignee(desk, second) == AGENT
    assert desk.audit()


@pytest.mark.parametrize("content", ["", "not hexadecimal", "abcd"])
def test_a_broken_key_file_changes_nothing(desk: Stage, content: str):
    """A reload that cannot read its keys is refused, and the old ones stay in use."""
    ticket, token = open_ticket(desk, 1)
    (desk.state / "keys").write_text(content)
    desk.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "daemon.reload_refused" in desk.tail(10**6), desk.tail)

    send(desk, 2, AGENT, token, "#take")

    assert assignee(desk, ticket) == AGENT
    assert "hexadecimal" in desk.tail(10**6)


@pytest.mark.timeout(180)
def test_a_token_serves_only_its_person_its_ticket_and_its_days(desk: Stage):
    """Another agent's, the requester's, a past one and one of another ticket order nothing on this one."""
    key = (desk.state / "keys").read_text().split()[0]
    first, own = open_ticket(desk, 1)
    second, _ = open_ticket(desk, 2)
    today = datetime.now(UTC).date()

    def forge(ticket: int, person: str, last: timedelta) -> str:
        address = parse_path(person)
        assert address is not None
        return str(reply_address(keyring(key), HELP, ticket, address, today + last, plus=True))

    week = timedelta(days=7)
    wrong = [
        send(desk, 11, AGENT, forge(first, USER, week), "#close"),
        send(desk, 12, AGENT, forge(first, OTHER, week), "#close"),
        send(desk, 13, OTHER, own, "#close"),
    ]
    send(desk, 14, AGENT, forge(first, AGENT, -timedelta(days=1)), "#close")
    send(desk, 15, AGENT, forge(second, AGENT, week), "#take")

    assert {line for each in wrong for line in journal(desk, each)} <= {"agent.unproven", "ticket.opened"}
    assert all(journal(desk, each) for each in wrong)
    assert desk.rows(f"SELECT status, assignee FROM ticket WHERE id = {first}") == [("new", "")]
    assert assignee(desk, second) == AGENT

    send(desk, 16, AGENT, forge(first, AGENT, timedelta(0)), "#take")
    assert assignee(desk, first) == AGENT
