"""T1 and the claim: stored once, flagged when an id is reused, claimed by one worker at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from arrange import LEASE, a_settlement, accept, an_arrival, claim
from builders import NOW, an_address
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from daemon.core.envelope import Acceptance, Channel
from daemon.store import inbound
from daemon.store.faults import LeaseLost
from daemon.store.schema import DELIVERY, INBOUND, RAW


def test_stored_with_its_bytes_and_envelope(tx: Connection) -> None:
    """What a worker claims is what the channel handed over, byte for byte."""
    arrival = an_arrival(
        forward_paths=("help@example.com", '"a@b"@example.com'),
        reverse_path=None,
        authenticated_as="jo",
        tls=True,
        source="queue 7",
    )

    (receipt,) = inbound.accept_many(tx, [arrival])
    (mail,) = claim(tx)

    assert receipt.acceptance is Acceptance.NEW
    assert (mail.inbound_id, mail.raw, mail.envelope) == (receipt.inbound_id, arrival.raw, arrival.envelope)
    assert (mail.attempts, mail.id_reused, mail.message_id) == (1, False, "<1@example.org>")
    assert inbound.raw_of(tx, receipt.inbound_id) == arrival.raw


def test_same_mail_again_is_counted_on_the_first(tx: Connection) -> None:
    """The duplicate key is (desk, Message-ID, digest): one mail, two deliveries."""
    (first,) = accept(tx, an_arrival())

    (receipt,) = inbound.accept_many(tx, [an_arrival(peer="192.0.2.99")])

    assert (receipt.inbound_id, receipt.acceptance) == (first, Acceptance.DUPLICATE)
    assert len(tx.execute(select(INBOUND.c.id)).all()) == 1
    assert len(tx.execute(select(DELIVERY.c.id)).all()) == 2


def test_duplicates_inside_one_batch_are_found(tx: Connection) -> None:
    """Waiting mails share a commit; the second copy in it is a duplicate of the first."""
    receipts = inbound.accept_many(tx, [an_arrival(), an_arrival(), an_arrival(text="other")])

    assert [receipt.acceptance for receipt in receipts] == [
        Acceptance.NEW,
        Acceptance.DUPLICATE,
        Acceptance.ID_REUSED,
    ]


def test_same_id_with_other_content_is_a_mail_of_its_own(tx: Connection) -> None:
    """Else a stranger could pre-send a victim's Message-ID and hide the victim's mail."""
    accept(tx, an_arrival())

    (receipt,) = inbound.accept_many(tx, [an_arrival(text="other")])
    mails = claim(tx)

    assert receipt.acceptance is Acceptance.ID_REUSED
    assert [mail.id_reused for mail in mails] == [False, True]


def test_two_desks_get_a_mail_each(tx: Connection) -> None:
    """The desk is part of the key: the same mail to two desks is two requests."""
    receipts = inbound.accept_many(tx, [an_arrival(), an_arrival(desk="sales")])

    assert [receipt.acceptance for receipt in receipts] == [Acceptance.NEW, Acceptance.NEW]


def test_mails_without_an_id_are_never_duplicates(tx: Connection) -> None:
    """Two equal texts of a form may be two requests."""
    receipts = inbound.accept_many(tx, [an_arrival(message_id=""), an_arrival(message_id="")])

    assert [receipt.acceptance for receipt in receipts] == [Acceptance.NEW, Acceptance.NEW]


def test_an_imap_message_fetched_again_is_no_new_delivery(tx: Connection) -> None:
    """A crash between the commit and the flag: the same UID comes again, even without a Message-ID."""
    arrival = an_arrival(message_id="", channel=Channel.IMAP, source="acct/INBOX/7/42")
    (first,) = accept(tx, arrival)

    (receipt,) = inbound.accept_many(tx, [arrival])

    assert (receipt.inbound_id, receipt.acceptance) == (first, Acceptance.DUPLICATE)
    assert len(tx.execute(select(DELIVERY.c.id)).all()) == 1


def test_an_imap_key_with_other_content_is_kept(tx: Connection) -> None:
    """A server that reuses a UID without a new UIDVALIDITY must not make us lose the second mail."""
    source = "acct/INBOX/7/42"
    accept(tx, an_arrival(message_id="<a@x>", channel=Channel.IMAP, source=source))

    (receipt,) = inbound.accept_many(
        tx, [an_arrival(message_id="<b@x>", text="other", channel=Channel.IMAP, source=source)]
    )

    assert receipt.acceptance is Acceptance.NEW


def test_the_key_is_a_constraint(tx: Connection) -> None:
    """Two nodes that race are told apart by the database, not by our SELECT."""
    accept(tx, an_arrival())
    row = dict(tx.execute(select(INBOUND)).mappings().one())

    with pytest.raises(IntegrityError), tx.begin_nested():
        tx.execute(INBOUND.insert(), {**row, "id": row["id"] + 1})


@pytest.mark.parametrize(
    "text",
    ["a\0b", "\ud800lone", "é" * 600, "<" + "x" * 5000 + ">", "\U0001f600" * 400],
    ids=["nul", "surrogate", "long-latin", "long-ascii", "long-astral"],
)
def test_hostile_text_is_stored_and_found_again(tx: Connection, text: str) -> None:
    """One value that the database refuses would be poison for ever."""
    arrival = an_arrival(message_id=text, helo=text, peer=text, source=text)
    accept(tx, arrival)

    (receipt,) = inbound.accept_many(tx, [arrival])

    assert receipt.acceptance is Acceptance.DUPLICATE
    assert len(claim(tx)) == 1


def test_many_forward_paths_are_bounded(tx: Connection) -> None:
    """100,000 recipients cost 64 kB, not more."""
    accept(tx, an_arrival(forward_paths=tuple(f"user{n}@example.com" for n in range(100_000))))

    (mail,) = claim(tx)

    assert 1000 < len(mail.envelope.forward_paths) < 5000
    assert mail.envelope.forward_paths[0] == an_address("user0@example.com")


def test_a_claimed_mail_is_not_claimed_twice(tx: Connection) -> None:
    """The lease belongs to one worker."""
    accept(tx)

    assert len(claim(tx)) == 1
    assert claim(tx, owner="node-2") == ()


def test_a_lease_that_ended_passes_on(tx: Connection) -> None:
    """A worker that died leaves its mail to the next one; the attempt was counted before it began."""
    accept(tx)
    (late,) = claim(tx)

    (mail,) = claim(tx, now=NOW + LEASE, owner="node-2")

    assert (mail.attempts, mail.fence) == (2, late.fence + 1)
    with pytest.raises(LeaseLost):
        inbound.settle(tx, inbound_id=late.inbound_id, fence=late.fence, settlement=a_settlement(), now=NOW)
    inbound.settle(tx, inbound_id=mail.inbound_id, fence=mail.fence, settlement=a_settlement(), now=NOW)


def test_a_settled_mail_is_never_claimed_or_settled_again(tx: Connection) -> None:
    """Settled is the end."""
    accept(tx)
    (mail,) = claim(tx)
    inbound.settle(tx, inbound_id=mail.inbound_id, fence=mail.fence, settlement=a_settlement(flags=("x", "y")), now=NOW)

    assert claim(tx, now=NOW + timedelta(days=9)) == ()
    with pytest.raises(LeaseLost):
        inbound.settle(tx, inbound_id=mail.inbound_id, fence=mail.fence, settlement=a_settlement(), now=NOW)
    assert inbound.release(tx, inbound_id=mail.inbound_id, fence=mail.fence, until=NOW) is False
    assert tx.execute(select(INBOUND.c.flags)).scalar_one() == "x y"


def test_a_released_mail_waits_until_it_is_due(tx: Connection) -> None:
    """A retry is a released mail with a later date."""
    accept(tx)
    (mail,) = claim(tx)

    assert inbound.release(tx, inbound_id=mail.inbound_id, fence=mail.fence, until=NOW + timedelta(minutes=1))

    assert claim(tx) == ()
    assert claim(tx, now=NOW + timedelta(minutes=1))[0].attempts == 2


def test_a_drain_takes_its_attempt_back(tx: Connection) -> None:
    """Ten restarts must not make a mail poison."""
    accept(tx)
    (mail,) = claim(tx)

    inbound.release(tx, inbound_id=mail.inbound_id, fence=mail.fence, until=NOW, attempted=False)

    assert claim(tx)[0].attempts == 1


def test_a_claim_whose_answer_was_lost_is_taken_up_at_once(tx: Connection) -> None:
    """By its own worker, without a further attempt; another claim of the same worker keeps its mails."""
    accept(tx, an_arrival("<1@x.example>"), an_arrival("<2@x.example>", "Other"))
    (lost,) = claim(tx, limit=1)
    (held,) = claim(tx, now=NOW + timedelta(seconds=1), limit=1)

    given = inbound.give_back(
        tx, owner="node-1", leased_until=NOW + LEASE, now=NOW + timedelta(seconds=2), since=NOW - timedelta(hours=1)
    )

    (again,) = claim(tx, now=NOW + timedelta(seconds=3))
    assert given == 1
    assert (again.inbound_id, again.attempts) == (lost.inbound_id, 1)
    assert again.inbound_id != held.inbound_id


def test_a_renewed_lease_lasts_longer(tx: Connection) -> None:
    """A slow read keeps its mail."""
    accept(tx)
    (mail,) = claim(tx)

    assert inbound.renew(tx, inbound_id=mail.inbound_id, fence=mail.fence, until=NOW + 2 * LEASE)

    assert claim(tx, now=NOW + LEASE) == ()


def test_claims_are_oldest_first_and_bounded(tx: Connection) -> None:
    """By number and by bytes, but always at least one: a huge mail does not block the queue."""
    ids = accept(tx, *(an_arrival(message_id=f"<{n}@x>", text="x" * 1000) for n in range(5)))

    by_count = claim(tx, limit=2)
    by_bytes = claim(tx, limit_bytes=1)

    assert [mail.inbound_id for mail in by_count] == ids[:2]
    assert [mail.inbound_id for mail in by_bytes] == ids[2:3]


def test_backlog_counts_what_is_not_settled(tx: Connection) -> None:
    """Pending, claimed and the age of the oldest."""
    empty = inbound.backlog(tx)
    accept(tx, an_arrival(message_id="<1@x>"), an_arrival(message_id="<2@x>", received_at=NOW + timedelta(hours=1)))
    (mail,) = claim(tx, limit=1)
    both = inbound.backlog(tx)
    inbound.settle(tx, inbound_id=mail.inbound_id, fence=mail.fence, settlement=a_settlement(), now=NOW)

    assert (empty.pending, empty.claimed, empty.oldest) == (0, 0, None)
    assert (both.pending, both.claimed, both.oldest) == (2, 1, NOW)
    assert inbound.backlog(tx).oldest == NOW + timedelta(hours=1)


def test_all_or_none_of_a_batch(tx: Connection) -> None:
    """When one row cannot be stored, none is: the lane then tries them one by one."""
    bad = inbound.Arrival(envelope=an_arrival().envelope, raw=None, message_id="<b@x>", digest="d")  # type: ignore[arg-type]

    with pytest.raises((TypeError, DBAPIError)), tx.begin_nested():
        inbound.accept_many(tx, [an_arrival(), bad])

    assert tx.execute(select(RAW.c.inbound_id)).all() == []
