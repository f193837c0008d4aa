"""The course of a ticket: laws that hold whatever agents, requesters and the passing of time do, in any order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from builders import NOW, a_calendar, a_context, a_desk, a_policy, a_team, a_ticket, a_tier, an_address
from hypothesis import given
from hypothesis import strategies as st

from daemon.core import instants as names
from daemon.core.calendar import is_open
from daemon.core.clock import CLOCKS, FIRST_RESPONSE, NEXT_UPDATE, OLA, RESOLUTION, ClockEvent, Turn, runs
from daemon.core.course import Course, Ledger, concerns, course
from daemon.core.decision import Change, ClockStart, Decision, EntryKind, Field, Opening, Outcome
from daemon.core.due import decide_due
from daemon.core.policy import Policy, Supplier
from daemon.core.sla import promise
from daemon.core.ticket import Kind, Priority, Status, Ticket

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
AGENT = "agent@example.com"
TARGETS = tuple((priority, hours * HOUR) for priority, hours in zip(Priority, (2, 4, 8, 16), strict=True))
OLAS = tuple((priority, HOUR) for priority in Priority)
POLICY: Policy = a_policy(
    desks=(a_desk(),),
    teams=(a_team(), a_team("second", addresses=(an_address("second@example.com"),), members=())),
    tiers=(
        a_tier(1, next_update=TARGETS, resolution=TARGETS, escalates_to=2),
        a_tier(2, team="second", next_update=TARGETS, resolution=TARGETS, ola=OLAS, supplier="maker"),
    ),
    calendars=(("office", a_calendar()),),
    suppliers=(Supplier(name="maker", title="Maker", address=None, contract="C-1", calendar="office", pauses=True),),
)
OFFICE = POLICY.calendar("office")
AFTERWARDS = {names.SURVEY, names.CLOSING}


def an_order(*changes: Change, **over: object) -> Decision:
    values = {"outcome": Outcome.APPEND, "reason": "x", "entry": EntryKind.NOTE, "append_to": 1042, "by": AGENT}
    return Decision(changes=changes, **{**values, **over})  # type: ignore[arg-type]


def an_opening() -> Decision:
    made = promise(OFFICE, 4 * HOUR, NOW)
    opening = Opening(
        desk="help",
        requester=an_address(),
        requester_name="",
        subject="",
        category="hardware",
        tier=1,
        kind=Kind.INCIDENT,
        priority=Priority.P3,
        team="first",
        language="en",
        promise=made,
    )
    clocks = (ClockStart(name=FIRST_RESPONSE, due_at=made.due_at),)
    return replace(an_order(by=""), opening=opening, append_to=None, promise=made, clocks=clocks)


def to_status(ticket: Ticket, status: Status) -> Change:
    return Change(field=Field.STATUS, before=ticket.status.value, after=status.value)


@dataclass
class Life:
    """One ticket with its clock rows and its journal, changed as the store changes them."""

    ticket: Ticket = field(default_factory=lambda: a_ticket(opened_at=NOW, team="first", proven=True))
    now: datetime = NOW
    pending: set[ClockStart] = field(default_factory=set)
    fired: set[ClockStart] = field(default_factory=set)
    history: tuple[ClockEvent, ...] = ()
    last: Course = field(default_factory=Course)

    def apply(self, decision: Decision) -> None:
        self._stop(decision.stop_clocks)
        self._start(decision.clocks)
        self.last = follows = course(decision, self.ticket, POLICY, self.now, self.history)
        self._stop(follows.stop)
        self._start(follows.start)
        new = (replace(turn, sequence=len(self.history) + at + 1) for at, turn in enumerate(follows.turns))
        self.history = (*self.history, *new)
        self.ticket = self._changed(decision)

    def _stop(self, stopped: tuple[str, ...]) -> None:
        self.pending = {start for start in self.pending if start.name not in stopped}

    def _start(self, starts: tuple[ClockStart, ...]) -> None:
        self.pending |= set(starts) - self.fired

    def _changed(self, decision: Decision) -> Ticket:
        after = {change.field: change.after for change in decision.changes}
        status = decision.status or Status(after.get(Field.STATUS, self.ticket.status.value))
        promised = decision.promise.due_at if decision.promise is not None else self.ticket.promised_at
        return replace(
            self.ticket,
            status=status,
            tier=int(after.get(Field.TIER, self.ticket.tier)),
            priority=Priority(after.get(Field.PRIORITY, self.ticket.priority.value)),
            assignee=after.get(Field.ASSIGNEE, self.ticket.assignee),
            promised_at=promised,
            answered_at=self.ticket.answered_at or (self.now if decision.first_response else None),
        )

    # -- what may happen ------------------------------------------------------------------------------------------

    def answer(self) -> None:
        changes = [Change(field=Field.ASSIGNEE, before=self.ticket.assignee, after=AGENT)]
        if self.ticket.status is Status.NEW:
            changes.append(to_status(self.ticket, Status.OPEN))
        stop = (FIRST_RESPONSE, names.RISK)
        self.apply(an_order(*changes, first_response=True, stop_clocks=stop, entry=EntryKind.REPLY))

    def take(self) -> None:
        self.apply(an_order(Change(field=Field.ASSIGNEE, before=self.ticket.assignee, after=AGENT)))

    def move(self) -> None:
        tier = 3 - self.ticket.tier
        self.apply(an_order(Change(field=Field.TIER, before=str(self.ticket.tier), after=str(tier))))

    def press(self) -> None:
        wanted = Priority.P1 if self.ticket.priority is Priority.P3 else Priority.P3
        self.apply(an_order(Change(field=Field.PRIORITY, before=self.ticket.priority.value, after=wanted.value)))

    def wait(self, kind: str) -> None:
        clocks = (ClockStart(name=names.WAIT_OVER, due_at=self.now + 3 * DAY),) if kind == "3d" else ()
        if self.ticket.status not in {Status.SOLVED, Status.CLOSED}:
            self.apply(an_order(to_status(self.ticket, Status.WAITING), waiting_for=kind, clocks=clocks))

    def solve(self) -> None:
        if self.ticket.status not in {Status.SOLVED, Status.CLOSED}:
            self.apply(an_order(to_status(self.ticket, Status.SOLVED)))

    def spam(self) -> None:
        self.apply(an_order(to_status(self.ticket, Status.CLOSED)))

    def reply(self) -> None:
        """The requester writes: what waited or was over goes on."""
        goes_on = self.ticket.status in {Status.WAITING, Status.SOLVED, Status.CLOSED}
        self.apply(an_order(by="", status=Status.OPEN if goes_on else None, entry=EntryKind.FOLLOW_UP))

    def confirm(self) -> None:
        """The requester says yes to our question whether to close."""
        if self.ticket.status is not Status.CLOSED:
            self.apply(an_order(by="", status=Status.CLOSED, entry=EntryKind.FOLLOW_UP))

    def pass_time(self, late: timedelta) -> None:
        """The next instant comes; the daemon may have slept."""
        if not self.pending:
            return
        due = min(self.pending, key=lambda start: (start.due_at, start.name))
        self.pending.remove(due)
        self.fired.add(due)
        self.now = max(self.now, due.due_at) + late
        context = a_context(
            spoken_to=True, history=self.history, coming=tuple(sorted(self.pending, key=lambda start: start.due_at))
        )
        decision = decide_due(
            clock=due.name, due_at=due.due_at, ticket=self.ticket, context=context, policy=POLICY, now=self.now
        )
        self.apply(decision)


STEPS = st.sampled_from(
    (
        *("answer", "take", "move", "press", "solve", "spam", "reply", "confirm"),
        *("wait requester", "wait vendor", "wait 3d"),
        *("on time", "on time", "on time", "late"),
    )
)


def lived(steps: list[str]) -> Life:
    life = Life()
    life.apply(an_opening())
    check(life)
    for step in steps:
        verb, _, rest = step.partition(" ")
        match verb:
            case "wait":
                life.wait(rest)
            case "on":
                life.pass_time(timedelta(0))
            case "late":
                life.pass_time(5 * DAY)
            case _:
                getattr(life, verb)()
        check(life)
    return life


def check(life: Life) -> None:
    """The laws."""
    coming = {start.name for start in life.pending}
    if life.ticket.status is Status.CLOSED:
        assert coming <= AFTERWARDS
    else:
        assert coming - AFTERWARDS, f"{life.ticket.status} has no exit"
    open_runs = {name for name in CLOCKS if (found := runs(life.history, name)) and found[-1].open}
    if life.ticket.status in {Status.SOLVED, Status.CLOSED}:
        assert not open_runs
    for name in CLOCKS:
        turns = [event.turn for event in life.history if event.clock == name]
        for before, after in pairwise(turns):
            assert (after is Turn.START) == (before is Turn.STOP), f"{name}: {before} then {after}"
        assert not turns or turns[0] is Turn.START
    for start in life.last.start:
        assert start.due_at >= life.now or start.name in CLOCKS  # a target that was used up before the wait
        if start.name.endswith(names.REMINDER):
            assert is_open(OFFICE, start.due_at)
            owed = [each.due_at for each in life.pending if each.name == start.name.removesuffix(names.REMINDER)]
            assert not owed or start.due_at < min(owed)
    assert not set(life.last.stop) & {"", None}


@given(st.lists(STEPS, max_size=25))
def test_no_state_is_without_an_exit(steps: list[str]) -> None:
    """A ticket that is not closed always has an instant to come; one that is closed only what is asked afterwards."""
    lived(steps)


@given(st.lists(STEPS, max_size=12))
def test_a_ticket_that_is_left_alone_ends(steps: list[str]) -> None:
    """Solved, and nobody comes back: closed after a while, and then nothing is watched any more."""
    life = lived(steps)
    life.reply()
    life.solve()

    for _ in range(20):
        life.pass_time(timedelta(0))

    assert life.ticket.status is Status.CLOSED
    assert not life.pending


@given(st.lists(STEPS, max_size=15))
def test_the_course_follows_from_its_arguments_alone(steps: list[str]) -> None:
    """The same decision on the same ticket gives the same course: two nodes cannot differ."""
    assert lived(steps).history == lived(steps).history


def test_what_changes_nothing_has_no_course() -> None:
    """A note, an automatic mail, an opinion."""
    note = an_order()

    assert not concerns(note)
    assert course(note, a_ticket(), POLICY, NOW) == Course()


def test_an_opened_ticket_is_watched() -> None:
    """First response with its reminder, the solution, and the status that comes when nobody moves."""
    life = Life()
    life.apply(an_opening())

    assert {turn.clock for turn in life.last.turns} == {FIRST_RESPONSE, RESOLUTION}
    assert {start.name for start in life.pending} == {
        FIRST_RESPONSE,
        FIRST_RESPONSE + names.REMINDER,
        RESOLUTION,
        RESOLUTION + names.REMINDER,
        names.LONG_OPEN,
    }


def test_an_answer_ends_the_first_response_and_begins_the_next_update() -> None:
    """The reminder goes with it."""
    life = Life()
    life.apply(an_opening())
    life.answer()

    assert [(turn.clock, turn.turn) for turn in life.last.turns] == [
        (FIRST_RESPONSE, Turn.STOP),
        (NEXT_UPDATE, Turn.START),
    ]
    assert FIRST_RESPONSE + names.REMINDER not in {start.name for start in life.pending}


def test_another_tier_gives_its_own_terms() -> None:
    """The solution begins anew and the hand-over has its own clock."""
    life = Life()
    life.apply(an_opening())
    life.move()

    turns = [(turn.clock, turn.turn, turn.tier) for turn in life.last.turns]
    assert turns == [(RESOLUTION, Turn.STOP, 2), (RESOLUTION, Turn.START, 2), (OLA, Turn.START, 2)]
    assert names.TELL_MOVED in {start.name for start in life.pending}


@pytest.mark.parametrize(
    ("steps", "ledger"),
    [
        (["answer", "solve"], Ledger.ANSWERED),
        (["solve"], Ledger.ANSWERED),
        (["wait requester"], Ledger.REVISED),
        (["answer", "wait requester"], None),
        (["spam"], Ledger.VOID),
        (["confirm"], Ledger.VOID),
        (["answer", "confirm"], Ledger.ANSWERED),
        (["take"], None),
    ],
)
def test_what_becomes_of_the_promise(steps: list[str], ledger: Ledger | None) -> None:
    """Kept or broken when it is solved, standing still while we wait, void when nobody waits for it."""
    assert lived(steps).last.ledger is ledger


@pytest.mark.parametrize(
    ("steps", "asked"),
    [(["answer", "solve"], True), (["solve", "reply"], False), (["spam"], False), (["solve", "spam"], False)],
)
def test_who_is_asked_how_it_went(steps: list[str], asked: bool) -> None:
    """Whose ticket was solved, not whose ticket is open again or was spam."""
    assert (names.SURVEY in {start.name for start in lived(steps).pending}) is asked


def test_the_survey_outlives_the_closing() -> None:
    """A solved ticket that closes by itself still has its question to come."""
    policy_days = POLICY.follow.solved_days
    life = lived(["answer", "solve"])
    survey = next(start for start in life.pending if start.name == names.SURVEY)
    close = next(start for start in life.pending if start.name == names.CLOSE)
    life.pending.discard(close)
    life.now += policy_days * DAY

    life.apply(replace(an_order(by=""), status=Status.CLOSED))

    assert life.pending == {survey}
