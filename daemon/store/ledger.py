"""The ledger: the law of the credits, recomputed from the journal.

Every purse must hold what its journal lines add up to, and every automatic mail in the outbox
must have been paid for. The bound follows: what was taken is at most what was opened, returned by people and
given back by silence.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection, select, text

from daemon.core.notice import OF_PERSONS, TO_REQUESTER
from daemon.store.credits import TAKEN, deltas
from daemon.store.schema import CREDIT_LINES, JOURNAL


def check(tx: Connection) -> Iterator[str]:
    """One string per purse and per kind of payment: "" when it is right, else what is wrong."""
    totals: Counter[str] = Counter()
    payments: Counter[str] = Counter()
    with tx.execute(_LINES, execution_options={"yield_per": 500}) as lines:
        for line in lines:
            amounts = deltas(json.loads(line.facts))
            for name, amount in amounts.items():
                totals[name] += amount
            if line.name == TAKEN:
                payments["team" if any(name.startswith("team:") for name in amounts) else "requester"] += 1
    for row in tx.execute(text('SELECT scope, key, "left" AS amount FROM credit')):
        name = f"{row.scope}:{row.key}"
        due = totals.pop(name, 0)
        if row.amount < 0:
            yield f"{name} is negative: {row.amount}"
        else:
            yield "" if row.amount == due else f"{name} holds {row.amount}, the journal says {due}"
    for name in totals:
        yield f"{name} is in the journal only"
    sent = _sent(tx)
    for payer in ("requester", "team"):
        agreed = sent[payer] == payments[payer]
        yield "" if agreed else f"{sent[payer]} automatic mails to a {payer}, {payments[payer]} paid for"


def _sent(tx: Connection) -> Counter[str]:
    sent: Counter[str] = Counter()
    for row in tx.execute(text("SELECT kind, count(*) AS amount FROM outbox GROUP BY kind")):
        if row.kind in TO_REQUESTER:
            sent["requester"] += row.amount
        elif row.kind not in OF_PERSONS:
            sent["team"] += row.amount
    return sent


_LINES = select(JOURNAL.c.name, JOURNAL.c.facts).where(text(CREDIT_LINES)).order_by(JOURNAL.c.name, JOURNAL.c.id)
