"""Thread matching: which ticket a mail belongs to, with its evidence.

Two steps with the store between them. `find_clues` reads from the mail all it says of a
thread; the store looks the clues up into `Candidate`s; `match_thread` picks one, or none.
A subject tag is a hint, never a proof; a sender who takes no part never gets in.
"""

from __future__ import annotations

from dataclasses import dataclass

from daemon.core.ticket import TicketId
from daemon.core.token import OwnId, ReplyToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """What a mail says of the thread it belongs to. Bounded: ≤ 50 identifiers, newest last.

    `own_ids`, `tokens`: verified signatures of ours. `references`: all other identifiers
    from In-Reply-To and References, with angle brackets. `tag`: ticket number quoted in the subject.
    `fingerprint`: of sender, normalised subject and new text, for "the same again within 24 h".
    """

    own_ids: tuple[OwnId, ...] = ()
    tokens: tuple[ReplyToken, ...] = ()
    bounce_of: OwnId | None = None  # from our signed envelope address
    own_message: OwnId | None = None  # the mail itself is ours: its Message-ID is signed by us
    references: tuple[str, ...] = ()
    tag: int | None = None
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A ticket that a clue points to. `participants` are `Address.key` values (requester, people added by them, agents who answered)."""

    ticket_id: TicketId
    clue: str  # token, own_id, reference, tag, fingerprint
    evidence: str
    participants: frozenset[str]
    person_tags: frozenset[str] = frozenset()
    status: str = "new"
    merged_into: TicketId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The ticket a mail belongs to. `hint` is set instead of `ticket_id` when the sender takes no part."""

    ticket_id: TicketId | None = None
    hint: TicketId | None = None
    clue: str = ""
    evidence: str = ""
    proven: bool = False  # by token or own id, bound to a participant
