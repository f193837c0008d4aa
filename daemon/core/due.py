"""What happens when a clock comes due: the same kind of decision as for a mail.

Two clocks in this form: `first_response_risk` (the promise is about to slip: the requester is
told a new time *before* the old one passes, once per ticket) and `first_response` (it has
passed: the promise is broken, the team hears of it; the requester is not scolded with it).
A clock that fires late (downtime, a jump of the wall clock) says nothing that is no longer true.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from daemon.core.acknowledge import CLOCK_FIRST_RESPONSE, CLOCK_RISK, clocks_for
from daemon.core.context import Context
from daemon.core.decision import Decision, EntryKind, Event, Outcome
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Policy
from daemon.core.sla import promise
from daemon.core.ticket import Status, Ticket


def _nothing(ticket: Ticket, reason: str, clock: str, *, broken: bool = False) -> Decision:
    return Decision(
        outcome=Outcome.APPEND,
        reason=reason,
        ack_reason="automatic",
        append_to=ticket.id,
        entry=EntryKind.NOTE,
        promise_broken=broken,
        digest=broken,
        events=(Event(name="clock.breached" if broken else "clock.passed", facts=(("clock", clock), ("why", reason))),),
    )


def decide_due(
    *, clock: str, due_at: datetime, ticket: Ticket, context: Context, policy: Policy, now: datetime
) -> Decision:
    """What a due clock asks for. `context` carries credits and hold of the requester."""
    if ticket.status is not Status.NEW or ticket.promised_at is None:
        return _nothing(ticket, "answered", clock)
    if clock == CLOCK_FIRST_RESPONSE:
        if ticket.promised_at > due_at:
            return _nothing(ticket, "promise was revised", clock)
        return _nothing(ticket, "no first response in time", clock, broken=True)
    if clock != CLOCK_RISK:
        return _nothing(ticket, "unknown clock", clock)
    return _at_risk(ticket, context, policy, now)


def _at_risk(ticket: Ticket, context: Context, policy: Policy, now: datetime) -> Decision:
    """The time-to-respond notice: honest, with a new time, before the old one passes."""
    tier = policy.tier(ticket.tier)
    target = dict(tier.first_response)[ticket.priority]
    revised = promise(policy.calendar(tier.calendar), target, now)
    quiet = (
        "no requester"
        if ticket.requester is None
        else "promise has passed"
        if ticket.promised_at is not None and ticket.promised_at <= now
        else "on hold"
        if context.on_hold_until is not None and context.on_hold_until > now
        else f"withheld: credit ({context.credits.spent})"
        if context.credits.spent
        else "promise stands"
        if ticket.promised_at is not None and revised.due_at <= ticket.promised_at
        else ""
    )
    if quiet or ticket.requester is None or ticket.promised_at is None:
        return _nothing(ticket, quiet, CLOCK_RISK)
    category = policy.category(ticket.category)
    notice = Notice(
        kind=NoticeKind.TIME_TO_RESPOND,
        to=ticket.requester,
        to_name=ticket.requester_name,
        language=ticket.language,
        sequence=1,
        promise=revised,
        previous_promise=replace(revised, due_at=ticket.promised_at),
        category=category.name if category else "",
        certain=category is not None,
        echo_subject=ticket.proven,
        subject=ticket.subject,
        in_reply_to=ticket.thread_root,
        references=(ticket.thread_root,) if ticket.thread_root else (),
    )
    return Decision(
        outcome=Outcome.APPEND,
        reason="promise at risk",
        ack_reason="automatic",
        append_to=ticket.id,
        entry=EntryKind.NOTE,
        notices=(notice,),
        promise=revised,
        clocks=clocks_for(revised, now, policy, warn=False),
        stop_clocks=(CLOCK_FIRST_RESPONSE,),
        events=(Event(name="promise.revised", facts=(("due_at", revised.due_at.isoformat()),)),),
    )
