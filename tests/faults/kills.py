"""How the fault tests kill: rounds of armed lives under load, then one that settles, then the invariants."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.e2e.conftest import MakeStage
from tests.e2e.corpus import Sample, mixed
from tests.e2e.invariants import assert_invariants
from tests.e2e.stage import Stage, wait_for

AT_THE_DOOR = ("before_begin", "in_txn", "before_commit", "after_commit", "before_250")
SETTLING = ("claimed", "mid_read")
SENDING = ("outbox_claimed", "after_relay_final", "after_mark")
LIVES = 3  # a mail that was in more dying hands than that is for a person to look at (mail-rules §3)


def rounds(kills: int) -> Iterator[tuple[int, int]]:
    """(seed, lives) of the rounds that make `kills` kills."""
    for seed, first in enumerate(range(0, kills, LIVES)):
        yield seed, min(LIVES, kills - first)


def passes(point: str, seed: int, lives: int) -> list[str]:
    """`point:n` for each life: every n that a few mails reach, in another order each round."""
    most = 2 if point in {*SETTLING, "outbox_claimed"} else 4
    chance = random.Random(f"{point}/{seed}")
    return [f"{point}:{chance.randint(1, most)}" for _ in range(lives)]


def feed(stage: Stage, *, seed: int) -> list[Sample]:
    """Send small batches, alone or several at a time, until every armed life has ended; then let all settle."""
    samples: list[Sample] = []
    kills = len(stage.arms)
    stage.start()
    while stage.kills < kills:
        batch = mixed(4, start=len(samples))
        samples += batch
        assert len(samples) <= 60, f"{stage.kills} of {kills} kills\n{stage.tail()}"
        stage.send(batch, threads=1 + seed % 4)
        wait_for(lambda: stage.revive() or stage.settled(), stage.tail)
    samples += (batch := mixed(2, start=len(samples)))
    stage.send(batch)
    stage.settle()
    return samples


def prove(make_stage: MakeStage, point: str, kills: int, **how: object) -> int:
    """`kills` kills at `point`; how many mails reached the relay more than once."""
    repeats = 0
    for seed, lives in rounds(kills):
        stage = make_stage(arms=passes(point, seed, lives), name=f"{point}-{seed}", **how)
        samples = feed(stage, seed=seed)
        assert_invariants(stage, samples)
        assert stage.kills == lives
        stage.stop()
        repeats += len(stage.sink.mails) - len({raw for _, _, raw in stage.sink.mails})
        stage.sink.mails.clear()
    return repeats
