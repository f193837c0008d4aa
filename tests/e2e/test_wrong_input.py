"""Wrong input: one clear line each, the right exit code, and nothing lost."""

from __future__ import annotations

import shutil
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from classifier import starter
from tests.e2e.conftest import MakeStage
from tests.e2e.corpus import mixed
from tests.e2e.invariants import assert_invariants
from tests.e2e.sink import Sink
from tests.e2e.stage import Stage, wait_for
from tests.ports import free_port


def refusal(stage: Stage, *words: str) -> str:
    """What `firstline run` says when it does not start: one line, exit 78, no traceback."""
    done = stage.run("run")

    assert done.returncode == 78, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("firstline: ")
    for word in words:
        assert word in line
    return line


def test_an_unknown_key_names_file_line_and_key(make_stage: MakeStage):
    """A typing error is found before anything starts."""
    stage = make_stage(extra="\n[guards]\nspam_limt = 3\n")

    line = refusal(stage, "spam_limt", str(stage.config))

    number = stage.config.read_text().splitlines().index("spam_limt = 3") + 1
    assert f":{number}" in line


def test_a_bad_port_names_the_key(make_stage: MakeStage):
    """A port that cannot be."""
    stage = make_stage()
    stage.config.write_text(stage.config.read_text().replace(f"port = {stage.sink.port}", "port = 70000"))

    refusal(stage, "relay.port", str(stage.config))


def test_a_port_in_use_is_said(make_stage: MakeStage):
    """Another server has the door's address."""
    stage = make_stage()
    stage.smtp_port = stage.sink.port
    stage.configure()

    done = stage.run("run")

    assert done.returncode in {75, 78}, done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("firstline: ")]
    assert len(said) == 1
    assert str(stage.smtp_port) in said[0]
    assert "Traceback" not in done.stderr


def test_a_missing_secret_names_its_file(make_stage: MakeStage):
    """The password file of an account is not there."""
    stage = make_stage()
    gone = stage.directory / "nowhere"
    stage.configure(
        stage.extra
        + f'\n[imap.box]\ndesk = "help"\nhost = "127.0.0.1"\ntls = "none"\nuser = "u"\npassword_file = "{gone}"\n'
    )

    refusal(stage, "password_file", str(gone))


def test_an_unwritable_state_directory_is_named(make_stage: MakeStage):
    """A file stands where the directory should be (root could write anywhere else)."""
    stage = make_stage()
    stage.state.write_text("")

    refusal(stage, str(stage.state), "state.directory")


def test_a_state_directory_that_cannot_be_made_is_named(make_stage: MakeStage):
    """A file system that takes no directory, not even from root."""
    stage = make_stage()
    stage.config.write_text(stage.config.read_text().replace(str(stage.state), "/proc/firstline"))

    refusal(stage, "/proc/firstline", "state.directory")


def test_an_old_schema_names_the_command_to_type(make_stage: MakeStage):
    """`run` refuses and changes nothing; the mails that were there are there."""
    stage = make_stage()
    samples = mixed(3)
    stage.start()
    stage.send(samples)
    stage.settle()
    assert stage.stop() == 0
    revise(stage.database, "0000")

    refusal(stage, "firstline migrate")

    ((revision,),) = stage.rows("SELECT version_num FROM alembic_version")
    assert revision == "0000"
    assert stage.count("SELECT count(*) FROM inbound") == len(samples)


def test_a_newer_schema_is_left_alone(make_stage: MakeStage):
    """A database of a later version: install that one."""
    stage = make_stage()
    assert stage.run("migrate").returncode == 0
    revise(stage.database, "9999")

    refusal(stage, "newer firstline")


def revise(database: Path, number: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (number,))


def test_a_second_daemon_on_the_same_state_is_refused(make_stage: MakeStage):
    """Two would take each other's leases: the second one says why it does not start."""
    stage = make_stage()
    stage.start()

    refusal(stage, "in use by another running firstline")

    assert stage.alive


def test_a_tampered_model_is_refused_and_the_mail_goes_on(make_stage: MakeStage):
    """One byte of the weights changed: the keyword rules take over, the log says why, every mail is answered."""
    stage = make_stage()
    model = stage.directory / "model"
    shutil.copytree(starter.path(), model)
    weights = model / "weights.npz"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(bytes(data))
    stage.configure(f'[classifier]\nmodel = "{model}"\n[reader]\nworkers = 1\n')
    samples = mixed(4)

    stage.start()
    stage.send(samples)
    stage.settle()

    (line,) = [line for line in stage.tail(100_000).splitlines() if "reader.model_refused" in line]
    assert "refused" in line
    assert "keyword" in line
    assert_invariants(stage, samples)
    checked = stage.run("check")
    assert checked.returncode == 78
    assert "refused" in checked.stdout


def test_an_unreachable_relay_keeps_the_mail_with_its_words(make_stage: MakeStage, sink: Sink):
    """Nobody listens: acknowledgments wait with the reason, survive restarts, and go out once when somebody does."""
    stage = make_stage()
    port = stage.sink.port
    nowhere = free_port()
    stage.config.write_text(stage.config.read_text().replace(f"port = {port}", f"port = {nowhere}"))
    samples = mixed(4)
    stage.start()
    stage.send(samples)
    wait_for(lambda: stage.count("SELECT count(*) FROM outbox WHERE attempts > 0 AND reply <> ''") == 8, stage.tail)

    queue = stage.run("queue")
    assert queue.returncode == 0, queue.stderr
    assert str(nowhere) in queue.stdout or "onnect" in queue.stdout
    assert stage.stop() == 0, stage.tail()
    assert stage.count("SELECT count(*) FROM outbox WHERE state = 'queued'") == 8

    stage.configure()
    stage.start()
    stage.settle()
    assert_invariants(stage, samples)


@pytest.mark.timeout(240)
def test_a_silent_relay_and_restarts_lose_no_mail(make_stage: MakeStage):
    """A relay that never greets holds submissions open; a restart gives them back, they are not "sent perhaps"."""
    stage = make_stage()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        stage.config.write_text(stage.config.read_text().replace(f"port = {stage.sink.port}", f"port = {port}"))
        samples = mixed(6)
        for life in range(3):
            stage.start()
            if not life:
                stage.send(samples)
            wait_for(lambda: stage.count("SELECT count(*) FROM outbox WHERE state = 'claimed'") > 0, stage.tail)
            assert stage.stop() == 0, stage.tail()
    assert stage.count("SELECT count(*) FROM outbox WHERE uncertain > 0") == 0

    stage.configure()
    stage.start()
    stage.settle()
    assert_invariants(stage, samples)
