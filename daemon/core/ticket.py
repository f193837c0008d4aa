"""The ticket: its kinds, statuses and the transitions between them (ITIL words).

Owns the vocabulary and the one TRANSITIONS table. A ticket row is changed only by events
that `decide` produces; an automatic mail never changes a status (an out-of-office must not
close or reopen).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from daemon.core.address import Address

TicketId = NewType("TicketId", int)


class Kind(StrEnum):
    """What the requester wants of us."""

    INCIDENT = "incident"
    SERVICE_REQUEST = "service_request"
    PROBLEM = "problem"
    CHANGE = "change"
    OTHER = "other"


class Level(StrEnum):
    """A step of impact, of urgency."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class Priority(StrEnum):
    """Impact × urgency; P1 is the most pressing."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"


PRIORITY: dict[tuple[Level, Level], Priority] = {
    # (impact, urgency)
    (Level.HIGH, Level.HIGH): Priority.P1,
    (Level.HIGH, Level.NORMAL): Priority.P2,
    (Level.NORMAL, Level.HIGH): Priority.P2,
    (Level.HIGH, Level.LOW): Priority.P3,
    (Level.NORMAL, Level.NORMAL): Priority.P3,
    (Level.LOW, Level.HIGH): Priority.P3,
    (Level.NORMAL, Level.LOW): Priority.P4,
    (Level.LOW, Level.NORMAL): Priority.P4,
    (Level.LOW, Level.LOW): Priority.P4,
}


class Status(StrEnum):
    """Where a ticket stands."""

    NEW = "new"  # nobody has answered
    OPEN = "open"  # a person has answered or works on it
    WAITING = "waiting"  # for the requester or the vendor
    SOLVED = "solved"
    CLOSED = "closed"


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.NEW: frozenset({Status.OPEN, Status.WAITING, Status.SOLVED, Status.CLOSED}),
    Status.OPEN: frozenset({Status.WAITING, Status.SOLVED, Status.CLOSED}),
    Status.WAITING: frozenset({Status.OPEN, Status.SOLVED, Status.CLOSED}),
    Status.SOLVED: frozenset({Status.OPEN, Status.CLOSED}),
    Status.CLOSED: frozenset({Status.OPEN}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket as stored. Datetimes are aware UTC. `reference` is what people quote (`FL-1042`)."""

    id: TicketId
    reference: str
    desk: str
    requester: Address | None
    requester_name: str
    subject: str
    category: str
    tier: int
    kind: Kind
    priority: Priority
    status: Status
    language: str
    opened_at: datetime
    promised_at: datetime | None = None
    team: str = ""
    assignee: str = ""  # Address.key of the agent who has it
    proven: bool = False  # the requester's address was proven by the mail that opened it
    thread_root: str = ""  # Message-ID of the mail that opened it
    thread_index: str = ""  # Outlook's Thread-Index of that mail
    zone: str = ""  # in which the requester reads times; "" is the desk's
    answered_at: datetime | None = None  # a person's first answer
    solved_at: datetime | None = None  # of a ticket that is solved or closed
    close_reason: str = ""  # what `#close` said
    cause: str = ""
    resolution: str = ""
    muted: bool = False  # the requester wants no more news of it; answers of people still go out
