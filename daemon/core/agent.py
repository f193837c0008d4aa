"""What an agent's mail does: words to the requester, notes, commands, a receipt (mail-rules §5).

Rights need proof of domain *and* a token bound to this agent; without both nothing is sent, run or
changed. A mail is done whole or not at all: one bad line, and only the agent hears of it. Every order
is answered by a receipt and can be undone by mail for an hour; words that went out cannot.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from daemon.core.address import Address
from daemon.core.assistance import script
from daemon.core.changes import changes, moves
from daemon.core.command import Orders, Verb, read_orders
from daemon.core.context import Context
from daemon.core.decision import Change, ClockStart, Decision, EntryKind, Event, Field, Outcome
from daemon.core.manual import manual
from daemon.core.match import Match
from daemon.core.notice import Notice, NoticeKind
from daemon.core.objections import objections
from daemon.core.outside import forward_notice
from daemon.core.policy import Policy
from daemon.core.reading import Reading
from daemon.core.receipt import answer, done, receipt, refusal, state
from daemon.core.separation import join_beside, part, separation_in, taken_back
from daemon.core.ticket import Status, Ticket
from daemon.core.token import redact
from daemon.core.trust import Proof

CLOCK_WAIT = "wait_over"
UNDO_WITHIN = timedelta(hours=1)
COLLISION_WITHIN = timedelta(minutes=15)
_DAYS = {"d": 24, "w": 7 * 24, "h": 1}


def decide_agent(
    reading: Reading, ticket: Ticket, match: Match, context: Context, policy: Policy, now: datetime
) -> Decision:
    """The decision on an agent's mail on `ticket`. Never half: see the module."""
    identity = reading.message.identity
    # A Message-ID that was here before with other content: somebody caught a signed mail of the agent's (he had him
    # in Cc) and sends it again with a field more. The signature holds; the orders were carried out then.
    if identity is None or reading.trust.proof < Proof.PERSON or not match.proven or context.id_reused:
        return _unproven(reading, ticket)
    orders = read_orders(reading.message.body.new)
    if (orders.has(Verb.UNDO) or orders.has(Verb.SPLIT)) and context.named is not None:
        # A merge is taken back where it was ordered: on the ticket that was merged, not on the one it became.
        ticket = context.ticket(context.named) or ticket
    complaints = (*orders.complaints, *objections(orders, reading, ticket, context, policy))
    spoken = policy.desk(ticket.desk).languages[0]
    if complaints:
        return answer(reading, ticket, policy, refusal(complaints, spoken), reason="agent-complaint")
    if orders.has(Verb.HELP):
        return answer(reading, ticket, policy, manual(spoken), reason="agent-answer")
    if orders.has(Verb.STATUS):
        return answer(reading, ticket, policy, state(ticket), reason="agent-answer")
    return _carry_out(orders, identity, reading, ticket, context=context, policy=policy, now=now)


def _unproven(reading: Reading, ticket: Ticket) -> Decision:
    """Names an agent but does not prove it: a note for a person to look at, and an audit line."""
    return Decision(
        outcome=Outcome.APPEND,
        reason="agent-unproven",
        ack_reason="agent",
        append_to=ticket.id,
        entry=EntryKind.NOTE,
        digest=True,
        events=(Event(name="agent.unproven", facts=(("trust", reading.trust.evidence[:200]),)),),
    )


def _carry_out(
    orders: Orders, agent: Address, reading: Reading, ticket: Ticket, *, context: Context, policy: Policy, now: datetime
) -> Decision:
    """All of it: changes, time, words to the requester, the receipt."""
    inside = orders.has(Verb.NOTE) or orders.has(Verb.FORWARD)
    addressee = context.addressee or ticket
    says = bool(orders.words) and not inside and addressee.requester is not None
    ordered = list(changes(orders, ticket, agent, context, policy))
    named = {change.field for change in ordered}
    if says and ticket.status is Status.NEW and Field.STATUS not in named:
        ordered.append(Change(field=Field.STATUS, before=Status.NEW.value, after=Status.OPEN.value))
    # When it moves to another tier, nobody of the old one keeps it.
    if says and not ticket.assignee and not moves(orders, ticket) and Field.ASSIGNEE not in named:
        ordered.append(Change(field=Field.ASSIGNEE, before="", after=agent.key))
    notices: list[Notice] = []
    if says:
        notices.append(_reply(orders.words, addressee, context, policy))
    if orders.has(Verb.FORWARD) and context.request is not None:
        words = "" if orders.has(Verb.NOTE) else orders.words
        notices.append(forward_notice(orders.argument(Verb.FORWARD), words, ticket, context.request, policy))
    if orders.commands:
        notices.append(receipt(reading, ticket, policy, done(orders, ordered, context, says=says)))
    notices.extend(_handed_over(ordered, orders, ticket, policy))
    minutes = sum(int(c.after or 0) - int(c.before or 0) for c in ordered if c.field is Field.TIME)
    return Decision(
        outcome=Outcome.APPEND,
        reason="agent-reply" if says else "agent-note" if orders.words else "agent-command",
        ack_reason="agent",
        append_to=ticket.id,
        entry=EntryKind.REPLY if says else EntryKind.NOTE,
        notices=tuple(notices),
        changes=tuple(ordered),
        by=agent.key,
        minutes=minutes,
        clocks=_waiting(orders, now),
        waiting_for=orders.argument(Verb.WAIT),
        first_response=says,
        stop_clocks=("first_response", "first_response_risk") if says else (),
        refund=(ticket.requester,) if ticket.requester is not None else (),
        events=tuple(_events(orders, agent.key, minutes, says=says)),
        beside=_beside(orders, ticket, agent.key, context, policy, now),
        taken=taken_back(context.undoable, ticket.id) if orders.has(Verb.UNDO) else None,
    )


def _beside(
    orders: Orders, ticket: Ticket, agent: str, context: Context, policy: Policy, now: datetime
) -> Decision | None:
    """What the orders do to a second ticket: the one that is split off, or joined again."""
    if orders.has(Verb.SPLIT) and context.part is not None:
        return part(context.part, ticket, agent, policy, now)
    if orders.has(Verb.UNDO):
        apart = separation_in(context.undoable)
        new = context.ticket(apart.new) if apart is not None else None
        if apart is not None and new is not None:
            return join_beside(apart, ticket.id, new, agent)
    return None


def _reply(words: str, ticket: Ticket, context: Context, policy: Policy) -> Notice:
    """The agent's words from the desk's address; own address and signature do not go along.

    `ticket` is the addressee's: of joined tickets, the one whose requester wrote the mail that is answered.
    """
    if ticket.requester is None:
        raise AssertionError("there is nobody to answer")
    parent = context.last_heard or ticket.thread_root
    return Notice(
        kind=NoticeKind.REPLY,
        to=ticket.requester,
        to_name=ticket.requester_name,
        language=ticket.language or policy.desk(ticket.desk).languages[0],
        category=ticket.category,
        echo_subject=True,
        subject=ticket.subject,
        in_reply_to=parent,
        references=context.thread or ((ticket.thread_root,) if ticket.thread_root else ()),
        text=redact(words),
    )


def _handed_over(changed: list[Change], orders: Orders, ticket: Ticket, policy: Policy) -> Iterator[Notice]:
    """Whoever gets the ticket by these commands is told, with the note that goes with it."""
    team_name = next((change.after for change in changed if change.field is Field.TEAM), "")
    person = next((change.after for change in changed if change.field is Field.ASSIGNEE), "")
    moved = moves(orders, ticket) and bool(team_name)
    if not (moved or orders.has(Verb.ASSIGN)) or not (team_name or person):
        return
    tier = orders.argument(Verb.TIER) or str(ticket.tier)
    team = policy.team(team_name or ticket.team)
    everybody = team.members or team.addresses
    category = next((change.after for change in changed if change.field is Field.CATEGORY), ticket.category)
    language = policy.desk(ticket.desk).languages[0]
    for address in everybody:
        if person and address.key != person:
            continue
        yield Notice(
            kind=NoticeKind.TEAM,
            to=address,
            language=language,
            category=category,
            echo_subject=True,
            subject=ticket.subject,
            text=orders.words,
            detail=(
                ("from", str(ticket.requester or "")),
                ("category", category),
                ("tier", tier if not moved else f"{ticket.tier} → {tier}"),
                ("priority", str(ticket.priority)),
                *script(policy, category, language),
            ),
        )


def _waiting(orders: Orders, now: datetime) -> tuple[ClockStart, ...]:
    wait = orders.argument(Verb.WAIT)
    if not wait or wait in {"requester", "vendor"}:
        return ()
    return (ClockStart(name=CLOCK_WAIT, due_at=now + timedelta(hours=int(wait[:-1]) * _DAYS[wait[-1]])),)


def _events(orders: Orders, agent: str, minutes: int, *, says: bool) -> Iterator[Event]:
    if says:
        yield Event(name="agent.replied", facts=(("by", agent),))
    if minutes:
        yield Event(name="time.logged", facts=(("by", agent), ("minutes", str(minutes))))
    named = ((Verb.LINK, "ticket.linked"), (Verb.UNLINK, "ticket.unlinked"), (Verb.FORWARD, "ticket.forwarded"))
    for verb, name in (*named, (Verb.CLOSE, "ticket.solved"), (Verb.SPAM, "ticket.spam")):
        if orders.has(verb):
            yield Event(name=name, facts=(("by", agent), ("said", orders.argument(verb))))
