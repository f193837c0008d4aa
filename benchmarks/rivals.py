"""Mail → ticket → acknowledgment, beside django-helpdesk and Roundup: the same mails, in interleaved turns.

Each rival is installed from the package index into an environment of its own (kept in the user's cache) and runs in
process, as its own command for fetching mail would: no SMTP in, no SMTP out, no classifier. Firstline is the whole
daemon with its readers: SMTP in, classified, the original kept, two letters delivered to a relay. Its processor time
is the daemon's and its readers', not the sender's or the relay's. django-helpdesk's database is SQLite in WAL with
synchronous FULL, as ours is; Roundup's is SQLite as it comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import machine, mails
from benchmarks.desk import Desk
from benchmarks.options import Options
from benchmarks.post import Relay, send_flowing
from benchmarks.rival_programs import DJANGO_HELPDESK, ROUNDUP
from benchmarks.table import Cell, Table, median

_PINNED = {"django-helpdesk": "django-helpdesk==2.6.1", "Roundup": "roundup==2.6.0"}
_PROGRAMS = {"django-helpdesk": DJANGO_HELPDESK, "Roundup": ROUNDUP}
_TURN = 120  # mails of one turn
_WARM = 60
_SESSIONS, _UNDER_WAY = 32, 96
_INSTALL_S = 600


@dataclass(slots=True)
class _Runner:
    """One of the systems: `take` the mails from … to, and say (seconds, processor seconds, acknowledgments)."""

    name: str
    take: Callable[[int, int], tuple[float, float, int]]
    rates: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    acks: int = 0
    mails: int = 0


def run(options: Options) -> list[Table]:
    skipped: list[str] = []
    count = _WARM + options.repeats * _TURN
    with tempfile.TemporaryDirectory(prefix="firstline-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        box = folder / "mails"
        box.mkdir()
        for mail in mails.mixed(count):
            (box / f"{mail.number}.eml").write_bytes(mail.raw)
        runners = [_Runner("firstline", stack.enter_context(_firstline()))]
        for rival in _PROGRAMS:
            try:
                runners.append(_Runner(rival, stack.enter_context(_rival(rival, folder, box))))
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                skipped.append(f"{rival} left out: {str(error).strip().splitlines()[-1][:200]}")
        before = machine.look(folder)
        for each in runners:
            each.take(0, _WARM)
        for turn in range(options.repeats):
            for each in runners:
                first = _WARM + turn * _TURN
                seconds, cpu, acks = each.take(first, first + _TURN)
                each.rates.append(_TURN / seconds)
                each.cpu_ms.append(cpu / _TURN * 1000)
                each.acks += acks
                each.mails += _TURN
        after = machine.look(folder)
    return [_table(runners, options.repeats, (*skipped, f"before: {before}", f"after:  {after}"))]


def _table(runners: list[_Runner], repeats: int, notes: tuple[str, ...]) -> Table:
    ours = runners[0]
    rows: list[tuple[Cell, ...]] = [
        (
            each.name,
            median(each.rates),
            median([own / theirs for own, theirs in zip(ours.rates, each.rates, strict=True)]),
            median(each.cpu_ms),
            median([theirs / own for own, theirs in zip(ours.cpu_ms, each.cpu_ms, strict=True)]),
            f"{each.acks} of {each.mails}",
        )
        for each in runners
    ]
    return Table(
        name="rivals",
        title=f"Mail to ticket to acknowledgment, {_TURN} mixed mails a turn, medians of {repeats} interleaved turns",
        columns=(
            "",
            "mails/s",
            "firstline's rate is × this",
            "CPU ms per mail",
            "its CPU is × firstline's",
            "acknowledged",
        ),
        rows=tuple(rows),
        notes=("ratios are medians of the ratios of each turn", *notes),
    )


@contextlib.contextmanager
def _firstline() -> Iterator[Callable[[int, int], tuple[float, float, int]]]:
    """The real daemon; its relay and the sender run on an event loop of our own."""
    with asyncio.Runner() as runner:
        relay = Relay()
        runner.run(relay.start())
        with Desk(relay.port) as desk:

            def take(first: int, last: int) -> tuple[float, float, int]:
                batch = list(mails.mixed(last - first, start=first))
                cpu, wall = desk.cpu_s(), time.perf_counter()
                sent = runner.run(send_flowing(desk.port, batch, relay, sessions=_SESSIONS, under_way=_UNDER_WAY))
                seconds = time.perf_counter() - wall
                runner.run(asyncio.to_thread(desk.drain))  # the relay must go on taking the teams' letters
                return seconds, desk.cpu_s() - cpu, sent

            yield take
        runner.run(relay.stop())


@contextlib.contextmanager
def _rival(name: str, folder: Path, box: Path) -> Iterator[Callable[[int, int], tuple[float, float, int]]]:
    """The rival's program in its own environment. RuntimeError when it cannot be installed or does not start."""
    home = folder / name
    home.mkdir()
    program = home / "program.py"
    program.write_text(_PROGRAMS[name])
    with (home / "errors").open("w") as errors:
        process = subprocess.Popen(
            [_environment(name), str(program), str(home), str(box)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:

        def said() -> str:
            line = process.stdout.readline() if process.stdout is not None else ""
            if not line:
                raise RuntimeError((home / "errors").read_text("utf-8", "replace")[-2000:] or f"{name} ended")
            return line

        def take(first: int, last: int) -> tuple[float, float, int]:
            assert process.stdin is not None
            process.stdin.write(f"{first} {last}\n")
            process.stdin.flush()
            seconds, cpu, acks = said().split()
            return float(seconds), float(cpu), int(acks)

        said()  # "ready"
        yield take
    finally:
        process.kill()
        process.wait()


def _environment(name: str) -> str:
    """The Python of an environment that has the rival, made when missing."""
    folder = Path.home() / ".cache" / "firstline-benchmarks" / _PINNED[name].replace("==", "-")
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        print(f"   installing {_PINNED[name]} into {folder}", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        words = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", _PINNED[name]]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_INSTALL_S)
        if done.returncode:
            raise RuntimeError(f"{_PINNED[name]} cannot be installed: {done.stderr.strip() or 'pip failed'}")
        (folder / "complete").touch()
    return str(python)
