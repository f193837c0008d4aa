"""Opinions: who was asked how it went, and what he said. One row a ticket; the newest answer counts.

People are known here as credits know them (canonical addresses), so that one person is not asked under two spellings.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, text, update

from daemon.core.decision import Opinion
from daemon.store.prepared import Prepared
from daemon.store.rows import insert_absent
from daemon.store.schema import TICKET
from daemon.store.service import OPINION


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The question about one ticket, and its answer (`score` 0: none yet)."""

    reference: str
    asked_at: datetime
    answered_at: datetime | None
    score: int
    words: str


def record(tx: Connection, ticket_id: int, person: str, opinion: Opinion, *, now: datetime) -> None:
    """He was asked (score 0), or has answered. Whoever was asked before is not asked again about the same ticket."""
    row = {"ticket_id": ticket_id, "person": person, "asked_at": now, "score": 0, "words": ""}
    insert_absent(tx, OPINION, [{**row, "answered_at": None}])
    if opinion.score:
        values = {"b_id": ticket_id, "b_now": now, "b_score": opinion.score, "b_words": opinion.words}
        tx.execute(_ANSWER, values)


def last_asked(tx: Connection, person: str) -> datetime | None:
    """When this person was asked last, about whatever ticket."""
    row = _LAST.first(tx, {"person": person})
    return None if row is None else row.asked_at


def of_ticket(tx: Connection, ticket_id: int) -> Heard | None:
    """What was asked and said about the ticket."""
    row = tx.execute(_OF_TICKET, {"ticket_id": ticket_id}).first()
    return None if row is None else _heard(row)


def heard(tx: Connection, *, after: datetime, until: datetime, limit: int = 200) -> tuple[Heard, ...]:
    """Answers given in (after, until], the oldest first."""
    return tuple(map(_heard, tx.execute(_HEARD, {"after": after, "until": until, "count": limit})))


def by_score(tx: Connection) -> tuple[tuple[int, int], ...]:
    """(score, how many); score 0 are those who were asked and have not answered."""
    return tuple((row.score, row.amount) for row in tx.execute(_BY_SCORE))


def _heard(row: object) -> Heard:
    return Heard(**row._mapping)  # type: ignore[attr-defined]  # noqa: SLF001 - SQLAlchemy's public API


_FIELDS = (TICKET.c.reference, OPINION.c.asked_at, OPINION.c.answered_at, OPINION.c.score, OPINION.c.words)
_JOINED = select(*_FIELDS).join(TICKET, TICKET.c.id == OPINION.c.ticket_id)
_ANSWER = (
    update(OPINION)
    .where(OPINION.c.ticket_id == bindparam("b_id"))
    .values(score=bindparam("b_score"), words=bindparam("b_words"), answered_at=bindparam("b_now"))
)
_LAST = Prepared(
    select(OPINION.c.asked_at)
    .where(OPINION.c.person == bindparam("person"))
    .order_by(OPINION.c.asked_at.desc())
    .limit(1)
)
_OF_TICKET = _JOINED.where(OPINION.c.ticket_id == bindparam("ticket_id"))
_HEARD = (
    _JOINED.where(
        text("opinion.answered_at IS NOT NULL"),
        OPINION.c.answered_at > bindparam("after"),
        OPINION.c.answered_at <= bindparam("until"),
    )
    .order_by(OPINION.c.answered_at, OPINION.c.ticket_id)
    .limit(bindparam("count"))
)
_BY_SCORE = select(OPINION.c.score, func.count().label("amount")).group_by(OPINION.c.score).order_by(OPINION.c.score)
