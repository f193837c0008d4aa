"""Who on the team hears that a target comes near or was missed: the agent, else the team, then up the tiers.

Inside the desk only: no requester is ever scolded with a breach. One mail to one address for one instant.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from daemon.core.address import Address
from daemon.core.calendar import BusinessCalendar
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Policy, Team
from daemon.core.sla import Hours, Promise
from daemon.core.ticket import Ticket


def reminders(
    ticket: Ticket, policy: Policy, *, clock: str, due_at: datetime | None, news: str, escalate: bool = False
) -> tuple[Notice, ...]:
    """The mails of one reminder or breach. `clock` names the target, "" when it is about none."""
    if not policy.team_notices:
        return ()
    first = _near(ticket, policy)
    above = [address for address in _above(ticket, policy) if address not in first] if escalate else []
    named = [(address, (news,)) for address in first] + [(address, (news, "escalated")) for address in above]
    return tuple(_notice(ticket, policy, to, said, clock, due_at) for to, said in named)


def team_calendar(ticket: Ticket, policy: Policy) -> BusinessCalendar:
    """The hours in which whoever would be reminded may be."""
    team = _team(ticket.team, policy) or _team(policy.tier(ticket.tier).team, policy)
    known = dict(policy.calendars)
    tier = policy.calendar(policy.tier(ticket.tier).calendar)
    return known.get(team.calendar, tier) if team is not None and team.calendar else tier


def _near(ticket: Ticket, policy: Policy) -> list[Address]:
    """The agent who has it; else the team's shared address, else its members."""
    members = (member for team in policy.teams for member in team.members)
    agent = next((member for member in members if member.key == ticket.assignee), None)
    if agent is not None:
        return [agent]
    team = _team(ticket.team, policy) or _team(policy.tier(ticket.tier).team, policy)
    return _reach(team)


def _above(ticket: Ticket, policy: Policy) -> list[Address]:
    """The managers of the tier and the team of the tier it escalates to."""
    tier = policy.tier(ticket.tier)
    upper = next((each for each in policy.tiers if each.number == tier.escalates_to), None)
    found: Iterable[Address] = (*tier.managers, *(_reach(_team(upper.team, policy)) if upper is not None else ()))
    return list(dict.fromkeys(found))


def _reach(team: Team | None) -> list[Address]:
    return [] if team is None else list(team.addresses or team.members)


def _team(name: str, policy: Policy) -> Team | None:
    return next((team for team in policy.teams if team.name == name), None)


def _notice(
    ticket: Ticket, policy: Policy, to: Address, news: tuple[str, ...], clock: str, due_at: datetime | None
) -> Notice:
    tier = policy.tier(ticket.tier)
    calendar = policy.calendar(tier.calendar)
    shown = None
    if due_at is not None:
        shown = Promise(
            due_at=due_at, zone=calendar.zone, calendar=calendar.name, target=timedelta(0), hours=Hours.OPEN
        )
    return Notice(
        kind=NoticeKind.REMINDER,
        to=to,
        language=policy.desk(ticket.desk).languages[0],
        promise=shown,
        category=ticket.category,
        echo_subject=True,
        subject=ticket.subject,
        news=news,
        detail=(
            ("clock", clock),
            ("from", str(ticket.requester or "")),
            ("category", ticket.category),
            ("tier", f"{tier.number} {tier.title}"),
            ("priority", ticket.priority.value),
            ("agent", ticket.assignee),
        ),
    )
