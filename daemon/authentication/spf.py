"""SPF: `check_host` of RFC 7208, over any resolver that answers in strings.

Counts what a record may cost (§4.6.4): ten terms that ask DNS, two questions without an answer,
ten names behind an `mx` or `ptr`. More is `permerror`, an outage is `temperror`; both prove nothing.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Protocol

from daemon.authentication.findings import Trouble
from daemon.authentication.spf_macro import Broken, Sender, expand, needs_names
from daemon.authentication.spf_record import Mechanism, Record, is_record, read_record

MAX_DEPTH = 10  # includes in includes: each is one of the ten lookups anyway


class Dns(Protocol):
    """`kind` is TXT, A, AAAA, MX (exchange names) or PTR (of an address). Nothing found is (); raises Trouble."""

    async def ask(self, name: str, kind: str) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SpfLimits:
    """RFC 7208 §4.6.4. A desk may allow less, or more for a partner's record that breaks the rule."""

    lookups: int = 10
    void: int = 2
    names: int = 10  # addresses looked up behind one mx or ptr


async def check_host(dns: Dns, sender: Sender, limits: SpfLimits | None = None) -> str:
    """One of none, neutral, pass, fail, softfail, temperror, permerror."""
    check = _Check(dns, sender, limits or SpfLimits())
    try:
        return await check.of(sender.domain, depth=0)
    except Trouble:
        return "temperror"
    except Broken:
        return "permerror"


class _Check:
    """One evaluation with its counters."""

    def __init__(self, dns: Dns, sender: Sender, limits: SpfLimits) -> None:
        self._dns = dns
        self._sender = sender
        self._limits = limits
        self._lookups = 0
        self._void = 0
        self._names: list[str] | None = None

    async def of(self, domain: str, *, depth: int) -> str:
        if not _is_name(domain) or "." not in domain:
            return "none"
        records = [text for text in await self._dns.ask(domain, "TXT") if is_record(text)]
        if not records:
            return "none"
        if len(records) > 1:
            raise Broken("several records")
        record = read_record(records[0])
        for mechanism in record.mechanisms:
            if await self._matches(mechanism, domain, depth):
                return mechanism.result
        return await self._redirected(record, domain, depth) if record.redirect else "neutral"

    async def _redirected(self, record: Record, domain: str, depth: int) -> str:
        self._count(depth)
        result = await self.of(await self._target(record.redirect, domain), depth=depth + 1)
        if result == "none":
            raise Broken("redirect to a domain without a record")
        return result

    def _count(self, depth: int = 0) -> None:
        self._lookups += 1
        if self._lookups > self._limits.lookups or depth > MAX_DEPTH:
            raise Broken("too many lookups")

    async def _matches(self, mechanism: Mechanism, domain: str, depth: int) -> bool:
        match mechanism.kind:
            case "all":
                return True
            case "ip4" | "ip6":
                network = mechanism.network
                return network is not None and network.version == self._ip.version and self._ip in network
        self._count(depth)
        target = await self._target(mechanism.target, domain) if mechanism.target else domain
        return await self._asks(mechanism, target, depth)

    async def _asks(self, mechanism: Mechanism, target: str, depth: int) -> bool:
        """The mechanisms that cost a lookup."""
        match mechanism.kind:
            case "include":
                return await self._included(target, depth)
            case "a":
                return await self._is_host(target, mechanism)
            case "mx":
                return await self._is_exchange(target, mechanism)
            case "exists":
                return bool(await self._ask(target, "A"))
            case "ptr":
                return any(name == target or name.endswith(f".{target}") for name in await self._validated())
            case _:
                raise Broken(mechanism.kind)

    async def _is_exchange(self, target: str, mechanism: Mechanism) -> bool:
        exchanges = await self._ask(target, "MX")
        if len(exchanges) > self._limits.names:
            raise Broken("too many mail exchangers")
        for exchange in exchanges:
            if await self._is_host(exchange, mechanism):
                return True
        return False

    async def _included(self, target: str, depth: int) -> bool:
        result = await self.of(target, depth=depth + 1)
        if result == "none":
            raise Broken("an included domain has no record")
        return result == "pass"

    @property
    def _ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        return self._sender.ip

    async def _target(self, spec: str, domain: str) -> str:
        validated = "unknown"
        if needs_names(spec):
            self._count()
            validated = self._best(domain, await self._validated())
        return expand(spec, sender=self._sender, domain=domain, validated=validated).lower()

    @staticmethod
    def _best(domain: str, names: list[str]) -> str:
        """§7.3: the domain itself, else a name below it, else any."""
        below = [name for name in names if name.endswith(f".{domain}")]
        return domain if domain in names else next(iter(below or names), "unknown")

    async def _ask(self, name: str, kind: str) -> tuple[str, ...]:
        """An answer of the resolver; one that says nothing is counted. A name that cannot be is no question."""
        if not _is_name(name):
            return ()
        answers = await self._dns.ask(name, kind)
        if not answers:
            self._void += 1
            if self._void > self._limits.void:
                raise Broken("too many lookups without an answer")
        return answers

    async def _is_host(self, name: str, mechanism: Mechanism) -> bool:
        kind, prefix = ("A", mechanism.prefix4) if self._ip.version == 4 else ("AAAA", mechanism.prefix6)
        own = ipaddress.ip_network((self._ip, prefix), strict=False)
        return any(_address(text) in own for text in await self._ask(name, kind))

    async def _validated(self) -> list[str]:
        """§5.5: the names of the peer that lead back to it; trouble on the way is no name, not an error."""
        if self._names is None:
            self._names = []
            try:
                claimed = (await self._ask(str(self._ip), "PTR"))[: self._limits.names]
            except Trouble:
                claimed = ()
            for name in claimed:
                try:
                    addresses = await self._ask(name, "A" if self._ip.version == 4 else "AAAA")
                except Trouble:
                    continue
                if any(_address(text) == self._ip for text in addresses):
                    self._names.append(name.rstrip(".").lower())
        return self._names


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text)


def _is_name(name: str) -> bool:
    """True for what can be asked for: labels of 1 to 63 octets, 253 in all; an address is one for PTR."""
    labels = name.rstrip(".").split(".")
    return len(name) <= 254 and all(0 < len(label) <= 63 for label in labels) and name.isascii()
