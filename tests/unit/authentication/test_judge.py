"""`judge` as a whole: never raises, never proves what was not signed, and agrees with the reader on who wrote."""

from __future__ import annotations

import time

import pytest
from builders import a_policy, an_envelope
from hypothesis import given
from hypothesis import strategies as st
from letters import RAW, found
from signing import a_key, arc_sealed, dkim_signed

from daemon.authentication.findings import Authentication, Findings
from daemon.authentication.judge import judge
from daemon.core.limits import Limits
from daemon.core.trust import Proof
from daemon.reader.read import read_one
from daemon.settings import meaning
from daemon.settings.authentication import missing_libraries

RULES = Authentication(sealers=("lists.example",))
SIGNED = dkim_signed(RAW, "example.org")


def read(raw: bytes, findings: Findings | None = None):
    known = findings or found()
    return read_one(
        an_envelope(), raw, a_policy(), limits=Limits(), today=an_envelope().received_at.date(),
        check=lambda octets, author: judge(octets, author, known, RULES),
    )  # fmt: skip


def test_a_signed_mail_is_proven_in_its_reading():
    """The evidence in the reading says who checked what."""
    trust = read(SIGNED).trust

    assert trust.proof is Proof.DOMAIN
    assert trust.evidence.startswith("checked here: dmarc=pass header.from=example.org")


@pytest.mark.parametrize(
    "raw",
    [
        SIGNED.replace(b"From: Jo", b"From: Al <al@evil.example>, Jo"),
        b"From: agent@example.org\r\n" + SIGNED,
        SIGNED.replace(b"\r\n", b"\r"),
        SIGNED.replace(b"From: ", b"From:\0"),
        b"X-A: b\rFrom: agent@example.org\r" + SIGNED,
        b"\r\n" + SIGNED,
        SIGNED.replace(b"From: Jo <jo@", b"From: Jo <\xff@"),
    ],
    ids=["two mailboxes", "two fields", "old Mac", "NUL", "CR in front", "header is body", "odd octet"],
)
def test_what_the_reader_reads_otherwise_is_not_proven(raw):
    """A signature proves only the From that the ticket will carry."""
    reading = read(raw)

    assert reading.trust.proof is Proof.NOBODY or reading.message.identity.key == "jo@example.org"


def test_another_author_than_the_mails_proves_nothing():
    """The caller's word for the author is checked against the mail."""
    assert judge(SIGNED, "example.net", found(), RULES).results == ()
    assert judge(SIGNED, "", found(), RULES).results == ()


def test_a_mail_over_a_limit_is_not_checked():
    """Read by its headers only: its body is whatever it is."""
    reading = read_one(
        an_envelope(), SIGNED, a_policy(), limits=Limits(message_bytes=100), today=an_envelope().received_at.date(),
        check=lambda octets, author: judge(octets, author, found(), RULES),
    )  # fmt: skip

    assert reading.trust.proof is Proof.NOBODY


def test_25_megabytes_are_judged_in_seconds():
    """Measured: 0.75 s of CPU; the reader's limit is five."""
    raw = dkim_signed(RAW + (b"A" * 74 + b"\r\n") * 320_000, "example.org", key=a_key())
    started = time.process_time()

    assert judge(raw, "example.org", found(), RULES).results[0].result == "pass"

    assert time.process_time() - started < 5


@given(st.binary(max_size=400), st.sampled_from([b"", SIGNED, arc_sealed(RAW, "lists.example")]))
def test_any_octets_are_judged(octets, tail):
    """In front of a good mail or alone: no exception, and no DMARC pass for anybody else."""
    results = judge(octets + tail, "evil.example", found(), RULES).results

    assert not [each for each in results if each.method == "dmarc" and each.result == "pass"]


def test_the_extra_is_missed_by_name(monkeypatch):
    """Switched on without its libraries: one fault at its key, with the command to type."""
    assert missing_libraries() == ()
    monkeypatch.setattr(meaning, "missing_libraries", lambda: ("dkimpy", "dnspython"))

    class Section:
        enabled = True

    class Settings:
        authentication = Section()

    (fault,) = meaning._authentication(Settings())

    assert fault.path == ("authentication", "enabled")
    assert "dkimpy and dnspython not installed: pip install 'firstline[authentication]'" in fault.words
