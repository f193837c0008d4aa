"""One line per mail: what `test-message` and `demo` say of it, as JSON or for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from daemon.core.calendar import zone_named
from daemon.core.decision import Opening
from daemon.core.disposition import ACK_REASONS, DISPOSITIONS
from daemon.core.message import Attachment
from daemon.core.policy import TRIAGE
from daemon.loops.settle import Settled


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeLine:
    """What happened, or would happen, to one mail. `promise` is ISO 8601 in the calendar's zone, "" without a ticket.

    `reason` is why there is no acknowledgment when a ticket has none, else why the outcome is what it is.
    `identity` is null when it cannot be said for certain who wrote; `from` is the address as claimed.
    """

    path: str
    outcome: str
    ack: bool
    reason: str
    seconds: float
    guards: tuple[str, ...] = ()
    sender: str = ""  # printed as "from", which is no name in Python
    identity: str | None = None
    subject: str = ""
    text: str = ""
    attachments: tuple[dict[str, object], ...] = ()
    language: str = ""
    category: str = ""
    tier: int | None = None
    confidence: float | None = None
    abstained: bool = True
    promise: str = ""
    reference: str = ""

    def as_dict(self) -> dict[str, object]:
        """For JSON, `from` under its own name."""
        facts = asdict(self)
        order = ("path", "outcome", "ack", "reason", "guards", "from")
        facts["from"] = facts.pop("sender")
        return {name: facts[name] for name in (*order, *(name for name in facts if name not in order))}


def line_of(path: str, settled: Settled, seconds: float) -> OutcomeLine:
    """The line of a mail that was settled."""
    decision, message = settled.decision, settled.reading.message
    opening, prediction, ticket = decision.opening, settled.reading.prediction, settled.enacted.ticket
    promise = opening.promise if opening else None
    claimed = message.identity or (message.from_[0].address if message.from_ else None)
    return OutcomeLine(
        path=path,
        outcome=decision.outcome.value,
        ack=opening is not None and not decision.ack_reason,
        reason=decision.ack_reason if opening is not None and decision.ack_reason else decision.reason,
        seconds=round(seconds, 4),
        guards=tuple(verdict.guard for verdict in settled.reading.verdicts),
        sender=str(claimed) if claimed else message.from_text,
        identity=str(message.identity) if message.identity else None,
        subject=message.subject,
        text=message.body.new,
        attachments=tuple(_attachment(each) for each in message.attachments),
        language=settled.reading.language,
        category=_category(opening),
        tier=opening.tier if opening else None,
        confidence=round(prediction.confidence, 4) if prediction else None,
        abstained=prediction.abstained if prediction else True,
        promise=promise.due_at.astimezone(zone_named(promise.zone)).isoformat() if promise else "",
        reference=ticket.reference if ticket else "",
    )


def _category(opening: Opening | None) -> str:
    """The category, or the best guess where a person decides (`abstained` says so)."""
    if opening is None:
        return ""
    return opening.suggested or TRIAGE if opening.category == TRIAGE else opening.category


def _attachment(each: Attachment) -> dict[str, object]:
    return {
        "name": each.name,
        "content_type": each.content_type,
        "size_bytes": each.size_bytes,
        "sha256": each.sha256,
    }


def words_for(line: OutcomeLine) -> str:
    """Why, in words."""
    if line.reason in ACK_REASONS and line.outcome == "ticket":
        return ACK_REASONS[line.reason]
    known = DISPOSITIONS.get(line.reason)
    return known.words if known else line.reason
