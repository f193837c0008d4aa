"""SPF macros (RFC 7208 §7): `%{s} %{l} %{o} %{d} %{i} %{p} %{v} %{h}` in domain-specs.

Expansion is bounded by the 253 octets of a name: labels are dropped from the left, as §7.3 says.
Explanations (`exp=`) are only checked: we never speak a stranger's text, so `c`, `r` and `t` are
refused outside of them.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote

MAX_NAME = 253
Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
_MACRO = re.compile(r"%(?:\{([A-Za-z])([0-9]{0,3})(r?)([.\-+,/_=]*)\}|([%_-]))", re.IGNORECASE)
_LITERAL = re.compile(r"[\x21-\x24\x26-\x7e]+")
_TOP = re.compile(r"\.(?:[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])\.?$")
_LETTERS = frozenset("slodiphv")
_EXPLAINING = frozenset("crt")


class Broken(Exception):
    """The record does not follow the syntax, or asks for more than is allowed: `permerror`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The four facts that SPF judges. `local` and `domain` are the reverse-path's; `domain` never changes."""

    ip: Ip
    local: str
    domain: str
    helo: str


def is_macro_string(text: str, *, explaining: bool = True) -> bool:
    """True when every `%` in `text` begins a macro and every other letter is visible ASCII."""
    at = 0
    while at < len(text):
        found = _MACRO.match(text, at) if text[at] == "%" else _LITERAL.match(text, at)
        if found is None:
            return False
        if text[at] == "%" and found[1] is not None:
            letter = found[1].lower()
            if letter not in _LETTERS and not (explaining and letter in _EXPLAINING):
                return False
            if found[2] and int(found[2]) == 0:
                return False
        at = found.end()
    return True


def is_domain_spec(text: str) -> bool:
    """True for a macro string that ends with a top label or with a macro (§7.1)."""
    if not text or len(text) > 1_000 or not is_macro_string(text, explaining=False):
        return False
    return text.endswith("}") or _TOP.search(text) is not None


def needs_names(text: str) -> bool:
    """True when `%{p}` occurs: then the peer's validated names have to be known."""
    return re.search(r"%\{p", text, re.IGNORECASE) is not None


def expand(text: str, *, sender: Sender, domain: str, validated: str = "unknown") -> str:
    """`text` with its macros replaced, at most 253 characters of it. `domain` is the record's own."""

    def replaced(found: re.Match[str]) -> str:
        if found[5]:
            return {"%": "%", "_": " ", "-": "%20"}[found[5]]
        value = _value(found[1].lower(), sender, domain, validated)
        parts = re.split("[" + re.escape(found[4] or ".") + "]", value)
        if found[3]:
            parts.reverse()
        if found[2]:
            parts = parts[-int(found[2]) :]
        joined = ".".join(parts)
        return quote(joined, safe="-._~") if found[1].isupper() else joined

    name = _MACRO.sub(replaced, text).rstrip(".")
    while len(name) > MAX_NAME and "." in name:
        name = name.partition(".")[2]
    return name[:MAX_NAME]


def _value(letter: str, sender: Sender, domain: str, validated: str) -> str:
    values = {
        "s": f"{sender.local}@{sender.domain}",
        "l": sender.local,
        "o": sender.domain,
        "d": domain,
        "i": dotted(sender.ip),
        "p": validated,
        "v": "in-addr" if sender.ip.version == 4 else "ip6",
        "h": sender.helo,
    }
    return values[letter]


def dotted(ip: Ip) -> str:
    """An address as %{i} says it: IPv6 as 32 nibbles with dots."""
    return str(ip) if ip.version == 4 else ".".join(ip.exploded.replace(":", ""))
