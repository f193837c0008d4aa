"""DMARC: records, the tree walk, policies and alignment; and the verdict on a mail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from letters import RAW, found
from signing import a_key, dkim_signed

from daemon.authentication.dmarc import discover, organisation, read_record, walk
from daemon.authentication.findings import Authentication, Findings, Lookup, Trouble
from daemon.authentication.judge import judge


def zone(**records: str) -> Findings:
    """`a__b=…` is the record of `_dmarc.a.b`; every other name that is asked for has none."""

    class Rest(Findings):
        def texts(self, name: str) -> tuple[str, ...]:
            try:
                return super().texts(name)
            except Trouble:
                return ()

    names = {f"_dmarc.{name.replace('__', '.')}": text for name, text in records.items()}
    return Rest(lookups=tuple(Lookup(name=name, texts=(text,)) for name, text in names.items()))


@pytest.mark.parametrize(
    ("domain", "names"),
    [
        ("org", ["org"]),
        ("example.org", ["example.org", "org"]),
        ("a.b.example.org", ["a.b.example.org", "b.example.org", "example.org", "org"]),
        (
            "1.2.3.4.5.6.7.8.9.org",
            ["1.2.3.4.5.6.7.8.9.org", *[".".join([*map(str, range(n, 10)), "org"]) for n in range(4, 10)], "org"],
        ),
    ],
)
def test_the_walk_goes_up_in_at_most_eight_steps(domain, names):
    """DMARCbis §4.10: the domain, then its last seven labels, one less each time."""
    assert list(walk(domain)) == names
    assert len(names) <= 8


# fmt: off
RECORDS = [
    ("v=DMARC1; p=reject", "reject"), ("v=DMARC1;p=none", "none"), ("v=DMARC1; p=Quarantine;", "quarantine"),
    ("v = DMARC1 ; p = reject", "reject"), ("v=DMARC1; p=reject; pct=0", "reject"),
    ("v=DMARC1; p=bogus; rua=mailto:x@example.org", "none"), ("v=DMARC1; rua=mailto:x@example.org", "none"),
    ("v=DMARC1; p=bogus", None), ("v=DMARC1", None), ("p=reject; v=DMARC1", None), ("v=DMARC2; p=reject", None),
    ("v=dmarc1; p=reject", None), ("", None), ("v=DMARC1; p=reject; p=none", None), ("v=DMARC1; reject", None),
    ("v=spf1 -all", None), ("v=DMARC1; p=reject; =x", None), ("v=DMARC1; p=reject" + ";x=" + "y" * 9000, None),
]
# fmt: on


@pytest.mark.parametrize(("text", "p"), RECORDS)
def test_records(text, p):
    """What is a policy record, and what it asks for."""
    record = read_record("example.org", (text,))

    assert (record.p if record else None) == p


def test_two_records_are_none():
    """DMARCbis §4.10 discards them all; other TXT records beside one do not matter."""
    assert read_record("example.org", ("v=DMARC1; p=reject", "v=DMARC1; p=none")) is None
    assert read_record("example.org", ("v=DMARC1; p=reject", "hello")) is not None


# fmt: off
ORGANISATIONS = [
    ("mail.example.org", {"example__org": "v=DMARC1; p=none"}, "example.org"),
    ("a.b.example.org", {"b__example__org": "v=DMARC1; p=none", "example__org": "v=DMARC1; p=none"}, "example.org"),
    ("a.b.example.org", {"b__example__org": "v=DMARC1; p=none; psd=n", "example__org": "v=DMARC1; p=none"}, "b.example.org"),  # noqa: E501
    ("a.b.example.org", {"example__org": "v=DMARC1; p=none; psd=y"}, "b.example.org"),
    ("b.example.org", {"b__example__org": "v=DMARC1; p=none", "example__org": "v=DMARC1; p=none; psd=y"}, "b.example.org"),  # noqa: E501
    ("example.org", {"example__org": "v=DMARC1; p=none; psd=y"}, "example.org"),
    ("mail.example.org", {}, "mail.example.org"),
    ("victim.edu.xx", {"victim__edu__xx": "v=DMARC1; p=reject"}, "victim.edu.xx"),
]
# fmt: on


@pytest.mark.parametrize(("domain", "records", "home"), ORGANISATIONS)
def test_the_organisational_domain(domain, records, home):
    """By what is published on the way up, not by a list of suffixes."""
    assert organisation(domain, zone(**records)) == home


def test_policy_for_a_subdomain_is_the_organisations_sp():
    """Its own record first, else sp of the organisation, else p; t=y is one step less."""
    sub = zone(example__org="v=DMARC1; p=reject; sp=quarantine")
    own = zone(mail__example__org="v=DMARC1; p=none", example__org="v=DMARC1; p=reject")

    assert discover("mail.example.org", sub).action == "quarantine"
    assert discover("example.org", sub).action == "reject"
    assert discover("mail.example.org", own).action == "none"
    assert discover("example.org", zone(example__org="v=DMARC1; p=reject; t=y")).action == "quarantine"
    assert discover("example.org", zone()) is None


def verdict(raw: bytes = RAW, author: str = "example.org", **more: object):
    return judge(raw, author, found(**more), Authentication()).results[0]


ALIGNED = "v=DMARC1; p=reject; adkim={}; aspf={}"
SIGNED = {
    domain: dkim_signed(RAW, domain)
    for domain in ("example.org", "mail.example.org", "news.example.org", "evil.example")
}
# fmt: off
VERDICTS = {
    "signed by itself": (SIGNED["example.org"], {}, "pass"),
    "signed by a subdomain": (SIGNED["mail.example.org"], {}, "pass"),
    "signed by a subdomain, strict": (SIGNED["mail.example.org"], {"record": ALIGNED.format("s", "r"), "spf": "fail"}, "fail"),  # noqa: E501
    "signed by a stranger": (SIGNED["evil.example"], {"spf": "fail"}, "fail"),
    "unsigned": (RAW, {"spf": "softfail"}, "fail"),
    "unsigned, SPF passes": (RAW, {"spf": "pass"}, "pass"),
    "SPF passes for a subdomain": (RAW, {"spf": "pass", "mailfrom": "b@news.example.org"}, "pass"),
    "SPF passes for a subdomain, strict": (RAW, {"spf": "pass", "mailfrom": "b@news.example.org", "record": ALIGNED.format("r", "s")}, "fail"),  # noqa: E501
    "SPF passes for a stranger": (RAW, {"spf": "pass", "mailfrom": "jo@evil.example"}, "fail"),
    "SPF unsure": (RAW, {"spf": "temperror"}, "temperror"),
    "SPF broken": (RAW, {"spf": "permerror"}, "fail"),
    "not at the edge": (RAW, {}, "unknown"),
    "no policy": (RAW, {"record": "", "spf": "fail"}, "none"),
    "no policy, signed": (SIGNED["example.org"], {"record": ""}, "none"),
    "policy cannot be had": (SIGNED["example.org"], {"names": {"_dmarc.example.org": None}}, "temperror"),
    "key cannot be had": (SIGNED["example.org"], {"names": {"s1._domainkey.example.org": None}, "spf": "fail"}, "temperror"),  # noqa: E501
    "walk of the signer cannot be had": (SIGNED["news.example.org"], {"names": {"_dmarc.news.example.org": None}, "spf": "fail"}, "temperror"),  # noqa: E501
    "body changed": (SIGNED["example.org"].replace(b"not print", b"print"), {"spf": "fail"}, "fail"),
    "one good of two": (dkim_signed(SIGNED["example.org"], "evil.example"), {}, "pass"),
}
# fmt: on


@pytest.mark.parametrize(("raw", "more", "result"), VERDICTS.values(), ids=VERDICTS)
def test_verdicts(raw, more, result):
    """What DMARC says of this mail from example.org."""
    assert verdict(raw, **more).result == result


def test_siblings_under_one_organisation_are_aligned():
    """Relaxed alignment is by the organisational domain (RFC 7489 §3.1), not by one standing below the other."""
    raw = dkim_signed(RAW.replace(b"jo@example.org", b"jo@mail.example.org"), "news.example.org")

    assert verdict(raw, "mail.example.org").result == "pass"


def test_strangers_under_an_unknown_suffix_are_not_aligned():
    """Nobody published anything for `edu.xx`: a neighbour's signature says nothing of the victim."""
    raw = dkim_signed(RAW.replace(b"example.org", b"victim.edu.xx"), "evil.edu.xx")
    names = {
        "_dmarc.victim.edu.xx": ("v=DMARC1; p=reject",), "_dmarc.evil.edu.xx": ("v=DMARC1; p=none",),
        "_dmarc.edu.xx": (), "_dmarc.xx": (), "s1._domainkey.evil.edu.xx": (a_key().record,),
    }  # fmt: skip

    assert verdict(raw, "victim.edu.xx", names=names, spf="fail").result == "fail"


def test_the_published_policy_goes_with_a_failure():
    """So that a domain that only watches is not treated as forged."""
    assert verdict(spf="fail", record="v=DMARC1; p=none").value("policy.published-domain-policy") == "none"


@given(st.text(max_size=200))
def test_any_text_is_a_record_or_not(text):
    """Reading never raises."""
    read_record("example.org", ("v=DMARC1; " + text, text))
