"""What an agent's mail does: words to the requester, notes, commands, a receipt (mail-rules §5).

Rights need proof of domain *and* a token bound to this agent; without both nothing is sent, run or
changed. A mail is done whole or not at all: one bad line, and only the agent hears of it. Every order
is answered by a receipt and can be undone by mail for an hour; words that went out cannot.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from daemon.core.command import Command, Complaint, Orders, Verb, manual, read_orders
from daemon.core.context import Context
from daemon.core.decision import Change, ClockStart, Decision, EntryKind, Event, Field, Outcome
from daemon.core.match import Match
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Policy, Team
from daemon.core.reading import Reading
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
    if identity is None or reading.trust.proof < Proof.PERSON or not match.proven:
        return _unproven(reading, ticket)
    orders = read_orders(reading.message.body.new)
    complaints = (*orders.complaints, *_complaints(orders, reading, ticket, context, policy))
    if complaints:
        return _answer(reading, ticket, policy, _told(complaints), reason="agent-complaint")
    if orders.has(Verb.HELP):
        return _answer(reading, ticket, policy, manual(), reason="agent-answer")
    if orders.has(Verb.STATUS):
        return _answer(reading, ticket, policy, _state(ticket), reason="agent-answer")
    return _carry_out(orders, reading, ticket, context, policy, now)


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


def _answer(reading: Reading, ticket: Ticket, policy: Policy, words: str, *, reason: str) -> Decision:
    """Nothing is done; the agent alone is answered."""
    return Decision(
        outcome=Outcome.APPEND,
        reason=reason,
        ack_reason="agent",
        append_to=ticket.id,
        entry=EntryKind.NOTE,
        notices=(_receipt(reading, ticket, policy, words),),
        events=(Event(name=reason.replace("-", "."), facts=()),),
    )


def _receipt(reading: Reading, ticket: Ticket, policy: Policy, words: str) -> Notice:
    message = reading.message
    if message.identity is None:
        raise AssertionError("a receipt is for a proven agent")
    return Notice(
        kind=NoticeKind.RECEIPT,
        to=message.identity,
        language=policy.desk(ticket.desk).languages[0],
        echo_subject=True,
        subject=ticket.subject,
        in_reply_to=message.message_id,
        references=(*message.references, message.message_id) if message.message_id else message.references,
        text=words,
    )


def _told(complaints: tuple[Complaint, ...]) -> str:
    wrong = "\n".join(f"{complaint.line}: {complaint.why}" for complaint in complaints)
    return f"Nothing was done and nothing was sent, because of:\n\n{wrong}\n\n{manual()}"


def _state(ticket: Ticket) -> str:
    due = f"{ticket.promised_at:%Y-%m-%d %H:%M} UTC" if ticket.promised_at else "none"
    return (
        f"{ticket.reference}: {ticket.status}, {ticket.category}, tier {ticket.tier}, {ticket.priority}\n"
        f"team {ticket.team or '-'}, agent {ticket.assignee or '-'}, promise {due}"
    )


def _complaints(
    orders: Orders, reading: Reading, ticket: Ticket, context: Context, policy: Policy
) -> Iterator[Complaint]:
    """What the grammar cannot know: names, states, and an answer that would be the second one."""
    if orders.commands and reading.message.body.source != "plain":
        yield Complaint(line=f"#{orders.commands[0].verb}", why="commands are taken from plain text only")
    for command in orders.commands:
        if why := _wrong(command, orders, ticket, context, policy):
            yield Complaint(line=f"#{command.verb} {command.argument}".strip(), why=why)
    other = context.other_reply
    if orders.words and not orders.has(Verb.NOTE) and not orders.has(Verb.SEND) and other is not None:
        why = f"{other.by} answered at {other.at:%H:%M} UTC; put #send on top to send yours as well"
        yield Complaint(line="your answer", why=why)


def _wrong(command: Command, orders: Orders, ticket: Ticket, context: Context, policy: Policy) -> str:
    match command.verb:
        case Verb.CATEGORY:
            known = policy.category(command.argument)
            return "" if known else "known are " + ", ".join(category.name for category in policy.categories)
        case Verb.TIER:
            numbers = [tier.number for tier in policy.tiers]
            wanted = int(command.argument)
            name = orders.argument(Verb.CATEGORY) or ticket.category
            category = policy.category(name)
            if wanted not in numbers:
                return "known are " + ", ".join(map(str, numbers))
            return "" if category is None or wanted in category.tiers else f"{name} may not go to this tier"
        case Verb.ASSIGN:
            return "" if _assignee(command.argument, policy) else "is neither a team nor one agent"
        case Verb.MERGE | Verb.LINK:
            other = next((each for each in context.mentioned if each.reference == command.argument), None)
            if other is None:
                return "there is no such ticket"
            return "is this ticket itself" if other.id == ticket.id else ""
        case Verb.REOPEN:
            return "" if ticket.status in {Status.SOLVED, Status.CLOSED} else f"it is {ticket.status}"
        case Verb.UNDO:
            return "" if context.undoable else "there is nothing of yours from the last hour"
        case _:
            return ""


def _assignee(name: str, policy: Policy) -> tuple[Team, str] | None:
    """The team and, for a person, the address key; None when the name fits none or several."""
    folded = name.strip().lstrip("@").casefold()
    for team in policy.teams:
        if folded in {team.name.casefold(), team.title.casefold()}:
            return team, ""
    found = {
        (team.name, member.key)
        for team in policy.teams
        for member in team.members
        if folded in {member.key, member.local.casefold()}
    }
    if len({key for _, key in found}) != 1:
        return None
    team_name, key = min(found)
    return policy.team(team_name), key


_ENDS = {
    Verb.CLOSE: Status.SOLVED,
    Verb.SPAM: Status.CLOSED,
    Verb.REOPEN: Status.OPEN,
    Verb.WAIT: Status.WAITING,
    Verb.MERGE: Status.CLOSED,
}
_FIELDS = {
    Verb.CATEGORY: Field.CATEGORY,
    Verb.TIER: Field.TIER,
    Verb.PRIORITY: Field.PRIORITY,
    Verb.KIND: Field.KIND,
}


def _changes(orders: Orders, ticket: Ticket, agent: str, context: Context, policy: Policy) -> Iterator[Change]:
    """The fields that the orders name, in their order."""
    if orders.has(Verb.UNDO):
        yield from (change.reverse for change in context.undoable)
    for command in orders.commands:
        verb, argument = command.verb, command.argument
        if verb is Verb.TAKE:
            yield Change(field=Field.ASSIGNEE, before=ticket.assignee, after=agent)
        elif verb is Verb.ASSIGN and (found := _assignee(argument, policy)) is not None:
            yield Change(field=Field.TEAM, before=ticket.team, after=found[0].name)
            yield Change(field=Field.ASSIGNEE, before=ticket.assignee, after=found[1])
        elif verb is Verb.MERGE:
            into = next(each for each in context.mentioned if each.reference == argument)
            yield Change(field=Field.MERGED_INTO, before="", after=str(into.id))
        elif verb in _FIELDS:
            yield Change(field=_FIELDS[verb], before=_standing(ticket, _FIELDS[verb]), after=argument)
            if verb is Verb.TIER and _moves(orders, ticket) and not orders.has(Verb.ASSIGN):
                # The people of the tier take it from here; a category with a team of its own keeps it.
                category = policy.category(orders.argument(Verb.CATEGORY) or ticket.category)
                team = (category.team if category else "") or policy.tier(int(argument)).team
                yield Change(field=Field.TEAM, before=ticket.team, after=team)
                if not orders.has(Verb.TAKE):
                    yield Change(field=Field.ASSIGNEE, before=ticket.assignee, after="")
        if verb in _ENDS:
            yield Change(field=Field.STATUS, before=ticket.status.value, after=_ENDS[verb].value)


def _moves(orders: Orders, ticket: Ticket) -> bool:
    """True when the ticket goes to another tier."""
    return orders.has(Verb.TIER) and orders.argument(Verb.TIER) != str(ticket.tier)


def _standing(ticket: Ticket, field: Field) -> str:
    """The field as it stands, as a stored word."""
    return {
        Field.CATEGORY: ticket.category,
        Field.TIER: str(ticket.tier),
        Field.PRIORITY: ticket.priority.value,
        Field.KIND: ticket.kind.value,
    }[field]


def _carry_out(
    orders: Orders, reading: Reading, ticket: Ticket, context: Context, policy: Policy, now: datetime
) -> Decision:
    """All of it: changes, time, words to the requester, the receipt."""
    identity = reading.message.identity
    agent = identity.key if identity is not None else ""
    says = bool(orders.words) and not orders.has(Verb.NOTE) and ticket.requester is not None
    changes = [change for change in _changes(orders, ticket, agent, context, policy) if change.before != change.after]
    if says and ticket.status is Status.NEW and not any(change.field is Field.STATUS for change in changes):
        changes.append(Change(field=Field.STATUS, before=Status.NEW.value, after=Status.OPEN.value))
    moves = _moves(orders, ticket)  # then nobody of the old tier keeps it
    if says and not ticket.assignee and not moves and not any(change.field is Field.ASSIGNEE for change in changes):
        changes.append(Change(field=Field.ASSIGNEE, before="", after=agent))
    notices: list[Notice] = []
    if says:
        notices.append(_reply(orders.words, ticket, policy))
    if orders.commands:
        notices.append(_receipt(reading, ticket, policy, _done(orders, changes, says=says)))
    notices.extend(_handed_over(changes, orders, ticket, policy))
    minutes = int(orders.argument(Verb.TIME) or 0)
    return Decision(
        outcome=Outcome.APPEND,
        reason="agent-reply" if says else "agent-note" if orders.words else "agent-command",
        ack_reason="agent",
        append_to=ticket.id,
        entry=EntryKind.REPLY if says else EntryKind.NOTE,
        notices=tuple(notices),
        changes=tuple(changes),
        by=agent,
        minutes=minutes,
        clocks=_waiting(orders, now),
        waiting_for=orders.argument(Verb.WAIT),
        first_response=says,
        stop_clocks=("first_response", "first_response_risk") if says else (),
        refund=(ticket.requester,) if ticket.requester is not None else (),
        events=tuple(_events(orders, agent, minutes, says=says)),
    )


def _reply(words: str, ticket: Ticket, policy: Policy) -> Notice:
    """The agent's words from the desk's address; own address and signature do not go along."""
    if ticket.requester is None:
        raise AssertionError("there is nobody to answer")
    return Notice(
        kind=NoticeKind.REPLY,
        to=ticket.requester,
        to_name=ticket.requester_name,
        language=ticket.language or policy.desk(ticket.desk).languages[0],
        category=ticket.category,
        echo_subject=True,
        subject=ticket.subject,
        in_reply_to=ticket.thread_root,
        references=(ticket.thread_root,) if ticket.thread_root else (),
        text=redact(words),
    )


def _done(orders: Orders, changes: list[Change], *, says: bool) -> str:
    lines = [f"{change.field.value}: {change.before or '-'} → {change.after or '-'}" for change in changes]
    if minutes := orders.argument(Verb.TIME):
        lines.append(f"time: {minutes} minutes logged")
    if link := orders.argument(Verb.LINK):
        lines.append(f"linked: {link}")
    if says:
        lines.append("your words were sent to the requester")
    elif orders.words:
        lines.append("your words were kept as an internal note")
    return "\n".join(lines) or "nothing was to be changed"


def _handed_over(changes: list[Change], orders: Orders, ticket: Ticket, policy: Policy) -> Iterator[Notice]:
    """Whoever gets the ticket by these commands is told, with the note that goes with it."""
    team_name = next((change.after for change in changes if change.field is Field.TEAM), "")
    person = next((change.after for change in changes if change.field is Field.ASSIGNEE), "")
    moved = _moves(orders, ticket) and bool(team_name)
    if not (moved or orders.has(Verb.ASSIGN)) or not (team_name or person):
        return
    tier = orders.argument(Verb.TIER) or str(ticket.tier)
    team = policy.team(team_name or ticket.team)
    everybody = team.members or team.addresses
    for address in everybody:
        if person and address.key != person:
            continue
        yield Notice(
            kind=NoticeKind.TEAM,
            to=address,
            language=policy.desk(ticket.desk).languages[0],
            category=ticket.category,
            echo_subject=True,
            subject=ticket.subject,
            text=orders.words,
            detail=(
                ("from", str(ticket.requester or "")),
                ("category", ticket.category),
                ("tier", tier if not moved else f"{ticket.tier} → {tier}"),
                ("priority", str(ticket.priority)),
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
    for verb, name in ((Verb.LINK, "ticket.linked"), (Verb.CLOSE, "ticket.solved"), (Verb.SPAM, "ticket.spam")):
        if orders.has(verb):
            yield Event(name=name, facts=(("by", agent), ("said", orders.argument(verb))))
