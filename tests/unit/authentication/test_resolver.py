"""The DNS client and `gather`, against a server of our own on loopback that also misbehaves."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest
from builders import an_address, an_envelope
from letters import RAW, REJECT
from signing import a_key, arc_sealed, dkim_signed
from zone import Zone

from daemon.authentication import resolver as resolving
from daemon.authentication.findings import Authentication, Findings, Trouble
from daemon.authentication.gather import Asking, Authenticator, edge_sender
from daemon.authentication.judge import judge
from daemon.authentication.resolver import Nameserver, Resolver
from daemon.core.envelope import Channel

RECORDS = {
    "example.org TXT": ["v=spf1 ip4:192.0.2.10 include:_spf.example.org -all", "other"],
    "example.org MX": ["10 mail.example.org."],
    "example.org A": ["192.0.2.1"],
    "mail.example.org AAAA": ["2001:db8::1"],
    "10.2.0.192.in-addr.arpa PTR": ["mail.example.org."],
    "long.example.org TXT": ["v=DKIM1; p=" + "A" * 700],
    "huge.example.org TXT": ["x" * 5000],
    "big.example.org TXT": "truncated",
    "down.example.org TXT": "servfail",
    "no.example.org TXT": "refused",
    "dead.example.org TXT": "silent",
    "odd.example.org TXT": "rubbish",
    "_dmarc.example.org TXT": [REJECT],
    "s1._domainkey.example.org TXT": [a_key().record],
    "s1._domainkey.lists.example TXT": [a_key().record],
}


@pytest.fixture
def zone():
    with Zone(RECORDS) as server:
        yield server


def ask(zone: Zone, *questions: tuple[str, str], timeout_s: float = 1.0) -> list[tuple[str, ...] | str]:
    async def run() -> list[tuple[str, ...] | str]:
        client = Resolver([Nameserver("127.0.0.1", zone.port)], timeout_s=timeout_s)
        answers: list[tuple[str, ...] | str] = []
        for name, kind in questions:
            try:
                answers.append(await client.ask(name, kind))
            except Trouble:
                answers.append("trouble")
        return answers

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("name", "kind", "answer"),
    [
        ("example.org", "MX", ("mail.example.org",)),
        ("EXAMPLE.org.", "A", ("192.0.2.1",)),
        ("mail.example.org", "AAAA", ("2001:db8::1",)),
        ("192.0.2.10", "PTR", ("mail.example.org",)),
        ("long.example.org", "TXT", ("v=DKIM1; p=" + "A" * 700,)),
        ("big.example.org", "TXT", ("v=spf1 ip4:192.0.2.1 -all",)),
        ("huge.example.org", "TXT", ()),
        ("example.org", "AAAA", ()),
        ("nothing.example", "TXT", ()),
        ("a..b.example", "TXT", ()),
        ("x" * 64 + ".example", "TXT", ()),
        ("x." * 200 + "example", "TXT", ()),
        ("down.example.org", "TXT", "trouble"),
        ("no.example.org", "TXT", "trouble"),
        ("dead.example.org", "TXT", "trouble"),
        ("odd.example.org", "TXT", "trouble"),
    ],
)
def test_answers(zone, name, kind, answer):
    """What is there, what is not there, and what nobody can say are three things."""
    assert ask(zone, (name, kind), timeout_s=0.4) == [answer]


def test_answers_are_remembered(zone):
    """One question for the mails of one sender; "there is none" is remembered too."""
    ask(zone, *[("example.org", "TXT")] * 5, *[("nothing.example", "TXT")] * 5)

    assert zone.asked["example.org TXT"] == 1
    assert zone.asked["nothing.example TXT"] == 1


def test_the_memory_is_bounded(zone, monkeypatch):
    """The oldest answers go first."""
    monkeypatch.setattr(resolving, "CACHE_ENTRIES", 3)

    async def run() -> int:
        client = Resolver([Nameserver("127.0.0.1", zone.port)], timeout_s=1)
        for number in range(10):
            await client.ask(f"n{number}.example", "TXT")
        return len(client._cache)

    assert asyncio.run(run()) == 3


def test_an_answer_ends_with_its_ttl(monkeypatch):
    """A changed record is seen when its time has passed."""
    monkeypatch.setattr(resolving, "MIN_TTL_S", 0.05)
    with Zone({"example.org TXT": ["one"]}, ttl=0) as zone:

        async def run() -> list[tuple[str, ...]]:
            client = Resolver([Nameserver("127.0.0.1", zone.port)], timeout_s=1)
            first = await client.ask("example.org", "TXT")
            zone.records["example.org TXT"] = ["two"]
            await asyncio.sleep(0.1)
            return [first, await client.ask("example.org", "TXT")]

        assert asyncio.run(run()) == [("one",), ("two",)]


def test_silent_servers_blow_the_fuse():
    """After some timeouts in a row questions fail at once: mail is not held up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))

        async def run() -> float:
            client = Resolver([Nameserver("127.0.0.1", silent.getsockname()[1])], timeout_s=0.1)
            for number in range(8):
                with pytest.raises(Trouble):
                    await client.ask(f"n{number}.example", "TXT")
            started = time.perf_counter()
            for number in range(100):
                with pytest.raises(Trouble):
                    await client.ask(f"m{number}.example", "TXT")
            return time.perf_counter() - started

        assert asyncio.run(run()) < 1


def gathered(zone: Zone, raw: bytes, *, timeout_s: float = 2.0, sealers=(), inner=(), **over) -> Findings:
    async def run() -> Findings:
        asking = Asking(timeout_s=timeout_s, inner=inner, rules=Authentication(sealers=sealers))
        client = Authenticator(Resolver([Nameserver("127.0.0.1", zone.port)], timeout_s=timeout_s), asking)
        return (await client.gather([(an_envelope(**over), raw)]))[0]

    return asyncio.run(run())


def test_all_that_a_mail_needs_is_asked_for(zone):
    """Key, policy and SPF in one go: enough for a verdict without another question."""
    raw = dkim_signed(RAW, "example.org")

    findings = gathered(zone, raw)
    results = {each.method: each.result for each in judge(raw, "example.org", findings, Authentication()).results}

    assert results == {"dmarc": "pass", "dkim": "pass", "spf": "pass"}
    assert "s1._domainkey.lists.example TXT" not in zone.asked


def test_seals_are_asked_for_when_somebody_is_believed(zone):
    """Without trusted sealers ARC costs nothing."""
    raw = arc_sealed(RAW, "lists.example")
    gathered(zone, raw)
    assert "s1._domainkey.lists.example TXT" not in zone.asked

    findings = gathered(zone, raw, sealers=("lists.example",))

    assert judge(raw, "example.org", findings, Authentication(sealers=("lists.example",))).results[0].result == "pass"


def test_nobodys_mail_asks_nothing(zone):
    """Two From fields, a group, no address: there is nobody to prove."""
    for value in (b"a@example.org, b@example.org", b"group: a@example.org;", b"nobody"):
        assert gathered(zone, RAW.replace(b"Jo <jo@example.org>", value)) == Findings()
    assert not zone.asked


def test_the_deadline_holds(zone):
    """What is late is trouble; the mail goes on in time."""
    zone.records["_dmarc.example.org TXT"] = "silent"
    started = time.perf_counter()

    findings = gathered(zone, dkim_signed(RAW, "example.org"), timeout_s=0.5)

    assert time.perf_counter() - started < 2
    with pytest.raises(Trouble):
        findings.texts("_dmarc.example.org")
    assert findings.texts("s1._domainkey.example.org") == (a_key().record,)
    assert (
        judge(dkim_signed(RAW, "example.org"), "example.org", findings, Authentication()).results[0].result
        == "temperror"
    )


def test_a_hostile_header_asks_a_bounded_number_of_names(zone):
    """A thousand signatures of a thousand domains."""
    fields = b"".join(b"DKIM-Signature: v=1; d=a%d.example.org; s=x%d; b=A\r\n" % (n, n) for n in range(900))

    gathered(zone, fields + RAW)

    assert sum(zone.asked.values()) < 50


SENDERS = {
    "the sender's server": ({}, "example.org"),
    "our own server": ({"peer": "10.1.2.3"}, None),
    "by LMTP": ({"channel": Channel.LMTP}, None),
    "by IMAP": ({"channel": Channel.IMAP}, None),
    "logged in": ({"authenticated_as": "jo@example.org"}, None),
    "a local socket": ({"peer": "local"}, None),
    "a mapped address": ({"peer": "::ffff:192.0.2.10"}, "example.org"),
    "null path": ({"reverse_path": None}, "mail.example.org"),
    "another domain": ({"reverse_path": an_address("b@bounces.example.net")}, "bounces.example.net"),
}


@pytest.mark.parametrize(("over", "domain"), SENDERS.values(), ids=SENDERS)
def test_whom_spf_can_judge(over, domain):
    """Only the peer of our own door, when it is not one of us."""
    sender = edge_sender(an_envelope(**over), ("10.0.0.0/8",))

    assert (sender.domain if sender else None) == domain
