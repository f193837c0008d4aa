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

from daemon.core import instants as names
from daemon.core.calendar import BusinessCalendar, add_working, next_open, working_between
from daemon.core.clock import (
    APPROVAL,
    CLOCKS,
    FIRST_RESPONSE,
    NEXT_UPDATE,
    OLA,
    RESOLUTION,
    VENDOR_RESPONSE,
    ClockEvent,
    Run,
    Turn,
    due_at,
    runs,
)
from daemon.core.closing import asked_afterwards
from daemon.core.decision import ClockStart, Decision, Field
from daemon.core.policy import Policy, Tier
from daemon.core.sla import Promise, after_days, at_risk_at
from daemon.core.ticket import Priority, Status, Ticket

WAITS_FOR_APPROVAL = "waits for approval"


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
    stopped: tuple[str, ...]


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
    held: bool  # an approval is waited for: the solution stands still

    @property
    def answered(self) -> bool:
        return self.said or (self.before.status is not Status.NEW and FIRST_RESPONSE not in self.running)


_Step = _Stop | ClockStart | ClockEvent | Ledger


def concerns(decision: Decision) -> bool:
    """True when the decision may change the course: then the history has to be known."""
    moves = decision.opening or decision.status or decision.changes or decision.first_response or decision.promise
    return bool(moves or decision.approval or decision.vendor)


def course(
    decision: Decision, before: Ticket, policy: Policy, now: datetime, history: tuple[ClockEvent, ...] = ()
) -> Course:
    """What follows from `decision` on a ticket that stood as `before` (the new ticket itself when it is opened)."""
    if not concerns(decision):
        return Course()
    scene = _scene(decision, before, policy, now, history)
    steps = list(_opened(decision, scene) if decision.opening is not None else _appended(decision, scene))
    return Course(
        stop=tuple(dict.fromkeys(name for step in steps if isinstance(step, _Stop) for name in step.stopped)),
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
    waited_for = APPROVAL in latest and latest[APPROVAL].open
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
        held=decision.approval == "asked" or (waited_for and not decision.approval),
    )


def _opened(decision: Decision, scene: _Scene) -> Iterator[_Step]:
    promise = decision.opening.promise if decision.opening is not None else None
    if promise is not None:
        yield _turn(scene, FIRST_RESPONSE, Turn.START, "opened", target=promise.target, calendar=promise.calendar)
        yield from _promise_reminders(promise, scene)
    if scene.held:
        yield from _approval_asked(decision, scene)
    yield from _begin(RESOLUTION, scene, "opened")
    yield _long_open(scene)


def _appended(decision: Decision, scene: _Scene) -> Iterator[_Step]:
    was, now_is = scene.before.status, scene.status
    after = {change.field: change.after for change in decision.changes}
    if scene.said:
        yield _Stop((*names.SAID, FIRST_RESPONSE + names.REMINDER, OLA, OLA + names.REMINDER))
        yield from _end((FIRST_RESPONSE, OLA), scene, "answered")
    if decision.approval:
        yield from _approval(decision, scene)
    if now_is is Status.WAITING and (was is not Status.WAITING or decision.waiting_for):
        yield from _waits(decision, scene)
    elif now_is is Status.SOLVED and was is not Status.SOLVED:
        yield from _solved(scene, denied=decision.approval == "denied")
    elif now_is is Status.CLOSED and was is not Status.CLOSED:
        yield _Stop(names.ALL if decision.status else (*names.ALL, names.SURVEY, names.CLOSING))
        yield from _end(CLOCKS, scene, "closed")
        yield Ledger.ANSWERED if scene.answered or was is Status.WAITING else Ledger.VOID
    elif now_is in names.LIVE:
        if was is Status.WAITING:
            yield from _resumes(scene)
        elif was not in names.LIVE:
            yield from _reopens(scene)
        else:
            yield from _goes_on(after, scene)
    yield from _vendor(decision, scene)
    if decision.promise is not None:
        yield _Stop((FIRST_RESPONSE + names.REMINDER,))
        yield from _promise_reminders(decision.promise, scene)


def _goes_on(after: dict[Field, str], scene: _Scene) -> Iterator[_Step]:
    """The ticket is worked on: answered, moved, taken."""
    before = scene.before
    moved = scene.tier.number != before.tier
    if scene.said:
        yield from _restart(NEXT_UPDATE, scene, "answered")
        yield _Stop((names.LONG_OPEN,))
        yield _long_open(scene)
    if moved or scene.priority is not before.priority:
        why = f"tier {scene.tier.number}" if moved else f"priority {scene.priority.value}"
        yield from _restart(RESOLUTION, scene, why)
        if NEXT_UPDATE in scene.running and not scene.said:
            yield from _restart(NEXT_UPDATE, scene, why)
    if not (moved or scene.answered):
        yield from _terms(after, scene)
    if moved:
        yield from _restart(OLA, scene, why)
        if not scene.said:
            yield _tell(names.TELL_MOVED, scene)
    if after.get(Field.ASSIGNEE):
        if not (moved or scene.said):  # an answer has ended it
            yield _Stop((OLA, OLA + names.REMINDER))
            yield from _end((OLA,), scene, "taken")
        if not scene.said:
            yield _tell(names.TELL_TAKEN, scene)


def _terms(after: dict[Field, str], scene: _Scene) -> Iterator[_Step]:
    """What may move a promise that nobody has kept yet."""
    if scene.priority is not scene.before.priority:
        yield _tell(names.TELL_PRIORITY, scene)
    if after.get(Field.TEAM) or after.get(Field.ASSIGNEE):
        yield _tell(names.TELL_ASSIGNED, scene)


def _waits(decision: Decision, scene: _Scene) -> Iterator[_Step]:
    """For the requester, for the vendor (by contract the clock may stand still), or for some days of our own."""
    follow, kind = scene.policy.follow, decision.waiting_for or "requester"
    supplier = scene.policy.supplier(scene.tier.supplier)
    requester = kind == "requester"
    pauses = requester or (kind == "vendor" and supplier is not None and supplier.pauses)
    over = kind not in {"requester", "vendor"}
    yield _Stop(tuple(name for name in names.WAITS if not (over and name == names.WAIT_OVER)))
    yield _Stop((*names.AT_REST, names.TELL_TAKEN, names.TELL_RESUMED))
    yield from _end((NEXT_UPDATE, OLA), scene, f"waits for {kind}")
    if pauses:
        yield _Stop((RESOLUTION, RESOLUTION + names.REMINDER))
        yield _turn(scene, RESOLUTION, Turn.PAUSE, f"waits for {kind}")
    if kind == "vendor":
        yield ClockStart(name=names.VENDOR, due_at=_days(scene, follow.vendor_days))
    if not requester:
        return
    yield _Stop((names.LONG_OPEN,))
    if not scene.answered:
        yield _Stop((names.RISK, FIRST_RESPONSE, FIRST_RESPONSE + names.REMINDER))
        yield _turn(scene, FIRST_RESPONSE, Turn.PAUSE, f"waits for {kind}")
        yield Ledger.REVISED
    for days in follow.waiting_days:
        yield ClockStart(name=names.WAIT_FOLLOW_UP, due_at=_days(scene, days))
    yield ClockStart(name=names.WAIT_CLOSE, due_at=_days(scene, follow.waiting_close_days))
    if not scene.said:
        yield _tell(names.TELL_WAITING, scene)


def _resumes(scene: _Scene) -> Iterator[_Step]:
    """The requester wrote, or the wait is over."""
    yield _Stop(names.WAITS)
    paused = scene.running.get(RESOLUTION)
    if paused is not None and paused.state is Turn.PAUSE and not scene.held:
        yield from _released(paused, scene, "goes on")
    yield from _restart(NEXT_UPDATE, scene, "goes on")
    yield _Stop((names.LONG_OPEN,))
    yield _long_open(scene)
    first = scene.running.get(FIRST_RESPONSE)
    if first is not None and first.state is Turn.PAUSE and not scene.said:
        yield _turn(scene, FIRST_RESPONSE, Turn.RESUME, "goes on")
        yield ClockStart(name=names.TELL_RESUMED, due_at=scene.now)


def _released(paused: Run, scene: _Scene, why: str) -> Iterator[_Step]:
    """The solution goes on from where it stood, on the terms of its start."""
    turn = _turn(scene, RESOLUTION, Turn.RESUME, why)
    yield turn
    # The calendar that this run was given; the tier's when the configuration has lost it.
    given = dict(scene.policy.calendars).get(paused.calendar, scene.calendar)
    yield from _rows(RESOLUTION, (*paused.events, turn), paused.target, scene, given)


# --- approvals and suppliers -----------------------------------------------------------------------------------------


def _approval(decision: Decision, scene: _Scene) -> Iterator[_Step]:
    """Asked, decided, or asked for nothing any more."""
    if decision.approval == "asked":
        yield from _approval_asked(decision, scene)
        resolution = scene.running.get(RESOLUTION)
        if resolution is not None and resolution.state is not Turn.PAUSE:
            yield _Stop((RESOLUTION, RESOLUTION + names.REMINDER))
            yield _turn(scene, RESOLUTION, Turn.PAUSE, WAITS_FOR_APPROVAL)
        yield _tell(names.TELL_APPROVAL, scene)
        return
    yield _Stop((APPROVAL, names.TELL_APPROVAL))
    yield from _end((APPROVAL,), scene, decision.approval)
    paused = scene.running.get(RESOLUTION)
    if scene.status in names.LIVE and paused is not None and paused.state is Turn.PAUSE:
        yield from _released(paused, scene, f"approval {decision.approval}")
    if decision.approval == "granted":
        yield ClockStart(name=names.TELL_APPROVED, due_at=scene.now)


def _approval_asked(decision: Decision, scene: _Scene) -> Iterator[_Step]:
    """The run lasts until the last deadline, in working time of the tier."""
    target = working_between(scene.calendar, scene.now, max(row.deadline for row in decision.asks))
    yield from _end((APPROVAL,), scene, "asked anew")
    yield _turn(scene, APPROVAL, Turn.START, "asked", target=target, calendar=scene.tier.calendar)


def _vendor(decision: Decision, scene: _Scene) -> Iterator[_Step]:
    """The supplier has it, has answered, or has nothing to do with it any more."""
    supplier = scene.policy.supplier(scene.tier.supplier)
    if decision.vendor == "handed" and supplier is not None:
        calendar = scene.policy.calendar(supplier.calendar)
        for name, targets in zip(names.VENDORS, (supplier.first_response, supplier.resolution), strict=True):
            target = dict(targets).get(scene.priority)
            yield _Stop((name, name + names.REMINDER))
            yield from _end((name,), scene, "handed over")
            if target is not None:
                turn = _turn(scene, name, Turn.START, "handed over", target=target, calendar=supplier.calendar)
                yield turn
                yield from _rows(name, (turn,), target, scene, calendar)
    elif decision.vendor == "answered":
        yield _Stop((VENDOR_RESPONSE, VENDOR_RESPONSE + names.REMINDER))
        yield from _end((VENDOR_RESPONSE,), scene, "vendor answered")
        if scene.status is Status.WAITING:
            yield _Stop((names.VENDOR,))
            yield ClockStart(name=names.VENDOR, due_at=_days(scene, scene.policy.follow.vendor_days))
    elif scene.tier.number != scene.before.tier:
        yield _Stop(names.VENDOR_WATCH)
        yield from _end(names.VENDORS, scene, f"tier {scene.tier.number}")


def _reopens(scene: _Scene) -> Iterator[_Step]:
    yield _Stop((names.CLOSE, names.TELL_SOLVED, names.TELL_DENIED, names.SURVEY, names.CLOSING))
    for name in (RESOLUTION, NEXT_UPDATE):
        yield from _restart(name, scene, "reopened")
    yield _long_open(scene)


def _solved(scene: _Scene, *, denied: bool = False) -> Iterator[_Step]:
    yield _Stop(names.ALL)
    yield from _end(CLOCKS, scene, "solved")
    yield Ledger.ANSWERED
    yield ClockStart(name=names.CLOSE, due_at=_days(scene, scene.policy.follow.solved_days))
    if denied:
        yield ClockStart(name=names.TELL_DENIED, due_at=scene.now)
    elif not scene.said:
        yield _tell(names.TELL_SOLVED, scene)
    if not denied:
        yield from asked_afterwards(scene.before, scene.calendar, scene.policy, scene.now)


def _turn(
    scene: _Scene, clock: str, turn: Turn, why: str, *, target: timedelta = timedelta(0), calendar: str = ""
) -> ClockEvent:
    return ClockEvent(
        clock=clock, turn=turn, at=scene.now, why=why, calendar=calendar, target=target, tier=scene.tier.number
    )


def _end(clocks: tuple[str, ...], scene: _Scene, why: str) -> Iterator[_Step]:
    yield from (_turn(scene, name, Turn.STOP, why) for name in clocks if name in scene.running)


def _restart(name: str, scene: _Scene, why: str) -> Iterator[_Step]:
    """New terms from now on; the old ones end. A tier without such a target only ends them."""
    yield _Stop((name, name + names.REMINDER))
    yield from _end((name,), scene, why)
    yield from _begin(name, scene, why)


def _begin(name: str, scene: _Scene, why: str) -> Iterator[_Step]:
    target = scene.tier.target(name, scene.priority)
    if target is None:
        return
    turn = _turn(scene, name, Turn.START, why, target=target, calendar=scene.tier.calendar)
    yield turn
    if name == RESOLUTION and scene.held:
        yield _turn(scene, name, Turn.PAUSE, WAITS_FOR_APPROVAL)
        return
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
            yield ClockStart(name=name + names.REMINDER, due_at=at)


def _promise_reminders(promise: Promise, scene: _Scene) -> Iterator[_Step]:
    calendar = scene.policy.calendar(promise.calendar)
    for share in scene.policy.follow.reminders:
        at = at_risk_at(calendar, promise, scene.now, share)
        if scene.now < at < promise.due_at:
            yield ClockStart(name=FIRST_RESPONSE + names.REMINDER, due_at=at)


def _long_open(scene: _Scene) -> ClockStart:
    return ClockStart(name=names.LONG_OPEN, due_at=_days(scene, scene.policy.follow.long_open_days))


def _tell(name: str, scene: _Scene) -> ClockStart:
    """After the window in which news are merged, in working time, and before the old promise passes."""
    at = add_working(scene.calendar, scene.now, scene.policy.follow.merge)
    promised = scene.before.promised_at
    if not scene.answered and promised is not None and scene.now < promised < at:
        at = scene.now
    return ClockStart(name=name, due_at=at)


def _days(scene: _Scene, days: int) -> datetime:
    return after_days(scene.calendar, scene.now, days)
