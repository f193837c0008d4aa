"""Training: deterministic, honest about what it cannot know, robust to wrong labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from classifier import labels
from classifier.cold import start
from classifier.corpus import KEYWORD, CorpusError, Row, names, terse
from classifier.evaluate import evaluate, train_and_evaluate
from classifier.train import Recipe, Step, train
from classifier.types import Band, Document
from tests.unit.classifier.build import CATALOGUE, QUICK, TOPICS, a_trained, some_rows


def test_same_seed_same_model() -> None:
    """Two trainings on the same rows, in any order of import, give the same model id and predictions."""
    again = train(some_rows(), CATALOGUE, QUICK)
    assert again.model.model_id == a_trained().model.model_id


def test_other_labels_other_id() -> None:
    """Another corpus gives another model id."""
    assert train(some_rows(30), CATALOGUE, QUICK).model.model_id != a_trained().model.model_id


def test_unusable_labels_are_refused_before_work() -> None:
    """Labels that cannot be learned from raise one clear line."""
    with pytest.raises(CorpusError, match="two categories"):
        train([Row(text="a", category="access"), Row(text="b", category="access")], CATALOGUE, QUICK)
    with pytest.raises(CorpusError, match="not in the catalogue"):
        train([*some_rows(5), Row(text="x", category="zzz")], CATALOGUE, QUICK)


def test_progress_is_told() -> None:
    """Each head in several pieces; the last step is all of it."""
    steps: list[Step] = []
    train(some_rows(10), CATALOGUE, QUICK, progress=steps.append)
    assert (steps[0].name, steps[0].done) == ("category", 0)
    assert steps[-1].done == steps[-1].total
    assert len(steps) > len({step.name for step in steps})


def test_card_says_what_the_model_is() -> None:
    """The card holds labels, counts, scores, the data hash and the whole recipe."""
    card = a_trained().model.card
    assert card["rows"] == len(a_trained().rows)
    assert {"data_sha256", "recipe", "heads", "languages"} <= set(card)


def test_five_labels_per_class_abstain() -> None:
    """With five mails per category nothing routes, or what routes is right."""
    figures = train_and_evaluate(some_rows(5), some_rows(40, seed=50), QUICK, CATALOGUE)[1]
    assert figures.misroute * figures.coverage <= 0.05


def test_unsure_tier_holds_a_mail_back() -> None:
    """When tiers are a coin toss and decide, nothing routes by itself; with one tier they hold nothing back."""
    noisy = train(some_rows(), CATALOGUE, replace(QUICK, tier_decides=True)).model
    mails = [Document(subject=r.subject, text=r.text) for r in some_rows(10, seed=77)]
    routed = [p for p in noisy.predict(mails) if p.band is Band.AUTOMATIC]
    assert all(p.category == "printing" for p in routed)
    assert any(p.band is Band.AUTOMATIC for p in a_trained().model.predict(mails))


def test_mixed_evidence_of_missing_labels() -> None:
    """Rows without tier, kind or urgency train the category alone; the tier is the catalogue's."""
    bare = [replace(r, tier=None, kind="", urgency="") for r in some_rows()]
    model = train(bare, CATALOGUE, QUICK).model
    assert [h.name for h in model.heads] == ["category"]
    [found] = model.predict([Document(subject="toner", text="the toner on floor 3 is broken and the scanner too")])
    assert (found.tier, found.kind, found.urgency) == (1, "other", "")


def test_cold_start_only_suggests() -> None:
    """A model of names, descriptions and keywords gets easy mails right and routes none."""
    model = start(CATALOGUE, more=TOPICS, recipe=QUICK).model
    figures = evaluate(model, some_rows(10, seed=3))
    assert figures.accuracy > 0.8
    assert figures.coverage == 0


def test_flipped_labels_are_suspicious() -> None:
    """Most of the worst-ranked rows are the ones somebody flipped."""
    rows = some_rows(60, seed=2)
    dice = np.random.default_rng(0)
    flipped = set(dice.permutation(len(rows))[: len(rows) // 10].tolist())
    names = sorted(TOPICS)
    wrong = [
        replace(r, category=names[(names.index(r.category) + 1) % 3], tier=1) if i in flipped else r
        for i, r in enumerate(rows)
    ]
    bad = {wrong[i].text for i in flipped}
    trained = train(wrong, CATALOGUE, QUICK)
    found = labels.suspicious(trained, limit=10)
    assert sum(trained.rows[s.row].text in bad for s in found) >= 7
    assert found[0].given_probability <= found[-1].given_probability


def test_noise_costs_little() -> None:
    """One wrong label in ten costs easy mails next to nothing."""
    rows = some_rows(60, seed=2)
    wrong = [replace(r, category="access", tier=1) if i % 10 == 0 else r for i, r in enumerate(rows)]
    test = some_rows(40, seed=9)
    clean = train_and_evaluate(rows, test, QUICK, CATALOGUE)[1].accuracy
    assert train_and_evaluate(wrong, test, QUICK, CATALOGUE)[1].accuracy > clean - 0.03


def test_wrong_labels_are_found_and_forgiven() -> None:
    """With every tenth label wrong the card says about how many, and what routes by itself is still right."""
    rows = some_rows(150, seed=2)
    dice = np.random.default_rng(3)
    flipped = set(dice.permutation(len(rows))[: len(rows) // 10].tolist())
    others = {c: [o for o in sorted(TOPICS) if o != c] for c in TOPICS}
    wrong = [
        replace(r, category=str(dice.choice(others[r.category])), tier=1) if i in flipped else r
        for i, r in enumerate(rows)
    ]
    recipe = replace(QUICK, blend=False)
    trained = train(wrong, CATALOGUE, recipe)
    assert 0.04 < trained.results["category"].noise.share < 0.2
    assert train(rows, CATALOGUE, recipe).results["category"].noise.share == 0
    figures = evaluate(trained.model, some_rows(60, seed=9))
    assert figures.coverage > 0.3
    assert figures.misroute <= 0.05


def test_names_teach_where_mails_are_few() -> None:
    """A category's name is a row of its own while mails are few, never twice, and never with many mails."""
    few = some_rows(5)
    assert {r.category for r in names(few, CATALOGUE)} == set(TOPICS)
    assert all(r.source == KEYWORD for r in names(few, CATALOGUE))
    assert names([*few, *names(few, CATALOGUE)], CATALOGUE) == ()
    assert names(some_rows(60), CATALOGUE) == ()


def test_one_sender_cannot_teach_alone() -> None:
    """At most so many rows of one sender and category count, the newest."""
    rows = [Row(text=f"mail {i}", category="access", sender="eve@example.org", at=float(i)) for i in range(500)]
    kept = labels.capped([*rows, *some_rows(3)], per_sender=20)
    assert sum(r.sender == "eve@example.org" for r in kept) == 20
    assert min(r.at for r in kept if r.sender == "eve@example.org") == 480.0


def test_first_labels_cover_the_topics() -> None:
    """The medoids of few clusters already show every topic."""
    rows = some_rows(30)
    chosen = labels.first_to_label([r.normalised for r in rows], count=9)
    assert {rows[i].category for i in chosen} == set(TOPICS)
    assert labels.first_to_label([], count=5) == ()


def test_next_labels_are_the_closest_calls() -> None:
    """The mail whose best two labels are closest comes first."""
    order = labels.next_to_label(np.array([[0.9, 0.1], [0.5, 0.5], [0.7, 0.3]]))
    assert order.tolist() == [1, 2, 0]


def test_kappa() -> None:
    """Agreement is one, chance is zero."""
    assert labels.kappa(["a", "b"], ["a", "b"]) == 1.0
    assert labels.kappa(["a", "a", "b", "b"], ["a", "b", "a", "b"]) == pytest.approx(0.0)


def test_window_keeps_corrections() -> None:
    """A full window drops the oldest imports, never an agent's correction."""
    rows = [replace(r, source="agent" if i == 0 else "import") for i, r in enumerate(some_rows(20))]
    trained = train(rows, CATALOGUE, Recipe(costs=(1.0,), sharpness=(0.0,), folds=2, window=30))
    assert sum(r.source != KEYWORD for r in trained.rows) == 30
    assert any(r.source == "agent" for r in trained.rows)


def test_second_opinion_is_trained_in() -> None:
    """With `keywords_agree` the shipped keywords travel in the model, and bare texts get a bound of their own."""
    rows = some_rows(60)
    recipe = replace(QUICK, keywords_agree=True, bare_risk=0.01)
    trained = train([*rows, *terse(rows, seed=0)], CATALOGUE, recipe)
    assert trained.model.rules is not None
    assert trained.model.scope.bare_least == trained.results["category"].bare_least > 0
    assert train(rows, CATALOGUE, QUICK).model.rules is None
