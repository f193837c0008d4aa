"""From a decision to rows: apply it, give each notice words and bytes, queue it. One transaction (T2, T4).

The only place where meaning meets durability: called with the caller's transaction, by the settle
loop for mail and by the tick loop for clocks, so there is one way to change a ticket and one
way to send a mail. Sends nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy import Connection

from daemon.core.address import Address
from daemon.core.compose import Stamp, compose
from daemon.core.decision import Decision
from daemon.core.letter import Letter, bare_subject
from daemon.core.notice import TO_REQUESTER, Notice, NoticeKind
from daemon.core.policy import Desk, Policy
from daemon.core.reading import Reading
from daemon.core.receipt import split_off
from daemon.core.ticket import Ticket
from daemon.core.token import bounce_address, carries_marks, message_id, reply_address
from daemon.errors import Unavailable
from daemon.languages import say_instant
from daemon.loops.click import click, unsubscribing
from daemon.render import Renderer
from daemon.store import apply, inbound, outbox, promises, requests

log = structlog.get_logger(__name__)

ATTACH_LIMIT_BYTES = (
    2_000_000  # composing 10 MB takes 0.24 s inside T2; a bigger original stays with us (explain --raw)
)


class CreditRaced(Unavailable):
    """Another node took the last credit between reading and spending (PostgreSQL): decide again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desked:
    """What giving words to a notice needs: the desk's agreement, the templates, and now (aware UTC)."""

    policy: Policy
    renderer: Renderer
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Enacted:
    """What was done: the ticket as it stands (None for kept mail) and the outbox ids of the notices."""

    ticket: Ticket | None
    queued: tuple[int, ...] = ()


def enact(
    tx: Connection,
    decision: Decision,
    desked: Desked,
    *,
    inbound_id: int | None = None,
    reading: Reading | None = None,
) -> Enacted:
    """Execute `decision` in the caller's transaction; raises CreditRaced when it went stale meanwhile."""
    applied = apply.apply(tx, decision, policy=desked.policy, now=desked.now, inbound_id=inbound_id, reading=reading)
    if applied.ticket is None:
        return Enacted(ticket=None)
    queued = [
        outbox_id
        for notice in _completed(decision, applied)
        if (outbox_id := _queue(tx, notice, applied.ticket, desked)) is not None
    ]
    if decision.beside is not None and applied.beside is not None:
        queued += [
            outbox_id
            for notice in decision.beside.notices
            if (outbox_id := _queue(tx, notice, applied.beside, desked)) is not None
        ]
    return Enacted(ticket=applied.ticket, queued=tuple(queued))


def _completed(decision: Decision, applied: apply.Applied) -> tuple[Notice, ...]:
    """The notices; an acknowledgment learns the usual time, a receipt the reference of a ticket split off just now."""
    if applied.usual is not None:
        return tuple(
            replace(notice, usual=applied.usual) if notice.kind is NoticeKind.ACKNOWLEDGMENT else notice
            for notice in decision.notices
        )
    beside, second = applied.beside, decision.beside
    if beside is None or second is None or second.opening is None:
        return decision.notices
    return tuple(
        split_off(notice, beside.reference) if notice.kind is NoticeKind.RECEIPT else notice
        for notice in decision.notices
    )


def _queue(tx: Connection, notice: Notice, ticket: Ticket, desked: Desked) -> int | None:
    """One notice as an outbox row; None when the team's own credit is spent (the digest tells them then)."""
    policy = desked.policy
    desk = policy.desk(ticket.desk)
    sequence = notice.sequence or outbox.next_sequence(tx, ticket.id, notice.kind)
    notice = replace(notice, sequence=sequence)
    original = inbound.raw_of(tx, notice.attach_inbound) if notice.attach_inbound is not None else None
    if original is not None and notice.kind is NoticeKind.FORWARD and not _may_leave(original):
        original = None
    listing = requests.own_data(tx, notice.to) if notice.attach_own else ""
    letter, content = letter_for(notice, ticket, desk, desked, original=original, listing=listing)
    if letter.trouble:
        log.error("notice.template_failed", ticket=ticket.reference, kind=notice.kind, why=letter.trouble)
    posting = outbox.Posting(
        kind=notice.kind,
        ticket_id=ticket.id,
        sequence=sequence,
        to=notice.to,
        message_id=_own_id(notice, ticket, desk, policy),
        mail_from=str(_envelope_sender(notice, ticket, desk, policy)),
        content=content,
        life=policy.letter_life,
    )
    queued = outbox.queue(tx, posting, policy, now=desked.now)
    if queued.outbox_id is None:
        if notice.kind in TO_REQUESTER:
            raise CreditRaced(f"credit ({queued.spent}) was spent meanwhile")
        log.warning("notice.withheld", ticket=ticket.reference, kind=notice.kind, bound=queued.spent)
        return None
    if notice.promise is not None and notice.kind in TO_REQUESTER:
        said = say_instant(notice.promise.due_at, notice.promise.zone, letter.language)
        promises.say(tx, ticket.id, due_at=notice.promise.due_at, said=said, notice_id=queued.outbox_id)
    return queued.outbox_id


def _may_leave(original: bytes) -> bool:
    """A mail that quotes an address with a token of ours is not handed to people outside."""
    return len(original) <= ATTACH_LIMIT_BYTES and not carries_marks(original)


def _envelope_sender(notice: Notice, ticket: Ticket, desk: Desk, policy: Policy) -> Address:
    """Where a bounce may go: the signed address, or the desk's own where it has no plus-addressing.

    There the report still finds its notice: it names our signed Message-ID.
    """
    if not desk.plus_addressing:
        return desk.address
    return bounce_address(policy.keyring, desk.address, ticket.id, notice.kind, notice.sequence)


def _own_id(notice: Notice, ticket: Ticket, desk: Desk, policy: Policy) -> str:
    return message_id(policy.keyring, notice.kind, ticket.id, notice.sequence, desk.address.domain)


def letter_for(
    notice: Notice, ticket: Ticket, desk: Desk, desked: Desked, *, original: bytes | None = None, listing: str = ""
) -> tuple[Letter, bytes]:
    """The words and the bytes of a notice. Same notice, ticket and instant: same bytes."""
    policy, now = desked.policy, desked.now
    until = (now + policy.token_life).date()
    reply_to = reply_address(policy.keyring, desk.address, ticket.id, notice.to, until, desk.plus_addressing)
    facts = desked.renderer.facts(notice, policy=policy, desk=desk, reference=ticket.reference, reply_to=reply_to)
    wishes = ((word, click(policy.keyring, word, ticket, notice.to, reply_to, until)) for word in notice.wishes)
    facts = replace(facts, links=(*facts.links, *wishes))
    letter = desked.renderer.render(notice, facts)
    stamp = Stamp(
        kind=notice.kind,
        desk_title=desk.title,
        desk=desk.address,
        to=notice.to,
        to_name=facts.name,
        reply_to=reply_to,
        message_id=_own_id(notice, ticket, desk, policy),
        date=now,
        opened_at=ticket.opened_at,
        in_reply_to=notice.in_reply_to,
        references=notice.references,
        topic=bare_subject(notice.subject, ticket.reference) if notice.echo_subject else "",
        thread_index=ticket.thread_index if notice.to == ticket.requester else "",
        reference=ticket.reference,
        original=original if original is not None and len(original) <= ATTACH_LIMIT_BYTES else None,
        listing=listing,
        unsubscribe=unsubscribing(notice.kind, policy.keyring, ticket, notice.to, reply_to, until),
    )
    return letter, compose(letter, stamp)
