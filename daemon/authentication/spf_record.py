"""SPF records (RFC 7208 §4.5–§6) as values: terms, their qualifiers, targets and prefix lengths.

The whole record is read before anything of it is evaluated, because one wrong term makes all of it
a permanent error (§4.6). Pure and linear; raises `Broken` with what was wrong.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from daemon.authentication.spf_macro import Broken, is_domain_spec, is_macro_string

MAX_TERMS = 200  # a record of 4 kB has fewer
_VERSION = re.compile(r"v=spf1(?: |$)", re.IGNORECASE)
_TERM = re.compile(r"([+?~-]?)([A-Za-z][A-Za-z0-9_.-]*)([:=/]?)(.*)", re.DOTALL)
_CIDR = re.compile(r"(?:/(\d{1,3}))?(?://(\d{1,3}))?")
_NUMBER = re.compile(r"0|[1-9]\d*")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """One directive. `target` is a domain-spec before its macros are expanded; "" is the current domain."""

    kind: str
    result: str
    target: str = ""
    prefix4: int = 32
    prefix6: int = 128
    network: Network | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record, read to its end. `redirect` is a domain-spec or ""."""

    mechanisms: tuple[Mechanism, ...]
    redirect: str = ""


RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_BARE = frozenset({"all", "a", "mx", "ptr"})
_WITH_DOMAIN = frozenset({"a", "mx", "ptr", "include", "exists"})


def is_record(text: str) -> bool:
    """True for a TXT record that begins with exactly `v=spf1`."""
    return _VERSION.match(text) is not None


def read_record(text: str) -> Record:
    """The record `text`, which `is_record`. Raises Broken."""
    mechanisms: list[Mechanism] = []
    modifiers: dict[str, str] = {}
    terms = text[6:].split(" ")
    if len(terms) > MAX_TERMS:
        raise Broken("too many terms")
    for term in filter(None, terms):
        found = _TERM.fullmatch(term)
        if found is None:
            raise Broken(term)
        sign, name, separator, rest = found.groups()
        if separator == "=":
            if sign:
                raise Broken(term)
            _modifier(name.lower(), rest, modifiers)
        else:
            mechanisms.append(_mechanism(name.lower(), RESULTS[sign or "+"], separator, rest))
    if any(mechanism.kind == "all" for mechanism in mechanisms):
        modifiers.pop("redirect", None)  # §6.1: never used where `all` decides
    return Record(mechanisms=tuple(mechanisms), redirect=modifiers.get("redirect", ""))


def _modifier(name: str, value: str, modifiers: dict[str, str]) -> None:
    if name in {"redirect", "exp"}:
        if name in modifiers or not is_domain_spec(value):
            raise Broken(f"{name}={value}")
        modifiers[name] = value
    elif not is_macro_string(value):
        raise Broken(f"{name}={value}")


def _mechanism(name: str, result: str, separator: str, rest: str) -> Mechanism:
    match name:
        case "ip4" | "ip6":
            return Mechanism(kind=name, result=result, network=_network(name, separator, rest))
        case "all":
            if separator or rest:
                raise Broken(name + separator + rest)
            return Mechanism(kind=name, result=result)
        case "a" | "mx" | "ptr" | "include" | "exists":
            return _with_target(name, result, separator, rest)
        case _:
            raise Broken(f"unknown mechanism {name}")


def _with_target(name: str, result: str, separator: str, rest: str) -> Mechanism:
    target, prefix4, prefix6 = "", 32, 128
    if name in {"a", "mx"}:
        target, prefix4, prefix6 = _prefixes(separator, rest)
    elif separator == ":":
        target = rest
    elif separator:
        raise Broken(name + separator + rest)
    if (separator == ":" or name in {"include", "exists"}) and not is_domain_spec(target):
        raise Broken(f"{name}:{target}")
    return Mechanism(kind=name, result=result, target=target, prefix4=prefix4, prefix6=prefix6)


def _prefixes(separator: str, rest: str) -> tuple[str, int, int]:
    """Target and both prefix lengths of `a` and `mx`: `:example.org/24//64`, `/24`, `//64`."""
    text = rest if separator == ":" else separator + rest
    # A slash may also stand inside a macro's braces as a delimiter.
    at = re.search(r"/[0-9/]*$", text)
    tail = text[at.start() :] if at else ""
    target = text[: at.start()] if at else text
    found = _CIDR.fullmatch(tail)
    if found is None:
        raise Broken(text)
    lengths = []
    for digits, widest in ((found[1], 32), (found[2], 128)):
        if digits is not None and (not _NUMBER.fullmatch(digits) or int(digits) > widest):
            raise Broken(text)
        lengths.append(widest if digits is None else int(digits))
    if separator == ":" and not target:
        raise Broken(text)
    return target, lengths[0], lengths[1]


def _network(name: str, separator: str, rest: str) -> Network:
    address, slash, digits = rest.partition("/")
    if separator != ":" or (slash and not _NUMBER.fullmatch(digits)):
        raise Broken(f"{name}{separator}{rest}")
    widest = 32 if name == "ip4" else 128
    prefix = int(digits) if slash and len(digits) <= 3 else widest if not slash else -1
    if not 0 <= prefix <= widest:
        raise Broken(f"{name}:{rest}")
    try:
        if name == "ip4":
            return ipaddress.IPv4Network((ipaddress.IPv4Address(address), prefix), strict=False)
        if "%" in address:
            raise Broken(f"{name}:{rest}")
        return ipaddress.IPv6Network((ipaddress.IPv6Address(address), prefix), strict=False)
    except ValueError as error:
        raise Broken(f"{name}:{rest}") from error
