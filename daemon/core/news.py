"""News for the requester: all that waits to be told, as one letter, and with it a promise that moves.

A promise moves with a move to another tier, after a wait, with another priority, and when the people who got the
ticket do not work before it passes. The new one is said before the old one passes; an instant that nobody was told of
moves nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from daemon.core import instants as names
from daemon.core.acknowledge import CLOCK_RISK, clocks_for
from daemon.core.approval import Answer
from daemon.core.approving import titles
from daemon.core.calendar import BusinessCalendar, working_between
from daemon.core.clock import FIRST_RESPONSE
from daemon.core.decision import Decision, Event
from daemon.core.firing import Due, quiet
from daemon.core.reminder import team_calendar
from daemon.core.sla import Promise, promise
from daemon.core.status import status_notice, withheld
from daemon.core.ticket import Status


def tell(due: Due) -> Decision:
    """All news that wait to be told, as one letter; with them a promise that moves."""
    waiting = {due.clock, *(name for name in due.context.pending if name in names.TELL)}
    changed = _changed(waiting, due)
    news = _true_news(waiting, due, changed=changed is not None)
    reason = withheld(due.ticket, due.context, due.policy, due.now) if news else "nothing to tell"
    revised = (_revised(news, due) or changed) if not reason or "resumed" in news else None
    done = quiet(due, reason or f"told: {', '.join(news)}", name="requester.told")
    if revised is not None:
        warn = CLOCK_RISK in due.context.pending and not reason
        done = replace(
            done,
            promise=revised,
            clocks=clocks_for(revised, due.now, due.policy, warn=warn),
            events=(*done.events, revision(revised)),
        )
    if not reason:
        closes = next((start.due_at for start in due.context.coming if start.name == names.WAIT_CLOSE), None)
        closes = closes if "waiting" in news else None
        approval = due.context.approval(due.ticket.id)
        letter = status_notice(due.ticket, due.policy, news, promise=revised, closes_at=closes)
        letter = replace(
            letter,
            approval=titles(approval.rows, due.policy) if "approval" in news else "",
            reason=next((row.reason for row in approval.rows if row.state is Answer.DENIED), ""),
        )
        done = replace(done, notices=(letter,))
    stop = (FIRST_RESPONSE, CLOCK_RISK) if revised is not None else ()
    return replace(done, stop_clocks=(*sorted(waiting), *stop))


def _true_news(waiting: set[str], due: Due, *, changed: bool) -> tuple[str, ...]:
    """What is still so, in the order it is said."""
    live, status = due.live, due.ticket.status
    ended = status in {Status.SOLVED, Status.CLOSED}
    truth = (
        ("taken", names.TELL_TAKEN in waiting and live and bool(due.ticket.assignee) and not due.late),
        ("moved", names.TELL_MOVED in waiting and live),
        ("resumed", names.TELL_RESUMED in waiting and live),
        ("approval", names.TELL_APPROVAL in waiting and not ended),
        ("approved", names.TELL_APPROVED in waiting and not ended),
        ("denied", names.TELL_DENIED in waiting and ended),
        ("changed", changed),
        ("waiting", names.TELL_WAITING in waiting and status is Status.WAITING and not due.late),
        ("solved", names.TELL_SOLVED in waiting and status is Status.SOLVED),
    )
    return tuple(name for name, holds in truth if holds)


def _revised(news: tuple[str, ...], due: Due) -> Promise | None:
    """The promise that follows from a move or from going on; None when the old one stands or nobody waits for one."""
    if not due.unanswered or not {"moved", "resumed"} & set(news):
        return None
    made = promise_now(due)
    old = due.ticket.promised_at
    if "resumed" not in news and old is not None and due.now < old and made.due_at <= old:
        return None
    return made


def _changed(waiting: set[str], due: Due) -> Promise | None:
    """The promise after a new priority or a new pair of hands; None when the old one stands, or has passed."""
    old, now = due.ticket.promised_at, due.now
    if not (due.unanswered and due.live) or old is None or now >= old:
        return None
    if names.TELL_PRIORITY in waiting:
        sooner = promise_now(due)
        if sooner.due_at < old:
            return sooner
        later = _promise(due, _calendar(due), due.ticket.opened_at)
        if later.due_at > old:
            return later
    if names.TELL_ASSIGNED in waiting:
        theirs = team_calendar(due.ticket, due.policy)
        if working_between(theirs, now, old) == timedelta(0):
            return _promise(due, theirs, now)
    return None


def promise_now(due: Due) -> Promise:
    """The promise that the ticket would get if it came now."""
    return _promise(due, _calendar(due), due.now)


def _calendar(due: Due) -> BusinessCalendar:
    return due.policy.calendar(due.policy.tier(due.ticket.tier).calendar)


def _promise(due: Due, calendar: BusinessCalendar, at: datetime) -> Promise:
    target = dict(due.policy.tier(due.ticket.tier).first_response)[due.ticket.priority]
    made = promise(calendar, target, at)
    return replace(made, zone=due.ticket.zone or made.zone)


def revision(made: Promise) -> Event:
    """The journal line of a promise that moved."""
    return Event(name="promise.revised", facts=(("due_at", made.due_at.isoformat()),))
