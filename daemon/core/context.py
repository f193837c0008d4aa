"""The context of one decision: all the store knows that the mail cannot say.

Loaded in the transaction that will apply the decision, so nothing in it is stale.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from daemon.core.assistance import Similar
from daemon.core.clock import ClockEvent
from daemon.core.credit import Credits
from daemon.core.decision import Change, ClockStart
from daemon.core.match import Candidate
from daemon.core.notice import NoticeKind
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
    spoken_to: bool = False  # the requester was acknowledged or answered (for a due clock)
    similar: tuple[Similar, ...] = ()  # solved tickets of this desk like the mail, for the team alone

    @property
    def pending(self) -> tuple[str, ...]:
        """The names of the instants that are still to come."""
        return tuple(start.name for start in self.coming)

    def ticket(self, ticket_id: TicketId) -> Ticket | None:
        return next((ticket for ticket in self.tickets if ticket.id == ticket_id), None)
