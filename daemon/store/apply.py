"""`apply`: executes a decision, whole or not at all. The one way to change a ticket.

Runs in the transaction that loaded the context. It writes everything but the notices, whose
bytes need rendering: `outbox.queue` follows in the same transaction, then `inbound.settle`
or `clocks.finish`. Whatever is not in the decision does not happen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from daemon.core.credit import canonical
from daemon.core.decision import Change, Decision, EntryKind, Field
from daemon.core.entry import Entry
from daemon.core.policy import TRIAGE, Policy
from daemon.core.reading import Reading
from daemon.core.separation import Separation
from daemon.core.ticket import Ticket
from daemon.core.vendor import ROLE
from daemon.store import (
    approvals,
    clocks,
    course,
    effort,
    estimates,
    holds,
    journal,
    labels,
    opinions,
    orders,
    parts,
    promises,
    threads,
    tickets,
)
from daemon.store import credits as purse_keeper
from daemon.store.engine import exclusive

_LEARNT = frozenset({Field.CATEGORY, Field.TIER, Field.KIND})


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The ticket as it stands now (None: the mail was kept without one), and whether it is new."""

    ticket: Ticket | None
    opened: bool
    beside: Ticket | None = None  # the second ticket, when the decision has one
    usual: datetime | None = None  # by when four of five such requests are answered, when that may be said


def apply(
    tx: Connection,
    decision: Decision,
    *,
    policy: Policy,
    now: datetime,
    inbound_id: int | None = None,
    reading: Reading | None = None,
) -> Applied:
    """Write what was decided. A clock's decision has neither `inbound_id` nor `reading`."""
    exclusive(tx)
    beside = None if decision.beside is None else apply(tx, decision.beside, policy=policy, now=now)
    ticket = _opened(tx, decision, reading, policy, now) or _appended(tx, decision)
    identity = reading.message.identity if reading is not None else None
    if identity is not None:
        purse_keeper.hear(tx, identity, policy, now=now)
    if ticket is not None:
        if reading is not None and inbound_id is not None:
            _enter(tx, decision, ticket, reading, inbound_id, now)
        if decision.taken is not None:
            parts.take(tx, decision.taken, ticket.id)
            tickets.add_copied(tx, ticket.id, decision.copied, now=now)
        _set_clocks(tx, decision, ticket, now)
        _set_promise(tx, decision, ticket, policy, now)
        if decision.opening is None and decision.status is not None:
            tickets.set_status(tx, ticket.id, decision.status, now=now)
        for change in decision.changes:
            orders.carry_out(tx, ticket.id, change, now=now)
        _note(tx, decision, ticket, now)
        course.advance(tx, decision, ticket, policy, now=now)
        _third_parties(tx, decision, ticket, now)
        _learn(tx, decision, ticket, now)
    if decision.hold is not None:
        holds.place(tx, decision.hold)
    for address in decision.refund:
        purse_keeper.give_back(tx, address, policy, now=now)
    journal.append(tx, list(_lines(decision, ticket, beside, inbound_id)), now=now)
    usual = estimates.expect(tx, decision, ticket, policy, now=now) if ticket is not None and decision.opening else None
    changed = ticket if ticket is None or decision.opening is not None else tickets.get(tx, ticket.id)
    second = beside.ticket if beside is not None else None
    return Applied(ticket=changed, opened=decision.opening is not None, beside=second, usual=usual)


def _lines(
    decision: Decision, ticket: Ticket | None, beside: Applied | None, inbound_id: int | None
) -> Iterator[journal.Line]:
    about = ticket.id if ticket is not None else None
    for event in decision.events:
        yield journal.Line(name=event.name, inbound_id=inbound_id, ticket_id=about, facts=event.facts)
    changes = decision.changes
    if ticket is not None and beside is not None and beside.opened and beside.ticket is not None:
        # Written on both, so that it can be taken back on either.
        changes = (*changes, _parted(decision, ticket, beside.ticket))
        yield _changed(changes[-1:], decision.by, inbound_id, beside.ticket.id)
    if changes:
        yield _changed(changes, decision.by, inbound_id, about)


def _parted(decision: Decision, old: Ticket, new: Ticket) -> Change:
    taken = decision.beside.taken if decision.beside is not None else None
    apart = Separation(old=old.id, new=new.id, inbound_id=taken.inbound_id if taken is not None else 0)
    return Change(field=Field.SPLIT, before="", after=str(apart))


def _changed(changes: tuple[Change, ...], by: str, inbound_id: int | None, ticket_id: int | None) -> journal.Line:
    facts = (("by", by), *((each.field.value, f"{each.before}{orders.ARROW}{each.after}") for each in changes))
    return journal.Line(name=orders.CHANGED, inbound_id=inbound_id, ticket_id=ticket_id, facts=facts)


def _opened(
    tx: Connection, decision: Decision, reading: Reading | None, policy: Policy, now: datetime
) -> Ticket | None:
    opening = decision.opening
    if opening is None:
        return None
    root = opening.thread_root or (reading.message.message_id if reading is not None else "")
    prefix = policy.desk(opening.desk).reference_prefix
    return tickets.open_ticket(tx, opening, prefix=prefix, thread_root=root, now=now)


def _appended(tx: Connection, decision: Decision) -> Ticket | None:
    return None if decision.append_to is None else tickets.get(tx, decision.append_to)


def _enter(
    tx: Connection, decision: Decision, ticket: Ticket, reading: Reading, inbound_id: int, now: datetime
) -> None:
    """The mail on its ticket, with the marks by which later mails find it."""
    message = reading.message
    author = message.identity
    entry = Entry(
        inbound_id=inbound_id,
        kind=decision.entry,
        author="" if author is None else author.key,
        author_name=message.from_[0].name if message.from_ else "",
        subject=message.subject,
        text=message.body.new,
        at=now,
    )
    tickets.append(tx, ticket.id, entry)
    ancestors = [(reference, threads.ANCESTOR) for reference in reading.clues.references]
    threads.remember(tx, ticket.id, [(message.message_id, threads.MAIL), *ancestors])
    threads.imprint(tx, ticket.id, reading.clues.fingerprint, desk=ticket.desk, now=now)
    tickets.add_copied(tx, ticket.id, decision.copied, now=now)
    if decision.entry is EntryKind.REPLY and author is not None:
        tickets.add_participant(tx, ticket.id, author, role="agent", now=now)


def _note(tx: Connection, decision: Decision, ticket: Ticket, now: datetime) -> None:
    """What is written down beside the course of the ticket: time spent, an opinion, the wish to hear no more."""
    if decision.minutes:
        effort.log(tx, ticket, agent=decision.by, minutes=decision.minutes, now=now)
    if decision.opinion is not None and ticket.requester is not None:
        opinions.record(tx, ticket.id, canonical(ticket.requester), decision.opinion, now=now)
    if decision.muted is not None:
        tickets.mute(tx, ticket.id, muted=decision.muted)


def _third_parties(tx: Connection, decision: Decision, ticket: Ticket, now: datetime) -> None:
    """Who was asked to approve and what he said; the supplier who has it now, and what he calls it."""
    approvals.write(tx, ticket.id, decision.asks)
    if decision.participant is not None:
        tickets.add_participant(tx, ticket.id, decision.participant, role=ROLE, now=now)
    if decision.foreign:
        threads.remember(tx, ticket.id, [(mark, threads.MAIL) for mark in decision.foreign])


def _learn(tx: Connection, decision: Decision, ticket: Ticket, now: datetime) -> None:
    """An agent who corrects category, tier or kind has labelled the mail that opened the ticket."""
    corrected = {change.field: change.after for change in decision.changes if change.field in _LEARNT}
    category = corrected.get(Field.CATEGORY, ticket.category)
    if not corrected or category == TRIAGE:
        return
    first = next(iter(tickets.entries(tx, ticket.id, limit=1)), None)
    if first is None:
        return
    said = labels.Said(
        category=category,
        tier=int(corrected[Field.TIER]) if Field.TIER in corrected else None,
        kind=corrected.get(Field.KIND, ""),
        provenance=labels.Provenance.AGENT,
        by=decision.by,
    )
    labels.record(tx, said, inbound_id=first.inbound_id, now=now)


def _set_clocks(tx: Connection, decision: Decision, ticket: Ticket, now: datetime) -> None:
    clocks.stop(tx, ticket.id, decision.stop_clocks, now=now)
    clocks.start(tx, ticket.id, decision.clocks, now=now)


def _set_promise(tx: Connection, decision: Decision, ticket: Ticket, policy: Policy, now: datetime) -> None:
    promise = decision.promise or (decision.opening.promise if decision.opening is not None else None)
    if promise is not None:
        promises.make(tx, ticket.id, promise, now=now, first=decision.opening is not None)
        if decision.opening is None:
            tickets.set_promised(tx, ticket.id, promise.due_at)
    if decision.promise_broken:
        promises.break_open(tx, ticket.id, now=now)
    if decision.first_response:
        tickets.set_first_response(tx, ticket.id, now=now)
        promises.answer(tx, ticket.id, now=now)
        estimates.answered(tx, ticket.id, policy, now=now)
