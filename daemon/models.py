"""The models of a desk: one directory each below `models` in the state directory, and the link to the one that serves.

Owns the links `active` and `shadow`, the history of changes, and where a model's index of solved tickets is.
Promises: the switch is one rename, so a daemon that starts or looks at any moment finds the old model or the new one,
whole; the history is on disk before the link moves, and where a crash came between them the link is right. Without a
link the starter model serves. Never loads a model: who activates has proved before that it can be loaded. Standard
library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from daemon.errors import Unavailable, Unusable

STARTER = "starter"
_LINK = "active"
_SHADOW = "shadow"
_SIMILAR = "similar"
_HISTORY = "history.jsonl"
_LIMIT_BYTES = 16_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RESERVED = frozenset({STARTER, _LINK, _SHADOW, _SIMILAR, _HISTORY, "none"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of the serving model. `how` is activate, rollback or automatic; `why` is for people."""

    at: str  # ISO 8601, UTC
    how: str
    model: str
    before: str
    why: str = ""


def folder_of(state: Path) -> Path:
    """Where the models of this state directory are."""
    return state / "models"


def path_of(folder: Path, model: str) -> Path:
    """The directory of a model; raises Unusable for a name that is none."""
    if not _NAME.fullmatch(model) or model in _RESERVED:
        raise Unusable(f"{model!r} is not the id of a model")
    return folder / model


def known(folder: Path) -> tuple[str, ...]:
    """The ids of all models that are there, the oldest first."""
    if not folder.is_dir():
        return ()
    found = [each for each in folder.iterdir() if _NAME.fullmatch(each.name) and _is_model(each)]
    return tuple(each.name for each in sorted(found, key=lambda each: (each.stat().st_mtime, each.name)))


def find(folder: Path, wanted: str) -> str:
    """The id that `wanted` is or begins; raises Unusable when none or several are called so."""
    ids = known(folder)
    if wanted == STARTER or wanted in ids:
        return wanted
    matches = [each for each in ids if each.startswith(wanted)] if wanted else []
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise Unusable(f"{wanted!r} begins the ids of {len(matches)} models: {', '.join(matches[:5])}")
    raise Unusable(f"no model is called {wanted!r} (firstline model ls)")


def active(folder: Path) -> str:
    """The id of the serving model; the starter's without a link of ours."""
    return _target(folder / _LINK) or STARTER


def shadow(folder: Path) -> str:
    """The id of the model that predicts beside the serving one and decides nothing; "" when there is none."""
    return _target(folder / _SHADOW)


def shadow_since(folder: Path) -> datetime | None:
    """Since when (UTC)."""
    try:
        return datetime.fromtimestamp((folder / _SHADOW).lstat().st_mtime, UTC)
    except OSError:
        return None


def set_shadow(folder: Path, model: str) -> None:
    """Let `model` predict in the shadow; "" ends it. Raises Unusable, Unavailable."""
    if model and not _is_model(path_of(folder, model)):
        raise Unusable(f"no model is called {model!r} (firstline model ls)")
    with _alone(folder):
        try:
            if model:
                _point(folder, _SHADOW, model)
            else:
                (folder / _SHADOW).unlink(missing_ok=True)
            _sync(folder)
        except OSError as error:
            raise Unavailable(f"{folder}: {error.strerror}") from None


def similar_of(folder: Path, model_id: str) -> Path:
    """Where the index of solved tickets in this model's vocabulary is; `model_id` is the model's own, not "starter"."""
    return folder / _SIMILAR / Path(model_id).name


def serving(state: Path, model: str) -> str:
    """What a reader shall load for the setting `classifier.model`: "starter" means this desk's own model if it has one.

    The answer names the model's own directory, not the link: a worker that starts later loads the same one.
    """
    if model != STARTER:
        return model
    folder = folder_of(state)
    chosen = active(folder)
    return STARTER if chosen == STARTER else str(folder / chosen)


def activate(folder: Path, model: str, *, now: datetime, how: str = "activate", why: str = "") -> str:
    """Let `model` (or the starter) serve from now on; returns what served before. Raises Unavailable."""
    if model != STARTER and not _is_model(path_of(folder, model)):
        raise Unusable(f"no model is called {model!r} (firstline model ls)")
    with _alone(folder):
        return _switch(folder, model, now=now, how=how, why=why)


def rollback(folder: Path, *, now: datetime, to: str = "", how: str = "rollback", why: str = "") -> tuple[str, str]:
    """Let the model serve that served before the present one: (now, before). Raises Unusable when there was none.

    `to` names an earlier one.
    """
    with _alone(folder):
        earlier = [each for each in stack(folder)[:-1] if each == STARTER or _is_model(folder / each)]
        earlier = [each for each in earlier if each == to] if to else earlier
        if not earlier:
            raise Unusable("no model served before this one")
        return earlier[-1], _switch(folder, earlier[-1], now=now, how=how, why=why)


def history(folder: Path) -> tuple[Change, ...]:
    """Every change, the oldest first. A line that a crash cut is passed over."""
    try:
        with (folder / _HISTORY).open("rb") as file:
            lines = file.read(_LIMIT_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return ()
    found = []
    for line in lines:
        with contextlib.suppress(ValueError, TypeError):
            found.append(Change(**json.loads(line)))
    return tuple(found)


def last_change(folder: Path) -> Change | None:
    """The change by which the serving model took over; None when it always served."""
    now = active(folder)
    return next((change for change in reversed(history(folder)) if change.model == now), None)


def stack(folder: Path) -> list[str]:
    """The models that served, each on top of the one it would roll back to; the last serves now."""
    found = [STARTER]
    for change in history(folder):
        if change.how == "activate":
            found.append(change.model)
        elif change.model in found:
            del found[len(found) - found[::-1].index(change.model) :]
    now = active(folder)
    while found and found[-1] != now:  # a crash between history and link: the link is right
        found.pop()
    return found or [now]


def _switch(folder: Path, model: str, *, now: datetime, how: str, why: str) -> str:
    before = active(folder)
    change = Change(at=now.isoformat(), how=how, model=model, before=before, why=why)
    try:
        with (folder / _HISTORY).open("ab") as file:
            file.write(json.dumps(asdict(change)).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if model == STARTER:
            (folder / _LINK).unlink(missing_ok=True)
        else:
            _point(folder, _LINK, model)
        _sync(folder)
    except OSError as error:
        raise Unavailable(f"{folder}: {error.strerror}") from None
    return before


def _target(link: Path) -> str:
    """The model that a link of ours names; "" for what is none."""
    try:
        target = link.readlink()
    except OSError:
        return ""
    return target.name if target == Path(target.name) and _NAME.fullmatch(target.name) else ""


def _point(folder: Path, name: str, model: str) -> None:
    fresh = folder / f".{name}.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(model)
    fresh.replace(folder / name)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two admins at once: one after the other."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / ".lock").open("a", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise Unavailable(f"{folder}: {error.strerror}") from None


def _is_model(path: Path) -> bool:
    return not path.is_symlink() and (path / "manifest.json").is_file()
