"""DMARC: which record speaks for a domain, and whether an authenticated domain is aligned with it.

Pure: records come from `Findings`. Policy discovery and the organisational domain follow the tree
walk of DMARCbis (at most eight names a domain), not a list of public suffixes: a suffix that a list
does not know would make two strangers below it one organisation (decision 0411).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daemon.authentication.findings import Findings
from daemon.authentication.tags import read_tags

MAX_WALK = 8  # names asked for one domain
_POLICIES = ("none", "quarantine", "reject")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One published policy, as found at `domain`."""

    domain: str
    p: str
    sp: str
    strict_dkim: bool = False
    strict_spf: bool = False
    psd: str = "u"
    testing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What holds for one author domain. `action` is none, quarantine or reject."""

    organisation: str
    action: str
    strict_dkim: bool
    strict_spf: bool


def walk(domain: str) -> tuple[str, ...]:
    """The domains whose records are asked for, from `domain` up to the top, at most eight (tree walk)."""
    labels = domain.split(".")
    rest = labels[1:] if len(labels) <= MAX_WALK else labels[-(MAX_WALK - 1) :]
    return (domain, *(".".join(rest[start:]) for start in range(len(rest))))[:MAX_WALK]


def record_name(domain: str) -> str:
    """Where a domain publishes its record."""
    return f"_dmarc.{domain}"


def read_record(domain: str, texts: tuple[str, ...]) -> Record | None:
    """The one record among the TXT records of `_dmarc.domain`; None when there is none, or more than one."""
    found = [record for text in texts if (record := _record(domain, text)) is not None]
    return found[0] if len(found) == 1 else None


def _record(domain: str, text: str) -> Record | None:
    tags = read_tags(text)
    if not tags or next(iter(tags.items())) != ("v", "DMARC1"):
        return None
    p = tags.get("p", "").lower()
    if p not in _POLICIES:
        if not tags.get("rua"):
            return None
        p = "none"  # DMARCbis §4.7: a wrong policy with an address for reports is monitoring
    sp = tags.get("sp", "").lower()
    return Record(
        domain=domain,
        p=p,
        sp=sp if sp in _POLICIES else p,
        strict_dkim=tags.get("adkim", "").lower() == "s",
        strict_spf=tags.get("aspf", "").lower() == "s",
        psd=tags.get("psd", "u").lower(),
        testing=tags.get("t", "").lower() == "y",
    )


def _walked(domain: str, findings: Findings) -> list[Record]:
    """The records found on the way up, nearest first; a `psd` of y or n ends the walk. Raises Trouble."""
    records = []
    for name in walk(domain):
        record = read_record(name, findings.texts(record_name(name)))
        if record is not None:
            records.append(record)
            if record.psd in {"y", "n"}:
                break
    return records


def _organisation(domain: str, records: list[Record]) -> str:
    """DMARCbis §4.10.2: below a public suffix, or where a record says so, else the highest record's domain."""
    if not records:
        return domain
    last = records[-1]
    if last.psd == "n":
        return last.domain
    if last.psd == "y" and last.domain != domain:
        depth = last.domain.count(".") + 2
        return ".".join(domain.split(".")[-depth:])
    return last.domain


def organisation(domain: str, findings: Findings) -> str:
    """The organisational domain. Raises Trouble when a record of the walk could not be had."""
    return _organisation(domain, _walked(domain, findings))


def discover(domain: str, findings: Findings) -> Policy | None:
    """The policy for mail from `domain`, None when nobody published one. Raises Trouble."""
    records = _walked(domain, findings)
    if not records:
        return None
    home = _organisation(domain, records)
    own = next((record for record in records if record.domain == domain), None)
    record = own or next((record for record in records if record.domain == home), records[-1])
    action = record.p if record.domain == domain else record.sp
    if record.testing:  # t=y: one step less
        action = _POLICIES[max(_POLICIES.index(action) - 1, 0)]
    return Policy(organisation=home, action=action, strict_dkim=record.strict_dkim, strict_spf=record.strict_spf)


def may_align(one: str, other: str) -> bool:
    """False when no record could make two domains one organisation: they share less than two labels."""
    return one.split(".")[-2:] == other.split(".")[-2:]


def aligned(policy: Policy, author: str, other: str, *, strict: bool, home: Callable[[str], str]) -> bool:
    """True when `other`, an authenticated domain, speaks for `author`. `home` finds its organisational domain."""
    if author == other:
        return True
    return not strict and policy.organisation == home(other)
