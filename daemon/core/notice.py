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
    ANSWER = "answer"  # to the requester, who asked how it stands
    QUESTION = "ask"  # to the requester: shall we close it? Nothing closes without his yes
    SURVEY = "survey"  # to the requester, after the solution: how did it go?
    DATA = "data"  # to the requester, who asked what we store of him
    AGENDA = "agenda"  # to an agent or a team at its opening: what the day holds
    REPORT = "report"  # to managers, once a week
    APPROVAL = "appr"  # to an approver: please decide, with a link for each answer; `news` says why he gets it
    VENDOR = "vend"  # to a supplier under contract, ordered by an agent: the request, and both references
    FORWARD = "fwd"  # to somebody outside whom an agent asks: the request, with the agent's words
    DIGEST = "digest"  # once a day: what was kept, quarantined or flagged, for the team that triages


TO_REQUESTER = frozenset(  # automatic
    {
        NoticeKind.ACKNOWLEDGMENT,
        NoticeKind.TIME_TO_RESPOND,
        NoticeKind.STATUS,
        NoticeKind.ANSWER,
        NoticeKind.QUESTION,
        NoticeKind.SURVEY,
        NoticeKind.DATA,
    }
)
OF_PERSONS = frozenset(
    {NoticeKind.REPLY, NoticeKind.VENDOR, NoticeKind.FORWARD}
)  # an agent's words or order: takes no credit
BY_NAME = OF_PERSONS | {NoticeKind.APPROVAL}  # leaves from an address that takes a bounce: we must know that it failed
ABOUT_NO_TICKET = frozenset({NoticeKind.DIGEST, NoticeKind.AGENDA, NoticeKind.REPORT})

NEWS = (
    *("taken", "moved", "resumed", "waiting", "asked", "open", "solved", "closed"),  # STATUS
    *("new", "in-work", "paused", "late", "ended"),  # ANSWER; with "waiting", "vendor" and "solved"
    *("approval", "approved", "denied", "changed"),  # STATUS
    *("approval-overdue",),  # REMINDER
    *("ask", "ask-again", "stand-in", "recorded-approved", "recorded-denied", "decided", "unclear"),  # APPROVAL
    *("near", "breached", "escalated", "wait-over", "vendor", "closing"),  # REMINDER
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
    text: str = ""  # the words of a person (REPLY, FORWARD) or of the requester (TEAM); never rendered as a template
    attach_inbound: int | None = None  # inbound id whose raw mail goes along (TEAM, FORWARD)
    orders: tuple[str, ...] = ()  # agent commands offered as one-click links (TEAM), e.g. "#take"
    wishes: tuple[str, ...] = ()  # what a requester may order with one click (`loops.click`)
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()  # headed lines of ours, in order (AGENDA, REPORT)
    attach_own: bool = False  # what we store of the addressee goes along (DATA)
    news: tuple[str, ...] = ()  # what happened, in words of ours (STATUS, REMINDER)
    tier: str = ""  # title of the tier that has the ticket now (STATUS)
    closes_at: datetime | None = None  # when the ticket will be closed (STATUS)
    approval: str = ""  # whose word is waited for (ACKNOWLEDGMENT, STATUS)
    reason: str = ""  # why an approver denied it, in his words, one line (STATUS)
    usual: datetime | None = None  # by when four of five such requests are answered (ACKNOWLEDGMENT)
    zone: str = "UTC"  # in which `closes_at` is said
    detail: tuple[tuple[str, str], ...] = ()  # labelled facts for a TEAM notice, in order
