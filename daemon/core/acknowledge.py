"""Whether a new request is acknowledged, in which language, and who on the team hears of it.

The reasons against an acknowledgment are asked in one fixed order; the first one is stored
with the mail. A promise made here starts the clocks that `tick` watches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from daemon.core import assistance
from daemon.core.address import Address
from daemon.core.context import Context
from daemon.core.decision import ClockStart, Opening
from daemon.core.envelope import Envelope
from daemon.core.guards import Consequence
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Desk, Policy
from daemon.core.reading import Readability, Reading
from daemon.core.route import Route
from daemon.core.sla import Promise, at_risk_at, promise
from daemon.core.ticket import Ticket
from daemon.core.trust import Proof, aligned

CLOCK_RISK = "first_response_risk"
CLOCK_FIRST_RESPONSE = "first_response"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The acknowledgment (none or one), the reason when there is none, and the language of the ticket."""

    notices: tuple[Notice, ...]
    reason: str
    language: str


def promise_for(way: Route, policy: Policy, at: datetime) -> Promise:
    """When a person will answer: the tier's first-response target in its service hours, from the arrival on."""
    tier = policy.tier(way.tier)
    target = dict(tier.first_response)[way.priority]
    return promise(policy.calendar(tier.calendar), target, at)


def clocks_for(made: Promise, at: datetime, policy: Policy, *, warn: bool) -> tuple[ClockStart, ...]:
    """The clocks of a promise; `warn` adds the one that tells the requester before the promise slips."""
    due = ClockStart(name=CLOCK_FIRST_RESPONSE, due_at=made.due_at)
    if not warn:
        return (due,)
    risk_at = at_risk_at(policy.calendar(made.calendar), made, at, policy.at_risk_share)
    return (ClockStart(name=CLOCK_RISK, due_at=risk_at), due)


def language_for(reading: Reading, context: Context, desk: Desk) -> str:
    """The mail's language, then the requester's last one, then the desk's own."""
    spoken = (reading.language, context.last_language)
    return next((language for language in spoken if language in desk.languages), desk.languages[0])


def _withheld(envelope: Envelope, reading: Reading, context: Context) -> str:
    """The first reason against an acknowledgment, or ""."""
    identity = reading.message.identity
    if reading.readability is not Readability.FULL:
        return "unreadable" if reading.readability is Readability.NOT else "over-limit"
    if identity is None:
        return "no-identity"
    if any(verdict.consequence is Consequence.ROBOT for verdict in reading.verdicts):
        return "robot"
    if (quiet := next((v for v in reading.verdicts if v.consequence is Consequence.NO_ACK), None)) is not None:
        return quiet.guard
    if reading.trust.proof < Proof.DOMAIN and not _stands_for(envelope, identity):
        return "not-aligned"
    if not str(identity).isascii():
        return "needs-smtputf8"
    if context.on_hold_until is not None and context.on_hold_until > envelope.received_at:
        return "on-hold"
    if context.credits.spent:
        return f"withheld: credit ({context.credits.spent})"
    return ""


def _stands_for(envelope: Envelope, identity: Address) -> bool:
    """Backscatter: without proof, only a From that the envelope sender belongs to is answered (RFC 3834 section 4)."""
    if not envelope.reverse_path_known:
        return True
    return envelope.reverse_path is not None and aligned(identity, envelope.reverse_path)


def acknowledge(
    envelope: Envelope, reading: Reading, context: Context, policy: Policy, *, way: Route, made: Promise
) -> Answer:
    """The one acknowledgment of a new request, or the reason for none."""
    desk = policy.desk(envelope.desk)
    language = language_for(reading, context, desk)
    reason = _withheld(envelope, reading, context)
    message = reading.message
    if reason or message.identity is None:
        return Answer(notices=(), reason=reason, language=language)
    notice = Notice(
        kind=NoticeKind.ACKNOWLEDGMENT,
        to=message.identity,
        to_name=message.from_[0].name if message.from_ else "",
        language=language,
        sequence=1,
        promise=made,
        category=way.category if way.certain else "",
        certain=way.certain,
        echo_subject=reading.trust.proof >= Proof.DOMAIN,
        subject=message.subject,
        in_reply_to=message.message_id,
        references=(*message.references, message.message_id) if message.message_id else message.references,
    )
    return Answer(notices=(notice,), reason="", language=language)


def team_notices(reading: Reading, about: Opening | Ticket, context: Context, policy: Policy) -> tuple[Notice, ...]:
    """One mail to each address of the team, with the original attached, so that agents can work by mail."""
    desk = policy.desk(about.desk)
    team_name = (about.team if isinstance(about, Opening) else "") or desk.team
    if not policy.team_notices or not team_name:
        return ()
    team = policy.team(team_name)
    message = reading.message
    detail = (
        ("from", message.from_text),
        ("category", about.category),
        ("tier", str(about.tier)),
        ("priority", str(about.priority)),
        *((("suggested", about.suggested),) if isinstance(about, Opening) and about.suggested else ()),
        *((("confidence", f"{about.confidence:.2f}"),) if isinstance(about, Opening) and about.model_id else ()),
        *((("because", because),) if (because := _because(reading)) and isinstance(about, Opening) else ()),
        *(_assisting(about, context, policy, team_name, desk.languages[0]) if isinstance(about, Opening) else ()),
        *((("trouble", reading.trouble),) if reading.trouble else ()),
    )
    promised = about.promise if isinstance(about, Opening) else None
    if promised is not None:  # people of the desk read it in their own zone
        promised = replace(promised, zone=policy.calendar(promised.calendar).zone)
    return tuple(
        Notice(
            kind=NoticeKind.TEAM,
            to=address,
            language=desk.languages[0],
            promise=promised,
            category=about.category,
            echo_subject=True,
            subject=about.subject,
            text=message.body.new,
            attach_inbound=context.inbound_id,
            orders=_offered(reading, about, policy),
            detail=detail,
        )
        for address in (team.members or team.addresses)
    )


def _assisting(
    about: Opening, context: Context, policy: Policy, team: str, language: str
) -> tuple[tuple[str, str], ...]:
    """Solved tickets like this one, and the script of its category or, while nobody is sure, of the suggested one."""
    category = about.suggested or about.category
    return (*assistance.similar(context.similar, team), *assistance.script(policy, category, language))


_OFFERED = 3  # categories that a click may choose


def _because(reading: Reading) -> str:
    """The phrases that carried the model's choice, the heaviest first."""
    if reading.prediction is None:
        return ""
    return ", ".join(reason.phrase for reason in reading.prediction.reasons[:5] if reason.weight > 0)


def _offered(reading: Reading, about: Opening | Ticket, policy: Policy) -> tuple[str, ...]:
    """What an agent most likely wants to order: take it, or say that it is of another category."""
    prediction = reading.prediction
    choices = [] if prediction is None else [prediction.category, *(choice.label for choice in prediction.candidates)]
    if prediction is not None and prediction.runner_up is not None:
        choices.append(prediction.runner_up.label)
    named = [name for name in dict.fromkeys(choices) if name != about.category and policy.category(name) is not None]
    return ("#take", *(f"#category {name}" for name in named[:_OFFERED]), "#spam", "#help")
