"""What happens when an instant comes due: the same kind of decision as for a mail.

`first_response_risk` tells the requester a new time *before* the old one passes, once per ticket. A missed target is
told inside the team, up the tiers, never to the requester. Team mail goes in the team's working time: an
instant that comes due outside of it is moved to the next opening. One that fires late (downtime, a jump of
the wall clock) says nothing that is no longer true, and makes no mail that a later one makes needless.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from daemon.core import instants as names
from daemon.core.acknowledge import CLOCK_RISK, clocks_for
from daemon.core.approving import approval_due
from daemon.core.calendar import is_open, next_open
from daemon.core.clock import APPROVAL, CLOCKS, FIRST_RESPONSE, NEXT_UPDATE, OLA, RESOLUTION, due_at, runs
from daemon.core.closing import closing_due, survey_due
from daemon.core.context import Context
from daemon.core.decision import ClockStart, Decision
from daemon.core.firing import Due, again, quiet
from daemon.core.news import promise_now, revision, tell
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Policy
from daemon.core.reminder import escalations, reminders, team_calendar, upper_calendar
from daemon.core.sla import after_days
from daemon.core.status import status_notice, withheld
from daemon.core.ticket import Status, Ticket


def decide_due(
    *, clock: str, due_at: datetime, ticket: Ticket, context: Context, policy: Policy, now: datetime
) -> Decision:
    """What a due clock asks for. `context` carries credits and hold of the requester, history and pending clocks."""
    due = Due(clock=clock, due_at=due_at, ticket=ticket, context=context, policy=policy, now=now)
    return _BY_NAME.get(clock, _unknown)(due)


def _unknown(due: Due) -> Decision:
    return quiet(due, "unknown clock")


def _out_of_hours(due: Due) -> Decision | None:
    """The same instant at the next opening of whoever would get the mail; None when now is a good time."""
    calendar = team_calendar(due.ticket, due.policy)
    if is_open(calendar, due.now):
        return None
    return quiet(due, "outside working hours", clocks=again(due, next_open(calendar, due.now)))


# --- targets ---------------------------------------------------------------------------------------------------------


def _near(due: Due) -> Decision:
    """A share of the target has passed: whoever has the ticket hears of it."""
    clock = due.clock.removesuffix(names.REMINDER)
    if due.late or not _runs(clock, due) or (clock == FIRST_RESPONSE and not due.unanswered):
        return quiet(due, "late" if due.late else "answered")
    if (wait := _out_of_hours(due)) is not None:
        return wait
    at = _owed(clock, due)
    if at is not None and at <= due.now:
        return quiet(due, "missed already")
    if any(start.due_at <= due.now and start.name in _TEAM_MAIL for start in due.context.coming):
        return quiet(due, "another mail says more")
    sent = reminders(due.ticket, due.policy, clock=clock, due_at=at, news="near")
    return quiet(due, "target comes near", notices=sent, name="clock.reminded")


_TEAM_MAIL = frozenset(
    {*CLOCKS, *(name + names.REMINDER for name in CLOCKS), names.BREACH_TOLD, names.WAIT_OVER, names.VENDOR}
)


def _runs(clock: str, due: Due) -> bool:
    """False when nobody has to do with it now: our own targets stand still while we wait, a supplier's do not."""
    if clock in names.VENDORS:
        return due.ticket.status not in {Status.SOLVED, Status.CLOSED}
    return due.live


def _owed(clock: str, due: Due) -> datetime | None:
    if clock == FIRST_RESPONSE:
        return due.ticket.promised_at
    found = [start for start in due.context.coming if start.name == clock]
    return found[0].due_at if found else None


def _first_response(due: Due) -> Decision:
    """The promised instant has passed: broken, whoever hears of it."""
    if not due.unanswered or due.ticket.promised_at is None or due.ticket.status in {Status.SOLVED, Status.CLOSED}:
        return quiet(due, "answered")
    if due.ticket.promised_at > due.now:
        return quiet(due, "promise was revised")
    found = _breach(due, "no first response in time")
    return replace(found, promise_broken=True, digest=True)


def _breach(due: Due, reason: str) -> Decision:
    """Told now to those who work now, at their opening to the others; a late one in the next agenda only."""
    if due.late:
        return quiet(due, reason, name="clock.breached")
    ticket, policy, now = due.ticket, due.policy, due.now
    sent: tuple[Notice, ...] = ()
    later: list[ClockStart] = []
    if is_open(near := team_calendar(ticket, policy), now):
        sent = reminders(ticket, policy, clock=due.clock, due_at=due.due_at, news="breached")
    else:
        later.append(ClockStart(name=names.BREACH_TOLD, due_at=next_open(near, now)))
    if _first_time(due):
        if is_open(upper := upper_calendar(ticket, policy), now):
            sent += escalations(ticket, policy, clock=due.clock, due_at=due.due_at)
        else:
            later.append(ClockStart(name=names.ESCALATE, due_at=next_open(upper, now)))
    return quiet(due, reason, name="clock.breached", notices=sent, clocks=tuple(later))


def _first_time(due: Due) -> bool:
    """True for the target itself: what is reminded of day after day goes up the tiers once, an OLA never."""
    if due.clock == FIRST_RESPONSE:
        return True
    found = runs(due.context.history, due.clock)
    calendars = dict(due.policy.calendars)
    if due.clock == OLA or not found or found[-1].calendar not in calendars:
        return False
    return due_at(found[-1].events, calendars[found[-1].calendar], found[-1].target) == due.due_at


def _told(due: Due) -> Decision:
    """A breach outside the hours of whoever is to hear of it, told at the opening, unless somebody was quicker."""
    if due.late or not due.live:
        return quiet(due, "late" if due.late else "answered")
    above = due.clock == names.ESCALATE
    calendar = upper_calendar(due.ticket, due.policy) if above else team_calendar(due.ticket, due.policy)
    if not is_open(calendar, due.now):
        return quiet(due, "outside working hours", clocks=again(due, next_open(calendar, due.now)))
    sent = (
        escalations(due.ticket, due.policy, clock="", due_at=None)
        if above
        else reminders(due.ticket, due.policy, clock="", due_at=None, news="breached")
    )
    return quiet(due, "target missed", notices=sent, name="clock.told")


def _missed(due: Due) -> Decision:
    ended = due.ticket.status in {Status.SOLVED, Status.CLOSED}
    goes_on = due.clock == RESOLUTION or due.clock in names.VENDORS
    if ended or (due.ticket.status is Status.WAITING and not goes_on):
        return quiet(due, "not worked on")
    found = _breach(due, "target missed")
    if due.clock != NEXT_UPDATE:
        return found
    # Silence goes on: once a working day somebody hears of it, until the requester hears something.
    tomorrow = ClockStart(name=due.clock, due_at=after_days(team_calendar(due.ticket, due.policy), due.now, 1))
    return replace(found, clocks=(*found.clocks, tomorrow))


def _approval(due: Due) -> Decision:
    return approval_due(due.ticket, due.context, due.policy, due.now)


# --- waiting and closing ---------------------------------------------------------------------------------------------


def _ask(due: Due) -> Decision:
    """We wait for the requester, who is asked again."""
    if due.ticket.status is not Status.WAITING or due.late:
        return quiet(due, "late" if due.late else "not waiting")
    if reason := withheld(due.ticket, due.context, due.policy, due.now):
        return quiet(due, reason)
    closes = next((start.due_at for start in due.context.coming if start.name == names.WAIT_CLOSE), None)
    sent = status_notice(due.ticket, due.policy, ("asked",), closes_at=closes)
    return quiet(due, "requester asked again", notices=(sent,), name="requester.asked")


def _give_up(due: Due) -> Decision:
    """Nothing came: closed, with notice. After a downtime he is asked first."""
    follow = due.policy.follow
    if due.ticket.status is not Status.WAITING:
        return quiet(due, "not waiting")
    reason = withheld(due.ticket, due.context, due.policy, due.now)
    if due.late:
        grace = max(1, follow.waiting_close_days - (follow.waiting_days[-1] if follow.waiting_days else 0))
        at = after_days(team_calendar(due.ticket, due.policy), due.now, grace)
        asked = () if reason else (status_notice(due.ticket, due.policy, ("asked",), closes_at=at),)
        return quiet(due, "late: asked first", notices=asked, clocks=again(due, at))
    sent = () if reason else (status_notice(due.ticket, due.policy, ("closed",)),)
    return replace(quiet(due, "requester was silent", notices=sent, name="ticket.closed"), status=Status.CLOSED)


def _wait_over(due: Due) -> Decision:
    if due.ticket.status is not Status.WAITING:
        return quiet(due, "not waiting")
    if (wait := _out_of_hours(due)) is not None:
        return wait
    sent = reminders(due.ticket, due.policy, clock="", due_at=None, news="wait-over")
    return replace(quiet(due, "wait is over", notices=sent, name="ticket.resumed"), status=Status.OPEN)


def _vendor(due: Due) -> Decision:
    if due.ticket.status is not Status.WAITING:
        return quiet(due, "not waiting")
    if (wait := _out_of_hours(due)) is not None:
        return wait
    sent = () if due.late else reminders(due.ticket, due.policy, clock="", due_at=None, news="vendor")
    at = after_days(team_calendar(due.ticket, due.policy), due.now, due.policy.follow.vendor_days)
    return quiet(due, "vendor owes an answer", notices=sent, clocks=again(due, at), name="clock.reminded")


def _close(due: Due) -> Decision:
    if due.ticket.status is not Status.SOLVED:
        return quiet(due, "not solved")
    return replace(quiet(due, "solved and not reopened", name="ticket.closed"), status=Status.CLOSED)


def _long_open(due: Due) -> Decision:
    """A short honest status, again and again while credits last; the instant comes again until the ticket ends."""
    if due.ticket.status in {Status.SOLVED, Status.CLOSED}:
        return quiet(due, "not open")
    at = after_days(team_calendar(due.ticket, due.policy), due.now, due.policy.follow.long_open_days)
    reason = "late" if due.late else withheld(due.ticket, due.context, due.policy, due.now)
    standing = due.unanswered and due.ticket.promised_at is not None and due.ticket.promised_at > due.now
    if reason or standing:
        return quiet(due, reason or "promise stands", clocks=again(due, at))
    if (wait := _out_of_hours(due)) is not None:
        return wait
    sent = status_notice(due.ticket, due.policy, ("open",))
    return quiet(due, "still open", notices=(sent,), clocks=again(due, at), name="requester.told")


# --- the promise ---------------------------------------------------------------------------------------------------


def _at_risk(due: Due) -> Decision:
    """The time-to-respond notice: honest, with a new time, before the old one passes."""
    ticket, now = due.ticket, due.now
    if not due.unanswered or not due.live or ticket.promised_at is None:
        return quiet(due, "answered")
    revised = promise_now(due)
    against = (
        "no requester"
        if ticket.requester is None
        else "promise has passed"
        if ticket.promised_at <= now
        else "on hold"
        if due.context.on_hold_until is not None and due.context.on_hold_until > now
        else f"withheld: credit ({due.context.credits.spent})"
        if due.context.credits.spent
        else "promise stands"
        if revised.due_at <= ticket.promised_at
        else ""
    )
    if against or ticket.requester is None:
        return quiet(due, against)
    category = due.policy.category(ticket.category)
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
    return replace(
        quiet(due, "promise at risk", notices=(notice,)),
        promise=revised,
        clocks=clocks_for(revised, now, due.policy, warn=False),
        stop_clocks=(FIRST_RESPONSE,),
        events=(revision(revised),),
    )


_BY_NAME: dict[str, Callable[[Due], Decision]] = {
    CLOCK_RISK: _at_risk,
    FIRST_RESPONSE: _first_response,
    NEXT_UPDATE: _missed,
    RESOLUTION: _missed,
    OLA: _missed,
    **dict.fromkeys(names.VENDORS, _missed),
    APPROVAL: _approval,
    names.BREACH_TOLD: _told,
    names.ESCALATE: _told,
    **{clock + names.REMINDER: _near for clock in (FIRST_RESPONSE, NEXT_UPDATE, RESOLUTION, OLA, *names.VENDORS)},
    names.WAIT_FOLLOW_UP: _ask,
    names.WAIT_CLOSE: _give_up,
    names.WAIT_OVER: _wait_over,
    names.VENDOR: _vendor,
    names.CLOSE: _close,
    names.LONG_OPEN: _long_open,
    names.SURVEY: survey_due,
    names.CLOSING: closing_due,
    **dict.fromkeys(names.TELL, tell),
}
