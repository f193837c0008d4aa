"""Ways to a tier: its own address, the languages it speaks, and the time zone a requester lives in.

An address of a tier is one of the desk's own, so a mail to it comes through the same door; it opens on that tier
whatever the model says. A tier that does not speak the language of a mail is passed over for the lowest one that does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from daemon.core.address import Address
from daemon.core.envelope import Envelope
from daemon.core.message import Message
from daemon.core.policy import Policy, Tier
from daemon.core.reading import Reading
from daemon.core.route import Route

_MAX_ADDRESSES = 100
# RFC 5322 §3.3: the last thing of a Date field but comments. `-0000` says nothing, and servers write `+0000`.
_OFFSET = re.compile(r"\d{2}:\d{2}(?::\d{2})?\s+([+-])(\d{2})([0-5]\d)\b")
_FURTHEST = timedelta(hours=14)


def placed(way: Route, envelope: Envelope, reading: Reading, policy: Policy) -> Route:
    """The route after the tier's address and its languages have had their say."""
    asked = _channel(envelope, reading.message, policy)
    if asked is not None:
        return replace(way, tier=asked.number, team=asked.team or way.team)
    if _speaks(policy.tier(way.tier), reading.language):
        return way
    category = policy.category(way.category)
    allowed = category.tiers if category is not None else tuple(tier.number for tier in policy.tiers)
    able = (tier for tier in policy.tiers if tier.number in allowed and _speaks(tier, reading.language))
    instead = min(able, key=lambda tier: tier.number, default=None)
    if instead is None:
        return way
    return replace(way, tier=instead.number, team=(category.team if category else "") or instead.team or way.team)


def _speaks(tier: Tier, language: str) -> bool:
    return not tier.languages or not language or language in tier.languages


def _channel(envelope: Envelope, message: Message, policy: Policy) -> Tier | None:
    """The tier to whose address the mail was sent."""
    owners = {channel.key: tier for tier in policy.tiers for channel in tier.channels}
    if not owners:
        return None
    return next((owners[key] for key in _keys(envelope, message) if key in owners), None)


def _keys(envelope: Envelope, message: Message) -> Iterator[str]:
    """Where the mail went, the envelope first; without a `+tag`."""
    headers = (mailbox.address for mailbox in (*message.to, *message.cc)[:_MAX_ADDRESSES])
    for address in (*envelope.forward_paths[:_MAX_ADDRESSES], *headers):
        yield Address(address.local.split("+", 1)[0] or address.local, address.domain).key


def zone_of(message: Message, desk_zone: str, at: datetime) -> str:
    """The offset of the writer's clock as `UTC+05:30`; "" when it is the desk's own, or says nothing."""
    match = _OFFSET.search(next(iter(message.values("date")), "")[:100])
    if match is None:
        return ""
    offset = timedelta(hours=int(match[2]), minutes=int(match[3])) * (1 if match[1] == "+" else -1)
    if not offset or abs(offset) > _FURTHEST or offset == at.astimezone(ZoneInfo(desk_zone)).utcoffset():
        return ""
    return f"UTC{match[1]}{match[2]}:{match[3]}"
