"""What DNS said about one mail, as values that cross the pipe to a reader process.

Text records are kept as latin-1 strings, so any octet survives JSON. A name that was asked for
and not answered (timeout, SERVFAIL) is `trouble`: that is not the same as "there is none".
"""

from __future__ import annotations

from dataclasses import dataclass

from daemon.core.authres import AuthResult


class Trouble(Exception):
    """DNS could not say: later it might. RFC 8601 `temperror`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """The TXT records of one lower-case name without the last dot; none when there are none."""

    name: str
    texts: tuple[str, ...] = ()
    trouble: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that was asked for one mail. `spf` is None where the sender's own server was not our peer."""

    lookups: tuple[Lookup, ...] = ()
    spf: AuthResult | None = None

    def texts(self, name: str) -> tuple[str, ...]:
        """The TXT records of `name`. Raises Trouble when nobody answered, or when it was not asked for."""
        wanted = name.rstrip(".").lower()
        found = next((lookup for lookup in self.lookups if lookup.name == wanted), None)
        if found is None or found.trouble:
            raise Trouble(wanted)
        return found.texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """What `judge` goes by. `sealers` are domains whose ARC seals are believed."""

    sealers: tuple[str, ...] = ()
    signatures: int = 5  # DKIM signatures that are looked at, the topmost ones
    seals: int = 10  # ARC sets; RFC 8617 §4.2.1 allows 50, and each costs two signatures
