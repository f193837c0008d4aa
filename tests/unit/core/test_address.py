"""Addresses: one strict reading for identity, a lenient one for showing."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.address import Address, parse_address_list, parse_identity, parse_path
from daemon.core.domain import a_label, registered, related

IDENTITIES = {
    "name and angle": ("Jo Doe <jo@example.org>", "jo@example.org"),
    "bare": ("jo@example.org", "jo@example.org"),
    "angle only": ("<jo@example.org>", "jo@example.org"),
    "spaces in the angle": ("Jo < jo@example.org >", "jo@example.org"),
    "domain in capitals": ("Jo.Doe@EXAMPLE.org", "Jo.Doe@example.org"),
    "quoted name": ('"Doe, Jo" <jo@example.org>', "jo@example.org"),
    "another address in the quoted name": ('"boss@corp.com" <x@evil.com>', "x@evil.com"),
    "encoded name": ("=?utf-8?q?M=C3=BCller?= <m@example.org>", "m@example.org"),
    "encoded name that decodes to an address": ("=?utf-8?b?PGJvc3NAY29ycC5jb20+?= <x@evil.com>", "x@evil.com"),
    "encoded name with a comma": ("=?utf-8?q?M=C3=BCller,_Jo?= <m@example.org>", "m@example.org"),
    "comma in an unquoted name": ("Doe, Jo <jo@example.org>", "jo@example.org"),
    "initial in the name": ("Jo Q. Doe <jo@example.org>", "jo@example.org"),
    "its own address as the name": ("jo@example.org <jo@example.org>", "jo@example.org"),
    "its own address in apostrophes": ("'jo@example.org' <jo@example.org>", "jo@example.org"),
    "comment in the name": ("Jo (Sales) <jo@example.org>", "jo@example.org"),
    "the old comment form": ("jo@example.org (Jo Doe)", "jo@example.org"),
    "needless quotes": ('"jo"@example.org', "jo@example.org"),
    "a-label domain": ("jo@xn--bcher-kva.example", "jo@xn--bcher-kva.example"),
    "u-label domain": ("jo@bücher.example", "jo@xn--bcher-kva.example"),
    "cyrillic look-alike": ("jo@раураl.com", "jo@xn--l-7sba6dbr.com"),
    "utf-8 local part": ("jörg@example.org", "jörg@example.org"),
    "plus tag": ("jo+tag@example.org", "jo+tag@example.org"),
    "bidi in the name": ("\u202emoc.proc@ssob <x@evil.com>", None),
}
NO_IDENTITY = {
    "none": [],
    "empty": [""],
    "two fields": ["jo@example.org", "jo@example.org"],
    "two mailboxes": ["a@example.org, b@example.org"],
    "two angles": ["<a@example.org> <b@example.org>"],
    "angle in a quoted name": ['"Boss <boss@corp.com>" <x@evil.com>'],
    "an address as unquoted name": ["boss@corp.com <x@evil.com>"],
    "an address in a broken encoded word": ["=?utf-8?q?boss@corp.com?= <x@evil.com>"],
    "group": ["Team: jo@example.org;"],
    "empty group": ["undisclosed-recipients:;"],
    "comment in the domain": ["jo@corp.com(x).evil.com"],
    "comment after the domain": ["x@evil.com(@corp.com)"],
    "comment before the domain": ["jo@(x)example.org"],
    "comment with an address": ["x@evil.com (boss@corp.com)"],
    "comment in the angle": ["<jo@example.org(x)>"],
    "source route": ["<@relay.example:jo@example.org>"],
    "nul": ["jo@example.org\0.evil.com"],
    "line break": ["jo@example.org\r\nBcc: x@evil.com"],
    "no dot": ["root@localhost"],
    "domain literal": ["jo@[192.0.2.1]"],
    "trailing dot": ["jo@example.org."],
    "underscore": ["jo@exa_mple.org"],
    "hyphen first": ["jo@-example.org"],
    "empty label": ["jo@example..org"],
    "two at signs": ["jo@corp.com@evil.com"],
    "quoted at sign": ['"jo@corp.com"@evil.com'],
    "quoted space": ['"jo doe"@example.org'],
    "space in the address": ["jo @example.org"],
    "encoded word as the address": ["=?utf-8?q?jo=40corp.com?=@evil.com"],
    "encoded word in the angle": ["<=?utf-8?q?jo?=@evil.com>"],
    "open quote": ['"Jo <jo@example.org>'],
    "escaped quote with an address": [r'"a\" boss@corp.com, " <x@evil.com>'],
    "open angle": ["Jo <jo@example.org"],
    "text after the angle": ["Jo <jo@example.org> boss@corp.com"],
    "name without quotes before a bare address": ["Jo jo@example.org"],
    "sharp s, two readings": ["jo@straße.de"],
    "full-width dot": ["jo@example。org"],
    "zero-width joiner": ["jo@exam\u200dple.org"],
    "long local part": [f"{'a' * 65}@example.org"],
    "long domain": ["jo@" + ".".join(["a" * 60] * 5)],
    "long label": [f"jo@{'a' * 64}.org"],
    "surrogate": ["j\udce9@example.org"],
    "endless": ["a" * 100_000 + "@example.org"],
}


@pytest.mark.parametrize(("text", "expected"), IDENTITIES.values(), ids=IDENTITIES)
def test_identity(text, expected):
    """A From field with one reading is an identity, whatever its name claims."""
    identity = parse_identity([text])

    assert (str(identity) if identity else None) == expected


@pytest.mark.parametrize("values", NO_IDENTITY.values(), ids=NO_IDENTITY)
def test_no_identity(values):
    """A From that two parsers could read in two ways, or that is no usable address, is nobody."""
    assert parse_identity(values) is None


PATHS = {
    "plain": ("jo@example.org", "jo@example.org"),
    "single label": ("root@localhost", "root@localhost"),
    "literal": ("jo@[192.0.2.1]", "jo@[192.0.2.1]"),
    "ipv6 literal": ("jo@[IPv6:2001:db8::1]", "jo@[ipv6:2001:db8::1]"),
    "quoted": ('"jo doe"@example.org', '"jo doe"@example.org'),
    "quoted at": ('"jo@x"@example.org', '"jo@x"@example.org'),
    "dots": ("jo..doe.@example.org", "jo..doe.@example.org"),
    "utf-8": ("jörg@bücher.example", "jörg@xn--bcher-kva.example"),
    "srs": ("SRS0=ab+c=d=example.org=jo@relay.example", "SRS0=ab+c=d=example.org=jo@relay.example"),
    "route": ("@relay.example:jo@example.org", None),
    "no domain": ("postmaster", None),
    "null": ("", None),
    "space": ("jo doe@example.org", None),
    "crlf": ("jo\r\n@example.org", None),
    "brackets": ("<jo@example.org>", None),
    "endless": ("a@" * 50_000, None),
}


@pytest.mark.parametrize(("text", "expected"), PATHS.values(), ids=PATHS)
def test_path(text, expected):
    """An SMTP path is wider than an identity, but never a route or a fragment."""
    path = parse_path(text)

    assert (str(path) if path else None) == expected


LISTS = {
    "plain": ("a@b.de, Jo <c@d.de>", [("", "a@b.de"), ("Jo", "c@d.de")]),
    "quoted comma": ('"Doe, Jo" <jo@b.de>, c@d.de', [("Doe, Jo", "jo@b.de"), ("", "c@d.de")]),
    "semicolons": ("a@b.de; c@d.de", [("", "a@b.de"), ("", "c@d.de")]),
    "group": ("Team: a@b.de, Jo <c@d.de>;, e@f.de", [("", "a@b.de"), ("Jo", "c@d.de"), ("", "e@f.de")]),
    "empty group": ("undisclosed-recipients:;", []),
    "comment": ("a@b.de (Jo)", [("Jo", "a@b.de")]),
    "rubbish between": ("a@b.de, what, <<>>, @, c@d.de", [("", "a@b.de"), ("", "c@d.de")]),
    "open quote": ('"Jo <a@b.de>, c@d.de', [('"Jo', "a@b.de"), ("", "c@d.de")]),
    "escaped quote": (r'"J\"o" <a@b.de>', [('J"o', "a@b.de")]),
    "route": ("<@x.de:a@b.de>", [("", "a@b.de")]),
    "empty": ("", []),
}


@pytest.mark.parametrize(("text", "expected"), LISTS.values(), ids=LISTS)
def test_list(text, expected):
    """A list gives what can be read of it and leaves out the rest."""
    assert [(name, str(address)) for name, address in parse_address_list(text, limit=10)] == expected


def test_list_is_bounded():
    """No more than `limit` mailboxes are read."""
    assert len(parse_address_list("a@b.de, " * 50_000, limit=100)) == 100


@pytest.mark.parametrize(
    "text",
    [
        '"' * 60_000,
        '"\\' * 30_000,
        "(" * 60_000,
        "<" * 60_000,
        "a@b.de(" * 9_000,
        ":;" * 30_000,
        '\\"' * 30_000,
        "=?" * 30_000,
    ],
    ids=["quotes", "escapes", "parens", "angles", "comments", "groups", "escaped quotes", "encoded words"],
)
def test_hostile_text_is_read_in_no_time(text):
    """Hostile fields at the size limit cost milliseconds, not seconds."""
    started = time.process_time()

    parse_address_list(text, limit=1_000)
    parse_identity([text])
    parse_identity([text[:2_000]])
    parse_path(text)

    assert time.process_time() - started < 0.5


FRAGMENTS = st.lists(
    st.sampled_from(
        [
            '"',
            "\\",
            "(",
            ")",
            "<",
            ">",
            "@",
            ",",
            ";",
            ":",
            ".",
            " ",
            "jo",
            "example.org",
            "=?utf-8?q?",
            "?=",
            "é",
            "\0",
            "[",
            "]",
        ]
    ),
    max_size=30,
).map("".join)


@given(st.lists(FRAGMENTS | st.text(), max_size=3))
def test_never_raises_and_identity_is_canonical(values):
    """Whatever From says, the answer is nobody or an address that reads back as itself."""
    identity = parse_identity(values)

    assert identity is None or parse_identity([str(identity)]) == identity
    assert all(isinstance(address, Address) for value in values for _, address in parse_address_list(value, limit=5))


@given(FRAGMENTS | st.text())
def test_path_reads_back(text):
    """A path that was read is the same address when read again."""
    path = parse_path(text)

    assert path is None or parse_path(str(path)) == path


def test_key_ignores_case():
    """One mailbox has one key."""
    assert Address("Jo.Doe", "example.org").key == Address("jo.doe", "example.org").key


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("example.org", "example.org"),
        ("a.b.example.org", "example.org"),
        ("mail.example.co.uk", "example.co.uk"),
        ("example.co.uk", "example.co.uk"),
        ("localhost", "localhost"),
    ],
)
def test_registered(domain, expected):
    """The organisation's part is two labels, three below a public two-level suffix."""
    assert registered(domain) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("example.org", "example.org", True),
        ("mail.example.org", "example.org", True),
        ("example.org", "a.b.example.org", True),
        ("badexample.org", "example.org", False),
        ("a.example.org", "b.example.org", False),
        ("example.co.uk", "co.uk", False),
        ("example.org", "org", False),
        ("", "", False),
    ],
)
def test_related(one, other, expected):
    """Domains are related when equal or one below the other, never by a public suffix alone."""
    assert related(one, other) is expected


@given(st.text(max_size=300))
def test_a_label_is_idempotent(text):
    """An A-label is its own A-label."""
    label = a_label(text)

    assert label is None or a_label(label) == label
