"""[authentication]: DKIM, SPF, DMARC and ARC checked by the daemon itself (the extra `authentication`).

Only types and words here; `daemon.build` makes the objects, and only when it is switched on are the
extra's libraries imported.
"""

from __future__ import annotations

import ipaddress
from importlib.util import find_spec
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator

from daemon.core.domain import a_label
from daemon.settings.values import Endpoint, Section

LIBRARIES = (("dkim", "dkimpy"), ("dns", "dnspython"))
_DNS_PORT = 53


def missing_libraries() -> tuple[str, ...]:
    """The distributions of the extra that are not installed."""
    return tuple(name for module, name in LIBRARIES if find_spec(module) is None)


def _nameserver(value: Any) -> Endpoint:
    """`192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` or `[2001:db8::53]:5353`."""
    text = value if isinstance(value, str) else ""
    host, colon, port = text.rpartition(":") if text.count(":") == 1 or text.startswith("[") else (text, "", "")
    if text.startswith("[") and text.endswith("]"):
        host, colon, port = text, "", ""
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0 if colon else _DNS_PORT
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]") if 0 < number <= 65535 else "")
    except ValueError:
        msg = f'{str(value)[:60]!r} is not a nameserver: write its address like "192.0.2.53" or "127.0.0.1:5353"'
        raise ValueError(msg) from None
    return Endpoint(str(address), number)


def _network(value: Any) -> str:
    try:
        return str(ipaddress.ip_network(value if isinstance(value, str) else "", strict=False))
    except ValueError:
        msg = f'{str(value)[:60]!r} is not a network: write "192.0.2.0/24", or one address like "192.0.2.7"'
        raise ValueError(msg) from None


def _sealer(value: str) -> str:
    domain = a_label(value)
    if domain is None:
        msg = f'{value[:60]!r} is not a domain: write the d= of its seals, like "lists.example.org"'
        raise ValueError(msg)
    return domain


Networks = tuple[Annotated[str, PlainValidator(_network)], ...]
PRIVATE_NETWORKS = (
    "127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7",
    "fe80::/10",
)  # fmt: skip


class AuthenticationSection(Section):
    """[authentication]: off, unless this daemon is the first of your servers that sees a mail."""

    enabled: bool = False
    nameservers: tuple[Annotated[Endpoint, PlainValidator(_nameserver)], ...] = ()  # () are this machine's own
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0  # for all that one mail asks
    trusted_sealers: tuple[Annotated[str, AfterValidator(_sealer)], ...] = ()
    max_signatures: Annotated[int, Field(ge=1, le=20)] = 5
    max_seals: Annotated[int, Field(ge=1, le=50)] = 10
    spf_lookups: Annotated[int, Field(ge=1, le=50)] = 10
    spf_void_lookups: Annotated[int, Field(ge=0, le=50)] = 2
