"""The law of the credits under any history, and claims by many workers at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from arrange import LEASE, POLICY, a_posting, accept, an_arrival
from builders import NOW, an_address
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from daemon.core.credit import CreditLimits
from daemon.store import credits as purse_keeper
from daemon.store import inbound, ledger, outbox
from daemon.store.columns import Key, Words, bounded, key
from daemon.store.engine import open_engine
from daemon.store.migrate import migrate

PEOPLE = ("anna@example.org", "bert@example.org", "carl@gmail.com")
LIMITS = CreditLimits(per_address=2, per_domain=3, overall=5, team=4)
DESK = replace(POLICY, credits=LIMITS)

STEP = st.tuples(st.sampled_from(["send", "send", "send", "hear", "act", "days"]), st.integers(0, 2))


@settings(max_examples=60)
@given(st.lists(STEP, max_size=40))
def test_no_history_breaks_the_law(steps: list[tuple[str, int]]) -> None:
    """Automatic mails to p ≤ K(1 + silences) + people's actions for p, whatever happens in whatever order."""
    engine = open_engine("sqlite://")
    migrate(engine)
    now, sent, acts, silences = NOW, dict.fromkeys(PEOPLE, 0), dict.fromkeys(PEOPLE, 0), dict.fromkeys(PEOPLE, 0)
    heard = dict.fromkeys(PEOPLE, NOW)
    with engine.begin() as tx:
        for number, (step, who) in enumerate(steps):
            person = PEOPLE[who]
            if step == "days":
                now += timedelta(days=20)
            elif step == "act":
                purse_keeper.give_back(tx, an_address(person), DESK, now=now)
                acts[person] += 1
            else:
                if now - heard[person] >= timedelta(days=30):
                    silences[person] += 1
                    heard[person] = now
                if step == "hear":
                    purse_keeper.hear(tx, an_address(person), DESK, now=now)
                    heard[person] = now
                else:
                    queued = outbox.queue(tx, a_posting(to=person, message_id=f"<{number}@us>"), DESK, now=now)
                    sent[person] += queued.outbox_id is not None

        wrong = [trouble for trouble in ledger.check(tx) if trouble]
    engine.dispose()

    assert wrong == []
    for person in PEOPLE:
        assert sent[person] <= LIMITS.per_address * (1 + silences[person]) + acts[person]
    given_back = LIMITS.per_address * sum(silences.values())
    assert sum(sent.values()) <= LIMITS.overall + sum(acts.values()) + given_back


@given(st.text(max_size=2000))
def test_any_text_becomes_storable(text: str) -> None:
    """No NUL, no lone surrogate, bounded, and the same again when it is stored again."""
    kept, folded = bounded(text, 300), key(text)

    assert len(kept) <= 300
    assert "\0" not in kept + folded
    assert len(folded) <= 255
    assert len((kept + folded).encode("utf-8")) > -1  # encodable
    assert len(folded.encode()) <= 1020
    assert key(folded) == folded


@given(st.text(min_size=300, max_size=600), st.text(min_size=300, max_size=600))
def test_long_keys_stay_apart(one: str, other: str) -> None:
    """Folding is by a hash of the whole: what differs after the cut still differs."""
    same = bounded(one, 10_000) == bounded(other, 10_000)

    assert (key(one) == key(other)) is same
    assert Key().process_bind_param(one, None) == key(one)  # type: ignore[arg-type]
    assert Words(5).process_bind_param(None, None) is None  # type: ignore[arg-type]


def test_many_workers_claim_each_mail_once(engine: Engine) -> None:
    """SKIP LOCKED on PostgreSQL, one writer on SQLite: never the same mail twice, none left behind."""
    with engine.begin() as tx:
        accept(tx, *(an_arrival(message_id=f"<{number}@x>") for number in range(60)))
        for number in range(60):
            outbox.queue(tx, a_posting(kind="reply", message_id=f"<{number}@us>"), POLICY, now=NOW)

    def work(worker: int) -> tuple[list[int], list[int]]:
        mails: list[int] = []
        letters: list[int] = []
        for _ in range(12):
            with engine.begin() as tx:
                taken = inbound.claim(tx, owner=f"w{worker}", now=NOW, lease=LEASE, limit=3)
                mails += [mail.inbound_id for mail in taken]
            with engine.begin() as tx:
                letters += [mail.outbox_id for mail in outbox.claim(tx, owner="w", now=NOW, lease=LEASE, limit=3)]
        return mails, letters

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(work, range(4)))

    for kind in (0, 1):
        taken = [each for result in results for each in result[kind]]
        assert sorted(taken) == sorted(set(taken))
        assert len(taken) == 60
