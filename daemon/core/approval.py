"""Approvals as values: who was asked for his word on a request, by when, and what he said.

A category names its approvers; each name is a slot that needs one yes. The approver himself is asked first, his
deputies when he is away or the deadline comes near; one no ends it. A requester does not decide on his own
request as long as a deputy can. Pure: `approving` decides, `store.approvals` keeps the rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from daemon.core.address import Address
from daemon.core.calendar import BusinessCalendar, add_working, next_open, working_between
from daemon.core.clean import clean_line
from daemon.core.policy import Approver, Policy
from daemon.core.sla import after_days

REMIND_AT, DEPUTIES_AT = 0.5, 0.8  # shares of the working time to the deadline
MAX_REASON = 300
_LINE = re.compile(r"#(?P<word>[^\W\d_]{1,20})[ \t]*:?[ \t]*(?P<rest>.*)", re.UNICODE)
# The links write the English words; who types them may use his own.
_YES = frozenset({"approve", "approved", "genehmigt", "genehmigen", "approuver", "aprobar", "aprovar", "approva"})
_YES_TOO = frozenset({"goedkeuren", "akkoord", "godkänn", "godkänt"})
_NO = frozenset({"deny", "denied", "reject", "ablehnen", "abgelehnt", "refuser", "rechazar", "recusar", "rifiuta"})
_NO_TOO = frozenset({"afwijzen", "avslå", "avslag"})


class Role(StrEnum):
    """As whom somebody was asked."""

    APPROVER = "approver"
    DEPUTY = "deputy"


class Answer(StrEnum):
    """Where one asking stands."""

    ASKED = "asked"
    APPROVED = "approved"
    DENIED = "denied"
    VOID = "void"  # somebody else decided, or nobody needs to know any more


class Stage(StrEnum):
    """What the passing of time asks for, in order."""

    ASKED = "asked"
    REMINDED = "reminded"  # the approver once more
    DEPUTIES = "deputies"  # they are asked as well
    MANAGERS = "managers"  # the deadline has passed: they are told, and the digest shows it


STAGES = tuple(Stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One person who was asked for one slot. `stage` counts in the row of the approver: what was done already."""

    slot: str  # name of the approver in the configuration
    who: Address
    role: Role
    asked_at: datetime
    deadline: datetime
    state: Answer = Answer.ASKED
    stage: Stage = Stage.ASKED
    decided_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """All that the store knows of the approval of one ticket; `request` are the words that opened it."""

    ticket_id: int
    rows: tuple[Asked, ...] = ()
    request: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What an approver said: yes or no, and why."""

    approves: bool
    reason: str = ""


def read_word(text: str) -> Word | None:
    """The decision in the first line of a mail's new text; None when it is something else.

    What follows a `#deny` on the next lines is part of the reason.
    """
    lines = [line.strip() for line in text[:4_000].strip().splitlines()]
    match = _LINE.fullmatch(lines[0]) if lines else None
    if match is None:
        return None
    word = match["word"].casefold()
    rest = clean_line(" ".join((match["rest"], *lines[1:])), MAX_REASON).strip()
    if word in _YES | _YES_TOO:
        return Word(approves=True, reason=rest)
    return Word(approves=False, reason=rest) if word in _NO | _NO_TOO else None


def slots(
    names: tuple[str, ...], requester: Address | None, policy: Policy, now: datetime, tier: int
) -> tuple[Asked, ...]:
    """Whom to ask when a request of this kind is opened: for each named approver the first who may decide."""
    calendar = policy.calendar(policy.tier(tier).calendar)
    return tuple(row for name in names for row in _first(name, requester, policy, calendar, now))


def _first(
    name: str, requester: Address | None, policy: Policy, calendar: BusinessCalendar, now: datetime
) -> Iterator[Asked]:
    approver = policy.approver(name)
    if approver is None:
        return
    deadline = after_days(calendar, next_open(calendar, now), approver.deadline_days)
    own = requester is not None and requester.key == approver.address.key
    standing_in = deputies(approver, policy, besides=requester) if own else ()
    if not standing_in:
        yield Asked(slot=name, who=approver.address, role=Role.APPROVER, asked_at=now, deadline=deadline)
    for each in standing_in:
        yield Asked(
            slot=name, who=each.address, role=Role.DEPUTY, asked_at=now, deadline=deadline, stage=Stage.DEPUTIES
        )


def deputies(approver: Approver, policy: Policy, *, besides: Address | None = None) -> tuple[Approver, ...]:
    """Who may speak for him, in the configured order; the requester never for his own request."""
    named = (policy.approver(name) for name in approver.deputies)
    known = [each for each in named if each is not None and each.address.key != approver.address.key]
    return tuple(each for each in known if besides is None or each.address.key != besides.key)


def pending(rows: Iterable[Asked]) -> tuple[str, ...]:
    """The slots that still need a word, in order; none when one was denied."""
    rows = tuple(rows)
    if any(row.state is Answer.DENIED for row in rows):
        return ()
    given = {row.slot for row in rows if row.state is Answer.APPROVED}
    return tuple(dict.fromkeys(row.slot for row in rows if row.state is Answer.ASKED and row.slot not in given))


def speaks_for(who: Address, rows: tuple[Asked, ...], policy: Policy) -> tuple[str, ...]:
    """The pending slots that this person may decide: those he was asked for, else those he is a deputy of."""
    waiting = pending(rows)
    asked = tuple(row.slot for row in rows if row.slot in waiting and row.who.key == who.key)
    if asked:
        return asked
    stands_in = (
        slot
        for slot in waiting
        if (approver := policy.approver(slot)) is not None
        and any(each.address.key == who.key for each in deputies(approver, policy))
    )
    return tuple(stands_in)


def was_asked(who: Address, rows: tuple[Asked, ...]) -> bool:
    """True when this person was asked about the ticket, whatever became of it."""
    return any(row.who.key == who.key for row in rows)


def settle(
    rows: tuple[Asked, ...], who: Address, mine: tuple[str, ...], word: Word, now: datetime
) -> tuple[Asked, ...]:
    """The rows that change by this word: his own, and all others of the slots he decided (of every slot by a no)."""
    state = Answer.APPROVED if word.approves else Answer.DENIED
    changed: dict[tuple[str, str], Asked] = {}
    for row in rows:
        touched = row.slot in mine or not word.approves
        if touched and row.state is Answer.ASKED:
            changed[row.slot, row.who.key] = replace(row, state=Answer.VOID, decided_at=now)
    for slot in mine:
        before = next((row for row in rows if row.slot == slot and row.who.key == who.key), None)
        template = before or next(row for row in rows if row.slot == slot)
        role = before.role if before is not None else Role.DEPUTY
        changed[slot, who.key] = replace(template, who=who, role=role, state=state, decided_at=now, reason=word.reason)
    return tuple(changed.values())


def stage_at(row: Asked, stage: Stage, calendar: BusinessCalendar) -> datetime:
    """When the clock asks for that stage, in working time."""
    if stage is Stage.MANAGERS:
        return row.deadline
    span = working_between(calendar, row.asked_at, row.deadline)
    share = REMIND_AT if stage is Stage.REMINDED else DEPUTIES_AT
    reached = add_working(calendar, next_open(calendar, row.asked_at), span * share)
    return min(next_open(calendar, reached), row.deadline)


def leading(rows: Iterable[Asked], slot: str) -> Asked:
    """The row of a slot that carries its stage: the first one asked."""
    mine = [row for row in rows if row.slot == slot]
    return min(mine, key=lambda row: (row.asked_at, row.role is not Role.APPROVER, row.who.key))


def due_stage(row: Asked, calendar: BusinessCalendar, now: datetime) -> Stage | None:
    """The latest stage whose instant has come and that was not done; None when nothing is due."""
    reached = [stage for stage in STAGES[1:] if stage_at(row, stage, calendar) <= now]
    newest = reached[-1] if reached else Stage.ASKED
    return newest if STAGES.index(newest) > STAGES.index(row.stage) else None


def next_instant(row: Asked, calendar: BusinessCalendar, now: datetime) -> datetime | None:
    """When the clock has to look at the slot again; None after the deadline."""
    later = (stage_at(row, stage, calendar) for stage in STAGES[STAGES.index(row.stage) + 1 :])
    return next((at for at in later if at > now), None)
