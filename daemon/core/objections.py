"""What speaks against an agent's orders beyond their grammar: names, states, and an answer that would be the second.

One objection stops the whole mail (decision 0009).
"""

from __future__ import annotations

from collections.abc import Iterator

from daemon.core.approval import pending
from daemon.core.changes import assignee
from daemon.core.command import Command, Complaint, Orders, Verb
from daemon.core.context import Context
from daemon.core.outside import wrong_address
from daemon.core.policy import Policy
from daemon.core.reading import Reading
from daemon.core.ticket import Status, Ticket

_ORDER_LINK = "&body=%23"  # of a link in a letter to the team: what stands beside it is not for requesters


def objections(
    orders: Orders, reading: Reading, ticket: Ticket, context: Context, policy: Policy
) -> Iterator[Complaint]:
    """Everything that is wrong, in the order of the mail."""
    if orders.commands and reading.message.body.source != "plain":
        yield Complaint(line=f"#{orders.commands[0].verb}", why="commands are taken from plain text only")
    for command in orders.commands:
        if why := _wrong(command, orders, ticket, context, policy):
            yield Complaint(line=f"#{command.verb} {command.argument}".strip(), why=why)
    if not orders.words or orders.has(Verb.NOTE) or orders.has(Verb.FORWARD):
        return
    if _ORDER_LINK in orders.words:
        why = "our letter to you is in it and could not be told from your words; write above it, or quote with >"
        yield Complaint(line="your answer", why=why)
    if context.named is not None and context.addressee is None:
        why = "tickets of several people were joined here; answer a mail of the one you mean"
        yield Complaint(line="your answer", why=why)
    if orders.has(Verb.SPLIT):
        yield Complaint(line="your answer", why="write it to the new ticket when you get it, or put #note on top")
    elif (other := context.other_reply) is not None and not orders.has(Verb.SEND):
        why = f"{other.by} answered at {other.at:%H:%M} UTC; put #send on top to send yours as well"
        yield Complaint(line="your answer", why=why)


def _wrong(command: Command, orders: Orders, ticket: Ticket, context: Context, policy: Policy) -> str:
    match command.verb:
        case Verb.CATEGORY:
            known = policy.category(command.argument)
            return "" if known else "known are " + ", ".join(category.name for category in policy.categories)
        case Verb.TIER:
            return _wrong_tier(int(command.argument), orders, ticket, policy)
        case Verb.ASSIGN:
            return "" if assignee(command.argument, policy) else "is neither a team nor one agent"
        case Verb.MERGE | Verb.LINK | Verb.UNLINK:
            return _wrong_reference(command, ticket, context)
        case Verb.REOPEN:
            return "" if ticket.status in {Status.SOLVED, Status.CLOSED} else f"it is {ticket.status}"
        case Verb.UNDO:
            return "" if context.undoable else "there is nothing of yours from the last hour"
        case Verb.SPLIT:
            return (
                ""
                if context.part is not None or context.merged_into is not None
                else "only a requester's mail after the first can be split off"
            )
        case Verb.FORWARD:
            return wrong_address(command.argument, ticket, context, policy)
        case Verb.APPROVE | Verb.DENY:
            # The word of somebody who was asked, alone in his mail, was taken before orders are read (`parties`).
            waits = pending(context.approval(ticket.id).rows)
            return "is for those who were asked, alone in their mail" if waits else "there is nothing to approve"
        case _:
            return ""


def _wrong_tier(wanted: int, orders: Orders, ticket: Ticket, policy: Policy) -> str:
    numbers = [tier.number for tier in policy.tiers]
    if wanted not in numbers:
        return "known are " + ", ".join(map(str, numbers))
    name = orders.argument(Verb.CATEGORY) or ticket.category
    category = policy.category(name)
    return "" if category is None or wanted in category.tiers else f"{name} may not go to this tier"


def _wrong_reference(command: Command, ticket: Ticket, context: Context) -> str:
    other = next((each for each in context.mentioned if each.reference == command.argument), None)
    if other is None:
        return "there is no such ticket"
    if other.id == ticket.id:
        return "is this ticket itself"
    linked = other.id in context.linked
    match command.verb:
        case Verb.MERGE if context.merge_end.get(other.id) == ticket.id:
            return "is joined to this ticket already"
        case Verb.LINK if linked:
            return "is linked already"
        case Verb.UNLINK if not linked:
            return "is not linked"
        case _:
            return ""
