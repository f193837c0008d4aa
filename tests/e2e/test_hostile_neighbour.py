"""Hostile mails at one session while another one works: nobody waits for them, and each ends as a stored ticket."""

from __future__ import annotations

import json
import smtplib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeStage
from tests.e2e.corpus import DESK, mixed
from tests.e2e.stage import Stage
from tests.hostile import MAILS

_LIMIT_S = 0.100  # of another session's round trip
_WORST = 5
_NAMED = ("depth-10000", "to-50000-addresses", "subject-20000-encoded-words", "empty-lines-5-mb")
_MORE = ("parts-20000", "field-folded-100000-times", "references-60000-octets", "html-50000-nested-div")


@contextmanager
def neighbour(stage: Stage) -> Iterator[list[float]]:
    """Round trips of another session, known when the block ends."""
    times: list[float] = []
    script = Path(__file__).with_name("neighbour.py")
    with subprocess.Popen(
        [sys.executable, "-I", str(script), str(stage.smtp_port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield times
            said, _ = process.communicate(timeout=60)
            times += json.loads(said)
        finally:
            process.kill()


def worst(times: list[float]) -> float:
    """The median of the worst few: one hiccup of a busy machine is not a stall of ours."""
    return statistics.median(sorted(times)[-_WORST:])


def hand_in(stage: Stage, name: str, number: int) -> int:
    """One hostile mail with a Message-ID of its own; the code of the answer."""
    raw = MAILS[name]().replace(b"<hostile@", b"<hostile%d@" % number, 1)
    with smtplib.SMTP("127.0.0.1", stage.smtp_port, timeout=60) as client:
        client.ehlo("load.example")
        client.mail("mallory@example.net")
        client.rcpt(DESK)
        return client.data(raw)[0]


@pytest.mark.timeout(240)
def test_hostile_mails_stall_nobody_and_become_tickets(make_stage: MakeStage, capsys: pytest.CaptureFixture[str]):
    """A flood of them from three sessions: a fourth never waits 100 ms, a friendly mail is answered."""
    stage = make_stage()
    stage.start()
    names = [name for name in (*_NAMED, *_MORE) for _ in range(2)]
    with neighbour(stage) as calm:
        time.sleep(1.5)

    with neighbour(stage) as busy:
        with ThreadPoolExecutor(3) as senders:
            codes = list(senders.map(lambda each: hand_in(stage, each[1], each[0]), enumerate(names)))
        (friend,) = mixed(1)
        stage.send([friend])
        stage.settle()

    with capsys.disabled():
        percentile = statistics.quantiles(busy, n=100)[98]
        sys.stdout.write(
            f"\n  round trips of a neighbour: {len(busy)}, median {statistics.median(busy) * 1e3:.1f} ms, "
            f"p99 {percentile * 1e3:.1f} ms, worst few {worst(busy) * 1e3:.1f} ms (idle {worst(calm) * 1e3:.1f} ms)\n"
        )
    assert worst(busy) < _LIMIT_S + worst(calm)
    assert set(codes) == {250}
    assert stage.count("SELECT count(*) FROM inbound") == len(names) + 1
    assert stage.count("SELECT count(*) FROM inbound WHERE settled_at IS NULL OR ticket_id IS NULL") == 0
    assert stage.count("SELECT count(*) FROM inbound WHERE reason = 'over-limit' AND ack_reason = ''") == 0
    assert len(stage.sink.to(friend.sender)) == 1
    stage.audit()
