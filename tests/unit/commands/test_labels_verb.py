"""`firstline labels`, training from the store, the quick refit, the replay of past mail and the automatic way back."""

from __future__ import annotations

import json
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))
from arrange import a_ticket_in
from builders import NOW

from classifier.types import Document
from daemon import models
from daemon.learning import shelf
from daemon.store import labels
from daemon.store.labels import Provenance, Said
from tests.unit.commands.desk import ADesk
from tests.unit.learning.corpora import FILLER, WORDS, a_csv, mails

SENDERS = 12
PAST = NOW - timedelta(days=60)


def a_mailed_desk(desk: ADesk, amount: int, *, label: bool = True, seed: int = 1) -> list[int]:
    """Tickets of a dozen senders, each labelled by an agent; their inbound ids."""
    ids = []
    with desk.engine.begin() as tx:
        for number, (subject, body, category) in enumerate(mails(amount, seed=seed)):
            a_ticket_in(
                tx,
                message_id=f"<{seed}.{number}@example.org>",
                subject=subject,
                text=body,
                from_=f"Jo <jo{number % SENDERS}@example.org>",
                now=PAST + timedelta(minutes=number),
            )
            inbound_id = int(tx.exec_driver_sql("SELECT max(id) FROM inbound").scalar_one())
            ids.append(inbound_id)
            if label:
                said = Said(category=category, tier=1, provenance=Provenance.AGENT, by="agent@desk.example")
                labels.record(tx, said, inbound_id=inbound_id, now=PAST + timedelta(minutes=number))
    return ids


def predicted(desk: ADesk, inbound_id: int, category: str, *, model: str = "m-1", band: str = "automatic") -> None:
    """As if the daemon had stored this prediction."""
    fields = {"category": category, "confidence": 0.9, "band": band, "model": model}
    with desk.engine.begin() as tx:
        tx.exec_driver_sql(
            f"UPDATE inbound SET evidence = '{json.dumps({'prediction': fields})}' WHERE id = {inbound_id}"
        )
        tx.exec_driver_sql(
            f"UPDATE ticket SET model_id = '{model}', suggested = '' "
            f"WHERE id = (SELECT ticket_id FROM inbound WHERE id = {inbound_id})"
        )


def test_the_store_teaches(desk: ADesk) -> None:
    """Agents' labels become a model; a word that fewer than five people wrote is not in it."""
    a_mailed_desk(desk, 240)
    with desk.engine.begin() as tx:
        tx.exec_driver_sql("UPDATE entry SET text = text || ' xylophonist' WHERE author = 'jo1@example.org'")
        tx.exec_driver_sql("UPDATE entry SET text = text || ' quarterly' WHERE author LIKE 'jo%'")

    code, out, errors = desk.train("--activate", "--json")

    facts = json.loads(out)
    assert code == 0, errors + out
    assert facts["figures"]["accuracy"] > 0.9
    words = (Path(facts["path"]) / "words.txt").read_text().split("\n")
    assert "quarterly" in words
    assert not [word for word in words if "xylophon" in word]
    chars = (Path(facts["path"]) / "chars.txt").read_text()
    assert "xylo" not in chars


def test_few_senders_teach_nothing(desk: ADesk) -> None:
    """Four people's words would be theirs."""
    a_mailed_desk(desk, 60)
    with desk.engine.begin() as tx:
        tx.exec_driver_sql("UPDATE label SET sender = 'jo@example.org'")

    code, _, errors = desk.train()

    assert code == 65
    assert "5 senders" in errors


def test_an_empty_store_says_what_to_do(desk: ADesk) -> None:
    """No label yet."""
    code, _, errors = desk.train()

    assert code == 65
    assert "firstline labels review" in errors


def test_five_hundred_mails_of_one_sender_move_nothing(desk: ADesk) -> None:
    """Poison: the cap per sender keeps macro-F1 within a point."""
    a_mailed_desk(desk, 240)
    test = a_csv(desk.folder / "test.csv", mails(200, seed=8))
    _, out, _ = desk.train("--json")
    before = json.loads(out)
    with desk.engine.begin() as tx:
        for number, (subject, body, category) in enumerate(mails(500, seed=77)):
            wrong = sorted(set(WORDS) - {category})[number % 2]
            said = Said(category=wrong, provenance=Provenance.IMPORT, by="")
            words = labels.Imported(
                subject=subject, text=f"{body} {number}", sender="mallory@evil.example", mail_at=PAST
            )
            labels.record_import(tx, said, words, now=PAST)

    _, out, _ = desk.train("--json")
    after = json.loads(out)

    assert after["rows"] == before["rows"] + 20
    scores = [macro_f1(Path(each["path"]), test) for each in (before, after)]
    assert scores[0] - scores[1] < 0.01


def macro_f1(path: Path, test: Path) -> float:
    from classifier.evaluate import evaluate
    from daemon.learning.table import Columns, read_table

    return evaluate(shelf.load(path), read_table(test, Columns(text=("subject", "body"))).rows).macro_f1


def test_a_quick_refit_learns_the_newest_words_and_forgets_nothing(desk: ADesk) -> None:
    """New mails in new words are understood; the old ones are as well as before. Nothing new: nothing is done."""
    a_mailed_desk(desk, 240)
    _, out, errors = desk.train("--activate", "--json")
    full = json.loads(out)
    assert full["activated"], errors + out
    assert desk.run("train", "--quick")[1] == "nothing new was said\n"
    with desk.engine.begin() as tx:
        for number in range(30):
            a_ticket_in(
                tx,
                message_id=f"<new.{number}@example.org>",
                subject="projector beamer",
                text=f"the projector beamer hdmi flickers {FILLER[number % 17]} {FILLER[number % 13]}",
                from_=f"Jo <jo{number % SENDERS}@example.org>",
                now=PAST + timedelta(days=1, minutes=number),
            )
            inbound_id = int(tx.exec_driver_sql("SELECT max(id) FROM inbound").scalar_one())
            said = Said(category="printing", provenance=Provenance.AGENT, by="agent@desk.example")
            labels.record(tx, said, inbound_id=inbound_id, now=datetime.now(UTC) + timedelta(hours=1))

    code, out, errors = desk.run("train", "--quick", "--activate", "--json")

    facts = json.loads(out)
    assert code == 0, errors + out
    assert facts["activated"]
    assert models.active(desk.models) == facts["model"] != full["model"]
    model = shelf.load(desk.models / facts["model"])
    (new,) = model.predict([Document(subject="", text="beamer hdmi projector")])
    assert new.category == "printing"
    old = mails(100, seed=5)
    said = model.predict([Document(subject=subject, text=body) for subject, body, _ in old])
    assert sum(p.category == label for p, (_, _, label) in zip(said, old, strict=True)) >= 97
    assert shelf.load_twin(desk.models / facts["model"]).model_id == shelf.load_twin(Path(full["path"])).model_id


def test_a_quick_refit_needs_a_model_of_the_desk(desk: ADesk) -> None:
    """The starter was trained on other rows, which are not here to be replayed."""
    a_mailed_desk(desk, 10)

    code, _, errors = desk.run("train", "--quick")

    assert code == 65
    assert "run 'firstline train' first" in errors


def test_a_backtest_tells_what_would_change(desk: ADesk) -> None:
    """Beside what was predicted then, and what people said since."""
    ids = a_mailed_desk(desk, 240)
    for inbound_id in ids[:40]:
        predicted(desk, inbound_id, "network")
    _, out, errors = desk.train("--activate", "--json")
    model = json.loads(out)["model"]

    code, out, errors = desk.run("model", "backtest", "--since", "9000d", "--json")

    facts = json.loads(out)
    assert code == 0, errors
    assert (facts["mails"], facts["labelled"], facts["routed_then"], facts["model"]) == (240, 240, 40, model)
    assert facts["right"] > 230 > facts["right_then"]
    assert facts["changed"] == sum(count for _, count in facts["moves"])
    with pytest.raises(AssertionError):
        assert desk.run("model", "backtest", "--since", "soon")[0] == 0


def test_a_trial_in_the_shadow_is_compared_with_what_people_said(desk: ADesk) -> None:
    """Better beyond chance where it alone was right; a foreign id in a mail's own words counts for nothing."""
    ids = a_mailed_desk(desk, 240)
    _, out, _ = desk.train("--activate", "--json")
    _, out, _ = desk.run("model", "shadow", json.loads(out)["model"])
    assert out == ""  # it serves already
    path = a_csv(desk.folder / "more.csv", mails(60, seed=9))
    candidate = json.loads(desk.train("--from", str(path), "--json")[1])["model"]

    code, out, errors = desk.run("model", "shadow", candidate[:-3])
    assert code == 0, errors
    assert f"{candidate} predicts in the shadow of" in out
    truth = [category for _, _, category in mails(240)]
    for number, inbound_id in enumerate(ids[:40]):
        wrong = min(set(WORDS) - {truth[number]})
        said = {"category": truth[number], "band": "automatic", "model": candidate}
        then = {"category": wrong if number < 12 else truth[number], "band": "automatic", "model": "m"}
        facts = json.dumps({"prediction": then, "shadow": said}, separators=(",", ":"))
        with desk.engine.begin() as tx:
            tx.exec_driver_sql(f"UPDATE inbound SET evidence = '{facts}' WHERE id = {inbound_id}")
    with desk.engine.begin() as tx:
        facts = json.dumps({"subject": f'"shadow":{{"model":"{candidate}"'}, separators=(",", ":"))
        tx.exec_driver_sql(f"UPDATE inbound SET evidence = '{facts}' WHERE id = {ids[-1]}")

    code, out, errors = desk.run("model", "shadow", "--report", "--json")

    facts = json.loads(out)
    assert code == 0, errors
    assert (facts["mails"], facts["same"], facts["labelled"], facts["right_serving"]) == (40, 28, 40, 28)
    assert (facts["only_shadow"], facts["only_serving"], facts["better"], facts["worse"]) == (12, 0, True, False)
    assert "better beyond chance" in desk.run("model", "shadow", "--report")[1]
    assert desk.run("model", "shadow", "--stop")[0] == 0
    assert desk.run("model", "shadow", "--report")[0] == 65


def test_corrections_that_rise_bring_the_old_model_back(desk: ADesk) -> None:
    """12 of 30 corrected after 2 of 100: the one before serves again, by itself, and the history says why."""
    ids = a_mailed_desk(desk, 240, label=False)
    a_csv(desk.folder / "a.csv", mails(250))
    a_csv(desk.folder / "b.csv", mails(300, seed=6))
    names = []
    for file in ("a.csv", "b.csv"):
        _, out, errors = desk.train("--from", str(desk.folder / file), "--activate", "--json")
        assert json.loads(out)["activated"], errors + out
        names.append(json.loads(out)["model"])
    old, new = names
    now = datetime.now(UTC)
    with desk.engine.begin() as tx:
        tx.exec_driver_sql(f"UPDATE ticket SET opened_at = {round(now.timestamp() * 1e6)}")
    for number, inbound_id in enumerate(ids[:130]):
        predicted(desk, inbound_id, "network", model=old if number < 100 else new)

    def correct(inbound_ids: list[int]) -> None:
        with desk.engine.begin() as tx:
            for inbound_id in inbound_ids:
                said = Said(category="access", provenance=Provenance.AGENT, by="agent@desk.example")
                labels.record(tx, said, inbound_id=inbound_id, now=now)

    correct(ids[:2] + ids[100:104])
    assert desk.run("model", "watch")[0] == 0
    assert models.active(desk.models) == new

    correct(ids[104:112])
    code, out, _ = desk.run("model", "watch")

    assert code == 1
    assert f"{old} serves again" in out
    assert models.active(desk.models) == old
    last = models.history(desk.models)[-1]
    assert last.how == "automatic"
    assert "12 of 30" in last.why
    assert desk.run("model", "watch")[0] == 0


def test_check_finds_what_is_wrong(desk: ADesk) -> None:
    """Copies, contradictions, tiny classes, marks that a tool left, and labels that all others speak against."""
    rows = mails(200)
    marked = [(s, f"[network] {b}" if label == "network" else b, label) for s, b, label in rows]
    wrong = [("printer toner", "the printer has a paper jam and no toner", "access")]
    copies = [("Same", "the very same text", "network"), ("same", "The very  same text!", "access")]
    path = a_csv(desk.folder / "a.csv", [*marked, *wrong, *copies])

    code, out, errors = desk.run("labels", "check", "--from", str(path), "--json")

    facts = json.loads(out)
    assert code == 0, errors
    assert {"duplicate", "contradiction", "leak"} <= {each["code"] for each in facts["findings"]}
    assert (200, "access", "printing") in {(d["row"], d["given"], d["likely"]) for d in facts["doubtful"][:3]}


def test_check_says_when_training_cannot_run(desk: ADesk) -> None:
    """A label outside the catalogue."""
    path = a_csv(desk.folder / "a.csv", [*mails(20), ("x", "y", "garden")])

    code, out, _ = desk.run("labels", "check", "--from", str(path))

    assert code == 1
    assert "problem  unknown-category" in out


def test_export_and_import_are_each_others_inverse(desk: ADesk, tmp_path: Path) -> None:
    """JSON lines and CSV; the second time nothing is new; the file is its owner's alone."""
    a_mailed_desk(desk, 12)
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    other = ADesk(other_folder)
    for number, name in enumerate(("out.jsonl", "out.csv")):
        path = tmp_path / name
        code, out, errors = desk.run("labels", "export", str(path))
        assert (code, out) == (0, f"12 labels written to {path}\n"), errors
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

        code, out, errors = other.run("labels", "import", str(path))

        assert code == 0, errors
        assert out.startswith("12 labels taken" if number == 0 else "0 labels taken")
    with desk.engine.begin() as one, other.engine.begin() as two:
        mine, theirs = list(labels.current(one)), list(labels.current(two))
    other.engine.dispose()
    assert {(m.subject, m.text, m.said.category, m.said.tier, m.sender, m.mail_at) for m in mine} == {
        (m.subject, m.text, m.said.category, m.said.tier, m.sender, m.mail_at) for m in theirs
    }


def unsure(desk: ADesk, inbound_id: int, confidence: float, runner_up: float) -> None:
    """As if the daemon had stored what the model saw of this mail."""
    fields = {"category": "network", "confidence": confidence, "runner_up": ["access", runner_up], "band": "suggest"}
    with desk.engine.begin() as tx:
        tx.exec_driver_sql(
            f"UPDATE inbound SET evidence = '{json.dumps({'prediction': fields})}' WHERE id = {inbound_id}"
        )


def test_review_asks_the_disputed_and_the_unsure_first(desk: ADesk) -> None:
    """Two people disagreed on the third; between the first's two likeliest is least difference. Undo takes back."""
    a_mailed_desk(desk, 15, seed=4)
    ids = a_mailed_desk(desk, 4, label=False)
    for inbound_id, (confidence, runner_up) in zip(ids, ((0.4, 0.39), (0.3, 0.1), (0.9, 0), (0.95, 0)), strict=True):
        unsure(desk, inbound_id, confidence, runner_up)
    with desk.engine.begin() as tx:
        for category, by in (("network", "ann@x.example"), ("access", "bob@x.example")):
            said = Said(category=category, provenance=Provenance.AGENT, by=by)
            labels.record(tx, said, inbound_id=ids[2], now=PAST)

    code, out, errors = desk.run("labels", "review", "--reader", "eve", answers="printing\n1\nu\nacc\nwhat\ns\nq\n")

    assert code == 0, errors
    assert "people said: access (agent), network (agent)" in out
    assert "no such category" in out
    with desk.engine.begin() as tx:
        reviewed = {each.inbound_id: each.said.category for each in labels.current(tx) if each.said.by == "eve"}
    assert reviewed == {ids[2]: "printing", ids[0]: "access"}


def test_a_cold_desk_is_asked_about_one_mail_of_each_kind(desk: ADesk) -> None:
    """Nobody has said anything yet: the first three are of three categories, whatever the model thinks."""
    ids = a_mailed_desk(desk, 60, label=False)
    for inbound_id in ids:
        unsure(desk, inbound_id, 0.34, 0.33)
    truth = {subject: category for subject, _, category in mails(60)}

    code, out, errors = desk.run("labels", "review", "--limit", "3", answers="s\ns\ns\n")

    assert code == 0, errors
    asked = [line.split("  ", 2)[2] for line in out.splitlines() if line.startswith("— ")]
    assert {truth[subject] for subject in asked} == set(WORDS)


def test_doubtful_labels_are_asked_about(desk: ADesk) -> None:
    """A label that all other mails speak against; a review puts it right and it is not asked again."""
    ids = a_mailed_desk(desk, 150)
    wrong = next(i for i, (_, _, category) in zip(ids, mails(150), strict=True) if category == "printing")
    with desk.engine.begin() as tx:
        said = Said(category="access", provenance=Provenance.AGENT, by="agent@desk.example")
        labels.record(tx, said, inbound_id=wrong, now=NOW)

    code, out, errors = desk.run("labels", "review", "--doubtful", "--reader", "eve", answers="printing\nq\n")

    assert code == 0, errors
    assert "(labelled access, other mails say printing" in out
    with desk.engine.begin() as tx:
        (now,) = [each for each in labels.current(tx) if each.inbound_id == wrong]
    assert (now.said.category, now.said.by) == ("printing", "eve")
    assert desk.run("labels", "review", "--doubtful", "--second")[0] != 0


def test_a_second_reader_is_blind_and_agreement_is_told(desk: ADesk) -> None:
    """Cohen's kappa on what both have read."""
    ids = a_mailed_desk(desk, 4, label=False)
    desk.run("labels", "review", "--reader", "ann", answers="network\naccess\nprinting\nnetwork\n")

    code, out, errors = desk.run(
        "labels", "review", "--reader", "bob", "--second", answers="network\naccess\nprinting\nnetwork\n"
    )

    assert code == 0, errors
    assert "people said" not in out
    assert "model thinks" not in out
    assert "agreement of ann and bob: kappa" in out
    assert "on 4 mails" in out
    assert len(ids) == 4


def test_a_mail_cannot_drive_the_terminal(desk: ADesk) -> None:
    """Escape sequences of a stranger are shown as blanks."""
    (inbound_id,) = a_mailed_desk(desk, 1, label=False)
    with desk.engine.begin() as tx:
        tx.exec_driver_sql(f"UPDATE entry SET text = 'x' || char(27) || '[2Jy' WHERE inbound_id = {inbound_id}")

    _, out, _ = desk.run("labels", "review", answers="q\n")

    assert "\x1b" not in out
    assert "x [2Jy" in out
