"""How far the sender of a mail is proven (mail-rules §5): rights grow with proof.

Owns the levels and `grade`. Only the topmost Authentication-Results field that carries *our*
configured authserv-id counts, and only from a hop of ours (RFC 8601 §5); every other one is a claim
of the sender. What we checked ourselves (`daemon.authentication`) is evidence of the same kind,
and comes first where it says anything.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import islice

from daemon.core.address import Address, parse_path
from daemon.core.authres import AuthResult, AuthResults, parse_authentication_results
from daemon.core.clues import Clues
from daemon.core.domain import a_label, related
from daemon.core.envelope import Channel, Envelope
from daemon.core.hops import is_among
from daemon.core.message import Message
from daemon.core.policy import Policy
from daemon.core.token import speaks_for

_FIELD = "authentication-results"
_MAX_ID = 1_000  # characters in which the authserv-id must stand
_MAX_HEADERS = 200  # our own server writes on top of what came before it
_PUBLISHED = "policy.published-domain-policy"
_WATCHING = re.compile(r"(?:p|policy)=none\b")  # (p=none dis=none), (policy=none): comments of a field we trust
_TOO_LOW = AuthResult(method="dmarc", result="unknown", properties=(("policy.place", "below another Received field"),))
_UNDECIDED = frozenset({"temperror", "permerror", "unknown"})


class Proof(IntEnum):
    """Ordered: a higher level may do all that a lower one may."""

    NOBODY = 0
    DOMAIN = 1  # From domain proven (DMARC-aligned), or submitted with AUTH as that address
    TOKEN = 2  # holds an address token or Message-ID of ours that is bound to this person
    PERSON = 3  # domain proof and token


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The grade with its evidence.

    `failed` means the trusted result says the From domain is forged (DMARC fail):
    the mail is kept and flagged, never answered.
    """

    proof: Proof = Proof.NOBODY
    failed: bool = False
    evidence: str = ""  # e.g. "mx.example.com: dmarc=pass header.from=example.com"


def aligned(one: Address, other: Address) -> bool:
    """True when the domains are the same or one lies below the other (relaxed, see `domain.related`)."""
    return related(one.domain, other.domain)


def grade(
    message: Message, envelope: Envelope, policy: Policy, clues: Clues, *, own: AuthResults | None = None
) -> Trust:
    """How far it is proven that the mail is from its identity. `own` is what we checked ourselves.

    A proof of the domain is a submission with AUTH as that address, or trusted results: DMARC pass,
    or, where the domain has no DMARC policy, DKIM or SPF pass for a domain aligned with From.
    A token is a proof when it names this person. What the sender says of itself proves nothing.
    """
    identity = message.identity
    if identity is None:
        return Trust()
    authenticated = parse_path(envelope.authenticated_as)
    if authenticated is not None and authenticated.key == identity.key:
        domain = Trust(proof=Proof.DOMAIN, evidence=f"submitted with AUTH as {identity.key}")
    else:
        domain = _by_results(own, identity)
        if domain.proof is Proof.NOBODY and not domain.failed:
            by_field = _by_results(_trusted(message, envelope, policy), identity)
            domain = by_field if by_field.evidence else domain
    if domain.failed or not any(speaks_for(policy.keyring, token.person_tag, identity) for token in clues.tokens):
        return domain
    proof = Proof.PERSON if domain.proof is Proof.DOMAIN else Proof.TOKEN
    return Trust(proof=proof, evidence="; ".join(filter(None, (domain.evidence, "token of this person"))))


def _by_results(trusted: AuthResults | None, identity: Address) -> Trust:
    """DMARC decides where it says anything of this domain: a pass of DKIM beside its failure is not aligned."""
    if trusted is None:
        return Trust()
    dmarc = [result for result in trusted.results if result.method == "dmarc" and _says(result, identity)]
    failure = next((result for result in dmarc if result.result == "fail"), None)
    if failure is not None:
        return Trust(failed=not _only_watches(failure), evidence=_words(trusted, failure))
    if any(result.result in _UNDECIDED for result in dmarc) and not any(result.result == "pass" for result in dmarc):
        return Trust(evidence=_words(trusted, dmarc[0]))
    passed = next((result for result in trusted.results if _passes(result, identity)), None)
    return Trust(proof=Proof.DOMAIN, evidence=_words(trusted, passed)) if passed else Trust()


def _trusted(message: Message, envelope: Envelope, policy: Policy) -> AuthResults | None:
    """The topmost field with an authserv-id of ours; every other field is a claim of the sender (RFC 8601 §5).

    And only where our server writes it: above its own Received field. Debian's opendkim lets a forged field through
    when the mail has a malformed DKIM signature beside it (measured), but never to the top.
    """
    ours = {name.lower() for name in policy.trusted_authserv_ids if name}
    if not ours or (envelope.channel is Channel.SMTP and not is_among(envelope.peer, policy.trusted_hops)):
        return None
    above = 0
    for header in islice(message.headers, _MAX_HEADERS):
        above += header.name == "received"
        if header.name != _FIELD or not any(name in header.value[:_MAX_ID].lower() for name in ours):
            continue
        field = parse_authentication_results(header.value)
        if field.authserv_id in ours:
            return field if above <= _hops(envelope, policy) else replace(field, results=(_TOO_LOW,))
    return None


def _hops(envelope: Envelope, policy: Policy) -> float:
    """How many Received fields may stand above the trusted one: ours, and those of servers behind the verifying one."""
    match envelope.channel:
        case Channel.SMTP | Channel.LMTP:
            return 1 + policy.inner_hops
        case Channel.PIPE:
            return policy.inner_hops
        case _:
            return math.inf  # a mailbox's own servers write where they like


def _says(result: AuthResult, identity: Address) -> bool:
    """True when a DMARC result speaks of the identity's domain (or does not say of whose)."""
    domain = _domain(result.value("header.from"))
    return not domain or related(domain, identity.domain)


def _only_watches(failure: AuthResult) -> bool:
    """True when the domain published p=none: it asks that nothing be done about a failure. Then nothing is proven."""
    return failure.value(_PUBLISHED) == "none" or _WATCHING.match(failure.comment) is not None


def _passes(result: AuthResult, identity: Address) -> bool:
    if result.result != "pass":
        return False
    match result.method:
        case "dmarc":
            return _says(result, identity)
        case "dkim":
            signer = result.value("header.d") or result.value("header.i")
            return related(_domain(signer), identity.domain)
        case "spf":
            return related(_domain(result.value("smtp.mailfrom")), identity.domain)
        case _:
            return False


def _domain(value: str) -> str:
    """The domain of `example.org`, `@example.org` or `jo@example.org`, or ""."""
    return a_label(value.rpartition("@")[2].rstrip(".")) or ""


def _words(field: AuthResults, result: AuthResult) -> str:
    shown = " ".join(
        f"{name}={value}" for name, value in result.properties if name.startswith(("header.", "smtp.", "policy."))
    )
    return f"{field.authserv_id}: {result.method}={result.result} {shown}"[:200].strip()
