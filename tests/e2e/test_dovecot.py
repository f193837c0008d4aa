"""Real Dovecot mailboxes before the daemon: everything taken once, marked only when stored, whoever is in trouble."""

from __future__ import annotations

import time

import pytest

from tests.e2e.conftest import MakeStage
from tests.e2e.corpus import Sample, full_mix, mixed
from tests.e2e.invariants import assert_invariants
from tests.e2e.mailbox import acted_on, imap_account, marked_ids, taken
from tests.e2e.stage import UNREADY, Stage, wait_for
from tests.peers.conftest import Dovecot, dovecot, short_dir  # noqa: F401
from tests.ports import free_port

pytestmark = pytest.mark.peer


def appended(server: Dovecot, user: str, samples: list[Sample]) -> None:
    server.append(user, *(sample.raw for sample in samples))


def one_desk(samples: list[Sample]) -> list[Sample]:
    """What a mailbox can hold: the copies for the second desk come by another way."""
    return [sample for sample in samples if sample.desks == ("help",)]


def run_mix(stage: Stage, server: Dovecot, after: str, count: int) -> None:
    first, later = (one_desk(part) for part in full_mix(count))
    user = server.user()
    appended(server, user, first)
    stage.configure(stage.extra + imap_account(stage, server, user, after=after))

    stage.start()
    wait_for(lambda: acted_on(server, user, after) == len(first), stage.tail)
    stage.settle()
    appended(server, user, later)
    wait_for(lambda: acted_on(server, user, after) == len(first) + len(later), stage.tail)
    stage.settle()

    assert_invariants(stage, [*first, *later])


@pytest.mark.timeout(240)
@pytest.mark.parametrize("after", ["flag", "move"])
def test_mixed_mails_of_a_mailbox(make_stage: MakeStage, dovecot: Dovecot, after: str):  # noqa: F811
    """100 mixed mails, first what lay there, then what arrives during IDLE: stored, answered and marked once."""
    run_mix(make_stage(), dovecot, after, 100)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("after", ["flag", "move", "seen", "delete"])
def test_500_mixed_mails_of_a_mailbox(make_stage: MakeStage, dovecot: Dovecot, after: str):  # noqa: F811
    """The same with 500."""
    run_mix(make_stage(), dovecot, after, 500)


def test_a_broken_account_stops_no_other(make_stage: MakeStage, dovecot: Dovecot):  # noqa: F811
    """One account with a server that is not there, one whose password is wrong: the third is polled as ever."""
    stage, user = make_stage(), dovecot.user()
    samples = one_desk(mixed(10))
    stage.configure(
        stage.extra
        + imap_account(stage, dovecot, dovecot.user(), after="flag", name="aaa", port=free_port())
        + imap_account(stage, dovecot, dovecot.user(), after="flag", name="bbb", password="wrong")
        + imap_account(stage, dovecot, user, after="flag", name="ccc")
    )

    stage.start()
    appended(dovecot, user, samples)
    wait_for(lambda: taken(stage, samples), stage.tail)
    stage.settle()

    assert_invariants(stage, samples)
    # Dovecot lets a wrong password wait for seconds before it says no.
    wait_for(lambda: "login refused" in stage.tail(100_000), stage.tail)
    log = stage.tail(100_000)
    assert "account=aaa" in log
    assert log.count("account=bbb") < 10, "a refused login is not tried again at once"


@pytest.mark.timeout(240)
def test_kill_9_in_the_middle_of_a_mailbox(make_stage: MakeStage, dovecot: Dovecot):  # noqa: F811
    """Killed at three moments of the first download: nothing marked that is not stored (I5), none lost."""
    stage, user = make_stage(), dovecot.user()
    samples = one_desk(mixed(120))
    appended(dovecot, user, samples)
    stage.configure(stage.extra + imap_account(stage, dovecot, user, after="flag"))

    for part in (0, 40, 80):
        stage.start(wait=False)
        wait_for(lambda at=part: stage.state.exists() and stored(stage) > at, stage.tail)
        time.sleep(0.01)
        stage.kill()
        ids = {row[0] for row in stage.rows("SELECT message_id FROM inbound")}
        assert marked_ids(dovecot, user) <= ids
    stage.start()
    wait_for(lambda: acted_on(dovecot, user, "flag") == len(samples), stage.tail)
    stage.settle()

    assert_invariants(stage, samples)


def stored(stage: Stage) -> int:
    try:
        return stage.count("SELECT count(*) FROM inbound")
    except UNREADY:
        return 0
