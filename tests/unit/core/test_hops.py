"""Which peers are servers of ours, and what a field is worth that comes from elsewhere."""

from __future__ import annotations

import pytest
from builders import JO, a_message, a_policy, an_envelope

from daemon.core.authres import AuthResult, AuthResults
from daemon.core.clues import Clues
from daemon.core.envelope import Channel
from daemon.core.hops import is_among
from daemon.core.trust import Proof, grade

NETS = ("127.0.0.0/8", "10.0.0.0/8", "fe80::/10", "2001:db8::/32")
PASS = "mx.example.com; dmarc=pass header.from=example.org"


@pytest.mark.parametrize(
    ("peer", "ours"),
    [
        ("127.0.0.1", True), ("10.9.9.9", True), ("::ffff:10.9.9.9", True), ("2001:db8::1", True),
        ("fe80::1%eth0", True), ("192.0.2.1", False), ("::1", False), ("", False), ("local", False),
        ("mail.example.com", False), ("10.9.9.9.evil.example", False), ("0x7f.1", False), ("127.1", False),
    ],
)  # fmt: skip
def test_is_among(peer, ours):
    """Addresses, not names; a mapped address is the one it maps."""
    assert is_among(peer, NETS) is ours


@pytest.mark.parametrize(
    ("channel", "peer", "proof"),
    [
        (Channel.SMTP, "127.0.0.1", Proof.DOMAIN), (Channel.SMTP, "192.0.2.1", Proof.NOBODY),
        (Channel.SMTP, "", Proof.NOBODY), (Channel.LMTP, "192.0.2.1", Proof.DOMAIN),
        (Channel.LMTP, "local", Proof.DOMAIN),
        (Channel.IMAP, "imap.example.com", Proof.DOMAIN), (Channel.PIPE, "", Proof.DOMAIN),
    ],
)  # fmt: skip
def test_a_field_counts_only_from_a_hop_of_ours(channel, peer, proof):
    """RFC 8601 §5: a stranger who knows our authserv-id writes the same field."""
    message = a_message(headers=[("Authentication-Results", PASS)])
    envelope = an_envelope(channel=channel, peer=peer)

    assert grade(message, envelope, a_policy(trusted_hops=NETS), Clues()).proof is proof


RECEIVED = ("Received", "from a by b; Mon, 23 Nov 2026 09:00:00 +0000")


@pytest.mark.parametrize(
    ("channel", "above", "inner", "proof"),
    [
        (Channel.LMTP, 0, 0, Proof.DOMAIN), (Channel.LMTP, 1, 0, Proof.DOMAIN), (Channel.LMTP, 2, 0, Proof.NOBODY),
        (Channel.SMTP, 1, 0, Proof.DOMAIN), (Channel.SMTP, 2, 0, Proof.NOBODY), (Channel.SMTP, 3, 2, Proof.DOMAIN),
        (Channel.SMTP, 4, 2, Proof.NOBODY), (Channel.PIPE, 0, 0, Proof.DOMAIN), (Channel.PIPE, 1, 0, Proof.NOBODY),
        (Channel.IMAP, 9, 0, Proof.DOMAIN),
    ],
)  # fmt: skip
def test_a_field_counts_only_above_the_received_fields_of_others(channel, above, inner, proof):
    """Below the Received field of our MTA stands what came from outside, whoever it says wrote it."""
    message = a_message(headers=[*[RECEIVED] * above, ("Authentication-Results", PASS)])

    trust = grade(message, an_envelope(channel=channel), a_policy(inner_hops=inner), Clues())

    assert trust.proof is proof
    assert "dmarc=pass" in trust.evidence or "below another Received field" in trust.evidence


def test_a_forged_field_below_does_not_count_beside_one_above():
    """The topmost decides, and there is no second look."""
    low = ("Authentication-Results", PASS)
    message = a_message(headers=[("Authentication-Results", "mx.example.com; dkim=none"), RECEIVED, RECEIVED, low])

    assert grade(message, an_envelope(), a_policy(), Clues()).proof is Proof.NOBODY


def own(result: str, **properties: str) -> AuthResults:
    pairs = (
        ("header.from", "example.org"),
        *((k.replace("_", "-").replace("policy-", "policy."), v) for k, v in properties.items()),
    )
    return AuthResults(
        authserv_id="checked here", results=(AuthResult(method="dmarc", result=result, properties=pairs),)
    )


def graded(results: AuthResults, *fields: str):
    message = a_message(headers=[("Authentication-Results", field) for field in fields])
    return grade(message, an_envelope(), a_policy(), Clues(), own=results)


def test_what_we_checked_is_evidence():
    """The same levels as by a trusted field, and it says who checked."""
    trust = graded(own("pass"))

    assert (trust.proof, trust.failed) == (Proof.DOMAIN, False)
    assert trust.evidence == "checked here: dmarc=pass header.from=example.org"
    assert graded(own("fail")).failed
    assert graded(own("temperror")).proof is Proof.NOBODY


def test_a_domain_that_only_watches_is_not_forged():
    """p=none: nothing is proven, and nothing is held against the mail."""
    trust = graded(own("fail", policy_published_domain_policy="none"))

    assert (trust.proof, trust.failed) == (Proof.NOBODY, False)
    assert "dmarc=fail" in trust.evidence


def test_our_own_verdict_comes_before_a_field():
    """A field speaks where we could not say anything, never against what we saw."""
    assert graded(own("fail"), PASS).failed
    assert graded(own("unknown"), PASS).proof is Proof.DOMAIN
    assert graded(own("pass"), PASS.replace("pass", "fail")).proof is Proof.DOMAIN


def test_dkim_beside_a_failed_dmarc_proves_nothing():
    """Where a policy asks for strict alignment, a subdomain's signature is not enough."""
    results = AuthResults(
        authserv_id="checked here",
        results=(
            AuthResult(
                method="dmarc",
                result="fail",
                properties=(("header.from", JO.domain), ("policy.published-domain-policy", "none")),
            ),
            AuthResult(method="dkim", result="pass", properties=(("header.d", f"students.{JO.domain}"),)),
        ),
    )

    assert graded(results).proof is Proof.NOBODY
