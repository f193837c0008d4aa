"""Past mail for a model to look at again, with what was predicted then. Reads only.

Also what a model in the shadow had said of live mail.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from daemon.store.schema import ENTRY, INBOUND, TICKET


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMail:
    """A mail that opened a ticket. `routed` True: the model's word was taken; `predicted` "" when none was asked."""

    inbound_id: int
    subject: str
    text: str
    language: str
    at: datetime
    predicted: str
    routed: bool


def first_mails(tx: Connection, *, since: datetime, page: int = 500) -> Iterator[PastMail]:
    """All of them since then, in order, read page by page: each holds no more than `page` mails in memory."""
    last = 0
    while rows := tx.execute(_PAGE, {"since": since, "after": last, "count": page}).all():
        last = rows[-1].entry_id
        for row in rows:
            prediction = (json.loads(row.evidence) if row.evidence else {}).get("prediction") or {}
            yield PastMail(
                inbound_id=row.inbound_id,
                subject=row.subject,
                text=row.text,
                language=row.language,
                at=row.at,
                predicted=str(prediction.get("category", "")),
                routed=prediction.get("band") == "automatic",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadowed:
    """A mail that a model in the shadow looked at when it came, beside what the serving model said."""

    inbound_id: int
    at: datetime
    predicted: str
    routed: bool
    shadow: str
    shadow_routed: bool


def shadowed(tx: Connection, *, model_id: str, page: int = 500) -> Iterator[Shadowed]:
    """All that `model_id` has seen in the shadow, in order, read page by page."""
    last = 0
    pattern = f'%"shadow":{{%"model":{json.dumps(model_id)}%'
    while rows := tx.execute(_SHADOWED, {"pattern": pattern, "after": last, "count": page}).all():
        last = rows[-1].id
        for row in rows:
            evidence = json.loads(row.evidence)
            said, then = evidence.get("shadow") or {}, evidence.get("prediction") or {}
            if said.get("model") == model_id:  # the pattern is for speed: a mail may hold anything
                yield Shadowed(
                    inbound_id=row.id,
                    at=row.received_at,
                    predicted=str(then.get("category", "")),
                    routed=then.get("band") == "automatic",
                    shadow=str(said.get("category", "")),
                    shadow_routed=said.get("band") == "automatic",
                )


_SHADOWED = (
    select(INBOUND.c.id, INBOUND.c.received_at, INBOUND.c.evidence)
    .where(INBOUND.c.id > bindparam("after"), INBOUND.c.evidence.like(bindparam("pattern")))
    .order_by(INBOUND.c.id)
    .limit(bindparam("count"))
)
_PAGE = (
    select(
        ENTRY.c.id.label("entry_id"),
        ENTRY.c.inbound_id,
        ENTRY.c.subject,
        ENTRY.c.text,
        ENTRY.c.at,
        TICKET.c.language,
        INBOUND.c.evidence,
    )
    .join(TICKET, TICKET.c.id == ENTRY.c.ticket_id)
    .join(INBOUND, INBOUND.c.id == ENTRY.c.inbound_id)
    .where(ENTRY.c.kind == "request", ENTRY.c.at >= bindparam("since"), ENTRY.c.id > bindparam("after"))
    .order_by(ENTRY.c.id)
    .limit(bindparam("count"))
)
