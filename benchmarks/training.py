"""What a training with calibration costs: seconds, processor time and peak memory, by the number of mails.

The mails are mixed from the sentences of the starter's examples with invented words and numbers, so that
the vocabulary grows as a real archive's does; about forty labels, 40 to 60 words. Such mails are easy, so
rightness means nothing here. Each size runs in a process of its own. A million mails come from a
generator: training keeps the newest 50,000, and a sample of the others is what it is measured on.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from benchmarks.options import Options
from benchmarks.table import Cell, Table
from classifier import starter
from classifier.catalogue import NOT_FOR_US, Catalogue
from classifier.corpus import KEYWORD, Row, read_jsonl

_SIZES = (1_000, 10_000)
_FULL = (*_SIZES, 50_000, 1_000_000)
_SAMPLED = 2_000  # mails of the archive that the model is measured on
_SYLLABLES = ("ba", "do", "ki", "lu", "me", "no", "pra", "que", "ris", "ton", "ver", "zan")


def run(options: Options) -> list[Table]:
    rows: list[tuple[Cell, ...]] = []
    for size in _FULL if options.full else _SIZES:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.training", str(size)], capture_output=True, text=True, check=True
        )
        found = json.loads(done.stdout)
        rows.append((f"{size:,} mails", *(found[name] for name in _MEASURED)))
    return [
        Table(
            name="training",
            title=f"Training with calibration, {datetime.now(UTC):%d %B %Y}",
            columns=("", "seconds", "CPU seconds", "peak MB", "labels", "learned from", "MB on disk"),
            rows=tuple(rows),
            notes=(
                "floors: 10,000 in 90 s, 50,000 in 7 min and 2,000 MB, a million within 8,000 MB",
                "of a million the newest 50,000 teach; reading the stream is part of the time",
            ),
        )
    ]


_MEASURED = ("seconds", "cpu_s", "peak_mb", "labels", "learned", "model_mb")


def mails(count: int, seed: int = 0) -> Iterator[Row]:
    """`count` mails of about forty labels, the same for the same seed, oldest first."""
    dice = random.Random(seed)
    sentences: dict[str, list[str]] = {}
    for file in sorted(starter.examples().glob("en*.jsonl")):
        for row in read_jsonl(file):
            if row.category != NOT_FOR_US:
                label = f"{row.category}-{row.kind}-{row.tier}"
                sentences.setdefault(label, []).extend(s for s in row.text.split(". ") if s.strip())
    labels = sorted(label for label, found in sentences.items() if len(found) >= 40)
    shares = [len(sentences[label]) for label in labels]
    for number, label in enumerate(dice.choices(labels, shares, k=count)):
        told = dice.choices(sentences[label], k=3)
        # One sentence of another label in two mails: nobody writes about one thing only.
        told += [dice.choice(sentences[dice.choice(labels)])] if dice.random() < 0.5 else []
        told.append(f"{_word(dice)} {_word(dice)}, {_word(dice)}-{dice.randint(1, 999)}")
        yield Row(
            subject=told[0][:60], text=". ".join(told), category=label, language="en", at=1_700_000_000.0 + number
        )


def _word(dice: random.Random) -> str:
    return "".join(dice.choices(_SYLLABLES, k=dice.randint(2, 4)))


def measure(count: int) -> dict[str, float]:
    """One training in this process; peak memory is the whole process's."""
    import tempfile  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    from classifier import artifact  # noqa: PLC0415 - the imports are part of what is measured
    from classifier.evaluate import evaluate  # noqa: PLC0415
    from classifier.train import Recipe, train  # noqa: PLC0415

    catalogue = Catalogue.of(sorted({row.category for row in mails(20_000)}))
    begun, used = time.perf_counter(), time.process_time()
    trained = train(mails(count), catalogue, Recipe())
    seconds, cpu = time.perf_counter() - begun, time.process_time() - used
    with tempfile.TemporaryDirectory() as folder:
        artifact.save(trained.model, Path(folder) / "model")
        megabytes = artifact.size_bytes(Path(folder) / "model") / 1e6
    unseen = [replace(row, thread="") for row in mails(_SAMPLED, seed=1)]
    return {
        "seconds": round(seconds, 1),
        "cpu_s": round(cpu, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6),
        "labels": len(catalogue.ids),
        "learned": sum(row.source != KEYWORD for row in trained.rows),
        "model_mb": round(megabytes, 2),
        "accuracy": round(evaluate(trained.model, unseen).accuracy, 3),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]))) + "\n")
