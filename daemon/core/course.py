"""The course of a ticket: which clocks run, and which instants are watched, because of one decision.

The one place where a change of a ticket (opened, answered, moved, waiting, solved, reopened) becomes turns of its
clocks and instants for the tick loop. `store.course` calls it inside every `apply`, so mail, agents and
due clocks cannot differ. Law: a ticket that is not closed always has an instant to come; no state is without
an exit. News for the requester are instants too (`tell_…`), so that several become one letter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from daemon.core.calendar import BusinessCalendar, add_working, next_open
from daemon.core.clock import CLOCKS, FIRST_RESPONSE, NEXT_UPDATE, OLA, RESOLUTION, ClockEvent, Run, Turn, due_at, runs
from daemon.core.decision import ClockStart, Decision, Field
from daemon.core.policy import Policy, Tier
from daemon.core.sla import Promise, after_days, at_risk_at
from daemon.core.ticket import Priority, Status, Ticket

RISK = "first_response_risk"
REMINDER = "_reminder"
WAIT_FOLLOW_UP, WAIT_CLOSE, WAIT_OVER, VENDOR = "wait_follow_up", "wait_close", "wait_over", "vendor"
CLOSE, LONG_OPEN = "close", "long_open"
BREACH_TOLD = "breach_told"  # a target missed at closing time, told at the opening
ESCALATE = "escalate"  # the same for the tier above
TELL_TAKEN, TELL_MOVED, TELL_WAITING = "tell_taken", "tell_moved", "tell_waiting"
TELL_RESUMED, TELL_SOLVED = "tell_resumed", "tell_solved"
TELL = (TELL_TAKEN, TELL_MOVED, TELL_WAITING, TELL_RESUMED, TELL_SOLVED)
WAITS = (WAIT_FOLLOW_UP, WAIT_CLOSE, WAIT_OVER, VENDOR, TELL_WAITING)
ALL = (RISK, *CLOCKS, *(name + REMINDER for name in CLOCKS), *WAITS, CLOSE, LONG_OPEN, BREACH_TOLD, ESCALATE, *TELL)
LIVE = frozenset({Status.NEW, Status.OPEN})


class Ledger(StrEnum):
    """What becomes of the open promise besides what the decision says."""

    ANSWERED = "answered"  # a person solved it: kept or broken by now
    REVISED = "revised"  # it stands still while we wait; a new one follows
    VOID = "void"  # spam, or joined to another ticket: nobody waits for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What follows: watched instants that end, then those that begin, turns to be recorded, the open promise."""

    stop: tuple[str, ...] = ()
    start: tuple[ClockStart, ...] = ()
    turns: tuple[ClockEvent, ...] = ()
    ledger: Ledger | None = None


@dataclass(frozen=True, slots=True)
class _Stop:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What the steps look at: the ticket before and after the decision, and its open runs."""

    before: Ticket
    status: Status
    tier: Tier
    priority: Priority
    calendar: BusinessCalendar
    policy: Policy
    now: datetime
    said: bool  # words of a person went to the requester
    running: dict[str, Run]

    @property
    def answered(self) -> bool:
        return self.said or (self.before.status is not Status.NEW and FIRST_RESPONSE not in self.running)


_Step = _Stop | ClockStart | ClockEvent | Ledger


def concerns(decision: Decision) -> bool:
    """True when the decision may change the course: then the history has to be known."""
    return bool(decision.opening or decision.status or decision.changes or decision.first_response or decision.promise)


def course(
    decision: Decision, before: Ticket, policy: Policy, now: datetime, history: tuple[ClockEvent, ...] = ()
) -> Course:
    """What follows from `decision` on a ticket that stood as `before` (the new ticket itself when it is opened)."""
    if not concerns(decision):
        return Course()
    scene = _scene(decision, before, policy, now, history)
    steps = list(_opened(decision, scene) if decision.opening is not None else _appended(decision, scene))
    return Course(
        stop=tuple(dict.fromkeys(name for step in steps if isinstance(step, _Stop) for name in step.names)),
        start=tuple(step for step in steps if isinstance(step, ClockStart)),
        turns=tuple(step for step in steps if isinstance(step, ClockEvent)),
        ledger=next((step for step in steps if isinstance(step, Ledger)), None),
    )


def _scene(
    decision: Decision, before: Ticket, policy: Policy, now: datetime, history: tuple[ClockEvent, ...]
) -> _Scene:
    after = {change.field: change.after for change in decision.changes}
    status = decision.status or Status(after.get(Field.STATUS, before.status.value))
    tier = policy.tier(int(after.get(Field.TIER, before.tier)))
    latest = {name: found[-1] for name in CLOCKS if (found := runs(history, name))}
    return _Scene(
        before=before,
        status=status if decision.opening is None else Status.NEW,
        tier=tier,
        priority=Priority(after.get(Field.PRIORITY, before.priority.value)),
        calendar=policy.calendar(tier.calendar),
        policy=policy,
        now=now,
        said=decision.first_response,
        running={name: run for name, run in latest.items() if run.open},
    )


def _opened(decision: Decision, scene: _Scene) -> Iterator[_Step]:
    promise = decision.opening.promise if decision.opening is not None else None
    if promise is not None:
        yield _turn(scene, FIRST_RESPONSE, Turn.START, "opened", target=promise.target, calendar=promise.calendar)
        yield from _promise_reminders(promise, scene)
    yield from _begin(RESOLUTION, scene, "opened")
    yield _long_open(scene)


def _appended(decision: Decision, scene: _Scene) -> Iterator[_Step]:
    was, now_is = scene.before.status, scene.status
    after = {change.field: change.after for change in decision.changes}
    if scene.said:
        yield _Stop(
            (
                TELL_TAKEN,
                TELL_MOVED,
                TELL_RESUMED,
                FIRST_RESPONSE + REMINDER,
                OLA,
                OLA + REMINDER,
                BREACH_TOLD,
                ESCALATE,
            )
        )
        yield from _end((FIRST_RESPONSE, OLA), scene, "answered")
    if now_is is Status.WAITING and (was is not Status.WAITING or decision.waiting_for):
        yield from _waits(decision, scene)
    elif now_is is Status.SOLVED and was is not Status.SOLVED:
        yield from _solved(scene)
    elif now_is is Status.CLOSED and was is not Status.CLOSED:
        yield _Stop(ALL)
        yield from _end(CLOCKS, scene, "closed")
        yield Ledger.ANSWERED if scene.answered or was is Status.WAITING else Ledger.VOID
    elif now_is in LIVE:
        if was is Status.WAITING:
            yield from _resumes(scene)
        elif was not in LIVE:
            yield from _reopens(scene)
        else:
            yield from _goes_on(after, scene)
    if decision.promise is not None:
        yield _Stop((FIRST_RESPONSE + REMINDER,))
        yield from _promise_reminders(decision.promise, scene)


def _goes_on(after: dict[Field, str], scene: _Scene) -> Iterator[_Step]:
    """The ticket is worked on: answered, moved, taken."""
    before = scene.before
    moved = scene.tier.number != before.tier
    if scene.said:
        yield from _restart(NEXT_UPDATE, scene, "answered")
        yield _Stop((LONG_OPEN,))
        yield _long_open(scene)
    if moved or scene.priority is not before.priority:
        why = f"tier {scene.tier.number}" if moved else f"priority {scene.priority.value}"
        yield from _restart(RESOLUTION, scene, why)
        if NEXT_UPDATE in scene.running and not scene.said:
            yield from _restart(NEXT_UPDATE, scene, why)
    if moved:
        yield from _restart(OLA, scene, why)
        if not scene.said:
            yield _tell(TELL_MOVED, scene)
    if after.get(Field.ASSIGNEE):
        if not moved:
            yield _Stop((OLA, OLA + REMINDER))
            yield from _end((OLA,), scene, "taken")
        if not scene.said:
            yield _tell(TELL_TAKEN, scene)


def _waits(decision: Decision, scene: _Scene) -> Iterator[_Step]:
    """For the requester, for the vendor (by contract the clock may stand still), or for some days of our own."""
    follow, kind = scene.policy.follow, decision.waiting_for or "requester"
    supplier = scene.policy.supplier(scene.tier.supplier)
    requester = kind == "requester"
    pauses = requester or (kind == "vendor" and supplier is not None and supplier.pauses)
    over = kind not in {"requester", "vendor"}
    yield _Stop(tuple(name for name in WAITS if not (over and name == WAIT_OVER)))
    yield _Stop((NEXT_UPDATE, NEXT_UPDATE + REMINDER, OLA, OLA + REMINDER, TELL_TAKEN, TELL_RESUMED))
    yield from _end((NEXT_UPDATE, OLA), scene, f"waits for {kind}")
    if pauses:
        yield _Stop((RESOLUTION, RESOLUTION + REMINDER))
        yield _turn(scene, RESOLUTION, Turn.PAUSE, f"waits for {kind}")
    if kind == "vendor":
        yield ClockStart(name=VENDOR, due_at=_days(scene, follow.vendor_days))
    if not requester:
        return
    yield _Stop((LONG_OPEN,))
    if not scene.answered:
        yield _Stop((RISK, FIRST_RESPONSE, FIRST_RESPONSE + REMINDER))
        yield _turn(scene, FIRST_RESPONSE, Turn.PAUSE, f"waits for {kind}")
        yield Ledger.REVISED
    for days in follow.waiting_days:
        yield ClockStart(name=WAIT_FOLLOW_UP, due_at=_days(scene, days))
    yield ClockStart(name=WAIT_CLOSE, due_at=_days(scene, follow.waiting_close_days))
    if not scene.said:
        yield _tell(TELL_WAITING, scene)


def _resumes(scene: _Scene) -> Iterator[_Step]:
    """The requester wrote, or the wait is over."""
    yield _Stop(WAITS)
    paused = scene.running.get(RESOLUTION)
    if paused is not None and paused.state is Turn.PAUSE:
        turn = _turn(scene, RESOLUTION, Turn.RESUME, "goes on")
        yield turn
        # The calendar that this run was given; the tier's when the configuration has lost it.
        given = dict(scene.policy.calendars).get(paused.calendar, scene.calendar)
        yield from _rows(RESOLUTION, (*paused.events, turn), paused.target, scene, given)
    yield from _restart(NEXT_UPDATE, scene, "goes on")
    yield _Stop((LONG_OPEN,))
    yield _long_open(scene)
    first = scene.running.get(FIRST_RESPONSE)
    if first is not None and first.state is Turn.PAUSE and not scene.said:
        yield _turn(scene, FIRST_RESPONSE, Turn.RESUME, "goes on")
        yield ClockStart(name=TELL_RESUMED, due_at=scene.now)


def _reopens(scene: _Scene) -> Iterator[_Step]:
    yield _Stop((CLOSE, TELL_SOLVED))
    for name in (RESOLUTION, NEXT_UPDATE):
        yield from _restart(name, scene, "reopened")
    yield _long_open(scene)


def _solved(scene: _Scene) -> Iterator[_Step]:
    yield _Stop(ALL)
    yield from _end(CLOCKS, scene, "solved")
    yield Ledger.ANSWERED
    yield ClockStart(name=CLOSE, due_at=_days(scene, scene.policy.follow.solved_days))
    if not scene.said:
        yield _tell(TELL_SOLVED, scene)


def _turn(
    scene: _Scene, clock: str, turn: Turn, why: str, *, target: timedelta = timedelta(0), calendar: str = ""
) -> ClockEvent:
    return ClockEvent(
        clock=clock, turn=turn, at=scene.now, why=why, calendar=calendar, target=target, tier=scene.tier.number
    )


def _end(names: tuple[str, ...], scene: _Scene, why: str) -> Iterator[_Step]:
    for name in names:
        if name in scene.running:
            yield _turn(scene, name, Turn.STOP, why)


def _restart(name: str, scene: _Scene, why: str) -> Iterator[_Step]:
    """New terms from now on; the old ones end. A tier without such a target only ends them."""
    yield _Stop((name, name + REMINDER))
    if name in scene.running:
        yield _turn(scene, name, Turn.STOP, why)
    yield from _begin(name, scene, why)


def _begin(name: str, scene: _Scene, why: str) -> Iterator[_Step]:
    target = scene.tier.target(name, scene.priority)
    if target is None:
        return
    turn = _turn(scene, name, Turn.START, why, target=target, calendar=scene.tier.calendar)
    yield turn
    yield from _rows(name, (turn,), target, scene, scene.calendar)


def _rows(
    name: str, events: tuple[ClockEvent, ...], target: timedelta, scene: _Scene, calendar: BusinessCalendar
) -> Iterator[_Step]:
    """The instant of the breach and the reminders before it that still lie ahead."""
    due = due_at(events, calendar, target)
    if due is None:
        return
    yield ClockStart(name=name, due_at=due)
    for share in scene.policy.follow.reminders:
        at = due_at(events, calendar, target * share)
        at = next_open(calendar, at) if at is not None else None
        if at is not None and scene.now < at < due:
            yield ClockStart(name=name + REMINDER, due_at=at)


def _promise_reminders(promise: Promise, scene: _Scene) -> Iterator[_Step]:
    calendar = scene.policy.calendar(promise.calendar)
    for share in scene.policy.follow.reminders:
        at = at_risk_at(calendar, promise, scene.now, share)
        if scene.now < at < promise.due_at:
            yield ClockStart(name=FIRST_RESPONSE + REMINDER, due_at=at)


def _long_open(scene: _Scene) -> ClockStart:
    return ClockStart(name=LONG_OPEN, due_at=_days(scene, scene.policy.follow.long_open_days))


def _tell(name: str, scene: _Scene) -> ClockStart:
    """After the window in which news are merged, in working time, and before the old promise passes."""
    at = add_working(scene.calendar, scene.now, scene.policy.follow.merge)
    promised = scene.before.promised_at
    if not scene.answered and promised is not None and scene.now < promised < at:
        at = scene.now
    return ClockStart(name=name, due_at=at)


def _days(scene: _Scene, days: int) -> datetime:
    return after_days(scene.calendar, scene.now, days)
