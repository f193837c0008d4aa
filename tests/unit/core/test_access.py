"""Ways to a tier, the languages it speaks, and the zone a requester lives in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from builders import NOW, a_category, a_message, a_policy, a_reading, a_tier, an_address, an_envelope

from daemon.core.access import placed, zone_of
from daemon.core.route import Route
from daemon.core.ticket import Kind, Priority
from daemon.languages import say_instant

VIP = an_address("support@example.com")
POLICY = a_policy(
    tiers=(a_tier(1, languages=("en", "es")), a_tier(2, languages=("en",)), a_tier(3, channels=(VIP,), team="first")),
    categories=(a_category(tiers=(1, 2, 3)),),
)
WAY = Route(category="hardware", tier=2, kind=Kind.INCIDENT, priority=Priority.P3, team="first", certain=True)


def tier_of(language: str = "", **envelope) -> int:
    reading = a_reading(a_message(to=str(envelope.pop("to", "help@example.com"))), language=language)
    return placed(WAY, an_envelope(**envelope), reading, POLICY).tier


@pytest.mark.parametrize(
    ("envelope", "tier"),
    [
        ({}, 2),
        ({"forward_paths": ("support@example.com",)}, 3),
        ({"forward_paths": ("support+x@example.com",)}, 3),
        ({"forward_paths": (), "to": "support@example.com"}, 3),
    ],
    ids=["desk", "envelope", "plus", "header"],
)
def test_the_address_of_a_tier_is_a_way_to_it(envelope, tier: int) -> None:
    """Whatever the model says."""
    assert tier_of(**envelope) == tier


@pytest.mark.parametrize(("language", "tier"), [("en", 2), ("", 2), ("es", 1), ("fr", 3)])
def test_a_tier_that_does_not_speak_it_is_passed_over(language: str, tier: int) -> None:
    """For the lowest one that does; a tier without languages speaks those of the desk."""
    assert tier_of(language) == tier


@pytest.mark.parametrize(
    ("date", "zone"),
    [
        ("Mon, 23 Nov 2026 14:30:00 +0530", "UTC+05:30"),
        ("Mon, 23 Nov 2026 04:00:00 -0500 (EST)", "UTC-05:00"),
        ("23 Nov 2026 04:00 -0500", "UTC-05:00"),
        ("Mon, 23 Nov 2026 10:00:00 +0100", ""),  # the desk's own
        ("Mon, 23 Nov 2026 09:00:00 +0000", ""),  # servers write so
        ("Mon, 23 Nov 2026 09:00:00 -0000", ""),
        ("Mon, 23 Nov 2026 09:00:00 GMT", ""),
        ("Mon, 23 Nov 2026 09:00:00 +9900", ""),
        ("+0500", ""),
        ("", ""),
    ],
)
def test_the_date_tells_the_zone(date: str, zone: str) -> None:
    """Only an offset that says something, and none that nobody lives in."""
    assert zone_of(a_message(headers={"Date": date}), "Europe/Berlin", NOW) == zone


def test_an_instant_is_said_in_that_zone() -> None:
    """With the distance from UTC, so that nobody can mistake it."""
    assert (
        say_instant(datetime(2026, 11, 24, 9, 0, tzinfo=UTC), "UTC-05:00", "en") == "Tuesday 24 November, 04:00 (UTC−5)"
    )
