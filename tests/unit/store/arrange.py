"""What the store's tests arrange: arrivals, settled mails, tickets and postings with defaults."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from builders import NOW, a_message, a_policy, a_reading, an_address, an_envelope
from sqlalchemy import Connection

from daemon.core.decide import decide
from daemon.core.decision import Decision
from daemon.core.envelope import Envelope
from daemon.core.message import Message
from daemon.core.policy import Policy
from daemon.core.reading import Reading
from daemon.core.ticket import Ticket
from daemon.core.trust import Proof, Trust
from daemon.store import apply, context, inbound, outbox

POLICY = a_policy()
LEASE = timedelta(minutes=5)


def an_arrival(message_id: str = "<1@example.org>", text: str = "Hello", **envelope: Any) -> inbound.Arrival:
    """A delivery; another `text` is another content."""
    raw = f"Message-ID: {message_id}\r\n\r\n{text}\r\n".encode("utf-8", "surrogatepass")
    return inbound.Arrival(
        envelope=an_envelope(**envelope), raw=raw, message_id=message_id, digest=hashlib.sha256(raw).hexdigest()
    )


def accept(tx: Connection, *arrivals: inbound.Arrival) -> list[int]:
    return [receipt.inbound_id for receipt in inbound.accept_many(tx, arrivals or (an_arrival(),))]


def claim(tx: Connection, now: datetime = NOW, **over: Any) -> tuple[inbound.Claimed, ...]:
    return inbound.claim(tx, **{"owner": "node-1", "now": now, "lease": LEASE, **over})


def a_settlement(**over: Any) -> inbound.Settlement:
    return inbound.Settlement(**{"outcome": "keep", "reason": "not-answerable", "ack_reason": "automatic", **over})


def read_of(mail: inbound.Claimed, **over: Any) -> Reading:
    """The reading of an ordinary mail of a proven sender; `over` goes to the message, `clues` to the reading."""
    values = {name: over.pop(name) for name in ("clues", "trust", "language") if name in over}
    message: Message = a_message(message_id=mail.message_id, **over)
    return a_reading(message, **{"trust": Trust(proof=Proof.DOMAIN), **values})


def settle_mail(
    tx: Connection, mail: inbound.Claimed, *, policy: Policy = POLICY, now: datetime = NOW, **over: Any
) -> tuple[Decision, Ticket | None]:
    """T2 as the settle loop does it, with fixed bytes for every notice."""
    reading = read_of(mail, **over)
    return settle_reading(tx, mail.inbound_id, mail.fence, mail.envelope, reading, policy=policy, now=now)


def settle_reading(
    tx: Connection, inbound_id: int, fence: int, envelope: Envelope, reading: Reading, *, policy: Policy, now: datetime
) -> tuple[Decision, Ticket | None]:
    known = context.load(tx, inbound_id=inbound_id, reading=reading, envelope=envelope, policy=policy, now=now)
    decision = decide(envelope, reading, known, policy, now)
    applied = apply.apply(tx, decision, inbound_id=inbound_id, reading=reading, policy=policy, now=now)
    for notice in decision.notices:
        assert applied.ticket is not None
        sequence = notice.sequence or outbox.next_sequence(tx, applied.ticket.id, notice.kind)
        posting = a_posting(kind=notice.kind, ticket_id=applied.ticket.id, sequence=sequence, to=str(notice.to))
        outbox.queue(tx, posting, policy, now=now)
    ended = inbound.Settlement(
        outcome=decision.outcome,
        reason=decision.reason,
        ack_reason=decision.ack_reason,
        ticket_id=applied.ticket.id if applied.ticket else None,
        flags=decision.flags,
    )
    inbound.settle(tx, inbound_id=inbound_id, fence=fence, settlement=ended, now=now)
    return decision, applied.ticket


def a_ticket_in(tx: Connection, *, now: datetime = NOW, message_id: str = "<root@example.org>", **over: Any) -> Ticket:
    """A ticket opened by a mail of Jo's, with its acknowledgment and its team notice in the outbox."""
    accept(tx, an_arrival(message_id=message_id, text=message_id, received_at=now))
    (mail,) = claim(tx, now=now)
    _, ticket = settle_mail(tx, mail, now=now, **over)
    assert ticket is not None
    return ticket


def a_posting(**over: Any) -> outbox.Posting:
    values: dict[str, Any] = {
        "kind": "ack",
        "ticket_id": None,
        "sequence": 1,
        "to": "jo@example.org",
        "mail_from": "",
    }
    values.update(over)
    values["to"] = an_address(str(values["to"]))
    values.setdefault("message_id", f"<{values['kind']}.{values['ticket_id']}.{values['sequence']}@us.example>")
    values.setdefault("content", f"Message-ID: {values['message_id']}\r\n\r\nhello\r\n".encode())
    return outbox.Posting(**values)
