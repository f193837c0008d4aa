"""Past mail for a model to look at again: what opened tickets, with what was predicted then. Reads only."""

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
