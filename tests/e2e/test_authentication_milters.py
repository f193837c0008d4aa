"""Debian's opendkim and opendmarc in a Postfix in front, LMTP to the daemon: real keys, real verdicts, real forgers.

Postfix takes the mail by SMTP, the milters verify it over a DNS server of ours and write Authentication-Results; the
daemon believes exactly these. What docs/authentication.md tells an admin to configure is what runs here.
"""

from __future__ import annotations

import email
import email.policy
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.conftest import missing_peer
from tests.e2e.conftest import MakeStage, stages
from tests.e2e.launch import Zygote
from tests.e2e.milters import AUTHSERV, Milters, verifying
from tests.e2e.sink import Sink
from tests.e2e.smtpraw import hand_in
from tests.e2e.stage import Stage, wait_for
from tests.peers.conftest import Postfix, StartPostfix, free_port, start_postfix
from tests.signing import a_key, dkim_signed

pytestmark = [pytest.mark.peer, pytest.mark.xdist_group("milters"), pytest.mark.timeout(300)]
AGENT, USER, EVIL = "agent@desk.example", "ada@campus.example", "mallory@evil.example"
RECORDS = {
    "_dmarc.desk.example TXT": ["v=DMARC1; p=none"],
    "_dmarc.strict.example TXT": ["v=DMARC1; p=reject"],
    "s1._domainkey.desk.example TXT": [a_key(1).record],
    "s1._domainkey.campus.example TXT": [a_key(3).record],
    "s1._domainkey.strict.example TXT": [a_key(1).record],
    "s1._domainkey.evil.example TXT": [a_key(2).record],
    **{f"{name}.example A": ["127.0.0.1"] for name in ("desk", "campus", "evil", "strict")},
}
STATE = "status, category, tier, priority, team, assignee"


def may_mount() -> bool:
    """True where opendmarc can be given a resolver of its own (not in every container)."""
    return subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0


@dataclass
class Site:
    """A whole site: Postfix with milters, the daemon behind it, a sink behind that."""

    stage: Stage
    postfix: Postfix
    milters: Milters

    def send(self, raw: bytes, *, sender: str, to: str) -> None:
        """Through Postfix, until the daemon has settled it."""
        known = self.stage.count("SELECT count(*) FROM delivery")
        assert hand_in(self.postfix.port, raw, sender=sender, to=[to]) == 250
        wait_for(lambda: self.stage.count("SELECT count(*) FROM delivery") > known, self.postfix.log)
        self.stage.settle()

    def journal(self, message_id: str) -> list[str]:
        rows = self.stage.rows(
            "SELECT journal.name FROM journal JOIN inbound ON inbound.id = journal.inbound_id"
            f" WHERE inbound.message_id = '<{message_id}>' ORDER BY journal.id"
        )
        return [row[0] for row in rows]

    def stored(self, message_id: str) -> email.message.Message:
        """The mail as it lies in the store: with what the milters wrote."""
        ((raw,),) = self.stage.rows(
            "SELECT raw.bytes FROM raw JOIN inbound ON inbound.id = raw.inbound_id"
            f" WHERE inbound.message_id = '<{message_id}>'"
        )
        return email.message_from_bytes(raw, policy=email.policy.default)

    def state(self, ticket: int) -> tuple:
        return self.stage.rows(f"SELECT {STATE} FROM ticket WHERE id = {ticket}")[0]

    def open_ticket(self, number: int) -> tuple[int, str]:
        """A ticket of a requester whose domain signs; its id and the agent's reply address."""
        before = len(self.stage.sink.to(AGENT))
        raw = mail(f"request{number}@campus.example", sender=USER, to="help@desk.example", text="My account is locked.")
        self.send(dkim_signed(raw, "campus.example", key=a_key(3)), sender=USER, to="help@desk.example")
        wait_for(lambda: len(self.stage.sink.to(AGENT)) > before, self.stage.tail)
        team = email.message_from_bytes(self.stage.sink.to(AGENT)[-1], policy=email.policy.default)
        return self.stage.count("SELECT max(id) FROM ticket"), team["Reply-To"].addresses[0].addr_spec


def mail(message_id: str, *, sender: str, to: str, text: str, head: str = "") -> bytes:
    fields = [
        *([head] if head else []), f"From: {sender}", f"To: {to}", f"Subject: Locked out, {message_id}",
        f"Message-ID: <{message_id}>", "Date: Sun, 22 Nov 2026 09:00:00 +0000",
    ]  # fmt: skip
    return ("\r\n".join(fields) + f"\r\n\r\n{text}\r\n").encode()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, zygote: Zygote) -> Iterator[Site]:
    with ExitStack() as stack:
        milters = stack.enter_context(verifying(RECORDS, dmarc=may_mount()))
        sink = Sink()
        sink.start()
        stack.callback(sink.stop)
        make = stack.enter_context(stages(tmp_path_factory.mktemp("site"), sink, zygote))
        stage = make(extra=f'\n[guards]\ntrusted_authserv_ids = ["{AUTHSERV}"]\n')
        text = stage.config.read_text().replace(
            "[team.service-desk]\n", f'[team.service-desk]\nmembers = ["{AGENT}"]\n'
        )
        stage.config.write_text(text)
        stage.start()
        starting = start_postfix.__wrapped__()
        start = next(starting)
        stack.callback(next, starting, None)
        front = f"virtual_mailbox_domains = desk.example\nrecipient_delimiter = +\n{milters.postfix}"
        postfix = start(lmtp=f"inet:127.0.0.1:{stage.lmtp_port}", sink_port=sink.port, extra=front)
        yield Site(stage, postfix, milters)


def test_a_genuine_agent_is_obeyed(site: Site):
    """Signed by his own domain's key, to his own token: the verdict stands in the field, the orders are carried out."""
    ticket, token = site.open_ticket(1)

    raw = mail("good@desk.example", sender=AGENT, to=token, text="#close unlocked\r\n\r\nYour account is open again.")
    site.send(dkim_signed(raw, "desk.example", key=a_key(1)), sender=AGENT, to=token)

    field = str(site.stored("good@desk.example").get_all("Authentication-Results")[0])
    assert field.startswith(AUTHSERV)
    assert "dmarc=pass" in field or "dkim=pass" in field
    assert site.state(ticket)[0] == "solved"
    assert "ticket.solved" in site.journal("good@desk.example")
    wait_for(lambda: any(b"open again" in raw for raw in site.stage.sink.to(USER)), site.stage.tail)


def test_an_attached_mail_does_not_break_the_signature(site: Site):
    """Postfix deletes foreign verdicts from the mail itself, not from what is attached to it."""
    ticket, token = site.open_ticket(4)
    head = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b"
    parts = (
        "--b\r\nContent-Type: text/plain\r\n\r\n#take\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        "Authentication-Results: mx.elsewhere.example; dkim=pass\r\nFrom: x@y.example\r\n\r\nforwarded\r\n--b--"
    )
    raw = mail("attached@desk.example", sender=AGENT, to=token, text=parts, head=head)

    site.send(dkim_signed(raw, "desk.example", key=a_key(1)), sender=AGENT, to=token)

    assert site.state(ticket)[5] == AGENT
    assert b"mx.elsewhere.example" in site.stored("attached@desk.example").as_bytes()


SIGN = {"desk": ("desk.example", 2), "evil": ("evil.example", 2)}
MALFORMED = "DKIM-Signature: v=1; a=rsa-sha256; d=desk.example(.evil.example; s=s1; h=from; bh=AAAA; b=AAAA"
CLAIM = f"Authentication-Results: {AUTHSERV}; dmarc=pass header.from=desk.example"
# fmt: off
FORGED: dict[str, tuple[str, tuple[str, int] | None]] = {  # fields on top, who signs
    "plainly": ("", None),
    "signed-by-the-forger": ("", SIGN["evil"]),
    "signed-with-a-wrong-key": ("", SIGN["desk"]),
    "verdict": (CLAIM, None),
    "verdict-signed-by-the-forger": (CLAIM, SIGN["evil"]),
    "verdict-of-dkim": (f"Authentication-Results: {AUTHSERV}; dkim=pass header.d=desk.example", None),
    "verdict-thrice": ("\r\n".join([CLAIM] * 3), None),
    "verdict-folded": (CLAIM.replace("; ", ";\r\n\t"), None),
    "verdict-in-capitals": (CLAIM.upper(), None),
    "verdict-with-comments": (CLAIM.replace(AUTHSERV, f"(a) {AUTHSERV} (b)"), None),
    "verdict-with-a-version": (CLAIM.replace(";", " 1;", 1), None),
    "verdict-quoted": (CLAIM.replace(AUTHSERV, f'"{AUTHSERV}"'), None),
    # opendkim passes a mail with such a signature on unseen: nothing is written, and nothing is deleted
    "verdict-with-a-malformed-signature": (f"{CLAIM}\r\n{MALFORMED}", None),
    "verdicts-with-a-malformed-signature": (
        f"{CLAIM}; dkim=pass header.d=desk.example\r\n{MALFORMED}", SIGN["evil"]),
    "malformed-signature": (MALFORMED, None),
    "verdict-of-arc": ((
        f"ARC-Authentication-Results: i=1; {AUTHSERV}; dmarc=pass header.from=desk.example\r\n"
        "ARC-Message-Signature: i=1; a=rsa-sha256; d=desk.example; s=s1; h=from; bh=AAAA; b=AAAA\r\n"
        "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=desk.example; s=s1; b=AAAA"), None),
    "internal-headers": (
        "X-Firstline-Agent: agent@desk.example\r\nX-Firstline-Trust: person\r\nX-Firstline-Ticket: 1", None),
    "delivered-to": ("Delivered-To: agent@desk.example\r\nX-Original-To: help@desk.example", None),
    "our-received": ((
        "Received: from agent (localhost [127.0.0.1]) (Authenticated sender: agent@desk.example)\r\n"
        f"\tby {AUTHSERV} (Postfix) with ESMTPSA id 4711; Sun, 22 Nov 2026 09:00:00 +0000"), None),
    "our-return-path": ("Return-Path: <agent@desk.example>", None),
    "received-spf": (f"Received-SPF: pass ({AUTHSERV}: domain of agent@desk.example)", None),
}
# fmt: on


def test_forged_agents_change_nothing(site: Site):
    """Each with the real token and the agent's own From: one journal line, no change, no word to anybody."""
    ticket, token = site.open_ticket(2)
    before, to_user, to_agent = site.state(ticket), len(site.stage.sink.to(USER)), len(site.stage.sink.to(AGENT))

    for name, (head, signer) in FORGED.items():
        raw = mail(f"{name}@evil.example", sender=AGENT, to=token, text="#close\r\n\r\nClick on this link.", head=head)
        if signer:
            raw = dkim_signed(raw, signer[0], key=a_key(signer[1]))
        site.send(raw, sender=EVIL if len(name) % 2 else AGENT, to=token)

    assert {name: site.journal(f"{name}@evil.example") for name in FORGED} == {
        name: ["agent.unproven"] for name in FORGED
    }
    assert site.state(ticket) == before
    assert len(site.stage.sink.to(USER)) == to_user
    assert len(site.stage.sink.to(AGENT)) == to_agent
    assert site.stage.audit()


def test_a_changed_mail_of_the_agent_changes_nothing(site: Site):
    """A genuine mail, caught and given other orders: its signature is of no use."""
    ticket, token = site.open_ticket(3)
    before = site.state(ticket)
    raw = mail("caught@desk.example", sender=AGENT, to=token, text="#take")
    signed = dkim_signed(raw, "desk.example", key=a_key(1))

    site.send(signed.replace(b"#take", b"#spam"), sender=AGENT, to=token)

    assert site.journal("caught@desk.example") == ["agent.unproven"]
    assert site.state(ticket) == before


def test_a_mail_that_fails_a_strict_policy_is_put_aside(site: Site):
    """The domain asks for p=reject: kept, flagged, no ticket, no acknowledgment; a signed one is a request like any."""
    if not may_mount():
        missing_peer("opendmarc needs a mount namespace for its resolver")
    tickets = site.stage.count("SELECT count(*) FROM ticket")
    forged = mail("forged@strict.example", sender="jo@strict.example", to="help@desk.example", text="Help me.")
    signed = mail("signed@strict.example", sender="jo@strict.example", to="help@desk.example", text="Please help me.")

    site.send(forged, sender="jo@strict.example", to="help@desk.example")
    assert site.stage.count("SELECT count(*) FROM ticket") == tickets
    assert site.journal("forged@strict.example") == ["inbound.keep"]

    site.send(dkim_signed(signed, "strict.example", key=a_key(1)), sender="jo@strict.example", to="help@desk.example")
    assert site.stage.count("SELECT count(*) FROM ticket") == tickets + 1


@pytest.mark.parametrize(
    "name", ["verdict-with-a-malformed-signature", "verdicts-with-a-malformed-signature", "verdict"]
)
def test_a_field_that_opendkim_left_standing_is_too_low(make_stage: MakeStage, start_postfix: StartPostfix, name: str):
    """opendkim alone, Postfix deletes nothing: the forged field is the topmost one, but below Postfix's Received."""
    with verifying(RECORDS, dmarc=False) as milters:
        stage = make_stage(extra=f'\n[guards]\ntrusted_authserv_ids = ["{AUTHSERV}"]\n')
        members = f'[team.service-desk]\nmembers = ["{AGENT}"]\n'
        stage.config.write_text(stage.config.read_text().replace("[team.service-desk]\n", members))
        stage.start()
        front = f"virtual_mailbox_domains = desk.example\nrecipient_delimiter = +\n{milters.unguarded}"
        postfix = start_postfix(lmtp=f"inet:127.0.0.1:{stage.lmtp_port}", sink_port=stage.sink.port, extra=front)
        site = Site(stage, postfix, milters)
        ticket, token = site.open_ticket(9)
        before = site.state(ticket)

        raw = mail(f"{name}@evil.example", sender=AGENT, to=token, text="#close", head=FORGED[name][0])
        site.send(raw, sender=EVIL, to=token)

        assert site.journal(f"{name}@evil.example") == ["agent.unproven"]
        assert site.state(ticket) == before
        if "malformed" in name:
            assert "dmarc=pass" in str(site.stored(f"{name}@evil.example")["Authentication-Results"])
            said = stage.run("explain", f"<{name}@evil.example>").stdout
            assert "below another Received field" in said, said


def test_postfix_defers_while_the_milter_is_away(start_postfix: StartPostfix):
    """`milter_default_action = tempfail`: without a verifier nothing comes through unverified."""
    gone = f"smtpd_milters = inet:127.0.0.1:{free_port()}\nmilter_default_action = tempfail"
    postfix = start_postfix(lmtp=f"inet:127.0.0.1:{free_port()}", sink_port=free_port(), extra=gone)
    raw = mail("early@evil.example", sender=AGENT, to="help@example.com", text="#close")

    assert hand_in(postfix.port, raw, sender=EVIL, to=["help@example.com"]) // 100 == 4
