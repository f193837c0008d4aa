"""The bound on automatic mail: never below zero, raised only by people and by silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from arrange import POLICY, a_posting
from builders import JO, NOW, an_address
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from daemon.core.credit import CreditLimits
from daemon.core.policy import Policy
from daemon.store import credits as purse_keeper
from daemon.store import journal, outbox
from daemon.store.schema import CREDIT

_numbers = iter(range(1, 100_000))


def send(tx: Connection, to: str = "jo@example.org", *, policy: Policy = POLICY, now=NOW, kind: str = "ack") -> str:  # type: ignore[no-untyped-def]
    """Queue one automatic mail; returns the bound that was spent."""
    posting = a_posting(to=to, kind=kind, message_id=f"<{next(_numbers)}@us>")
    return outbox.queue(tx, posting, policy, now=now).spent


def limited(**limits: int) -> Policy:
    return replace(POLICY, credits=CreditLimits(**limits))


def stored(tx: Connection) -> dict[str, int]:
    return {f"{row.scope}:{row.key}": row.left for row in tx.execute(select(CREDIT))}


def test_three_per_address(tx: Connection) -> None:
    """The fourth is withheld and nothing is taken for it."""
    spent = [send(tx) for _ in range(5)]

    assert spent == ["", "", "", "address", "address"]
    assert stored(tx) == {"overall:": 997, "domain:example.org": 17, "address:jo@example.org": 0}


def test_tags_and_digits_do_not_make_new_people(tx: Connection) -> None:
    """A robot that varies its address spends one purse."""
    spent = [send(tx, f"robot-{n}+tag{n}@example.org") for n in range(4)]

    assert spent == ["", "", "", "address"]


def test_a_domain_is_bounded_and_a_public_provider_is_not(tx: Connection) -> None:
    """Different people of one company share D; customers of a provider do not know each other."""
    policy = limited(per_domain=2)

    company = [send(tx, f"{name}@example.org", policy=policy) for name in ("anna", "bert", "carl")]
    provider = [send(tx, f"{name}@gmail.com", policy=policy) for name in ("anna", "bert", "carl")]

    assert company == ["", "", "domain"]
    assert provider == ["", "", ""]


def test_all_of_it_is_bounded(tx: Connection) -> None:
    """Rotating domains end at G."""
    policy = limited(overall=2)

    assert [send(tx, f"x@{name}.example", policy=policy) for name in "abc"] == ["", "", "overall"]


def test_a_limit_of_zero_sends_nothing(tx: Connection) -> None:
    """An admin can switch automatic mail off."""
    assert send(tx, policy=limited(per_address=0)) == "address"


def test_an_agents_action_gives_one_back(tx: Connection) -> None:
    """One of each, never above the limit; and the teams' purses are full again."""
    for _ in range(3):
        send(tx)
    send(tx, "team@example.com", kind="team")

    purse_keeper.give_back(tx, JO, POLICY, now=NOW)

    assert stored(tx)["address:jo@example.org"] == 1
    assert stored(tx)["team:team@example.com"] == POLICY.credits.team
    for _ in range(9):
        purse_keeper.give_back(tx, JO, POLICY, now=NOW)
    assert stored(tx)["address:jo@example.org"] == 3


def test_a_team_has_its_own_purse(tx: Connection) -> None:
    """A team's mail takes nothing from the requesters."""
    policy = limited(team=1)

    assert [send(tx, "team@example.com", kind="team", policy=policy) for _ in range(2)] == ["", "team"]
    assert set(stored(tx)) == {"team:team@example.com"}


def test_thirty_days_of_silence_refill(tx: Connection) -> None:
    """Silence is theirs: no mail from the address for 30 days."""
    for _ in range(3):
        send(tx)
    after = NOW + timedelta(days=30)

    promised = purse_keeper.left(tx, JO, POLICY, now=after)
    before = purse_keeper.left(tx, JO, POLICY, now=after - timedelta(seconds=1))

    assert (before.address, promised.address) == (0, 3)
    assert send(tx, now=after) == ""
    assert stored(tx) == {"overall:": 999, "domain:example.org": 19, "address:jo@example.org": 2}


def test_whoever_writes_is_not_silent(tx: Connection) -> None:
    """A loop that turns once a month gets nothing: each of its mails ends the silence."""
    for _ in range(3):
        send(tx)
    for day in range(10, 200, 10):
        purse_keeper.hear(tx, JO, POLICY, now=NOW + timedelta(days=day))

    assert send(tx, now=NOW + timedelta(days=200)) == "address"


def test_a_mail_after_the_silence_counts_it_once(tx: Connection) -> None:
    """The first mail after 30 days finds a full purse; the next does not find another one."""
    for _ in range(3):
        send(tx)
    after = NOW + timedelta(days=31)

    purse_keeper.hear(tx, JO, POLICY, now=after)
    spent = [send(tx, now=after) for _ in range(4)]

    assert spent == ["", "", "", "address"]


def test_never_negative_is_a_constraint(tx: Connection) -> None:
    """Whatever code does: the database refuses."""
    send(tx)

    with pytest.raises(IntegrityError), tx.begin_nested():
        tx.execute(update(CREDIT).values(left=-1))


def test_the_journal_adds_up_to_what_is_left(tx: Connection) -> None:
    """Opened + returned + refilled - taken = left, for every purse: the audit's law."""
    for number in range(5):
        send(tx, f"{'abcde'[number]}@example.org")
        send(tx, "gmail.user@gmail.com")
    purse_keeper.give_back(tx, an_address("a@example.org"), POLICY, now=NOW)
    purse_keeper.hear(tx, an_address("b@example.org"), POLICY, now=NOW + timedelta(days=40))

    totals: dict[str, int] = {}
    for line in journal.read(tx):
        if line.name.startswith("credit."):
            for name, amount in purse_keeper.deltas(dict(line.facts)).items():
                totals[name] = totals.get(name, 0) + amount
    assert totals == stored(tx)
