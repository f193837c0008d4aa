"""`policy`: the configuration's desk side as the frozen `Policy` that pure functions go by.

The one place where holidays are looked up (a few years at once) and where words given for
every language are spread over the languages there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from daemon.core.calendar import BusinessCalendar, Window
from daemon.core.credit import CreditLimits
from daemon.core.policy import Approver, Category, Desk, Follow, Policy, Robot, Supplier, Survey, Targets, Team, Tier
from daemon.core.ticket import Priority
from daemon.core.token import Keyring
from daemon.settings.desk import (
    LANGUAGES,
    CalendarSection,
    CategorySection,
    DeskSection,
    FollowSection,
    SupplierSection,
    TierSection,
)
from daemon.settings.ics import days_off
from daemon.settings.machine import keyring as own_keyring
from daemon.settings.meaning import next_tier
from daemon.settings.model import Settings
from daemon.settings.public_holidays import public_holidays
from daemon.settings.values import EVERY_LANGUAGE, Span

YEARS_BACK, YEARS_AHEAD = 1, 4  # a daemon that nobody restarts for years still knows the next New Year


def policy(settings: Settings, *, keyring: Keyring | None = None, today: date | None = None) -> Policy:
    """The agreement with the desk's users. Makes the key file on the first call unless `keyring` is given."""
    guards, notices, limits = settings.guards, settings.notices, settings.credits
    return Policy(
        desks=tuple(_desk(desk, guards.own_list_ids) for desk in settings.desks),
        teams=tuple(
            Team(
                name=team.name,
                title=team.title,
                addresses=team.addresses,
                members=team.members,
                calendar=team.calendar,
            )
            for team in settings.teams
        ),
        tiers=tuple(_tier(tier, next_tier(tier, settings.tiers)) for tier in settings.tiers),
        categories=tuple(_category(category, settings.follow) for category in settings.categories),
        calendars=calendars(settings, today=today),
        keyring=keyring or own_keyring(settings),
        credits=CreditLimits(
            per_address=limits.per_address,
            per_domain=limits.per_domain,
            overall=limits.overall,
            team=limits.team,
            silence_days=limits.silence_days,
        ),
        robots=tuple(
            Robot(address=robot.address, category=robot.category, tier=robot.tier, priority=robot.priority)
            for robot in settings.robots
        ),
        trusted_authserv_ids=guards.trusted_authserv_ids,
        trusted_hops=guards.trusted_hops,
        inner_hops=guards.inner_hops,
        public_providers=frozenset(provider.lower() for provider in limits.public_providers),
        disabled_guards=frozenset(guards.disabled),
        spam_limit=guards.spam_limit,
        ack_when_not_addressed=guards.ack_when_not_addressed,
        repeat_window=notices.repeat_window,
        hold=timedelta(days=notices.hold_days),
        token_life=timedelta(days=notices.token_days),
        letter_life=timedelta(days=settings.relay.expire_days),
        at_risk_share=notices.at_risk_share,
        estimates=notices.estimates,
        team_notices=notices.team,
        agenda=notices.agenda,
        weekly=notices.weekly,
        encoder=str(settings.classifier.encoder or ""),
        follow=_follow(settings.follow),
        survey=Survey(
            enabled=settings.survey.enabled, every_days=settings.survey.every_days, delay=settings.survey.delay
        ),
        suppliers=tuple(_supplier(supplier) for supplier in settings.suppliers),
        approvers=tuple(
            Approver(
                name=each.name,
                title=each.title,
                address=each.address,
                deputies=each.deputies,
                deadline_days=each.deadline_days,
            )
            for each in settings.approvers
        ),
        currency=settings.currency,
    )


def calendars(settings: Settings, *, today: date | None = None) -> tuple[tuple[str, BusinessCalendar], ...]:
    """Every calendar by name, with the holidays of some years round this one."""
    year = (today or date.today()).year  # noqa: DTZ011 — only the year, and a margin on both sides
    years = range(year - YEARS_BACK, year + YEARS_AHEAD + 1)
    return tuple((name, _calendar(each, settings, years)) for name, each in settings.calendar.items())


def _desk(section: DeskSection, own_list_ids: tuple[str, ...]) -> Desk:
    return Desk(
        name=section.name,
        title=section.title,
        address=section.address,
        aliases=section.aliases,
        reference_prefix=section.reference_prefix,
        languages=section.languages,
        team=section.team,
        urgent_path=_spread(section.urgent),
        plus_addressing=section.plus_addressing,
        own_list_ids=tuple(dict.fromkeys((*section.own_list_ids, *own_list_ids))),
        foreign_tags=tuple((each.system, each.pattern) for each in section.foreign_tag),
    )


def _tier(section: TierSection, above: int | None) -> Tier:
    return Tier(
        number=section.number,
        title=section.title,
        calendar=section.calendar,
        team=section.team,
        first_response=_targets(section.first_response),
        teams=section.teams,
        next_update=_targets(section.next_update),
        resolution=_targets(section.resolution),
        ola=_targets(section.ola),
        escalates_to=above,
        managers=section.managers,
        supplier=section.supplier,
        cost_per_hour=section.cost_per_hour,
        channels=section.channels,
        languages=section.languages,
    )


def _targets(table: Mapping[Priority, timedelta]) -> Targets:
    return tuple((priority, table[priority]) for priority in Priority if priority in table)


def _supplier(section: SupplierSection) -> Supplier:
    return Supplier(
        name=section.name,
        title=section.title,
        address=section.address,
        contract=section.contract,
        calendar=section.calendar,
        first_response=_targets(section.first_response),
        resolution=_targets(section.resolution),
        pauses=section.pauses,
    )


def _follow(section: FollowSection) -> Follow:
    return Follow(
        reminders=section.reminders,
        merge=section.merge,
        late=section.late,
        waiting_days=section.waiting_days,
        waiting_close_days=section.waiting_close_days,
        vendor_days=section.vendor_days,
        solved_days=section.solved_days,
        long_open_days=section.long_open_days,
        ask_on_close=section.ask_on_close,
        reopen_days=section.reopen_days,
    )


def _category(section: CategorySection, follow: FollowSection) -> Category:
    return Category(
        name=section.name,
        titles=_spread(section.title),
        tier=section.tier,
        tiers=section.tiers,
        kind=section.kind,
        impact=section.impact,
        team=section.team,
        advice=_spread(section.advice),
        keywords=section.keywords,
        script=tuple(
            (language, steps)
            for key, steps in section.script
            for language in (LANGUAGES if key == EVERY_LANGUAGE else (key,))
        ),
        articles=section.articles,
        approvers=section.approvers,
        ask_on_close=follow.ask_on_close if section.ask_on_close is None else section.ask_on_close,
    )


def _spread(words: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Words by language; one string for every language is said in each that has templates."""
    return tuple(
        (language, text) for key, text in words for language in (LANGUAGES if key == EVERY_LANGUAGE else (key,)) if text
    )


def _calendar(section: CalendarSection, settings: Settings, years: range) -> BusinessCalendar:
    off: dict[date, str] = {}
    for place in section.holidays:
        off.update(public_holidays(place, years, language=settings.desks[0].languages[0]))
    for file in section.ics:
        off.update(days_off(file, years))
    own = {on: name for day, name in section.closed for year in years if (on := day.in_year(year))}
    half = {on: spans for day, spans in section.half_days for year in years if (on := day.in_year(year))}
    return BusinessCalendar(
        name=section.name,
        zone=section.zone or settings.zone,
        windows=tuple(window for weekday, spans in enumerate(section.hours) for window in _windows(weekday, spans)),
        # A half day opens what would be a holiday; a day closed by name stays closed.
        holidays=tuple(sorted({**{on: name for on, name in off.items() if on not in half}, **own}.items())),
        special_days=tuple((on, _windows(on.weekday(), spans)) for on, spans in sorted(half.items()) if on not in own),
    )


def _windows(weekday: int, spans: tuple[Span, ...]) -> tuple[Window, ...]:
    return tuple(Window(weekday=weekday, start=span.start, end=span.end) for span in spans)
