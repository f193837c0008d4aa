"""The closed set of labels: which categories a desk has, and which tiers each may go to.

Owns the default catalogue of an IT desk and the kinds and urgencies every desk
shares. A model predicts nothing that is not written here. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

KINDS = ("incident", "service_request", "problem", "other")
URGENCIES = ("low", "normal", "high")
TIERS = (0, 1, 2, 3, 4)
LANGUAGES = ("en", "de", "fr", "es", "pt", "nl", "it", "sv")
# Training rows with this category are somebody else's topic; it is never predicted.
NOT_FOR_US = "not_for_us"


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One place a mail can go; `tiers` empty means that every tier is allowed."""

    id: str
    name: str = ""
    description: str = ""
    keywords: tuple[str, ...] = ()
    tiers: tuple[int, ...] = ()
    default_tier: int = 1

    def allows(self, tier: int) -> bool:
        """True when the catalogue lets this category go to `tier`."""
        return not self.tiers or tier in self.tiers


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The categories of one desk, in the order an admin wrote them."""

    categories: tuple[Category, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(c.id for c in self.categories)

    def find(self, category: str) -> Category | None:
        """The category of that id, None when the desk has none."""
        return next((c for c in self.categories if c.id == category), None)

    @classmethod
    def of(cls, ids: Iterable[str]) -> Catalogue:
        """A catalogue of bare ids without tier rules."""
        return cls(categories=tuple(Category(id=i) for i in ids))


def _category(category: str, name: str, default_tier: int, description: str) -> Category:
    return Category(id=category, name=name, default_tier=default_tier, description=description)


DEFAULT = Catalogue(
    categories=(
        _category("access", "Access", 1, "password, sign-in, locked account, permission, multi-factor"),
        _category("email", "E-mail", 1, "mailbox, calendar, Outlook, distribution list, mail not arriving"),
        _category("network", "Network and VPN", 1, "VPN, Wi-Fi, internet, firewall, network drive, slow connection"),
        _category("hardware", "Hardware", 1, "laptop, screen, keyboard, docking station, battery, broken device"),
        _category("printing", "Printing", 1, "printer, scanner, toner, paper jam, print queue"),
        _category("software", "Software", 1, "application, installation, update, licence, error message, crash"),
        _category("telephony", "Telephony", 1, "desk phone, mobile, headset, voicemail, call forwarding, SIM"),
        _category("accounts", "Accounts and HR", 1, "new starter, leaver, change of name or department, HR data"),
        _category("security", "Security", 2, "phishing, virus, lost device, data leak, suspicious mail"),
        _category("purchase", "Purchase and requests", 1, "order, quotation, invoice, new equipment, licence purchase"),
        _category("other", "Other", 1, "everything else the desk handles"),
    )
)
