"""A desk that lives a year in a minute: real decisions, real enactment, real tick, a store in memory, a moved clock.

Only three things are played: the reading of a mail (its words are known here), the weather of people (agents who
answer late, requesters who go silent) and the clock. Everything else is the product.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from builders import KEYRING, a_message

from classifier.types import Band, Prediction
from daemon import resources
from daemon.core.address import Address
from daemon.core.calendar import next_open
from daemon.core.clues import Clues
from daemon.core.envelope import Channel, Envelope
from daemon.core.guards import Verdict
from daemon.core.message import Body
from daemon.core.policy import Policy
from daemon.core.reading import Reading
from daemon.core.ticket import Status, Ticket
from daemon.core.token import ReplyToken, person_tag
from daemon.core.trust import Proof, Trust
from daemon.loops.enact import Desked
from daemon.loops.settle import settle_one
from daemon.loops.tick import fire
from daemon.render import Renderer
from daemon.settings import policy
from daemon.settings.load import load
from daemon.store import clocks, inbound, tickets
from daemon.store.columns import from_micros
from daemon.store.engine import open_engine
from daemon.store.faults import LeaseLost
from daemon.store.migrate import migrate

START = datetime(2026, 1, 5, 0, 0, tzinfo=UTC)
LEASE = timedelta(minutes=5)
_BATCH = 50
_CATEGORIES = ("access", "hardware", "software", "network", "purchase", "security", "accounts", "email")


def a_year_policy(home: Path) -> Policy:
    """The state agency of the worked examples: five tiers, a vendor under contract, holidays, three calendars."""
    file = resources.folder("config") / "examples" / "state-agency.toml"
    made = policy(load(file, environ={"HOME": str(home)}), keyring=KEYRING, today=date(2026, 6, 1))
    # No bound over all: a year of mail to invented people at one domain is not what credits are about here.
    return replace(made, credits=replace(made.credits, per_domain=10**6, overall=10**6, team=10**6))


@dataclass
class Year:
    """One run. `downtime` is a span in which the daemon is off: mails wait, clocks do not fire."""

    policy: Policy
    renderer: Renderer
    seed: int = 1
    downtime: tuple[datetime, datetime] | None = None
    events: list[tuple[datetime, int, Callable[[datetime], None]]] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.numbers = itertools.count(1)
        self.engine = open_engine("sqlite://")
        migrate(self.engine)
        self.driver = self.engine.raw_connection().driver_connection  # the one connection of a database in memory

    def at(self, when: datetime, do: Callable[[datetime], None]) -> None:
        heapq.heappush(self.events, (when, next(self.numbers), do))

    def run(self, amount: int, *, days: int = 365) -> None:
        """`amount` requests over `days`, and two months more: what nobody ever answers is reminded of for ever."""
        end = START + timedelta(days=days + 60)
        for number in range(amount):
            self.at(START + timedelta(days=days) * self.random.random(), lambda now, n=number: self._request(now, n))  # type: ignore[misc]
        while True:
            due = self._next_due()
            if min(due or end, self.events[0][0] if self.events else end) >= end:
                return
            if self.events and (due is None or self.events[0][0] <= due):
                when, _, do = heapq.heappop(self.events)
                do(self._awake(when))
            elif due is not None:
                self._tick(self._awake(due))

    def _awake(self, when: datetime) -> datetime:
        """The daemon's clock: what falls into the downtime happens at its end."""
        if self.downtime is not None and self.downtime[0] <= when < self.downtime[1]:
            return self.downtime[1]
        return when

    def _next_due(self) -> datetime | None:
        """Asked of the driver itself, a hundred thousand times a year: the player must not cost what the desk does."""
        (found,) = self.driver.execute("SELECT min(due_at) FROM clock WHERE ended_at IS NULL").fetchone()
        return None if found is None else from_micros(found)

    def _tick(self, now: datetime) -> None:
        desked = Desked(policy=self.policy, renderer=self.renderer, now=now)
        with self.engine.begin() as tx:
            batch = clocks.claim(tx, owner="year", now=now, lease=LEASE, limit=_BATCH)
        for clock in batch:
            try:
                with self.engine.begin() as tx:
                    self.fired[f"{clock.name}: {fire(tx, clock, desked)}"] += 1
            except LeaseLost:  # ended by the clock before it, as in the loop
                self.fired["ended meanwhile"] += 1

    # --- people ------------------------------------------------------------------------------------------------------

    def _request(self, now: datetime, number: int) -> None:
        category = self.policy.category(self.random.choice(_CATEGORIES))
        assert category is not None
        sure = self.random.random() < 0.85
        prediction = Prediction(
            category=category.name,
            tier=self.random.choice(category.tiers),
            kind=category.kind.value,
            confidence=0.9 if sure else 0.4,
            band=Band.AUTOMATIC if sure else Band.HUMAN,
            model_id="year",
        )
        person = Address(
            f"p{'abcdefghij'[number % 10]}{'klmnopqrst'[number // 10 % 10]}{_letters(number)}", "town.example"
        )
        urgent = (("importance", "high"),) if self.random.random() < 0.1 else ()
        ticket = self._mail(now, person, f"request {number}", prediction=prediction, headers=urgent)
        if ticket is not None:
            self._plan_agent(now, ticket)

    def _plan_agent(self, now: datetime, ticket: Ticket) -> None:
        """An agent looks after a while: mostly soon, sometimes days late, now and then never."""
        if self.random.random() < 0.02:
            now += timedelta(days=10 + 20 * self.random.random())
        tier = self.policy.tier(ticket.tier)
        target = dict(tier.first_response)[ticket.priority]
        delay = target * self.random.lognormvariate(-0.8, 0.9)
        when = next_open(self.policy.calendar(tier.calendar), now + delay)
        self.at(when + timedelta(minutes=self.random.random() * 10), lambda at: self._agent(at, ticket.id))

    def _agent(self, now: datetime, ticket_id: int) -> None:
        ticket = self._ticket(ticket_id)
        if ticket.status in {Status.SOLVED, Status.CLOSED}:
            return
        team = self.policy.team(ticket.team or self.policy.tier(ticket.tier).team)
        agent = self.random.choice(team.members)
        words = self.random.choices(
            (
                "#take",
                "We are looking into it and will be back.",
                f"#tier {self._other_tier(ticket)}",
                f"#tier {self._other_tier(ticket)}\n#note\nnot ours",
                "#wait",
                "#wait\nWhich room is it, and since when?",
                "#wait 3d",
                "#wait vendor",
                "#close\nIt works again; please try.",
                "#close done",
                "#time 15m",
                "#spam",
            ),
            weights=(8, 22, 5, 3, 3, 12, 2, 4, 30, 4, 4, 1),
        )[0]
        after = self._mail(now, agent, words, ticket=ticket, proof=Proof.PERSON) or ticket
        self.answers[words.split("\n")[0][:6]] += 1
        if after.status is Status.WAITING:
            if self.random.random() < 0.6:
                back = now + timedelta(hours=self.random.expovariate(1 / 40))
                self.at(back, lambda at: self._requester(at, ticket_id))
            if words in {"#wait vendor", "#wait 3d"}:
                self.at(now + timedelta(days=4), lambda at: self._agent(at, ticket_id))
        elif after.status in {Status.NEW, Status.OPEN}:
            self._plan_agent(now + timedelta(hours=self.random.expovariate(1 / 12)), after)
        elif after.status is Status.SOLVED and self.random.random() < 0.08:
            self.at(now + timedelta(days=self.random.random() * 9), lambda at: self._requester(at, ticket_id))

    def _other_tier(self, ticket: Ticket) -> int:
        category = self.policy.category(ticket.category)
        allowed = category.tiers if category is not None else (1, 2, 3, 4)
        return self.random.choice([tier for tier in allowed if tier != ticket.tier] or [ticket.tier])

    def _requester(self, now: datetime, ticket_id: int) -> None:
        ticket = self._ticket(ticket_id)
        assert ticket.requester is not None
        after = self._mail(now, ticket.requester, f"It is room {self.random.randrange(900)}.", ticket=ticket)
        if after is not None and after.status in {Status.NEW, Status.OPEN}:
            self._plan_agent(now, after)

    # --- mail --------------------------------------------------------------------------------------------------------

    def _ticket(self, ticket_id: int) -> Ticket:
        with self.engine.begin() as tx:
            found = tickets.get(tx, ticket_id)
        assert found is not None
        return found

    def _mail(
        self,
        now: datetime,
        person: Address,
        words: str,
        *,
        ticket: Ticket | None = None,
        prediction: Prediction | None = None,
        proof: Proof = Proof.DOMAIN,
        headers: tuple[tuple[str, str], ...] = (),
        verdicts: tuple[Verdict, ...] = (),
    ) -> Ticket | None:
        """A mail of `person` through intake, decision and enactment; the ticket it is on."""
        desk = self.policy.desks[0]
        number = next(self.numbers)
        message_id = f"<{number}@{person.domain}>"
        tokens = ()
        if ticket is not None:
            tag = person_tag(self.policy.keyring, person)
            tokens = (ReplyToken(ticket_id=ticket.id, person_tag=tag, expires_on=30_000),)
        message = a_message(
            words,
            subject=ticket.subject if ticket else words,
            from_=str(person),
            to=str(desk.address),
            message_id=message_id,
            body=Body(new=words, full=words, source="plain"),
            headers=headers,
        )
        reading = Reading(
            message=message,
            verdicts=verdicts,
            trust=Trust(proof=proof),
            clues=Clues(tokens=tokens, fingerprint=f"{number}"),
            language="en",
            prediction=prediction,
        )
        envelope = Envelope(
            channel=Channel.SMTP,
            desk=desk.name,
            received_at=now,
            reverse_path=person,
            forward_paths=(desk.address,),
            peer="192.0.2.10",
            helo="mail.example",
        )
        raw = f"Message-ID: {message_id}\r\n\r\n{words}\r\n".encode()
        arrival = inbound.Arrival(envelope=envelope, raw=raw, message_id=message_id, digest=f"{number:064}")
        with self.engine.begin() as tx:
            inbound.accept_many(tx, (arrival,))
            (claimed,) = inbound.claim(tx, owner="year", now=now, lease=LEASE, limit=1)
            desked = Desked(policy=self.policy, renderer=self.renderer, now=now)
            return settle_one(tx, claimed, reading, desked).enacted.ticket


def _letters(number: int) -> str:
    """A name without digits: credits fold runs of digits, and these are different people."""
    return "".join("abcdefghijklmnop"[int(digit, 16)] for digit in f"{number:x}")
