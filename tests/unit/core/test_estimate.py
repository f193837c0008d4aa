"""The honest estimate: covers what it says while the desk stays as it is, and falls silent when it does not."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from builders import NOW, a_calendar
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.calendar import working_between
from daemon.core.estimate import (
    ENOUGH,
    Sample,
    cells,
    coverage,
    expected_at,
    fit,
    hour_of_week,
    learn,
    pick,
    quantile,
)


def a_sample(took_s: int, *, answered: bool = True, category: str = "access", tier: int = 1, hour: int = 10) -> Sample:
    return Sample(category=category, tier=tier, hour=hour, took_s=took_s, answered=answered)


@given(st.permutations(range(1, 40)))
def test_without_anybody_waiting_it_is_the_conformal_rank(order: list[int]) -> None:
    """⌈0.8·(n+1)⌉-th smallest, in whatever order they came."""
    assert quantile([a_sample(took) for took in order]) == math.ceil(0.8 * 40)


def test_whoever_still_waits_counts_as_long_as_he_has_waited() -> None:
    """Leaving them out would know only the quick answers."""
    quick = [a_sample(took) for took in range(1, 30)]
    waiting = [a_sample(100, answered=False) for _ in range(10)]

    bound = quantile([*quick, *waiting])
    assert bound is None  # a quarter still waits: nobody knows when four of five are answered
    assert quantile(quick) is not None


@given(st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), min_size=1, max_size=80))
def test_one_more_who_waits_never_makes_it_shorter(found: list[tuple[int, bool]]) -> None:
    """An answer that has not come is later than one that has."""
    samples = [a_sample(took, answered=answered) for took, answered in found]
    before, after = quantile(samples), quantile([*samples, a_sample(10_001, answered=False)])

    assert after is None or (before is not None and after >= before)


def test_the_narrowest_cell_with_enough_answers_speaks() -> None:
    """The hour, else a part of the week, else any time, else any category of the tier."""
    known = learn([a_sample(60) for _ in range(ENOUGH)] + [a_sample(600, hour=160) for _ in range(ENOUGH - 1)])

    assert pick(known, "access", 1, 10).took_s == 60
    assert pick(known, "access", 1, 160).took_s == 600  # of both hours together
    assert pick(known, "access", 2, 10) is None
    assert pick(known, "printer", 1, 10).took_s == 60
    assert len(set(cells("access", 1, 10))) == 5


def test_the_newest_answers_count() -> None:
    """What the desk did long ago is another desk's."""
    known = learn([a_sample(60) for _ in range(250)] + [a_sample(6_000) for _ in range(1_000)])

    assert pick(known, "access", 1, 10).took_s == 60


def test_the_hour_is_that_on_the_wall() -> None:
    """Monday nine o'clock UTC is ten in Berlin."""
    assert hour_of_week(NOW, "Europe/Berlin") == 10
    assert hour_of_week(datetime(2026, 11, 22, 23, 30, tzinfo=UTC), "Europe/Berlin") == 0


@given(st.integers(0, 400_000), st.integers(0, 7 * 24 * 60))
def test_the_instant_is_never_sooner_than_the_estimate(took_s: int, minutes: int) -> None:
    """Working time of the calendar, on a full minute."""
    calendar, opened = a_calendar(), NOW + timedelta(minutes=minutes)
    at = expected_at(calendar, opened, took_s)

    assert at.second == at.microsecond == 0
    assert working_between(calendar, opened, at) >= timedelta(seconds=took_s)
    assert working_between(calendar, opened, at) < timedelta(seconds=took_s + 60)


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ([True] * 199, False),
        (([True] * 4 + [False]) * 40, True),
        (([True] * 9 + [False]) * 100, False),
        (([True] * 7 + [False] * 3) * 100, False),
        ([True, False, False] * 20 + ([True] * 4 + [False]) * 180, False),
        ([True] * 60 + ([True] * 4 + [False]) * 180, False),
    ],
    ids=["too-few", "good", "too-wide", "too-tight", "suddenly-slow", "suddenly-quick"],
)
def test_it_is_said_only_while_it_holds(held: list[bool], said: bool) -> None:
    """Within three points over the long run, and no sudden change."""
    assert fit(held) is said


def lived(*, slower_from: int | None) -> list[tuple[int, bool, bool]]:
    """(number, said, held) of 6,000 requests of a desk that looks back every hundredth request."""
    chance = random.Random(7)
    rows: list[tuple[str, int, float, float, int | None]] = []
    told: list[tuple[int, bool, bool]] = []
    known, good = {}, False
    for number in range(6_000):
        now = number * 1_200.0
        if number % 100 == 0:
            seen = rows[-2_500:][::-1]
            held = [took <= bound for _, _, at, took, bound in seen if bound is not None and at + bound <= now]
            known = learn(
                a_sample(int(min(took, now - at)), answered=at + took <= now, category=category, hour=hour)
                for category, hour, at, took, _ in seen
            )
            good = fit(held)
        category, hour = chance.choice("abcd"), chance.randrange(168)
        scale = 3_600 * (1 + ord(category) - ord("a")) * (3 if slower_from and number >= slower_from else 1)
        took = scale * math.exp(chance.gauss(-0.8, 0.9))
        found = pick(known, category, 1, hour)
        rows.append((category, hour, now, took, found.took_s if found else None))
        told.append((number, found is not None and good, found is not None and took <= found.took_s))
    return told


def test_it_covers_four_of_five_of_what_it_says() -> None:
    """Within three points, over a desk whose categories differ."""
    held = [held for _, said, held in lived(slower_from=None) if said]

    assert len(held) > 4_000
    assert abs(coverage(held) - 0.8) <= 0.03


def test_it_falls_silent_when_the_desk_changes_and_comes_back() -> None:
    """Three times slower from one day on: silent within days, honest in all that was said, back in the end."""
    told = lived(slower_from=3_000)

    after = [number for number, said, _ in told if said and 3_000 <= number < 4_000]
    assert len(after) <= 250
    assert abs(coverage([held for _, said, held in told if said]) - 0.8) <= 0.03
    assert any(said for number, said, _ in told if number > 5_500)
