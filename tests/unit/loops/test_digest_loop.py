"""The digest: what was kept is seen by a person, in one bounded mail a day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import NOW, a_desk, a_policy

from daemon.loops.digest import digest
from daemon.loops.enact import Desked
from daemon.render import Renderer
from daemon.store import inbound, outbox
from daemon.store.engine import open_engine
from daemon.store.inbound import Arrival, Settlement
from daemon.store.migrate import migrate
from tests.unit.loops.arrivals import an_arrival

DAY = timedelta(hours=24, minutes=1)


@pytest.fixture
def tx():
    engine = open_engine("sqlite://")
    migrate(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def keep(tx, number: int, at, *, flags=("digest",)):
    """A kept mail, settled at `at`."""
    arrival: Arrival = an_arrival(number)
    inbound.accept_many(tx, [arrival])
    (claimed,) = inbound.claim(tx, owner="t", now=at, lease=timedelta(minutes=1), limit=1)
    evidence = f'{{"from": "robot{number}@x.example", "subject": "kept {number}"}}'
    settlement = Settlement(
        outcome="keep", reason="not-answerable", ack_reason="automatic", flags=flags, evidence=evidence
    )
    inbound.settle(tx, inbound_id=claimed.inbound_id, fence=claimed.fence, settlement=settlement, now=at)


def desked(at):
    return Desked(policy=a_policy(desks=(a_desk(),)), renderer=Renderer(), now=at)


def sent(tx):
    return outbox.claim(tx, owner="t", now=NOW + timedelta(days=30), lease=timedelta(minutes=1))


def test_kept_mail_is_told_once_a_day(tx):
    """After a day the team gets one mail that names what was kept; nothing new means no second one."""
    digest(tx, a_desk(), desked(NOW))
    keep(tx, 1, NOW + timedelta(hours=1))
    keep(tx, 2, NOW + timedelta(hours=2), flags=("id-reuse",))

    assert digest(tx, a_desk(), desked(NOW + timedelta(hours=3))) == 0
    assert digest(tx, a_desk(), desked(NOW + DAY)) == 1
    assert digest(tx, a_desk(), desked(NOW + 3 * DAY)) == 0

    (mail,) = sent(tx)
    assert b"robot1@x.example" in mail.content
    assert b"kept 2" not in mail.content
    assert b"Auto-Submitted: auto-generated" in mail.content


def test_a_long_list_goes_on_in_the_next_digest(tx):
    """150 kept mails are two digests, none of them left out."""
    digest(tx, a_desk(), desked(NOW))
    for number in range(150):
        keep(tx, number, NOW + timedelta(minutes=number + 1))

    assert digest(tx, a_desk(), desked(NOW + DAY)) == 1
    assert digest(tx, a_desk(), desked(NOW + 2 * DAY + timedelta(hours=2))) == 1

    told = b"".join(mail.content for mail in sent(tx)).replace(b"=\r\n", b"")
    assert all(b"robot%d@x.example" % number in told for number in range(150))
