"""The outbox: mails to be sent, written in the transaction of the ticket that caused them.

Exactly one row per (ticket, kind, sequence) and per Message-ID; its bytes never change, so every
try sends the same. Queuing an automatic mail takes credits in the same transaction. A row ends
accepted, refused (with the peer's words) or expired; a claim left behind counts as one try whose outcome is
unknown. `next_at` is the back-off of a queued row and the end of the lease of a claimed one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, insert, or_, select, text, update

from daemon.core.address import Address
from daemon.core.notice import OF_PERSONS, TO_REQUESTER, NoticeKind
from daemon.core.policy import Policy
from daemon.store import credits as purse_keeper
from daemon.store import journal, threads
from daemon.store.columns import Instant, from_micros
from daemon.store.engine import exclusive, is_sqlite
from daemon.store.faults import LeaseLost
from daemon.store.prepared import Prepared
from daemon.store.schema import OUTBOX

LIFE = timedelta(days=5)  # RFC 5321 §4.5.4.1: at least four to five days
_STEPS_MIN = (1, 5, 15, 30, 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A mail ready to be queued. `mail_from` "" is the null reverse-path; `content` is what will be sent, as it is."""

    kind: str  # a NoticeKind, or a word of a later kind; anything but a reply is automatic
    ticket_id: int | None
    sequence: int
    to: Address
    message_id: str
    mail_from: str
    content: bytes
    life: timedelta = LIFE


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """What became of a posting: queued (`outbox_id`), there already (`again`), or refused by a bound (`spent`)."""

    outbox_id: int | None
    spent: str = ""  # address, domain, overall, team
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A mail that is ours to send until the lease ends. `attempts` includes this one."""

    outbox_id: int
    fence: int
    attempts: int
    uncertain: int
    ticket_id: int | None
    kind: str
    sequence: int
    message_id: str
    mail_from: str
    recipient: str
    content: bytes
    created_at: datetime
    expires_at: datetime


def next_sequence(tx: Connection, ticket_id: int, kind: str) -> int:
    """The number of the next notice of this kind on the ticket, from 1."""
    exclusive(tx)
    return int(_LAST.scalar(tx, {"ticket_id": ticket_id, "kind": str(kind)}) or 0) + 1


def spoken(tx: Connection, ticket_id: int) -> bool:
    """True when the requester of the ticket was acknowledged, or answered by a person."""
    return _SPOKEN.first(tx, {"ticket_id": ticket_id}) is not None


def told(tx: Connection, *, ticket_id: int, kind: str, to: Address, at: datetime) -> bool:
    """True when a mail of this kind about the ticket was queued for the address at this very instant."""
    values = {"ticket_id": ticket_id, "kind": str(kind), "recipient": str(to), "at": at}
    return _TOLD.first(tx, values) is not None


def queue(tx: Connection, posting: Posting, policy: Policy, *, now: datetime) -> Queued:
    """Take the credits and write the row, or say which bound is spent and write nothing.

    A posting that is there already (same ticket, kind and sequence) takes nothing and stays as it was.
    """
    exclusive(tx)
    identity = {"ticket_id": posting.ticket_id, "kind": str(posting.kind), "sequence": posting.sequence}
    before = _SAME.scalar(tx, identity) if posting.ticket_id is not None else None
    if before is not None:
        return Queued(outbox_id=before, again=True)
    lines: tuple[journal.Line, ...] = ()
    if wanted := _purses(posting, policy):
        spent, lines = purse_keeper.take(tx, wanted, policy, now=now, ticket_id=posting.ticket_id)
        if spent:
            facts: tuple[tuple[str, str], ...] = (("kind", str(posting.kind)), ("bound", spent))
            withheld = journal.Line(name="notice.withheld", ticket_id=posting.ticket_id, facts=facts)
            journal.append(tx, [*lines, withheld], now=now)
            return Queued(outbox_id=None, spent=spent)
    outbox_id = _write(tx, posting, now)
    if posting.ticket_id is not None:
        threads.remember(tx, posting.ticket_id, [(posting.message_id, threads.OWN)])
    facts = (("outbox", str(outbox_id)), ("kind", str(posting.kind)), ("sequence", str(posting.sequence)))
    queued = journal.Line(name="notice.queued", ticket_id=posting.ticket_id, facts=facts)
    journal.append(tx, [*lines, queued], now=now)
    return Queued(outbox_id=outbox_id)


def _write(tx: Connection, posting: Posting, now: datetime) -> int:
    """The row, at once due; returns its id."""
    outbox_id = _INSERT.scalar(
        tx,
        {
            "ticket_id": posting.ticket_id,
            "kind": str(posting.kind),
            "sequence": posting.sequence,
            "message_id": posting.message_id,
            "mail_from": posting.mail_from,
            "recipient": str(posting.to),
            "state": "queued",
            "attempts": 0,
            "uncertain": 0,
            "next_at": now,
            "expires_at": now + posting.life,
            "lease_owner": "",
            "fence": 0,
            "reply": "",
            "created_at": now,
            "sha256": hashlib.sha256(posting.content).hexdigest(),
            "bytes": posting.content,
        },
    )
    return int(outbox_id)


def claim(tx: Connection, *, owner: str, now: datetime, lease: timedelta, limit: int = 50) -> tuple[Outgoing, ...]:
    """Take at most `limit` mails that are due, the longest due first; batches of 50 are 58 × single ones (measured)."""
    statement = _CLAIM if is_sqlite(tx) else _CLAIM_LOCKED
    rows = statement.rows(tx, {"owner": owner, "now": now, "until": now + lease, "count": limit})
    found = (
        Outgoing(
            outbox_id=row.id,
            fence=row.fence,
            attempts=row.attempts,
            uncertain=row.uncertain,
            ticket_id=row.ticket_id,
            kind=row.kind,
            sequence=row.sequence,
            message_id=row.message_id,
            mail_from=row.mail_from,
            recipient=row.recipient,
            content=bytes(row.bytes),
            created_at=from_micros(row.created_at),
            expires_at=from_micros(row.expires_at),
        )
        for row in rows
    )
    return tuple(sorted(found, key=lambda mail: mail.outbox_id))


def record_accepted(tx: Connection, mail: Outgoing, *, reply: str, now: datetime) -> None:
    """The relay took it. Raises LeaseLost."""
    _end(tx, mail, state="accepted", name="notice.sent", reply=reply, now=now)


def record_refused(tx: Connection, mail: Outgoing, *, reply: str, now: datetime) -> None:
    """The relay refused it for good, in these words. Raises LeaseLost."""
    _end(tx, mail, state="refused", name="notice.refused", reply=reply, now=now)


def record_expired(tx: Connection, mail: Outgoing, *, reply: str, now: datetime) -> None:
    """We give up: too old, or too often uncertain. Raises LeaseLost."""
    _end(tx, mail, state="expired", name="notice.expired", reply=reply, now=now)


def record_retry(tx: Connection, mail: Outgoing, *, reply: str, next_at: datetime, uncertain: bool = False) -> None:
    """Not now; again from `next_at` on. `uncertain`: the answer to the final dot never came. Raises LeaseLost."""
    values = {"b_reply": reply, "b_next_at": next_at, "b_uncertain": 1 if uncertain else 0}
    _guarded(tx, _RETRY, mail, values)


def release(tx: Connection, mail: Outgoing, *, now: datetime) -> None:
    """Nothing was tried: give it back at once (a drain). Raises LeaseLost."""
    _guarded(tx, _RELEASE, mail, {"b_now": now})


def give_back(tx: Connection, *, owner: str, leased_until: datetime, now: datetime) -> int:
    """What a claim of `owner` took whose answer was lost: nothing was tried, it is due at once; how many there were.

    The instant of a lease names its claim. Never to be called for a claim whose mails somebody has in hand.
    """
    return _GIVE_BACK.run(tx, {"b_owner": owner, "b_until": leased_until, "b_now": now})


def backoff(attempts: int, jitter: float = 0.5) -> timedelta:
    """How long to wait after this many tries: 1, 5, 15, 30, then 60 minutes, ± 20 % by `jitter` in [0, 1)."""
    minutes = _STEPS_MIN[min(max(attempts, 1), len(_STEPS_MIN)) - 1]
    return timedelta(minutes=minutes * (0.8 + 0.4 * jitter))


def _purses(posting: Posting, policy: Policy) -> tuple[purse_keeper.Purse, ...]:
    """Whose credits it takes: a person's reply nobody's, a mail to the requester theirs, all else the team's."""
    if posting.kind in OF_PERSONS:
        return ()
    if posting.kind in TO_REQUESTER:
        return purse_keeper.purses(posting.to, policy)
    return (purse_keeper.team_purse(posting.to, policy),)


def _end(tx: Connection, mail: Outgoing, *, state: str, name: str, reply: str, now: datetime) -> None:
    _guarded(tx, _END, mail, {"b_state": state, "b_reply": reply, "b_now": now})
    facts = (("outbox", str(mail.outbox_id)), ("kind", mail.kind), ("reply", reply[:200]))
    journal.append(tx, [journal.Line(name=name, ticket_id=mail.ticket_id, facts=facts)], now=now)


def _guarded(tx: Connection, statement: Prepared, mail: Outgoing, values: dict[str, object]) -> None:
    if statement.run(tx, {"b_id": mail.outbox_id, "b_fence": mail.fence, **values}) != 1:
        raise LeaseLost(f"outgoing mail {mail.outbox_id} was taken by another worker")


_INSERT = Prepared(insert(OUTBOX).returning(OUTBOX.c.id))
_LAST = Prepared(
    select(func.max(OUTBOX.c.sequence)).where(
        OUTBOX.c.ticket_id == bindparam("ticket_id"), OUTBOX.c.kind == bindparam("kind")
    )
)
_SPOKEN = Prepared(
    select(OUTBOX.c.id)
    .where(
        OUTBOX.c.ticket_id == bindparam("ticket_id"),
        or_(OUTBOX.c.kind == NoticeKind.ACKNOWLEDGMENT.value, OUTBOX.c.kind == NoticeKind.REPLY.value),
    )
    .limit(1)
)
_TOLD = Prepared(
    select(OUTBOX.c.id)
    .where(
        OUTBOX.c.ticket_id == bindparam("ticket_id"),
        OUTBOX.c.kind == bindparam("kind"),
        OUTBOX.c.created_at == bindparam("at"),
        OUTBOX.c.recipient == bindparam("recipient"),
    )
    .limit(1)
)
_SAME = Prepared(
    select(OUTBOX.c.id).where(
        OUTBOX.c.ticket_id == bindparam("ticket_id"),
        OUTBOX.c.kind == bindparam("kind"),
        OUTBOX.c.sequence == bindparam("sequence"),
    )
)
# A row that is still `claimed` when its lease has ended: the worker died, maybe after the final dot.
_CLAIM_SQL = """
UPDATE outbox SET uncertain = uncertain + CASE WHEN state = 'claimed' THEN 1 ELSE 0 END,
  state = 'claimed', attempts = attempts + 1, fence = fence + 1, lease_owner = :owner, next_at = :until
WHERE id IN (
  SELECT id FROM outbox WHERE done_at IS NULL AND next_at <= :now ORDER BY next_at, id LIMIT :count {lock}
)
RETURNING id, fence, attempts, uncertain, ticket_id, kind, sequence, message_id, mail_from, recipient, bytes,
  created_at, expires_at
"""
_INSTANTS = (bindparam("now", type_=Instant), bindparam("until", type_=Instant))
_CLAIMED = (
    *("id", "fence", "attempts", "uncertain", "ticket_id", "kind", "sequence", "message_id", "mail_from", "recipient"),
    *("bytes", "created_at", "expires_at"),
)
_CLAIM = Prepared(text(_CLAIM_SQL.format(lock="")).bindparams(*_INSTANTS), returns=_CLAIMED)
_CLAIM_LOCKED = Prepared(
    text(_CLAIM_SQL.format(lock="FOR UPDATE SKIP LOCKED")).bindparams(*_INSTANTS), returns=_CLAIMED
)
_OURS = update(OUTBOX).where(
    OUTBOX.c.id == bindparam("b_id"), OUTBOX.c.fence == bindparam("b_fence"), text("done_at IS NULL")
)
_END = Prepared(_OURS.values(state=bindparam("b_state"), reply=bindparam("b_reply"), done_at=bindparam("b_now")))
_RETRY = Prepared(
    _OURS.values(
        state="queued",
        reply=bindparam("b_reply"),
        next_at=bindparam("b_next_at"),
        uncertain=OUTBOX.c.uncertain + bindparam("b_uncertain"),
        lease_owner="",
        fence=OUTBOX.c.fence + 1,
    )
)
_GIVE_BACK = Prepared(
    update(OUTBOX)
    .where(
        OUTBOX.c.state == "claimed",
        OUTBOX.c.lease_owner == bindparam("b_owner"),
        OUTBOX.c.next_at == bindparam("b_until"),
        text("done_at IS NULL"),
    )
    .values(
        state="queued",
        next_at=bindparam("b_now"),
        attempts=OUTBOX.c.attempts - 1,
        lease_owner="",
        fence=OUTBOX.c.fence + 1,
    )
)
_RELEASE = Prepared(
    _OURS.values(
        state="queued",
        next_at=bindparam("b_now"),
        attempts=OUTBOX.c.attempts - 1,
        lease_owner="",
        fence=OUTBOX.c.fence + 1,
    )
)
