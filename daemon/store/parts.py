"""Mails that move between tickets: what could be split off, and the move itself.

A mail takes along its entry, its place in `explain`, its Message-ID (replies to it follow) and its fingerprint.
"""

from __future__ import annotations

from sqlalchemy import Connection, Row, bindparam, func, select, update

from daemon.core.address import Address, parse_path
from daemon.core.decision import EntryKind, Taken
from daemon.core.entry import Entry, Part
from daemon.core.limits import Limits
from daemon.core.parse import parse_headers_only
from daemon.core.token import OwnId
from daemon.store import threads
from daemon.store.schema import ENTRY, FINGERPRINT, INBOUND, OUTBOX, RAW
from daemon.store.tickets import entry_of

_HEAD_BYTES = 64_000  # of the original that are read for its header
_COPIED = 100
_INDEX_CHARS = 1_000


def request_of(tx: Connection, ticket_id: int) -> Entry | None:
    """The mail that opened the ticket."""
    row = tx.execute(_FIRST, {"b_ticket": ticket_id}).first()
    return None if row is None else entry_of(row)


def author_of(tx: Connection, ticket_id: int, answered: tuple[OwnId, ...]) -> str:
    """Who wrote the mail that a team letter of ours was about, the newest letter first: an `Address.key` or ""."""
    for own in reversed(answered):
        if own.ticket_id == ticket_id:
            values = {"b_ticket": ticket_id, "b_kind": own.kind, "b_sequence": own.sequence}
            row = tx.execute(_ABOUT, values).first()
            if row is not None:
                return str(row.author)
    return ""


def separable(tx: Connection, ticket_id: int, answered: tuple[OwnId, ...], ours: frozenset[str]) -> Part | None:
    """The requester's mail that a team letter of ours was about, the newest letter first; else his last one.

    `answered` are our own Message-IDs that the agent's mail answers, `ours` the keys of the desks' addresses. A letter
    about a mail is queued at the very instant at which that mail is entered.
    """
    for own in reversed(answered):
        if own.ticket_id == ticket_id:
            values = {"b_ticket": ticket_id, "b_kind": own.kind, "b_sequence": own.sequence}
            row = tx.execute(_ANSWERED, values).first()
            if row is not None:
                return _part(tx, row, ours)
    row = tx.execute(_LAST, {"b_ticket": ticket_id}).first()
    return None if row is None else _part(tx, row, ours)


def take(tx: Connection, taken: Taken, ticket_id: int) -> None:
    """The mail leaves its ticket for this one: as the request that opens it, or as a follow-up again."""
    values = {"b_from": taken.source, "b_to": ticket_id, "b_inbound": taken.inbound_id}
    entry = tx.execute(_AT, {"b_from": taken.source, "b_inbound": taken.inbound_id}).first()
    if entry is None:
        return
    first = tx.execute(_FIRST, {"b_ticket": ticket_id}).first() is None
    kind = EntryKind.REQUEST if first else EntryKind.FOLLOW_UP
    tx.execute(_MOVE_ENTRY, {**values, "b_kind": kind.value})
    tx.execute(_MOVE_INBOUND, values)
    tx.execute(_MOVE_FINGERPRINT, {**values, "b_at": entry.at})
    if entry.message_id:
        threads.forget(tx, taken.source, entry.message_id)
        threads.remember(tx, ticket_id, [(entry.message_id, threads.MAIL)])


def _part(tx: Connection, row: Row[tuple[object, ...]], ours: frozenset[str]) -> Part | None:
    author = parse_path(row.author)
    if author is None:
        return None
    head = tx.execute(_HEAD, {"b_inbound": row.inbound_id, "b_bytes": _HEAD_BYTES}).scalar()
    if head is None:
        return Part(entry=entry_of(row), author=author)
    message = parse_headers_only(bytes(head), Limits(), ())
    everybody = (mailbox.address for mailbox in (*message.to, *message.cc)[:_COPIED])
    return Part(
        entry=entry_of(row),
        author=author,
        message_id=message.message_id,
        thread_index=next(iter(message.values("thread-index")), "")[:_INDEX_CHARS],
        copied=tuple(each for each in everybody if each.key not in ours and _bare(each) not in ours),
    )


def _bare(address: Address) -> str:
    """Our own signed addresses are ours as well."""
    return f"{address.local.split('+', 1)[0].lower()}@{address.domain}"


_TICKET = bindparam("b_ticket", type_=ENTRY.c.ticket_id.type)
_FROM = bindparam("b_from", type_=ENTRY.c.ticket_id.type)
_INBOUND = bindparam("b_inbound", type_=ENTRY.c.inbound_id.type)
_FIRST = select(ENTRY).where(ENTRY.c.ticket_id == _TICKET).order_by(ENTRY.c.id).limit(1)
_FOLLOWED = (ENTRY.c.ticket_id == _TICKET, ENTRY.c.kind == EntryKind.FOLLOW_UP.value)
_LAST = select(ENTRY).where(*_FOLLOWED).order_by(ENTRY.c.id.desc()).limit(1)
_ABOUT = (
    select(ENTRY)
    .join(OUTBOX, (OUTBOX.c.ticket_id == ENTRY.c.ticket_id) & (OUTBOX.c.created_at == ENTRY.c.at))
    .where(
        ENTRY.c.ticket_id == _TICKET,
        ENTRY.c.kind.in_([EntryKind.REQUEST.value, EntryKind.FOLLOW_UP.value]),
        OUTBOX.c.kind == bindparam("b_kind"),
        OUTBOX.c.sequence == bindparam("b_sequence"),
    )
    .order_by(ENTRY.c.id)
    .limit(1)
)
_ANSWERED = _ABOUT.where(ENTRY.c.kind == EntryKind.FOLLOW_UP.value)
_HEAD = select(func.substr(RAW.c.bytes, 1, bindparam("b_bytes"))).where(RAW.c.inbound_id == _INBOUND)
_AT = (
    select(ENTRY.c.at, INBOUND.c.message_id)
    .join(INBOUND, INBOUND.c.id == ENTRY.c.inbound_id)
    .where(ENTRY.c.ticket_id == _FROM, ENTRY.c.inbound_id == _INBOUND)
)
_MOVE_ENTRY = (
    update(ENTRY)
    .where(ENTRY.c.ticket_id == _FROM, ENTRY.c.inbound_id == _INBOUND)
    .values(ticket_id=bindparam("b_to"), kind=bindparam("b_kind"))
)
_MOVE_INBOUND = update(INBOUND).where(INBOUND.c.id == _INBOUND).values(ticket_id=bindparam("b_to"))
_MOVE_FINGERPRINT = (
    update(FINGERPRINT)
    .where(FINGERPRINT.c.ticket_id == _FROM, FINGERPRINT.c.at == bindparam("b_at", type_=FINGERPRINT.c.at.type))
    .values(ticket_id=bindparam("b_to"))
)
