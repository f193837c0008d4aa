"""Credits: the bound on automatic mail that no peer can break (mail-rules §3).

Owns the canonical form of an address (lower case, `+tag` off, digit and hex runs folded), its
domain's key (none for public providers) and the limits. The store takes one of each credit
in the transaction that writes the outbox row; only a human agent action or 30 days of
silence gives any back, so no term of the law depends on what a peer sends.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditLimits:
    """K per canonical address, D per domain, G in all; `team` per team address (filled by any agent action)."""

    per_address: int = 3
    per_domain: int = 20
    overall: int = 1000
    team: int = 500
    silence_days: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Credits:
    """What is left, read in the transaction that will spend it. `domain` is None for public providers (no bound there)."""

    address: int
    domain: int | None
    overall: int

    @property
    def spent(self) -> str:
        """The name of the first exhausted bound, or ""."""
        if self.address <= 0:
            return "address"
        if self.domain is not None and self.domain <= 0:
            return "domain"
        return "overall" if self.overall <= 0 else ""
