"""Asking somebody outside: an agent forwards the request, and the answer comes back as an internal note.

The letter goes from the desk's address, with a reply address bound to that person. It says the words of the mail
that opened the ticket, nothing of what was written since, and takes the original along when no signed mark of ours
is in it (`token.carries_marks`). Who was asked takes part as "outside": his mails are notes for the team. They change
no state, reach no requester and let in nobody whom he copied.
"""

from __future__ import annotations

from daemon.core.acknowledge import team_notices
from daemon.core.address import Address, parse_path
from daemon.core.context import Context
from daemon.core.decision import Decision, EntryKind, Event, Outcome
from daemon.core.entry import Entry
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Policy
from daemon.core.reading import Reading
from daemon.core.ticket import Ticket
from daemon.core.token import redact


def wrong_address(written: str, ticket: Ticket, context: Context, policy: Policy) -> str:
    """Why nothing can be forwarded to this address, or ""."""
    address = parse_path(written)
    if address is None:
        return "is no address"
    if policy.is_agent(address):
        return "is an agent's address; use #assign"
    bare = Address(address.local.split("+", 1)[0] or address.local, address.domain)
    if {address.key, bare.key} & {each.key for desk in policy.desks for each in desk.addresses}:
        return "is our own address"
    if ticket.requester is not None and address.key == ticket.requester.key:
        return "is the requester; just write your answer"
    return "" if context.request is not None else "there is no request that could be forwarded"


def forward_notice(written: str, words: str, ticket: Ticket, request: Entry, policy: Policy) -> Notice:
    """The letter to the person outside: the agent's words, then the request, quoted."""
    address = parse_path(written)
    if address is None:
        raise AssertionError("the grammar takes addresses only")
    quoted = "\n".join(f"> {line}".rstrip() for line in request.text.splitlines())
    return Notice(
        kind=NoticeKind.FORWARD,
        to=address,
        language=policy.desk(ticket.desk).languages[0],
        echo_subject=True,
        subject=ticket.subject,
        text=redact("\n\n".join(filter(None, (words, quoted)))),
        attach_inbound=request.inbound_id,
        detail=(("from", f"{request.author_name} <{request.author}>".strip()),),
    )


def decide_outside(reading: Reading, ticket: Ticket, context: Context, policy: Policy) -> Decision:
    """A mail of somebody who was asked: a note, and the team reads it."""
    who = reading.message.identity
    return Decision(
        outcome=Outcome.APPEND,
        reason="outside-answer",
        ack_reason="follow-up",
        append_to=ticket.id,
        entry=EntryKind.NOTE,
        notices=team_notices(reading, ticket, context, policy),
        events=(Event(name="outside.answered", facts=(("by", who.key if who is not None else ""),)),),
    )
