"""Mail addresses: one strict parse for identity, one lenient parse for showing.

Owns `Address` (an addr-spec with an A-label, lower-case domain) and what can be said of
one without I/O. Parsers disagree about odd addresses (CVE-2023-27043, Mailsploit), so an
identity comes only from `parse_identity`, which refuses what two parsers could read in
two ways: it returns None rather than guess.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """An addr-spec: `local` as written, `domain` lower case in A-label form."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def key(self) -> str:
        """The form that compares equal for one mailbox: lower case throughout."""
        return f"{self.local.lower()}@{self.domain}"
