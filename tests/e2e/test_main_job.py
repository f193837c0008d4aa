"""The main job through the real command: mail in, ticket stored, one acknowledgment at the relay, a clean stop."""

from __future__ import annotations

import email
import email.policy
import signal
import time

from tests.e2e.corpus import mixed
from tests.e2e.invariants import assert_invariants
from tests.e2e.stage import Stage


def test_every_mail_is_stored_once_and_every_eligible_one_acknowledged_once(stage: Stage):
    """60 mixed mails by four senders at a time: I1–I7 hold, and without faults nothing is repeated."""
    samples = mixed(60)
    stage.start()

    stage.send(samples)
    stage.settle()

    assert_invariants(stage, samples)


def test_the_acknowledgment_says_when_a_person_answers(stage: Stage):
    """The instant in the mail is the stored promise, word for word; the headers are those of an automatic answer."""
    (sample,) = mixed(1)
    stage.start()

    stage.send([sample])
    stage.settle()

    (raw,) = stage.sink.to(sample.sender)
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    ((said,),) = stage.rows("SELECT said FROM promise")
    assert said
    assert said in mail.get_body(("plain",)).get_content()
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["In-Reply-To"] == sample.message_id
    assert stage.sink.mails[0][0] in {"", "<>", None}


def test_sigterm_drains_within_ten_seconds(stage: Stage):
    """Mails in flight are finished or given back; the exit code is 0 and the audit is clean."""
    samples = mixed(40)
    stage.start()
    for sample in samples:
        assert stage.send_once(sample)

    begun = time.monotonic()
    code = stage.stop()

    assert code == 0, stage.tail()
    assert time.monotonic() - begun < 10
    stage.start()
    stage.settle()
    assert_invariants(stage, samples)


def test_sighup_swaps_the_configuration_and_keeps_the_old_one_on_error(stage: Stage):
    """A new alias is served after SIGHUP; a broken file changes nothing but the log."""
    stage.start()
    stage.configure(extra='[guards]\ndisabled = []\n[robot.monitor]\naddress = "m@mon.example"\ncategory = "network"\n')

    stage.process.send_signal(signal.SIGHUP)
    wait_for(stage, "daemon.reloaded")
    stage.configure(extra="[guards]\nnonsense = 1\n")
    stage.process.send_signal(signal.SIGHUP)
    wait_for(stage, "daemon.reload_refused")

    (sample,) = mixed(1)
    stage.send([sample])
    stage.settle()
    assert stage.sink.to(sample.sender)


def wait_for(stage: Stage, words: str, patience_s: float = 30) -> None:
    end = time.monotonic() + patience_s
    while words not in stage.tail():
        assert time.monotonic() < end, stage.tail()
        time.sleep(0.05)
