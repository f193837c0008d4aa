"""The one table from an outcome to what everybody is told about it.

Two halves: what the peer hears at the door (SMTP code and enhanced status, RFC 3463), and why a
stored mail ended as it did (the reason code that `explain` prints, its log level and a
sentence for a person). Our own trouble is always 4xx and never carries internal text.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """An SMTP or LMTP answer."""

    code: int
    enhanced: str
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}"


ACCEPTED = Door(code=250, enhanced="2.0.0", text="stored")
DUPLICATE = Door(code=250, enhanced="2.0.0", text="stored before")
NO_SUCH_ADDRESS = Door(code=550, enhanced="5.1.1", text="no such address here")
TOO_BIG = Door(code=552, enhanced="5.3.4", text="message too big")
BACKLOG = Door(code=452, enhanced="4.3.1", text="too much waiting, try again later")
STORAGE_FULL = Door(code=452, enhanced="4.3.1", text="insufficient storage, try again later")
OUR_TROUBLE = Door(code=451, enhanced="4.3.0", text="cannot store mail now, try again later")
TOO_MANY = Door(code=421, enhanced="4.7.0", text="too many connections, try again later")
CLOSING = Door(code=421, enhanced="4.3.2", text="shutting down, try again later")


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition:
    """Why a stored mail ended as it did. `level` is a logging level name."""

    reason: str
    level: str
    words: str


def _table(*rows: tuple[str, str, str]) -> dict[str, Disposition]:
    return {reason: Disposition(reason=reason, level=level, words=words) for reason, level, words in rows}


DISPOSITIONS: dict[str, Disposition] = _table(
    # reason of the outcome
    ("new-request", "info", "a new request: a ticket was opened"),
    ("robot", "info", "a known machine: a ticket by its rule"),
    ("unreadable", "warning", "the mail could not be read: a person looks at the original"),
    ("over-limit", "warning", "the mail breaks a limit and only its headers were read: a person looks at the original"),
    ("follow-up", "info", "belongs to a ticket the sender takes part in"),
    ("status-answer", "info", "the requester asked how it stands: he was told"),
    ("closed-by-requester", "info", "the requester confirmed that it is solved: closed"),
    ("unsubscribed", "info", "the requester wants no more news of the ticket: answers of people still go out"),
    ("thanks", "info", "thanks for what is solved: kept on the ticket, which stays as it is"),
    ("opinion", "info", "the requester said how it went: his score is on the ticket"),
    ("order-too-late", "info", "a one-click link of a ticket that is closed for good: kept on the ticket"),
    ("order-of-another", "info", "a one-click link that was made for somebody else: kept, nothing was done"),
    ("repeat", "info", "the same text again from the same sender: added to its ticket"),
    ("agent-reply", "info", "an agent's answer: sent to the requester"),
    ("agent-note", "info", "an agent's internal note"),
    ("agent-command", "info", "an agent's orders: done, and receipted"),
    (
        "agent-complaint",
        "info",
        "an agent's mail that could not be done whole: nothing was done, the agent was told why",
    ),
    ("outside-answer", "info", "an answer of somebody whom an agent asked: an internal note, and the team is told"),
    ("agent-answer", "info", "an agent's question: answered"),
    ("agent-unproven", "warning", "names an agent but does not prove it: kept as a note, nothing sent, nothing run"),
    ("approval", "info", "an approver's word: recorded, and the requester is told"),
    ("approval-late", "info", "an approver's word that came too late or was not his to give: he was told"),
    ("approver-note", "info", "an approver's mail that decides nothing: a note for the team"),
    ("approver-unproven", "warning", "names an approver but does not prove it: kept as a note, nothing decided"),
    ("approver-away", "info", "an approver is away or cannot be reached: his deputies were asked"),
    ("vendor-answer", "info", "a supplier's answer: a note for the team, his clock stops"),
    ("vendor-quick", "info", "a supplier's mail that no person wrote, it seems: a note, his clock goes on"),
    ("vendor-automatic", "info", "a supplier's ticket system: filed, his clock goes on"),
    ("duplicate", "info", "this content was stored before: counted on the first"),
    ("loop", "warning", "more than 50 hops or our own mark came back: a mail loop"),
    ("own-copy", "info", "our own mail came back: a copy on its ticket"),
    ("delivery-report", "info", "a delivery report: recorded on the notice it speaks of"),
    ("delivery-report-unmatched", "info", "a delivery report that speaks of none of our notices"),
    ("report", "info", "a receipt, abuse report or challenge: kept, never answered"),
    ("abuse-report", "warning", "an abuse report: the team is told"),
    ("automated", "info", "an automatic mail: kept, never answered (RFC 3834)"),
    ("not-answerable", "info", "a sender that must not be answered: kept, the team sees it"),
    ("self", "info", "from one of our own addresses: kept, never answered"),
    ("authentication-failed", "warning", "the trusted authentication result says the sender is forged"),
    ("spam", "info", "marked as spam by the mail system"),
    ("refused", "info", "refused at the door"),
)

ACK_REASONS: dict[str, str] = {
    # why there is no acknowledgment, beyond the reason of the outcome
    "automatic": "automatic mail is never answered (RFC 3834 section 2)",
    "follow-up": "a follow-up is never acknowledged again",
    "approver": "approvers are not acknowledged",
    "vendor": "suppliers are not acknowledged",
    "agent": "agents are not acknowledged",
    "suspected-report": "it looks like returned mail, though nothing in it proves that",
    "answered-subject": "its subject is that of an automatic reply",
    "not-addressed": "our address is not in To, Cc or the envelope",
    "not-aligned": "the From address and the envelope sender do not belong together",
    "no-identity": "it cannot be said for certain who wrote it",
    "unreadable": "the mail could not be read",
    "over-limit": "the mail breaks a limit",
    "on-hold": "mail to this address came back for good; it is on hold",
    "withheld: credit (address)": "this address has had its share of automatic mail until a person answers",
    "withheld: credit (domain)": "this domain has had its share of automatic mail until a person answers",
    "withheld: credit (overall)": "the desk has sent its share of automatic mail until a person answers",
    "needs-smtputf8": "the address needs SMTPUTF8, which the relay is not asked for",
    "robot": "a known machine needs no acknowledgment",
    "repeat": "the same text was acknowledged already",
    "rehearsal": "nothing is sent in rehearsal",
}
