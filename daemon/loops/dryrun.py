"""A dry run: mails through the real reader, decision and store, on an empty store in memory; nothing is sent.

The same `settle_one` as in the daemon, so what it says is what would happen. Mails of one run
know each other (duplicates, threads); credits are full for each one unless they shall count.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from daemon.core.credit import CreditLimits
from daemon.core.digest import canonical_digest
from daemon.core.envelope import Acceptance, Envelope
from daemon.core.policy import Policy
from daemon.loops.enact import Desked
from daemon.loops.settle import Settled, settle_one
from daemon.reader.pool import ReaderPool
from daemon.render import Renderer
from daemon.store import inbound
from daemon.store.committer import Committer
from daemon.store.engine import open_engine
from daemon.store.inbound import Arrival, Claimed
from daemon.store.migrate import migrate

_ENDLESS = 1_000_000
_LEASE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DryMail:
    """What became of one mail: `settled` None means that it was a duplicate. `error`: a bug of ours, in words."""

    settled: Settled | None
    seconds: float
    error: str = ""


def endless(limits: CreditLimits) -> CreditLimits:
    """Credits that no run exhausts."""
    return CreditLimits(
        per_address=_ENDLESS,
        per_domain=_ENDLESS,
        overall=_ENDLESS,
        team=_ENDLESS,
        silence_days=limits.silence_days,
    )


class DryRun:
    """An empty store in memory. `start` first, `close` at the end."""

    def __init__(self, policy: Policy, renderer: Renderer, reader: ReaderPool) -> None:
        self._policy = policy
        self._renderer = renderer
        self._reader = reader
        self._engine = open_engine("sqlite://")
        self._committer = Committer(self._engine)

    async def start(self) -> None:
        migrate(self._engine)
        self._committer.start()
        await self._reader.start()

    async def close(self) -> None:
        await self._reader.close()
        await self._committer.close()
        self._engine.dispose()

    async def run(self, mails: Sequence[tuple[Envelope, bytes]]) -> AsyncIterator[DryMail]:
        """One result for each mail, in order; a batch is read together."""
        started = time.perf_counter()
        readings = await self._reader.read(mails)
        each = (time.perf_counter() - started) / max(1, len(mails))
        for (envelope, raw), reading in zip(mails, readings, strict=True):
            begun = time.perf_counter()
            message_id, digest = canonical_digest(raw)
            arrival = Arrival(envelope=envelope, raw=raw, message_id=message_id, digest=digest)
            receipt = await self._committer.accept(arrival)
            if receipt.acceptance is Acceptance.DUPLICATE:
                yield DryMail(settled=None, seconds=each + time.perf_counter() - begun)
                continue
            now = datetime.now(UTC)
            claimed = await self._claim(now)
            desked = Desked(policy=self._policy, renderer=self._renderer, now=now)
            settled, error = None, ""
            try:
                settled = await self._committer.run(
                    lambda tx, c=claimed, r=reading, d=desked: settle_one(tx, c, r, d)  # type: ignore[misc]
                )
            except Exception as trouble:  # noqa: BLE001 - said in the line: a dry run never ends because of a mail
                error = f"{type(trouble).__name__}: {trouble}"[:200]
            yield DryMail(settled=settled, seconds=each + time.perf_counter() - begun, error=error)

    async def _claim(self, now: datetime) -> Claimed:
        (claimed,) = await self._committer.run(
            lambda tx: inbound.claim(tx, owner="dry-run", now=now, lease=_LEASE, limit=1)
        )
        return claimed
