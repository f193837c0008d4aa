"""From the settings' plain values to an `Authenticator`. The one module of the room that `build` imports, and late.

Raises Misconfigured when the extra is not installed, or when this machine has no nameservers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from daemon.errors import Misconfigured

if TYPE_CHECKING:
    from daemon.authentication.gather import Asking, Authenticator


def authenticator(servers: Sequence[tuple[str, int]], asking: Asking) -> Authenticator:
    """Asks `servers` (address, port), or those of this machine when there are none."""
    import dns.resolver  # noqa: PLC0415 - an extra

    from daemon.authentication.gather import Authenticator  # noqa: PLC0415 - needs the extra
    from daemon.authentication.resolver import Nameserver, Resolver  # noqa: PLC0415 - needs the extra

    try:
        resolver = Resolver([Nameserver(host, port) for host, port in servers], timeout_s=asking.timeout_s)
    except (dns.resolver.NoResolverConfiguration, OSError) as error:
        raise Misconfigured("authentication.nameservers: none is named, and this machine knows none") from error
    return Authenticator(resolver, asking)
