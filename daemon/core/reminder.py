"""Who on the team hears that a target comes near or was missed: the agent, else the team, then up the tiers.

Inside the desk only: no requester is ever scolded with a breach. One mail to one address for one instant.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from daemon.core.address import Address
from daemon.core.calendar import BusinessCalendar
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Policy, Team, Tier
from daemon.core.sla import Hours, Promise
from daemon.core.ticket import Ticket


def reminders(ticket: Ticket, policy: Policy, *, clock: str, due_at: datetime | None, news: str) -> tuple[Notice, ...]:
    """The mails of one reminder or breach to whoever has the ticket. `clock` names the target, "" for none."""
    return _notices(ticket, policy, _near(ticket, policy), (news,), clock, due_at)


def escalations(ticket: Ticket, policy: Policy, *, clock: str, due_at: datetime | None) -> tuple[Notice, ...]:
    """The mails of a breach to the managers of the tier and to the team of the tier it escalates to."""
    tier, near = policy.tier(ticket.tier), _near(ticket, policy)
    upper = _upper(ticket, policy)
    above = dict.fromkeys((*tier.managers, *(_reach(_team(upper.team, policy)) if upper is not None else ())))
    to = [address for address in above if address not in near]
    return _notices(ticket, policy, to, ("breached", "escalated"), clock, due_at)


def team_calendar(ticket: Ticket, policy: Policy) -> BusinessCalendar:
    """The hours in which whoever has the ticket may be reminded: of the agent's team, else of the ticket's."""
    return _hours(_agents_team(ticket, policy) or _tickets_team(ticket, policy), ticket.tier, policy)


def upper_calendar(ticket: Ticket, policy: Policy) -> BusinessCalendar:
    """The hours in which an escalation may reach the tier above."""
    upper = _upper(ticket, policy)
    if upper is None:
        return policy.calendar(policy.tier(ticket.tier).calendar)
    return _hours(_team(upper.team, policy), upper.number, policy)


def hours_of(team: Team, policy: Policy) -> BusinessCalendar:
    """The hours of a team: its own calendar, else that of the lowest tier where it works."""
    return _hours(team, min(tier.number for tier in policy.tiers), policy)


def _hours(team: Team | None, number: int, policy: Policy) -> BusinessCalendar:
    """A team's own calendar, else that of tier `number` if it works there, else that of a tier where it does."""
    tiers = sorted(policy.tiers, key=lambda tier: tier.number != number)
    at_home = [tier for tier in tiers if team is not None and team.name in (tier.team, *tier.teams)]
    name = team.calendar if team is not None and team.calendar else (at_home or tiers)[0].calendar
    return policy.calendar(name)


def _near(ticket: Ticket, policy: Policy) -> list[Address]:
    """The agent who has it; else the team's shared address, else its members."""
    team = _agents_team(ticket, policy)
    if team is not None:
        return [member for member in team.members if member.key == ticket.assignee]
    return _reach(_tickets_team(ticket, policy))


def _agents_team(ticket: Ticket, policy: Policy) -> Team | None:
    return next((team for team in policy.teams if any(m.key == ticket.assignee for m in team.members)), None)


def _tickets_team(ticket: Ticket, policy: Policy) -> Team | None:
    return _team(ticket.team, policy) or _team(policy.tier(ticket.tier).team, policy)


def _upper(ticket: Ticket, policy: Policy) -> Tier | None:
    return next((each for each in policy.tiers if each.number == policy.tier(ticket.tier).escalates_to), None)


def _reach(team: Team | None) -> list[Address]:
    return [] if team is None else list(team.addresses or team.members)


def _team(name: str, policy: Policy) -> Team | None:
    return next((team for team in policy.teams if team.name == name), None)


def _notices(
    ticket: Ticket,
    policy: Policy,
    to: Iterable[Address],
    news: tuple[str, ...],
    clock: str,
    due_at: datetime | None,
) -> tuple[Notice, ...]:
    if not policy.team_notices:
        return ()
    return tuple(_notice(ticket, policy, address, news, clock, due_at) for address in to)


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
