"""SPF: RFC 7208's mechanisms, modifiers, macros and limits, as tables over a resolver of strings."""

from __future__ import annotations

import asyncio
import ipaddress
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.authentication.findings import Trouble
from daemon.authentication.spf import SpfLimits, check_host
from daemon.authentication.spf_macro import Broken, Sender, expand, is_domain_spec
from daemon.authentication.spf_record import is_record, read_record

FOUR, SIX = "192.0.2.3", "2001:db8::cb01"


class Names(dict):
    """`name TYPE` → answers; `!` is an outage."""

    asked = 0

    async def ask(self, name: str, kind: str) -> tuple[str, ...]:
        self.asked += 1
        found = self.get(f"{name.lower()} {kind}", ())
        if found == "!":
            raise Trouble(name)
        return tuple(found)


COMMON = {
    "mail.example.org A": [FOUR],
    "mail.example.org AAAA": [SIX],
    "near.example.org A": ["192.0.2.200"],
    "near.example.org AAAA": ["2001:db8::1"],
    "far.example.org A": ["198.51.100.1"],
    "example.org A": [FOUR],
    "example.org AAAA": [SIX],
    "example.org MX": ["far.example.org", "mail.example.org"],
    "far.example.org MX": ["far.example.org"],
    "many.example.org MX": [f"mx{n}.example.org" for n in range(11)],
    f"{FOUR} PTR": ["liar.example.net", "mail.example.org"],
    f"{SIX} PTR": ["mail.example.org"],
    "liar.example.net A": ["198.51.100.9"],
    "pass.example.net TXT": ["v=spf1 +all"],
    "fail.example.net TXT": ["v=spf1 -all"],
    "soft.example.net TXT": ["v=spf1 ~all"],
    "neutral.example.net TXT": ["v=spf1 ?all"],
    "broken.example.net TXT": ["v=spf1 what"],
    "out.example.net TXT": "!",
    "out.example.net A": "!",
    "out.example.net MX": "!",
    "loop.example.net TXT": ["v=spf1 include:loop.example.net -all"],
    "round.example.net TXT": ["v=spf1 redirect=round.example.net"],
    "jo.there.example.net A": ["127.0.0.2"],
    "3.2.0.192.in-addr.there.example.net A": ["127.0.0.2"],
    "org.example.there.example.net A": ["127.0.0.2"],
    "jo.example.there.example.net A": ["127.0.0.2"],
    "mail.example.org.there.example.net A": ["127.0.0.2"],
}


def check(record: str | list[str], *, ip: str = FOUR, sender: str = "jo@example.org", more=None, **limits) -> str:
    texts = [record] if isinstance(record, str) else record
    local, _, domain = sender.rpartition("@")
    who = Sender(ip=ipaddress.ip_address(ip), local=local, domain=domain, helo="mail.example.org")
    dns = Names({**COMMON, f"{domain} TXT": texts, **(more or {})})
    return asyncio.run(check_host(dns, who, SpfLimits(**limits)))


# fmt: off
RESULTS = [
    # record, result for 192.0.2.3, jo@example.org
    ("v=spf1 -all", "fail"), ("v=spf1 ~all", "softfail"), ("v=spf1 ?all", "neutral"), ("v=spf1 +all", "pass"),
    ("v=spf1 all", "pass"), ("v=spf1", "neutral"), ("V=SPF1 -ALL", "fail"), ("v=spf1  -all ", "fail"),
    ("v=spf10 -all", "none"), ("v=spf1-all", "none"), ("v=DMARC1; p=reject", "none"), ("", "none"),
    # ip4
    ("v=spf1 ip4:192.0.2.3 -all", "pass"), ("v=spf1 ip4:192.0.2.4 -all", "fail"),
    ("v=spf1 ip4:192.0.2.0/24 -all", "pass"), ("v=spf1 ip4:0.0.0.0/0 -all", "pass"),
    ("v=spf1 ip4:192.0.2.0/33 -all", "permerror"), ("v=spf1 ip4:192.0.2 -all", "permerror"),
    ("v=spf1 ip4:192.0.2.3/ -all", "permerror"), ("v=spf1 ip4:192.0.2.3/024 -all", "permerror"),
    ("v=spf1 ip4 -all", "permerror"), ("v=spf1 ip4: -all", "permerror"), ("v=spf1 ip4:192.0.2.3//24", "permerror"),
    ("v=spf1 ip4=192.0.2.3 -all", "fail"),  # an unknown modifier
    # ip6 against an IPv4 peer
    ("v=spf1 ip6:2001:db8::/32 -all", "fail"), ("v=spf1 ip6:::/0 -all", "fail"), ("v=spf1 ip6:zz -all", "permerror"),
    ("v=spf1 ip6:::1%eth0 -all", "permerror"), ("v=spf1 ip6:2001:db8::/129 -all", "permerror"),
    # a
    ("v=spf1 a -all", "pass"), ("v=spf1 a:mail.example.org -all", "pass"), ("v=spf1 a:far.example.org -all", "fail"),
    ("v=spf1 a:near.example.org/24 -all", "pass"), ("v=spf1 a:near.example.org/25 -all", "fail"),
    ("v=spf1 a:far.example.org/0 -all", "pass"), ("v=spf1 a:near.example.org/24//64 -all", "pass"),
    ("v=spf1 a/24 -all", "pass"), ("v=spf1 a//64 -all", "pass"), ("v=spf1 a:near.example.org/33", "permerror"),
    ("v=spf1 a: -all", "permerror"), ("v=spf1 a:localhost -all", "permerror"), ("v=spf1 a:x.123 -all", "permerror"),
    ("v=spf1 a:nothing.example.org -all", "fail"), ("v=spf1 a:out.example.net -all", "temperror"),
    ("v=spf1 a:mail.example.org. -all", "pass"), ("v=spf1 -a -all", "fail"), ("v=spf1 a/ -all", "permerror"),
    ("v=spf1 A:MAIL.example.ORG -all", "pass"), ("v=spf1 a:" + "x" * 64 + ".example.org -all", "fail"),
    # mx
    ("v=spf1 mx -all", "pass"), ("v=spf1 mx:far.example.org -all", "fail"), ("v=spf1 mx/0 -all", "pass"),
    ("v=spf1 mx:many.example.org -all", "permerror"), ("v=spf1 mx:out.example.net -all", "temperror"),
    ("v=spf1 mx:nothing.example.org -all", "fail"), ("v=spf1 mx:far.example.org//64 -all", "fail"),
    # ptr
    ("v=spf1 ptr -all", "pass"), ("v=spf1 ptr:example.org -all", "pass"), ("v=spf1 ptr:example.net -all", "fail"),
    ("v=spf1 ptr:mail.example.org -all", "pass"), ("v=spf1 ptr:ample.org -all", "fail"),
    ("v=spf1 ptr/24 -all", "permerror"),
    # include
    ("v=spf1 include:pass.example.net -all", "pass"), ("v=spf1 -include:pass.example.net", "fail"),
    ("v=spf1 include:fail.example.net ~all", "softfail"), ("v=spf1 include:soft.example.net -all", "fail"),
    ("v=spf1 include:neutral.example.net -all", "fail"), ("v=spf1 include:broken.example.net +all", "permerror"),
    ("v=spf1 include:nothing.example.net +all", "permerror"), ("v=spf1 include:out.example.net +all", "temperror"),
    ("v=spf1 include:loop.example.net +all", "permerror"), ("v=spf1 include +all", "permerror"),
    ("v=spf1 include:pass.example.net/24", "permerror"),
    # exists
    ("v=spf1 exists:mail.example.org -all", "pass"), ("v=spf1 exists:nothing.example.org -all", "fail"),
    ("v=spf1 exists -all", "permerror"), ("v=spf1 exists:mail.example.org/24 -all", "permerror"),
    ("v=spf1 exists:%{l}.there.example.net -all", "pass"),
    ("v=spf1 exists:%{ir}.%{v}.there.example.net -all", "pass"),
    ("v=spf1 exists:%{dr}.there.example.net -all", "pass"),
    ("v=spf1 exists:%{l}.%{d2r}.there.example.net -all", "fail"),
    ("v=spf1 exists:%{l}.%{o1r}.there.example.net -all", "pass"),
    ("v=spf1 exists:%{p}.there.example.net -all", "pass"), ("v=spf1 exists:%{h}.there.example.net -all", "pass"),
    ("v=spf1 exists:%{s}.there.example.net -all", "fail"), ("v=spf1 exists:%{x}.there.example.net", "permerror"),
    ("v=spf1 exists:%{c}.there.example.net", "permerror"), ("v=spf1 exists:%{d0}.there.example.net", "permerror"),
    ("v=spf1 exists:%(d).there.example.net", "permerror"), ("v=spf1 exists:100%.example.net", "permerror"),
    ("v=spf1 exists:%{d", "permerror"), ("v=spf1 exists:%{d}", "pass"),
    # modifiers
    ("v=spf1 redirect=fail.example.net", "fail"), ("v=spf1 redirect=pass.example.net", "pass"),
    ("v=spf1 redirect=nothing.example.net", "permerror"), ("v=spf1 redirect=out.example.net", "temperror"),
    ("v=spf1 redirect=pass.example.net -all", "fail"), ("v=spf1 redirect=broken.example.net ?all", "neutral"),
    ("v=spf1 redirect=a.example redirect=b.example", "permerror"), ("v=spf1 exp=a.example exp=b.example", "permerror"),
    ("v=spf1 redirect=round.example.net", "permerror"), ("v=spf1 redirect= -all", "permerror"),
    ("v=spf1 exp=%{c}.example.org -all", "permerror"), ("v=spf1 exp=why.example.org -all", "fail"),
    ("v=spf1 new=thing -all", "fail"), ("v=spf1 new=%{c} -all", "fail"), ("v=spf1 new=%z -all", "permerror"),
    ("v=spf1 +redirect=a.example", "permerror"), ("v=spf1 ip4:192.0.2.3 redirect=fail.example.net", "pass"),
    # syntax: one wrong term spoils all, even behind a match
    ("v=spf1 ip4:192.0.2.3 what", "permerror"), ("v=spf1 +all junk", "permerror"), ("v=spf1 all:x.example", "permerror"),  # noqa: E501
    ("v=spf1 all/8", "permerror"), ("v=spf1 ++all", "permerror"), ("v=spf1 -", "permerror"), ("v=spf1 :", "permerror"),
    ("v=spf1\t-all", "none"), ("v=spf1 -all\t", "permerror"), ("v=spf1 ип -all", "permerror"),
]
SIX_RESULTS = [
    ("v=spf1 ip6:2001:db8::/32 -all", "pass"), ("v=spf1 ip6:2001:db8::cb01 -all", "pass"),
    ("v=spf1 ip6:2001:db9::/32 -all", "fail"), ("v=spf1 ip6:::/0 -all", "pass"), ("v=spf1 ip4:0.0.0.0/0 -all", "fail"),
    ("v=spf1 a -all", "pass"), ("v=spf1 a:near.example.org//64 -all", "pass"),
    ("v=spf1 a:near.example.org//127 -all", "fail"), ("v=spf1 a:near.example.org/0 -all", "fail"),
    ("v=spf1 mx -all", "pass"), ("v=spf1 ptr -all", "pass"),
    ("v=spf1 exists:%{ir}.%{v}.arpa.example -all", "pass"),
]
# fmt: on


@pytest.mark.parametrize(("record", "result"), RESULTS)
def test_a_record_for_an_ipv4_peer(record, result):
    """The result that RFC 7208 gives this record."""
    assert check(record) == result


@pytest.mark.parametrize(("record", "result"), SIX_RESULTS)
def test_a_record_for_an_ipv6_peer(record, result):
    """The same with a peer that speaks IPv6."""
    nibbles = ".".join(reversed(ipaddress.ip_address(SIX).exploded.replace(":", "")))

    assert check(record, ip=SIX, more={f"{nibbles}.ip6.arpa.example A": ["127.0.0.2"]}) == result


def test_two_records_are_a_permanent_error():
    """§4.5: nobody can say which one was meant; other TXT records beside one do not matter."""
    assert check(["v=spf1 +all", "v=spf1 -all"]) == "permerror"
    assert check(["google-site-verification=x", "v=spf1 +all"]) == "pass"


def test_an_outage_of_the_record_itself_is_temporary():
    """§4.4."""
    assert check("", more={"example.org TXT": "!"}) == "temperror"


@pytest.mark.parametrize("domain", ["localhost", "a..b.example", "x" * 64 + ".example", "." * 5, "-"])
def test_a_name_that_cannot_be_has_no_policy(domain):
    """§4.3: malformed domains are `none`, and nothing is asked for them."""
    dns = Names()
    sender = Sender(ip=ipaddress.ip_address(FOUR), local="jo", domain=domain, helo="x.example")

    assert asyncio.run(check_host(dns, sender)) == "none"
    assert dns.asked == 0


def includes(count: int) -> dict[str, list[str]]:
    return {f"i{n}.example.net TXT": ["v=spf1 ?all"] for n in range(count)}


@pytest.mark.parametrize(("count", "result"), [(10, "fail"), (11, "permerror")])
def test_ten_terms_may_ask(count, result):
    """§4.6.4: the eleventh is too much."""
    record = "v=spf1 " + " ".join(f"include:i{n}.example.net" for n in range(count)) + " -all"

    assert check(record, more=includes(count)) == result


@pytest.mark.parametrize(("count", "result"), [(2, "fail"), (3, "permerror")])
def test_two_questions_may_be_without_answer(count, result):
    """§4.6.4: the third is too much."""
    record = "v=spf1 " + " ".join(f"a:no{n}.example.net" for n in range(count)) + " -all"

    assert check(record) == result


def test_limits_are_the_desks_to_set():
    """An admin may allow a partner's broken record more, or everybody less."""
    record = "v=spf1 a:no1.example.net a:no2.example.net a:no3.example.net -all"

    assert check(record, void=3) == "fail"
    assert check("v=spf1 include:pass.example.net include:pass.example.net -all", lookups=0) == "permerror"


def test_nested_includes_share_one_count():
    """A tree of includes cannot ask more than a flat record."""
    more = {f"t{n}.example.net TXT": [f"v=spf1 include:t{n + 1}.example.net -all"] for n in range(30)}

    assert check("v=spf1 include:t0.example.net +all", more=more) == "permerror"


def test_a_bomb_of_includes_asks_no_more_than_it_may():
    """Each include names ten more: what we ask stays bounded."""
    more = {
        f"b{n}.example.net TXT": ["v=spf1 " + " ".join(f"include:b{m}.example.net" for m in range(10)) + " ?all"]
        for n in range(10)
    }
    dns = Names({**more, "example.org TXT": ["v=spf1 include:b0.example.net -all"]})
    sender = Sender(ip=ipaddress.ip_address(FOUR), local="jo", domain="example.org", helo="x.example")

    assert asyncio.run(check_host(dns, sender)) == "permerror"
    assert dns.asked <= 11


SENDER = Sender(ip=ipaddress.ip_address(FOUR), local="strong-bad", domain="email.example.com", helo="h.example")
# fmt: off
MACROS = [
    ("%{s}", "strong-bad@email.example.com"), ("%{o}", "email.example.com"), ("%{d}", "email.example.com"),
    ("%{d4}", "email.example.com"), ("%{d3}", "email.example.com"), ("%{d2}", "example.com"), ("%{d1}", "com"),
    ("%{dr}", "com.example.email"), ("%{d2r}", "example.email"), ("%{l}", "strong-bad"), ("%{l-}", "strong.bad"),
    ("%{lr}", "strong-bad"), ("%{lr-}", "bad.strong"), ("%{l1r-}", "strong"), ("%{i}", FOUR), ("%{v}", "in-addr"),
    ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"), ("%{h}", "h.example"), ("%{p}", "unknown"),
    ("%%", "%"), ("a%_b", "a b"), ("a%-b", "a%20b"), ("%{S}", "strong-bad%40email.example.com"),
    ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
]
# fmt: on


@pytest.mark.parametrize(("text", "expanded"), MACROS)
def test_macros(text, expanded):
    """What each macro stands for."""
    assert expand(text, sender=SENDER, domain="email.example.com") == expanded


def test_a_long_name_loses_labels_from_the_left():
    """§7.3: at most 253 octets."""
    text = ".".join(["%{l}"] * 40) + ".example.com"

    name = expand(text, sender=SENDER, domain="example.com")

    assert len(name) <= 253
    assert name.endswith(".strong-bad.example.com")


@given(st.text(alphabet="v=spf1 +-~?all:a.mx/0123456789iperdct%{}_\u00fc\t", max_size=120))
def test_any_record_is_read_or_refused(text):
    """Reading never raises anything but `Broken`."""
    record = "v=spf1 " + text
    assert is_record(record)
    with suppress(Broken):
        read_record(record)


@given(
    st.lists(
        st.sampled_from(["a", "mx", "ptr", "include:%{d}", "exists:%{l}.x.example", "redirect=%{d}", "-all"]),
        max_size=15,
    ),
    st.sampled_from([FOUR, SIX, "::ffff:1.2.3.4"]),
)
def test_any_sequence_of_terms_ends(terms, ip):
    """Every record ends in one of the seven results, whatever refers to itself."""
    known = {"none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"}

    assert check("v=spf1 " + " ".join(terms), ip=ip) in known


@given(st.text(max_size=60))
def test_any_domain_spec_is_judged(text):
    """Strangers' text is a domain-spec or not, without an exception."""
    assert is_domain_spec(text) in {True, False}
