"""`firstline evaluate`: train the default pipeline on one labelled file, measure it on another; or the public sets.

The test side never tunes anything. The figures come from the same call the daemon makes for a mail.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.errors import Unusable

if TYPE_CHECKING:
    from classifier.corpus import Row
    from classifier.evaluate import Figures

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PERCENT = frozenset({"accuracy", "macro_f1", "coverage", "misroute", "misroute_upper", "majority"})


@click.command("evaluate")
@click.option("--train", "learning", type=_FILE, help="Labelled mails to learn from: CSV with a header, or JSON lines.")
@click.option("--test", type=_FILE, help="Labelled mails to measure on; never used for anything else.")
@click.option("--text", default="subject,body", show_default=True, help="Text columns: subject and body, or one.")
@click.option("--label", default="category", show_default=True, help="The column that holds the label.")
@click.option("--reject-label", default="", help="The label of mails that are none of the desk's business.")
@click.option("--suite", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Public sets.")
@click.option("--only", multiple=True, help="With --suite: only this set (may be repeated).")
@click.option("--encoder", type=_FOLDER, help="A sentence encoder; used where held-out mails say that it helps.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(  # noqa: PLR0913 - one per option
    *,
    learning: Path | None,
    test: Path | None,
    text: str,
    label: str,
    reject_label: str,
    folder: Path | None,
    only: tuple[str, ...],
    encoder: Path | None,
    as_json: bool,
) -> None:
    """Measure the classifier: train on --train alone, test on --test; or every set under --suite."""
    if folder is not None:
        if learning or test:
            raise click.UsageError("either --suite or --train with --test")
        _print_suite(folder, only, encoder, as_json=as_json)
        return
    if learning is None or test is None:
        raise click.UsageError("--train and --test are needed (or --suite)")
    wanted = tuple(name.strip() for name in text.split(",") if name.strip())
    if not wanted or not label.strip():
        raise click.UsageError("--text and --label name columns: at least one each")
    figures = measured(
        learning, test, text=wanted, label=label.strip(), reject_label=reject_label.strip(), encoder=encoder
    )
    if as_json:
        click.echo(json.dumps(_plain(figures)))
    else:
        _print(figures)


def measured(
    learning: Path,
    test: Path,
    *,
    text: tuple[str, ...],
    label: str,
    reject_label: str = "",
    encoder: Path | None = None,
) -> Mapping[str, object]:
    """The figures of the default pipeline, trained on `learning` alone. Raises Unusable; notes go to stderr."""
    from classifier.corpus import CorpusError  # noqa: PLC0415 - scikit-learn costs seconds
    from classifier.evaluate import train_and_evaluate  # noqa: PLC0415
    from daemon.learning.sentences import remembering  # noqa: PLC0415
    from daemon.learning.table import Columns, read_table  # noqa: PLC0415

    columns = Columns(text=text, label=label)
    sides = []
    for path in (learning, test):
        table = read_table(path, columns)
        if table.unlabelled:
            _note(f"{path}: {table.unlabelled} rows without a label are left out")
        sides.append(_rejecting(table.rows, reject_label))
    taught, asked = _taught(sides[0], learning), sides[1]
    _compare(taught, asked, learning, test)
    try:
        _, figures = train_and_evaluate(taught, asked, encoder=remembering(encoder))
    except CorpusError as error:
        raise Unusable(f"{learning}: {error}") from None
    return {**asdict(figures), "n_train": len(taught), "leaked": _leaked(taught, asked)}


def _rejecting(rows: tuple[Row, ...], reject_label: str) -> tuple[Row, ...]:
    from classifier.catalogue import NOT_FOR_US  # noqa: PLC0415

    if not reject_label:
        return rows
    return tuple(replace(row, category=NOT_FOR_US) if row.category == reject_label else row for row in rows)


def _taught(rows: tuple[Row, ...], path: Path) -> tuple[Row, ...]:
    """Rows with any text; an empty one teaches nothing (in a test it stays: it should go to a person)."""
    kept = tuple(row for row in rows if row.subject.strip() or row.text.strip())
    if len(kept) < len(rows):
        _note(f"{path}: {len(rows) - len(kept)} rows without text are left out")
    return kept


def _compare(taught: tuple[Row, ...], asked: tuple[Row, ...], learning: Path, test: Path) -> None:
    from classifier.catalogue import NOT_FOR_US  # noqa: PLC0415

    known = {row.category for row in taught} | {NOT_FOR_US}
    strange = sorted({row.category for row in asked} - known)
    if strange and not any(row.category in known - {NOT_FOR_US} for row in asked):
        raise Unusable(f"{test}: no label of it occurs in {learning} (first: {strange[0]!r})")
    if strange:
        amount = sum(1 for row in asked if row.category not in known)
        _note(f"{test}: {amount} rows carry labels that {learning.name} never teaches ({strange[0]!r}…): counted wrong")


def _leaked(taught: tuple[Row, ...], asked: tuple[Row, ...]) -> int:
    """Test mails that are a near-copy of a training mail."""
    from classifier.corpus import near_key  # noqa: PLC0415

    seen = {near_key(row) for row in taught}
    return sum(1 for row in asked if near_key(row) in seen)


def _print_suite(folder: Path, only: tuple[str, ...], encoder: Path | None, *, as_json: bool) -> None:
    from classifier.corpus import CorpusError  # noqa: PLC0415
    from classifier.demands import demands  # noqa: PLC0415
    from classifier.starter.foreign import starter_demands  # noqa: PLC0415
    from classifier.suite import suite  # noqa: PLC0415
    from daemon.learning.sentences import remembering  # noqa: PLC0415

    try:
        found: dict[str, Figures] = suite(folder, only=only, tell=_note, encoder=remembering(encoder))
    except CorpusError as error:
        raise Unusable(str(error)) from None
    except OSError as error:
        raise Unusable(f"{error.filename}: {error.strerror}") from None
    asked = (*demands(found, plus=encoder is not None), *starter_demands(folder))
    if as_json:
        sets: dict[str, object] = {name: _plain(asdict(figures)) for name, figures in found.items()}
        held = [{**_plain(asdict(each)), "holds": each.holds, "aim_reached": each.reached} for each in asked]
        click.echo(json.dumps({**sets, "must_hold": held}))
        return
    for name, figures in found.items():
        click.echo(name)
        _print(asdict(figures))
    click.echo("must hold (floor, aim)")
    for each in asked:
        verdict = "holds, aim reached" if each.reached and each.holds else "holds" if each.holds else "MISSED"
        click.echo(f"  {each.measure:<62} {each.value:.4g} ({each.floor:g}, {each.aim:g}) {verdict}")


def _note(words: str) -> None:
    click.echo(f"firstline: {words}", err=True)


def _plain(figures: Mapping[str, object]) -> dict[str, object]:
    """Values that every JSON reader takes: no NaN, no infinity."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.items()
    }


def _print(figures: Mapping[str, object]) -> None:
    for name, value in figures.items():
        if value is not None:
            shown = f"{value:.1%}" if name in _PERCENT else f"{value:.4g}" if isinstance(value, float) else value
            click.echo(f"  {name:<18} {shown}")
