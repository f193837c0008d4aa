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

from sqlalchemy import Connection, and_, bindparam, or_, select, update

from daemon.core.address import Address
from daemon.core.credit import Credits, canonical, domain_key
from daemon.core.policy import Policy
from daemon.errors import Unavailable
from daemon.store import journal
from daemon.store.columns import key
from daemon.store.engine import exclusive
from daemon.store.prepared import Prepared
from daemon.store.rows import insert_absent
from daemon.store.schema import CREDIT

SCOPES = ("overall", "domain", "address", "team")
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
        overall = Purse("overall", "", policy.credits.overall)
        return Credits(address=0, domain=0, overall=_amount(_stored(tx, (overall,)), overall))
    found = purses(address, policy)
    stored = _stored(tx, found)
    given = _silence(stored, found[-1], policy, now)
    amounts = {purse.scope: _amount(stored, purse) for purse in found}
    if given:
        amounts = {purse.scope: min(purse.limit, amounts[purse.scope] + given) for purse in found}
    return Credits(address=amounts["address"], domain=amounts.get("domain"), overall=amounts["overall"])


def take(
    tx: Connection, wanted: tuple[Purse, ...], policy: Policy, *, now: datetime, ticket_id: int | None = None
) -> tuple[str, tuple[journal.Line, ...]]:
    """Take one from each of `wanted` or from none; returns the scope that is spent, "" when all was taken.

    The lines must be written to the journal by the caller in this transaction.
    """
    exclusive(tx)
    stored = _stored(tx, wanted)
    lines: list[journal.Line] = []
    if given := _silence(stored, wanted[-1], policy, now):
        lines += _refill(tx, wanted, stored, given, now=now)
        stored = _stored(tx, wanted)
    if spent := next((purse.scope for purse in wanted if _amount(stored, purse) <= 0), ""):
        return spent, tuple(lines)
    opened = [purse for purse in wanted if purse.name not in stored]
    rows = [{"scope": each.scope, "key": each.key, "left": each.limit, "last_at": now} for each in opened]
    insert_absent(tx, CREDIT, rows)
    if _TAKE.run(tx, _keys(wanted)) != len(wanted):  # the guard `left > 0` is the law, whatever was read before
        raise Unavailable("credits changed while they were taken; try again")
    if opened:
        lines.append(journal.Line(name=OPENED, facts=tuple((purse.name, str(purse.limit)) for purse in opened)))
    facts = tuple((purse.name, "-1") for purse in wanted)
    return "", (*lines, journal.Line(name=TAKEN, ticket_id=ticket_id, facts=facts))


def give_back(tx: Connection, address: Address, policy: Policy, *, now: datetime) -> None:
    """A human agent acted on a ticket of `address`: one of each back, and every team's counter is full again."""
    exclusive(tx)
    facts = [
        (purse.name, "1")
        for purse in purses(address, policy)
        if _ADD_BELOW.run(tx, {"b_scope": purse.scope, "b_key": purse.key, "b_limit": purse.limit})
    ]
    full = policy.credits.team
    for row in _TEAMS_BELOW.rows(tx, {"limit": full}):
        _ADD.run(tx, {"b_scope": "team", "b_key": row.key, "b_amount": full - row.left})
        facts.append((f"team:{row.key}", str(full - row.left)))
    lines = [journal.Line(name=RETURNED, facts=tuple(some)) for some in _pieces(facts)]
    journal.append(tx, lines, now=now)


def _pieces(facts: list[tuple[str, str]], size: int = 40) -> list[list[tuple[str, str]]]:
    """`facts` in pieces that one journal line can hold."""
    return [facts[start : start + size] for start in range(0, len(facts), size)]


def hear(tx: Connection, address: Address, policy: Policy, *, now: datetime) -> None:
    """`address` wrote to us: its silence ends here. Counts the silence first, when it was long enough."""
    found = purses(address, policy)
    since = now - timedelta(days=policy.credits.silence_days)
    if _TOUCH.run(tx, {"b_key": found[-1].key, "b_now": now, "b_since": since}):
        return
    exclusive(tx)
    stored = _stored(tx, found)
    if given := _silence(stored, found[-1], policy, now):
        journal.append(tx, _refill(tx, found, stored, given, now=now), now=now)
    elif found[-1].name in stored:
        _RESTART.run(tx, {"b_key": found[-1].key, "b_now": now})


def _stored(tx: Connection, wanted: tuple[Purse, ...]) -> dict[str, tuple[int, datetime]]:
    """What is left and when it last was heard of, by purse name; a purse never used is not in it."""
    return {f"{row.scope}:{row.key}": (row.left, row.last_at) for row in _STORED.rows(tx, _keys(wanted))}


def _keys(wanted: tuple[Purse, ...]) -> dict[str, str | None]:
    """The bound values of `_ANY`: at most one purse of each scope."""
    return {f"b_{scope}": None for scope in SCOPES} | {f"b_{purse.scope}": purse.key for purse in wanted}


def _amount(stored: Mapping[str, tuple[int, datetime]], purse: Purse) -> int:
    return stored[purse.name][0] if purse.name in stored else purse.limit


def _silence(stored: Mapping[str, tuple[int, datetime]], purse: Purse, policy: Policy, now: datetime) -> int:
    """What an address gets back because it was silent long enough; 0 for any other purse."""
    if purse.scope != "address" or purse.name not in stored:
        return 0
    amount, last_at = stored[purse.name]
    return max(0, purse.limit - amount) if now - last_at >= timedelta(days=policy.credits.silence_days) else 0


def _refill(
    tx: Connection, found: tuple[Purse, ...], stored: Mapping[str, tuple[int, datetime]], given: int, *, now: datetime
) -> list[journal.Line]:
    """The address is full again; domain and overall get back what that address had taken, never above the limit."""
    facts: list[tuple[str, str]] = []
    for purse in found:
        added = min(given, purse.limit - _amount(stored, purse))
        if added > 0:
            _ADD.run(tx, {"b_scope": purse.scope, "b_key": purse.key, "b_amount": added})
            facts.append((purse.name, str(added)))
    _RESTART.run(tx, {"b_key": found[-1].key, "b_now": now})
    return [journal.Line(name=SILENCE, facts=tuple(facts))]


def deltas(facts: Mapping[str, str]) -> dict[str, int]:
    """The signed amounts of one credit line, by purse name; what is no amount is left out."""
    return {name: int(value) for name, value in facts.items() if value.lstrip("-").isdigit()}


_THIS = (CREDIT.c.scope == bindparam("b_scope"), CREDIT.c.key == bindparam("b_key"))
_ADDRESS = (CREDIT.c.scope == "address", CREDIT.c.key == bindparam("b_key"))
# Spelled out by scope, because SQLite reads the whole table for `(scope, key) IN (VALUES …)`. NULL matches nothing.
_ANY = or_(
    *(
        and_(CREDIT.c.scope == scope, CREDIT.c.key == bindparam(f"b_{scope}", type_=CREDIT.c.key.type))
        for scope in SCOPES
    )
)
_TAKE = Prepared(update(CREDIT).where(_ANY, CREDIT.c.left > 0).values(left=CREDIT.c.left - 1))
_ADD = Prepared(update(CREDIT).where(*_THIS).values(left=CREDIT.c.left + bindparam("b_amount")))
_ADD_BELOW = Prepared(update(CREDIT).where(*_THIS, CREDIT.c.left < bindparam("b_limit")).values(left=CREDIT.c.left + 1))
_TOUCH = Prepared(
    update(CREDIT).where(*_ADDRESS, CREDIT.c.last_at > bindparam("b_since")).values(last_at=bindparam("b_now"))
)
_RESTART = Prepared(update(CREDIT).where(*_ADDRESS).values(last_at=bindparam("b_now")))
_STORED = Prepared(select(CREDIT.c.scope, CREDIT.c.key, CREDIT.c.left, CREDIT.c.last_at).where(_ANY))
_TEAMS_BELOW = Prepared(
    select(CREDIT.c.key, CREDIT.c.left).where(CREDIT.c.scope == "team", CREDIT.c.left < bindparam("limit"))
)
