"""What people look at: the dossier, the mail that waits, and the recovery of a node's own leases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from arrange import LEASE, a_settlement, a_ticket_in, accept, an_arrival, claim
from builders import NOW
from sqlalchemy import Connection

from daemon.core.decision import ClockStart
from daemon.store import clocks, dossier, inbound, outbox
from daemon.store.recover import recover
from daemon.store.review import to_review
from daemon.store.waiting import waiting


@pytest.mark.parametrize("name", ["reference", "message id", "inbound id"])
def test_a_ticket_is_found_by_each_of_its_names(tx: Connection, name: str) -> None:
    """Mails, notices, promise, clocks and journal in one."""
    ticket = a_ticket_in(tx)
    names = {"reference": ticket.reference, "message id": "<root@example.org>", "inbound id": "1"}

    found = dossier.find(tx, names[name])

    assert found is not None
    assert found.ticket == ticket
    assert [mail.outcome for mail in found.mails] == ["ticket"]
    assert [sent.kind for sent in found.sent] == ["ack", "team"]
    assert [promised.state for promised in found.promises] == ["open"]
    assert {clock.state for clock in found.clocks} == {"pending"}
    assert "ticket.opened" in {line.name for line in found.journal}


def test_a_kept_mail_has_a_dossier_without_a_ticket(tx: Connection) -> None:
    """Its reason and its evidence."""
    accept(tx)
    (mail,) = claim(tx)
    ended = a_settlement(evidence='{"language":"en"}')
    inbound.settle(tx, inbound_id=mail.inbound_id, fence=mail.fence, settlement=ended, now=NOW)

    found = dossier.find(tx, str(mail.inbound_id))

    assert found is not None
    assert found.ticket is None
    assert (found.mails[0].reason, found.mails[0].evidence) == ("not-answerable", {"language": "en"})


@pytest.mark.parametrize("name", ["FL-1", "<nobody@x>", "77", "9" * 40, "²", "", "<", "x" * 9999])
def test_nothing_is_called_that(tx: Connection, name: str) -> None:
    """Whatever an operator types: None, never an error."""
    assert dossier.find(tx, name) is None


def test_waiting_mail_is_listed_next_due_first(tx: Connection) -> None:
    """With its ticket's reference and the peer's last words."""
    ticket = a_ticket_in(tx)
    first, second = outbox.claim(tx, owner="n", now=NOW, lease=LEASE)
    outbox.record_retry(tx, first, reply="451 later", next_at=NOW + timedelta(hours=1))
    outbox.record_accepted(tx, second, reply="250 ok", now=NOW)

    (found,) = waiting(tx, limit=10)

    assert (found.ticket, found.kind, found.state, found.reply) == (ticket.reference, "ack", "queued", "451 later")
    assert found.next_at == NOW + timedelta(hours=1)


def test_a_restart_takes_its_own_leases_back(tx: Connection) -> None:
    """Only its own; what it had claimed to send counts as a try with unknown outcome."""
    ticket = a_ticket_in(tx)
    accept(tx, an_arrival(message_id="<2@x>"), an_arrival(message_id="<3@x>"))
    claim(tx, owner="node-1", limit=1)
    claim(tx, owner="node-2", limit=1)
    outbox.claim(tx, owner="node-1", now=NOW, lease=LEASE)
    clocks.start(tx, ticket.id, [ClockStart(name="c", due_at=NOW)], now=NOW)
    clocks.claim(tx, owner="node-1", now=NOW, lease=LEASE)

    ended = recover(tx, owner="node-1", now=NOW)

    assert ended == 4
    assert [mail.attempts for mail in claim(tx, owner="node-1")] == [2]
    assert [mail.uncertain for mail in outbox.claim(tx, owner="node-1", now=NOW, lease=LEASE)] == [1, 1]
    assert len(clocks.claim(tx, owner="node-1", now=NOW, lease=LEASE)) == 1


def test_flagged_mail_is_reviewed_whatever_stands_beside_it(tx: Connection) -> None:
    """Other flags neither hide it nor use up the limit, and the next look goes on behind it."""
    accept(tx, *(an_arrival(message_id=f"<{number}@x>") for number in range(6)))
    flags = [("id-reuse",), ("id-reuse", "digest"), (), ("digested",), ("digest",), ("digest", "poison")]
    for minute, (mail, flag) in enumerate(zip(claim(tx), flags, strict=True)):
        at = NOW + timedelta(minutes=minute)
        ended = a_settlement(flags=flag)
        inbound.settle(tx, inbound_id=mail.inbound_id, fence=mail.fence, settlement=ended, now=at)

    first = to_review(tx, desk="help", after=NOW - timedelta(days=1), until=NOW + timedelta(days=1), limit=2)
    rest = to_review(tx, desk="help", after=first[-1].settled_at, until=NOW + timedelta(days=1), limit=2)

    assert [each.inbound_id for each in first + rest] == [2, 5, 6]
    assert first[0].flags == ("id-reuse", "digest")
    assert to_review(tx, desk="sales", after=NOW - timedelta(days=1), until=NOW + timedelta(days=1), limit=9) == ()
