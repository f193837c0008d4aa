"""A desk with a sentence encoder: training with it, refusing to serve without it, and the readers' fallback."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from classifier.types import Document
from daemon import models
from daemon.core.address import Address
from daemon.core.envelope import Channel, Envelope
from daemon.core.limits import Limits
from daemon.reader.model import load_classifier
from daemon.reader.pool import ReaderPool
from daemon.reader.worker import Bounds
from daemon.settings import policy
from tests.unit.classifier.test_encoder_joined import some_mails
from tests.unit.classifier.tiny_encoder import write
from tests.unit.commands.desk import ADesk


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[ADesk, dict[str, object]]:
    """A desk with one model that needs an encoder; the configuration does not name it yet."""
    place = tmp_path_factory.mktemp("desk")
    desk = ADesk(place)
    write(place / "encoder")
    with (place / "a.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["body", "category"])
        table.writerows([r.text, r.category] for r in some_mails(slice(0, 8), 50))
    code, out, errors = desk.train(
        "--from", str(place / "a.csv"), "--text", "body", "--encoder", str(place / "encoder"), "--json"
    )
    assert code == 0, errors
    return desk, json.loads(out)


def name_it(desk: ADesk, folder: Path | None) -> None:
    """What an admin types; None takes it out."""
    kept = desk.config.read_text().split("[classifier]")[0]
    desk.config.write_text(kept + (f'[classifier]\nencoder = "{folder}"\n' if folder else ""))


def test_train_decides_by_itself_and_tells_why(trained: tuple[ADesk, dict[str, object]]) -> None:
    """The facts of a training hold the decision about the encoder."""
    desk, facts = trained
    told = facts["sentence_encoder"]

    code, out, _ = desk.run("evaluate", "--help")

    assert isinstance(told, dict)
    assert told["used"] is True
    assert "points" in told["why"]
    assert code == 0
    assert "--encoder" in out


def test_it_does_not_serve_before_the_configuration_names_the_encoder(
    trained: tuple[ADesk, dict[str, object]],
) -> None:
    """The daemon would not find it: refused with the sentence to type, then accepted."""
    desk, facts = trained
    name = str(facts["model"])
    name_it(desk, None)

    code, _, errors = desk.run("model", "activate", name)
    assert code == 65
    assert "needs the sentence encoder" in errors
    assert "[classifier] encoder" in errors

    name_it(desk, desk.folder / "encoder")
    code, out, errors = desk.run("model", "activate", name)
    assert code == 0, out + errors


def test_a_reader_serves_with_it_and_falls_back_to_keywords_without(
    trained: tuple[ADesk, dict[str, object]],
) -> None:
    """A reader whose encoder is missing or changed says so and goes on with the keyword rules."""
    desk, facts = trained
    folder = str(desk.models / str(facts["model"]))
    name_it(desk, desk.folder / "encoder")
    good, note = load_classifier(folder, policy(desk.settings))
    assert note == ""
    assert good.predict([Document(subject="", text="please the plotter again")])[0].by_sentence > 0

    write(desk.folder / "changed", seed=5)
    name_it(desk, desk.folder / "changed")
    spare, note = load_classifier(folder, policy(desk.settings))

    assert "keywords rule instead" in note
    assert "was trained with the sentence encoder" in note
    assert spare.model_id.startswith("rules")


async def test_a_worker_under_its_limits_reads_a_mail_with_it(trained: tuple[ADesk, dict[str, object]]) -> None:
    """The real process: the session is opened before its memory is bounded."""
    desk, facts = trained
    name_it(desk, desk.folder / "encoder")
    folder = desk.models / str(facts["model"])
    made = policy(desk.settings)
    pool = ReaderPool(made, Limits(), Bounds(), model=str(folder), workers=1)
    head = b"From: a@x.example\r\nTo: help@desk.example\r\nMessage-ID: <1@x.example>\r\nSubject: help\r\n\r\n"
    raw = head + b"please the plotter again\r\n"

    envelope = Envelope(
        channel=Channel.PIPE,
        desk="help",
        received_at=datetime.now(UTC),
        reverse_path=Address(local="a", domain="x.example"),
    )
    await pool.start()
    try:
        (reading,) = await pool.read([(envelope, raw)])
    finally:
        await pool.close()

    assert pool.note == ""
    assert reading.prediction is not None
    assert reading.prediction.by_sentence > 0


def test_a_folder_that_is_not_there_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    """Found at start, by its key."""
    desk = ADesk(tmp_path)
    name_it(desk, tmp_path / "nowhere")

    code, _, errors = desk.run("model", "ls")

    assert code == 65
    assert "encoder" in errors
    assert "does not exist" in errors


def test_a_folder_that_holds_no_encoder_ends_training_before_any_work(tmp_path: Path) -> None:
    """One line, nothing on the shelf."""
    desk = ADesk(tmp_path)
    (tmp_path / "a.csv").write_text(
        "body,category\n" + "".join(f"vpn {n},network\ntoner {n},printing\n" for n in range(9))
    )
    (tmp_path / "empty").mkdir()

    code, _, errors = desk.train("--from", str(tmp_path / "a.csv"), "--encoder", str(tmp_path / "empty"))

    assert code == 65
    assert "exactly one file *.onnx is asked for" in errors
    assert models.known(desk.models) == ()
