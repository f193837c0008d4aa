"""DKIM: what verifies, what does not, and that no bytes of a stranger ever become a pass or an exception."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from letters import RAW, found
from signing import Key, a_key, dkim_signed

from daemon.authentication.findings import Findings
from daemon.authentication.key import refusal
from daemon.authentication.signature import Letter, verify_signatures

SIGNED = dkim_signed(RAW, "example.org")
RECORD = a_key().record
P = RECORD.partition("p=")[2]


def results(raw: bytes, findings: Findings | None = None, limit: int = 5) -> list[str]:
    return [each.result for each in verify_signatures(Letter(raw), findings or found(), limit=limit)]


def test_a_good_signature_passes():
    """And says for whom."""
    (result,) = verify_signatures(Letter(SIGNED), found(), limit=5)

    assert (result.result, result.value("header.d")) == ("pass", "example.org")


# fmt: off
MAILS = {
    "no signature": (RAW, []),
    "body changed": (SIGNED.replace(b"not print", b"print"), ["permerror"]),
    "body appended": (SIGNED + b"#close\r\n", ["permerror"]),
    "From changed": (SIGNED.replace(b"Jo <jo@", b"Al <al@"), ["fail"]),
    "subject changed": (SIGNED.replace(b"Printer", b"#close"), ["fail"]),
    "signature of another key": (dkim_signed(RAW, "example.org", key=a_key(2)), ["fail"]),
    "second From on top": (b"From: agent@example.org\r\n" + SIGNED, ["permerror"]),
    "second From below": (SIGNED.replace(b"To: help", b"From: agent@example.org\r\nTo: help"), ["permerror"]),
    "second Subject on top": (b"Subject: #close\r\n" + SIGNED, ["permerror"]),
    "second Content-Type": (b"Content-Type: text/html\r\nContent-Type: text/plain\r\n" + SIGNED, ["permerror"]),
    "From not signed": (dkim_signed(RAW, "example.org", names=("to", "subject")), ["policy"]),
    "free end of the body": (dkim_signed(RAW, "example.org", l="5"), ["policy"]),
    "sha1": (dkim_signed(RAW, "example.org", a="rsa-sha1"), ["policy"]),
    "ed25519": (dkim_signed(RAW, "example.org", a="ed25519-sha256"), ["policy"]),
    "no algorithm": (dkim_signed(RAW, "example.org", a="none"), ["policy"]),
    "expired": (dkim_signed(RAW, "example.org", t="1000", x="2000"), ["permerror"]),
    "from the future": (dkim_signed(RAW, "example.org", t="99999999999"), ["permerror"]),
    "endless number": (dkim_signed(RAW, "example.org", x="9" * 5000), ["permerror"]),
    "version 2": (dkim_signed(RAW, "example.org", v="2"), ["permerror"]),
    "identity elsewhere": (dkim_signed(RAW, "example.org", i="jo@evil.example"), ["permerror"]),
    "identity of a subdomain": (dkim_signed(RAW, "example.org", i="jo@mail.example.org"), ["pass"]),
    "other query": (dkim_signed(RAW, "example.org", q="http"), ["permerror"]),
    "other canonical form": (dkim_signed(RAW, "example.org", c="nowsp"), ["permerror"]),
    "no domain": (dkim_signed(RAW, ""), ["permerror"]),
    "no selector": (dkim_signed(RAW, "example.org", s=""), ["permerror"]),
    "selector with a slash": (dkim_signed(RAW, "example.org", s="a/b"), ["permerror"]),
    "tag twice": (dkim_signed(RAW, "example.org", z="1").replace(b"; z=1", b"; d=example.org"), ["permerror"]),
    "rubbish": (b"DKIM-Signature: !!!\r\n" + RAW, ["permerror"]),
    "empty": (b"DKIM-Signature:\r\n" + RAW, ["permerror"]),
    "broken base64": (b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s1; h=from; bh=x; b=x\r\n" + RAW, ["permerror"]),  # noqa: E501
    "unknown selector": (dkim_signed(RAW, "example.org", selector="s9"), ["temperror"]),
    "two good ones": (dkim_signed(SIGNED, "mail.example.org"), ["pass", "pass"]),
    "a line that is no field": (SIGNED.replace(b"To: help", b"no field\r\nTo: help"), ["permerror"]),
    "an mbox line hides fields": (SIGNED.replace(b"To: help", b"From nowhere\r\nTo: help"), ["permerror"]),
    "a bare CR hides a field": (SIGNED.replace(b"To: help", b"X: y\rFrom: a@b.example\r\nTo: help"), ["pass"]),
    "space before the colon": (SIGNED.replace(b"To: help", b"X-New : y\r\nTo: help"), ["permerror"]),
    "no empty line": (SIGNED.replace(b"\r\n\r\n", b"\r\n", 1), ["permerror"]),
    "line feeds only": (SIGNED.replace(b"\r\n", b"\n"), ["pass"]),
    "trace fields above": (b"Received: by us\r\nDelivered-To: x@example.com\r\n" + SIGNED, ["pass"]),
}
# fmt: on


@pytest.mark.parametrize(("raw", "wanted"), MAILS.values(), ids=MAILS)
def test_mails(raw, wanted):
    """Each is what it should be."""
    assert results(raw) == wanted


def test_only_the_topmost_signatures_are_looked_at():
    """A thousand signatures cost what five do."""
    raw = RAW
    for _ in range(7):
        raw = dkim_signed(raw, "evil.example")

    assert results(raw, limit=3) == ["pass"] * 3


def key_of(text: str, signer: str = "example.org", identity: str = "example.org") -> str:
    refused = refusal(text, signer=signer, identity=identity)
    return refused.result if refused else "fine"


def record(key: Key, **tags: str) -> str:
    return "; ".join([*(f"{name}={value}" for name, value in tags.items()), key.record.partition("; ")[2]])


# fmt: off
KEYS = {
    "usual": (RECORD, "fine"),
    "without version": (f"k=rsa; p={P}", "fine"), "only p": (f"p={P}", "fine"), "folded": (f"p={P[:40]} {P[40:]}", "fine"),  # noqa: E501
    "2048 bits": (a_key(3, 2048).record, "fine"),
    "other version": (f"v=DKIM2; p={P}", "permerror"), "version behind": (f"p={P}; v=DKIM1", "permerror"),
    "revoked": ("v=DKIM1; p=", "permerror"), "no p": ("v=DKIM1; k=rsa", "permerror"), "empty": ("", "permerror"),
    "ed25519": (f"v=DKIM1; k=ed25519; p={P}", "neutral"), "for mail": (f"s=email; p={P}", "fine"),
    "not for mail": (f"s=tlsrpt; p={P}", "permerror"), "for sha1 only": (f"h=sha1; p={P}", "permerror"),
    "for both": (f"h=sha1:sha256; p={P}", "fine"), "testing": (f"t=y; p={P}", "neutral"),
    "512 bits": (a_key(4, 512).record, "policy"), "8192 bits": (replace(a_key(), n=(1 << 8191) + 1).record, "policy"),
    "huge exponent": (replace(a_key(), e=(1 << 900) + 1).record, "policy"),
    "even exponent": (replace(a_key(), e=2).record, "policy"), "exponent 1": (replace(a_key(), e=1).record, "policy"),
    "no base64": ("p=!!!", "permerror"), "cut": (f"p={P[:40]}", "permerror"), "zeros": ("p=AAAAAAAA", "permerror"),
    "too long": (f"n={'x' * 5000}; p={P}", "permerror"),
}
# fmt: on


@pytest.mark.parametrize(("text", "result"), KEYS.values(), ids=KEYS)
def test_keys(text, result):
    """Which key records may verify anything."""
    assert key_of(text) == result


def test_a_key_for_the_domain_itself_is_not_for_subdomains():
    """RFC 6376 §3.6.1, t=s."""
    assert key_of(f"t=s; p={P}") == "fine"
    assert key_of(f"t=s; p={P}", identity="mail.example.org") == "policy"


def test_several_key_records_verify_nothing():
    """RFC 6376 §3.6.2.2 leaves it undefined: we do not guess."""
    several = found(names={"s1._domainkey.example.org": (RECORD, RECORD)})

    assert results(SIGNED, several) == ["fail"]


def test_an_outage_is_temporary():
    """The key could not be asked for: temperror, not fail."""
    assert results(SIGNED, found(names={"s1._domainkey.example.org": None})) == ["temperror"]


# fmt: off
HOSTILE = {
    "spaces in the body": dkim_signed(RAW, "example.org") + b" " * 2_000_000 + b"x\r\n",
    "many runs of spaces": dkim_signed(RAW, "example.org") + (b" " * 1999 + b"x") * 1_000,
    "empty lines": dkim_signed(RAW, "example.org") + b"\r\n" * 500_000 + b"x",
    "spaces in the signature": dkim_signed(RAW, "example.org").replace(b"; b=", b"; b=" + b" " * 7_000),
    "line ends in the signature": dkim_signed(RAW, "example.org").replace(b"; b=", b"; b=" + b"\r\n " * 2_500),
    "letters and spaces in b=": dkim_signed(RAW, "example.org").replace(b"; b=", b"; b=" + b"A   " * 1_500 + b"!"),
    "many names in h=": dkim_signed(RAW, "example.org", h=":".join(f"x{n}" for n in range(1_000)) + ":from"),
    "white space in h=": dkim_signed(RAW, "example.org", h=("a" + " " * 99 + ":") * 60 + "from"),
    "large signature": dkim_signed(RAW, "example.org", z="y" * 60_000),
}
# fmt: on


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_hostile_mails_are_judged_in_time(raw):
    """What a stranger writes costs little, and is no pass."""
    started = time.perf_counter()

    assert "pass" not in results(raw)

    assert time.perf_counter() - started < 5


@given(st.data())
def test_no_mutation_passes_or_raises(data):
    """Any one change of a signed field or of the body ends the proof; whatever dkimpy does, nothing is raised."""
    raw = bytearray(SIGNED)
    at = data.draw(st.integers(SIGNED.index(b"From:"), len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255).filter(lambda octet: octet != raw[at]))
    got = results(bytes(raw))

    if "pass" in got:  # only what relaxed canonicalisation does not see: case of a name, white space, line ends
        mutated, whole = bytes(raw).lower().split(), SIGNED.lower().split()
        assert b"".join(mutated) == b"".join(whole)


@given(st.binary(max_size=300))
def test_any_signature_field_is_judged(value):
    """Random bytes in the place of a signature."""
    assert "pass" not in results(b"DKIM-Signature: " + value.replace(b"\n", b"") + b"\r\n" + RAW)


@given(st.text(max_size=200))
def test_any_key_record_is_judged(text):
    """Random text in the place of a key."""
    assert results(SIGNED, found(names={"s1._domainkey.example.org": (text.encode().decode("latin-1"),)})) != ["pass"]
    assert key_of("p=" + text) != "fine"
