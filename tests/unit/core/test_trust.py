"""Trust: what the sender proves, and what he only says."""

from __future__ import annotations

import time
from datetime import date

import pytest
from builders import HELP, JO, KEYRING, a_message, a_policy, an_address, an_envelope
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.authres import parse_authentication_results
from daemon.core.clues import Clues
from daemon.core.match import find_clues
from daemon.core.token import reply_address
from daemon.core.trust import Proof, Trust, aligned, grade

TODAY = date(2026, 11, 23)
AR = "Authentication-Results"


def grade_of(*fields: str, message=None, envelope=None, policy=None, clues=None) -> Trust:
    message = message or a_message(headers=[(AR, field) for field in fields])
    return grade(message, envelope or an_envelope(), policy or a_policy(), clues or Clues())


def clues_with_token(person=JO) -> Clues:
    path = reply_address(KEYRING, HELP, 1042, person, date(2027, 1, 1), plus=True)
    return find_clues(a_message(), an_envelope(forward_paths=(path,)), a_policy(), TODAY)


PROVEN = {
    "dmarc": "mx.example.com; dmarc=pass header.from=example.org",
    "dmarc with comments": "mx.example.com (our edge); dmarc=pass (p=reject (really) dis=none) header.from=example.org",
    "dmarc without domain": "mx.example.com; dmarc=pass",
    "dkim": "mx.example.com; dkim=pass header.d=example.org header.s=s1 header.b=abc/d=",
    "dkim by identity": "mx.example.com; dkim=pass header.i=@mail.example.org",
    "dkim of the parent": "mx.example.com; dkim=pass header.d=EXAMPLE.ORG",
    "spf": "mx.example.com; spf=pass smtp.mailfrom=bounce@mail.example.org",
    "spf by domain": "mx.example.com; spf=pass smtp.mailfrom=example.org",
    "second result": "mx.example.com; spf=fail smtp.mailfrom=x.example; dkim=pass header.d=example.org",
    "second signature": "mx.example.com; dkim=fail header.d=example.org; dkim=pass header.d=example.org",
    "version": "mx.example.com 1; dkim/1=pass header.d=example.org",
    "quoted id": '"mx.example.com"; dkim=pass header.d="example.org"',
    "capitals": "MX.Example.COM; DKIM=Pass Header.D=Example.org",
    "spaces": "mx.example.com ;\t dkim = pass \t header.d = example.org",
    "reason": 'mx.example.com; dkim=pass reason="good; (really)" header.d=example.org',
}
UNPROVEN = {
    "none": "mx.example.com; none",
    "another server": "mx.evil.example; dmarc=pass header.from=example.org",
    "no server id": "spf=pass smtp.mailfrom=example.org; dmarc=pass header.from=example.org",
    "id in a comment": "(mx.example.com) mx.evil.example; dmarc=pass",
    "id as a prefix": "mx.example.com.evil.example; dmarc=pass",
    "dkim of another": "mx.example.com; dkim=pass header.d=evil.example",
    "dkim of a look-alike": "mx.example.com; dkim=pass header.d=badexample.org",
    "dkim of a top-level domain": "mx.example.com; dkim=pass header.d=org",
    "dkim without domain": "mx.example.com; dkim=pass",
    "spf of another": "mx.example.com; spf=pass smtp.mailfrom=jo@evil.example",
    "spf of the greeting": "mx.example.com; spf=pass smtp.helo=example.org",
    "dmarc of another": "mx.example.com; dmarc=pass header.from=evil.example",
    "results in a comment": "mx.example.com; none (dmarc=pass header.from=example.org)",
    "results in quotes": 'mx.example.com; dkim=fail reason="x; dmarc=pass header.from=example.org"',
    "neutral": "mx.example.com; dkim=neutral header.d=example.org; spf=softfail smtp.mailfrom=example.org",
    "unknown method": "mx.example.com; x-fine=pass header.d=example.org",
    "empty": "",
    "rubbish": ';;;=;((("',
}


@pytest.mark.parametrize("field", PROVEN.values(), ids=PROVEN)
def test_domain_proof(field):
    """An aligned pass in our own server's field proves the domain, and says where it stands."""
    trust = grade_of(field)

    assert (trust.proof, trust.failed) == (Proof.DOMAIN, False)
    assert trust.evidence.startswith("mx.example.com: ")


@pytest.mark.parametrize("field", UNPROVEN.values(), ids=UNPROVEN)
def test_no_proof(field):
    """What is not aligned, not ours or not a pass proves nothing."""
    assert grade_of(field) == Trust()


def test_only_our_topmost_field_counts():
    """Below our own field stand only claims, also under our name; fields of others above it change nothing."""
    ours = "mx.example.com; dkim=none"
    forged = "mx.example.com; dmarc=pass header.from=example.org"

    assert grade_of("relay.example; dmarc=fail header.from=example.org", ours, forged) == Trust()
    assert grade_of(forged, ours).proof is Proof.DOMAIN


def test_without_a_configured_server_nothing_counts():
    """Who has no trusted server believes nobody, also no field without a name."""
    policy = a_policy(trusted_authserv_ids=())

    assert grade_of("mx.example.com; dmarc=pass header.from=example.org", policy=policy) == Trust()
    assert grade_of("dmarc=pass header.from=example.org", policy=a_policy(trusted_authserv_ids=("",))) == Trust()


def test_dmarc_failure():
    """A DMARC failure of the From domain marks the sender as forged, whatever else passes."""
    trust = grade_of("mx.example.com; dkim=pass header.d=example.org; dmarc=fail (p=reject) header.from=example.org")

    assert trust.failed
    assert trust.proof is Proof.NOBODY
    assert "dmarc=fail" in trust.evidence


def test_a_forged_failure_is_a_claim():
    """A stranger cannot mark somebody's mail as forged."""
    assert not grade_of("mx.evil.example; dmarc=fail header.from=example.org").failed


def test_dmarc_failure_outweighs_a_token():
    """A token in a mail with a forged From helps nobody."""
    trust = grade_of("mx.example.com; dmarc=fail header.from=example.org", clues=clues_with_token())

    assert (trust.proof, trust.failed) == (Proof.NOBODY, True)


@pytest.mark.parametrize(
    ("login", "proof"),
    [
        ("jo@example.org", Proof.DOMAIN),
        ("JO@example.org", Proof.DOMAIN),
        ("joe@example.org", Proof.NOBODY),
        ("jo", Proof.NOBODY),
    ],
)
def test_submission_with_auth(login, proof):
    """Who logged in as the From address is proven; another login proves nothing of it."""
    assert grade_of(envelope=an_envelope(authenticated_as=login)).proof is proof


def test_tokens():
    """A token proves its person, with domain proof a person wholly; another's token proves nothing."""
    dmarc = "mx.example.com; dmarc=pass header.from=example.org"

    assert grade_of(clues=clues_with_token()).proof is Proof.TOKEN
    assert grade_of(dmarc, clues=clues_with_token()).proof is Proof.PERSON
    assert grade_of(clues=clues_with_token(an_address("eve@example.org"))).proof is Proof.NOBODY


def test_nobody_is_proven_without_identity():
    """A mail without identity is from nobody, though its fields pass."""
    message = a_message(from_="a@example.org, b@example.org", headers={AR: "mx.example.com; dmarc=pass"})

    assert grade_of(message=message, clues=clues_with_token()) == Trust()


def test_internal_fields_are_claims():
    """No field with our own prefix gives any right."""
    message = a_message(headers={"X-Firstline-Trust": "person", "X-Firstline-Agent": "yes"})

    assert grade_of(message=message) == Trust()


def test_microsoft_365():
    """Microsoft's form without a server name is read, every result of it."""
    field = parse_authentication_results(
        "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.org; dkim=pass (signature was verified)"
        " header.d=example.org;dmarc=pass action=none header.from=example.org;compauth=pass reason=100"
    )

    assert field.authserv_id == ""
    assert [(result.method, result.result) for result in field.results] == [
        ("spf", "pass"), ("dkim", "pass"), ("dmarc", "pass"), ("compauth", "pass"),
    ]  # fmt: skip
    assert field.results[2].value("header.from") == "example.org"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a@example.org", "b@example.org", True),
        ("a@example.org", "b@bounces.example.org", True),
        ("a@example.org", "b@example.com", False),
        ("a@example.co.uk", "b@other.co.uk", False),
    ],
)
def test_aligned(one, other, expected):
    """Addresses are aligned by their domains, relaxed."""
    assert aligned(an_address(one), an_address(other)) is expected


PIECES = st.lists(
    st.sampled_from(
        [
            "mx.example.com",
            ";",
            "=",
            "dmarc",
            "pass",
            "fail",
            "(",
            ")",
            '"',
            "\\",
            " ",
            "\t",
            "header.from",
            "example.org",
            "1",
            "/",
        ]
    ),
    max_size=40,
).map("".join)


@given(st.lists(PIECES | st.text(), max_size=3))
def test_never_raises(fields):
    """Any field is read without an exception, and the grade stays bounded."""
    assert len(grade_of(*fields).evidence) <= 250


@pytest.mark.parametrize("piece", ["(", '"', "\\", "a=", ";", "a ", "= ", '"\\', "a=b;"])
def test_hostile_fields_are_read_in_no_time(piece):
    """A thousand fields of 64 kB cost well under a second."""
    message = a_message(headers=[(AR, "mx.evil.example;" + piece * (64_000 // len(piece)))] * 100)
    started = time.process_time()

    grade_of(message=message)

    assert time.process_time() - started < 1.0


WATCHING = {
    "OpenDMARC": "dmarc=fail (p=none dis=none) header.from=example.org",
    "Gmail": "dmarc=fail (p=NONE sp=NONE dis=NONE) header.from=example.org",
    "rspamd": 'dmarc=fail reason="no valid" (policy=none) header.from=example.org',
    "a property": "dmarc=fail header.from=example.org policy.published-domain-policy=none",
}
FORGED = {
    "reject": "dmarc=fail (p=reject dis=none) header.from=example.org",
    "quarantine": "dmarc=fail (p=quarantine sp=none dis=none) header.from=example.org",
    "nothing said": "dmarc=fail header.from=example.org",
    "another comment": "dmarc=fail (really) (p=none) header.from=example.org",
    "comment of another result": "spf=none (p=none) smtp.mailfrom=x.example; dmarc=fail header.from=example.org",
    "nonesuch": "dmarc=fail (p=nonesuch) header.from=example.org",
}


@pytest.mark.parametrize("result", WATCHING.values(), ids=WATCHING)
def test_only_watches(result):
    """A domain with p=none asks that nothing be done: the mail is unproven, not forged."""
    trust = grade_of(f"mx.example.com; {result}")

    assert (trust.proof, trust.failed) == (Proof.NOBODY, False)
    assert "dmarc=fail" in trust.evidence


@pytest.mark.parametrize("result", FORGED.values(), ids=FORGED)
def test_a_failure_of_any_other_policy_is_forged(result):
    """Or of one that the field does not tell."""
    assert grade_of(f"mx.example.com; {result}").failed


def test_dkim_beside_a_failed_dmarc_is_not_enough():
    """The domain's own policy decides what is aligned."""
    field = "mx.example.com; dmarc=fail (p=none) header.from=example.org; dkim=pass header.d=students.example.org"

    assert grade_of(field).proof is Proof.NOBODY
