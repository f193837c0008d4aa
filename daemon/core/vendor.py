"""The supplier behind a tier: handing a ticket over to him by mail, and what his mails do.

Only an agent's order sends anything to a supplier, so nothing that comes back can make a loop. His answers are
found by our signed marks or by his own reference, once he has named it; they are notes for the team and never reach
the requester by themselves. What his ticket system says on its own (marked as automatic, or faster than a
person reads) is filed and stops no clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from daemon.core.acknowledge import team_notices
from daemon.core.address import Address
from daemon.core.calendar import add_working
from daemon.core.context import Context
from daemon.core.credit import domain_key
from daemon.core.decision import Change, Decision, EntryKind, Event, Field, Outcome
from daemon.core.match import Match
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Policy, Supplier
from daemon.core.reading import Reading
from daemon.core.sla import Hours, Promise
from daemon.core.ticket import Priority, Status, Ticket
from daemon.core.token import redact
from daemon.core.trust import Proof

ROLE = "supplier"  # of the participant
CLUE = "supplier"  # a candidate that his own reference names
PERSON_READS = timedelta(minutes=5)  # an unmarked answer that is quicker was written by a machine
MAX_REFERENCES = 5
_SIGNED = frozenset({"token", "own_id"})
# [FIBER-4711], [Ticket#2026112310000017], (Case 00123456), [#99812]: at least three digits, so that a year in
# brackets or "[1]" is none. Suppliers print them in the subject of every mail.
_REFERENCE = re.compile(
    r"[\[(]\s*(?:ticket|case|request|incident|ref|vorgang|anfrage|dossier|caso|ärende)?\s*(?:id|no|nr)?[.:]?\s*"
    r"#?(?P<reference>[A-Za-z][A-Za-z0-9]{0,11}[-_#:/]\d{3,20}|\d{4,20})\s*[\])]",
    re.IGNORECASE,
)
_WORKED_BY_HAND = frozenset({"nobody-reads", "list", "suppress-all"})  # guards that a ticket system's real mail may hit


def supplier_of(identity: Address | None, policy: Policy) -> Supplier | None:
    """Whose mail this is: the supplier's address, or any other at his registered domain.

    At a public provider, or under a domain of our own, only the very address is his.
    """
    if identity is None:
        return None
    own = {domain_key(address, policy.public_providers) for desk in policy.desks for address in desk.addresses}
    theirs = domain_key(identity, policy.public_providers)
    for supplier in policy.suppliers:
        if supplier.address is None:
            continue
        near = theirs is not None and theirs not in own
        if supplier.address.key == identity.key or (
            near and domain_key(supplier.address, policy.public_providers) == theirs
        ):
            return supplier
    return None


def foreign_marks(subject: str, supplier: Supplier, policy: Policy) -> tuple[str, ...]:
    """The supplier's own references in a subject, as keys under which the store remembers them."""
    prefixes = {desk.reference_prefix.casefold() for desk in policy.desks}
    found = (match["reference"] for match in _REFERENCE.finditer(subject[:1_000]))
    theirs = [each for each in found if re.split(r"[-_#:/]", each)[0].casefold() not in prefixes]
    return tuple(f"supplier:{supplier.name}:{each.casefold()}" for each in dict.fromkeys(theirs))[:MAX_REFERENCES]


# --- an agent hands over ---------------------------------------------------------------------------------------------


def with_supplier(decision: Decision, ticket: Ticket, context: Context, policy: Policy, now: datetime) -> Decision:
    """An agent's decision, and the mail to the supplier when it moves the ticket to his tier or waits for him."""
    after = {change.field: change.after for change in decision.changes}
    tier = policy.tier(int(after.get(Field.TIER, ticket.tier)))
    supplier = policy.supplier(tier.supplier)
    moved = Field.TIER in after and tier.number != ticket.tier
    if supplier is None or supplier.address is None or not (moved or decision.waiting_for == "vendor"):
        return decision
    known = any(each.ticket_id == ticket.id for each in context.handed)
    if (known and not moved) or _ends(decision.changes):
        return decision
    letter = _hand_over(replace(ticket, tier=tier.number), supplier, decision, context, policy, now)
    return replace(
        decision,
        vendor="handed",
        participant=supplier.address,
        notices=(*decision.notices, letter),
        events=(
            *decision.events,
            Event(
                name="vendor.handed",
                facts=(("supplier", supplier.name), ("contract", supplier.contract), ("by", decision.by)),
            ),
        ),
    )


def _hand_over(
    ticket: Ticket, supplier: Supplier, decision: Decision, context: Context, policy: Policy, now: datetime
) -> Notice:
    """The request and what was answered to it so far; not who asked, and no note of ours."""
    if supplier.address is None:
        raise AssertionError("a hand-over needs an address")
    priority = Priority(dict(_standing(decision.changes)).get(Field.PRIORITY, ticket.priority.value))
    said = tuple(notice.text for notice in decision.notices if notice.kind is NoticeKind.REPLY)
    parts = [context.approval(ticket.id).request, *context.tried, *said]
    calendar = policy.calendar(supplier.calendar)
    target = dict(supplier.first_response).get(priority)
    due = None
    if target is not None:
        due = Promise(
            due_at=add_working(calendar, now, target),
            zone=calendar.zone,
            calendar=calendar.name,
            target=target,
            hours=Hours.OPEN,
        )
    return Notice(
        kind=NoticeKind.VENDOR,
        to=supplier.address,
        to_name=supplier.title,
        language=policy.desk(ticket.desk).languages[0],
        promise=due,
        category=ticket.category,
        echo_subject=True,
        subject=ticket.subject,
        text=redact("\n\n* * *\n\n".join(part.strip() for part in parts if part.strip())),
        detail=(
            ("contract", supplier.contract),
            ("reference", ticket.reference),
            ("priority", priority.value),
        ),
    )


def _standing(changes: tuple[Change, ...]) -> Iterator[tuple[Field, str]]:
    yield from ((change.field, change.after) for change in changes)


def _ends(changes: tuple[Change, ...]) -> bool:
    ends = {Status.SOLVED.value, Status.CLOSED.value}
    return any(change.field is Field.STATUS and change.after in ends for change in changes)


# --- the supplier writes ---------------------------------------------------------------------------------------------


def handed_ticket(reading: Reading, match: Match, context: Context, policy: Policy) -> Ticket | None:
    """The ticket that a supplier's mail is about; None when it is not one of his.

    By a mark that we signed, else by his own reference, and then only from a proven domain: his numbers can be
    guessed.
    """
    who = reading.message.identity
    if who is None or reading.trust.failed or policy.is_agent(who) or supplier_of(who, policy) is None:
        return None
    his = {each.ticket_id for each in context.handed}
    named = match.ticket_id or (match.hint if match.clue in _SIGNED else None)
    if named is None and reading.trust.proof >= Proof.DOMAIN:
        foreign = (each for each in context.candidates if each.clue == CLUE)
        named = next((each.merged_into or each.ticket_id for each in foreign), None)
    ticket = context.ticket(named) if named is not None and named in his else None
    if ticket is not None and ticket.requester is not None and ticket.requester.key == who.key:
        return None
    return ticket


def decide_supplier(reading: Reading, ticket: Ticket, context: Context, policy: Policy, now: datetime) -> Decision:
    """A person of the supplier wrote: a note, the team reads it, his clock stops. The requester hears nothing."""
    since = next(each.since for each in context.handed if each.ticket_id == ticket.id)
    counts = now - since >= PERSON_READS
    return _note(reading, ticket, context, policy, reason="vendor-answer" if counts else "vendor-quick", counts=counts)


def supplier_machine(reading: Reading, guard: str, ticket: Ticket, context: Context, policy: Policy) -> Decision:
    """His ticket system wrote: filed, its reference remembered; no clock stops and nobody is answered.

    A no-reply address or a bulk mark may still carry a person's words: then the team reads it.
    """
    if guard in _WORKED_BY_HAND:
        return _note(reading, ticket, context, policy, reason="vendor-quick", counts=False)
    found = _note(reading, ticket, context, policy, reason="vendor-automatic", counts=False)
    return replace(found, entry=EntryKind.AUTOMATED, notices=())


def _note(reading: Reading, ticket: Ticket, context: Context, policy: Policy, *, reason: str, counts: bool) -> Decision:
    supplier = supplier_of(reading.message.identity, policy)
    if supplier is None:
        raise AssertionError("only a supplier's mail comes here")
    marks = foreign_marks(reading.message.subject, supplier, policy)
    return Decision(
        outcome=Outcome.APPEND,
        reason=reason,
        ack_reason="vendor",
        append_to=ticket.id,
        entry=EntryKind.NOTE,
        notices=team_notices(reading, ticket, context, policy),
        foreign=marks,
        vendor="answered" if counts else "",
        events=(
            Event(
                name="vendor.answered" if counts else "vendor.filed",
                facts=(
                    ("supplier", supplier.name),
                    ("reference", ", ".join(mark.rpartition(":")[2] for mark in marks)),
                ),
            ),
        ),
    )
