"""Forged agents, through SMTP against the running daemon: a real token leaked, and still nothing is done.

The daemon checks signatures itself, at the edge, over a DNS server of ours. The agent's domain only watches (p=none),
so that nothing is put aside before the question "is this the agent?" is asked. Every forged mail is properly signed by
its forger.
"""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.conftest import stages
from tests.e2e.forgeries import AGENT, CLAIMS, EVIL, FROMS, WHOLE
from tests.e2e.launch import Zygote
from tests.e2e.sink import Sink
from tests.e2e.smtpraw import hand_in
from tests.e2e.stage import Stage, wait_for
from tests.signing import a_key, dkim_signed
from tests.zone import Zone

pytestmark = [pytest.mark.xdist_group("forged"), pytest.mark.timeout(300)]
USER = "ada@campus.example"
SECRET = "canary-4711"
ZONE = {
    "_dmarc.desk.example TXT": ["v=DMARC1; p=none"],
    "s1._domainkey.desk.example TXT": [a_key(1).record],
    "s1._domainkey.evil.example TXT": [a_key(2).record],
    "evil.example TXT": ["v=spf1 ip4:127.0.0.1 -all"],
    "campus.example TXT": ["v=spf1 ip4:127.0.0.1 -all"],
}
CONFIG = """
[guards]
trusted_authserv_ids = ["mx.desk.example"]
trusted_hops = []
[authentication]
enabled = true
nameservers = ["127.0.0.1:{port}"]
trusted_sealers = ["lists.example"]
"""
STATE = "status, category, tier, kind, priority, team, assignee, requester, merged_into, solved_at, cause, muted"
MAILS: dict[str, bytes] = {
    **{f"from {name}": b"From: " + value for name, value in FROMS.items()},
    **{f"fields {name}": value for name, value in WHOLE.items()},
    **{f"claims {name}": value + b"\r\nFrom: " + AGENT.encode() for name, value in CLAIMS.items()},
}


@dataclass
class Desk:
    """A running desk with one ticket, and the agent's own reply address for it."""

    stage: Stage
    ticket: int
    token: str
    before: dict[str, list[tuple]] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)

    def state(self) -> dict[str, list[tuple]]:
        """All that an order could have changed."""
        return {
            "ticket": self.stage.rows(f"SELECT {STATE} FROM ticket WHERE id = {self.ticket}"),
            "label": self.stage.rows("SELECT * FROM label WHERE provenance = 'agent'"),
            "promise": self.stage.rows(f"SELECT * FROM promise WHERE ticket_id = {self.ticket}"),
            "participant": self.stage.rows(f"SELECT * FROM participant WHERE ticket_id = {self.ticket}"),
        }

    def journal(self, name: str) -> list[str]:
        """Names of the lines about the mail of that name."""
        return [
            row[0]
            for row in self.stage.rows(
                "SELECT journal.name FROM journal JOIN inbound ON inbound.id = journal.inbound_id"
                f" WHERE inbound.message_id = '{message_id(name)}' ORDER BY journal.id"
            )
        ]


def message_id(name: str) -> str:
    return f"<{list(MAILS).index(name)}@evil.example>" if name in MAILS else f"<{name}@evil.example>"


def forged(name: str, head: bytes, to: str) -> bytes:
    """A whole mail with an order on top, signed by its forger."""
    raw = (
        head
        + (
            f"\r\nTo: {to}\r\nSubject: Re: Locked out\r\nMessage-ID: {message_id(name)}\r\n"
            f"Date: Sun, 22 Nov 2026 09:00:00 +0000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
            "#close\r\n#category network\r\n\r\nClick on this link.\r\n"
        ).encode()
    )
    return dkim_signed(raw, "evil.example", key=a_key(2))


def opened(stage: Stage) -> str:
    """Have a ticket opened; the reply address in the mail to the agent."""
    raw = (
        f"From: {USER}\r\nTo: help@desk.example\r\nSubject: Locked out\r\nMessage-ID: <r1@campus.example>\r\n\r\n"
        f"My account is locked. {SECRET}\r\n"
    ).encode()
    assert hand_in(stage.smtp_port, raw, sender=USER, to=["help@desk.example"]) == 250
    wait_for(lambda: stage.sink.to(AGENT), stage.tail)
    team = email.message_from_bytes(stage.sink.to(AGENT)[0], policy=email.policy.default)
    return team["Reply-To"].addresses[0].addr_spec


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, zygote: Zygote) -> Iterator[Desk]:
    """All forged mails handed in once; the tests look at what became of them."""
    directory: Path = tmp_path_factory.mktemp("forged")
    with ExitStack() as stack:
        zone = stack.enter_context(Zone(ZONE))
        sink = Sink()
        sink.start()
        stack.callback(sink.stop)
        make = stack.enter_context(stages(directory, sink, zygote))
        stage = make(extra=CONFIG.format(port=zone.port))
        text = stage.config.read_text().replace(
            "[team.service-desk]\n", f'[team.service-desk]\nmembers = ["{AGENT}"]\n'
        )
        stage.config.write_text(text)
        stage.start()
        token = opened(stage)
        stage.settle()
        desk = Desk(stage, ticket=stage.count("SELECT id FROM ticket"), token=token)
        desk.before = desk.state()
        for name, head in MAILS.items():
            desk.codes[name] = hand_in(stage.smtp_port, forged(name, head, desk.token), sender=EVIL, to=[desk.token])
        stage.settle()
        yield desk


def test_there_are_enough_forgeries():
    """The corpus of From tricks alone has more than 40."""
    assert len(FROMS) + len(WHOLE) > 80
    assert len(CLAIMS) >= 20


def test_every_forged_mail_was_taken(desk: Desk):
    """Nothing is decided at the door: a forger learns nothing there."""
    assert {name: code for name, code in desk.codes.items() if code != 250} == {}


def test_no_forged_mail_changed_anything(desk: Desk):
    """Ticket, labels and promise are as before the first of them."""
    assert desk.before["ticket"]
    assert desk.before["promise"]
    assert desk.state() == desk.before


@pytest.mark.parametrize("name", MAILS)
def test_each_forged_mail_has_its_journal_line(desk: Desk, name: str):
    """Somebody who looks finds every single attempt."""
    lines = desk.journal(name)

    assert lines
    assert not {"agent.replied", "ticket.solved", "time.logged"}.intersection(lines)


@pytest.mark.parametrize("name", [name for name in MAILS if name.startswith("claims ")])
def test_whoever_claims_to_be_the_agent_is_noted_as_unproven(desk: Desk, name: str):
    """From names the agent and has one reading; nothing but the forger's word stands behind it."""
    assert desk.journal(name) == ["agent.unproven"]


def test_nobody_is_written_to_but_the_team(desk: Desk):
    """The requester hears nothing; no forger gets a receipt, a command list or a word of the ticket."""
    assert len(desk.stage.sink.to(USER)) == 1
    for _, to, raw in desk.stage.sink.mails:
        if to not in {USER, AGENT}:
            assert SECRET.encode() not in raw
            assert desk.token.partition("@")[0].encode() not in raw
            assert b"#category" not in raw
    receipts = desk.stage.count("SELECT count(*) FROM outbox WHERE kind = 'receipt'")
    assert receipts == 0


def test_the_agent_himself_is_still_obeyed(desk: Desk):
    """The same order with his own domain's signature is carried out: what stood in the way was the proof."""
    raw = (
        f"From: {AGENT}\r\nTo: {desk.token}\r\nSubject: Re: Locked out\r\nMessage-ID: <real@desk.example>\r\n"
        "Date: Sun, 22 Nov 2026 09:00:00 +0000\r\n\r\n#category network\r\n"
    ).encode()
    signed = dkim_signed(raw, "desk.example", key=a_key(1))
    assert hand_in(desk.stage.smtp_port, signed, sender=AGENT, to=[desk.token]) == 250
    desk.stage.settle()

    assert desk.stage.rows(f"SELECT category FROM ticket WHERE id = {desk.ticket}") == [("network",)]
    desk.before = desk.state()
