"""The audit: invariants I1–I9 of the promise, looked for in the store as it stands.

Each check says how many things it looked at and which are broken. It changes nothing and streams: a
store of any size needs the memory of one mail. What only a peer can say (I4 at the receiver, I5
on the IMAP server, I8 while it runs) is checked as far as our rows go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, TextClause, bindparam, text

from daemon.core.decision import Outcome
from daemon.store import ledger
from daemon.store.columns import Instant
from daemon.store.engine import integrity_of

_EXAMPLES = 5
_ATTEMPTS = 25  # a poison mail is quarantined long before
_STUCK = timedelta(days=2)  # past its expiry, a row of the outbox should have ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check of one invariant; `examples` are at most five broken things, in words."""

    invariant: str  # I1 … I9
    about: str
    checked: int
    broken: int
    examples: tuple[str, ...] = ()


def audit(tx: Connection, *, now: datetime) -> tuple[Finding, ...]:
    """All checks, in the order of the invariants. All is well when no finding has `broken`."""
    counted = (_counted(tx, check, now) for check in _CHECKS)
    health = integrity_of(tx)
    found = (
        _finding("I1", "raw bytes are what was received", _raws(tx)),
        *counted,
        _finding("I3", "outgoing bytes are what was queued", _outgoing(tx)),
        Finding(
            invariant="I6",
            about="the database is sound",
            checked=1,
            broken=min(1, len(health)),
            examples=health[:_EXAMPLES],
        ),
        _finding("I7", "credits add up with the journal and are never negative", ledger.check(tx)),
        _finding("I9", "received equals settled plus pending", _sums(tx)),
    )
    return tuple(sorted(found, key=lambda finding: finding.invariant))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    """`total` counts what is looked at, `broken` selects the ids of what is wrong."""

    invariant: str
    about: str
    total: str
    broken: str
    noun: str


def _counted(tx: Connection, check: _Check, now: datetime) -> Finding:
    checked = int(tx.execute(text(check.total)).scalar_one())
    values = {"old": now - _STUCK} if ":old" in check.broken else {}
    statement: TextClause = text(check.broken)
    if values:
        statement = statement.bindparams(bindparam("old", type_=Instant))
    broken = [f"{check.noun} {row[0]}" for row in tx.execute(statement, values)]
    return Finding(
        invariant=check.invariant,
        about=check.about,
        checked=checked,
        broken=len(broken),
        examples=tuple(broken[:_EXAMPLES]),
    )


def _finding(invariant: str, about: str, looked_at: Iterable[str]) -> Finding:
    """`looked_at` yields "" for each thing that is well, words for each that is not."""
    checked, broken, examples = 0, 0, []
    for trouble in looked_at:
        checked += 1
        if trouble:
            broken += 1
            examples.append(trouble)
            del examples[_EXAMPLES:]
    return Finding(invariant=invariant, about=about, checked=checked, broken=broken, examples=tuple(examples))


def _stream(tx: Connection, statement: str) -> Iterator[Row[Any]]:
    with tx.execute(text(statement), execution_options={"yield_per": 20}) as rows:
        yield from rows


def _raws(tx: Connection) -> Iterator[str]:
    for row in _stream(tx, "SELECT inbound_id, sha256, bytes FROM raw ORDER BY inbound_id"):
        yield "" if hashlib.sha256(row.bytes).hexdigest() == row.sha256 else f"mail {row.inbound_id} was changed"


def _outgoing(tx: Connection) -> Iterator[str]:
    for row in _stream(tx, "SELECT id, message_id, sha256, bytes FROM outbox ORDER BY id"):
        content = bytes(row.bytes)
        if hashlib.sha256(content).hexdigest() != row.sha256:
            yield f"outgoing mail {row.id} was changed"
        elif row.message_id.encode() not in content:
            yield f"outgoing mail {row.id} does not carry its Message-ID"
        else:
            yield ""


def _sums(tx: Connection) -> Iterator[str]:
    mails = tx.execute(text("SELECT count(*) FROM inbound")).scalar_one()
    first = tx.execute(text("SELECT count(*) FROM delivery WHERE acceptance <> 'duplicate'")).scalar_one()
    yield "" if mails == first else f"{first} first deliveries, {mails} mails"
    known = {str(outcome) for outcome in Outcome}
    pending = tx.execute(text("SELECT count(*) FROM inbound WHERE settled_at IS NULL")).scalar_one()
    settled = 0
    for row in tx.execute(text("SELECT outcome, count(*) AS amount FROM inbound GROUP BY outcome")):
        if row.outcome:
            settled += row.amount
            yield "" if row.outcome in known else f"{row.amount} mails ended as {row.outcome}"
    yield "" if settled + pending == mails else f"{mails} mails: {settled} settled, {pending} pending"


_SETTLED = "SELECT count(*) FROM inbound WHERE settled_at IS NOT NULL"
_OUT = "SELECT count(*) FROM outbox"
_TICKETS = "SELECT count(*) FROM ticket"
_CHECKS = (
    _Check(
        invariant="I1",
        about="every mail has its raw bytes and its envelope",
        total="SELECT count(*) FROM inbound",
        broken="""SELECT i.id FROM inbound i WHERE NOT EXISTS (SELECT 1 FROM raw r WHERE r.inbound_id = i.id)
                  OR NOT EXISTS (SELECT 1 FROM delivery d WHERE d.inbound_id = i.id AND d.acceptance <> 'duplicate')""",
        noun="mail",
    ),
    _Check(
        invariant="I2",
        about="every mail without a reason against it has its one acknowledgment",
        total=_SETTLED,
        broken="""SELECT i.id FROM inbound i WHERE i.settled_at IS NOT NULL AND i.ack_reason = '' AND NOT EXISTS
                  (SELECT 1 FROM outbox o WHERE o.ticket_id = i.ticket_id AND o.kind = 'ack')""",
        noun="mail",
    ),
    _Check(
        invariant="I2",
        about="no ticket is acknowledged twice, or against a reason",
        total="SELECT count(*) FROM outbox WHERE kind = 'ack'",
        broken="""SELECT ticket_id FROM outbox WHERE kind = 'ack' GROUP BY ticket_id HAVING count(*) > 1
                  UNION SELECT o.ticket_id FROM outbox o WHERE o.kind = 'ack' AND NOT EXISTS (SELECT 1 FROM inbound i
                  WHERE i.ticket_id = o.ticket_id AND i.ack_reason = '' AND i.settled_at IS NOT NULL)""",
        noun="ticket",
    ),
    _Check(
        invariant="I3",
        about="every outgoing mail has an end or is on its way",
        total=_OUT,
        broken="""SELECT id FROM outbox WHERE (done_at IS NULL) <> (state IN ('queued', 'claimed'))
                  OR state NOT IN ('queued', 'claimed', 'accepted', 'refused', 'expired')
                  OR (state = 'refused' AND reply = '') OR (done_at IS NULL AND expires_at < :old)""",
        noun="outgoing mail",
    ),
    _Check(
        invariant="I4",
        about="nothing was accepted that was not tried",
        total="SELECT count(*) FROM outbox WHERE state = 'accepted'",
        broken="SELECT id FROM outbox WHERE (state = 'accepted' AND attempts < 1) OR uncertain > attempts",
        noun="outgoing mail",
    ),
    _Check(
        invariant="I5",
        about="every message fetched by IMAP is stored under its key",
        total="SELECT count(*) FROM delivery WHERE channel = 'imap'",
        broken="SELECT id FROM delivery WHERE channel = 'imap' AND source = ''",
        noun="delivery",
    ),
    _Check(
        invariant="I6",
        about="no half ticket: each has the mail that opened it (or gave it back and was joined) and its requester",
        total=_TICKETS,
        broken="""SELECT t.id FROM ticket t WHERE (t.merged_into IS NULL
                  AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.ticket_id = t.id))
                  OR (t.requester_key <> '' AND NOT EXISTS (SELECT 1 FROM participant p WHERE p.ticket_id = t.id
                  AND p.role = 'requester'))""",
        noun="ticket",
    ),
    _Check(
        invariant="I6",
        about="every mail that belongs to a ticket is on it",
        total=_SETTLED,
        broken="""SELECT i.id FROM inbound i WHERE i.outcome IN ('ticket', 'append') AND (i.ticket_id IS NULL
                  OR NOT EXISTS (SELECT 1 FROM entry e WHERE e.ticket_id = i.ticket_id AND e.inbound_id = i.id))""",
        noun="mail",
    ),
    _Check(
        invariant="I8",
        about="no mail is tried for ever",
        total="SELECT count(*) FROM inbound WHERE settled_at IS NULL",
        broken=f"SELECT id FROM inbound WHERE settled_at IS NULL AND attempts > {_ATTEMPTS}",  # noqa: S608 - a number
        noun="mail",
    ),
)
