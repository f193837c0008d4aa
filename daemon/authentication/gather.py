"""`Authenticator`: asks DNS what one mail needs, before a reader process sees it, under one deadline.

Never raises for a mail and never delays it longer than the deadline: what is not known by then is
`trouble`, and proves nothing. What is asked is bounded by the header alone: the author's domain
(DMARC), the keys of the topmost signatures and of the ARC sets, and SPF of the peer when it is
the sender's own server.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from daemon.authentication import dmarc
from daemon.authentication.findings import Authentication, Findings, Lookup, Trouble
from daemon.authentication.signature import signers
from daemon.authentication.spf import Dns, SpfLimits, check_host
from daemon.authentication.spf_macro import Sender
from daemon.core.address import parse_identity
from daemon.core.authres import AuthResult
from daemon.core.charset import decode
from daemon.core.domain import a_label
from daemon.core.envelope import Channel, Envelope
from daemon.core.fields import Block, read_block
from daemon.core.hops import is_among

_MAX_NAMES = 80  # names asked for one mail
_HEAD_BYTES, _HEAD_FIELDS = 256 * 1024, 1_000  # as `limits`: a longer header is not judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How much is asked and for how long. `inner` are networks of our own mail servers: their SPF says nothing."""

    timeout_s: float = 10.0
    spf: SpfLimits = field(default_factory=SpfLimits)
    inner: tuple[str, ...] = ()
    rules: Authentication = field(default_factory=Authentication)


class Authenticator:
    """One for the daemon's life between two reloads; `dns` is shared by all mails."""

    def __init__(self, dns: Dns, asking: Asking) -> None:
        self._dns = dns
        self._asking = asking
        self.rules = asking.rules

    async def answers(self, name: str) -> bool:
        """True when the nameservers say anything about `name`, be it that there is nothing."""
        return not (await self._texts(name)).trouble

    async def gather(self, mails: Sequence[tuple[Envelope, bytes]]) -> list[Findings]:
        """Findings for each mail, in order."""
        return list(await asyncio.gather(*(self._one(envelope, raw) for envelope, raw in mails)))

    async def _one(self, envelope: Envelope, raw: bytes) -> Findings:
        block = await asyncio.to_thread(read_block, raw, limit_bytes=_HEAD_BYTES, limit_fields=_HEAD_FIELDS)
        sender = edge_sender(envelope, self._asking.inner)
        names = wanted(block, self._asking.rules, sender.domain if sender else "")
        if not names:
            return Findings()
        lookups = {name: asyncio.create_task(self._texts(name)) for name in names}
        spf = asyncio.create_task(check_host(self._dns, sender, self._asking.spf)) if sender else None
        tasks: set[asyncio.Task[object]] = {*lookups.values(), *((spf,) if spf else ())}
        try:
            _, late = await asyncio.wait(tasks, timeout=self._asking.timeout_s)
        finally:  # also when we are cancelled ourselves: no question outlives its mail
            for task in tasks:
                task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return Findings(
            lookups=tuple(
                task.result() if task not in late else Lookup(name=name, trouble=True) for name, task in lookups.items()
            ),
            spf=_spf_result(envelope, "temperror" if spf in late else spf.result()) if spf else None,
        )

    async def _texts(self, name: str) -> Lookup:
        try:
            return Lookup(name=name, texts=await self._dns.ask(name, "TXT"))
        except Trouble:
            return Lookup(name=name, trouble=True)


def wanted(block: Block, rules: Authentication, sender: str = "") -> tuple[str, ...]:
    """The names whose TXT records this mail needs, none when it has no author to prove.

    `sender` is the domain that SPF may prove.
    """
    identity = parse_identity([decode(each.unfolded) for each in block.fields if each.name == "from"][:3])
    if identity is None or block.cut:
        return ()
    names = {dmarc.record_name(name): None for name in dmarc.walk(identity.domain)}
    values = [each.unfolded.decode("latin-1") for each in block.fields if each.name == "dkim-signature"]
    found = [who for value in values[: rules.signatures] if (who := signers(value)) is not None]
    names.update({key: None for _, key in found})
    for domain in (*(domain for domain, _ in found), a_label(sender)):
        if domain and dmarc.may_align(domain, identity.domain):
            names.update({dmarc.record_name(name): None for name in dmarc.walk(domain)})
    if rules.sealers:
        seals = [each for each in block.fields if each.name in {"arc-seal", "arc-message-signature"}]
        for each in seals[: 2 * rules.seals]:
            who = signers(each.unfolded.decode("latin-1"))
            if who is not None:
                names[who[1]] = None
    return tuple(names)[:_MAX_NAMES]


def edge_sender(envelope: Envelope, inner: tuple[str, ...]) -> Sender | None:
    """Whom SPF can judge: the peer of our own SMTP door, unless it is one of our servers or logged in."""
    if envelope.channel is not Channel.SMTP or envelope.authenticated_as or is_among(envelope.peer, inner):
        return None
    try:
        ip = ipaddress.ip_address(envelope.peer.partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    path = envelope.reverse_path
    helo = envelope.helo.strip("[]")[:255]
    return Sender(
        ip=ip,
        local=path.local if path else "postmaster",
        domain=path.domain if path else helo.lower(),
        helo=helo,
    )


def _spf_result(envelope: Envelope, result: str) -> AuthResult:
    path = envelope.reverse_path
    name = ("smtp.mailfrom", f"{path.local}@{path.domain}") if path else ("smtp.helo", envelope.helo[:255])
    return AuthResult(method="spf", result=result, properties=(name,))
