"""Loading the context of a decision, in the transaction that will apply it: nothing in it is stale.

Looks the clues of a reading up and adds what stands: credits, hold, last language. Every lookup is
by an index and bounded, whatever a mail claims.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from daemon.core.address import Address
from daemon.core.clock import APPROVAL
from daemon.core.clues import Clues
from daemon.core.command import Verb, read_orders
from daemon.core.context import Context, SentNotice
from daemon.core.credit import canonical
from daemon.core.decision import Field
from daemon.core.envelope import Envelope
from daemon.core.instants import CLOSING, SURVEY
from daemon.core.match import Candidate, match_thread
from daemon.core.notice import NoticeKind
from daemon.core.policy import Policy
from daemon.core.reading import Reading
from daemon.core.separation import read_separation
from daemon.core.ticket import Status, Ticket, TicketId
from daemon.core.token import OwnId
from daemon.store import (
    approvals,
    clocks,
    course,
    holds,
    links,
    merges,
    opinions,
    orders,
    outbox,
    outsiders,
    parties,
    parts,
    requests,
    similar,
    threads,
    tickets,
)
from daemon.store import credits as purse_keeper
from daemon.store.engine import exclusive
from daemon.store.prepared import Prepared
from daemon.store.schema import INBOUND, OUTBOX

_MERGES = 10  # links of a merge chain that are followed


def load(
    tx: Connection, *, inbound_id: int, reading: Reading, envelope: Envelope, policy: Policy, now: datetime
) -> Context:
    """All the store knows that the mail cannot say."""
    exclusive(tx)
    clues, identity = reading.clues, reading.message.identity
    stored = _STORED.first(tx, {"id": inbound_id})
    reported = _reported(tx, clues)
    named = _named(tx, clues, reading.message.message_id, envelope.desk)
    named += parties.named_by_supplier(tx, reading, policy, envelope.desk)
    known = _with_merges(tx, {ticket_id for _, _, ticket_id in named})
    repeat_of = _repeat(tx, clues, envelope.desk, {ticket.id for ticket, _ in known}, policy, now)
    beside = {t for t in (repeat_of, reported.ticket_id if reported else None) if t is not None}
    if clues.own_message is not None:
        beside.add(TicketId(clues.own_message.ticket_id))
    also = tickets.get_many(tx, beside - {ticket.id for ticket, _ in known})
    context = Context(
        inbound_id=inbound_id,
        desk=envelope.desk,
        credits=purse_keeper.left(tx, identity, policy, now=now),
        candidates=_candidates(tx, named, known, shut=_shut(known, identity, policy, now)),
        tickets=(*(ticket for ticket, _ in known), *also),
        repeat_of=repeat_of,
        reported=reported,
        id_reused=bool(stored.id_reused),
        on_hold_until=holds.until(tx, identity),
        last_language="" if identity is None else tickets.last_language(tx, identity),
        attempts=stored.attempts,
        similar=similar.named(tx, reading.prediction.nearest if reading.prediction else (), desk=envelope.desk),
    )
    context = parties.known(tx, context, reading, policy)
    if identity is None or not policy.is_agent(identity):
        return requests.for_requester(tx, context, reading, policy)
    if not known:
        return context
    return _for_agent(tx, context, reading, identity, policy, now)


def _for_agent(
    tx: Connection, context: Context, reading: Reading, agent: Address, policy: Policy, now: datetime
) -> Context:
    """What an agent's orders may need: the tickets they name, what can be undone, who answered a moment ago."""
    match = match_thread(reading.clues, context.candidates, agent, policy.keyring, trust=reading.trust)
    ticket = context.ticket(match.ticket_id) if match.ticket_id is not None else None
    if ticket is None or match.named is None:
        return context
    said = read_orders(reading.message.body.new)
    mentioned = tickets.by_references(tx, said.references)
    undo = orders.undoable(tx, match.named, agent.key, now=now) if said.has(Verb.UNDO) else ()
    parted = (read_separation(change.after) for change in undo if change.field is Field.SPLIT)
    both = {ticket_id for apart in parted if apart is not None for ticket_id in (apart.old, apart.new)}
    addressee = _addressee(tx, ticket, match.named, reading)
    thread, last_heard = _spoken(tx, addressee or ticket)
    ends = merges.ends(tx, [each.id for each in mentioned]) if mentioned else {}
    return replace(
        context,
        tickets=(*context.tickets, *tickets.get_many(tx, both - {each.id for each in context.tickets})),
        named=match.named,
        merged_into=next(each.merged_into for each in context.candidates if each.ticket_id == match.named),
        mentioned=mentioned,
        merge_end={TicketId(one): TicketId(end) for one, end in ends.items()},
        linked=links.linked(tx, ticket.id) if mentioned else frozenset(),
        undoable=undo,
        other_reply=orders.other_reply(tx, ticket.id, agent.key, now=now),
        request=parts.request_of(tx, ticket.id) if said.has(Verb.FORWARD) else None,
        part=parts.separable(tx, ticket.id, reading.clues.own_ids, _ours(policy))
        if said.has(Verb.SPLIT) and match.named == ticket.id
        else None,
        addressee=addressee,
        thread=thread,
        last_heard=last_heard,
    )


def _addressee(tx: Connection, ticket: Ticket, named: TicketId, reading: Reading) -> Ticket | None:
    """The ticket whose requester an answer is for.

    Where tickets of several people were joined, it is the one whose requester wrote the mail that is answered; None
    when that cannot be told.
    """
    others = merges.others(tx, ticket)
    if not others:
        return ticket
    known = (ticket, *others)
    author = parts.author_of(tx, named, reading.clues.own_ids) or parts.author_of(tx, ticket.id, reading.clues.own_ids)
    if author:
        return next((each for each in known if each.requester is not None and each.requester.key == author), None)
    return next((each for each in others if each.id == named), None)


def _spoken(tx: Connection, ticket: Ticket) -> tuple[tuple[str, ...], str]:
    return threads.between(tx, ticket.id, ticket.requester) if ticket.requester is not None else ((), "")


def _ours(policy: Policy) -> frozenset[str]:
    return frozenset(address.key for desk in policy.desks for address in desk.addresses)


def _shut(
    known: list[tuple[Ticket, TicketId | None]], identity: Address | None, policy: Policy, now: datetime
) -> frozenset[TicketId]:
    """Tickets that were solved too long ago to be opened again by a reply; an agent may write on any."""
    if identity is not None and policy.is_agent(identity):
        return frozenset()
    until = now - timedelta(days=policy.follow.reopen_days)
    closed = (ticket for ticket, _ in known if ticket.status is Status.CLOSED and ticket.solved_at is not None)
    return frozenset(ticket.id for ticket in closed if ticket.solved_at is not None and ticket.solved_at < until)


def for_clock(
    tx: Connection, *, ticket_id: int, policy: Policy, now: datetime, clock: str = ""
) -> tuple[Ticket, Context] | None:
    """The ticket of a due clock with credits and hold of its requester; None when the ticket is gone."""
    exclusive(tx)
    ticket = tickets.get(tx, ticket_id)
    if ticket is None:
        return None
    requester: Address | None = ticket.requester
    turned = course.history(tx, ticket_id)
    asked = any(turn.clock == APPROVAL for turn in turned)
    return ticket, Context(
        inbound_id=0,
        desk=ticket.desk,
        credits=purse_keeper.left(tx, requester, policy, now=now),
        tickets=(ticket,),
        on_hold_until=holds.until(tx, requester),
        last_language=ticket.language,
        history=turned,
        approvals=approvals.of(tx, (ticket_id,)) if asked else (),
        coming=clocks.coming(tx, ticket_id),
        spoken_to=outbox.spoken(tx, ticket_id),
        surveyed_at=opinions.last_asked(tx, canonical(requester)) if requester and clock == SURVEY else None,
        closed_by=orders.closed_by(tx, ticket_id) if clock == CLOSING else "",
    )


def _named(tx: Connection, clues: Clues, message_id: str, desk: str) -> list[tuple[str, str, int]]:
    """(clue, evidence, ticket id) of every ticket a clue names; the ticket may not exist."""
    named = [("token", f"token {token.person_tag}", token.ticket_id) for token in clues.tokens]
    named += [("own_id", f"{own.kind} {own.sequence}", own.ticket_id) for own in clues.own_ids]
    named += [("reference", *found) for found in threads.tickets_of(tx, clues.references, desk=desk)]
    named += [("awaited", message_id, ticket_id) for ticket_id in threads.waiting_for(tx, message_id, desk=desk)]
    named += [("foreign", *found) for found in threads.foreign(tx, clues.foreign, desk=desk)]
    if clues.tag is not None:
        named.append(("tag", str(clues.tag), clues.tag))
    return named


def _with_merges(tx: Connection, ticket_ids: set[int]) -> list[tuple[Ticket, TicketId | None]]:
    """The tickets with what they were merged into, and those too."""
    known: dict[int, tuple[Ticket, TicketId | None]] = {}
    for _ in range(_MERGES):
        missing = ticket_ids - known.keys()
        rows = tickets.rows_of(tx, missing)
        for row in rows:
            known[row.id] = tickets.load(row), row.merged_into
        ticket_ids = {row.merged_into for row in rows if row.merged_into is not None}
        if not ticket_ids - known.keys():
            break
    return list(known.values())


def _candidates(
    tx: Connection,
    named: list[tuple[str, str, int]],
    known: list[tuple[Ticket, TicketId | None]],
    *,
    shut: frozenset[TicketId],
) -> tuple[Candidate, ...]:
    people = tickets.participants(tx, [ticket.id for ticket, _ in known])
    asked = outsiders.outsiders(tx, [ticket.id for ticket, _ in known])
    by_id = {ticket.id: (ticket, merged_into) for ticket, merged_into in known}
    reached = {ticket_id for _, _, ticket_id in named}
    named = [*named, *(("merge", "", ticket_id) for ticket_id in by_id.keys() - reached)]
    return tuple(
        Candidate(
            ticket_id=TicketId(ticket_id),
            clue=clue,
            evidence=evidence,
            participants=people[ticket_id],
            status=str(by_id[TicketId(ticket_id)][0].status),
            merged_into=by_id[TicketId(ticket_id)][1],
            outsiders=asked.get(ticket_id, frozenset()),
            shut=TicketId(ticket_id) in shut,
        )
        for clue, evidence, ticket_id in named
        if ticket_id in by_id
    )


def _repeat(
    tx: Connection, clues: Clues, desk: str, candidates: set[TicketId], policy: Policy, now: datetime
) -> TicketId | None:
    """The ticket that has the same text of the same sender already: of this desk, or one the mail answers to."""
    found = threads.repeats(tx, clues.fingerprint, window=policy.repeat_window, now=now)
    return next((TicketId(ticket) for where, ticket in found if where == desk or ticket in candidates), None)


def _reported(tx: Connection, clues: Clues) -> SentNotice | None:
    """The notice of ours that a report or a returning mail speaks of."""
    own: OwnId | None = clues.bounce_of or clues.own_message
    if own is None or own.kind not in set(NoticeKind):
        return None
    values = {"ticket_id": own.ticket_id, "kind": own.kind, "sequence": own.sequence}
    row = tx.execute(_SENT, values).one_or_none()
    if row is None:
        return None
    return SentNotice(
        ticket_id=TicketId(own.ticket_id), kind=NoticeKind(own.kind), sequence=own.sequence, to=row.recipient
    )


_STORED = Prepared(select(INBOUND.c.id_reused, INBOUND.c.attempts).where(INBOUND.c.id == bindparam("id")))
_SENT = select(OUTBOX.c.recipient).where(
    OUTBOX.c.ticket_id == bindparam("ticket_id"),
    OUTBOX.c.kind == bindparam("kind"),
    OUTBOX.c.sequence == bindparam("sequence"),
)
