"""ARC: chains made and broken here, after RFC 8617 §5.2; and whose word counts at the end of a good one.

Every case is sealed by `signing.arc_sealed`, which knows nothing of the library that validates.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from letters import RAW, found
from signing import a_key, arc_sealed, dkim_signed

from daemon.authentication.chain import Chain, validate
from daemon.authentication.findings import Authentication, Findings
from daemon.authentication.judge import judge
from daemon.authentication.signature import Letter

LISTS, RELAY, EVIL = "lists.example", "relay.example", "evil.example"
SAW = "mx.lists.example; dkim=pass header.d=example.org; dmarc=pass header.from=example.org"
SAW_FAIL = "mx.relay.example; arc=pass; dmarc=fail header.from=example.org"
ONE = arc_sealed(RAW, LISTS, SAW)
TWO = arc_sealed(ONE, RELAY, SAW_FAIL, instance=2)
THREE = arc_sealed(TWO, LISTS, SAW_FAIL, instance=3)


def chain_of(
    raw: bytes, findings: Findings | None = None, sealers: tuple[str, ...] = (LISTS,), limit: int = 10
) -> Chain:
    return validate(Letter(raw), findings or found(), sealers=sealers, limit=limit)


def without(raw: bytes, name: str, instance: int) -> bytes:
    """`raw` without one field of one set."""
    fields = raw.split(b"\r\n")
    gone = re.compile(rb"(?i)%s: i=%d;" % (name.encode(), instance))
    assert any(gone.match(field) for field in fields)
    return b"\r\n".join(field for field in fields if not gone.match(field))


def twice(raw: bytes, name: str) -> bytes:
    (field,) = [field for field in raw.split(b"\r\n") if field.lower().startswith(name.encode() + b":")][:1]
    return field + b"\r\n" + raw


def moved(raw: bytes) -> bytes:
    """The fields of the sets in the order of their names: a relay may reorder what it does not know."""
    head, _, body = raw.partition(b"\r\n\r\n")
    return b"\r\n".join(sorted(head.split(b"\r\n"))) + b"\r\n\r\n" + body


def long_chain(count: int) -> bytes:
    raw = ONE
    for instance in range(2, count + 1):
        raw = arc_sealed(raw, RELAY, SAW_FAIL, instance=instance)
    return raw


AMS, AS, AAR = "arc-message-signature", "arc-seal", "arc-authentication-results"
# fmt: off
CASES = {
    "no chain": (RAW, "none"),
    "empty mail": (b"", "none"),
    "no body": (arc_sealed(RAW.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", LISTS, SAW), "pass"),
    "one set": (ONE, "pass"), "two sets": (TWO, "pass"), "three sets": (THREE, "pass"),
    "ten sets": (long_chain(10), "pass"), "eleven sets": (long_chain(11), "fail"),
    "trace fields above": (b"Received: by us\r\n" + TWO, "pass"),
    "fields in another order": (moved(TWO), "fail"),  # dkimpy wants the newest on top; no harm: only not proven
    "line feeds only": (TWO.replace(b"\r\n", b"\n"), "pass"),
    "white space at line ends": (ONE.replace(b"not print.\r\n", b"not print.  \r\n"), "pass"),
    "2048 bits": (arc_sealed(RAW, LISTS, SAW, key=a_key(3, 2048), selector="s2"), "pass"),
    "unknown tags": (arc_sealed(RAW, LISTS, SAW, ams={"zz": "1"}, seal={"yy": "2"}), "pass"),
    "with a time": (arc_sealed(RAW, LISTS, SAW, ams={"t": "12345"}, seal={"t": "12345"}), "pass"),
    "DKIM between": (arc_sealed(dkim_signed(ONE, RELAY), RELAY, SAW_FAIL, instance=2), "pass"),
    "content changed between the sets": (
        arc_sealed(ONE.replace(b"Printer", b"[list] Printer").replace(b"Jo\r\n", b"Jo\r\n-- \r\nlist footer\r\n"), RELAY, SAW_FAIL, instance=2), "pass"),  # noqa: E501
    # broken from here on
    "body changed": (ONE.replace(b"not print", b"print"), "fail"),
    "body appended": (TWO + b"#close\r\n", "fail"),
    "subject changed": (ONE.replace(b"Printer", b"#close"), "fail"),
    "From changed": (TWO.replace(b"Jo <jo@", b"Al <al@"), "fail"),
    "From changed and a second one": (b"From: agent@example.org\r\n" + TWO, "fail"),
    "results changed": (ONE.replace(b"dkim=pass", b"dkim=fail"), "fail"),
    "older results changed": (TWO.replace(b"i=1; mx.lists.example; dkim=pass", b"i=1; mx.lists.example; dkim=fail"), "fail"),  # noqa: E501
    "seal of another key": (arc_sealed(RAW, LISTS, SAW, sealing=a_key(2)), "fail"),
    "signature of another key": (arc_sealed(RAW, LISTS, SAW, key=a_key(2), sealing=a_key()), "fail"),
    "all of another key": (arc_sealed(RAW, LISTS, SAW, key=a_key(2)), "fail"),
    "older seal of another key": (arc_sealed(arc_sealed(RAW, LISTS, SAW, sealing=a_key(2)), RELAY, SAW_FAIL, instance=2), "fail"),  # noqa: E501
    "no seal": (without(ONE, AS, 1), "fail"), "no signature": (without(ONE, AMS, 1), "fail"),
    "no results": (without(ONE, AAR, 1), "fail"), "no older seal": (without(TWO, AS, 1), "fail"),
    "no older signature": (without(TWO, AMS, 1), "fail"), "no older results": (without(TWO, AAR, 1), "fail"),
    "no newest seal": (without(TWO, AS, 2), "fail"),
    "seal twice": (twice(ONE, AS), "fail"), "signature twice": (twice(ONE, AMS), "fail"), "results twice": (twice(ONE, AAR), "fail"),  # noqa: E501
    "begins at 2": (arc_sealed(RAW, LISTS, SAW, instance=2), "fail"),
    "a gap": (arc_sealed(ONE, RELAY, SAW_FAIL, instance=3), "fail"),
    "instance 0": (ONE.replace(b" i=1;", b" i=0;"), "fail"),
    "instance too large": (ONE.replace(b" i=1;", b" i=1000000000;"), "fail"),
    "instance is no number": (ONE.replace(b" i=1;", b" i=one;"), "fail"),
    "no instance": (ONE.replace(b" i=1;", b""), "fail"),
    "cv=pass on the first": (arc_sealed(RAW, LISTS, SAW, cv="pass"), "fail"),
    "cv=none on the second": (arc_sealed(ONE, RELAY, SAW_FAIL, instance=2, cv="none"), "fail"),
    "cv=fail on the first": (arc_sealed(RAW, LISTS, SAW, cv="fail"), "fail"),
    "cv=fail on the second": (arc_sealed(ONE, RELAY, SAW_FAIL, instance=2, cv="fail"), "fail"),
    "cv unknown": (arc_sealed(RAW, LISTS, SAW, cv="maybe"), "fail"),
    "cv empty": (arc_sealed(RAW, LISTS, SAW, cv=""), "fail"),
    "h= in a seal": (arc_sealed(RAW, LISTS, SAW, seal={"h": "from"}), "fail"),
    "sha1 seal": (arc_sealed(RAW, LISTS, SAW, seal={"a": "rsa-sha1"}), "fail"),
    "sha1 signature": (arc_sealed(RAW, LISTS, SAW, ams={"a": "rsa-sha1"}), "fail"),
    "no algorithm": (arc_sealed(RAW, LISTS, SAW, seal={"a": ""}), "fail"),
    "no domain": (arc_sealed(RAW, LISTS, SAW, seal={"d": ""}), "fail"),
    "no selector": (arc_sealed(RAW, LISTS, SAW, seal={"s": ""}), "fail"),
    "domain with a slash": (arc_sealed(RAW, LISTS, SAW, ams={"d": "a/b"}), "fail"),
    "time in the future": (arc_sealed(RAW, LISTS, SAW, seal={"t": "99999999999"}), "fail"),
    "time is no number": (arc_sealed(RAW, LISTS, SAW, seal={"t": "now"}), "fail"),
    "From not signed": (arc_sealed(RAW, LISTS, SAW, names=("to", "subject")), "fail"),
    "seal signed by the signature": (arc_sealed(ONE, RELAY, SAW_FAIL, instance=2, names=("from", "arc-seal")), "fail"),
    "free end of the body": (arc_sealed(RAW, LISTS, SAW, ams={"l": "3"}), "fail"),
    "seal is rubbish": (b"ARC-Seal: i=1; !!!\r\n" + without(ONE, AS, 1), "fail"),
    "seal is no base64": (ONE.replace(b"cv=none; d=lists.example; s=s1; b=", b"cv=none; d=lists.example; s=s1; b=!!"), "fail"),  # noqa: E501
    "only a seal": (b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=lists.example; s=s1; b=AAAA\r\n" + RAW, "fail"),
    "unknown key": (arc_sealed(RAW, LISTS, SAW, selector="s9"), "fail"),
    "revoked key": (arc_sealed(RAW, LISTS, SAW, selector="gone"), "fail"),
    "short key": (arc_sealed(RAW, LISTS, SAW, selector="short", key=a_key(4, 512)), "fail"),
    "key of somebody else's name": (arc_sealed(RAW, LISTS, SAW, key=a_key(2), ams={"d": EVIL}), "fail"),
}
# fmt: on
NAMES = {
    "s9._domainkey.lists.example": (),
    "gone._domainkey.lists.example": ("v=DKIM1; p=",),
    "short._domainkey.lists.example": (a_key(4, 512).record,),
    "s2._domainkey.lists.example": (a_key(3, 2048).record,),
}


@pytest.mark.parametrize(("raw", "result"), CASES.values(), ids=CASES)
def test_chains(raw, result):
    """The status of each chain."""
    assert chain_of(raw, found(names=NAMES)).result == result


def test_there_are_enough_cases():
    """The requirement asks for a suite, not for samples."""
    assert len(CASES) >= 60


def test_an_outage_is_temporary():
    """A sealer's key that cannot be asked for."""
    assert chain_of(TWO, found(names={"s1._domainkey.relay.example": None})).result == "temperror"


BELIEVED = {
    "nobody": ((), TWO, []),
    "the newest": ((RELAY,), TWO, [RELAY]),
    "both": ((RELAY, LISTS), TWO, [RELAY, LISTS]),
    "only an older one": ((LISTS,), TWO, []),
    "a gap in the middle": ((LISTS,), THREE, [LISTS]),
    "above the sealer": (("example",), ONE, []),
    "a subdomain of a believed one": (("lists.example",), arc_sealed(RAW, "a.lists.example", SAW), ["a.lists.example"]),
    "a look-alike": (("ists.example",), ONE, []),
}


@pytest.mark.parametrize(("sealers", "raw", "who"), BELIEVED.values(), ids=BELIEVED)
def test_whose_word_counts(sealers, raw, who):
    """From the newest set down, until the first sealer who is not believed."""
    chain = chain_of(raw, found(names={"s1._domainkey.a.lists.example": (a_key().record,)}), sealers=sealers)

    assert chain.result == "pass"
    assert [sealer for sealer, _ in chain.believed] == who


def dmarc_of(raw: bytes, *sealers: str, author: str = "example.org", **more: object) -> tuple[str, str]:
    first = judge(raw, author, found(spf="fail", **more), Authentication(sealers=sealers)).results[0]
    return first.result, first.value("policy.arc")


def test_a_believed_sealer_makes_a_forwarded_mail_pass():
    """The list broke the signature; what it saw before counts."""
    assert dmarc_of(ONE, LISTS) == ("pass", LISTS)
    assert dmarc_of(TWO, LISTS, RELAY) == ("pass", LISTS)


def test_a_sealer_nobody_believes_changes_nothing():
    """Anybody can seal: evil.example claims to have seen a pass."""
    assert dmarc_of(arc_sealed(RAW, EVIL, SAW), LISTS) == ("fail", "")
    assert dmarc_of(ONE) == ("fail", "")


def test_an_invented_history_under_a_believed_seal_is_not_believed():
    """The forger seals i=1 himself and sends it through the believed list, which honestly saw a failure."""
    assert dmarc_of(arc_sealed(arc_sealed(RAW, EVIL, SAW), LISTS, SAW_FAIL, instance=2), LISTS) == ("fail", "")


def test_a_believed_domain_in_the_seal_alone_is_not_enough():
    """Seal and signature of one set must be of one sealer."""
    raw = arc_sealed(RAW, LISTS, SAW, ams={"d": EVIL})

    assert chain_of(raw).result == "pass"
    assert dmarc_of(raw, LISTS) == ("fail", "")


@pytest.mark.parametrize(
    "saw",
    [
        "x.example; dmarc=fail header.from=example.org",
        "x.example; dmarc=pass header.from=evil.example",
        "x.example; dmarc=pass",
        "x.example; dkim=pass header.d=example.org",
        "x.example; none (dmarc=pass header.from=example.org)",
        'x.example; none reason="dmarc=pass header.from=example.org"',
        "x.example; arc=pass",
        "",
    ],
)
def test_what_a_believed_sealer_did_not_see_is_not_seen(saw):
    """Only its DMARC pass for exactly this domain counts."""
    assert dmarc_of(arc_sealed(RAW, LISTS, saw), LISTS) == ("fail", "")


@given(st.data())
def test_no_mutation_of_a_chain_passes_or_raises(data):
    """Any one change of a set or of what it signs ends the chain, quietly."""
    raw = bytearray(TWO)
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255).filter(lambda octet: octet != raw[at]))

    if chain_of(bytes(raw), sealers=(LISTS, RELAY)).result == "pass":
        assert b"".join(bytes(raw).lower().split()) == b"".join(TWO.lower().split())


@given(st.lists(st.sampled_from([AS, AMS, AAR]), max_size=8), st.binary(max_size=120))
def test_any_fields_in_the_place_of_a_chain(names, value):
    """Random fields never raise, and never pass."""
    fields = b"".join(name.encode() + b": i=1; " + value.replace(b"\n", b"") + b"\r\n" for name in names)

    assert chain_of(fields + RAW).result in {"none", "fail"}
