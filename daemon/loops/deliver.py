"""The deliver loop (T3): claim outgoing mail, submit it, record the peer's words.

Every try sends the same bytes with the same Message-ID. A reply that never came after the final
dot is an unknown outcome (RFC 1047): it is tried again, so a relay that took it sees the same
identifier twice; after three of those a person must look. Back-off is in the row: it survives a restart.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, assert_never

import structlog
from sqlalchemy import Connection

from daemon import crash
from daemon.channels.submission import Accepted, Deferred, Refused, SenderRefused, Step, Submission, Unknown
from daemon.core.address import parse_path
from daemon.core.credit import canonical
from daemon.core.decision import Hold
from daemon.core.notice import BY_NAME
from daemon.errors import Unavailable
from daemon.loops.wake import Wake
from daemon.store import holds, outbox
from daemon.store.committer import Committer
from daemon.store.faults import LeaseLost
from daemon.store.outbox import Outgoing

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=30)  # longer than all places can take: 10 min after the dot, four connections, 16 mails
PLACES = 16  # mails claimed and not yet ended: a slow answer holds one place and never the others
POLL_S = 1.0
UNCERTAIN_LIMIT = 3
SUSPECT_UNCERTAIN = 1  # a mail that was in hand at more deaths than that goes alone: most of its batch never went out
_FAILED_WAIT_S = 5.0
_RECORD_WAIT_S, _RECORD_WAIT_MOST_S = 0.25, 10.0
_JITTER = 0.2


class Submitter(Protocol):
    """What sends: the relay, or a sink of a demo. `mail_from` None is `<>`; never raises for what a network does.

    It calls `content_goes` before the first byte that the peer might take: cancelled earlier, nothing was sent.
    """

    async def submit(
        self, mail_from: str | None, recipient: str, raw: bytes, *, content_goes: Callable[[], None]
    ) -> Submission: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """How to try: the waits between tries (the last repeats), the first envelope sender, the hold after a refusal."""

    retry: tuple[timedelta, ...]
    null_reverse_path: bool = True
    hold: timedelta = timedelta(days=60)

    def wait(self, attempts: int) -> timedelta:
        """After `attempts` tries (≥ 1), with jitter so that a recovered relay is not hit by all at once."""
        step = self.retry[min(max(attempts, 1), len(self.retry)) - 1]
        return step * (1 + random.uniform(-_JITTER, _JITTER))  # noqa: S311 - spreads load, guards nothing


class DeliverLoop:
    """Claims and submits until the stop."""

    def __init__(self, committer: Committer, submitter: Submitter, sending: Sending, wake: Wake, *, owner: str) -> None:
        self._committer = committer
        self._submitter = submitter
        self._sending = sending
        self._wake = wake
        self._owner = owner
        self._null_refused = not sending.null_reverse_path
        self._under_way: set[asyncio.Task[None]] = set()
        self._owed: list[datetime] = []  # leases of claims whose answer an outage took: nobody has those mails in hand
        self.sent = 0

    async def run(self) -> None:
        """Until the stop; what is under way then gets its answer, or is cut off when that takes too long."""
        try:
            await self._until_stopped()
            if self._under_way:
                await asyncio.wait(self._under_way)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._submitter.close()

    async def _until_stopped(self) -> None:
        while not self._wake.stopping:
            try:
                more = await self.once()
            except Exception as error:  # noqa: BLE001 - a loop edge, logged: rows stay claimed until their lease ends
                _complain(error, None)
                await self._wake.wait(_FAILED_WAIT_S)
                continue
            if not more:
                await self._wake.wait(POLL_S)

    async def once(self) -> bool:
        """Begin on as many mails as there are places; True when more may be due. Waits for none of their answers."""
        places = PLACES - len(self._under_way)
        if not places:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            return True
        await self._take_up()
        now = datetime.now(UTC)
        try:
            batch = await self._committer.run(
                lambda tx: outbox.claim(tx, owner=self._owner, now=now, lease=LEASE, limit=places), claims_only=True
            )
        except Unavailable:
            self._owed.append(now + LEASE)
            raise
        if not batch:
            return False
        crash.point("outbox_claimed")
        suspect = next((mail for mail in batch if mail.uncertain > SUSPECT_UNCERTAIN), None)
        if suspect is not None:
            await self._alone(suspect, [mail for mail in batch if mail is not suspect])
            return True
        for mail in batch:
            task = asyncio.create_task(self._one(mail), name="deliver-one")
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return len(batch) == places

    async def _take_up(self) -> None:
        """After an outage: claims whose answer was lost are taken back now and not at the end of their lease."""
        if not self._owed:
            return
        owed, now = tuple(self._owed), datetime.now(UTC)
        await self._committer.run(
            lambda tx: [outbox.give_back(tx, owner=self._owner, leased_until=each, now=now) for each in owed]
        )
        self._owed.clear()

    async def _alone(self, suspect: Outgoing, others: Sequence[Outgoing]) -> None:
        """Daemons died with it in hand: nothing else is, when it is tried again, so that nothing else is counted."""
        if others:
            await self._give_back(others)
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self._one(suspect)

    async def _give_back(self, untried: Sequence[Outgoing]) -> None:
        now = datetime.now(UTC)

        def release(tx: Connection) -> None:
            for mail in untried:
                outbox.release(tx, mail, now=now)

        await self._committer.run(release)

    async def _one(self, mail: Outgoing) -> None:
        try:
            await self._send(mail)
        except Exception as error:  # noqa: BLE001 - a loop edge, one mail wide: it stays claimed until its lease ends
            _complain(error, mail)

    async def _send(self, mail: Outgoing) -> None:
        if mail.uncertain > UNCERTAIN_LIMIT:
            outcome: Submission = Unknown(reply="the relay's answer was lost too often: a person must look")
        else:
            outcome = await self._try(mail)
            crash.point("after_relay_final")
        try:
            await self._recorded(mail, outcome)
        except LeaseLost:
            log.info("notice.lease_lost", outbox=mail.outbox_id, next="another worker has it")
            return
        crash.point("after_mark")
        if isinstance(outcome, Accepted):
            self.sent += 1
        log.log(
            20 if isinstance(outcome, Accepted) else 30,
            "notice.sent" if isinstance(outcome, Accepted) else "notice.not_sent",
            outbox=mail.outbox_id,
            ticket=mail.ticket_id,
            message_id=mail.message_id,
            kind=mail.kind,
            attempts=mail.attempts,
            outcome=type(outcome).__name__.lower(),
            reply=outcome.reply[:200],
        )

    async def _recorded(self, mail: Outgoing, outcome: Submission) -> None:
        """Write down what the relay said. We alone know it: in an outage it is kept until the store takes it.

        Given up, the mail would go out a second time when its lease ends. Raises LeaseLost when it has ended.
        """
        now = datetime.now(UTC)
        wait_s = _RECORD_WAIT_S
        while True:
            try:
                await self._committer.run(lambda tx: self._record(tx, mail, outcome, now))
            except Unavailable as error:
                log.warning("notice.not_recorded", outbox=mail.outbox_id, why=str(error), next=f"again in {wait_s} s")
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, _RECORD_WAIT_MOST_S)
            else:
                return

    async def _try(self, mail: Outgoing) -> Submission:
        """Submit it. Cancelled by the drain before its content went, it is given back: that was no try."""
        gone = False

        def content_goes() -> None:
            nonlocal gone
            gone = True

        try:
            return await self._submit(mail, content_goes)
        except asyncio.CancelledError:
            if not gone:
                await asyncio.shield(self._give_back([mail]))
            raise

    async def _submit(self, mail: Outgoing, content_goes: Callable[[], None]) -> Submission:
        by_name = self._null_refused or mail.kind in BY_NAME
        sender = mail.mail_from if by_name else None
        outcome = await self._submitter.submit(sender, mail.recipient, mail.content, content_goes=content_goes)
        if not isinstance(outcome, SenderRefused):
            return outcome
        # This smarthost wants an envelope sender (mail-rules §4): the signed address that only stores.
        log.warning("relay.null_sender_refused", reply=outcome.reply, next="signed bounce address from now on")
        self._null_refused = True
        return await self._submitter.submit(mail.mail_from, mail.recipient, mail.content, content_goes=content_goes)

    def _record(self, tx: Connection, mail: Outgoing, outcome: Submission, now: datetime) -> None:
        match outcome:
            case Accepted():
                outbox.record_accepted(tx, mail, reply=outcome.reply, now=now)
            case Refused():
                outbox.record_refused(tx, mail, reply=outcome.reply, now=now)
                self._hold(tx, mail, outcome, now)
            case Unknown() if mail.uncertain > UNCERTAIN_LIMIT:
                outbox.record_expired(tx, mail, reply=outcome.reply, now=now)
            case Deferred() | Unknown() | SenderRefused():
                self._again(tx, mail, outcome, now)
            case _:
                assert_never(outcome)

    def _again(
        self, tx: Connection, mail: Outgoing, outcome: Deferred | Unknown | SenderRefused, now: datetime
    ) -> None:
        next_at = now + self._sending.wait(mail.attempts)
        if next_at >= mail.expires_at:
            outbox.record_expired(tx, mail, reply=outcome.reply, now=now)
            return
        outbox.record_retry(tx, mail, reply=outcome.reply, next_at=next_at, uncertain=isinstance(outcome, Unknown))

    def _hold(self, tx: Connection, mail: Outgoing, outcome: Refused, now: datetime) -> None:
        """A recipient that the relay refuses for good gets nothing automatic for a while."""
        address = parse_path(mail.recipient)
        if outcome.step is Step.RCPT and address is not None:
            until = now + self._sending.hold
            holds.place(tx, Hold(address=canonical(address), until=until, reason=outcome.reply[:200]))


def _complain(error: Exception, mail: Outgoing | None) -> None:
    outbox_id = None if mail is None else mail.outbox_id
    later = f"again in {_FAILED_WAIT_S} s" if mail is None else "again when its lease ends"
    if isinstance(error, Unavailable):
        log.warning("deliver.failed", outbox=outbox_id, why=str(error), next=later)
    else:
        log.error("deliver.failed", outbox=outbox_id, exc_info=error, next=later)
