"""The desk's side of the configuration: who answers what, when, in which words."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from daemon.core.foreign import wrong_pattern
from daemon.core.ticket import Kind, Level, Priority
from daemon.settings.values import (
    ClosedDays,
    Days,
    Duration,
    HalfDays,
    Keywords,
    Languages,
    Mailbox,
    Name,
    RisingDays,
    Section,
    Shares,
    Steps,
    Target,
    Text,
    Week,
    Words,
    Zone,
)

LANGUAGES = ("en", "de", "fr", "es", "pt", "nl", "it", "sv")  # the ones that templates exist for


def _holiday_place(text: str) -> str:
    """`DE` or `DE-BE`: ISO 3166 country and subdivision, looked up only when the calendar is built."""
    if not re.fullmatch(r"[A-Z]{2}(-[A-Za-z0-9]{1,4})?", text):
        msg = f'{text[:20]!r} is not a place with holidays: write a country like "SE" or a part of one like "DE-BE"'
        raise ValueError(msg)
    return text


def _tag_pattern(text: str) -> str:
    if why := wrong_pattern(text):
        raise ValueError(why)
    return text


class ForeignTagSection(Section):
    """[[desk.NAME.foreign_tag]]: how the desk software that one came from marked its tickets in a subject."""

    system: Name
    pattern: Annotated[str, AfterValidator(_tag_pattern)]


class DeskSection(Section):
    """[desk.NAME]: one help desk with its own addresses."""

    name: Name
    enabled: bool = True
    title: Text
    address: Mailbox
    aliases: tuple[Mailbox, ...] = ()
    reference_prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{0,7}$")] = "FL"
    languages: Annotated[Languages, Field(min_length=1)] = LANGUAGES
    team: str = "service-desk"
    urgent: Words = ()
    plus_addressing: bool = True
    own_list_ids: tuple[str, ...] = ()
    foreign_tag: tuple[ForeignTagSection, ...] = ()


class TeamSection(Section):
    """[team.NAME]: people who work on tickets. Without addresses nobody is told by mail."""

    name: Name
    enabled: bool = True
    title: Text
    addresses: tuple[Mailbox, ...] = ()
    members: tuple[Mailbox, ...] = ()
    calendar: str = ""  # when its people may be reminded; "" is the tier's


class TierSection(Section):
    """[tier.N]: one level of support with its hours and its targets in working time, for every priority."""

    number: Annotated[int, Field(ge=0, le=9)]
    enabled: bool = True
    title: Text
    calendar: str
    team: str = "service-desk"
    teams: tuple[str, ...] = ()
    first_response: dict[Priority, Target]
    next_update: dict[Priority, Target] = Field(default_factory=dict)
    resolution: dict[Priority, Target] = Field(default_factory=dict)
    ola: dict[Priority, Target] = Field(default_factory=dict)
    escalates_to: int | None = None
    managers: tuple[Mailbox, ...] = ()
    supplier: str = ""
    cost_per_hour: Annotated[float, Field(ge=0, le=100_000)] = 0.0
    channels: tuple[Mailbox, ...] = ()
    languages: Languages = ()


class SupplierSection(Section):
    """[supplier.NAME]: who stands behind a vendor tier, and the underpinning contract."""

    name: Name
    enabled: bool = True
    title: Text
    address: Mailbox | None = None
    contract: str = ""
    calendar: str
    first_response: dict[Priority, Target] = Field(default_factory=dict)
    resolution: dict[Priority, Target] = Field(default_factory=dict)
    pauses: bool = False


class ApproverSection(Section):
    """[approver.NAME]: who may approve service requests, and who does when he is away."""

    name: Name
    enabled: bool = True
    title: Text
    address: Mailbox
    deputies: tuple[str, ...] = ()
    deadline_days: Days = 3


class FollowSection(Section):
    """[follow]: reminders, merging, waiting and closing. Days are working days of the ticket's tier."""

    reminders: Shares = (0.5,)
    merge: Duration = timedelta(minutes=15)
    late: Duration = timedelta(hours=1)
    waiting_days: RisingDays = (3, 7)
    waiting_close_days: Days = 10
    vendor_days: Days = 2
    solved_days: Days = 5
    long_open_days: Days = 5
    reopen_days: Annotated[int, Field(ge=1, le=3650)] = 30
    ask_on_close: bool = False


class SurveySection(Section):
    """[survey]: one question to the requester after the solution."""

    enabled: bool = True
    every_days: Annotated[int, Field(ge=1, le=3650)] = 30
    delay: Duration = timedelta(hours=2)


class CategorySection(Section):
    """[category.NAME]: one entry of the service catalogue; the name is the classifier's label."""

    name: Name
    enabled: bool = True
    title: Words
    tier: int = 1
    tiers: Annotated[tuple[int, ...], Field(min_length=1)] = (0, 1, 2, 3, 4)
    kind: Kind = Kind.INCIDENT
    impact: Level = Level.NORMAL
    team: str = ""
    advice: Words = ()
    keywords: Keywords = ()
    script: Steps = ()
    articles: tuple[Text, ...] = ()
    approvers: tuple[str, ...] = ()
    ask_on_close: bool | None = None  # None: as [follow] says


class CalendarSection(Section):
    """[calendar.NAME]: service hours. Without `zone` the top-level one holds."""

    name: Name
    zone: Zone | None = None
    hours: Week
    holidays: tuple[Annotated[str, AfterValidator(_holiday_place)], ...] = ()
    closed: ClosedDays = ()
    half_days: HalfDays = ()
    ics: tuple[Path, ...] = ()  # iCalendar files of days off


class RobotSection(Section):
    """[robot.NAME]: a known machine whose mail opens tickets by this rule."""

    name: Name
    enabled: bool = True
    address: Mailbox
    category: str
    tier: int = 2
    priority: Priority = Priority.P2
