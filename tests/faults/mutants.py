"""Wrong variants of the product, put in at start: the laboratory must catch each of them, or it proves nothing.

Each is a mistake that mail systems have made. They exist in tests only and change names of our own modules.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, text

MUTANTS: dict[str, Callable[[], None]] = {}


def mutant(change: Callable[[], None]) -> Callable[[], None]:
    MUTANTS[change.__name__] = change
    return change


def apply(name: str) -> None:
    MUTANTS[name]()


@mutant
def answer_before_commit() -> None:
    """250 while the commit is still under way."""
    from daemon.core.envelope import Acceptance, Receipt
    from daemon.store.committer import Committer

    real, running = Committer.accept, set()

    async def accept(self: Any, arrival: Any) -> Receipt:
        running.add(asyncio.ensure_future(real(self, arrival)))
        return Receipt(inbound_id=0, acceptance=Acceptance.NEW)

    Committer.accept = accept


@mutant
def new_id_per_try() -> None:
    """A second try is a new mail to whoever gets it."""
    from daemon.store import outbox

    real, number = outbox.claim, itertools.count()

    def claim(tx: Connection, **how: Any) -> tuple[Any, ...]:
        return tuple(renamed(tx, mail) if mail.attempts > 1 else mail for mail in real(tx, **how))

    def renamed(tx: Connection, mail: Any) -> Any:
        name = f"<again{next(number)}.{mail.message_id.strip('<>')}>"
        content = mail.content.replace(mail.message_id.encode(), name.encode())
        values = {"name": name, "bytes": content, "sum": hashlib.sha256(content).hexdigest(), "id": mail.outbox_id}
        tx.execute(text("UPDATE outbox SET message_id = :name, bytes = :bytes, sha256 = :sum WHERE id = :id"), values)
        return replace(mail, message_id=name, content=content)

    outbox.claim = claim


@mutant
def credit_in_its_own_transaction() -> None:
    """The mail is queued first; its credit is taken when it has gone out."""
    from daemon.loops.deliver import DeliverLoop
    from daemon.store import credits as keeper
    from daemon.store import journal

    real_take, real_one, owed = keeper.take, DeliverLoop._one, []

    def take(tx: Connection, *words: Any, **more: Any) -> tuple[str, tuple[Any, ...]]:
        owed.append((words, more))
        return "", ()

    def pay(tx: Connection) -> None:
        while owed:
            words, more = owed.pop()
            _, lines = real_take(tx, *words, **more)
            journal.append(tx, lines, now=more["now"])

    async def one(self: Any, *words: Any) -> None:
        await real_one(self, *words)
        await self._committer.run(pay)

    keeper.take, DeliverLoop._one = take, one


@mutant
def claim_without_lease() -> None:
    """What one node has in hand, another one takes as well."""
    from daemon.store import outbox

    real = outbox.claim

    def claim(tx: Connection, **how: Any) -> tuple[Any, ...]:
        return real(tx, **{**how, "lease": timedelta(0)})

    outbox.claim = claim
