"""What a requester hears of his ticket between the acknowledgment and the answer: one letter for all news.

Nothing is said to an address that was never acknowledged or answered (a robot, a forged sender), to one on
hold, or without credit. A letter that would say nothing true any more is not made.
"""

from __future__ import annotations

from datetime import datetime

from daemon.core.context import Context
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Policy
from daemon.core.sla import Promise
from daemon.core.ticket import Ticket
from daemon.core.wishes import Wish


def withheld(ticket: Ticket, context: Context, policy: Policy, now: datetime) -> str:
    """Why nothing may be said to the requester now; "" when it may."""
    if ticket.requester is None:
        return "no requester"
    if not context.spoken_to or any(robot.address.key == ticket.requester.key for robot in policy.robots):
        return "never spoken to"
    if context.on_hold_until is not None and context.on_hold_until > now:
        return "on hold"
    if ticket.muted:
        return "unsubscribed"
    return f"withheld: credit ({context.credits.spent})" if context.credits.spent else ""


def status_notice(
    ticket: Ticket,
    policy: Policy,
    news: tuple[str, ...],
    *,
    promise: Promise | None = None,
    closes_at: datetime | None = None,
) -> Notice:
    """The letter. Only for a ticket that has a requester (see `withheld`)."""
    if ticket.requester is None:
        raise AssertionError("there is nobody to tell")
    tier = policy.tier(ticket.tier)
    category = policy.category(ticket.category)
    return Notice(
        kind=NoticeKind.STATUS,
        to=ticket.requester,
        to_name=ticket.requester_name,
        language=ticket.language,
        promise=promise,
        category=category.name if category else "",
        certain=category is not None,
        echo_subject=ticket.proven,
        subject=ticket.subject,
        in_reply_to=ticket.thread_root,
        references=(ticket.thread_root,) if ticket.thread_root else (),
        wishes=(Wish.STATUS.value, Wish.MUTE.value),
        news=news,
        tier=tier.title,
        closes_at=closes_at,
        zone=ticket.zone or policy.calendar(tier.calendar).zone,
    )
