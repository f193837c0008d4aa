"""The laboratory on wrong variants of the product: what it does not catch here, its green tests do not prove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeStage
from tests.e2e.launch import Process, Zygote
from tests.e2e.sink import Sink
from tests.faults.kills import prove
from tests.faults.two_nodes import run_two_nodes

pytestmark = pytest.mark.timeout(400)


@dataclass(frozen=True)
class Mutated:
    """A launcher of daemons with this fault."""

    zygote: Zygote
    mutant: str

    def start(self, argv: Sequence[str], environ: Mapping[str, str], *, out: Path, err: Path) -> Process:
        return self.zygote.start(argv, environ, out=out, err=err, mutant=self.mutant)


def test_an_answer_before_the_commit_is_caught(make_stage: MakeStage, zygote: Zygote):
    """250 first, then the commit: kills before the commit lose mail that was promised."""
    with pytest.raises(AssertionError, match=r"\d+ stored, \d+ handed in"):
        prove(make_stage, "before_commit", 20, launcher=Mutated(zygote, "answer_before_commit"))


def test_a_new_message_id_per_try_is_caught(make_stage: MakeStage, zygote: Zygote):
    """A kill after the relay's answer makes two mails of one: the relay has an identifier that no row has."""
    with pytest.raises(AssertionError, match=r"[2-9] acknowledgments of|\d+ unknown, \d+ never came"):
        prove(make_stage, "after_relay_final", 10, launcher=Mutated(zygote, "new_id_per_try"))


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_credit_outside_the_transaction_is_caught(make_stage: MakeStage, zygote: Zygote):
    """A kill between the two commits sends a mail that nobody paid for: the audit adds it up (I7)."""
    with pytest.raises(AssertionError, match=r"paid for|the journal says"):
        prove(make_stage, "outbox_claimed", 6, launcher=Mutated(zygote, "credit_in_its_own_transaction"))


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_claim_without_a_lease_is_caught(make_stage: MakeStage, zygote: Zygote, sink: Sink):
    """Two nodes send the same mail though nobody died."""
    with pytest.raises(AssertionError, match="repeated without a reason"):
        run_two_nodes(make_stage, sink, launcher=Mutated(zygote, "claim_without_lease"))
