"""Processor time of each stage of one mail, in one process, without a network or a second process in between.

CPU milliseconds repeat within 20 to 40 % on a busy machine, where wall time moves by a factor. The database is
SQLite on the temporary disk; each settlement is a transaction of its own, which is the dearest case.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

from benchmarks import machine, mails, peers
from benchmarks.desk import LOOPBACK
from benchmarks.options import Options
from benchmarks.table import Cell, Table
from daemon.channels.submission import Accepted
from daemon.channels.submit import Relay, RelaySettings
from daemon.commands.configured import demo_settings
from daemon.core.address import parse_path
from daemon.core.context import Context
from daemon.core.decide import decide
from daemon.core.digest import canonical_digest
from daemon.core.envelope import Channel, Envelope
from daemon.core.guards import evaluate
from daemon.core.language import detect
from daemon.core.limits import Limits, exceeded
from daemon.core.match import find_clues
from daemon.core.parse import parse
from daemon.core.reading import Reading
from daemon.core.trust import grade
from daemon.loops.enact import Desked, letter_for
from daemon.loops.settle import settle_one
from daemon.reader.model import load_classifier
from daemon.reader.read import classify
from daemon.reader.worker import READINGS
from daemon.render import Renderer
from daemon.settings import policy
from daemon.store import context as contexts
from daemon.store import inbound, outbox
from daemon.store.engine import open_engine
from daemon.store.inbound import Arrival
from daemon.store.migrate import migrate

_COUNTS = {"plain": 120, "alternative": 120, "attached": 16}
_WARM = 40
_BATCH = 16
_T = TypeVar("_T")
_LEASE = timedelta(hours=1)
_ORDER = (
    "digest before 250",
    "store before 250, alone",
    "limits",
    "parse",
    "clues and trust",
    "guards",
    "language",
    "classify, alone",
    "classify, of 16",
    "reading as JSON, both ways",
    "claim, alone",
    "context",
    "decide",
    "words and bytes, per letter",
    "settle, whole",
    "submit, per letter",
    "record, alone",
)


@dataclass(slots=True)
class Meter:
    """CPU seconds and counts by stage."""

    spent: dict[str, float] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)

    @contextlib.contextmanager
    def stage(self, name: str, times: int = 1) -> Iterator[None]:
        begun = time.process_time()
        yield
        self.spent[name] = self.spent.get(name, 0.0) + time.process_time() - begun
        self.times[name] = self.times.get(name, 0) + times

    def ms(self, name: str) -> float | None:
        return self.spent[name] / self.times[name] * 1000 if self.times.get(name) else None


def run(options: Options) -> list[Table]:
    del options
    with tempfile.TemporaryDirectory(prefix="firstline-bench-") as name:
        before = machine.look(Path(name))
        meters = asyncio.run(_measure(Path(name)))
    rows: list[tuple[Cell, ...]] = [
        (stage, *(meters[kind].ms(stage) for kind in _COUNTS)) for stage in _ORDER if stage in meters["plain"].times
    ]
    return [
        Table(
            name="stages",
            title="CPU milliseconds per mail by stage",
            columns=("stage", *(f"{kind} ({count})" for kind, count in _COUNTS.items())),
            rows=tuple(rows),
            notes=(
                "settle, whole: context, decide, words and bytes of two letters, rows, commit",
                "alone: its own transaction",
                str(before),
            ),
        )
    ]


async def _measure(folder: Path) -> dict[str, Meter]:
    bench = _Bench(folder)
    for number in range(_WARM):
        await bench.one(mails.made(number, "alternative" if number % 2 else "plain"), Meter())
    meters = {}
    start = _WARM
    for kind, count in _COUNTS.items():
        meters[kind] = meter = Meter()
        readings: list[Reading] = []
        for number in range(start, start + count):
            readings.append(await bench.one(mails.made(number, kind), meter))
            if len(readings) == _BATCH:
                with meter.stage("classify, of 16", _BATCH):
                    classify(readings, bench.classifier)
                readings = []
        start += count
    await bench.submit(meters)
    return meters


class _Bench:
    """Everything a mail meets, in one place."""

    def __init__(self, folder: Path) -> None:
        settings = demo_settings(
            {
                "state.directory": str(folder),
                "credits.overall": 1_000_000,
                "credits.per_domain": 1_000_000,
                "credits.team": 1_000_000,
                "desk.help.address": mails.DESK,
            }
        )
        self.policy = policy(settings)
        self.desk = next(desk for desk in self.policy.desks if str(desk.address) == mails.DESK)
        self.renderer = Renderer(None)
        self.limits = Limits()
        self.classifier, _ = load_classifier("starter", self.policy)
        self.engine = open_engine(f"sqlite:///{folder / 'bench.db'}")
        migrate(self.engine)
        self.letters: dict[str, tuple[str, bytes]] = {}

    def transaction(self, meter: Meter, stage: str, work: Callable[..., _T]) -> _T:
        with meter.stage(stage), self.engine.connect() as tx, tx.begin():
            return work(tx)

    async def one(self, mail: mails.Mail, meter: Meter) -> Reading:
        now = datetime.now(UTC)
        envelope = Envelope(
            channel=Channel.SMTP,
            desk=self.desk.name,
            received_at=now,
            reverse_path=parse_path(mail.sender),
            forward_paths=(self.desk.address,),
            peer=LOOPBACK,
            helo="sender.example",
            source=f"smtp/{mail.number}",
        )
        with meter.stage("digest before 250"):
            message_id, digest = canonical_digest(mail.raw)
        arrival = Arrival(envelope=envelope, raw=mail.raw, message_id=message_id, digest=digest)
        self.transaction(meter, "store before 250, alone", lambda tx: inbound.accept_many(tx, [arrival]))
        (claimed,) = self.transaction(
            meter, "claim, alone", lambda tx: inbound.claim(tx, owner="bench", now=now, lease=_LEASE, limit=1)
        )
        reading = self._read(envelope, mail.raw, meter, now)
        with meter.stage("classify, alone"):
            (reading,) = classify([reading], self.classifier)
        with meter.stage("reading as JSON, both ways"):
            (reading,) = READINGS.validate_json(READINGS.dump_json([reading]))
        desked = Desked(policy=self.policy, renderer=self.renderer, now=now)
        self._look(claimed, reading, desked, meter)
        self.transaction(meter, "settle, whole", lambda tx: settle_one(tx, claimed, reading, desked))
        return reading

    def _read(self, envelope: Envelope, raw: bytes, meter: Meter, now: datetime) -> Reading:
        """As `reader.read.read_one`, stage by stage."""
        with meter.stage("limits"):
            exceeded(raw, self.limits)
        with meter.stage("parse"):
            message = parse(raw, self.limits)
        with meter.stage("clues and trust"):
            clues = find_clues(message, envelope, self.policy, now.date())
            trust = grade(message, envelope, self.policy, clues)
        with meter.stage("guards"):
            verdicts = evaluate(message, envelope, self.policy, trust=trust, clues=clues)
        with meter.stage("language"):
            language = detect(f"{message.subject}\n{message.body.new}", self.desk.languages)
        return Reading(message=message, verdicts=verdicts, trust=trust, clues=clues, language=language)

    def _look(self, claimed: inbound.Claimed, reading: Reading, desked: Desked, meter: Meter) -> None:
        """What stands inside `settle, whole`, once more and apart; nothing is kept."""

        def load(tx: object) -> Context:
            with meter.stage("context"):
                return contexts.load(
                    tx,  # type: ignore[arg-type]
                    inbound_id=claimed.inbound_id,
                    reading=reading,
                    envelope=claimed.envelope,
                    policy=self.policy,
                    now=desked.now,
                )

        context = self.transaction(Meter(), "", load)
        with meter.stage("decide"):
            decision = decide(claimed.envelope, reading, context, self.policy, desked.now)
        if decision.opening is None:
            raise RuntimeError(f"a benchmark's mail opened no ticket: {decision.reason}")
        ticket = SimpleNamespace(
            id=1001, reference="FL-1001", opened_at=desked.now, thread_index="", **_fields_of(decision.opening)
        )
        for notice in decision.notices:
            with meter.stage("words and bytes, per letter"):
                _, content = letter_for(notice, ticket, self.desk, desked)  # type: ignore[arg-type]
            self.letters[str(notice.to)] = ("", content)

    async def submit(self, meters: dict[str, Meter]) -> None:
        """The letters to a sink in another process, and their ends in the outbox."""
        try:
            with peers.sink() as (port, _):
                await self._submit(port, meters["plain"])
        except FileNotFoundError:
            return  # the table then has no such lines

    async def _submit(self, port: int, meter: Meter) -> None:
        relay = Relay(RelaySettings(host=LOOPBACK, port=port, security="none"))
        now = datetime.now(UTC)
        batch = self.transaction(
            Meter(), "", lambda tx: outbox.claim(tx, owner="bench", now=now, lease=_LEASE, limit=200)
        )
        for letter in batch:
            with meter.stage("submit, per letter"):
                outcome = await relay.submit(None, letter.recipient, letter.content)
            if not isinstance(outcome, Accepted):
                raise TypeError(f"the sink said {outcome}")
            self.transaction(
                meter,
                "record, alone",
                lambda tx, letter=letter: outbox.record_accepted(tx, letter, reply="250 ok", now=now),
            )
        await relay.close()


def _fields_of(opening: object) -> dict[str, object]:
    names = ("requester", "requester_name", "subject", "category", "tier", "kind", "language")
    return {name: getattr(opening, name) for name in names}
