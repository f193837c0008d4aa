"""The agenda and the weekly report: what the day holds, told at the opening; the week, told to the managers.

One mail a working day for each agent and each team's address, in one thread; one a week for each manager. Nothing
when there is nothing to say. Where a reader stands is one small fact in the store, written with the mail: after a
downtime there is one agenda, not one for each day, and what was missed meanwhile is in it. Spent team credit holds
the list back until a person acts; the day counts as told, its list is not lost.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from daemon.core.address import Address
from daemon.core.agenda import Reader, Standing, lines_for, readers
from daemon.core.calendar import BusinessCalendar, is_open, local_date
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Desk, Policy
from daemon.core.week import figures_of, lists_of
from daemon.loops.circular import post, thread_of
from daemon.loops.current import Current
from daemon.loops.enact import Desked
from daemon.loops.minutely import minutely
from daemon.loops.wake import Wake
from daemon.store import agenda as stored
from daemon.store import memory, week
from daemon.store.committer import Committer

log = structlog.get_logger(__name__)

_MORNING = 6  # o'clock
_AGENDA, _REPORT = "agenda:", "report:"
_EPOCH = date(2020, 1, 1)


class AgendaLoop:
    """Looks once a minute whether somebody's day or week begins."""

    def __init__(self, committer: Committer, current: Current, wake: Wake, outbox_wake: Wake) -> None:
        self._committer = committer
        self._current = current
        self._wake = wake
        self._outbox_wake = outbox_wake

    async def run(self) -> None:
        """Until the stop."""
        await minutely(self._wake, self.once, trouble="agenda.failed")

    async def once(self, now: datetime) -> int:
        """Queue what is to be told at `now`; how many mails it is."""
        desked = Desked(policy=self._current.policy, renderer=self._current.renderer, now=now)
        told = await self._committer.run(lambda tx: agendas(tx, desked) + reports(tx, desked))
        if told:
            self._outbox_wake.hint()
        return told


def agendas(tx: Connection, desked: Desked) -> int:
    """The agendas of all whose day has begun, in the caller's transaction; how many were queued."""
    policy, now = desked.policy, desked.now
    if not policy.agenda or not policy.team_notices:
        return 0
    opening = [
        reader
        for reader in readers(policy)
        if _begins(tx, _AGENDA, reader.address, reader.calendar, now, lambda day: day.isoformat())
    ]
    if not opening:
        return 0
    newest = stored.cursor(tx)
    seen: dict[str, tuple[Standing, ...]] = {}
    queued = 0
    for reader in opening:
        mark = memory.get(tx, _AGENDA + reader.address.key)
        if mark not in seen:
            _, line, last = mark.split(" ")
            after = datetime.fromisoformat(last)
            seen[mark] = stored.standing(tx, policy, since=int(line), after=after, now=now)
        sent = _tell_day(tx, reader, seen[mark], desked)
        queued += sent is True
        _, line, last = mark.split(" ")
        today = local_date(reader.calendar, now).isoformat()
        kept = f"{today} {line} {last}" if sent is False else f"{today} {newest} {now.isoformat()}"
        memory.put(tx, _AGENDA + reader.address.key, kept)
    return queued


def _tell_day(tx: Connection, reader: Reader, tickets: tuple[Standing, ...], desked: Desked) -> bool | None:
    """True when it was queued, False when the credit is spent, None when there is nothing to say."""
    policy, now = desked.policy, desked.now
    zone = ZoneInfo(reader.calendar.zone)
    tomorrow = local_date(reader.calendar, now) + timedelta(days=1)
    day_ends = datetime.combine(tomorrow, time(0), zone).astimezone(UTC)
    lists = lines_for(reader, tickets, now=now, day_ends=day_ends)
    if not lists:
        return None
    desk = _desk_of(policy, reader.teams)
    notice = Notice(
        kind=NoticeKind.AGENDA,
        to=reader.address,
        language=desk.languages[0],
        sequence=(local_date(reader.calendar, now) - _EPOCH).days,
        lists=lists,
    )
    return post(tx, notice, desk, desked, number=thread_of(reader.address), threaded=True)


def reports(tx: Connection, desked: Desked) -> int:
    """The weekly reports of all managers whose week has begun; how many were queued."""
    policy, now = desked.policy, desked.now
    if not policy.weekly:
        return 0
    queued = 0
    for manager, calendar in managers(policy):
        if not _begins(tx, _REPORT, manager, calendar, now, _week_of):
            continue
        last = datetime.fromisoformat(memory.get(tx, _REPORT + manager.key).split(" ")[2])
        happened = week.week(tx, after=last, until=now)
        if not happened.empty:
            desk = policy.desks[0]
            notice = Notice(
                kind=NoticeKind.REPORT,
                to=manager,
                language=desk.languages[0],
                sequence=(local_date(calendar, now) - _EPOCH).days,
                detail=figures_of(happened, policy),
                lists=lists_of(happened, policy, now=now),
            )
            queued += post(tx, notice, desk, desked, number=thread_of(manager), threaded=True)
        memory.put(tx, _REPORT + manager.key, f"{_week_of(local_date(calendar, now))} 0 {now.isoformat()}")
    return queued


def managers(policy: Policy) -> tuple[tuple[Address, BusinessCalendar], ...]:
    """Each manager once, with the calendar of the lowest tier that is his."""
    found: dict[Address, BusinessCalendar] = {}
    for tier in policy.tiers:
        for manager in tier.managers:
            found.setdefault(manager, policy.calendar(tier.calendar))
    return tuple(found.items())


def _begins(
    tx: Connection,
    prefix: str,
    reader: Address,
    calendar: BusinessCalendar,
    now: datetime,
    span: Callable[[date], str],
) -> bool:
    """True when the reader is at work and was not told in this span (day, week) yet.

    The first look only sets the mark: what was before anybody asked is not news.
    """
    if not is_open(calendar, now) or _still_night(calendar, now):
        return False
    this = span(local_date(calendar, now))
    mark = memory.get(tx, prefix + reader.key)
    if not mark:
        memory.put(tx, prefix + reader.key, f"{this} {stored.cursor(tx)} {now.isoformat()}")
        return False
    return mark.split(" ")[0] < this


def _still_night(calendar: BusinessCalendar, now: datetime) -> bool:
    """Who works through midnight has no opening then: his day begins at six."""
    zone = ZoneInfo(calendar.zone)
    midnight = datetime.combine(local_date(calendar, now), time(0), zone).astimezone(UTC)
    return now.astimezone(zone).hour < _MORNING and is_open(calendar, midnight)


def _week_of(day: date) -> str:
    year, number, _ = day.isocalendar()
    return f"{year}-W{number:02}"


def _desk_of(policy: Policy, teams: frozenset[str]) -> Desk:
    """The desk whose triage is theirs, else the first one: from its address an agenda comes."""
    return next((desk for desk in policy.desks if desk.team in teams), policy.desks[0])
