"""One instant that has come: what a handler looks at, and the decision that changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from daemon.core import instants as names
from daemon.core.clock import FIRST_RESPONSE, runs
from daemon.core.context import Context
from daemon.core.decision import ClockStart, Decision, EntryKind, Event, Outcome
from daemon.core.notice import Notice
from daemon.core.policy import Policy
from daemon.core.ticket import Status, Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One instant that has come, and all that may be looked at."""

    clock: str
    due_at: datetime
    ticket: Ticket
    context: Context
    policy: Policy
    now: datetime

    @property
    def late(self) -> bool:
        return self.now - self.due_at > self.policy.follow.late

    @property
    def unanswered(self) -> bool:
        """No person has answered: by the history of the clock, or by the status of an older ticket."""
        found = runs(self.context.history, FIRST_RESPONSE)
        return found[-1].open if found else self.ticket.status is Status.NEW

    @property
    def live(self) -> bool:
        return self.ticket.status in names.LIVE


def quiet(
    due: Due, reason: str, *, notices: tuple[Notice, ...] = (), clocks: tuple[ClockStart, ...] = (), name: str = ""
) -> Decision:
    """A decision that changes no status. A late instant is written down with when it should have been."""
    late = (("due_at", due.due_at.isoformat()),) if due.late else ()
    return Decision(
        outcome=Outcome.APPEND,
        reason=reason,
        ack_reason="automatic",
        append_to=due.ticket.id,
        entry=EntryKind.NOTE,
        notices=notices,
        clocks=clocks,
        events=(Event(name=name or "clock.passed", facts=(("clock", due.clock), ("why", reason), *late)),),
    )


def again(due: Due, at: datetime) -> tuple[ClockStart, ...]:
    """The same instant, later."""
    return (ClockStart(name=due.clock, due_at=at),)
