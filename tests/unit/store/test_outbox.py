"""T3: one mail per (ticket, kind, sequence), the same bytes on every try, an end for each."""

from __future__ import annotations

from datetime import timedelta

import pytest
from arrange import LEASE, POLICY, a_posting, a_ticket_in
from builders import NOW
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from daemon.store import journal, outbox
from daemon.store.faults import LeaseLost
from daemon.store.schema import OUTBOX


def queue(tx: Connection, **over: object) -> outbox.Queued:
    return outbox.queue(tx, a_posting(**{"kind": "reply", **over}), POLICY, now=NOW)


def claim(tx: Connection, now=NOW, **over):  # type: ignore[no-untyped-def]
    return outbox.claim(tx, **{"owner": "node-1", "now": now, "lease": LEASE, **over})


def test_what_is_claimed_is_what_was_queued(tx: Connection) -> None:
    """Bytes, addresses and identity, untouched."""
    queued = queue(tx, content=bytes(range(256)), mail_from="bounce+x@example.com")

    (mail,) = claim(tx)

    assert mail.outbox_id == queued.outbox_id
    assert (mail.content, mail.mail_from, mail.recipient) == (
        bytes(range(256)),
        "bounce+x@example.com",
        "jo@example.org",
    )
    assert (mail.attempts, mail.uncertain, mail.kind, mail.sequence) == (1, 0, "reply", 1)
    assert (mail.created_at, mail.expires_at) == (NOW, NOW + timedelta(days=5))


def test_a_claimed_mail_is_one_workers(tx: Connection) -> None:
    """Nobody else gets it before the lease ends; then the try counts as uncertain."""
    queue(tx)
    claim(tx)

    assert claim(tx, owner="node-2") == ()
    (mail,) = claim(tx, now=NOW + LEASE, owner="node-2")
    assert (mail.attempts, mail.uncertain) == (2, 1)


def test_accepted_is_the_end(tx: Connection) -> None:
    """With the peer's words, and never claimed again."""
    queue(tx)
    (mail,) = claim(tx)

    outbox.record_accepted(tx, mail, reply="250 2.0.0 queued as 4XyZ", now=NOW)

    row = tx.execute(select(OUTBOX)).one()
    assert (row.state, row.reply, row.done_at) == ("accepted", "250 2.0.0 queued as 4XyZ", NOW)
    assert claim(tx, now=NOW + timedelta(days=9)) == ()
    with pytest.raises(LeaseLost):
        outbox.record_accepted(tx, mail, reply="", now=NOW)


@pytest.mark.parametrize(("record", "state"), [(outbox.record_refused, "refused"), (outbox.record_expired, "expired")])
def test_other_ends(tx: Connection, record, state: str) -> None:  # type: ignore[no-untyped-def]
    """Refused and expired keep the peer's words and write a journal line."""
    queue(tx)
    (mail,) = claim(tx)

    record(tx, mail, reply="550 5.1.1 no such user", now=NOW)

    assert tuple(tx.execute(select(OUTBOX.c.state, OUTBOX.c.reply)).one()) == (state, "550 5.1.1 no such user")
    assert journal.read(tx)[-1].name == f"notice.{state}"


def test_a_retry_waits_and_keeps_its_bytes(tx: Connection) -> None:
    """Back-off survives a restart, because it is a column."""
    queue(tx)
    (mail,) = claim(tx)
    later = NOW + outbox.backoff(mail.attempts, 0.5)

    outbox.record_retry(tx, mail, reply="451 later", next_at=later, uncertain=True)

    assert claim(tx, now=later - timedelta(seconds=1)) == ()
    (again,) = claim(tx, now=later)
    assert (again.content, again.message_id) == (mail.content, mail.message_id)
    assert (again.attempts, again.uncertain) == (2, 1)
    with pytest.raises(LeaseLost):
        outbox.record_accepted(tx, mail, reply="", now=NOW)


def test_a_released_mail_was_not_tried(tx: Connection) -> None:
    """A drain counts no attempt and leaves nothing uncertain."""
    queue(tx)
    (mail,) = claim(tx)

    outbox.release(tx, mail, now=NOW)

    (again,) = claim(tx)
    assert (again.attempts, again.uncertain) == (1, 0)


def test_a_claim_whose_answer_was_lost_is_taken_back(tx: Connection) -> None:
    """Nothing was tried, so nothing is counted; a row that somebody has in hand under another lease stays his."""
    queue(tx, sequence=1)
    queue(tx, sequence=2)
    (lost,) = claim(tx, limit=1)
    (held,) = claim(tx, now=NOW + timedelta(seconds=1), limit=1)

    assert outbox.give_back(tx, owner="node-1", leased_until=NOW + LEASE, now=NOW + timedelta(seconds=2)) == 1

    (again,) = claim(tx, now=NOW + timedelta(seconds=3))
    assert (again.outbox_id, again.attempts, again.uncertain) == (lost.outbox_id, 1, 0)
    outbox.record_accepted(tx, held, reply="250", now=NOW)


def test_at_most_so_many_at_once_longest_due_first(tx: Connection) -> None:
    """Batches are bounded."""
    for number in range(3):
        queue(tx, message_id=f"<{number}@us>")

    assert [mail.message_id for mail in claim(tx, limit=2)] == ["<0@us>", "<1@us>"]
    assert [mail.message_id for mail in claim(tx, limit=2)] == ["<2@us>"]


def test_one_message_id_is_one_row(tx: Connection) -> None:
    """A constraint: the receiver tells repeats by the Message-ID."""
    queue(tx, message_id="<same@us>")

    with pytest.raises(IntegrityError), tx.begin_nested():
        queue(tx, message_id="<same@us>")


def test_sequences_count_per_ticket_and_kind(tx: Connection) -> None:
    """The next team notice is number two, the next reply number one."""
    ticket = a_ticket_in(tx)

    assert outbox.next_sequence(tx, ticket.id, "team") == 2
    assert outbox.next_sequence(tx, ticket.id, "reply") == 1


def test_backoff_follows_its_table() -> None:
    """1, 5, 15, 30, then 60 minutes, within 20 % either way."""
    minutes = [outbox.backoff(attempt).total_seconds() / 60 for attempt in range(8)]

    assert minutes == pytest.approx([1, 1, 5, 15, 30, 60, 60, 60])
    assert outbox.backoff(2, 0.0) == timedelta(minutes=4)
    assert outbox.backoff(2, 0.999) < timedelta(minutes=6)


def test_a_reply_of_a_person_takes_no_credit(tx: Connection) -> None:
    """Credits bound automatic mail only."""
    queue(tx)

    assert "credit.taken" not in {line.name for line in journal.read(tx)}
