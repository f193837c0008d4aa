"""The table of what must hold, and the starter on tickets of a foreign desk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from classifier.catalogue import DEFAULT
from classifier.corpus import Row
from classifier.demands import demands
from classifier.evaluate import Figures
from classifier.rules import KeywordRules
from classifier.starter import foreign

FIGURES = Figures(n=2000, accuracy=0.92, macro_f1=0.9, ece=0.05, majority=0.1, coverage=0.5, misroute_upper=0.04)


def test_floors_are_judged_in_their_direction() -> None:
    """Accuracy must be above its floor, calibration error below; what no set can tell is left out."""
    found = {each.measure: each for each in demands({"banking77": replace(FIGURES, train_s=60.0)})}
    assert found["banking77: accuracy"].holds
    assert not found["banking77: accuracy"].reached
    assert not found["banking77: ECE"].holds
    assert found["banking77: misroute at a stated 5 % risk, upper bound"].holds
    assert any("to train" in name and each.holds and not each.reached for name, each in found.items())
    assert not any("AUROC" in name for name in found)


def test_noise_is_a_difference_of_two_sets() -> None:
    """The points that wrong labels cost need both runs."""
    noisy = replace(FIGURES, accuracy=0.89)
    [lost] = [d for d in demands({"topics8": FIGURES, "topics8-noise10": noisy}) if "lost" in d.measure]
    assert round(lost.value, 6) == 3.0
    assert not lost.holds
    assert not any("lost" in d.measure for d in demands({"topics8-noise10": noisy}))


def test_with_an_encoder_more_is_asked() -> None:
    """The same figures may hold without and miss with a sentence encoder."""
    [fast] = [d for d in demands({"banking77": FIGURES}) if d.measure.endswith("accuracy")]
    [plus] = [d for d in demands({"banking77": FIGURES}, plus=True) if d.measure.endswith("accuracy")]
    assert fast.holds
    assert not plus.holds


def test_foreign_tickets_are_judged_by_the_mapping() -> None:
    """Only what routes counts, a group may stand for several categories, and unmapped groups are left out."""
    rules = KeywordRules.of({"printing": ["toner", "printer", "paper", "tray"]}, DEFAULT)
    text = "toner printer paper tray"
    rows = [Row(text=text, category=group) for group in ("Hardware", "Access", "Nobody")] + [
        Row(text="hello", category="Hardware")
    ]
    found = foreign.routed(rules, rows, foreign.SETS)
    assert (found.rows, found.routed, found.right, found.precision) == (3, 2, 1, 0.5)
    assert foreign.routed(rules, rows, foreign.STRICT).right == 0
    assert found.upper > 0.5


def test_without_the_tickets_nothing_is_said(tmp_path: Path) -> None:
    """A directory without the set gives no lines."""
    assert foreign.starter_demands(tmp_path) == ()


def test_mappings_name_known_categories() -> None:
    """Both mappings speak of the default catalogue, and the strict one is inside the other."""
    for group, category in foreign.STRICT.items():
        assert category <= foreign.SETS[group] <= set(DEFAULT.ids)
