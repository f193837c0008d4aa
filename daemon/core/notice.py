"""Who is told what: the notices a decision asks for, before they have words.

A notice is a value; `render` gives it words and `compose` bytes, inside the same
transaction that writes its outbox row. Unique per (ticket, kind, sequence), so nothing is
said twice. Notices to requesters take credits (mail-rules §3); notices to teams take the
team's own credit, which any human agent action fills again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from daemon.core.address import Address
from daemon.core.sla import Promise


class NoticeKind(StrEnum):
    """What a notice is; part of its Message-ID, so short and stable."""

    ACKNOWLEDGMENT = "ack"
    TIME_TO_RESPOND = "ttr"  # the promise moves: said before the old one passes
    TEAM = "team"  # a ticket or a reply, for the team that works on it
    REPLY = "reply"  # a person's answer to the requester
    RECEIPT = "rcpt"  # to an agent: what was done, or why nothing was
    STATUS = "stat"  # to the requester: taken, moved, waiting for you, solved, closed; `news` says which
    REMINDER = "rem"  # to the team: a target comes near, is missed, or a wait is over; `news` says which
    DIGEST = "digest"  # once a day: what was kept, quarantined or flagged, for the team that triages


TO_REQUESTER = frozenset({NoticeKind.ACKNOWLEDGMENT, NoticeKind.TIME_TO_RESPOND, NoticeKind.STATUS})  # automatic

NEWS = (
    *("taken", "moved", "resumed", "waiting", "asked", "open", "solved", "closed"),  # STATUS
    *("near", "breached", "escalated", "wait-over", "vendor"),  # REMINDER
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to be said to one address.

    `echo_subject`: the requester's subject may be repeated (only when the sender is proven).
    `certain`: category and tier were decided; False asks for the "we are not sure yet" words.
    `sequence` counts notices of this kind on the ticket, from 1; 0 asks the store for the next.
    `in_reply_to` and `references` carry angle brackets.
    """

    kind: NoticeKind
    to: Address
    to_name: str = ""
    language: str = "en"
    sequence: int = 0
    promise: Promise | None = None
    previous_promise: Promise | None = None  # the one that slips
    category: str = ""
    certain: bool = True
    echo_subject: bool = False
    subject: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    text: str = ""  # the words of a person (REPLY) or of the requester (TEAM); never rendered as a template
    attach_inbound: int | None = None  # inbound id whose raw mail goes along (TEAM)
    orders: tuple[str, ...] = ()  # agent commands offered as one-click links (TEAM), e.g. "#take"
    news: tuple[str, ...] = ()  # what happened, in words of ours (STATUS, REMINDER)
    tier: str = ""  # title of the tier that has the ticket now (STATUS)
    closes_at: datetime | None = None  # when the ticket will be closed (STATUS)
    zone: str = "UTC"  # in which `closes_at` is said
    detail: tuple[tuple[str, str], ...] = ()  # labelled facts for a TEAM notice, in order
