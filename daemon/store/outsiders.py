"""People outside whom an agent has asked: their mails come onto the ticket as internal notes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, update

from daemon.store.merges import OUTSIDE
from daemon.store.rows import insert_absent
from daemon.store.schema import PARTICIPANT


def invite(tx: Connection, ticket_id: int, address: str, *, now: datetime) -> None:
    """`address` (an `Address.key`) may answer. Somebody who only stood in Cc is one who was asked from now on."""
    row = {"ticket_id": ticket_id, "address": address, "role": OUTSIDE, "since": now}
    if not insert_absent(tx, PARTICIPANT, [row]):
        tx.execute(_ASKED, {"b_ticket": ticket_id, "b_address": address})


def dismiss(tx: Connection, ticket_id: int, address: str) -> None:
    """He may not any more; what he wrote stays."""
    tx.execute(_DISMISS, {"b_ticket": ticket_id, "b_address": address})


def outsiders(tx: Connection, ticket_ids: Collection[int]) -> dict[int, frozenset[str]]:
    """Ticket id → `Address.key` of those who were asked; tickets without any are left out."""
    found: dict[int, set[str]] = {}
    if ticket_ids:
        for row in tx.execute(_OUTSIDERS, {"ids": sorted(ticket_ids)}):
            found.setdefault(row.ticket_id, set()).add(row.address)
    return {ticket_id: frozenset(addresses) for ticket_id, addresses in found.items()}


_HIM = (
    PARTICIPANT.c.ticket_id == bindparam("b_ticket", type_=PARTICIPANT.c.ticket_id.type),
    PARTICIPANT.c.address == bindparam("b_address", type_=PARTICIPANT.c.address.type),
)
_ASKED = update(PARTICIPANT).where(*_HIM, PARTICIPANT.c.role == "copied").values(role=OUTSIDE)
_DISMISS = delete(PARTICIPANT).where(*_HIM, PARTICIPANT.c.role == OUTSIDE)
_OUTSIDERS = select(PARTICIPANT.c.ticket_id, PARTICIPANT.c.address).where(
    PARTICIPANT.c.ticket_id.in_(bindparam("ids", expanding=True)), PARTICIPANT.c.role == OUTSIDE
)
