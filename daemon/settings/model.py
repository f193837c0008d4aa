"""The whole configuration as one frozen value: the tables of a firstline.toml by name.

Defaults that a machine needs stand here; defaults that a desk may want to read (hours,
targets, categories) stand in config/*.toml, which is the lowest layer of every configuration.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, PrivateAttr, SecretStr, field_validator

from daemon.settings.authentication import PRIVATE_NETWORKS, AuthenticationSection, Networks
from daemon.settings.desk import (
    ApproverSection,
    CalendarSection,
    CategorySection,
    DeskSection,
    FollowSection,
    RobotSection,
    SupplierSection,
    SurveySection,
    TeamSection,
    TierSection,
)
from daemon.settings.mail import ImapSection, LmtpSection, RelaySection, SmtpSection
from daemon.settings.values import Duration, Name, Section, Zone

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class StateSection(Section):
    """[state]: where everything lives that must survive."""

    directory: Path
    database: str = ""  # URL; "" is SQLite in the directory
    database_password_file: Path | None = None
    database_password: Annotated[SecretStr | None, Field(repr=False)] = None

    @field_validator("database")
    @classmethod
    def _known_database(cls, url: str) -> str:
        if not url:
            return url
        parts = urlsplit(url)
        if parts.password:
            raise ValueError("no password in the URL: put it into a file and name it with database_password_file")
        if not parts.scheme.startswith(("sqlite", "postgresql")):
            raise ValueError('should begin with "sqlite:" or "postgresql:"')
        return url

    @property
    def database_url(self) -> str:
        """The URL to connect with, password included: never log it."""
        if not self.database:
            return f"sqlite:///{self.directory / 'firstline.db'}"
        if self.database_password is None:
            return self.database
        parts = urlsplit(self.database)
        user, _, host = parts.netloc.rpartition("@")
        password = quote(self.database_password.get_secret_value(), safe="")
        return urlunsplit(parts._replace(netloc=f"{user}:{password}@{host}"))


class IntakeSection(Section):
    """[intake]: what the door lets in, whatever the channel."""

    message_mb: Annotated[float, Field(gt=0, le=200)] = 25
    backlog: Count = 20_000  # unread mails at which the door answers 452
    reserve_mb: Annotated[int, Field(ge=0, le=100_000)] = 100  # free disk below which it does

    @property
    def message_bytes(self) -> int:
        return int(self.message_mb * 1_000_000)


class CatalogueSection(Section):
    """[catalogue]: with builtin = false only your own [category.NAME] tables count."""

    builtin: bool = True


class CreditsSection(Section):
    """[credits]: the bound on automatic mail that no peer can break."""

    per_address: Count = 3
    per_domain: Count = 20
    overall: Count = 1000
    team: Count = 500
    silence_days: Annotated[int, Field(ge=1, le=3650)] = 30
    public_providers: tuple[str, ...] = ()


class GuardsSection(Section):
    """[guards]: what is never answered."""

    disabled: tuple[str, ...] = ()
    spam_limit: float = 6.0
    own_list_ids: tuple[str, ...] = ()
    trusted_authserv_ids: tuple[str, ...] = ()
    trusted_hops: Networks = PRIVATE_NETWORKS  # from whose SMTP such a field counts
    inner_hops: Annotated[int, Field(ge=0, le=20)] = 0  # Received fields of other servers that may stand above it
    ack_when_not_addressed: bool = False


class NoticesSection(Section):
    """[notices]: when which mail of ours goes."""

    team: bool = True
    agenda: bool = True
    weekly: bool = True
    at_risk_share: Share = 0.8
    estimates: bool = True
    repeat_window: Duration = timedelta(hours=24)
    hold_days: Annotated[int, Field(ge=1, le=3650)] = 60
    token_days: Annotated[int, Field(ge=1, le=3650)] = 365


class ClassifierSection(Section):
    """[classifier]: `model` is "starter", "none" or a folder; `object` names your own, as "package.module:name".

    `encoder` is the folder of a sentence encoder: training uses it where it helps, and such a model needs it.
    """

    model: str = "starter"
    object: Annotated[str, Field(pattern=r"^$|^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] = ""
    encoder: Path | None = None


class ReaderSection(Section):
    """[reader]: the worker processes that parse and classify. 0 workers: as many as the processors allow, at most 4."""

    workers: Annotated[int, Field(ge=0, le=64)] = 0
    cpu_s: Annotated[int, Field(ge=1, le=120)] = 5
    memory_mb: Annotated[int, Field(ge=128, le=16_384)] = 512


class SecretsSection(Section):
    """[secrets]: the file of signing keys, newest first; made on the first start."""

    keys: Path | None = None  # None is `keys` in the state directory


class TemplatesSection(Section):
    """[templates]: a folder whose files replace the packaged ones of the same name."""

    directory: Path | None = None


class LogSection(Section):
    """[log]: to standard error; journald adds the time."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class RunSection(Section):
    """[run]: how the process works."""

    event_loop: Literal["auto", "asyncio", "uvloop"] = "auto"  # auto: uvloop where it is installed


class Settings(Section):
    """A complete configuration. Tables by name are reached in order through the plural properties."""

    zone: Zone = "UTC"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    desk: dict[Name, DeskSection] = Field(default_factory=dict)
    team: dict[Name, TeamSection] = Field(default_factory=dict)
    tier: dict[int, TierSection] = Field(default_factory=dict)
    category: dict[Name, CategorySection] = Field(default_factory=dict)
    calendar: dict[Name, CalendarSection] = Field(default_factory=dict)
    robot: dict[Name, RobotSection] = Field(default_factory=dict)
    supplier: dict[Name, SupplierSection] = Field(default_factory=dict)
    approver: dict[Name, ApproverSection] = Field(default_factory=dict)
    imap: dict[Name, ImapSection] = Field(default_factory=dict)
    state: StateSection
    intake: IntakeSection = IntakeSection()
    smtp: SmtpSection = SmtpSection()
    lmtp: LmtpSection = LmtpSection()
    relay: RelaySection = Field(default_factory=lambda: RelaySection.model_validate({}))
    catalogue: CatalogueSection = CatalogueSection()
    credits: CreditsSection = CreditsSection()
    guards: GuardsSection = GuardsSection()
    authentication: AuthenticationSection = AuthenticationSection()
    notices: NoticesSection = NoticesSection()
    follow: FollowSection = FollowSection()
    survey: SurveySection = SurveySection()
    classifier: ClassifierSection = ClassifierSection()
    reader: ReaderSection = ReaderSection()
    secrets: SecretsSection = SecretsSection()
    templates: TemplatesSection = TemplatesSection()
    log: LogSection = LogSection()
    run: RunSection = RunSection()

    _sources: tuple[str, ...] = PrivateAttr(default=())

    @property
    def sources(self) -> tuple[str, ...]:
        """Files and variables this was read from, lowest layer first."""
        return self._sources

    @property
    def desks(self) -> tuple[DeskSection, ...]:
        return tuple(desk for desk in self.desk.values() if desk.enabled)

    @property
    def teams(self) -> tuple[TeamSection, ...]:
        return tuple(team for team in self.team.values() if team.enabled)

    @property
    def tiers(self) -> tuple[TierSection, ...]:
        return tuple(sorted((tier for tier in self.tier.values() if tier.enabled), key=lambda tier: tier.number))

    @property
    def categories(self) -> tuple[CategorySection, ...]:
        return tuple(category for category in self.category.values() if category.enabled)

    @property
    def robots(self) -> tuple[RobotSection, ...]:
        return tuple(robot for robot in self.robot.values() if robot.enabled)

    @property
    def suppliers(self) -> tuple[SupplierSection, ...]:
        return tuple(supplier for supplier in self.supplier.values() if supplier.enabled)

    @property
    def approvers(self) -> tuple[ApproverSection, ...]:
        return tuple(approver for approver in self.approver.values() if approver.enabled)

    @property
    def mailboxes(self) -> tuple[ImapSection, ...]:
        """The IMAP folders to poll."""
        return tuple(account for account in self.imap.values() if account.enabled)

    @property
    def keys_file(self) -> Path:
        return self.secrets.keys or self.state.directory / "keys"
