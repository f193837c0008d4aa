"""`firstline labels`: look at what people said mails are about, say it oneself, and carry it in and out."""

from __future__ import annotations

import csv
import getpass
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click
from sqlalchemy import Connection, Engine

from daemon.commands.configured import configured
from daemon.commands.opened import looking
from daemon.errors import Unusable
from daemon.settings import Settings, policy
from daemon.store import labels
from daemon.store.engine import open_engine
from daemon.store.labels import Imported, Label, Provenance, Said
from daemon.store.migrate import require_current

if TYPE_CHECKING:
    from classifier.corpus import Row
    from daemon.learning.asking import Asked

_FIELDS = (
    *("category", "tier", "kind", "provenance", "by", "at", "subject", "text", "language", "sender", "thread"),
    "reference",
)
_BATCH = 500  # imports of one transaction: the daemon waits for none of them long
_LAST_INSTANT = 32_503_680_000  # the year 3000: what is later is no POSIX time
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("labels")
def command() -> None:
    """Check, review, export and import the labels that training learns from."""


@contextmanager
def _store(settings: Settings) -> Iterator[Engine]:
    engine = open_engine(settings.state.database_url)
    try:
        require_current(engine)
        yield engine
    finally:
        engine.dispose()


@command.command("check")
@click.option("--from", "named", multiple=True, help='"store" (default) or a CSV, JSONL or mbox file.')
@click.option("--text", default="", help="Text columns of files (default: usual names).")
@click.option("--label", default="category", show_default=True, help="The column of files that holds the label.")
@click.option("--limit", type=click.IntRange(0, 10_000), default=20, show_default=True, help="Doubtful labels shown.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def check(config: str | None, *, named: tuple[str, ...], text: str, label: str, limit: int, as_json: bool) -> int:
    """Look for duplicates, leaks, tiny classes, contradictions and doubtful labels; exit 1 when training cannot run."""
    from daemon.learning import doubts, sources  # noqa: PLC0415 - scikit-learn costs seconds
    from daemon.learning.experiment import Data  # noqa: PLC0415
    from daemon.reader.model import catalogue_of  # noqa: PLC0415

    settings = configured(config)
    catalogue = catalogue_of(policy(settings))
    columns = tuple(name.strip() for name in text.split(",") if name.strip())
    data = Data(text=columns, label=label, per_sender=0)
    rows: list[Row] = []
    for name in named or (sources.STORE,):
        if name == sources.STORE:
            with looking(settings) as tx:
                rows += sources.from_store(tx, data, window=1_000_000).rows
        else:
            rows += sources.from_file(Path(name), data, catalogue.ids).rows
    found = doubts.findings(rows, catalogue)
    fatal = any(each.fatal for each in found)
    doubtful = doubts.doubts(rows, catalogue, limit=limit) if limit and not fatal else ()
    if as_json:
        facts = {"rows": len(rows), "findings": [asdict(each) for each in found]}
        click.echo(json.dumps({**facts, "doubtful": [asdict(each) for each in doubtful]}))
        return 1 if fatal else 0
    click.echo(f"{len(rows)} labelled mails")
    for each in found:
        click.echo(f"{'problem' if each.fatal else 'warning'}  {each.code}: {each.text}")
    for doubt in doubtful:
        click.echo(
            f"doubtful row {doubt.row + 1}: {doubt.given} ({doubt.given_probability:.0%}), "
            f"likelier {doubt.likely} ({doubt.likely_probability:.0%})  {_safe(doubt.subject)}"
        )
    return 1 if fatal else 0


@command.command("review")
@click.option("--reader", default="", help="Who reads (default: the user of this machine).")
@click.option("--second", is_flag=True, help="Read again what somebody else has reviewed, without seeing it.")
@click.option("--doubtful", is_flag=True, help="Ask about labels that all other mails speak against.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many mails.")
@click.pass_obj
def review(config: str | None, *, reader: str, second: bool, doubtful: bool, limit: int) -> None:
    """Ask for labels, the contradictory and the least certain mails first; undo with u, end with q."""
    from daemon.learning import asking  # noqa: PLC0415 - scikit-learn costs seconds
    from daemon.reader.model import catalogue_of  # noqa: PLC0415

    if second and doubtful:
        raise click.UsageError("--second is blind: it cannot ask about doubtful labels")
    settings = configured(config)
    reader = (reader or getpass.getuser()).strip()
    made = policy(settings)
    ids = [category.name for category in made.categories]
    for number, name in enumerate(ids, 1):
        click.echo(f"{number:>4}  {name}")
    with _store(settings) as engine:
        with looking(settings) as looker:
            if second:
                asked = asking.second(looker, reader, limit=limit)
            else:
                ask = asking.doubtful if doubtful else asking.first
                asked = ask(looker, reader, catalogue_of(made), limit=limit)
        if not asked:
            click.echo("nothing to review")
        _ask(engine, asked, ids, reader, blind=second)
        with looking(settings) as looker:
            _print_agreement(labels.readings(looker))


@command.command("export")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def export(config: str | None, *, path: Path) -> None:
    """Write the labels that count, with their mails' words, to PATH (.csv, else JSON lines)."""
    amount = 0
    descriptor = _private(path)
    with looking(configured(config)) as tx, os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _FIELDS) if path.suffix.lower() == ".csv" else None
        if writer is not None:
            writer.writeheader()
        for label in labels.current(tx):
            record = _record(label)
            if writer is not None:
                writer.writerow(record)
            else:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
            amount += 1
    click.echo(f"{amount} labels written to {path}")


@command.command("import")
@click.argument("path", type=_FILE)
@click.option("--text", default="", help="Text columns (default: usual names).")
@click.option("--label", default="category", show_default=True, help="The column that holds the label.")
@click.pass_obj
def import_(config: str | None, *, path: Path, text: str, label: str) -> None:
    """Take labelled mails from a CSV, JSONL or mbox file into the store; the same label twice is taken once."""
    from daemon.learning import sources  # noqa: PLC0415
    from daemon.learning.experiment import Data  # noqa: PLC0415
    from daemon.reader.model import catalogue_of  # noqa: PLC0415

    settings = configured(config)
    catalogue = catalogue_of(policy(settings))
    columns = tuple(name.strip() for name in text.split(",") if name.strip())
    found = sources.from_file(path, Data(text=columns, label=label), catalogue.ids)
    rows = iter(sources.checked(found.rows, catalogue, str(path)))
    new = total = 0
    with _store(settings) as engine:
        while batch := list(islice(rows, _BATCH)):
            with engine.begin() as tx:
                new += sum(_take(tx, row) for row in batch)
            total += len(batch)
    for note in found.notes:
        click.echo(f"firstline: {note}", err=True)
    click.echo(f"{new} labels taken from {path}, {total - new} were there already")


def _take(tx: Connection, row: Row) -> bool:
    said = Said(category=row.category, tier=row.tier, kind=row.kind, provenance=Provenance.IMPORT, by="")
    at = datetime.fromtimestamp(row.at, UTC) if 0 < row.at < _LAST_INSTANT else None
    words = Imported(subject=row.subject, text=row.text, sender=row.sender, language=row.language, mail_at=at)
    return labels.record_import(tx, said, words, now=datetime.now(UTC)) is not None


def _private(path: Path) -> int:
    """The file, emptied, for its owner alone: it holds people's mail."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from None


def _record(label: Label) -> dict[str, object]:
    return {
        "category": label.said.category,
        "tier": label.said.tier,
        "kind": label.said.kind,
        "provenance": str(label.said.provenance),
        "by": label.said.by,
        "at": label.mail_at.timestamp() if label.mail_at else "",
        "subject": label.subject,
        "text": label.text,
        "language": label.language,
        "sender": label.sender,
        "thread": f"ticket:{label.ticket_id}" if label.ticket_id else "",
        "reference": label.reference,
    }


def _ask(engine: Engine, asked: Sequence[Asked], ids: Sequence[str], reader: str, *, blind: bool) -> None:
    given: list[int] = []
    place = 0
    while place < len(asked):
        mail = asked[place]
        click.echo(f"\n— {place + 1} of {len(asked)}  {mail.reference}  {_safe(mail.subject)}")
        click.echo(_safe(mail.text[:1500], lines=True))
        if mail.known and not blind:
            click.echo(f"({mail.known})")
        answer = click.prompt("category (number or name), s skip, u undo, q quit", default="s").strip()
        if answer == "q":
            return
        if answer == "u":
            if given:
                with engine.begin() as tx:
                    labels.undo(tx, given.pop())
                place = max(0, place - 1)
            continue
        if answer == "s":
            place += 1
            continue
        category = _chosen(answer, ids)
        if category is None:
            click.echo("no such category")
            continue
        said = Said(category=category, provenance=Provenance.REVIEW, by=reader)
        with engine.begin() as tx:
            given.append(labels.record(tx, said, inbound_id=mail.inbound_id, now=datetime.now(UTC)))
        place += 1


def _chosen(answer: str, ids: Sequence[str]) -> str | None:
    if answer.isdecimal() and len(answer) < 5 and 0 < int(answer) <= len(ids):
        return ids[int(answer) - 1]
    if answer in ids:
        return answer
    begun = [name for name in ids if name.startswith(answer)]
    return begun[0] if len(begun) == 1 else None


def _print_agreement(readings: Sequence[tuple[str, str, str]]) -> None:
    """Cohen's kappa of every two readers who read the same mails."""
    from classifier.labels import kappa  # noqa: PLC0415

    by_reader: dict[str, dict[str, str]] = {}
    for item, reader, category in readings:
        by_reader.setdefault(reader, {})[item] = category
    names = sorted(by_reader)
    for number, one in enumerate(names):
        for other in names[number + 1 :]:
            both = sorted(by_reader[one].keys() & by_reader[other].keys())
            if both:
                value = kappa([by_reader[one][item] for item in both], [by_reader[other][item] for item in both])
                click.echo(f"agreement of {one} and {other}: kappa {value:.2f} on {len(both)} mails")


def _safe(text: str, *, lines: bool = False) -> str:
    """A mail's words for a terminal: nothing that moves the cursor or changes colours."""
    return "".join(c if c.isprintable() or (lines and c == "\n") else " " for c in text)
