"""Direct authentication with the running daemon at the edge: real signatures over our DNS server, also a broken one."""

from __future__ import annotations

import email
import email.policy
import signal
import time
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import MakeStage
from tests.e2e.smtpraw import hand_in
from tests.e2e.stage import Stage, wait_for
from tests.signing import a_key, arc_sealed, dkim_signed
from tests.zone import Zone

AGENT, USER = "agent@desk.example", "ada@campus.example"
RECORDS = {
    "_dmarc.desk.example TXT": ["v=DMARC1; p=reject"],
    "_dmarc.campus.example TXT": ["v=DMARC1; p=reject"],
    "campus.example TXT": ["v=spf1 ip4:127.0.0.1 -all"],
    "desk.example TXT": ["v=spf1 -all"],
    "s1._domainkey.desk.example TXT": [a_key(1).record],
    "s1._domainkey.lists.example TXT": [a_key(2).record],
    "s1._domainkey.evil.example TXT": [a_key(4).record],
}
CONFIG = """
[guards]
trusted_hops = []
[authentication]
enabled = true
timeout_s = 2
nameservers = ["127.0.0.1:{port}"]
trusted_sealers = ["lists.example"]
"""


@pytest.fixture
def zone() -> Iterator[Zone]:
    with Zone(RECORDS) as server:
        yield server


@pytest.fixture
def desk(make_stage: MakeStage, zone: Zone) -> Stage:
    """A desk whose own door is the first to see a mail."""
    stage = make_stage(extra=CONFIG.format(port=zone.port))
    members = f'[team.service-desk]\nmembers = ["{AGENT}"]\n'
    stage.config.write_text(stage.config.read_text().replace("[team.service-desk]\n", members))
    stage.start()
    return stage


def mail(number: int, sender: str, to: str, text: str) -> bytes:
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: Locked out {number}\r\n"
        f"Message-ID: <{number}@{sender.partition('@')[2]}>\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\n\r\n{text}\r\n"
    ).encode()


def send(stage: Stage, raw: bytes, *, sender: str, to: str = "help@desk.example") -> None:
    assert hand_in(stage.smtp_port, raw, sender=sender, to=[to]) == 250
    stage.settle()


def open_ticket(stage: Stage, number: int = 1) -> str:
    """A ticket of a requester whom SPF proves; the agent's reply address."""
    before = len(stage.sink.to(AGENT))
    send(stage, mail(number, USER, "help@desk.example", f"My account {number} is locked."), sender=USER)
    wait_for(lambda: len(stage.sink.to(AGENT)) > before, stage.tail)
    team = email.message_from_bytes(stage.sink.to(AGENT)[-1], policy=email.policy.default)
    return team["Reply-To"].addresses[0].addr_spec


def journal(stage: Stage, message_id: str) -> list[str]:
    rows = stage.rows(
        "SELECT journal.name FROM journal JOIN inbound ON inbound.id = journal.inbound_id"
        f" WHERE inbound.message_id = '<{message_id}>' ORDER BY journal.id"
    )
    return [row[0] for row in rows]


def newest(stage: Stage) -> tuple[str, str]:
    return stage.rows("SELECT status, assignee FROM ticket ORDER BY id DESC LIMIT 1")[0]


def signed(raw: bytes) -> bytes:
    return dkim_signed(raw, "desk.example", key=a_key(1))


def test_a_signed_agent_is_obeyed_and_explain_says_why(desk: Stage):
    """DKIM by his own domain, to his own token."""
    token = open_ticket(desk)

    send(desk, signed(mail(2, AGENT, token, "#take")), sender=AGENT, to=token)

    assert newest(desk)[1] == AGENT
    explained = desk.run("explain", "<2@desk.example>")
    assert "dmarc=pass header.from=desk.example" in explained.stdout, explained.stdout + explained.stderr
    assert "checked here" in explained.stdout


def test_an_unsigned_agent_is_forged(desk: Stage):
    """His domain asks for p=reject, and neither key nor address is his: kept and flagged."""
    token = open_ticket(desk)

    send(desk, mail(2, AGENT, token, "#close"), sender=AGENT, to=token)

    assert newest(desk) == ("new", "")
    assert journal(desk, "2@desk.example") == ["inbound.keep"]


def test_a_list_in_between_is_believed_by_its_seal(desk: Stage):
    """The list broke the signature; it sealed what it had seen. A stranger's seal over the same mail is nothing."""
    token = open_ticket(desk)
    saw = "mx.lists.example; dkim=pass header.d=desk.example; dmarc=pass header.from=desk.example"
    changed = mail(2, AGENT, token, "#take\r\n\r\n-- \r\nlist footer")

    send(desk, arc_sealed(changed.replace(b"<2@", b"<3@"), "evil.example", saw, key=a_key(4)), sender=AGENT, to=token)
    assert newest(desk) == ("new", "")
    assert journal(desk, "3@desk.example") == ["inbound.keep"]

    send(desk, arc_sealed(changed, "lists.example", saw, key=a_key(2)), sender="list@lists.example", to=token)
    assert newest(desk)[1] == AGENT


@pytest.mark.parametrize("fault", ["servfail", "silent"])
def test_when_dns_is_away_mail_goes_on_unproven(desk: Stage, zone: Zone, fault: str):
    """No order is carried out, nothing is refused or lost, and a request is answered in seconds."""
    token = open_ticket(desk)
    for name in list(zone.records):
        zone.records[name] = fault
    restarted = desk.stop()
    assert restarted == 0
    desk.start()  # with an empty memory

    send(desk, signed(mail(2, AGENT, token, "#close")), sender=AGENT, to=token)
    started = time.monotonic()
    send(desk, mail(3, USER, "help@desk.example", "Another account is locked."), sender=USER)

    assert journal(desk, "2@desk.example") == ["agent.unproven"]
    assert journal(desk, "3@campus.example")[0] == "ticket.opened"
    assert time.monotonic() - started < 20
    assert desk.count("SELECT count(*) FROM ticket WHERE status = 'solved'") == 0
    assert desk.audit()


def test_fifty_mails_while_dns_is_silent_are_all_settled(desk: Stage, zone: Zone):
    """The fuse: after a few timeouts nothing waits for a server that does not answer."""
    for name in list(zone.records):
        zone.records[name] = "silent"
    started = time.monotonic()

    for number in range(50):
        person = f"p{number}@d{number}.example"
        zone.records[f"_dmarc.d{number}.example TXT"] = "silent"
        assert (
            hand_in(
                desk.smtp_port,
                mail(number, person, "help@desk.example", "Help."),
                sender=person,
                to=["help@desk.example"],
            )
            == 250
        )
    desk.settle()

    assert desk.count("SELECT count(*) FROM ticket") == 50
    assert time.monotonic() - started < 60


def test_it_is_switched_on_and_off_by_reload(desk: Stage):
    """SIGHUP: with it off nobody is proven, with it on the agent is."""
    token = open_ticket(desk)
    text = desk.config.read_text()

    def reload(content: str) -> None:
        told = desk.tail(10**6).count("daemon.reloaded")
        desk.config.write_text(content)
        desk.process.send_signal(signal.SIGHUP)
        wait_for(lambda: desk.tail(10**6).count("daemon.reloaded") > told, desk.tail)

    reload(text.replace("enabled = true", "enabled = false"))
    send(desk, signed(mail(2, AGENT, token, "#take")), sender=AGENT, to=token)
    assert newest(desk)[1] == ""

    reload(text)
    send(desk, signed(mail(3, AGENT, token, "#take")), sender=AGENT, to=token)
    assert newest(desk)[1] == AGENT


# fmt: off
WRONG = {
    "a name": ('nameservers = ["dns.example.org"]', "is not a nameserver"),
    "a port too high": ('nameservers = ["127.0.0.1:70000"]', "is not a nameserver"),
    "no list": ("nameservers = 53", "nameservers"),
    "an unknown key": ("nameserver = []", "did you mean nameservers?"),
    "no time": ("timeout_s = 0", "timeout_s"),
    "a sealer with a space": ('trusted_sealers = ["lists example"]', "is not a domain"),
    "too many lookups": ("spf_lookups = 1000", "spf_lookups"),
}
# fmt: on


@pytest.mark.parametrize(("line", "words"), WRONG.values(), ids=WRONG)
def test_wrong_input_names_file_line_and_key(make_stage: MakeStage, line: str, words: str):
    """One line on standard error, exit 78."""
    stage = make_stage(extra=f"\n[authentication]\nenabled = true\n{line}\n")

    done = stage.run("run")

    assert done.returncode == 78, done.stderr
    (said,) = done.stderr.strip().splitlines()
    number = stage.config.read_text().splitlines().index(line) + 1
    assert f"{stage.config}:{number}" in said
    assert "authentication." in said
    assert words in said


def test_a_wrong_network_names_file_line_and_key(make_stage: MakeStage):
    """guards.trusted_hops."""
    stage = make_stage(extra='\n[guards]\ntrusted_hops = ["10.0.0.0/33"]\n')

    done = stage.run("check")

    assert done.returncode == 78
    assert "guards.trusted_hops" in done.stderr
    assert "is not a network" in done.stderr


def test_check_says_what_proves_a_sender(desk: Stage, make_stage: MakeStage, zone: Zone):
    """The libraries with their versions and the nameservers; without anything a warning."""
    said = desk.run("check").stdout
    assert "authentication: checked here by dkimpy 1." in said
    assert f"127.0.0.1:{zone.port}" in said

    bare = make_stage().run("check")
    assert bare.returncode == 0
    assert "warning authentication: no sender is ever proven" in bare.stdout


def test_check_asks_the_nameservers_on_request(desk: Stage, zone: Zone):
    """`firstline check --connect`: an answer is enough, also that there is nothing; silence is a problem."""
    good = desk.run("check", "--connect")
    assert good.returncode == 0, good.stdout
    assert "nameservers: answered about _dmarc.desk.example" in good.stdout

    zone.records["_dmarc.desk.example TXT"] = "servfail"
    bad = desk.run("check", "--connect")
    assert bad.returncode == 78
    assert "no answer about _dmarc.desk.example" in bad.stdout


@pytest.mark.parametrize("fields", ["", "Cc: mallory@evil.example\r\n", "X-Seen: by mallory\r\n"])
def test_a_signed_mail_that_is_sent_again_orders_nothing_again(desk: Stage, fields: str):
    """Whoever had the agent's mail in Cc holds signature and token: the orders in it were for once."""
    token = open_ticket(desk)
    raw = signed(mail(2, AGENT, token, "#take"))
    send(desk, raw, sender=AGENT, to=token)
    assert newest(desk)[1] == AGENT
    send(desk, signed(mail(3, AGENT, token, "#undo")), sender=AGENT, to=token)
    assert newest(desk)[1] == ""

    send(desk, fields.encode() + raw, sender="mallory@evil.example", to=token)

    assert newest(desk)[1] == ""
