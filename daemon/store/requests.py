"""What the store adds when a requester orders something: the standing promise, the last data mail, what is his.

His data are his own mails and what was answered to him, as he could read them: no notes, no orders of agents, no
names of agents. Bounded, whatever there is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from daemon.core.address import Address
from daemon.core.command import read_orders
from daemon.core.context import Context
from daemon.core.decision import EntryKind
from daemon.core.match import match_thread
from daemon.core.notice import NoticeKind
from daemon.core.policy import Policy
from daemon.core.reading import Reading
from daemon.core.request import asks_for_data, read_request
from daemon.core.sla import Hours, Promise
from daemon.core.token import redact
from daemon.core.wishes import Wish
from daemon.store import clocks
from daemon.store.schema import ENTRY, OUTBOX, PROMISE, TICKET

MOST_TICKETS = 200
MOST_ENTRIES = 1_000
MOST_CHARACTERS = 500_000
_HIS = (EntryKind.REQUEST, EntryKind.FOLLOW_UP, EntryKind.REPEAT, EntryKind.ORDER, EntryKind.OPINION)


def for_requester(tx: Connection, context: Context, reading: Reading, policy: Policy) -> Context:
    """The context of a mail that may be an order, with what its answer needs."""
    identity = reading.message.identity
    if identity is None:
        return context
    asked = read_request(reading) if context.candidates else None
    wish = asked.wish if asked is not None else None
    if wish is Wish.DATA or asks_for_data(reading):
        return replace(context, data_sent_at=data_sent_at(tx, identity))
    if wish is not Wish.STATUS:
        return context
    match = match_thread(reading.clues, context.candidates, identity, policy.keyring, trust=reading.trust)
    ticket_id = match.ticket_id or match.hint
    if ticket_id is None:
        return context
    return replace(context, standing=standing(tx, ticket_id), coming=clocks.coming(tx, ticket_id))


def standing(tx: Connection, ticket_id: int) -> Promise | None:
    """The promise that nobody has kept yet, as it was said; its instant may have passed."""
    row = tx.execute(_STANDING, {"ticket_id": ticket_id}).first()
    if row is None:
        return None
    return Promise(
        due_at=row.due_at,
        zone=row.zone,
        calendar=row.calendar,
        target=timedelta(seconds=row.target_s),
        hours=Hours(row.hours),
        holiday=row.holiday,
    )


def data_sent_at(tx: Connection, person: Address) -> datetime | None:
    """When this address was last sent its data."""
    row = tx.execute(_SENT, {"person": person.key, "kind": NoticeKind.DATA.value}).first()
    return None if row is None else row.created_at


def own_data(tx: Connection, person: Address) -> str:
    """All tickets of the address with its mails and the answers, oldest first, as text; says so when it is cut."""
    tickets = tx.execute(_OWN, {"person": person.key, "count": MOST_TICKETS + 1}).all()
    entries = tx.execute(_ENTRIES, {"person": person.key, "count": MOST_ENTRIES + 1}).all() if tickets else []
    cut = len(tickets) > MOST_TICKETS or len(entries) > MOST_ENTRIES
    pieces: list[str] = []
    for ticket in tickets[:MOST_TICKETS]:
        state = f"{ticket.status}, {ticket.category}, tier {ticket.tier}, {ticket.priority}"
        pieces.append(f"{ticket.reference}  {ticket.opened_at:%Y-%m-%d %H:%M} UTC  {state}\n  {ticket.subject}")
        his = (entry for entry in entries[:MOST_ENTRIES] if entry.ticket_id == ticket.id)
        pieces += [_entry(entry.kind, entry.at, entry.text) for entry in his]
    text = "\n\n".join(pieces)
    if cut or len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]}\n\n[…]"
    return f"{person}\n{len(tickets[:MOST_TICKETS])} tickets\n\n{text}\n"


def _entry(kind: str, at: datetime, text: str) -> str:
    """A mail of his, or an answer without the orders that stood above it."""
    answer = kind == EntryKind.REPLY.value
    words = redact(read_orders(text).words if answer else text).strip()
    lines = "\n".join(f"    {line}" for line in words.splitlines())
    return f"  {'<' if answer else '>'} {at:%Y-%m-%d %H:%M} UTC\n{lines}"


_STANDING = (
    select(PROMISE)
    .where(
        PROMISE.c.ticket_id == bindparam("ticket_id"),
        PROMISE.c.state.in_(("open", "broken")),
        PROMISE.c.answered_at.is_(None),
    )
    .order_by(PROMISE.c.sequence.desc())
    .limit(1)
)
_SENT = (
    select(OUTBOX.c.created_at)
    .join(TICKET, TICKET.c.id == OUTBOX.c.ticket_id)
    .where(TICKET.c.requester_key == bindparam("person"), OUTBOX.c.kind == bindparam("kind"))
    .order_by(OUTBOX.c.id.desc())
    .limit(1)
)
_OWN = (
    select(
        TICKET.c.id,
        TICKET.c.reference,
        TICKET.c.opened_at,
        TICKET.c.status,
        TICKET.c.category,
        TICKET.c.tier,
        TICKET.c.priority,
        TICKET.c.subject,
    )
    .where(TICKET.c.requester_key == bindparam("person"))
    .order_by(TICKET.c.id)
    .limit(bindparam("count"))
)
_ENTRIES = (
    select(ENTRY.c.ticket_id, ENTRY.c.kind, ENTRY.c.at, ENTRY.c.text)
    .join(TICKET, TICKET.c.id == ENTRY.c.ticket_id)
    .where(
        TICKET.c.requester_key == bindparam("person"),
        (ENTRY.c.kind == EntryKind.REPLY.value)
        | (ENTRY.c.kind.in_([kind.value for kind in _HIS]) & (ENTRY.c.author == bindparam("person"))),
    )
    .order_by(ENTRY.c.id)
    .limit(bindparam("count"))
)
