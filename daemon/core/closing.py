"""What is asked after the solution: of the requester how it went, of the agent what it was and what helped.

The survey is one question, at most once in `[survey] every_days` for a person and once for a ticket. Only to a proven
requester who may be told anything at all (`status.withheld`: spoken to, not on hold, not unsubscribed, with credit), so
it can no more be a loop than any other letter. The agent is asked once for each closing, in his working time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from daemon.core.calendar import BusinessCalendar, add_working, is_open, next_open
from daemon.core.decision import ClockStart, Decision, Opinion
from daemon.core.firing import Due, again, quiet
from daemon.core.instants import CLOSING, SURVEY
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Policy
from daemon.core.reminder import reminders, team_calendar
from daemon.core.status import status_notice, withheld
from daemon.core.ticket import Status, Ticket

RATE = "rate"
SCORES = (5, 4, 3, 2, 1)
_STALE = timedelta(days=1)  # after a longer downtime nobody is asked about last week
_ENDED = frozenset({Status.SOLVED, Status.CLOSED})


def asked_afterwards(ticket: Ticket, calendar: BusinessCalendar, policy: Policy, now: datetime) -> Iterator[ClockStart]:
    """The instants at which is asked; `calendar` is the one that the ticket is worked on by."""
    if policy.survey.enabled:
        yield ClockStart(name=SURVEY, due_at=add_working(calendar, now, policy.survey.delay))
    if _wants_cause(ticket, policy):
        yield ClockStart(name=CLOSING, due_at=add_working(calendar, now, policy.follow.merge))


def survey_notice(ticket: Ticket, policy: Policy) -> Notice:
    """The one question, with a signed link for each answer."""
    wishes = tuple(f"{RATE}-{score}" for score in SCORES)
    return replace(status_notice(ticket, policy, ()), kind=NoticeKind.SURVEY, sequence=1, wishes=wishes)


def survey_due(due: Due) -> Decision:
    """Ask the requester how it went."""
    survey = due.policy.survey
    asked = due.context.surveyed_at
    reason = (
        "not solved"
        if due.ticket.status not in _ENDED
        else "late"
        if due.now - due.due_at > _STALE or not survey.enabled
        else "requester is not proven"
        if not due.ticket.proven
        else "asked lately"
        if asked is not None and due.now - asked < timedelta(days=survey.every_days)
        else withheld(due.ticket, due.context, due.policy, due.now)
    )
    if reason:
        return quiet(due, reason)
    sent = survey_notice(due.ticket, due.policy)
    return replace(quiet(due, "asked how it went", notices=(sent,), name="requester.surveyed"), opinion=Opinion())


def _wants_cause(ticket: Ticket, policy: Policy) -> bool:
    category = policy.category(ticket.category)
    return policy.follow.ask_on_close if category is None else category.ask_on_close


def closing_due(due: Due) -> Decision:
    """Ask the agent for cause and resolution, unless he has said them or the ticket is open again."""
    ticket, policy = due.ticket, due.policy
    if ticket.status not in _ENDED or not _wants_cause(ticket, policy):
        return quiet(due, "not asked for")
    if ticket.cause and ticket.resolution:
        return quiet(due, "cause and resolution are known")
    closer = due.context.closed_by
    if any(member.key == closer for team in policy.teams for member in team.members):
        ticket = replace(ticket, assignee=closer)  # he knows; whoever has the ticket may never have seen it
    calendar = team_calendar(ticket, policy)
    if not is_open(calendar, due.now):
        return quiet(due, "outside working hours", clocks=again(due, next_open(calendar, due.now)))
    sent = reminders(ticket, policy, clock="", due_at=None, news="closing")
    return quiet(due, "cause and resolution are missing", notices=sent, name="closing.asked")
