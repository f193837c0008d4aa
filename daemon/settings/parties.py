"""What the configuration of third parties must mean: suppliers that can be written to, approvers who exist and end.

Also the ways to a tier. Generators of faults for `meaning.CHECKS`, like those there.
"""

from __future__ import annotations

from collections.abc import Iterator

from daemon.settings.desk import ApproverSection
from daemon.settings.fault import Fault, unknown
from daemon.settings.model import Settings


def approvers(settings: Settings) -> Iterator[Fault]:
    """The approvers of a category exist; two approvers have two addresses, and none is a desk's."""
    known = {approver.name: approver for approver in settings.approvers}
    for category in settings.categories:
        for name in category.approvers:
            if name not in known:
                yield Fault(("category", category.name, "approvers"), unknown("approver", name, known))
    ours = _own_addresses(settings)
    owners: dict[str, str] = {}
    for approver in settings.approvers:
        where = ("approver", approver.name, "address")
        if approver.address.key in ours:
            yield Fault(where, f"{approver.address} is an address of desk {ours[approver.address.key]}")
        owner = owners.setdefault(approver.address.key, approver.name)
        if owner != approver.name:
            yield Fault(where, f"{approver.address} is approver {owner}'s already: one person has one name")


def deputies(settings: Settings) -> Iterator[Fault]:
    """Deputies exist, nobody is his own, and they go in no circle: somebody decides in the end."""
    known = {approver.name: approver for approver in settings.approvers}
    for approver in settings.approvers:
        place = ("approver", approver.name, "deputies")
        for name in approver.deputies:
            if name not in known:
                yield Fault(place, unknown("approver", name, known))
            elif name == approver.name:
                yield Fault(place, "nobody is his own deputy")
        if len(circle := _circle(approver, known)) > 2:
            yield Fault(place, f"goes in a circle: {' → '.join(circle)}")


def _circle(start: ApproverSection, known: dict[str, ApproverSection]) -> list[str]:
    """The way from an approver over his first deputies back to himself; [] when it ends."""
    seen: dict[str, str] = {}
    waiting = [start.name]
    while waiting:
        name = waiting.pop(0)
        for deputy in known[name].deputies:
            if deputy == start.name:
                path = [start.name, *_back(name, seen, start.name)[::-1], start.name]
                return [each for index, each in enumerate(path) if index == 0 or each != path[index - 1]]
            if deputy in known and deputy not in seen:
                seen[deputy] = name
                waiting.append(deputy)
    return []


def _back(name: str, seen: dict[str, str], start: str) -> list[str]:
    path = []
    while name != start:
        path.append(name)
        name = seen[name]
    return path


def suppliers(settings: Settings) -> Iterator[Fault]:
    """A supplier behind a tier has an address that is not ours."""
    ours = _own_addresses(settings)
    used = {tier.supplier: tier.number for tier in settings.tiers if tier.supplier}
    for supplier in settings.suppliers:
        where = ("supplier", supplier.name, "address")
        if supplier.address is None:
            if supplier.name in used:
                yield Fault(where, f"is missing: tier {used[supplier.name]} hands its tickets over to it")
        elif supplier.address.key in ours:
            yield Fault(where, f"{supplier.address} is an address of desk {ours[supplier.address.key]}")


def channels(settings: Settings) -> Iterator[Fault]:
    """The address of a tier is one of a desk's, and leads to one tier."""
    ours = _own_addresses(settings)
    owners: dict[str, int] = {}
    for tier in settings.tiers:
        for channel in tier.channels:
            where = ("tier", str(tier.number), "channels")
            if channel.key not in ours:
                yield Fault(where, f"{channel} is no address of a desk: name it under aliases of one")
            owner = owners.setdefault(channel.key, tier.number)
            if owner != tier.number:
                yield Fault(where, f"{channel} leads to tier {owner} already")


def _own_addresses(settings: Settings) -> dict[str, str]:
    return {address.key: desk.name for desk in settings.desks for address in (desk.address, *desk.aliases)}
