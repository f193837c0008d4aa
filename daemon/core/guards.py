"""GUARDS: the one ordered table of what must not be answered (mail-rules §2).

One guard is one small named predicate over the message and its envelope with the RFC it
follows and the consequence it asks for. All guards run and every hit is recorded; the
first hit in table order decides. A guard never raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Consequence(StrEnum):
    """What a guard asks for. No consequence but NOTHING allows an acknowledgment."""

    QUARANTINE = "quarantine"  # kept; digest for the team
    COPY = "copy"  # our own mail came back: a copy on its ticket
    REPORT = "report"  # delivery report: belongs to the notice it speaks of
    ATTACH = "attach"  # MDN, challenge: on its ticket, else kept
    ABUSE = "abuse"  # abuse report: on its ticket, else kept; the team is told
    AUTOMATED = "automated"  # thread it if token or References match, else kept; nobody told
    KEEP = "keep"  # kept; the team is told
    SELF = "self"  # kept; nobody told
    UNPROVEN = "unproven"  # authentication failed: kept, flagged; the team is told
    NO_ACK = "no_ack"  # a ticket, without acknowledgment
    SPAM = "spam"  # kept as spam; nobody told
    ROBOT = "robot"  # known robot on the allow-list: a ticket by its rule, no acknowledgment


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One guard that hit, with the words of the mail that made it hit (bounded to 200 characters)."""

    guard: str
    source: str  # RFC or table
    consequence: Consequence
    evidence: str = ""
