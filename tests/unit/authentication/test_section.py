"""[authentication] and guards.trusted_hops: what an admin may write, and what it becomes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from daemon.settings.authentication import AuthenticationSection
from daemon.settings.model import GuardsSection


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("192.0.2.53", "192.0.2.53", 53),
        ("127.0.0.1:5353", "127.0.0.1", 5353),
        ("2001:db8::53", "2001:db8::53", 53),
        ("[2001:db8::53]", "2001:db8::53", 53),
        ("[2001:DB8::53]:5353", "2001:db8::53", 5353),
    ],
)
def test_nameservers(written, host, port):
    """Addresses, with or without a port."""
    (server,) = AuthenticationSection(nameservers=[written]).nameservers

    assert (server.host, server.port) == (host, port)


@pytest.mark.parametrize(
    "written",
    ["", "dns.example.org", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x", "127.0.0.1:٥٣", "1.2.3",
     "[::1", "::1:5353:", "https://192.0.2.1", "127.0.0.1:5353:1", 53, None, "fe80::1%"],
)  # fmt: skip
def test_what_is_no_nameserver(written):
    """Told with an example of what would be one."""
    with pytest.raises(ValidationError, match="is not a nameserver"):
        AuthenticationSection(nameservers=[written])


def test_sealers_are_domains():
    """In their A-label form, lower case."""
    assert AuthenticationSection(trusted_sealers=["Lists.Example.ORG", "bücher.example"]).trusted_sealers == (
        "lists.example.org",
        "xn--bcher-kva.example",
    )
    for wrong in ("example", "a b.example", "@example.org", ""):
        with pytest.raises(ValidationError, match="is not a domain"):
            AuthenticationSection(trusted_sealers=[wrong])


def test_hops_are_networks():
    """One address is a network of one; host bits are taken off."""
    assert GuardsSection(trusted_hops=["192.0.2.7", "10.1.2.3/8", "2001:db8::/32"]).trusted_hops == (
        "192.0.2.7/32",
        "10.0.0.0/8",
        "2001:db8::/32",
    )
    assert "127.0.0.0/8" in GuardsSection().trusted_hops
    for wrong in ("mx.example.org", "10.0.0.0/33", ""):
        with pytest.raises(ValidationError, match="is not a network"):
            GuardsSection(trusted_hops=[wrong])
