"""`firstline train` and `model`: measured, refused or activated, taken back; wrong input changes nothing."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from classifier.types import Document
from daemon import models
from daemon.learning import shelf
from tests.unit.commands.desk import ADesk
from tests.unit.learning.corpora import WORDS, a_csv, mails

DOCUMENTS = [Document(subject=subject, text=body) for subject, body, _ in mails(40, seed=9)]


def flipped(rows: list[tuple[str, str, str]], share: float) -> list[tuple[str, str, str]]:
    """The same mails with a share of wrong labels."""
    dice = random.Random(3)
    return [
        (s, b, dice.choice([w for w in sorted(WORDS) if w != label]) if dice.random() < share else label)
        for s, b, label in rows
    ]


def trained(desk: ADesk, rows: list[tuple[str, str, str]], *words: str, name: str = "a.csv") -> tuple[int, dict]:
    path = a_csv(desk.folder / name, rows)
    code, out, errors = desk.train("--from", str(path), "--json", *words)
    assert out, errors
    return code, json.loads(out)


def test_a_model_is_measured_reported_and_does_not_serve_by_itself(desk: ADesk) -> None:
    """Figures of mails it never saw, baselines beside them, a report to look at, and the way to let it serve."""
    code, facts = trained(desk, mails(300))

    assert code == 0
    assert facts["activated"] is False
    assert models.active(desk.models) == "starter"
    assert facts["figures"]["accuracy"] > 0.9
    assert set(facts["baselines"]) >= {"keyword rules"}
    assert facts["held"] + facts["taught"] <= 300
    assert facts["held"] > 30
    report = Path(facts["report"])
    assert "<html" in report.read_text()
    assert json.loads(report.with_suffix(".json").read_text())["model_id"] == facts["model"]
    assert facts["refusals"] == []


def test_the_same_rows_and_seed_give_the_same_model(desk: ADesk) -> None:
    """Deterministic: the id is made of what it predicts with."""
    _, first = trained(desk, mails(150))
    _, second = trained(desk, mails(150))
    _, other = trained(desk, mails(150), "--seed", "7")

    assert first["model"] == second["model"]
    assert models.known(desk.models).count(first["model"]) == 1
    assert other["compared_with"] == first["compared_with"]


def test_activate_and_roll_back_give_identical_predictions(desk: ADesk) -> None:
    """A serves, then B, then A again: the very same answers."""
    _, a = trained(desk, mails(200), "--activate")
    assert a["activated"]
    before = shelf.load(Path(models.serving(desk.models.parent, "starter"))).predict(DOCUMENTS)
    _, b = trained(desk, mails(320, seed=4), name="b.csv")

    code, out, errors = desk.run("model", "activate", b["model"])
    assert (code, models.active(desk.models)) == (0, b["model"]), errors
    assert "serves now" in out
    code, _, _ = desk.run("model", "rollback")

    assert code == 0
    assert models.active(desk.models) == a["model"]
    assert shelf.load(Path(models.serving(desk.models.parent, "starter"))).predict(DOCUMENTS) == before


def test_a_fifth_of_wrong_labels_is_refused(desk: ADesk) -> None:
    """Whether the mails that measure are flipped too or not; the old model goes on, and the reason is said."""
    rows = mails(500)
    _, good = trained(desk, rows, "--activate")
    assert good["activated"]

    code, bad = trained(desk, flipped(rows, 0.2), "--activate", name="flipped.csv")

    assert code == 1
    assert bad["refusals"]
    assert not bad["activated"]
    assert models.active(desk.models) == good["model"]
    code, _, errors = desk.run("model", "activate", bad["model"])
    assert code == 1
    assert "refused by" in errors
    assert f"{good['model']} goes on" in errors


def test_the_gate_names_a_worse_golden_set_and_a_protected_class(desk: ADesk) -> None:
    """A model that forgot a category that the desk protects."""
    golden = a_csv(desk.folder / "golden.csv", mails(120, seed=11))
    desk.experiment.write_text(
        desk.experiment.read_text() + f'[gate]\ngolden = "{golden.name}"\nprotected = ["access"]\n'
    )
    trained(desk, mails(300), "--activate")
    forgot = [(s, b, "network" if label == "access" else label) for s, b, label in mails(300, seed=2)]
    forgot += [row for row in mails(60, seed=5) if row[2] == "access"][:2]

    code, facts = trained(desk, forgot, "--activate", name="forgot.csv")

    rules = {each["rule"] for each in facts["refusals"]}
    assert code == 1
    assert {"golden-set", "protected-class-access"} <= rules


def test_fewer_labels_than_stated_are_refused(desk: ADesk) -> None:
    """The experiment says how many it wants."""
    desk.experiment.write_text(desk.experiment.read_text() + "fewest_rows = 1000\n")

    code, facts = trained(desk, mails(200), "--activate")

    assert code == 1
    assert [each["rule"] for each in facts["refusals"]] == ["fewest-labels"]
    assert models.active(desk.models) == "starter"


@pytest.mark.parametrize(
    ("rows", "header", "words"),
    [
        pytest.param([("a", "b", "network"), ("c", "d", "access")], None, "two examples each", id="two-singletons"),
        pytest.param(mails(30), ("title", "content", "category"), "no text column", id="no-text-column"),
        pytest.param([*mails(30), ("x", "y", "garden")], None, "'garden' is not in the catalogue", id="foreign-label"),
        pytest.param([], None, "no row below the header", id="empty"),
    ],
)
def test_wrong_input_is_one_clear_line_and_changes_nothing(
    desk: ADesk, rows: list, header: tuple[str, ...] | None, words: str
) -> None:
    """The old model keeps serving."""
    _, good = trained(desk, mails(200), "--activate")
    path = a_csv(desk.folder / "wrong.csv", rows, header or ("subject", "body", "category"))

    code, out, errors = desk.train("--from", str(path), "--activate")

    assert code == 65
    assert words in errors.splitlines()[-1]
    assert errors.splitlines()[-1].startswith("Unusable: ")
    assert out == ""
    assert models.active(desk.models) == good["model"]
    assert models.known(desk.models) == (good["model"],)


@pytest.mark.parametrize("damage", ["truncated", "tampered", "other-format", "missing-file", "garbage"])
def test_a_damaged_model_is_refused_and_the_old_one_serves(desk: ADesk, damage: str) -> None:
    """One clear line each."""
    _, good = trained(desk, mails(200), "--activate")
    _, other = trained(desk, mails(200, seed=6), name="b.csv")
    path = Path(other["path"])
    weights = path / "weights.npz"
    match damage:
        case "truncated":
            weights.write_bytes(weights.read_bytes()[:-50])
        case "tampered":
            weights.write_bytes(weights.read_bytes()[:-1] + b"!")
        case "other-format":
            manifest = json.loads((path / "manifest.json").read_text())
            (path / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
        case "missing-file":
            weights.unlink()
        case "garbage":
            (path / "manifest.json").write_text("not json")

    code, out, errors = desk.run("model", "activate", other["model"])

    assert code == 65
    assert "refused" in errors
    assert len(errors.splitlines()) == 1
    assert out == ""
    assert models.active(desk.models) == good["model"]


def test_a_model_that_was_changed_after_it_was_measured_is_refused(desk: ADesk) -> None:
    """Whole and loadable, but not the one the gate looked at."""
    _, good = trained(desk, mails(200), "--activate")
    _, one = trained(desk, mails(200, seed=6), name="b.csv")
    _, two = trained(desk, mails(200, seed=7), name="c.csv")
    for file in ("manifest.json", "weights.npz", "words.txt", "chars.txt", "config.json", "card.json"):
        (Path(one["path"]) / file).write_bytes((Path(two["path"]) / file).read_bytes())

    code, _, errors = desk.run("model", "activate", one["model"])

    assert code == 65
    assert "not measured here" in errors
    assert models.active(desk.models) == good["model"]


def test_a_model_measured_against_another_is_refused(desk: ADesk) -> None:
    """What was better than the model before last may be worse than the last."""
    _, a = trained(desk, mails(150))
    trained(desk, mails(250, seed=6), "--activate", name="b.csv")

    code, _, errors = desk.run("model", "activate", a["model"])

    assert code == 65
    assert "run 'firstline train' again" in errors


def test_a_model_of_another_catalogue_is_refused(desk: ADesk) -> None:
    """Its answers would mean nothing here."""
    _, a = trained(desk, mails(150))
    desk.config.write_text(desk.config.read_text().replace("category.access", "category.entry"))

    code, _, errors = desk.run("model", "activate", a["model"])

    assert code == 65
    assert "'access' is not in this desk's catalogue" in errors


def test_output_goes_to_a_place_of_its_own(desk: ADesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where nothing is configured: the labels of the file are the catalogue."""
    path = a_csv(desk.folder / "a.csv", mails(120))

    code, out, errors = desk.train("--from", str(path), "--output", str(desk.folder / "out"), "--json")

    assert code == 0, errors
    assert shelf.load(desk.folder / "out").model_id == json.loads(out)["model"]
    assert not desk.models.exists()


def test_a_catalogue_alone_gives_a_model_that_routes_nothing(desk: ADesk) -> None:
    """Cold start: suggestions only, and no gate would let it serve."""
    desk.config.write_text(
        desk.config.read_text().replace('title = "Printing"', 'title = "P"\nkeywords = ["printer", "paper", "toner"]')
    )

    code, out, errors = desk.train("--from", "catalogue", "--json")

    assert code == 0, errors
    assert "too-few-to-measure" in {each["rule"] for each in json.loads(out)["refusals"]}
    model = shelf.load(Path(json.loads(out)["path"]))
    assert {p.band.value for p in model.predict(DOCUMENTS)} <= {"suggest", "human"}


def test_ls_show_and_diff(desk: ADesk) -> None:
    """What an admin looks at."""
    _, a = trained(desk, mails(200), "--activate")
    _, b = trained(desk, mails(250, seed=6), name="b.csv")

    _, out, _ = desk.run("model", "ls")
    assert [line[0] for line in out.splitlines()] == [" ", "*", " "]
    assert a["model"] in desk.run("model", "show")[1]
    differences = json.loads(desk.run("model", "diff", b["model"], "--json")[1])
    assert {"data_sha256"} <= {each["what"] for each in differences}
    assert desk.run("model", "diff", a["model"], a["model"])[1] == "no difference\n"


def test_history_keeps_who_served(desk: ADesk) -> None:
    """Beside the link, with dates in UTC."""
    _, a = trained(desk, mails(200), "--activate")

    (change,) = models.history(desk.models)
    assert (change.model, change.before, change.how) == (a["model"], "starter", "activate")
    assert datetime.fromisoformat(change.at).tzinfo == UTC
