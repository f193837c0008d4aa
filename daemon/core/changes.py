"""Orders as changes: which fields of a ticket they set, from what to what, in their order.

Pure; assumes that `objections` had nothing to say. Every change can be reversed, which is what `#undo` does: the
reverse of the newest orders of this agent, the last one first.
"""

from __future__ import annotations

from collections.abc import Iterator

from daemon.core.address import Address
from daemon.core.command import Command, Orders, Verb
from daemon.core.context import Context
from daemon.core.decision import Change, Field
from daemon.core.policy import Policy, Team
from daemon.core.separation import joined, read_separation
from daemon.core.ticket import Status, Ticket

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
    Verb.CAUSE: Field.CAUSE,
    Verb.RESOLUTION: Field.RESOLUTION,
}


def changes(orders: Orders, ticket: Ticket, agent: Address, context: Context, policy: Policy) -> tuple[Change, ...]:
    """The fields that the orders name; what stands so already is left out."""
    found = _undone(ticket, context) if orders.has(Verb.UNDO) else _ordered(orders, ticket, agent, context, policy)
    return tuple(change for change in found if change.before != change.after)


def _undone(ticket: Ticket, context: Context) -> Iterator[Change]:
    for change in reversed(context.undoable):
        yield change.reverse
        apart = read_separation(change.after) if change.field is Field.SPLIT else None
        if apart is not None and apart.new == ticket.id:
            yield from joined(apart, ticket)


def _ordered(orders: Orders, ticket: Ticket, agent: Address, context: Context, policy: Policy) -> Iterator[Change]:
    for command in orders.commands:
        match command.verb:
            case Verb.TAKE:
                yield Change(field=Field.ASSIGNEE, before=ticket.assignee, after=agent.key)
            case Verb.ASSIGN if (found := assignee(command.argument, policy)) is not None:
                yield Change(field=Field.TEAM, before=ticket.team, after=found[0].name)
                yield Change(field=Field.ASSIGNEE, before=ticket.assignee, after=found[1])
            case Verb.CLOSE if command.argument:
                yield Change(field=Field.CLOSE_REASON, before=ticket.close_reason, after=command.argument)
            case verb if verb in _FIELDS:
                yield Change(field=_FIELDS[verb], before=_standing(ticket, _FIELDS[verb]), after=command.argument)
                if verb is Verb.TIER:
                    yield from _handed_over(orders, ticket, policy)
            case _:
                yield from _beside(command, context)
        if command.verb in _ENDS:
            yield Change(field=Field.STATUS, before=ticket.status.value, after=_ENDS[command.verb].value)


def _handed_over(orders: Orders, ticket: Ticket, policy: Policy) -> Iterator[Change]:
    """The people of the new tier take it from here; a category with a team of its own keeps it."""
    if not moves(orders, ticket) or orders.has(Verb.ASSIGN):
        return
    category = policy.category(orders.argument(Verb.CATEGORY) or ticket.category)
    team = (category.team if category else "") or policy.tier(int(orders.argument(Verb.TIER))).team
    yield Change(field=Field.TEAM, before=ticket.team, after=team)
    if not orders.has(Verb.TAKE):
        yield Change(field=Field.ASSIGNEE, before=ticket.assignee, after="")


def _beside(command: Command, context: Context) -> Iterator[Change]:
    """What is not a field of the ticket itself: other tickets, other people, time."""
    argument = command.argument
    match command.verb:
        case Verb.MERGE:
            into = next(each for each in context.mentioned if each.reference == argument)
            yield Change(field=Field.MERGED_INTO, before="", after=str(context.merge_end.get(into.id, into.id)))
        case Verb.SPLIT if context.merged_into is not None:
            yield Change(field=Field.MERGED_INTO, before=str(context.merged_into), after="")
            yield Change(field=Field.STATUS, before=Status.CLOSED.value, after=Status.OPEN.value)
        case Verb.LINK:
            yield Change(field=Field.LINK, before="", after=argument)
        case Verb.UNLINK:
            yield Change(field=Field.LINK, before=argument, after="")
        case Verb.FORWARD:
            yield Change(field=Field.OUTSIDE, before="", after=argument.lower())
        case Verb.TIME:
            yield Change(field=Field.TIME, before="", after=argument)
        case _:
            return


def assignee(name: str, policy: Policy) -> tuple[Team, str] | None:
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


def moves(orders: Orders, ticket: Ticket) -> bool:
    """True when the ticket goes to another tier."""
    return orders.has(Verb.TIER) and orders.argument(Verb.TIER) != str(ticket.tier)


def _standing(ticket: Ticket, field: Field) -> str:
    """The field as it stands, as a stored word."""
    return {
        Field.CATEGORY: ticket.category,
        Field.TIER: str(ticket.tier),
        Field.PRIORITY: ticket.priority.value,
        Field.KIND: ticket.kind.value,
        Field.CAUSE: ticket.cause,
        Field.RESOLUTION: ticket.resolution,
    }[field]
