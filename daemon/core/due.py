"""What happens when an instant comes due: the same kind of decision as for a mail.

`first_response_risk` tells the requester a new time *before* the old one passes, once per ticket. A missed target is
told inside the team, up the tiers, never to the requester. Team mail goes in the team's working time: an
instant that comes due outside of it is moved to the next opening. One that fires late (downtime, a jump of
the wall clock) says nothing that is no longer true, and makes no mail that a later one makes needless.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from daemon.core import course as names
from daemon.core.acknowledge import CLOCK_RISK, clocks_for
from daemon.core.calendar import is_open, next_open
from daemon.core.clock import CLOCKS, FIRST_RESPONSE, NEXT_UPDATE, OLA, RESOLUTION, due_at, runs
from daemon.core.context import Context
from daemon.core.decision import ClockStart, Decision, EntryKind, Event, Outcome
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Policy
from daemon.core.reminder import escalations, reminders, team_calendar, upper_calendar
from daemon.core.sla import Promise, after_days, promise
from daemon.core.status import status_notice, withheld
from daemon.core.ticket import Status, Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    """One instant that has come, and all that may be looked at."""

    clock: str
    due_at: datetime
    ticket: Ticket
    context: Context
    policy: Policy
    now: datetime

    @property
    def late(self) -> bool:
        return self.now - self.due_at > self.policy.follow.late

    @property
    def unanswered(self) -> bool:
        """No person has answered: by the history of the clock, or by the status of an older ticket."""
        found = runs(self.context.history, FIRST_RESPONSE)
        return found[-1].open if found else self.ticket.status is Status.NEW

    @property
    def live(self) -> bool:
        return self.ticket.status in names.LIVE


def decide_due(
    *, clock: str, due_at: datetime, ticket: Ticket, context: Context, policy: Policy, now: datetime
) -> Decision:
    """What a due clock asks for. `context` carries credits and hold of the requester, history and pending clocks."""
    due = _Due(clock=clock, due_at=due_at, ticket=ticket, context=context, policy=policy, now=now)
    return _BY_NAME.get(clock, _unknown)(due)


def _quiet(
    due: _Due, reason: str, *, notices: tuple[Notice, ...] = (), clocks: tuple[ClockStart, ...] = (), name: str = ""
) -> Decision:
    """A decision that changes no status."""
    return Decision(
        outcome=Outcome.APPEND,
        reason=reason,
        ack_reason="automatic",
        append_to=due.ticket.id,
        entry=EntryKind.NOTE,
        notices=notices,
        clocks=clocks,
        events=(Event(name=name or "clock.passed", facts=(("clock", due.clock), ("why", reason))),),
    )


def _unknown(due: _Due) -> Decision:
    return _quiet(due, "unknown clock")


def _again(due: _Due, at: datetime) -> tuple[ClockStart, ...]:
    return (ClockStart(name=due.clock, due_at=at),)


def _out_of_hours(due: _Due) -> Decision | None:
    """The same instant at the next opening of whoever would get the mail; None when now is a good time."""
    calendar = team_calendar(due.ticket, due.policy)
    if is_open(calendar, due.now):
        return None
    return _quiet(due, "outside working hours", clocks=_again(due, next_open(calendar, due.now)))


# --- targets ---------------------------------------------------------------------------------------------------------


def _near(due: _Due) -> Decision:
    """A share of the target has passed: whoever has the ticket hears of it."""
    clock = due.clock.removesuffix(names.REMINDER)
    if due.late or not due.live or (clock == FIRST_RESPONSE and not due.unanswered):
        return _quiet(due, "late" if due.late else "answered")
    if (wait := _out_of_hours(due)) is not None:
        return wait
    at = _owed(clock, due)
    if at is not None and at <= due.now:
        return _quiet(due, "missed already")
    if any(start.due_at <= due.now and start.name in _TEAM_MAIL for start in due.context.coming):
        return _quiet(due, "another mail says more")
    sent = reminders(due.ticket, due.policy, clock=clock, due_at=at, news="near")
    return _quiet(due, "target comes near", notices=sent, name="clock.reminded")


_TEAM_MAIL = frozenset(
    {*CLOCKS, *(name + names.REMINDER for name in CLOCKS), names.BREACH_TOLD, names.WAIT_OVER, names.VENDOR}
)


def _owed(clock: str, due: _Due) -> datetime | None:
    if clock == FIRST_RESPONSE:
        return due.ticket.promised_at
    found = [start for start in due.context.coming if start.name == clock]
    return found[0].due_at if found else None


def _first_response(due: _Due) -> Decision:
    """The promised instant has passed: broken, whoever hears of it."""
    if not due.unanswered or due.ticket.promised_at is None or due.ticket.status in {Status.SOLVED, Status.CLOSED}:
        return _quiet(due, "answered")
    if due.ticket.promised_at > due.now:
        return _quiet(due, "promise was revised")
    found = _breach(due, "no first response in time")
    return replace(found, promise_broken=True, digest=True)


def _breach(due: _Due, reason: str) -> Decision:
    """Told now to those who work now, at their opening to the others; a late one is in the journal only."""
    if due.late:
        return _quiet(due, reason, name="clock.breached")
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
    return _quiet(due, reason, name="clock.breached", notices=sent, clocks=tuple(later))


def _first_time(due: _Due) -> bool:
    """True for the target itself: what is reminded of day after day goes up the tiers once, an OLA never."""
    if due.clock == FIRST_RESPONSE:
        return True
    found = runs(due.context.history, due.clock)
    calendars = dict(due.policy.calendars)
    if due.clock == OLA or not found or found[-1].calendar not in calendars:
        return False
    return due_at(found[-1].events, calendars[found[-1].calendar], found[-1].target) == due.due_at


def _told(due: _Due) -> Decision:
    """A breach outside the hours of whoever is to hear of it, told at the opening, unless somebody was quicker."""
    if due.late or not due.live:
        return _quiet(due, "late" if due.late else "answered")
    above = due.clock == names.ESCALATE
    calendar = upper_calendar(due.ticket, due.policy) if above else team_calendar(due.ticket, due.policy)
    if not is_open(calendar, due.now):
        return _quiet(due, "outside working hours", clocks=_again(due, next_open(calendar, due.now)))
    sent = (
        escalations(due.ticket, due.policy, clock="", due_at=None)
        if above
        else reminders(due.ticket, due.policy, clock="", due_at=None, news="breached")
    )
    return _quiet(due, "target missed", notices=sent, name="clock.told")


def _missed(due: _Due) -> Decision:
    ended = due.ticket.status in {Status.SOLVED, Status.CLOSED}
    if ended or (due.ticket.status is Status.WAITING and due.clock != RESOLUTION):
        return _quiet(due, "not worked on")
    found = _breach(due, "target missed")
    if due.clock != NEXT_UPDATE:
        return found
    # Silence goes on: once a working day somebody hears of it, until the requester hears something.
    again = ClockStart(name=due.clock, due_at=after_days(team_calendar(due.ticket, due.policy), due.now, 1))
    return replace(found, clocks=(*found.clocks, again))


# --- waiting and closing ---------------------------------------------------------------------------------------------


def _ask(due: _Due) -> Decision:
    """We wait for the requester, who is asked again."""
    if due.ticket.status is not Status.WAITING or due.late:
        return _quiet(due, "late" if due.late else "not waiting")
    if reason := withheld(due.ticket, due.context, due.policy, due.now):
        return _quiet(due, reason)
    closes = next((start.due_at for start in due.context.coming if start.name == names.WAIT_CLOSE), None)
    sent = status_notice(due.ticket, due.policy, ("asked",), closes_at=closes)
    return _quiet(due, "requester asked again", notices=(sent,), name="requester.asked")


def _give_up(due: _Due) -> Decision:
    """Nothing came: closed, with notice. After a downtime he is asked first."""
    follow = due.policy.follow
    if due.ticket.status is not Status.WAITING:
        return _quiet(due, "not waiting")
    reason = withheld(due.ticket, due.context, due.policy, due.now)
    if due.late:
        grace = max(1, follow.waiting_close_days - (follow.waiting_days[-1] if follow.waiting_days else 0))
        at = after_days(team_calendar(due.ticket, due.policy), due.now, grace)
        asked = () if reason else (status_notice(due.ticket, due.policy, ("asked",), closes_at=at),)
        return _quiet(due, "late: asked first", notices=asked, clocks=_again(due, at))
    sent = () if reason else (status_notice(due.ticket, due.policy, ("closed",)),)
    return replace(_quiet(due, "requester was silent", notices=sent, name="ticket.closed"), status=Status.CLOSED)


def _wait_over(due: _Due) -> Decision:
    if due.ticket.status is not Status.WAITING:
        return _quiet(due, "not waiting")
    if (wait := _out_of_hours(due)) is not None:
        return wait
    sent = reminders(due.ticket, due.policy, clock="", due_at=None, news="wait-over")
    return replace(_quiet(due, "wait is over", notices=sent, name="ticket.resumed"), status=Status.OPEN)


def _vendor(due: _Due) -> Decision:
    if due.ticket.status is not Status.WAITING:
        return _quiet(due, "not waiting")
    if (wait := _out_of_hours(due)) is not None:
        return wait
    sent = () if due.late else reminders(due.ticket, due.policy, clock="", due_at=None, news="vendor")
    at = after_days(team_calendar(due.ticket, due.policy), due.now, due.policy.follow.vendor_days)
    return _quiet(due, "vendor owes an answer", notices=sent, clocks=_again(due, at), name="clock.reminded")


def _close(due: _Due) -> Decision:
    if due.ticket.status is not Status.SOLVED:
        return _quiet(due, "not solved")
    return replace(_quiet(due, "solved and not reopened", name="ticket.closed"), status=Status.CLOSED)


def _long_open(due: _Due) -> Decision:
    """A short honest status, again and again while credits last; the instant comes again until the ticket ends."""
    if due.ticket.status in {Status.SOLVED, Status.CLOSED}:
        return _quiet(due, "not open")
    at = after_days(team_calendar(due.ticket, due.policy), due.now, due.policy.follow.long_open_days)
    reason = "late" if due.late else withheld(due.ticket, due.context, due.policy, due.now)
    standing = due.unanswered and due.ticket.promised_at is not None and due.ticket.promised_at > due.now
    if reason or standing:
        return _quiet(due, reason or "promise stands", clocks=_again(due, at))
    if (wait := _out_of_hours(due)) is not None:
        return wait
    sent = status_notice(due.ticket, due.policy, ("open",))
    return _quiet(due, "still open", notices=(sent,), clocks=_again(due, at), name="requester.told")


# --- news for the requester ------------------------------------------------------------------------------------------


def _tell(due: _Due) -> Decision:
    """All news that wait to be told, as one letter; with them a promise that moves."""
    waiting = {due.clock, *(name for name in due.context.pending if name in names.TELL)}
    news = _true_news(waiting, due)
    reason = withheld(due.ticket, due.context, due.policy, due.now) if news else "nothing to tell"
    revised = _revised(news, due) if not reason or "resumed" in news else None
    done = _quiet(due, reason or f"told: {', '.join(news)}", name="requester.told")
    if revised is not None:
        warn = CLOCK_RISK in due.context.pending and not reason
        done = replace(
            done,
            promise=revised,
            clocks=clocks_for(revised, due.now, due.policy, warn=warn),
            events=(*done.events, _revision(revised)),
        )
    if not reason:
        closes = next((start.due_at for start in due.context.coming if start.name == names.WAIT_CLOSE), None)
        closes = closes if "waiting" in news else None
        done = replace(done, notices=(status_notice(due.ticket, due.policy, news, promise=revised, closes_at=closes),))
    stop = (FIRST_RESPONSE, CLOCK_RISK) if revised is not None else ()
    return replace(done, stop_clocks=(*sorted(waiting), *stop))


def _true_news(waiting: set[str], due: _Due) -> tuple[str, ...]:
    """What is still so, in the order it is said."""
    live, status = due.live, due.ticket.status
    truth = (
        ("taken", names.TELL_TAKEN in waiting and live and bool(due.ticket.assignee) and not due.late),
        ("moved", names.TELL_MOVED in waiting and live),
        ("resumed", names.TELL_RESUMED in waiting and live),
        ("waiting", names.TELL_WAITING in waiting and status is Status.WAITING and not due.late),
        ("solved", names.TELL_SOLVED in waiting and status is Status.SOLVED),
    )
    return tuple(name for name, holds in truth if holds)


def _revised(news: tuple[str, ...], due: _Due) -> Promise | None:
    """The promise that follows from a move or from going on; None when the old one stands or nobody waits for one."""
    if not due.unanswered or not {"moved", "resumed"} & set(news):
        return None
    made = _promise_now(due)
    old = due.ticket.promised_at
    if "resumed" not in news and old is not None and due.now < old and made.due_at <= old:
        return None
    return made


def _promise_now(due: _Due) -> Promise:
    tier = due.policy.tier(due.ticket.tier)
    return promise(due.policy.calendar(tier.calendar), dict(tier.first_response)[due.ticket.priority], due.now)


def _revision(made: Promise) -> Event:
    return Event(name="promise.revised", facts=(("due_at", made.due_at.isoformat()),))


def _at_risk(due: _Due) -> Decision:
    """The time-to-respond notice: honest, with a new time, before the old one passes."""
    ticket, now = due.ticket, due.now
    if not due.unanswered or not due.live or ticket.promised_at is None:
        return _quiet(due, "answered")
    revised = _promise_now(due)
    quiet = (
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
    if quiet or ticket.requester is None:
        return _quiet(due, quiet)
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
        _quiet(due, "promise at risk", notices=(notice,)),
        promise=revised,
        clocks=clocks_for(revised, now, due.policy, warn=False),
        stop_clocks=(FIRST_RESPONSE,),
        events=(_revision(revised),),
    )


_BY_NAME: dict[str, Callable[[_Due], Decision]] = {
    CLOCK_RISK: _at_risk,
    FIRST_RESPONSE: _first_response,
    NEXT_UPDATE: _missed,
    RESOLUTION: _missed,
    OLA: _missed,
    names.BREACH_TOLD: _told,
    names.ESCALATE: _told,
    **{clock + names.REMINDER: _near for clock in (FIRST_RESPONSE, NEXT_UPDATE, RESOLUTION, OLA)},
    names.WAIT_FOLLOW_UP: _ask,
    names.WAIT_CLOSE: _give_up,
    names.WAIT_OVER: _wait_over,
    names.VENDOR: _vendor,
    names.CLOSE: _close,
    names.LONG_OPEN: _long_open,
    **dict.fromkeys(names.TELL, _tell),
}
