"""Credits: the bound on automatic mail, kept in the transaction that queues it (mail-rules §3).

A counter per address, domain, team and one over all starts at its limit when first used. Only
`take` lowers it, and never below zero (the guard of the UPDATE and a CHECK); only a human agent
action (`give_back`) and 30 days without a mail from the address (`hear`, `take`) raise it, never
above the limit. Each change is a journal line of signed amounts, so that `audit` can add them up again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select, tuple_, update

from daemon.core.address import Address
from daemon.core.credit import Credits, canonical, domain_key
from daemon.core.policy import Policy
from daemon.store import journal
from daemon.store.columns import key
from daemon.store.engine import exclusive
from daemon.store.rows import insert_absent
from daemon.store.schema import CREDIT

OPENED, TAKEN, RETURNED, SILENCE = "credit.opened", "credit.taken", "credit.returned", "credit.silence"


@dataclass(frozen=True, slots=True)
class Purse:
    """One counter: `scope` is address, domain, overall or team."""

    scope: str
    key: str
    limit: int

    @property
    def name(self) -> str:
        return f"{self.scope}:{self.key}"


def purses(address: Address, policy: Policy) -> tuple[Purse, ...]:
    """The counters that a mail to a requester takes from, widest first."""
    limits = policy.credits
    domain = domain_key(address, policy.public_providers)
    found = [Purse("overall", "", limits.overall)]
    if domain is not None:
        found.append(Purse("domain", key(domain), limits.per_domain))
    return (*found, Purse("address", key(canonical(address)), limits.per_address))


def team_purse(address: Address, policy: Policy) -> Purse:
    """The counter of a team's address, which any human agent action fills."""
    return Purse("team", key(address.key), policy.credits.team)


def left(tx: Connection, address: Address | None, policy: Policy, *, now: datetime) -> Credits:
    """What a mail to `address` could take now, with the silence that `take` would count. Changes nothing."""
    if address is None:
        return Credits(address=0, domain=0, overall=_left(tx, (Purse("overall", "", policy.credits.overall),))[0])
    found = purses(address, policy)
    amounts = dict(zip((purse.scope for purse in found), _left(tx, found), strict=True))
    if (silent := _silent(tx, found[-1], policy, now)) is not None:
        given = found[-1].limit - silent
        amounts = {purse.scope: min(purse.limit, amounts[purse.scope] + given) for purse in found}
    return Credits(address=amounts["address"], domain=amounts.get("domain"), overall=amounts["overall"])


def take(
    tx: Connection, wanted: tuple[Purse, ...], policy: Policy, *, now: datetime, ticket_id: int | None = None
) -> str:
    """Take one from each of `wanted` or from none. Returns the scope that is spent, "" when all was taken."""
    exclusive(tx)
    if wanted[-1].scope == "address" and (silent := _silent(tx, wanted[-1], policy, now)) is not None:
        _refill(tx, wanted, silent, now=now)
    opened: list[tuple[str, str]] = []
    for position, purse in enumerate(wanted):
        if _take_one(tx, purse, opened, now=now):
            continue
        for before in wanted[:position]:
            tx.execute(_ADD, {"b_scope": before.scope, "b_key": before.key, "b_amount": 1})
        _write(tx, OPENED, opened, now=now)
        return purse.scope
    _write(tx, OPENED, opened, now=now)
    journal.append(
        tx,
        [journal.Line(name=TAKEN, ticket_id=ticket_id, facts=tuple((purse.name, "-1") for purse in wanted))],
        now=now,
    )
    return ""


def give_back(tx: Connection, address: Address, policy: Policy, *, now: datetime) -> None:
    """A human agent acted on a ticket of `address`: one of each back, and every team's counter is full again."""
    exclusive(tx)
    facts: list[tuple[str, str]] = []
    for purse in purses(address, policy):
        added = tx.execute(_ADD_BELOW, {"b_scope": purse.scope, "b_key": purse.key, "b_limit": purse.limit})
        if added.rowcount:
            facts.append((purse.name, "1"))
    full = policy.credits.team
    for row in tx.execute(_TEAMS_BELOW, {"limit": full}).all():
        tx.execute(_ADD, {"b_scope": "team", "b_key": row.key, "b_amount": full - row.left})
        facts.append((f"team:{row.key}", str(full - row.left)))
    _write(tx, RETURNED, facts, now=now)


def hear(tx: Connection, address: Address, policy: Policy, *, now: datetime) -> None:
    """`address` wrote to us: its silence ends here. Counts the silence first, when it was long enough."""
    found = purses(address, policy)
    since = now - timedelta(days=policy.credits.silence_days)
    touched = tx.execute(_TOUCH, {"b_key": found[-1].key, "b_now": now, "b_since": since})
    if touched.rowcount:
        return
    if (silent := _silent(tx, found[-1], policy, now)) is not None:
        exclusive(tx)
        _refill(tx, found, silent, now=now)


def _left(tx: Connection, wanted: tuple[Purse, ...]) -> list[int]:
    keys = [(purse.scope, purse.key) for purse in wanted]
    stored = {(row.scope, row.key): row.left for row in tx.execute(_LEFT, {"keys": keys})}
    return [stored.get((purse.scope, purse.key), purse.limit) for purse in wanted]


def _silent(tx: Connection, purse: Purse, policy: Policy, now: datetime) -> int | None:
    """What an address has left when it was silent long enough for a refill, else None."""
    since = now - timedelta(days=policy.credits.silence_days)
    row = tx.execute(_SILENT, {"key": purse.key, "since": since, "limit": purse.limit}).one_or_none()
    return None if row is None else int(row.left)


def _refill(tx: Connection, found: tuple[Purse, ...], silent: int, *, now: datetime) -> None:
    """The address is full again; domain and overall get back what that address had taken, never above the limit."""
    facts: list[tuple[str, str]] = []
    for purse, amount in zip(found, _left(tx, found), strict=True):
        added = min(found[-1].limit - silent, purse.limit - amount)
        if added > 0:
            tx.execute(_ADD, {"b_scope": purse.scope, "b_key": purse.key, "b_amount": added})
            facts.append((purse.name, str(added)))
    tx.execute(_RESTART, {"b_key": found[-1].key, "b_now": now})
    _write(tx, SILENCE, facts, now=now)


def _take_one(tx: Connection, purse: Purse, opened: list[tuple[str, str]], *, now: datetime) -> bool:
    if tx.execute(_TAKE, {"b_scope": purse.scope, "b_key": purse.key}).rowcount:
        return True
    if purse.limit <= 0:
        return False
    row = {"scope": purse.scope, "key": purse.key, "left": purse.limit - 1, "last_at": now}
    if insert_absent(tx, CREDIT, [row]) == 1:
        opened.append((purse.name, str(purse.limit)))
        return True
    return False


def _write(tx: Connection, name: str, facts: list[tuple[str, str]], *, now: datetime) -> None:
    if facts:
        journal.append(tx, [journal.Line(name=name, facts=tuple(facts))], now=now)


def deltas(facts: Mapping[str, str]) -> dict[str, int]:
    """The signed amounts of one credit line, by purse name; what is no amount is left out."""
    return {name: int(value) for name, value in facts.items() if value.lstrip("-").isdigit()}


_THIS = (CREDIT.c.scope == bindparam("b_scope"), CREDIT.c.key == bindparam("b_key"))
_ADDRESS = (CREDIT.c.scope == "address", CREDIT.c.key == bindparam("b_key"))
_TAKE = update(CREDIT).where(*_THIS, CREDIT.c.left > 0).values(left=CREDIT.c.left - 1)
_ADD = update(CREDIT).where(*_THIS).values(left=CREDIT.c.left + bindparam("b_amount"))
_ADD_BELOW = update(CREDIT).where(*_THIS, CREDIT.c.left < bindparam("b_limit")).values(left=CREDIT.c.left + 1)
_TOUCH = update(CREDIT).where(*_ADDRESS, CREDIT.c.last_at > bindparam("b_since")).values(last_at=bindparam("b_now"))
_RESTART = update(CREDIT).where(*_ADDRESS).values(last_at=bindparam("b_now"))
_LEFT = select(CREDIT.c.scope, CREDIT.c.key, CREDIT.c.left).where(
    tuple_(CREDIT.c.scope, CREDIT.c.key).in_(bindparam("keys", expanding=True))
)
_SILENT = select(CREDIT.c.left).where(
    CREDIT.c.scope == "address",
    CREDIT.c.key == bindparam("key"),
    CREDIT.c.last_at <= bindparam("since"),
    CREDIT.c.left < bindparam("limit"),
)
_TEAMS_BELOW = select(CREDIT.c.key, CREDIT.c.left).where(CREDIT.c.scope == "team", CREDIT.c.left < bindparam("limit"))
