"""What an agent is told of his own mail: the receipt of what was done, why nothing was, the state, the list of verbs.

A receipt goes to the agent alone, in his own thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from daemon.core.command import Complaint, Orders, Verb
from daemon.core.context import Context
from daemon.core.decision import Change, Decision, EntryKind, Event, Field, Outcome
from daemon.core.manual import manual
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Policy
from daemon.core.reading import Reading
from daemon.core.separation import read_separation
from daemon.core.ticket import Ticket


def receipt(reading: Reading, ticket: Ticket, policy: Policy, words: str) -> Notice:
    """The letter to the agent who wrote `reading`."""
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


def answer(reading: Reading, ticket: Ticket, policy: Policy, words: str, *, reason: str) -> Decision:
    """Nothing is done; the agent alone is answered."""
    return Decision(
        outcome=Outcome.APPEND,
        reason=reason,
        ack_reason="agent",
        append_to=ticket.id,
        entry=EntryKind.NOTE,
        notices=(receipt(reading, ticket, policy, words),),
        events=(Event(name=reason.replace("-", "."), facts=()),),
    )


def refusal(complaints: Sequence[Complaint], language: str) -> str:
    """Why nothing was done, and how it is written."""
    wrong = "\n".join(f"{complaint.line}: {complaint.why}" for complaint in complaints)
    return f"Nothing was done and nothing was sent, because of:\n\n{wrong}\n\n{manual(language)}"


def state(ticket: Ticket) -> str:
    """Where the ticket stands."""
    due = f"{ticket.promised_at:%Y-%m-%d %H:%M} UTC" if ticket.promised_at else "none"
    return (
        f"{ticket.reference}: {ticket.status}, {ticket.category}, tier {ticket.tier}, {ticket.priority}\n"
        f"team {ticket.team or '-'}, agent {ticket.assignee or '-'}, promise {due}"
    )


def done(orders: Orders, changes: Sequence[Change], context: Context, *, says: bool) -> str:
    """Every change, and what became of the words below."""
    lines = [_line(change, context) for change in changes]
    if orders.has(Verb.SPLIT) and context.merged_into is None:
        lines.append("the mail was made a ticket of its own, with its own thread and promise")
    if orders.has(Verb.FORWARD):
        lines.append(f"the request was sent to {orders.argument(Verb.FORWARD)}; the answer will be an internal note")
    if says:
        lines.append("your words were sent to the requester")
    elif orders.words and orders.has(Verb.FORWARD) and not orders.has(Verb.NOTE):
        lines.append("your words went with it, not to the requester")
    elif orders.words:
        lines.append("your words were kept as an internal note")
    return "\n".join(lines) or "nothing was to be changed"


def split_off(notice: Notice, reference: str) -> Notice:
    """A receipt with the reference of the ticket that was split off, which only the store can give."""
    return replace(notice, text=f"{notice.text}\nnew ticket: {reference}")


_TAKEN_BACK = {
    Field.LINK: "link taken back: {before}",
    Field.TIME: "time taken back: {before} minutes",
    Field.OUTSIDE: "no answer of {before} is taken any more; what was sent cannot be taken back",
}
_GIVEN = {Field.LINK: "linked: {after}", Field.TIME: "time: {after} minutes logged"}


def _line(change: Change, context: Context) -> str:
    if change.field is Field.SPLIT:
        apart = read_separation(change.before)
        new = context.ticket(apart.new) if apart is not None else None
        return f"{new.reference if new is not None else 'the ticket'} is joined with this one again"
    if change.field is Field.OUTSIDE and change.after:
        return f"asked: {change.after}"
    table = _GIVEN if change.after else _TAKEN_BACK
    if change.field in table:
        return table[change.field].format(before=change.before, after=change.after)
    return f"{change.field.value}: {_shown(change.before, change, context)} → {_shown(change.after, change, context)}"


def _shown(value: str, change: Change, context: Context) -> str:
    """A stored word as people know it: a ticket by its reference."""
    if change.field is Field.MERGED_INTO and value:
        known = (*context.mentioned, *context.tickets)
        return next((each.reference for each in known if str(each.id) == value), value)
    return value or "-"
