"""Which recipients are ours, asked at RCPT: pure, fast, and the same answer for known and unknown people.

A desk answers for its addresses, its aliases and their `+detail` forms (reply and bounce tokens
among them; a token is judged later, when the mail is read). Everything else is 550 5.1.1: no
relaying, no `%` or `!` routing. A backlog over the high-water mark is our own trouble: 452.
"""

from __future__ import annotations

from dataclasses import dataclass

from daemon.core.address import Address
from daemon.core.disposition import BACKLOG, NO_SUCH_ADDRESS, TOO_BIG, Door
from daemon.core.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Largest message in bytes (advertised as SIZE) and most mails that may wait unread."""

    message_bytes: int = 25 * 1024 * 1024
    backlog: int = 100_000


def desk_of(recipient: Address, policy: Policy) -> str | None:
    """The name of the desk that takes mail for `recipient`; None when none does."""
    local = recipient.local.lower()
    base = local.split("+", 1)[0]
    for desk in policy.desks:
        for own in desk.addresses:
            if recipient.domain == own.domain and own.local.lower() in {local, base}:
                return desk.name
    return None


def admit(recipient: Address, size: int, policy: Policy, *, backlog: int, bounds: Bounds) -> str | Door:
    """The desk's name, or the answer to the peer. `size` 0 means not declared."""
    desk = desk_of(recipient, policy)
    if desk is None:
        return NO_SUCH_ADDRESS
    if size > bounds.message_bytes:
        return TOO_BIG
    return BACKLOG if backlog >= bounds.backlog else desk
