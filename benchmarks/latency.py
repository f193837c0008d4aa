"""From the final dot to the 250, and to the acknowledgment at the relay, at a steady rate of mixed mails."""

from __future__ import annotations

import asyncio

from benchmarks import machine, mails
from benchmarks.desk import Desk
from benchmarks.options import Options
from benchmarks.post import Relay, Sent, send_paced
from benchmarks.table import Cell, Table, quantile

_WARM = 40  # mails before the clock: imports, prepared statements, the model's word memo
_PATIENCE_S = 120.0


def run(options: Options) -> list[Table]:
    return [asyncio.run(_measure(rate, options.seconds)) for rate in options.rates]


async def _measure(rate: float, seconds: float) -> Table:
    relay = Relay()
    await relay.start()
    desk = Desk(relay.port)
    try:
        await asyncio.to_thread(desk.__enter__)
        warm = list(mails.mixed(_WARM))
        await send_paced(desk.port, warm, 20.0)
        if await relay.wait_for([mail.sender for mail in warm], _PATIENCE_S):
            raise RuntimeError(f"the first mails got no answer:\n{desk.tail()}")
        before = await asyncio.to_thread(machine.look, desk.directory)
        cpu = desk.cpu_apart_s()
        batch = list(mails.mixed(int(rate * seconds), start=_WARM))
        sent = await send_paced(desk.port, batch, rate)
        missing = await relay.wait_for([mail.sender for mail in batch], _PATIENCE_S)
        await asyncio.to_thread(desk.drain)
        ms = [(now - then) / len(batch) * 1000 for now, then in zip(desk.cpu_apart_s(), cpu, strict=True)]
        after = await asyncio.to_thread(machine.look, desk.directory)
        audit = await asyncio.to_thread(desk.audit)
    finally:
        await asyncio.to_thread(desk.__exit__, None, None, None)
        await relay.stop()
    rows: list[tuple[Cell, ...]] = []
    for kind in ("all", "plain", "alternative", "attached"):
        some = [each for each in sent if kind in {"all", each.mail.kind}]
        if some:
            rows += _rows(kind, some, relay.arrived)
    sync = max(before.sync_p50_ms, after.sync_p50_ms)
    stored = quantile([each.answered - each.dot for each in sent], 0.5) * 1000
    return Table(
        name=f"latency-{rate:g}",
        title=f"Latency at {rate:g} mails/s for {seconds:g} s: mixed mails, SQLite, the real daemon, peers on loopback",
        columns=("milliseconds", "mails", "p50", "p90", "p99", "max", "target p50, p99"),
        rows=tuple(rows),
        notes=(
            f"{len(sent)} answered 250, {len(batch) - len(missing)} acknowledged; {audit}",
            f"CPU per mail: daemon {ms[0]:.1f} ms, workers {ms[1]:.1f} ms",
            f"250 at p50 is {stored / sync:.1f} x fdatasync p50",
            f"before: {before}",
            f"after:  {after}",
        ),
    )


def _rows(kind: str, sent: list[Sent], arrived: dict[str, float]) -> list[tuple[Cell, ...]]:
    stored = [each.answered - each.dot for each in sent]
    acked = [arrived[each.mail.sender] - each.dot for each in sent if each.mail.sender in arrived]
    behind = [arrived[each.mail.sender] - each.answered for each in sent if each.mail.sender in arrived]
    targets = ("15, 250", "1000, 3000", None) if kind == "all" else (None, None, None)
    names = ("final dot to 250", "final dot to acknowledgment", "250 to acknowledgment")
    return [
        (f"{name} ({kind})", len(values), *(quantile(values, at) * 1000 for at in (0.5, 0.9, 0.99, 1.0)), target)
        for name, values, target in zip(names, (stored, acked, behind), targets, strict=True)
    ]
