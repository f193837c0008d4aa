"""What approvals do to a ticket: asking, reminding, standing in, and the word that decides.

Rights need proof of domain *and* the token that we gave to this very person (mail-rules §5): with less, nothing
is decided and the team sees it. One no denies and solves the ticket; a yes for every slot lets it go on. An
absence note or a bounce of the approver's mail brings his deputies in. Asking again is bounded by the
stages of `approval`, whatever comes back, so no loop can arise.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from daemon.core.acknowledge import team_notices
from daemon.core.address import Address
from daemon.core.approval import (
    STAGES,
    Answer,
    Approval,
    Asked,
    Role,
    Stage,
    Word,
    deputies,
    due_stage,
    leading,
    next_instant,
    pending,
    read_word,
    settle,
    slots,
    speaks_for,
    was_asked,
)
from daemon.core.calendar import is_open, next_open
from daemon.core.clock import APPROVAL
from daemon.core.context import Context
from daemon.core.decision import Change, ClockStart, Decision, EntryKind, Event, Field, Opening, Outcome
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Policy
from daemon.core.reading import Reading
from daemon.core.reminder import reminders, team_calendar
from daemon.core.ticket import Status, Ticket
from daemon.core.trust import Proof

ORDERS = ("#approve", "#deny ")
_ENDED = frozenset({Status.SOLVED, Status.CLOSED})


def asked_at_opening(opening: Opening, policy: Policy, now: datetime) -> tuple[Asked, ...]:
    """Whom to ask about a new request; nobody when its category needs no word."""
    category = policy.category(opening.category)
    return slots(category.approvers, opening.requester, policy, now, opening.tier) if category is not None else ()


def ask(
    rows: tuple[Asked, ...], about: Opening | Ticket, request: str, policy: Policy, news: str
) -> tuple[Notice, ...]:
    """The mail to each of these people: the request, the deadline, and a link for each answer."""
    return tuple(_letter(row.who, about, policy, news, request=request, row=row) for row in rows)


def titles(rows: tuple[Asked, ...], policy: Policy) -> str:
    """Whose word is waited for, in the words of the configuration."""
    named = (policy.approver(slot) for slot in pending(rows))
    return ", ".join(each.title for each in named if each is not None)


def _letter(
    to: Address, about: Opening | Ticket, policy: Policy, news: str, *, request: str = "", row: Asked | None = None
) -> Notice:
    known = next((each for each in policy.approvers if each.address.key == to.key), None)
    calendar = policy.calendar(policy.tier(about.tier).calendar)
    return Notice(
        kind=NoticeKind.APPROVAL,
        to=to,
        to_name=known.title if known is not None else "",
        language=policy.desk(about.desk).languages[0],
        category=about.category,
        echo_subject=True,
        subject=about.subject,
        text=request,
        orders=ORDERS if row is not None else (),
        news=(news,),
        closes_at=row.deadline if row is not None else None,
        zone=calendar.zone,
        detail=(("from", str(about.requester or "")), ("category", about.category)),
    )


# --- mail of an approver ---------------------------------------------------------------------------------------------


def decide_approver(
    reading: Reading, ticket: Ticket, context: Context, policy: Policy, now: datetime
) -> Decision | None:
    """The decision on a mail of somebody who was asked about `ticket`; None when it says nothing about an approval.

    An agent's or the requester's other mails go their usual way; those of an approver who is neither are notes.
    """
    who = reading.message.identity
    rows = context.approval(ticket.id).rows
    if who is None or not was_asked(who, rows):
        return None
    word = read_word(reading.message.body.new)
    beside = policy.is_agent(who) or (ticket.requester is not None and ticket.requester.key == who.key)
    if word is None:
        return None if beside else _note(reading, ticket, context, policy)
    if reading.trust.proof < Proof.PERSON:
        return _unproven(reading, ticket)
    if reading.message.body.source != "plain":  # what is hidden in HTML must not decide
        return replace(_note(reading, ticket, context, policy), notices=(_letter(who, ticket, policy, "unclear"),))
    return decide_approval(word, who, ticket, context, policy, now)


def decide_approval(
    word: Word, who: Address, ticket: Ticket, context: Context, policy: Policy, now: datetime
) -> Decision:
    """What this person's word does. The caller has proven him (`Proof.PERSON`); nobody else's word comes here."""
    approval = context.approval(ticket.id)
    mine = speaks_for(who, approval.rows, policy)
    if not mine or ticket.status in _ENDED:
        return _quiet(ticket, "approval-late", notices=(_letter(who, ticket, policy, "decided"),))
    changed = settle(approval.rows, who, mine, word, now)
    done = not word.approves or not pending(merged(approval.rows, changed))
    news = "denied" if not word.approves else "approved"
    said = tuple(policy.approver(slot).title for slot in mine if policy.approver(slot))  # type: ignore[union-attr]
    team = _team_told(word, ", ".join(said), ticket, policy) if done else ()
    recorded = _letter(who, ticket, policy, f"recorded-{news}")
    return replace(
        _quiet(ticket, "approval", notices=(recorded, *team)),
        asks=changed,
        approval="" if not done else "granted" if word.approves else "denied",
        status=None if word.approves else Status.SOLVED,
        # A person on our side has acted: the requester can be told (mail-rules §3).
        refund=(ticket.requester,) if ticket.requester is not None else (),
        events=(
            Event(
                name="approval.decided",
                facts=(("by", who.key), ("for", ", ".join(mine)), ("said", news), ("reason", word.reason[:200])),
            ),
        ),
    )


def approver_absent(
    who: Address | None, ticket: Ticket, context: Context, policy: Policy, now: datetime
) -> Decision | None:
    """An absence note of an approver, or his mail came back: his deputies are asked. None when nobody waits for him."""
    approval = context.approval(ticket.id)
    waiting = pending(approval.rows)
    away = [
        row
        for slot in waiting
        if who is not None
        and (row := leading(approval.rows, slot)).who.key == who.key
        and STAGES.index(row.stage) < STAGES.index(Stage.DEPUTIES)
    ]
    if not away:
        return None
    changed, notices = _stand_in(away, ticket, approval, policy, now)
    return Decision(
        outcome=Outcome.APPEND,
        reason="approver-away",
        ack_reason="automatic",
        append_to=ticket.id,
        entry=EntryKind.AUTOMATED,
        notices=notices,
        asks=changed,
        digest=not notices,  # nobody can stand in: a person should know
        events=(Event(name="approval.away", facts=(("who", away[0].who.key), ("asked", str(len(notices))))),),
    )


def _stand_in(
    away: list[Asked], ticket: Ticket, approval: Approval, policy: Policy, now: datetime
) -> tuple[tuple[Asked, ...], tuple[Notice, ...]]:
    """The deputies of these slots are asked; a slot without any only moves on."""
    new: list[Asked] = []
    for row in away:
        approver = policy.approver(row.slot)
        new += [
            Asked(slot=row.slot, who=each.address, role=Role.DEPUTY, asked_at=now, deadline=row.deadline)
            for each in (deputies(approver, policy, besides=ticket.requester) if approver is not None else ())
            if not any(old.slot == row.slot and old.who.key == each.address.key for old in approval.rows)
        ]
    moved = tuple(replace(row, stage=Stage.DEPUTIES) for row in away)
    return (*moved, *new), ask(tuple(new), ticket, approval.request, policy, "stand-in")


# --- the clock -------------------------------------------------------------------------------------------------------


def approval_due(ticket: Ticket, context: Context, policy: Policy, now: datetime) -> Decision:
    """A stage is due: the approver once more, then his deputies, then the managers; each once."""
    approval = context.approval(ticket.id)
    calendar = policy.calendar(policy.tier(ticket.tier).calendar)
    waiting = [leading(approval.rows, slot) for slot in pending(approval.rows)]
    if not waiting or ticket.status in _ENDED:
        return _quiet(ticket, "nothing to approve")
    if not is_open(calendar, now):
        return replace(_quiet(ticket, "outside working hours"), clocks=_watch(next_open(calendar, now)))
    changed: list[Asked] = []
    notices: list[Notice] = []
    for row in waiting:
        stage = due_stage(row, calendar, now)
        if stage is None:
            continue
        if stage is not Stage.REMINDED and STAGES.index(row.stage) < STAGES.index(Stage.DEPUTIES):
            rows, letters = _stand_in([row], ticket, approval, policy, now)
            changed += [each for each in rows if each.who.key != row.who.key]
            notices += letters
        if stage is Stage.REMINDED:
            notices += ask((row,), ticket, approval.request, policy, "ask-again")
        if stage is Stage.MANAGERS:
            notices += _overdue(row, ticket, policy, now)
        changed.append(replace(row, stage=stage))
    after = merged(approval.rows, tuple(changed))
    later = [at for slot in pending(after) if (at := next_instant(leading(after, slot), calendar, now)) is not None]
    return replace(
        _quiet(ticket, "approval waited for", notices=tuple(notices)),
        asks=tuple(changed),
        clocks=_watch(min(later)) if later else (),
        events=(Event(name="approval.waited", facts=(("slots", ", ".join(row.slot for row in waiting)),)),),
    )


def _overdue(row: Asked, ticket: Ticket, policy: Policy, now: datetime) -> tuple[Notice, ...]:
    """The team and the managers of the tier: nobody has decided in time."""
    approver = policy.approver(row.slot)
    sent = reminders(ticket, policy, clock="", due_at=None, news="approval-overdue")
    facts = (("approver", approver.title if approver is not None else row.slot),)
    team = tuple(replace(notice, detail=(*notice.detail, *facts)) for notice in sent)
    managers = policy.tier(ticket.tier).managers
    told = {notice.to.key for notice in team}
    above = tuple(replace(team[0], to=each, news=("approval-overdue", "escalated")) for each in managers if team)
    awake = is_open(team_calendar(ticket, policy), now)  # else the digest tells them
    return (*(team if awake else ()), *(notice for notice in above if notice.to.key not in told))


def first_instants(rows: tuple[Asked, ...], tier: int, policy: Policy, now: datetime) -> tuple[ClockStart, ...]:
    """What to watch when people have just been asked."""
    calendar = policy.calendar(policy.tier(tier).calendar)
    later = [at for slot in pending(rows) if (at := next_instant(leading(rows, slot), calendar, now)) is not None]
    return _watch(min(later)) if later else ()


def _watch(at: datetime) -> tuple[ClockStart, ...]:
    return (ClockStart(name=APPROVAL, due_at=at),)


# --- an agent corrects the category ----------------------------------------------------------------------------------


def with_approval(decision: Decision, ticket: Ticket, context: Context, policy: Policy, now: datetime) -> Decision:
    """An agent's decision, and what its new category asks for: people's word, or no word any more."""
    new = next((change.after for change in decision.changes if change.field is Field.CATEGORY), None)
    approval = context.approval(ticket.id)
    if new is None or _ends(decision.changes):
        return decision
    category = policy.category(new)
    wanted = category.approvers if category is not None else ()
    known = {row.slot for row in approval.rows}
    waiting = pending(approval.rows)
    gone = tuple(row for row in approval.rows if row.slot in waiting and row.slot not in wanted)
    changed = tuple(replace(row, state=Answer.VOID, decided_at=now) for row in gone if row.state is Answer.ASKED)
    tier = int(next((change.after for change in decision.changes if change.field is Field.TIER), ticket.tier))
    rows = slots(tuple(name for name in wanted if name not in known), ticket.requester, policy, now, tier)
    if not rows:
        withdrawn = bool(changed) and not pending(merged(approval.rows, changed))
        return replace(decision, asks=changed, approval="withdrawn" if withdrawn else "")
    about = replace(ticket, category=new)
    return replace(
        decision,
        asks=(*changed, *rows),
        approval="asked",
        notices=(*decision.notices, *ask(rows, about, approval.request, policy, "ask")),
        clocks=(*decision.clocks, *first_instants(rows, tier, policy, now)),
    )


def _ends(changes: tuple[Change, ...]) -> bool:
    ends = {Status.SOLVED.value, Status.CLOSED.value}
    return any(change.field is Field.STATUS and change.after in ends for change in changes)


def merged(rows: tuple[Asked, ...], changed: tuple[Asked, ...]) -> tuple[Asked, ...]:
    """The rows as they stand after the change."""
    new = {(row.slot, row.who.key): row for row in changed}
    kept = (new.pop((row.slot, row.who.key), row) for row in rows)
    return (*kept, *new.values())


def _team_told(word: Word, whose: str, ticket: Ticket, policy: Policy) -> tuple[Notice, ...]:
    """The team hears of the decision at once, as it hears of every mail: it is no reminder."""
    sent = reminders(ticket, policy, clock="", due_at=None, news="approved")
    decided = ("decided", f"#{'approve' if word.approves else 'deny'} · {whose}")
    return tuple(
        replace(
            notice,
            kind=NoticeKind.TEAM,
            news=(),
            orders=("#take", "#help") if word.approves else (),
            detail=(*notice.detail[1:], decided, ("reason", word.reason)),
        )
        for notice in sent
    )


def _note(reading: Reading, ticket: Ticket, context: Context, policy: Policy) -> Decision:
    """Words of an approver that decide nothing: for the team."""
    return replace(
        _quiet(ticket, "approver-note", notices=team_notices(reading, ticket, context, policy)),
        events=(Event(name="ticket.appended", facts=(("entry", EntryKind.NOTE), ("reason", "approver-note"))),),
    )


def _unproven(reading: Reading, ticket: Ticket) -> Decision:
    """Says to be an approver and does not prove it: an audit line, and the digest shows it."""
    return replace(
        _quiet(ticket, "approver-unproven"),
        digest=True,
        events=(Event(name="approver.unproven", facts=(("trust", reading.trust.evidence[:200]),)),),
    )


def _quiet(ticket: Ticket, reason: str, *, notices: tuple[Notice, ...] = ()) -> Decision:
    return Decision(
        outcome=Outcome.APPEND,
        reason=reason,
        ack_reason="approver",
        append_to=ticket.id,
        entry=EntryKind.NOTE,
        notices=notices,
    )
