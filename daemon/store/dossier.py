"""The dossier: all that is stored about one ticket or one mail, for `firstline explain`.

Read only, by indexes, bounded. Evidence is given as it was stored with the mail: why it was read
and decided so, in the words of that day's policy and model.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text

from daemon.core.clock import ClockEvent
from daemon.core.ticket import Ticket
from daemon.store import course, effort, journal, links, opinions, tickets
from daemon.store.columns import key
from daemon.store.schema import CLOCK, INBOUND, OUTBOX, PROMISE, TICKET

_MAILS = 200
_DIGITS = 18  # what fits a 64-bit id


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One stored mail. `evidence` is the JSON object written when it was settled."""

    inbound_id: int
    message_id: str
    received_at: datetime
    settled_at: datetime | None
    state: str
    attempts: int
    outcome: str
    reason: str
    ack_reason: str
    flags: str
    ticket_id: int | None
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One outgoing mail of the ticket, with the peer's last words."""

    kind: str
    sequence: int
    recipient: str
    message_id: str
    state: str
    attempts: int
    created_at: datetime
    done_at: datetime | None
    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """One promise; `said` is what the requester read, "" when nobody was told."""

    due_at: datetime
    zone: str
    calendar: str
    target_s: int
    hours: str
    said: str
    state: str
    made_at: datetime
    answered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSeen:
    """One clock of the ticket: pending, done or cancelled."""

    name: str
    due_at: datetime
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """`ticket` is None for a mail that opened none and joined none."""

    ticket: Ticket | None
    mails: tuple[Mail, ...]
    sent: tuple[Sent, ...] = ()
    promises: tuple[Promised, ...] = ()
    clocks: tuple[ClockSeen, ...] = ()
    turns: tuple[ClockEvent, ...] = ()  # of the ticket's clocks, for their segments
    effort: tuple[tuple[str, int, int], ...] = ()  # agent, tier, minutes
    opinion: opinions.Heard | None = None  # what the requester was asked, and said
    journal: tuple[journal.Written, ...] = ()
    related: tuple[tuple[str, str], ...] = ()  # how, and the reference of the other ticket


def find(tx: Connection, name: str) -> Dossier | None:
    """By ticket reference (`FL-1042`), Message-ID (`<…>`) or inbound id; None when nothing is called that."""
    if name.startswith("<"):
        row = tx.execute(_BY_MESSAGE_ID, {"message_id": key(name)}).first()
        return None if row is None else _of_mail(tx, row)
    if name.isdecimal() and len(name) <= _DIGITS:
        row = tx.execute(_BY_ID, {"id": int(name)}).first()
        return None if row is None else _of_mail(tx, row)
    ticket_id = tx.execute(_BY_REFERENCE, {"reference": name}).scalar()
    return None if ticket_id is None else _of_ticket(tx, int(ticket_id))


def _of_mail(tx: Connection, row: Row[Any]) -> Dossier:
    if row.ticket_id is not None:
        return _of_ticket(tx, row.ticket_id)
    return Dossier(ticket=None, mails=(_mail(row),), journal=journal.of_inbound(tx, row.id))


def _of_ticket(tx: Connection, ticket_id: int) -> Dossier:
    values = {"ticket_id": ticket_id}
    return Dossier(
        ticket=tickets.get(tx, ticket_id),
        mails=tuple(_mail(row) for row in tx.execute(_OF_TICKET, values)),
        sent=tuple(Sent(**row._mapping) for row in tx.execute(_SENT, values)),  # noqa: SLF001 - SQLAlchemy's public API
        promises=tuple(Promised(**row._mapping) for row in tx.execute(_PROMISES, values)),  # noqa: SLF001
        clocks=tuple(ClockSeen(**row._mapping) for row in tx.execute(_CLOCKS, values)),  # noqa: SLF001
        turns=course.history(tx, ticket_id),
        effort=effort.of_ticket(tx, ticket_id),
        opinion=opinions.of_ticket(tx, ticket_id),
        journal=journal.of_ticket(tx, ticket_id),
        related=links.related(tx, ticket_id),
    )


def _mail(row: Row[Any]) -> Mail:
    return Mail(
        inbound_id=row.id,
        message_id=row.message_id,
        received_at=row.received_at,
        settled_at=row.settled_at,
        state=row.state,
        attempts=row.attempts,
        outcome=row.outcome,
        reason=row.reason,
        ack_reason=row.ack_reason,
        flags=row.flags,
        ticket_id=row.ticket_id,
        evidence=json.loads(row.evidence) if row.evidence else {},
    )


_BY_MESSAGE_ID = (
    select(INBOUND)
    .where(text("message_id <> ''"), INBOUND.c.message_id == bindparam("message_id"))
    .order_by(INBOUND.c.id)
    .limit(1)
)
_BY_ID = select(INBOUND).where(INBOUND.c.id == bindparam("id"))
_BY_REFERENCE = select(TICKET.c.id).where(TICKET.c.reference == bindparam("reference"))
_OF_TICKET = select(INBOUND).where(INBOUND.c.ticket_id == bindparam("ticket_id")).order_by(INBOUND.c.id).limit(_MAILS)
_SENT = (
    select(
        OUTBOX.c.kind,
        OUTBOX.c.sequence,
        OUTBOX.c.recipient,
        OUTBOX.c.message_id,
        OUTBOX.c.state,
        OUTBOX.c.attempts,
        OUTBOX.c.created_at,
        OUTBOX.c.done_at,
        OUTBOX.c.reply,
    )
    .where(OUTBOX.c.ticket_id == bindparam("ticket_id"))
    .order_by(OUTBOX.c.id)
)
_PROMISES = (
    select(
        PROMISE.c.due_at,
        PROMISE.c.zone,
        PROMISE.c.calendar,
        PROMISE.c.target_s,
        PROMISE.c.hours,
        PROMISE.c.said,
        PROMISE.c.state,
        PROMISE.c.made_at,
        PROMISE.c.answered_at,
    )
    .where(PROMISE.c.ticket_id == bindparam("ticket_id"))
    .order_by(PROMISE.c.sequence)
)
_CLOCKS = (
    select(CLOCK.c.name, CLOCK.c.due_at, CLOCK.c.state)
    .where(CLOCK.c.ticket_id == bindparam("ticket_id"))
    .order_by(CLOCK.c.due_at, CLOCK.c.id)
)
