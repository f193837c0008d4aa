"""`kill -9` at every commit boundary, under load: nothing lost, nothing doubled, no acknowledgment too many.

Each round is one desk: three lives that end at the point (each at another pass), and one that settles everything.
The sender is an MTA: it hands a mail in again until it has heard 250. A mail may reach the relay twice
only when a kill cut its final dot from the record of the answer, and then with the same Message-ID.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.e2e.conftest import MakeStage
from tests.e2e.corpus import mixed
from tests.e2e.invariants import assert_invariants
from tests.e2e.mailbox import acted_on, imap_account, taken
from tests.e2e.stage import Stage, wait_for
from tests.faults.kills import AT_THE_DOOR, SENDING, SETTLING, passes, prove, rounds
from tests.peers.conftest import Dovecot

IMAP = ("after_fetch", "after_store", "before_flag", "after_flag")
_SHORT, _LONG = 5, 50
pytestmark = pytest.mark.timeout(400)  # seven starts: 10 s on two idle cores, minutes on a machine that is busy


@pytest.mark.parametrize("point", [*AT_THE_DOOR, *SETTLING, *SENDING])
def test_a_kill_there_loses_and_doubles_nothing(make_stage: MakeStage, point: str):
    """Five kills at the point, at different passes and loads: I1–I9 hold."""
    repeats = prove(make_stage, point, _SHORT)

    assert repeats or point != "after_relay_final", "no kill cut a final dot from its record: nothing was proven"


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("point", [*AT_THE_DOOR, *SETTLING, *SENDING])
def test_fifty_kills_there_lose_and_double_nothing(make_stage: MakeStage, point: str):
    """The same, fifty times."""
    repeats = prove(make_stage, point, _LONG)

    assert repeats or point != "after_relay_final"


# -- IMAP ------------------------------------------------------------------------------------------------------------


def prove_imap(make_stage: MakeStage, dovecot: Dovecot, point: str, kills: int) -> None:
    for seed, lives in rounds(kills):
        after = "delete" if point == "before_expunge" else ("flag", "move", "seen", "delete")[seed % 4]
        stage = make_stage(arms=passes(point, seed, lives), name=f"round{seed}")
        one_mailbox(stage, dovecot, after)
        assert stage.kills == lives
        stage.stop()
        stage.sink.mails.clear()


def one_mailbox(stage: Stage, dovecot: Dovecot, after: str) -> None:
    """Mails arrive on the server until every armed life has ended; then all are stored, answered and marked."""
    user, samples, kills = dovecot.user(), [], len(stage.arms)
    stage.configure(stage.extra + imap_account(stage, dovecot, user, after=after))

    def all_taken() -> bool:
        return stage.revive() or taken(stage, samples)

    stage.start()
    while stage.kills < kills:
        batch = mixed(4, start=len(samples))
        samples += batch
        assert len(samples) <= 60, f"{stage.kills} of {kills} kills\n{stage.tail()}"
        dovecot.append(user, *(sample.raw for sample in batch))
        wait_for(all_taken, stage.tail)
    wait_for(all_taken, stage.tail)
    stage.settle()
    assert_invariants(stage, samples)
    wait_for(lambda: acted_on(dovecot, user, after) == len(samples), stage.tail)


@pytest.mark.peer
@pytest.mark.parametrize("point", IMAP)
def test_a_kill_while_polling_loses_and_doubles_nothing(make_stage: MakeStage, dovecot: Dovecot, point: str):
    """Five kills between fetch, commit and flag, at a real Dovecot: I1–I9 hold and every mail is marked in the end."""
    prove_imap(make_stage, dovecot, point, _SHORT)


@pytest.mark.peer
@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("point", [*IMAP, "before_expunge"])
def test_fifty_kills_while_polling_lose_and_double_nothing(make_stage: MakeStage, dovecot: Dovecot, point: str):
    """The same, fifty times, and between the two steps of a delete."""
    prove_imap(make_stage, dovecot, point, _LONG)


# -- clocks ----------------------------------------------------------------------------------------------------------

_DUE = "SELECT count(*) FROM clock WHERE ended_at IS NULL AND name = 'first_response_risk'"
_HASTY = """
[notices]
at_risk_share = 0.000001
[calendar.office]
hours = { daily = ["00:00-24:00"] }
"""


def prove_clock(make_stage: MakeStage, kills: int) -> None:
    """Clocks come due, the daemon dies with them in hand: each fires once, each requester is told once."""
    for seed, lives in rounds(kills):
        stage = make_stage(extra=_HASTY, name=f"round{seed}")
        samples = mixed(6, start=100 * seed)
        stage.start()
        stage.send(samples, threads=4)
        stage.settle()
        stage.kill()
        expected = stage.kills
        for _ in range(lives):
            stage.arms = ["clock_due:1"]
            stage.start(wait=False)
            assert stage.process.wait(30) == -9
            expected += 1
        stage.revive(wait=True)
        wait_for(lambda s=stage: fired(s), stage.tail)
        stage.settle()
        assert (
            stage.rows("SELECT ticket_id FROM outbox WHERE kind = 'ttr' GROUP BY ticket_id HAVING count(*) > 1") == []
        )
        assert_invariants(stage, samples)
        stage.stop()
        stage.sink.mails.clear()


def fired(stage: Stage) -> bool:
    with closing(sqlite3.connect(stage.database)) as connection:
        (due,) = connection.execute(_DUE).fetchone()
    return due == 0


def test_a_kill_with_due_clocks_in_hand_fires_each_once(make_stage: MakeStage):
    """Five kills with claimed clocks: one time-to-respond notice for each ticket at most, and the audit is clean."""
    prove_clock(make_stage, _SHORT)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_fifty_kills_with_due_clocks_in_hand_fire_each_once(make_stage: MakeStage):
    """The same, fifty times."""
    prove_clock(make_stage, _LONG)
