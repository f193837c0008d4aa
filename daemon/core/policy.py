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
from daemon.core.hops import EVERY_HOP
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
    foreign_tags: tuple[tuple[str, str], ...] = ()  # (system, pattern), see `core.foreign`

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
    calendar: str = ""  # when its people may be reminded; "" is the tier's


Targets = tuple[tuple[Priority, timedelta], ...]  # working time by priority; empty: there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """Who stands behind a vendor tier, under an underpinning contract with its own hours and targets."""

    name: str
    title: str
    address: Address | None
    contract: str  # the reference that the supplier knows
    calendar: str
    first_response: Targets = ()
    resolution: Targets = ()
    pauses: bool = False  # by contract our own clock stands still while the supplier works


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One level of support (0 self-service … 4 vendor) with its hours and targets (working time)."""

    number: int
    title: str
    calendar: str
    team: str
    first_response: Targets
    teams: tuple[str, ...] = ()  # that work here besides `team`
    next_update: Targets = ()  # the longest silence between two answers
    resolution: Targets = ()
    ola: Targets = ()  # toward the tier before: until somebody here has taken what was handed over
    escalates_to: int | None = None
    managers: tuple[Address, ...] = ()  # hear of a breach
    supplier: str = ""
    cost_per_hour: float = 0.0
    channels: tuple[Address, ...] = ()  # ways to this tier; empty: the desk's
    languages: tuple[str, ...] = ()  # empty: the desk's

    def target(self, clock: str, priority: Priority) -> timedelta | None:
        """The target of a clock by its name; None when this tier has none."""
        table: dict[str, Targets] = {
            "first_response": self.first_response,
            "next_update": self.next_update,
            "resolution": self.resolution,
            "ola": self.ola,
        }
        return dict(table.get(clock, ())).get(priority)


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """How a ticket is followed: reminders, merging, waiting, closing. Days are working days of the tier."""

    reminders: tuple[float, ...] = (0.5,)  # shares of a target at which the team hears of it
    merge: timedelta = timedelta(minutes=15)  # news of one ticket inside this time is one letter
    late: timedelta = timedelta(hours=1)  # a clock that fires later than this after its instant makes no mail
    waiting_days: tuple[int, ...] = (3, 7)  # the requester is asked again
    waiting_close_days: int = 10  # and the ticket is closed, with notice
    vendor_days: int = 2  # the team is reminded of what a vendor owes
    solved_days: int = 5  # a solved ticket closes
    reopen_days: int = 30  # calendar days after its solution in which a reply opens a closed ticket again
    long_open_days: int = 5  # a status to the requester, again and again
    ask_on_close: bool = False  # for tickets of no category; a category has its own word


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The one question after a solution: whether, how seldom each person is asked, and how long after."""

    enabled: bool = True
    every_days: int = 30
    delay: timedelta = timedelta(hours=2)  # working time, so that a reply that says "it is not" comes first


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """Who may approve service requests, and who does when he is away."""

    name: str
    title: str
    address: Address
    deputies: tuple[str, ...] = ()
    deadline_days: int = 3


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
    script: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (language, steps): what an agent asks and tries first
    articles: tuple[str, ...] = ()  # self-help
    approvers: tuple[str, ...] = ()  # names; empty: needs no approval
    ask_on_close: bool = False  # cause and resolution are asked of the agent when `#close` came without them


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
    trusted_hops: tuple[str, ...] = EVERY_HOP  # networks from which such a field counts when it comes by SMTP
    inner_hops: int = 0  # servers between the one that writes it and us
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

    estimates: bool = True  # say in an acknowledgment by when such requests are usually answered
    agenda: bool = True  # each agent and team hears at its opening what the day holds
    weekly: bool = True  # managers get the report on the week
    follow: Follow = field(default_factory=Follow)
    survey: Survey = field(default_factory=Survey)
    suppliers: tuple[Supplier, ...] = ()
    approvers: tuple[Approver, ...] = ()
    currency: str = "EUR"
    encoder: str = ""  # the folder of the sentence encoder that this desk's models may need

    def approver(self, name: str) -> Approver | None:
        return next((approver for approver in self.approvers if approver.name == name), None)

    def is_approver(self, address: Address) -> bool:
        return any(approver.address.key == address.key for approver in self.approvers)

    def supplier(self, name: str) -> Supplier | None:
        return next((supplier for supplier in self.suppliers if supplier.name == name), None)

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
