"""A year with everybody in it: approvers who answer, forget or are away, a supplier with a ticket system, estimates.

Adds actors to `desk.Year`; what they do goes through the same door as all mail.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import text

from daemon.core.address import Address
from daemon.core.calendar import next_open
from daemon.core.guards import Consequence, Verdict
from daemon.core.ticket import Status, Ticket
from daemon.core.trust import Proof
from daemon.store import approvals, estimates
from daemon.store.estimates import Learnt
from tests.year.desk import Year

_AUTOMATIC = Verdict(guard="auto-submitted", source="RFC 3834 §5", consequence=Consequence.AUTOMATED)


@dataclass
class FullYear(Year):
    """`learnt` is what each night's look back came to."""

    learnt: list[tuple[datetime, Learnt]] = field(default_factory=list)
    words: int = 0
    slower_from: datetime | None = None  # the desk changes: answers take three times as long from then on

    def _tick(self, now: datetime) -> None:
        super()._tick(now)
        if not self.learnt or now - self.learnt[-1][0] >= timedelta(days=1):
            with self.engine.begin() as tx:
                self.learnt.append((now, estimates.refresh(tx, self.policy, now=now)))

    def _plan_agent(self, now: datetime, ticket: Ticket) -> None:
        if self.slower_from is not None and now >= self.slower_from and self.random.random() < 0.75:
            now += timedelta(days=1 + 2 * self.random.random())
        super()._plan_agent(now, ticket)

    def _mail(self, now: datetime, person: Address, words: str, **more: object) -> Ticket | None:
        ticket = super()._mail(now, person, words, **more)  # type: ignore[arg-type]
        if ticket is not None:
            self._look(now, ticket)
        return ticket

    def _look(self, now: datetime, ticket: Ticket) -> None:
        """Whoever got a mail because of this one will see to it, or not."""
        values = (ticket.id, int(now.timestamp() * 1_000_000))
        asked = "SELECT kind, recipient FROM outbox WHERE ticket_id = ? AND created_at >= ?"
        sent = self.driver.execute(asked, values).fetchall()
        for kind, recipient in sent:
            if kind == "appr":
                self._plan_approver(now, ticket.id, _address(recipient))
            elif kind == "vend":
                self._plan_supplier(now, ticket.id, _address(recipient))

    def _plan_approver(self, now: datetime, ticket_id: int, who: Address) -> None:
        """Seven in ten answer within days, one is away and a robot says so, the rest forget."""
        fate = self.random.random()
        if fate < 0.7:
            later = now + timedelta(hours=self.random.expovariate(1 / 20))
            self.at(later, lambda at: self._approver(at, ticket_id, who))
        elif fate < 0.8:
            self.at(now + timedelta(minutes=1), lambda at: self._away(at, ticket_id, who))

    def _approver(self, now: datetime, ticket_id: int, who: Address) -> None:
        with self.engine.begin() as tx:
            (approval,) = approvals.of(tx, [ticket_id])
        if not any(row.who.key == who.key and row.state == "asked" for row in approval.rows):
            return
        self.words += 1
        said = self.random.choice(("#approve", "#approve", "#approve", "#deny not this year", "Who pays for it?"))
        super()._mail(now, who, said, ticket=self._ticket(ticket_id), proof=Proof.PERSON)

    def _away(self, now: datetime, ticket_id: int, who: Address) -> None:
        self._robot(now, ticket_id, who, "I am away.")
        self._look(now, self._ticket(ticket_id))

    def _plan_supplier(self, now: datetime, ticket_id: int, who: Address) -> None:
        """A robot answers at once, a person later, in the supplier's hours; now and then nobody."""
        self.at(now + timedelta(seconds=20), lambda at: self._robot(at, ticket_id, who, "We opened a case."))
        supplier = self.policy.suppliers[0]
        target = dict(supplier.first_response)[self._ticket(ticket_id).priority]
        if self.random.random() < 0.9:
            later = next_open(
                self.policy.calendar(supplier.calendar), now + target * self.random.lognormvariate(-0.5, 0.8)
            )
            self.at(later + timedelta(minutes=6), lambda at: self._supplier(at, ticket_id, who))

    def _supplier(self, now: datetime, ticket_id: int, who: Address) -> None:
        ticket = self._ticket(ticket_id)
        super()._mail(now, who, "The line is measured tomorrow.", ticket=ticket, proof=Proof.PERSON)
        if ticket.status in {Status.NEW, Status.OPEN, Status.WAITING}:
            self.at(now + timedelta(hours=2), lambda at: self._agent(at, ticket_id))

    def _robot(self, now: datetime, ticket_id: int, who: Address, words: str) -> None:
        super()._mail(now, who, words, ticket=self._ticket(ticket_id), proof=Proof.PERSON, verdicts=(_AUTOMATIC,))

    def waiting_approvals(self) -> int:
        """Tickets that wait for a word and have no instant to come."""
        with self.engine.begin() as tx:
            found = tx.execute(
                text(
                    "SELECT count(DISTINCT a.ticket_id) FROM approval a JOIN ticket t ON t.id = a.ticket_id "
                    "WHERE a.state = 'asked' AND t.status NOT IN ('solved', 'closed') AND NOT EXISTS "
                    "(SELECT 1 FROM clock c WHERE c.ticket_id = a.ticket_id AND c.ended_at IS NULL)"
                )
            )
            return int(found.scalar_one())


def _address(text_: str) -> Address:
    local, _, domain = text_.rpartition("@")
    return Address(local, domain)
