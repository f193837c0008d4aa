"""The training report: numbers that add up, nobody named, nothing fetched."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from classifier import report
from classifier.catalogue import Catalogue
from classifier.gate import compare
from classifier.page import page
from classifier.report import Point
from classifier.train import train
from tests.unit.classifier.build import CATALOGUE, QUICK, a_trained, some_rows

MODEL = a_trained().model
REPORT = report.build(
    a_trained(),
    test=some_rows(20, seed=8),
    active=MODEL,
    comparisons=[compare("time split", MODEL, MODEL, some_rows(10, seed=4))],
    curve=[Point(x=20, y=0.7), Point(x=40, y=0.8), Point(x=80, y=0.87)],
)


def test_confusion_adds_up() -> None:
    """Every held-out row is in the matrix once, and the diagonal is the accuracy."""
    head = REPORT.heads[0]
    assert sum(map(sum, head.confusion)) == head.rows
    assert sum(head.confusion[i][i] for i in range(len(head.labels))) == round(head.accuracy * head.rows)


def test_json_is_json() -> None:
    """The JSON form reads back, with figures of every head and the baselines."""
    found = json.loads(REPORT.json())
    assert {h["name"] for h in found["heads"]} == {"category", "tier", "kind", "urgency"}
    assert {"majority", "keyword rules"} <= set(found["baselines"])
    assert found["drift"] < 0.05


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [v or "" for k, v in attrs if k in {"src", "href"}]


def test_page_is_self_contained() -> None:
    """No script, no link, no image: one file that opens anywhere."""
    tags = Tags()
    tags.feed(page(REPORT))
    assert "svg" in tags.seen
    assert not {"script", "img", "link", "iframe"} & set(tags.seen)
    assert tags.links == []


def test_hostile_label_is_escaped() -> None:
    """A label that is markup stays text."""
    evil = "<script>alert(1)</script>"
    rows = [replace(r, category=evil if r.category == "access" else r.category, tier=None) for r in some_rows(10)]
    trained = train(rows, Catalogue.of(sorted({r.category for r in rows})), QUICK)
    assert "<script>" not in page(report.build(trained))


def test_texts_are_masked() -> None:
    """Words outside the vocabulary, addresses and numbers never reach the report."""
    shown = report.masked("printer of gwendolyn.smith@example.org ext 4455667 qqqzzz broken", MODEL)
    assert "printer" in shown
    assert not re.search("gwendolyn|4455667|qqqzzz", shown)


def test_learning_curve_grows() -> None:
    """More mails, better or equal, and the forecast follows the slope."""
    curve = report.learning_curve(some_rows(40), CATALOGUE, QUICK, shares=(0.1, 1.0))
    assert curve[0].x < curve[1].x
    assert curve[0].y <= curve[1].y
    assert report.rows_for([Point(x=100, y=0.8), Point(x=400, y=0.9)]) == 1600
    assert report.rows_for([Point(x=100, y=0.8), Point(x=400, y=0.8)]) is None


def test_the_page_says_what_the_gate_and_the_years_said() -> None:
    """Verdict, the paired comparison with misroutes, and the categories that moved since the active model."""
    later = [row for row in some_rows(60, seed=3) if row.category != "printing" or row.at % 3 == 0]
    made = report.build(train(later, CATALOGUE, QUICK), active=a_trained().model)

    assert page(made).count("<h2>Drift since the active model</h2>") == 1
    assert sum(each.now for each in made.moved) == pytest.approx(1.0)
    assert "Nothing speaks against" in page(replace(made, gate=()))
    assert "Refused: &lt;b&gt;" in page(replace(made, gate=("<b>",)))


@pytest.mark.parametrize(
    ("points", "wanted"),
    [
        pytest.param([(100, 0.6), (200, 0.7), (400, 0.775)], 2130, id="falling"),
        pytest.param([(100, 0.8), (200, 0.803), (400, 0.81)], None, id="flat"),
        pytest.param([(100, 0.8)], None, id="one-point"),
    ],
)
def test_how_many_more_labels(points: list[tuple[float, float]], wanted: int | None) -> None:
    """A number while mistakes fall; none where it would only be a large guess."""
    found = report.rows_for([Point(x=x, y=y) for x, y in points])

    assert found == (wanted if wanted is None else pytest.approx(wanted, rel=0.1))
