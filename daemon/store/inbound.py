"""Inbound mail: the durable receipt, the claim and the settlement (T1 and both ends of T2).

A mail is stored with its raw bytes in the transaction whose commit allows the 250. The duplicate
key is (desk, Message-ID, digest): the same key again is counted on the first, the same id with
other content is a mail of its own and flagged. Attempts are counted by the claim, before work begins;
a fence number makes a worker that lost its lease harmless. Nothing here reads a mail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select, text, type_coerce, update

from daemon.core.envelope import Acceptance, Channel, Envelope, Receipt
from daemon.store import envelopes
from daemon.store.columns import Instant, key
from daemon.store.engine import is_sqlite
from daemon.store.faults import LeaseLost
from daemon.store.prepared import Prepared, inserting
from daemon.store.rows import new_ids
from daemon.store.schema import DELIVERY, INBOUND, RAW

_PENDING = text("settled_at IS NULL")  # word for word the partial index's predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One delivery to be stored. `digest` is of the canonical content; `message_id` "" when there is none."""

    envelope: Envelope
    raw: bytes
    message_id: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A mail that is ours until the lease ends. `attempts` includes this one; `fence` guards every later write."""

    inbound_id: int
    fence: int
    attempts: int
    envelope: Envelope
    raw: bytes
    message_id: str
    id_reused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How a mail ended; `outcome` is an `Outcome`, `ack_reason` "" when an acknowledgment was queued."""

    outcome: str
    reason: str
    ack_reason: str
    ticket_id: int | None = None
    flags: tuple[str, ...] = ()
    evidence: str = ""  # JSON of the reading's evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Mails that are stored and not settled. `oldest` is None when there are none."""

    pending: int
    claimed: int
    oldest: datetime | None


def accept_many(tx: Connection, arrivals: Sequence[Arrival]) -> tuple[Receipt, ...]:
    """Store all of these deliveries or none; one receipt each, in order. The receipts count only after the commit.

    Raises IntegrityError when another node stored the same mail at this moment: try again, one by one.
    """
    known = _known(tx, arrivals)
    fetched = _fetched(tx, arrivals)
    ids = iter(new_ids(tx, INBOUND, len(arrivals)))
    receipts: list[Receipt] = []
    mails: list[dict[str, Any]] = []
    raws: list[dict[str, Any]] = []
    deliveries: list[dict[str, Any]] = []
    for arrival in arrivals:
        envelope, folded = arrival.envelope, key(arrival.message_id)
        source = envelope.source if envelope.channel is Channel.IMAP else ""
        before = fetched.get(key(source)) if source else None
        if before is not None and before[1] == arrival.digest:
            receipts.append(Receipt(inbound_id=before[0], acceptance=Acceptance.DUPLICATE))
            continue  # the same message of the same mailbox again (crash before the flag): not another delivery
        copies = known.setdefault((envelope.desk, folded), {}) if folded else {}
        inbound_id = copies.get(arrival.digest)
        acceptance = Acceptance.DUPLICATE
        if inbound_id is None:
            acceptance = Acceptance.ID_REUSED if copies else Acceptance.NEW
            inbound_id = next(ids)
            copies[arrival.digest] = inbound_id
            mails.append(_mail_row(inbound_id, arrival, acceptance))
            sha256 = hashlib.sha256(arrival.raw).hexdigest()
            raws.append({"inbound_id": inbound_id, "sha256": sha256, "bytes": arrival.raw})
        source_key = source if source and before is None else None
        deliveries.append(envelopes.row(envelope, inbound_id, acceptance, source_key=source_key))
        if source_key:
            fetched[key(source)] = (inbound_id, arrival.digest)
        receipts.append(Receipt(inbound_id=inbound_id, acceptance=acceptance))
    for statement, rows in zip(_INSERTS, (mails, raws, deliveries), strict=True):
        statement.many(tx, rows)
    return tuple(receipts)


def claim(
    tx: Connection, *, owner: str, now: datetime, lease: timedelta, limit: int = 16, limit_bytes: int = 64_000_000
) -> tuple[Claimed, ...]:
    """Take the oldest claimable mails, at least one and at most `limit` or `limit_bytes` of raw mail.

    Claimable: never claimed, released and due again, or left behind by a worker whose lease ended.
    """
    taken = {
        row.id: row
        for row in (_CLAIM if is_sqlite(tx) else _CLAIM_LOCKED).rows(
            tx, {"owner": owner, "now": now, "until": now + lease, "count": limit, "bytes": limit_bytes}
        )
    }
    if not taken:
        return ()
    rows = tx.execute(_CLAIMED_MAIL, {"ids": list(taken)})
    return tuple(
        Claimed(
            inbound_id=row.inbound_id,
            fence=taken[row.inbound_id].fence,
            attempts=taken[row.inbound_id].attempts,
            envelope=envelopes.load(row),
            raw=bytes(row.bytes),
            message_id=row.message_id,
            id_reused=bool(row.id_reused),
        )
        for row in rows
    )


def settle(tx: Connection, *, inbound_id: int, fence: int, settlement: Settlement, now: datetime) -> None:
    """Record how the mail ended. Raises LeaseLost when another worker has it or had it: roll all of it back."""
    done = _SETTLE.run(
        tx,
        {
            "b_id": inbound_id,
            "b_fence": fence,
            "b_outcome": str(settlement.outcome),
            "b_reason": settlement.reason,
            "b_ack_reason": settlement.ack_reason,
            "b_ticket_id": settlement.ticket_id,
            "b_flags": " ".join(settlement.flags),
            "b_evidence": settlement.evidence,
            "b_now": now,
        },
    )
    if done != 1:
        raise LeaseLost(f"mail {inbound_id} was taken by another worker")


def release(tx: Connection, *, inbound_id: int, fence: int, until: datetime, attempted: bool = True) -> bool:
    """Give a mail back, claimable from `until` on. False: the lease was lost.

    `attempted=False` takes the attempt back: a drain is not the mail's fault.
    """
    done = tx.execute(
        _RELEASE, {"b_id": inbound_id, "b_fence": fence, "b_until": until, "b_back": 0 if attempted else 1}
    )
    return done.rowcount == 1


def give_back(tx: Connection, *, owner: str, leased_until: datetime, now: datetime, since: datetime) -> int:
    """What a claim of `owner` took and nobody ended, claimable at once: after an outage in which its answer was lost.

    The instant of a lease names its claim. Mails received after `since` get the attempt back; how many there were.
    """
    return _GIVE_BACK.run(tx, {"b_owner": owner, "b_until": leased_until, "b_now": now, "b_since": since})


def renew(tx: Connection, *, inbound_id: int, fence: int, until: datetime) -> bool:
    """Keep a mail longer. False when the lease is lost already."""
    return tx.execute(_RENEW, {"b_id": inbound_id, "b_fence": fence, "b_until": until}).rowcount == 1


def backlog(tx: Connection) -> Backlog:
    """How much waits; reads the partial index of unsettled rows only."""
    row = tx.execute(_BACKLOG).one()
    return Backlog(pending=row.pending, claimed=row.claimed or 0, oldest=row.oldest)


def raw_of(tx: Connection, inbound_id: int) -> bytes | None:
    """The mail exactly as it came, None when it is not (or no longer) stored."""
    value = _RAW_OF.scalar(tx, {"id": inbound_id})
    return None if value is None else bytes(value)


def _mail_row(inbound_id: int, arrival: Arrival, acceptance: Acceptance) -> dict[str, Any]:
    at = arrival.envelope.received_at
    return {
        "id": inbound_id,
        "desk": arrival.envelope.desk,
        "message_id": arrival.message_id,
        "digest": arrival.digest,
        "size": len(arrival.raw),
        "id_reused": acceptance is Acceptance.ID_REUSED,
        "state": "received",
        "attempts": 0,
        "lease_owner": "",
        "lease_until": at,
        "fence": 0,
        "received_at": at,
        "outcome": "",
        "reason": "",
        "ack_reason": "",
        "flags": "",
        "evidence": "",
    }


def _known(tx: Connection, arrivals: Iterable[Arrival]) -> dict[tuple[str, str], dict[str, int]]:
    """(desk, folded Message-ID) → {digest: inbound id} of mails with these ids; other digests stand under ""."""
    named = [arrival for arrival in arrivals if arrival.message_id]
    if not named:
        return {}
    desks = sorted({arrival.envelope.desk for arrival in named})
    ids = sorted({key(arrival.message_id) for arrival in named})
    found: dict[tuple[str, str], dict[str, int]] = {
        (row.desk, row.message_id): {"": row.first} for row in tx.execute(_SAME_ID, {"desks": desks, "ids": ids})
    }
    if found:
        digests = sorted({arrival.digest for arrival in named})
        for row in tx.execute(_SAME_KEY, {"desks": desks, "ids": ids, "digests": digests}):
            found[(row.desk, row.message_id)][row.digest] = row.id
    return found


def _fetched(tx: Connection, arrivals: Iterable[Arrival]) -> dict[str, tuple[int, str]]:
    """IMAP key → (inbound id, digest) of messages that were fetched before."""
    sources = sorted({a.envelope.source for a in arrivals if a.envelope.channel is Channel.IMAP and a.envelope.source})
    if not sources:
        return {}
    return {row.source_key: (row.inbound_id, row.digest) for row in tx.execute(_BY_SOURCE, {"sources": sources})}


_INSERTS = (inserting(INBOUND), inserting(RAW), inserting(DELIVERY))  # in the order of their foreign keys
_RAW_OF = Prepared(select(RAW.c.bytes).where(RAW.c.inbound_id == bindparam("id")))
_SAME_ID = (
    select(INBOUND.c.desk, INBOUND.c.message_id, func.min(INBOUND.c.id).label("first"))
    .where(
        text("message_id <> ''"),
        INBOUND.c.desk.in_(bindparam("desks", expanding=True)),
        INBOUND.c.message_id.in_(bindparam("ids", expanding=True)),
    )
    .group_by(INBOUND.c.desk, INBOUND.c.message_id)
)
_SAME_KEY = select(INBOUND.c.id, INBOUND.c.desk, INBOUND.c.message_id, INBOUND.c.digest).where(
    text("message_id <> ''"),
    INBOUND.c.desk.in_(bindparam("desks", expanding=True)),
    INBOUND.c.message_id.in_(bindparam("ids", expanding=True)),
    INBOUND.c.digest.in_(bindparam("digests", expanding=True)),
)
_BY_SOURCE = (
    select(DELIVERY.c.source_key, DELIVERY.c.inbound_id, INBOUND.c.digest)
    .join(INBOUND, INBOUND.c.id == DELIVERY.c.inbound_id)
    .where(DELIVERY.c.source_key.in_(bindparam("sources", expanding=True)))
)

# One statement: choose, bound by bytes, count the attempt, move the fence. `total - size` is what came before.
_CLAIM_SQL = """
WITH due AS (
  SELECT id, size FROM inbound WHERE settled_at IS NULL AND lease_until <= :now ORDER BY id LIMIT :count {lock}
), running AS (
  SELECT id, size, sum(size) OVER (ORDER BY id) AS total FROM due
)
UPDATE inbound SET state = 'claimed', attempts = attempts + 1, fence = fence + 1, lease_owner = :owner,
  lease_until = :until
WHERE id IN (SELECT id FROM running WHERE total - size < :bytes)
RETURNING id, fence, attempts
"""
_INSTANTS = (bindparam("now", type_=Instant), bindparam("until", type_=Instant))
_FENCED = ("id", "fence", "attempts")
_CLAIM = Prepared(text(_CLAIM_SQL.format(lock="")).bindparams(*_INSTANTS), returns=_FENCED)
_CLAIM_LOCKED = Prepared(text(_CLAIM_SQL.format(lock="FOR UPDATE SKIP LOCKED")).bindparams(*_INSTANTS), returns=_FENCED)
_CLAIMED_MAIL = (
    select(DELIVERY, INBOUND.c.desk, INBOUND.c.message_id, INBOUND.c.id_reused, RAW.c.bytes)
    .join(INBOUND, INBOUND.c.id == DELIVERY.c.inbound_id)
    .join(RAW, RAW.c.inbound_id == DELIVERY.c.inbound_id)
    .where(DELIVERY.c.inbound_id.in_(bindparam("ids", expanding=True)), text("acceptance <> 'duplicate'"))
    .order_by(DELIVERY.c.inbound_id)
)
_OURS = (INBOUND.c.id == bindparam("b_id"), INBOUND.c.fence == bindparam("b_fence"), _PENDING)
_SETTLE = Prepared(
    update(INBOUND)
    .where(*_OURS)
    .values(
        state="settled",
        outcome=bindparam("b_outcome"),
        reason=bindparam("b_reason"),
        ack_reason=bindparam("b_ack_reason"),
        ticket_id=bindparam("b_ticket_id"),
        flags=bindparam("b_flags"),
        evidence=bindparam("b_evidence"),
        settled_at=bindparam("b_now"),
    )
)
_RELEASE = (
    update(INBOUND)
    .where(*_OURS)
    .values(
        state="received",
        lease_owner="",
        lease_until=bindparam("b_until"),
        attempts=INBOUND.c.attempts - bindparam("b_back"),
        # A second release by the same worker must not touch what another one claimed since.
        fence=INBOUND.c.fence + 1,
    )
)
_GIVE_BACK = Prepared(
    update(INBOUND)
    .where(
        _PENDING,
        INBOUND.c.state == "claimed",
        INBOUND.c.lease_owner == bindparam("b_owner"),
        INBOUND.c.lease_until == bindparam("b_until"),
    )
    .values(
        state="received",
        lease_owner="",
        lease_until=bindparam("b_now"),
        attempts=INBOUND.c.attempts - case((INBOUND.c.received_at > bindparam("b_since"), 1), else_=0),
        fence=INBOUND.c.fence + 1,
    )
)
_RENEW = update(INBOUND).where(*_OURS).values(lease_until=bindparam("b_until"))
_BACKLOG = select(
    func.count().label("pending"),
    func.sum(text("CASE WHEN state = 'claimed' THEN 1 ELSE 0 END")).label("claimed"),
    type_coerce(func.min(INBOUND.c.received_at), Instant).label("oldest"),
).where(_PENDING)
