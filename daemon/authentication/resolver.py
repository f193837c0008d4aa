"""The DNS client: dnspython in the event loop, with a cache of its own, a deadline and a fuse.

Answers are plain strings. "There is none" (NXDOMAIN, no data) is an empty answer; everything else that
is no answer raises `Trouble`. What was said is kept as long as its TTL allows, at most an hour, and
trouble for five seconds. When the servers do not answer at all, questions fail at once for a
while: mail goes on, only unproven.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.rdatatype
import dns.resolver
import dns.reversename
import structlog

from daemon.authentication.findings import Trouble

log = structlog.get_logger(__name__)

MAX_TTL_S = 3600.0
MIN_TTL_S = 5.0  # a record with TTL 0 is still the same for the mails of one batch
NOTHING_TTL_S = 300.0  # at most, for "there is none": a new key must not be unknown for an hour
CACHE_ENTRIES = 5_000
MAX_TEXT = 4_096  # characters of one TXT record; a 4096-bit key has 750
MAX_ANSWERS = 100  # records of one answer
_AT_ONCE = 100
_FUSE_AFTER = 8  # questions in a row without an answer of any server
_FUSE_S = 20.0


@dataclass(frozen=True, slots=True)
class Nameserver:
    """One server to ask, by address."""

    host: str
    port: int = 53

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Resolver:
    """Asks `servers`, or those of this machine when there are none. Belongs to one event loop."""

    def __init__(self, servers: Sequence[Nameserver] = (), *, timeout_s: float = 5.0) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        if servers:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(each.host, each.port) for each in servers]
        self._resolver.lifetime = timeout_s
        self._resolver.timeout = timeout_s / 2  # a second server, or a second try, has the other half
        self._resolver.cache = None
        self._cache: OrderedDict[tuple[str, str], tuple[float, tuple[str, ...] | None]] = OrderedDict()
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._silent = 0
        self._fused_until = 0.0
        self.asked = 0

    async def ask(self, name: str, kind: str) -> tuple[str, ...]:
        """See `spf.Dns`. Raises Trouble."""
        key = (name.rstrip(".").lower(), kind)
        now = asyncio.get_running_loop().time()
        known = self._cache.get(key)
        if known is not None and known[0] > now:
            self._cache.move_to_end(key)
            return known[1] if known[1] is not None else _trouble(key[0])
        if now < self._fused_until:
            _trouble(key[0])
        async with self._gate:
            answers, ttl = await self._fetch(*key)
        self._cache[key] = (now + ttl, answers)
        self._cache.move_to_end(key)
        while len(self._cache) > CACHE_ENTRIES:
            self._cache.popitem(last=False)
        return answers if answers is not None else _trouble(key[0])

    async def _fetch(self, name: str, kind: str) -> tuple[tuple[str, ...] | None, float]:
        """Answers (None: trouble) and for how long they hold."""
        self.asked += 1
        try:
            wanted = dns.reversename.from_address(name) if kind == "PTR" else dns.name.from_text(name)
            answer = await self._resolver.resolve(wanted, kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            self._silent = 0
            return (), NOTHING_TTL_S
        except dns.exception.Timeout:
            self._burn()
            return None, MIN_TTL_S
        except (dns.name.LabelTooLong, dns.name.EmptyLabel, dns.name.NameTooLong, dns.exception.SyntaxError):
            return (), NOTHING_TTL_S
        except (dns.exception.DNSException, OSError, ValueError):  # SERVFAIL everywhere, a lame or lying server
            return None, MIN_TTL_S
        self._silent = 0
        if answer.rrset is None:
            return (), NOTHING_TTL_S
        texts = tuple(_text(record, kind) for record in list(answer.rrset)[:MAX_ANSWERS])
        return tuple(text for text in texts if text), min(max(float(answer.rrset.ttl), MIN_TTL_S), MAX_TTL_S)

    def _burn(self) -> None:
        self._silent += 1
        if self._silent >= _FUSE_AFTER:
            self._silent = 0
            log.warning("authentication.nameservers_silent", seconds=_FUSE_S, next="mail goes on, unproven")
            self._fused_until = asyncio.get_running_loop().time() + _FUSE_S


def _trouble(name: str) -> NoReturn:
    raise Trouble(name)


def _text(record: object, kind: str) -> str:
    """One record as a string; "" for what is too long to be meant."""
    match kind:
        case "TXT":
            text = b"".join(getattr(record, "strings", ())).decode("latin-1")
            return text if len(text) <= MAX_TEXT else ""
        case "MX":
            return str(getattr(record, "exchange", "")).rstrip(".").lower()
        case "PTR":
            return str(getattr(record, "target", "")).rstrip(".").lower()
        case _:
            return str(ipaddress.ip_address(str(getattr(record, "address", ""))))
