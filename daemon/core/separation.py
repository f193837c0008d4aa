"""One mail of a ticket becomes a ticket of its own, and may be joined again.

Owns `Separation` (who was parted from whom, as a stored word) and the
decisions on the second ticket. The new ticket has its own requester, thread and promise; nobody outside hears of it,
and people of the old ticket take part only when they were in To or Cc of that very mail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from daemon.core.acknowledge import clocks_for
from daemon.core.decision import Change, Decision, EntryKind, Event, Field, Opening, Outcome, Taken
from daemon.core.entry import Part
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Policy
from daemon.core.sla import promise
from daemon.core.ticket import Status, Ticket, TicketId

_WORDS = re.compile(r"(\d{1,18}) (\d{1,18}) (\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """The mail left `old` for `new`."""

    old: TicketId
    new: TicketId
    inbound_id: int

    def __str__(self) -> str:
        return f"{self.old} {self.new} {self.inbound_id}"


def read_separation(words: str) -> Separation | None:
    """The separation in these stored words, or None."""
    found = _WORDS.fullmatch(words)
    if found is None:
        return None
    old, new, inbound_id = (int(each) for each in found.groups())
    return Separation(old=TicketId(old), new=TicketId(new), inbound_id=inbound_id)


def separation_in(changes: tuple[Change, ...]) -> Separation | None:
    """The separation that is among these changes, or None."""
    words = next((change.after for change in changes if change.field is Field.SPLIT), "")
    return read_separation(words)


def taken_back(changes: tuple[Change, ...], on: TicketId) -> Taken | None:
    """The mail that comes home when these changes are undone on the ticket it had left."""
    apart = separation_in(changes)
    return Taken(source=apart.new, inbound_id=apart.inbound_id) if apart is not None and apart.old == on else None


def part(mail: Part, ticket: Ticket, agent: str, policy: Policy, now: datetime) -> Decision:
    """The decision that opens the new ticket: sorted as the old one is, with a promise from now on."""
    entry, tier = mail.entry, policy.tier(ticket.tier)
    made = promise(policy.calendar(tier.calendar), dict(tier.first_response)[ticket.priority], now)
    own = ticket.requester is not None and ticket.requester.key == mail.author.key
    requester = ticket.requester if own and ticket.requester is not None else mail.author
    opening = Opening(
        desk=ticket.desk,
        requester=requester,
        requester_name=entry.author_name,
        subject=entry.subject or ticket.subject,
        category=ticket.category,
        tier=ticket.tier,
        kind=ticket.kind,
        priority=ticket.priority,
        team=ticket.team,
        language=ticket.language,
        zone=ticket.zone if own else "",
        promise=made,
        proven=own and ticket.proven,
        link_hint=ticket.id,
        thread_root=mail.message_id,
        thread_index=mail.thread_index,
    )
    return Decision(
        outcome=Outcome.TICKET,
        reason="agent-command",
        opening=opening,
        notices=_told(opening, mail, policy),
        clocks=clocks_for(made, now, policy, warn=False),
        promise=made,
        copied=mail.copied,
        by=agent,
        taken=Taken(source=ticket.id, inbound_id=entry.inbound_id),
        events=(
            Event(
                name="ticket.opened",
                facts=(("category", ticket.category), ("tier", str(ticket.tier)), ("split_from", ticket.reference)),
            ),
        ),
    )


def _told(opening: Opening, mail: Part, policy: Policy) -> tuple[Notice, ...]:
    """The new ticket as a mail to its team, to work on."""
    desk = policy.desk(opening.desk)
    if not policy.team_notices or not (opening.team or desk.team):
        return ()
    team = policy.team(opening.team or desk.team)
    return tuple(
        Notice(
            kind=NoticeKind.TEAM,
            to=address,
            language=desk.languages[0],
            promise=opening.promise,
            category=opening.category,
            echo_subject=True,
            subject=opening.subject,
            text=mail.entry.text,
            attach_inbound=mail.entry.inbound_id,
            orders=("#take", "#spam", "#help"),
            detail=(
                ("from", str(opening.requester)),
                ("category", opening.category),
                ("tier", str(opening.tier)),
                ("priority", str(opening.priority)),
            ),
        )
        for address in (team.members or team.addresses)
    )


def joined(apart: Separation, new: Ticket) -> tuple[Change, ...]:
    """What changes on the ticket that was split off when it is joined again."""
    return (
        Change(field=Field.MERGED_INTO, before="", after=str(apart.old)),
        Change(field=Field.STATUS, before=new.status.value, after=Status.CLOSED.value),
    )


def join_beside(apart: Separation, on: TicketId, new: Ticket, agent: str) -> Decision:
    """What happens on the other of the two tickets when `on` is told to join them; the mail goes home."""
    if on == apart.new:
        return Decision(
            outcome=Outcome.APPEND,
            reason="agent-command",
            append_to=apart.old,
            entry=EntryKind.NOTE,
            by=agent,
            taken=Taken(source=apart.new, inbound_id=apart.inbound_id),
            events=(Event(name="ticket.joined", facts=(("by", agent), ("with", new.reference))),),
        )
    return Decision(
        outcome=Outcome.APPEND,
        reason="agent-command",
        append_to=apart.new,
        entry=EntryKind.NOTE,
        by=agent,
        changes=joined(apart, new),
        events=(Event(name="ticket.joined", facts=(("by", agent), ("into", str(apart.old)))),),
    )
