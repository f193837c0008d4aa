"""What a well-typed configuration must mean: names that exist, hours that come, addresses that are ours once.

Each check is one generator of `Fault`s over `Settings`; `CHECKS` lists them. No I/O but the
existence of files that the configuration names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from daemon.core.guards import GUARDS
from daemon.core.ticket import Priority
from daemon.settings import ics, parties
from daemon.settings.authentication import missing_libraries
from daemon.settings.desk import CalendarSection, TierSection
from daemon.settings.fault import Fault, unknown
from daemon.settings.mail import ListenerSection
from daemon.settings.model import Settings
from daemon.settings.public_holidays import unknown_place
from daemon.settings.reach import reach, span_length
from daemon.settings.values import EVERY_LANGUAGE

HORIZON_WEEKS = 4  # a promise further away than this is no promise
RESOLUTION_WEEKS = 26


def faults(settings: Settings, looked_at: Iterable[Path] = ()) -> Iterator[Fault]:
    """Every fault of meaning. `looked_at` are the places where an own file was looked for."""
    if not settings.desks:
        places = " and ".join(map(str, looked_at))
        yield Fault((), f"no [desk.NAME] with title and address anywhere (files looked for: {places})")
    for check in CHECKS:
        yield from check(settings)


def _teams(settings: Settings) -> Iterator[Fault]:
    known = {team.name for team in settings.teams}
    for group, members in (("desk", settings.desks), ("category", settings.categories)):
        for member in members:
            if member.team and member.team not in known:
                yield Fault((group, member.name, "team"), unknown("team", member.team, known))
    for tier in settings.tiers:
        if tier.team and tier.team not in known:
            yield Fault(("tier", str(tier.number), "team"), unknown("team", tier.team, known))
        for team in tier.teams:
            if team not in known:
                yield Fault(("tier", str(tier.number), "teams"), unknown("team", team, known))


def _tiers(settings: Settings) -> Iterator[Fault]:
    known = {tier.number for tier in settings.tiers}
    names = {str(number) for number in known}
    if not known:
        yield Fault(("tier",), "there is no tier: at least one [tier.N] must be enabled")
        return
    for category in settings.categories:
        if category.tier not in known:
            yield Fault(("category", category.name, "tier"), unknown("tier", str(category.tier), names))
        if category.tier not in category.tiers:
            yield Fault(("category", category.name, "tiers"), f"must hold the category's own tier {category.tier}")
    for robot in settings.robots:
        if robot.tier not in known:
            yield Fault(("robot", robot.name, "tier"), unknown("tier", str(robot.tier), names))


def _categories(settings: Settings) -> Iterator[Fault]:
    known = {category.name for category in settings.categories}
    if not known:
        yield Fault(("category",), "there is no category: at least one [category.NAME] must be enabled")
    for robot in settings.robots:
        if robot.category not in known:
            yield Fault(("robot", robot.name, "category"), unknown("category", robot.category, known))


def _calendars(settings: Settings) -> Iterator[Fault]:
    for name, calendar in settings.calendar.items():
        if not any(calendar.hours):
            yield Fault(("calendar", name, "hours"), "a calendar without hours can promise nothing")
        for why in filter(None, map(unknown_place, calendar.holidays)):
            yield Fault(("calendar", name, "holidays"), why)
        for why in filter(None, map(ics.trouble, calendar.ics)):
            yield Fault(("calendar", name, "ics"), why)


def _targets(settings: Settings) -> Iterator[Fault]:
    for tier in settings.tiers:
        here = ("tier", str(tier.number))
        calendar = settings.calendar.get(tier.calendar)
        if calendar is None:
            yield Fault((*here, "calendar"), unknown("calendar", tier.calendar, settings.calendar))
            continue
        yield from _in_order((*here, "first_response"), tier.first_response, tier.calendar, calendar, HORIZON_WEEKS)
        for name, table in (("next_update", tier.next_update), ("resolution", tier.resolution), ("ola", tier.ola)):
            if table:
                yield from _in_order((*here, name), table, tier.calendar, calendar, RESOLUTION_WEEKS)
        for priority in Priority:
            first, last = tier.first_response.get(priority), tier.resolution.get(priority)
            if first is not None and last is not None and last < first:
                yield Fault((*here, "resolution", priority.value), "is shorter than the target of the first response")


def _in_order(
    path: tuple[str, ...], table: Mapping[Priority, timedelta], name: str, calendar: CalendarSection, weeks: int
) -> Iterator[Fault]:
    """A target for each priority, none shorter than that of a more pressing one, all within reach of the calendar."""
    missing = [priority for priority in Priority if priority not in table]
    if missing:
        yield Fault(path, f"has no target for {', '.join(missing)}")
        return
    targets = [table[priority] for priority in Priority]
    for before, after, priority in zip(targets, targets[1:], list(Priority)[1:], strict=False):
        if after < before:
            yield Fault((*path, priority.value), "is shorter than the target of a more pressing priority")
    week = sum((span_length(span) for spans in calendar.hours for span in spans), timedelta())
    if week and max(targets) > week * weeks:
        yield Fault(path, f'cannot be reached within {weeks} weeks of calendar "{name}" ({_hours(week)} a week)')


def _escalation(settings: Settings) -> Iterator[Fault]:
    """Every path ends: up the tiers by name, else to the next one that is not a vendor's."""
    tiers = {tier.number: tier for tier in settings.tiers}
    names = {str(number) for number in tiers}
    for tier in settings.tiers:
        if tier.escalates_to is not None and tier.escalates_to not in tiers:
            place = ("tier", str(tier.number), "escalates_to")
            yield Fault(place, unknown("tier", str(tier.escalates_to), names))
            return
    above = {tier.number: next_tier(tier, settings.tiers) for tier in settings.tiers}
    for number, tier in tiers.items():
        path = [number]
        while (following := above[path[-1]]) is not None and following not in path:
            path.append(following)
        if following == number and tier.escalates_to is not None:
            circle = " → ".join(map(str, [*path, number]))
            yield Fault(("tier", str(number), "escalates_to"), f"goes in a circle: {circle}")


def next_tier(tier: TierSection, tiers: tuple[TierSection, ...]) -> int | None:
    """Where a breach of this tier goes: the named tier, else the next one above that no supplier stands behind."""
    if tier.escalates_to is not None:
        return tier.escalates_to
    return next((each.number for each in tiers if each.number > tier.number and not each.supplier), None)


def _suppliers(settings: Settings) -> Iterator[Fault]:
    known = {supplier.name: supplier for supplier in settings.suppliers}
    for supplier in settings.suppliers:
        here = ("supplier", supplier.name)
        calendar = settings.calendar.get(supplier.calendar)
        if calendar is None:
            yield Fault((*here, "calendar"), unknown("calendar", supplier.calendar, settings.calendar))
            continue
        for name, table in (("first_response", supplier.first_response), ("resolution", supplier.resolution)):
            if table:
                yield from _in_order((*here, name), table, supplier.calendar, calendar, RESOLUTION_WEEKS)
        if not supplier.contract:
            yield Fault((*here, "contract"), "is missing: the reference of the underpinning contract")
    for tier in settings.tiers:
        if tier.supplier and tier.supplier not in known:
            yield Fault(("tier", str(tier.number), "supplier"), unknown("supplier", tier.supplier, known))


def _people(settings: Settings) -> Iterator[Fault]:
    """Team calendars that exist."""
    for team in settings.teams:
        if team.calendar and team.calendar not in settings.calendar:
            yield Fault(("team", team.name, "calendar"), unknown("calendar", team.calendar, settings.calendar))


def _follow(settings: Settings) -> Iterator[Fault]:
    follow = settings.follow
    if follow.waiting_days and follow.waiting_days[-1] >= follow.waiting_close_days:
        yield Fault(("follow", "waiting_close_days"), "must come after the last of waiting_days")


def _addresses(settings: Settings) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for desk in settings.desks:
        aliases = ((("desk", desk.name, "aliases"), alias) for alias in desk.aliases)
        for path, address in ((("desk", desk.name, "address"), desk.address), *aliases):
            owner = owners.setdefault(address.key, desk.name)
            if owner != desk.name or (path[-1] == "aliases" and address.key == desk.address.key):
                words = f"desk {owner} has it already" if owner != desk.name else "is the desk's own address"
                yield Fault(path, f"{address}: {words}")
    for team in settings.teams:
        for address in team.addresses:
            if address.key in owners:
                yield Fault(
                    ("team", team.name, "addresses"),
                    f"{address} is desk {owners[address.key]}'s own address: its notices would come back as mail",
                )


def _mailboxes(settings: Settings) -> Iterator[Fault]:
    known = [desk.name for desk in settings.desks]
    for account in settings.mailboxes:
        path = ("imap", account.name, "desk")
        if account.desk and account.desk not in known:
            yield Fault(path, unknown("desk", account.desk, known))
        if not account.desk and len(known) > 1:
            yield Fault(path, f"is missing: there are several desks ({', '.join(sorted(known))})")


def _files(settings: Settings) -> Iterator[Fault]:
    sections: tuple[tuple[str, ListenerSection], ...] = (("smtp", settings.smtp), ("lmtp", settings.lmtp))
    for name, section in sections:
        for key, file in (("certificate", section.certificate), ("key", section.key)):
            if file is not None and not file.is_file():
                yield Fault((name, key), f"file {file} does not exist")
    if settings.relay.ca_file is not None and not settings.relay.ca_file.is_file():
        yield Fault(("relay", "ca_file"), f"file {settings.relay.ca_file} does not exist")
    if settings.templates.directory is not None and not settings.templates.directory.is_dir():
        yield Fault(("templates", "directory"), f"folder {settings.templates.directory} does not exist")
    model = settings.classifier.model
    if model not in {"starter", "none"} and not Path(model).is_dir():
        yield Fault(("classifier", "model"), f'folder {model} does not exist (or use "starter" or "none")')
    encoder = settings.classifier.encoder
    if encoder is not None and not encoder.is_dir():
        yield Fault(("classifier", "encoder"), f"folder {encoder} does not exist")


def _listeners(settings: Settings) -> Iterator[Fault]:
    smtp = settings.smtp
    if (smtp.require_tls or smtp.users) and smtp.certificate is None:
        yield Fault(("smtp", "certificate"), "is missing: STARTTLS and logins need certificate and key")
    if smtp.require_login and not smtp.users:
        yield Fault(("smtp", "require_login"), "nobody could send: there is no [smtp.users.NAME]")
    taken: dict[str, str] = {}
    for name, section in (("smtp", smtp), ("lmtp", settings.lmtp)):
        for endpoint in section.listen:
            if endpoint.port and taken.setdefault(str(endpoint), name) != name:
                yield Fault((name, "listen"), f"{endpoint} is taken by [{taken[str(endpoint)]}]")


def _languages(settings: Settings) -> Iterator[Fault]:
    for category in settings.categories:
        for key, words in (("title", category.title), ("advice", category.advice)):
            spoken = {language for language, _ in words}
            fallback = {EVERY_LANGUAGE, "en", *(desk.languages[0] for desk in settings.desks)}
            if words and not spoken & fallback:
                yield Fault(("category", category.name, key), "needs words in English or in a desk's first language")


def _guards(settings: Settings) -> Iterator[Fault]:
    known = [guard.name for guard in GUARDS]
    for name in settings.guards.disabled:
        if name not in known:
            yield Fault(("guards", "disabled"), unknown("guard", name, known))


def _authentication(settings: Settings) -> Iterator[Fault]:
    if settings.authentication.enabled and (missing := missing_libraries()):
        words = f"{' and '.join(missing)} not installed: pip install 'firstline[authentication]'"
        yield Fault(("authentication", "enabled"), words)


CHECKS: tuple[Callable[[Settings], Iterator[Fault]], ...] = (
    _teams,
    _tiers,
    _categories,
    _calendars,
    _targets,
    _escalation,
    _suppliers,
    _people,
    parties.approvers,
    parties.deputies,
    parties.suppliers,
    parties.channels,
    reach,
    _follow,
    _addresses,
    _mailboxes,
    _files,
    _listeners,
    _languages,
    _guards,
    _authentication,
)


def _hours(length: timedelta) -> str:
    return f"{length.total_seconds() / 3600:g} h"
