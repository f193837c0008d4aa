"""The audit finds what is broken and nothing else; the figures count what is there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from arrange import LEASE, POLICY, a_posting, a_settlement, a_ticket_in, accept, an_arrival, claim, settle_mail
from builders import NOW
from sqlalchemy import Connection, delete, insert, text, update

from daemon.core.clues import Clues
from daemon.store import figures, inbound, journal, memory, outbox, refusals
from daemon.store.audit import audit
from daemon.store.schema import CREDIT, ENTRY, INBOUND, JOURNAL, OUTBOX, PARTICIPANT, RAW


def a_busy_desk(tx: Connection) -> None:
    """Two tickets, a follow-up, a duplicate, a kept mail, a pending one, sent and failed notices."""
    for number in (1, 2):
        a_ticket_in(tx, message_id=f"<{number}@x>", text=f"text {number}")
    accept(tx, an_arrival(message_id="<follow@x>"))
    (mail,) = claim(tx)
    settle_mail(tx, mail, clues=Clues(references=("<1@x>",)))
    accept(tx, an_arrival(message_id="<kept@x>"), an_arrival(message_id="<kept@x>"))
    (mail,) = claim(tx)
    inbound.settle(tx, inbound_id=mail.inbound_id, fence=mail.fence, settlement=a_settlement(), now=NOW)
    accept(tx, an_arrival(message_id="<pending@x>"))
    sent, refused, *_ = outbox.claim(tx, owner="n", now=NOW, lease=LEASE)
    outbox.record_accepted(tx, sent, reply="250 ok", now=NOW)
    outbox.record_refused(tx, refused, reply="550 no", now=NOW)


def broken(tx: Connection) -> list[str]:
    return [finding.invariant for finding in audit(tx, now=NOW) if finding.broken]


def test_a_busy_desk_is_sound(tx: Connection) -> None:
    """Every invariant is looked at and none is broken."""
    a_busy_desk(tx)

    found = audit(tx, now=NOW)

    assert {finding.invariant for finding in found} == {f"I{number}" for number in range(1, 10)}
    assert [finding for finding in found if finding.broken] == []
    assert {finding.about: finding.checked for finding in found}["raw bytes are what was received"] == 5


def test_an_empty_store_is_sound(tx: Connection) -> None:
    """Nothing received, nothing broken."""
    assert broken(tx) == []


@pytest.mark.parametrize(
    ("statement", "invariant"),
    [
        (update(RAW).values(bytes=b"other"), "I1"),
        (delete(RAW).where(RAW.c.inbound_id == 1), "I1"),
        (text("DELETE FROM delivery WHERE inbound_id = 1"), "I1"),
        (update(INBOUND).where(INBOUND.c.outcome == "keep").values(ack_reason=""), "I2"),
        (update(INBOUND).where(INBOUND.c.outcome == "ticket").values(ack_reason="robot"), "I2"),
        (update(OUTBOX).where(OUTBOX.c.state == "claimed").values(done_at=NOW), "I3"),
        (update(OUTBOX).where(OUTBOX.c.state == "refused").values(reply=""), "I3"),
        (update(OUTBOX).values(expires_at=NOW - timedelta(days=9)), "I3"),
        (update(OUTBOX).values(bytes=b"other"), "I3"),
        (update(OUTBOX).where(OUTBOX.c.state == "accepted").values(attempts=0), "I4"),
        (delete(ENTRY).where(ENTRY.c.kind == "request"), "I6"),
        (delete(PARTICIPANT), "I6"),
        (update(CREDIT).where(CREDIT.c.scope == "overall").values(left=1000), "I7"),
        (delete(CREDIT).where(CREDIT.c.scope == "team"), "I7"),
        (update(OUTBOX).where(OUTBOX.c.kind == "team").values(kind="ttr"), "I7"),
        (update(INBOUND).where(INBOUND.c.outcome == "").values(attempts=99), "I8"),
        (update(INBOUND).where(INBOUND.c.outcome == "keep").values(outcome="lost"), "I9"),
        (update(INBOUND).where(INBOUND.c.outcome == "keep").values(outcome=""), "I9"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_broken_is_found(tx: Connection, statement, invariant: str) -> None:  # type: ignore[no-untyped-def]
    """One deliberate defect each."""
    a_busy_desk(tx)

    tx.execute(statement)

    assert invariant in broken(tx)


def test_a_mail_that_nobody_paid_for_is_found(tx: Connection) -> None:
    """The law is recomputed from the journal, not believed from the counters."""
    a_busy_desk(tx)
    row = dict(tx.execute(text("SELECT * FROM outbox WHERE kind = 'ack' LIMIT 1")).mappings().one())

    row.update(
        id=999, ticket_id=None, message_id="<forged@us>", created_at=NOW, next_at=NOW, expires_at=NOW, done_at=NOW
    )
    tx.execute(insert(OUTBOX), row)

    assert "I7" in broken(tx)


def test_examples_are_few_and_counts_exact(tx: Connection) -> None:
    """A thousand broken things are five lines."""
    accept(tx, *(an_arrival(message_id=f"<{number}@x>") for number in range(30)))
    tx.execute(update(RAW).values(sha256="0"))

    finding = next(each for each in audit(tx, now=NOW) if each.broken)

    assert (finding.checked, finding.broken, len(finding.examples)) == (30, 30, 5)


def test_the_journal_may_hold_other_lines(tx: Connection) -> None:
    """Only credit lines count; nonsense in their facts is no amount."""
    tx.execute(insert(JOURNAL), {"at": NOW, "name": "credit.note", "facts": '{"overall:":"many"}'})

    assert broken(tx) == []


def test_figures_count_what_is_there(tx: Connection) -> None:
    """Backlog, outcomes, outbox, tickets, promises, refusals and polls."""
    a_busy_desk(tx)
    refusals.add(tx, {"5.1.1": 3, "5.3.4": 1}, now=NOW)
    refusals.add(tx, {"5.1.1": 2}, now=NOW)
    memory.put(tx, figures.POLL + "acct", "2026-11-23T08:00:00+00:00")
    memory.put(tx, figures.POLL + "acct", "2026-11-23T09:00:00+00:00")

    found = figures.figures(tx, now=NOW)

    assert (found.backlog.pending, found.duplicates) == (1, 1)
    assert dict(found.outcomes) == {"ticket": 2, "append": 1, "keep": 1}
    assert dict(found.refused) == {"5.1.1": 5, "5.3.4": 1}
    assert dict(found.outbox) == {"accepted": 1, "refused": 1, "claimed": 3}
    assert found.outbox_oldest == NOW
    assert found.tickets == (("new", 1, 2),)
    assert (found.promises.open, found.promises.kept, found.promises.overdue) == (2, 0, 0)
    assert found.polls == (("acct", "2026-11-23T09:00:00+00:00"),)
    assert figures.figures(tx, now=NOW + timedelta(days=9)).promises.overdue == 2


def test_figures_of_an_empty_store(tx: Connection) -> None:
    """Zeros, not errors."""
    found = figures.figures(tx, now=NOW)

    assert (found.backlog.pending, found.outcomes, found.outbox, found.uncertain) == (0, (), (), 0)
    assert memory.get(tx, "nothing") == ""


def test_withheld_mail_leaves_the_store_sound(tx: Connection) -> None:
    """A spent bound takes nothing, and says so in the journal."""
    a_busy_desk(tx)
    postings = [a_posting(kind="ttr", message_id=f"<{n}@us>", sequence=n) for n in range(9)]

    spent = [outbox.queue(tx, posting, POLICY, now=NOW).spent for posting in postings]

    assert spent == ["", *["address"] * 8]
    assert broken(tx) == []
    assert journal.read(tx)[-1].name == "notice.withheld"
