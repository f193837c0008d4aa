"""Third parties of a ticket: approvers and suppliers, whose mails are neither a requester's nor an agent's.

What `decide` asks at four places: when a person wrote, when a guard found an automatic mail, when a mail of ours
came back, and when a request is opened or an agent's order concerns them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from daemon.core.address import parse_path
from daemon.core.approving import (
    approver_absent,
    ask,
    asked_at_opening,
    decide_approver,
    first_instants,
    titles,
    with_approval,
)
from daemon.core.context import Context
from daemon.core.decision import Decision, Opening
from daemon.core.guards import Consequence, Verdict
from daemon.core.match import Match
from daemon.core.notice import NoticeKind
from daemon.core.policy import Policy
from daemon.core.reading import Readability, Reading
from daemon.core.ticket import Ticket, TicketId
from daemon.core.vendor import decide_supplier, handed_ticket, supplier_machine, with_supplier

_SIGNED = frozenset({"token", "own_id"})
_AUTOMATIC = frozenset({Consequence.AUTOMATED, Consequence.KEEP})


def by_third_party(reading: Reading, match: Match, context: Context, policy: Policy, now: datetime) -> Decision | None:
    """The decision on a mail of somebody who was asked to approve, or of a supplier; None for everybody else."""
    ticket = _signed(match, context)
    if ticket is not None and (decided := decide_approver(reading, ticket, context, policy, now)) is not None:
        return decided
    handed = handed_ticket(reading, match, context, policy) if context.handed else None
    return decide_supplier(reading, handed, context, policy, now) if handed is not None else None


def by_machine(
    verdict: Verdict, reading: Reading, match: Match, context: Context, policy: Policy, now: datetime
) -> Decision | None:
    """An automatic mail of an approver who is away, or of a supplier's ticket system."""
    if verdict.consequence not in _AUTOMATIC:
        return None
    ticket = _signed(match, context) or _reported(context)
    if ticket is not None and verdict.consequence is Consequence.AUTOMATED:
        absent = approver_absent(reading.message.identity, ticket, context, policy, now)
        if absent is not None:
            return absent
    handed = handed_ticket(reading, match, context, policy) if context.handed else None
    return supplier_machine(reading, verdict.guard, handed, context, policy) if handed is not None else None


def returned(decision: Decision, context: Context, policy: Policy, now: datetime) -> Decision:
    """A delivery report of a failed mail to an approver or a supplier: deputies are asked, the team hears of it."""
    sent, ticket = context.reported, _reported(context)
    if sent is None or ticket is None or sent.kind not in {NoticeKind.APPROVAL, NoticeKind.VENDOR}:
        return decision
    absent = None
    if sent.kind is NoticeKind.APPROVAL:
        absent = approver_absent(parse_path(sent.to), ticket, context, policy, now)
    if absent is None:
        return replace(decision, digest=True)
    return replace(
        decision, notices=absent.notices, asks=absent.asks, events=(*decision.events, *absent.events), digest=True
    )


def ordered(decision: Decision, ticket: Ticket, context: Context, policy: Policy, now: datetime) -> Decision:
    """What an agent's orders mean for approvers and suppliers."""
    if not (decision.changes or decision.waiting_for):
        return decision
    return with_supplier(with_approval(decision, ticket, context, policy, now), ticket, context, policy, now)


def opened(decision: Decision, opening: Opening, reading: Reading, policy: Policy, now: datetime) -> Decision:
    """A new request with the approvals it needs: its approvers are asked, the acknowledgment says so."""
    if reading.readability is not Readability.FULL:
        return decision
    rows = asked_at_opening(opening, policy, now)
    if not rows:
        return decision
    waited_for = titles(rows, policy)
    told = {
        NoticeKind.ACKNOWLEDGMENT: lambda notice: replace(notice, approval=waited_for),
        NoticeKind.TEAM: lambda notice: replace(notice, detail=(*notice.detail, ("approval", waited_for))),
    }
    notices = tuple(told[notice.kind](notice) if notice.kind in told else notice for notice in decision.notices)
    return replace(
        decision,
        asks=rows,
        approval="asked",
        notices=(*notices, *ask(rows, opening, reading.message.body.new, policy, "ask")),
        clocks=(*decision.clocks, *first_instants(rows, opening.tier, policy, now)),
    )


def _signed(match: Match, context: Context) -> Ticket | None:
    """The ticket that a mark of ours in the mail names, whether or not its writer takes part."""
    if match.clue not in _SIGNED:
        return None
    named = match.ticket_id if match.ticket_id is not None else match.hint
    return context.ticket(TicketId(named)) if named is not None else None


def _reported(context: Context) -> Ticket | None:
    return context.ticket(context.reported.ticket_id) if context.reported is not None else None
