"""What the day holds for an agent or a team, and for whom a mail goes at which opening.

Pure: `readers` says who gets an agenda and by which calendar, `lines_for` picks his part of what stands. A list that is
too long ends in a count. Late breaches of a downtime, which made no mail of their own, are here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from daemon.core.address import Address
from daemon.core.calendar import BusinessCalendar
from daemon.core.letter import one_line
from daemon.core.policy import Policy, Team
from daemon.core.reminder import hours_of
from daemon.core.ticket import Priority, Status

MOST_LINES = 20
_SUBJECT = 80

Lists = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A ticket as the agenda sees it; `owed` is its next target, `missed` when it last missed one that is unmended."""

    ticket_id: int
    reference: str
    subject: str
    priority: Priority
    status: Status
    team: str
    assignee: str
    owed: datetime | None = None
    missed: datetime | None = None
    approval_by: datetime | None = None  # somebody has to approve until then
    score: int = 0  # what the requester said since the last agenda
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Somebody who gets an agenda: a team's address (`agent` is ""), or an agent with his teams."""

    address: Address
    teams: frozenset[str]
    agent: str
    calendar: BusinessCalendar

    def concerns(self, ticket: Standing) -> bool:
        """True for what is his: an agent's own and what nobody of his teams has, all of a team's."""
        if self.agent and ticket.assignee:
            return ticket.assignee == self.agent
        return ticket.team in self.teams


def readers(policy: Policy) -> tuple[Reader, ...]:
    """Each address once: shared addresses of teams, then agents by the first team they are in."""
    found: dict[str, Reader] = {}
    for team in policy.teams:
        for address in team.addresses:
            found.setdefault(address.key, _reader(address, [team], "", policy))
    for team in policy.teams:
        for member in team.members:
            mine = [each for each in policy.teams if member in each.members]
            found.setdefault(member.key, _reader(member, mine, member.key, policy))
    return tuple(found.values())


def _reader(address: Address, teams: list[Team], agent: str, policy: Policy) -> Reader:
    names = frozenset(team.name for team in teams)
    return Reader(address=address, teams=names, agent=agent, calendar=hours_of(teams[0], policy))


def lines_for(reader: Reader, tickets: Iterable[Standing], *, now: datetime, day_ends: datetime) -> Lists:
    """His lists, each headed by its key; empty ones are left out, so that nothing to say is ()."""
    mine = [ticket for ticket in tickets if reader.concerns(ticket)]
    live = [ticket for ticket in mine if ticket.status in {Status.NEW, Status.OPEN}]
    zone = ZoneInfo(reader.calendar.zone)
    due = sorted(
        ((at, ticket) for ticket in live if (at := ticket.owed) is not None and now < at < day_ends), key=_by_instant
    )
    missed = sorted(((at, ticket) for ticket in mine if (at := ticket.missed) is not None), key=_by_instant)
    asked = sorted(((at, ticket) for ticket in mine if (at := ticket.approval_by) is not None), key=_by_instant)
    lists = (
        ("due", [_line(ticket, f"{at.astimezone(zone):%H:%M}") for at, ticket in due]),
        ("breached", [_line(ticket, _day(at, zone)) for at, ticket in missed]),
        ("unassigned", [_line(ticket) for ticket in live if not ticket.assignee]),
        ("waiting", [_line(ticket) for ticket in mine if ticket.status is Status.WAITING]),
        ("approval", [_line(ticket, _day(at, zone)) for at, ticket in asked]),
        ("opinion", [_line(ticket, f"{ticket.score}/5", ticket.words) for ticket in mine if ticket.score]),
    )
    return tuple((heading, tuple(_cut(lines))) for heading, lines in lists if lines)


def _by_instant(pair: tuple[datetime, Standing]) -> tuple[datetime, int]:
    return pair[0], pair[1].ticket_id


def _day(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _line(ticket: Standing, *more: str) -> str:
    """`FL-1042 · P2 · 10:30 · subject`: one line, so that no subject can look like anything else."""
    parts = (ticket.reference, ticket.priority.value, *more, one_line(ticket.subject, _SUBJECT))
    return " · ".join(part for part in parts if part)


def _cut(lines: list[str]) -> Iterator[str]:
    yield from lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield f"… + {len(lines) - MOST_LINES}"
