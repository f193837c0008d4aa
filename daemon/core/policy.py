"""The desk's agreement with its users, as one frozen value: what `decide` and its parts go by.

Built from the configuration by `daemon.config` and handed to every pure function that needs
it; picklable, so that worker processes hold the same one. No defaults of behaviour hide in code:
what an admin may change is a field here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from daemon.core.address import Address
from daemon.core.calendar import BusinessCalendar
from daemon.core.credit import CreditLimits
from daemon.core.ticket import Kind, Level, Priority
from daemon.core.token import Keyring

TRIAGE = "triage"  # pseudo category of tickets that nobody and nothing has classified


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One help desk with its own addresses; its name is part of the duplicate key."""

    name: str  # short id, e.g. "help"
    title: str  # what people read: "Example Help Desk"
    address: Address
    aliases: tuple[Address, ...] = ()
    reference_prefix: str = "FL"
    languages: tuple[str, ...] = ("en",)  # first is the default
    team: str = ""  # team that triages
    urgent_path: tuple[tuple[str, str], ...] = ()  # (language, words) e.g. ("en", "call +49 30 1234")
    plus_addressing: bool = True
    own_list_ids: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.address, *self.aliases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A group that works on tickets, reached by mail."""

    name: str
    title: str
    addresses: tuple[Address, ...] = ()
    members: tuple[Address, ...] = ()  # agents


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One level of support (0 self-service … 4 vendor) with its hours and targets (working time)."""

    number: int
    title: str
    calendar: str
    team: str
    first_response: tuple[tuple[Priority, timedelta], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One entry of the service catalogue."""

    name: str  # id used by the classifier
    titles: tuple[tuple[str, str], ...]  # (language, words)
    tier: int = 1
    tiers: tuple[int, ...] = (0, 1, 2, 3, 4)  # tiers the catalogue allows
    kind: Kind = Kind.INCIDENT
    impact: Level = Level.NORMAL
    team: str = ""
    advice: tuple[tuple[str, str], ...] = ()  # (language, what to do meanwhile)
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Robot:
    """A known machine whose mail opens tickets by its own rule (monitoring)."""

    address: Address
    category: str
    tier: int = 2
    priority: Priority = Priority.P2


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything `decide` may know of the desk."""

    desks: tuple[Desk, ...]
    teams: tuple[Team, ...]
    tiers: tuple[Tier, ...]
    categories: tuple[Category, ...]
    calendars: tuple[tuple[str, BusinessCalendar], ...]
    keyring: Keyring
    credits: CreditLimits = field(default_factory=CreditLimits)
    robots: tuple[Robot, ...] = ()
    trusted_authserv_ids: tuple[str, ...] = ()
    public_providers: frozenset[str] = frozenset()
    disabled_guards: frozenset[str] = frozenset()
    spam_limit: float = 6.0  # SpamAssassin or rspamd points
    ack_when_not_addressed: bool = False  # the switch of mail-rules §2 "our address not in To/Cc…"
    repeat_window: timedelta = timedelta(hours=24)
    hold: timedelta = timedelta(days=60)
    token_life: timedelta = timedelta(days=365)
    letter_life: timedelta = timedelta(days=5)  # RFC 5321 §4.5.4.1: how long an outgoing mail is tried
    at_risk_share: float = 0.8  # the time-to-respond notice goes when this share of the target has passed
    team_notices: bool = True
    digest_every: timedelta = timedelta(hours=24)  # of kept and flagged mail; a longer list waits for the next

    def desk(self, name: str) -> Desk:
        return next(desk for desk in self.desks if desk.name == name)

    def tier(self, number: int) -> Tier:
        return next(tier for tier in self.tiers if tier.number == number)

    def team(self, name: str) -> Team:
        return next(team for team in self.teams if team.name == name)

    def category(self, name: str) -> Category | None:
        return next((category for category in self.categories if category.name == name), None)

    def calendar(self, name: str) -> BusinessCalendar:
        return next(calendar for key, calendar in self.calendars if key == name)

    def is_agent(self, address: Address) -> bool:
        """True for the members and the shared addresses of any team."""
        return any(address.key == known.key for team in self.teams for known in (*team.members, *team.addresses))
