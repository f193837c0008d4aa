"""The decision: everything that shall happen because of one mail or one due clock.

A value that `store.apply` executes in one transaction. Whatever is not in it does not happen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from daemon.core.address import Address
from daemon.core.approval import Asked
from daemon.core.notice import Notice
from daemon.core.sla import Promise
from daemon.core.ticket import Kind, Priority, Status, TicketId


class Outcome(StrEnum):
    """The terminal states of a delivery (I9: received = their sum)."""

    TICKET = "ticket"
    APPEND = "append"
    KEEP = "keep"
    DUPLICATE = "duplicate"
    QUARANTINE = "quarantine"
    SPAM = "spam"
    REFUSED = "refused"


class EntryKind(StrEnum):
    """What a mail is on its ticket."""

    REQUEST = "request"  # opened it
    FOLLOW_UP = "follow_up"  # of a participant
    REPLY = "reply"  # of an agent, to the requester
    NOTE = "note"  # internal
    AUTOMATED = "automated"  # out-of-office and the like
    REPORT = "report"  # delivery, disposition, abuse
    COPY = "copy"  # our own mail came back
    REPEAT = "repeat"  # the same again
    ORDER = "order"  # the requester asked for something that we do by ourselves: status, silence, his data
    OPINION = "opinion"  # the answer to our question how it went


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A ticket to be opened."""

    desk: str
    requester: Address | None
    requester_name: str
    subject: str
    category: str  # TRIAGE when nobody is sure
    tier: int
    kind: Kind
    priority: Priority
    team: str
    language: str
    confidence: float = 0.0
    model_id: str = ""
    suggested: str = ""  # the model's best guess when `category` is TRIAGE
    promise: Promise | None = None
    proven: bool = False  # the sender's domain was
    zone: str = ""  # in which the requester reads times; "" is the desk's
    link_hint: TicketId | None = None
    thread_root: str = ""  # Message-ID of the mail that opens it; "" is the mail that is being decided
    thread_index: str = ""  # Outlook's, of that mail


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStart:
    """A clock to be watched by the tick loop; unique per (ticket, name, due_at)."""

    name: str  # first_response_risk, first_response
    due_at: datetime


class Field(StrEnum):
    """What an agent may change of a ticket."""

    STATUS = "status"
    CATEGORY = "category"
    TIER = "tier"
    PRIORITY = "priority"
    KIND = "kind"
    TEAM = "team"
    ASSIGNEE = "assignee"
    MERGED_INTO = "merged_into"
    CLOSE_REASON = "close_reason"
    CAUSE = "cause"
    RESOLUTION = "resolution"
    LINK = "link"  # the reference of the other ticket
    OUTSIDE = "outside"  # Address.key of somebody who was asked
    TIME = "time"  # minutes
    SPLIT = "split"  # a `Separation` in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field of a ticket, from one value to another, both as stored words; "" is none. Its reverse undoes it."""

    field: Field
    before: str
    after: str

    @property
    def reverse(self) -> Change:
        return Change(field=self.field, before=self.after, after=self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A journal line: `name` like `ticket.opened`, `facts` in order, no bodies."""

    name: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a requester thinks of how his ticket was handled; `score` 1 (bad) to 5, 0 when he was only asked."""

    score: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A mail that leaves `source` for the ticket of the decision."""

    source: TicketId
    inbound_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """An address that gets no automatic mail until then (permanent bounce)."""

    address: str  # canonical form
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What happens. `reason` is a code of the disposition table.

    `ack_reason` says why there is no acknowledgment ("" when there is one).
    At most one of `opening` and `append_to` is set. `refund` lists addresses whose credits a
    human agent action gives back.
    """

    outcome: Outcome
    reason: str
    ack_reason: str = ""
    opening: Opening | None = None
    append_to: TicketId | None = None
    entry: EntryKind = EntryKind.REQUEST
    notices: tuple[Notice, ...] = ()
    clocks: tuple[ClockStart, ...] = ()
    stop_clocks: tuple[str, ...] = ()  # names of clocks that end now
    status: Status | None = None  # new status of the appended ticket
    changes: tuple[Change, ...] = ()  # what an agent ordered; journaled with `by`, so that it can be undone
    by: str = ""  # Address.key of the agent
    copied: tuple[
        Address, ...
    ] = ()  # whom the requester wrote to as well: their answers belong here, no history goes out
    minutes: int = 0  # of work that were logged
    promise: Promise | None = None  # a revised promise of the appended ticket
    asks: tuple[Asked, ...] = ()  # rows of approvals as they stand from now on
    approval: str = ""  # asked, granted, denied, withdrawn: what becomes of the approval as a whole
    vendor: str = ""  # handed, answered: what becomes of the hand-over to the supplier
    foreign: tuple[str, ...] = ()  # the supplier's own references, as `SUPPLIER:REFERENCE`
    participant: Address | None = None  # takes part from now on, from outside (a supplier)
    first_response: bool = False  # a person answered: stops the first-response clock
    promise_broken: bool = False  # the instant that was promised has passed without a person's answer
    hold: Hold | None = None
    refund: tuple[Address, ...] = ()
    opinion: Opinion | None = None  # asked for, or given
    muted: bool | None = None  # the requester wants no more news of the ticket
    waiting_for: str = ""  # requester, vendor, or how long (`3d`), when the ticket begins to wait
    flags: tuple[str, ...] = ()
    digest: bool = False  # the team hears of it in its next digest
    events: tuple[Event, ...] = ()
    taken: Taken | None = None  # a mail that comes over from another ticket
    beside: Decision | None = None  # on a second ticket, in the same transaction, before this one

    @property
    def acknowledged(self) -> bool:
        """True when an acknowledgment is among the notices."""
        return not self.ack_reason
