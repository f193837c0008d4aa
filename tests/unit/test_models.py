"""The models of a desk: which serves, the switch, the way back, and what a crash leaves."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon import models
from daemon.errors import Unusable

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three models, none of them active."""
    made = models.folder_of(tmp_path)
    for name in ("it-a1", "it-b2", "it-c3"):
        (made / name).mkdir(parents=True)
        (made / name / "manifest.json").write_text("{}")
    return made


def test_without_a_link_the_starter_serves(tmp_path: Path) -> None:
    """A new desk has no models directory at all."""
    assert models.active(models.folder_of(tmp_path)) == "starter"
    assert models.serving(tmp_path, "starter") == "starter"
    assert models.known(models.folder_of(tmp_path)) == ()


def test_the_serving_model_is_named_by_its_own_directory(folder: Path) -> None:
    """A worker that starts after the next switch must not load another model than its neighbours."""
    models.activate(folder, "it-a1", now=NOW)

    assert models.serving(folder.parent, "starter") == str(folder / "it-a1")
    assert models.serving(folder.parent, "none") == "none"
    assert models.serving(folder.parent, "/srv/other") == "/srv/other"


def test_rollback_goes_back_step_by_step_to_the_starter(folder: Path) -> None:
    """Each rollback undoes one activation; before the first there is nothing."""
    for name in ("it-a1", "it-b2", "it-c3"):
        models.activate(folder, name, now=NOW)

    assert models.rollback(folder, now=NOW) == ("it-b2", "it-c3")
    assert models.rollback(folder, now=NOW) == ("it-a1", "it-b2")
    models.activate(folder, "it-c3", now=NOW)
    assert models.rollback(folder, now=NOW) == ("it-a1", "it-c3")
    assert models.rollback(folder, now=NOW) == ("starter", "it-a1")
    assert models.active(folder) == "starter"
    with pytest.raises(Unusable, match="no model served before"):
        models.rollback(folder, now=NOW)


def test_a_model_that_is_gone_is_passed_over(folder: Path) -> None:
    """Somebody deleted the directory: the one before it serves."""
    for name in ("it-a1", "it-b2", "it-c3"):
        models.activate(folder, name, now=NOW)
    (folder / "it-b2" / "manifest.json").unlink()

    assert models.rollback(folder, now=NOW) == ("it-a1", "it-c3")


def test_a_crash_between_history_and_link_counts_for_the_link(folder: Path) -> None:
    """The history says that B served; it never did."""
    models.activate(folder, "it-a1", now=NOW)
    models.activate(folder, "it-b2", now=NOW)
    (folder / "active").unlink()
    (folder / "active").symlink_to("it-a1")

    assert models.rollback(folder, now=NOW) == ("starter", "it-a1")


def test_a_cut_history_line_is_passed_over(folder: Path) -> None:
    """Power went while it was written."""
    models.activate(folder, "it-a1", now=NOW)
    with (folder / "history.jsonl").open("a") as file:
        file.write('{"at": "2026-11')

    assert [change.model for change in models.history(folder)] == ["it-a1"]


def test_history_tells_when_who_and_why(folder: Path) -> None:
    """What an admin asks after a bad morning."""
    models.activate(folder, "it-a1", now=NOW)
    models.activate(folder, "it-b2", now=NOW + timedelta(days=1))
    models.rollback(folder, now=NOW + timedelta(days=2), how="automatic", why="corrections rose")

    last = models.history(folder)[-1]
    assert (last.how, last.model, last.before, last.why) == ("automatic", "it-a1", "it-b2", "corrections rose")
    assert models.last_change(folder) == last


def test_rollback_to_a_named_one(folder: Path) -> None:
    """Over the heads of those between; not to one that never served."""
    for name in ("it-a1", "it-b2", "it-c3"):
        models.activate(folder, name, now=NOW)

    assert models.rollback(folder, now=NOW, to="it-a1") == ("it-a1", "it-c3")
    assert models.stack(folder) == ["starter", "it-a1"]
    with pytest.raises(Unusable):
        models.rollback(folder, now=NOW, to="it-c3")


def test_whoever_looks_finds_one_model_whole(folder: Path) -> None:
    """While two models change places a thousand times there is never none."""
    models.activate(folder, "it-a1", now=NOW)
    seen: set[str] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.add(models.active(folder))

    watcher = threading.Thread(target=look)
    watcher.start()
    for turn in range(300):
        models.activate(folder, ("it-a1", "it-b2")[turn % 2], now=NOW)
    done.set()
    watcher.join()

    assert seen <= {"it-a1", "it-b2"}


@pytest.mark.parametrize("target", ["../elsewhere", "/etc", "a/b", ".hidden"])
def test_a_foreign_link_is_not_followed(folder: Path, target: str) -> None:
    """Only a name beside the link counts."""
    (folder / "active").symlink_to(target)

    assert models.active(folder) == "starter"


@pytest.mark.parametrize("name", ["", "..", "../it-a1", "active", "none", "it-zz", "a\nb"])
def test_only_models_can_serve(folder: Path, name: str) -> None:
    """Whatever is typed."""
    with pytest.raises(Unusable):
        models.activate(folder, name, now=NOW)

    assert models.active(folder) == "starter"


def test_ids_may_be_cut_short(folder: Path) -> None:
    """As long as one model alone begins so."""
    assert models.find(folder, "it-b") == "it-b2"
    assert models.find(folder, "starter") == "starter"
    with pytest.raises(Unusable, match="3 models"):
        models.find(folder, "it")
    with pytest.raises(Unusable, match="no model is called"):
        models.find(folder, "xx")
