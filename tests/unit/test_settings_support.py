"""The support model in the configuration: what it becomes, and which agreements are refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from daemon import resources
from daemon.core.ticket import Priority
from daemon.core.token import Keyring
from daemon.errors import Misconfigured
from daemon.settings import Settings, policy
from daemon.settings.ics import days_off, trouble
from daemon.settings.load import load

OWN = '[desk.help]\ntitle = "Help"\naddress = "help@example.com"\n'
KEYRING = Keyring(keys=(b"k" * 32,))
EXAMPLES = ("small-desk", "school-district", "state-agency")
YEARS = range(2026, 2028)


def loaded(folder: Path, text: str) -> Settings:
    file = folder / "firstline.toml"
    file.write_text(OWN + text)
    return load(file, environ={"HOME": str(folder)})


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_a_configuration(tmp_path: Path, name: str) -> None:
    """It can be copied as it is: it loads, and it is an agreement with hours, people and an address."""
    settings = load(resources.folder("config") / "examples" / f"{name}.toml", environ={"HOME": str(tmp_path)})

    made = policy(settings, keyring=KEYRING, today=date(2026, 11, 22))

    assert made.desks[0].title
    assert all(made.team(tier.team).addresses for tier in made.tiers)
    assert all(dict(tier.resolution).keys() == set(Priority) for tier in made.tiers)


def test_every_example_is_tested() -> None:
    """A worked example that nobody loads goes stale."""
    assert {file.stem for file in (resources.folder("config") / "examples").glob("*.toml")} == set(EXAMPLES)


def test_five_tiers_come_with_targets_and_a_path(tmp_path: Path) -> None:
    """Out of the box: every target for every priority, escalation up to the last tier, which has none above."""
    made = policy(loaded(tmp_path, ""), keyring=KEYRING)

    assert [tier.number for tier in made.tiers] == [0, 1, 2, 3, 4]
    assert [tier.escalates_to for tier in made.tiers] == [1, 2, 3, 4, None]
    for tier in made.tiers:
        for clock in ("first_response", "next_update", "resolution"):
            assert all(tier.target(clock, priority) for priority in Priority)


def test_a_vendor_tier_is_no_escalation_by_default(tmp_path: Path) -> None:
    """Tier 3 does not escalate to a supplier unless somebody writes so."""
    made = policy(
        loaded(
            tmp_path,
            '[supplier.x]\ntitle = "X"\naddress = "noc@x.example"\ncontract = "c"\ncalendar = "always"\n'
            '[tier.4]\nsupplier = "x"\n',
        ),
        keyring=KEYRING,
    )

    assert made.tier(3).escalates_to is None


CASES = {
    "circle": ("[tier.1]\nescalates_to = 2\n[tier.2]\nescalates_to = 1\n", 5, "tier.1.escalates_to", "1 → 2 → 1"),
    "itself": ("[tier.3]\nescalates_to = 3\n", 5, "tier.3.escalates_to", "goes in a circle"),
    "unknown tier above": ("[tier.3]\nescalates_to = 8\n", 5, "tier.3.escalates_to", 'no tier "8"'),
    "no hours": ("[calendar.office]\nhours = {}\n", 5, "calendar.office.hours", "without hours"),
    "unknown calendar": ('[tier.2]\ncalendar = "night"\n', 5, "tier.2.calendar", 'no calendar "night"'),
    "out of reach": (
        '[calendar.office]\nhours = { mon = ["09:00-10:00"] }\n[tier.1]\nresolution.P4 = "200h"\n',
        7,
        "tier.1.resolution",
        "cannot be reached within 26 weeks",
    ),
    "resolution first": (
        '[tier.1]\nfirst_response.P1 = "2h"\nfirst_response.P2 = "2h"\nresolution.P1 = "1h"\n',
        7,
        "tier.1.resolution.P1",
        "shorter than the target of the first response",
    ),
    "out of order": (
        '[tier.1]\nnext_update.P2 = "1h"\n',
        5,
        "tier.1.next_update.P2",
        "shorter than the target of a more",
    ),
    "unknown approver": (
        '[category.purchase]\napprovers = ["boss"]\n',
        5,
        "category.purchase.approvers",
        'no approver "boss"',
    ),
    "unknown deputy": (
        '[approver.boss]\ntitle = "Boss"\naddress = "boss@example.com"\ndeputies = ["vice"]\n',
        7,
        "approver.boss.deputies",
        'no approver "vice"',
    ),
    "circle of deputies": (
        (
            '[approver.a]\ntitle = "A"\naddress = "a@example.com"\ndeputies = ["b"]\n'
            '[approver.b]\ntitle = "B"\naddress = "b@example.com"\ndeputies = ["c"]\n'
            '[approver.c]\ntitle = "C"\naddress = "c@example.com"\ndeputies = ["a"]\n'
        ),
        7,
        "approver.a.deputies",
        "goes in a circle: a → b → c → a",
    ),
    "his own deputy": (
        '[approver.a]\ntitle = "A"\naddress = "a@example.com"\ndeputies = ["a"]\n',
        7,
        "approver.a.deputies",
        "nobody is his own deputy",
    ),
    "approver at the desk": (
        '[approver.a]\ntitle = "A"\naddress = "help@example.com"\n',
        6,
        "approver.a.address",
        "is an address of desk help",
    ),
    "one person twice": (
        '[approver.a]\ntitle = "A"\naddress = "a@example.com"\n[approver.b]\ntitle = "B"\naddress = "a@example.com"\n',
        9,
        "approver.b.address",
        "one person has one name",
    ),
    "supplier without address": (
        '[supplier.acme]\ntitle = "Acme"\ncontract = "c"\ncalendar = "always"\n[tier.4]\nsupplier = "acme"\n',
        4,
        "supplier.acme.address",
        "is missing: tier 4 hands its tickets over to it",
    ),
    "supplier out of reach": (
        (
            '[calendar.rare]\nhours = { mon = ["09:00-10:00"] }\n[supplier.acme]\ntitle = "Acme"\ncontract = "c"\n'
            'calendar = "rare"\nresolution = { P1 = "1h", P2 = "1h", P3 = "1h", P4 = "90h" }\n'
        ),
        10,
        "supplier.acme.resolution",
        "cannot be reached within 26 weeks",
    ),
    "foreign channel": (
        '[tier.2]\nchannels = ["experts@example.com"]\n',
        5,
        "tier.2.channels",
        "is no address of a desk",
    ),
    "channel to two tiers": (
        (
            'aliases = ["vip@example.com"]\n[tier.2]\nchannels = ["vip@example.com"]\n'
            '[tier.3]\nchannels = ["vip@example.com"]\n'
        ),
        8,
        "tier.3.channels",
        "leads to tier 2 already",
    ),
    "a tier without a calendar": (
        '[tier.6]\ntitle = "Six"\nfirst_response = { P1 = "1h", P2 = "1h", P3 = "1h", P4 = "1h" }\n',
        4,
        "tier.6.calendar",
        "is missing",
    ),
    "unknown supplier": ('[tier.4]\nsupplier = "acme"\n', 5, "tier.4.supplier", 'no supplier "acme"'),
    "no contract": (
        '[supplier.acme]\ntitle = "Acme"\ncalendar = "always"\n',
        4,
        "supplier.acme.contract",
        "underpinning contract",
    ),
    "unknown team of a tier": ('[tier.2]\nteams = ["ghosts"]\n', 5, "tier.2.teams", 'no team "ghosts"'),
    "closing before asking": (
        "[follow]\nwaiting_days = [5]\nwaiting_close_days = 5\n",
        6,
        "follow.waiting_close_days",
        "after the last",
    ),
    "share": ("[follow]\nreminders = [1.5]\n", 5, "follow.reminders", "between 0 and 1"),
    "lost file": ('[calendar.office]\nics = ["gone.ics"]\n', 5, "calendar.office.ics", "No such file"),
    "script": ("[category.access]\nscript = [1]\n", 5, "category.access.script", "a list of lines"),
}


@pytest.mark.parametrize(("text", "line", "key", "words"), CASES.values(), ids=CASES.keys())
def test_a_mistake_is_refused_where_it_stands(tmp_path: Path, text: str, line: int, key: str, words: str) -> None:
    """With file, line and key, before the daemon starts."""
    with pytest.raises(Misconfigured) as refused:
        loaded(tmp_path, text)

    hits = [
        found
        for found in str(refused.value).splitlines()
        if f"firstline.toml:{line}: {key}" in found and words in found
    ]
    assert hits, str(refused.value)


def calendar(tmp_path: Path, *events: str) -> Path:
    file = tmp_path / "days.ics"
    body = "".join(f"BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n" for event in events)
    file.write_bytes(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{body}END:VCALENDAR\r\n".encode())
    return file


def test_days_off_come_from_a_calendar_file(tmp_path: Path) -> None:
    """Whole days, several of them, every year; folded lines; no event at a time of day."""
    file = calendar(
        tmp_path,
        "DTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20261227\r\nSUMMARY:Winter\\, a long\r\n er break",
        "DTSTART;VALUE=DATE:20200305\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:Founders",
        "DTSTART:20261110T233000Z\r\nSUMMARY:Board",
    )

    found = days_off(file, YEARS)

    assert found == {
        date(2026, 12, 24): "Winter, a longer break",
        date(2026, 12, 25): "Winter, a longer break",
        date(2026, 12, 26): "Winter, a longer break",
        date(2026, 3, 5): "Founders",
        date(2027, 3, 5): "Founders",
    }


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("DTSTART;VALUE=DATE:20261301\r\nSUMMARY:x", "no calendar has"),
        ("DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=WEEKLY\r\nSUMMARY:x", "not understood"),
        ("SUMMARY:x", "no date"),
        ("DTSTART;VALUE=DATE:20260101\r\nDTEND;VALUE=DATE:20300101\r\nSUMMARY:x", "more than 366 days"),
        ("DTSTART:20261110T233000Z\r\nSUMMARY:x", "no whole-day event"),
    ],
)
def test_half_a_holiday_list_is_refused(tmp_path: Path, event: str, words: str) -> None:
    """What is not understood stops the start; it does not shorten the list."""
    assert words in trouble(calendar(tmp_path, event))


def test_anything_else_is_no_calendar(tmp_path: Path) -> None:
    """A page of HTML saved under that name is told apart."""
    file = tmp_path / "page.ics"
    file.write_text("<html>")

    assert "no iCalendar file" in trouble(file)


def test_a_calendar_that_its_file_closes_is_refused(tmp_path: Path) -> None:
    """A file that closes every day leaves nothing to promise."""
    years = (
        f"DTSTART;VALUE=DATE:{year}0101\r\nDTEND;VALUE=DATE:{year + 1}0101\r\nSUMMARY:x" for year in range(2020, 2060)
    )
    for_ever = calendar(tmp_path, *years)
    with pytest.raises(Misconfigured, match=r"firstline.toml:5: calendar.office.ics: leaves no hour"):
        loaded(tmp_path, f'[calendar.office]\nics = ["{for_ever}"]\n')
