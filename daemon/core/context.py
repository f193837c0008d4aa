"""The context of one decision: all the store knows that the mail cannot say.

Loaded in the transaction that will apply the decision, so nothing in it is stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from daemon.core.approval import Approval
from daemon.core.assistance import Similar
from daemon.core.clock import ClockEvent
from daemon.core.credit import Credits
from daemon.core.decision import Change, ClockStart
from daemon.core.entry import Entry, Part
from daemon.core.match import Candidate
from daemon.core.notice import NoticeKind
from daemon.core.sla import Promise
from daemon.core.ticket import Ticket, TicketId


@dataclass(frozen=True, slots=True, kw_only=True)
class SentNotice:
    """A notice of ours that a report or a returning mail speaks of."""

    ticket_id: TicketId
    kind: NoticeKind
    sequence: int
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherReply:
    """Another agent answered the requester a moment ago."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """A ticket that was handed to a supplier; `since` is the first time."""

    ticket_id: TicketId
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the store adds to a `Reading`. `desk` is the envelope's."""

    inbound_id: int
    desk: str
    credits: Credits
    candidates: tuple[Candidate, ...] = ()
    tickets: tuple[Ticket, ...] = ()  # the candidates' tickets, merges followed
    repeat_of: TicketId | None = None  # same sender, near-identical text, inside the repeat window
    reported: SentNotice | None = None
    id_reused: bool = False
    on_hold_until: datetime | None = None  # a permanent bounce put the requester's address on hold
    last_language: str = ""
    attempts: int = 1
    mentioned: tuple[Ticket, ...] = ()  # tickets that an agent's commands name
    undoable: tuple[Change, ...] = ()  # what this agent ordered on this ticket within the last hour, newest order only
    other_reply: OtherReply | None = None
    history: tuple[ClockEvent, ...] = ()  # turns of the ticket's clocks (for a due clock)
    coming: tuple[ClockStart, ...] = ()  # instants that are still to come, the earliest first (for a due clock)
    named: TicketId | None = None  # the ticket that an agent's mail answers, before merges are followed
    merged_into: TicketId | None = None  # where the named ticket was joined to, when it was
    merge_end: Mapping[TicketId, TicketId] = field(default_factory=dict)  # where mentioned tickets were joined to
    linked: frozenset[TicketId] = frozenset()  # tickets that the agent's ticket is linked with
    request: Entry | None = None  # the mail that opened the agent's ticket
    part: Part | None = None  # what `#split` would make a ticket of its own
    addressee: Ticket | None = None  # whose requester an agent's words are for; None: nobody can say (joined tickets)
    thread: tuple[str, ...] = ()  # Message-IDs between the requester and us, oldest first (for an agent's answer)
    last_heard: str = ""  # the Message-ID of the requester's last mail
    standing: Promise | None = None  # the promise that nobody has kept yet (for "how does it stand")
    data_sent_at: datetime | None = None  # when the writer was last sent what we store of him
    closed_by: str = ""  # Address.key of the agent who closed it (for a due clock)
    surveyed_at: datetime | None = None  # when the requester was last asked how it went (for a due clock)
    spoken_to: bool = False  # the requester was acknowledged or answered (for a due clock)
    similar: tuple[Similar, ...] = ()  # solved tickets of this desk like the mail, for the team alone

    handed: tuple[HandedOver, ...] = ()  # to the supplier who writes, or who stands behind an agent's ticket
    tried: tuple[str, ...] = ()  # what was answered to the requester so far (for a hand-over)
    approvals: tuple[Approval, ...] = ()  # of tickets the mail may be about, when its sender may approve or order

    def approval(self, ticket_id: int) -> Approval:
        """What is known of the approval of this ticket; without rows when nobody was asked."""
        found = (each for each in self.approvals if each.ticket_id == ticket_id)
        return next(found, Approval(ticket_id=ticket_id))

    @property
    def pending(self) -> tuple[str, ...]:
        """The names of the instants that are still to come."""
        return tuple(start.name for start in self.coming)

    def ticket(self, ticket_id: TicketId) -> Ticket | None:
        return next((ticket for ticket in self.tickets if ticket.id == ticket_id), None)
