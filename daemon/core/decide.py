"""`decide`: the whole policy of the product on one page, as a pure function.

Follows the table of mail-rules §2 from top to bottom: the first guard that hit decides, then
the thread, then who wrote, then repeats, then a new ticket and its one acknowledgment.
Knows nothing of durability: what it returns is executed by `store.apply` in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from daemon.core import parties
from daemon.core.access import placed, zone_of
from daemon.core.acknowledge import acknowledge, clocks_for, promise_for, team_notices
from daemon.core.address import Address, parse_path
from daemon.core.agent import decide_agent
from daemon.core.closing import RATE
from daemon.core.command import read_orders
from daemon.core.context import Context
from daemon.core.credit import canonical
from daemon.core.decision import Decision, EntryKind, Event, Hold, Opening, Outcome
from daemon.core.envelope import Envelope
from daemon.core.guards import Consequence, Verdict
from daemon.core.match import Match, match_thread
from daemon.core.message import Delivery
from daemon.core.notice import NoticeKind
from daemon.core.outside import decide_outside
from daemon.core.policy import Policy
from daemon.core.reading import Readability, Reading
from daemon.core.request import asks_for_data, decide_request, says_more, stranger_with_mark, with_data
from daemon.core.route import Route, route, route_robot
from daemon.core.ticket import Status, Ticket, TicketId
from daemon.core.trust import Proof


def decide(envelope: Envelope, reading: Reading, context: Context, policy: Policy, now: datetime) -> Decision:
    """What happens because of this mail. Never raises on content; `now` is aware UTC."""
    verdict = next((v for v in reading.verdicts if v.consequence is not Consequence.NO_ACK), None)
    match = match_thread(
        reading.clues, context.candidates, reading.message.identity, policy.keyring, trust=reading.trust
    )
    if verdict is not None and verdict.consequence is not Consequence.ROBOT:
        return _guarded(verdict, reading, context, match, policy, now)
    if reading.readability is not Readability.FULL:
        return _open(envelope, reading, context, policy)
    if verdict is not None:
        return _open(envelope, reading, context, policy)
    if (decided := parties.by_third_party(reading, match, context, policy, now)) is not None:
        return decided
    ticket = context.ticket(match.ticket_id) if match.ticket_id is not None else None
    identity = reading.message.identity
    if ticket is not None and identity is not None and policy.is_agent(identity) and not _is_own(reading, ticket):
        decided = decide_agent(reading, ticket, match, context, policy, now)
        return parties.ordered(decided, ticket, context, policy, now)
    if ticket is not None and match.outside:
        return decide_outside(reading, ticket, context, policy)
    if ticket is not None:
        follow_up = _follow_up(reading, context, ticket, policy)
        return decide_request(reading, ticket, context, policy, now, follow_up=follow_up) or follow_up
    if (clicked := _clicked(reading, context, match, policy, now)) is not None:
        return clicked
    if context.repeat_of is not None and (repeated := context.ticket(context.repeat_of)) is not None:
        return _append(repeated, "repeat", "repeat", EntryKind.REPEAT)
    opened = _open(envelope, reading, context, policy, hint=match.hint)
    return with_data(opened, reading, context, policy, now) if asks_for_data(reading) else opened


def _is_own(reading: Reading, ticket: Ticket) -> bool:
    """True for an agent's words on a ticket that he opened for himself: he is its requester, unless he orders."""
    identity = reading.message.identity
    if identity is None or ticket.requester is None or identity.key != ticket.requester.key:
        return False
    said = read_orders(reading.message.body.new)
    return not (said.commands or said.complaints)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """What a guard's consequence comes to. `entry` files the mail on its ticket when the thread is known."""

    reason: str
    outcome: Outcome = Outcome.KEEP
    entry: EntryKind | None = None
    digest: bool = False


_ROWS: dict[Consequence, _Row] = {
    Consequence.QUARANTINE: _Row(reason="loop", outcome=Outcome.QUARANTINE, digest=True),
    Consequence.COPY: _Row(reason="own-copy", entry=EntryKind.COPY),
    Consequence.REPORT: _Row(reason="delivery-report-unmatched"),
    Consequence.ATTACH: _Row(reason="report", entry=EntryKind.REPORT),
    Consequence.ABUSE: _Row(reason="abuse-report", entry=EntryKind.REPORT, digest=True),
    Consequence.AUTOMATED: _Row(reason="automated", entry=EntryKind.AUTOMATED),
    Consequence.KEEP: _Row(reason="not-answerable", digest=True),
    Consequence.SELF: _Row(reason="self"),
    Consequence.UNPROVEN: _Row(reason="authentication-failed", digest=True),
    Consequence.SPAM: _Row(reason="spam", outcome=Outcome.SPAM),
}


def _guarded(
    verdict: Verdict, reading: Reading, context: Context, match: Match, policy: Policy, now: datetime
) -> Decision:
    """The consequence of the first guard that hit: never an acknowledgment, never a change of status."""
    if verdict.consequence is Consequence.REPORT and (decision := _report(reading, context, policy, now)) is not None:
        return parties.returned(decision, context, policy, now) if decision.hold is not None else decision
    if (filed := parties.by_machine(verdict, reading, match, context, policy, now)) is not None:
        return filed
    row = _ROWS[verdict.consequence]
    own = reading.clues.own_message
    ticket = context.ticket(match.ticket_id) if match.ticket_id is not None else None
    if verdict.consequence is Consequence.COPY and own is not None:
        ticket = context.ticket(TicketId(own.ticket_id))
    if row.entry is not None and ticket is not None:
        return _append(ticket, row.reason, "automatic", row.entry, digest=row.digest)
    return _keep(row, verdict)


def _keep(row: _Row, verdict: Verdict) -> Decision:
    """Stored and visible, without a ticket. The team hears of it in a digest, never by a mail per mail.

    A notice for each kept mail could be bounced back to us and kept again: a loop through the
    team's own address. A digest is bounded by time, whatever comes back.
    """
    return Decision(
        outcome=row.outcome,
        reason=row.reason,
        ack_reason="automatic",
        digest=row.digest,
        flags=(row.reason,) if verdict.consequence is Consequence.UNPROVEN else (),
        events=(Event(name=f"inbound.{row.outcome}", facts=(("guard", verdict.guard), ("reason", row.reason))),),
    )


def _append(ticket: Ticket, reason: str, ack_reason: str, entry: EntryKind, *, digest: bool = False) -> Decision:
    """One more entry on a ticket; its status and its clocks stay as they are."""
    return Decision(
        outcome=Outcome.APPEND,
        reason=reason,
        ack_reason=ack_reason,
        append_to=ticket.id,
        entry=entry,
        digest=digest,
        events=(Event(name="ticket.appended", facts=(("entry", entry), ("reason", reason))),),
    )


def _report(reading: Reading, context: Context, policy: Policy, now: datetime) -> Decision | None:
    """A delivery report on the notice it speaks of (None: on none of ours); a permanent failure holds the address."""
    sent = context.reported
    ticket = context.ticket(sent.ticket_id) if sent is not None else None
    if sent is None or ticket is None:
        return None
    report = reading.message.report
    failed = report is not None and report.delivery is Delivery.FAILED
    hold = None
    recipient = parse_path(sent.to)
    if failed and report is not None and recipient is not None:
        words = " ".join(filter(None, (report.status, report.diagnostic)))[:200]
        hold = Hold(address=canonical(recipient), until=now + policy.hold, reason=words or "permanent failure")
    return Decision(
        outcome=Outcome.APPEND,
        reason="delivery-report",
        ack_reason="automatic",
        append_to=ticket.id,
        entry=EntryKind.REPORT,
        hold=hold,
        digest=failed and sent.kind is NoticeKind.REPLY,
        events=(
            Event(
                name="notice.bounced" if failed else "notice.reported",
                facts=(("kind", sent.kind), ("sequence", str(sent.sequence)), ("to", sent.to)),
            ),
        ),
    )


def _follow_up(reading: Reading, context: Context, ticket: Ticket, policy: Policy) -> Decision:
    """A participant adds to a ticket. Reopening needs proof: a quoted reference alone changes nothing."""
    identity = reading.message.identity
    own = identity is not None and ticket.requester is not None and identity.key == ticket.requester.key
    proven = own and reading.trust.proof >= Proof.DOMAIN
    reopen = proven and ticket.status in {Status.SOLVED, Status.CLOSED}
    resume = proven and ticket.status is Status.WAITING
    return Decision(
        outcome=Outcome.APPEND,
        reason="follow-up",
        ack_reason="follow-up",
        append_to=ticket.id,
        entry=EntryKind.FOLLOW_UP,
        status=Status.OPEN if reopen or resume else None,
        copied=_copied(reading, policy) if own else (),
        notices=team_notices(reading, ticket, context, policy),
        events=(Event(name="ticket.appended", facts=(("entry", EntryKind.FOLLOW_UP), ("reopened", str(reopen)))),),
    )


def _clicked(reading: Reading, context: Context, match: Match, policy: Policy, now: datetime) -> Decision | None:
    """A one-click link of a ticket that is closed for good, or one that was made for somebody else: no new ticket."""
    mark = reading.clues.mark
    if mark is None or (says_more(reading) and not mark.word.startswith(RATE)):
        return None
    ticket = context.ticket(match.hint) if match.hint is not None else None
    if ticket is not None and not stranger_with_mark(reading, policy):
        filed = _append(ticket, "order-too-late", "follow-up", EntryKind.ORDER)
        return decide_request(reading, ticket, context, policy, now, follow_up=filed) or filed
    return Decision(
        outcome=Outcome.KEEP,
        reason="order-of-another",
        ack_reason="follow-up",
        digest=True,
        events=(Event(name="inbound.keep", facts=(("reason", "order-of-another"),)),),
    )


_MOST_COPIED = 1_000  # addresses of one mail (mail-rules §7)


def _copied(reading: Reading, policy: Policy) -> tuple[Address, ...]:
    """The people in To and Cc beside us: a reply-all storm of theirs stays one ticket without acknowledgments."""
    ours = {address.key for desk in policy.desks for address in desk.addresses}
    everybody = (mailbox.address for mailbox in (*reading.message.to, *reading.message.cc))
    known = {address.key: address for address in everybody if address.key not in ours}
    return tuple(known.values())[:_MOST_COPIED]


_INDEX_CHARS = 1_000


def _open(
    envelope: Envelope, reading: Reading, context: Context, policy: Policy, *, hint: TicketId | None = None
) -> Decision:
    """A new ticket, and exactly one acknowledgment unless a reason forbids it."""
    message = reading.message
    desk = policy.desk(envelope.desk)
    robot = next(
        (r for r in policy.robots if message.identity is not None and r.address.key == message.identity.key), None
    )
    way: Route = route_robot(robot, desk, policy) if robot else route(message, reading.prediction, desk, policy)
    way = way if robot else placed(way, envelope, reading, policy)
    promise = promise_for(way, policy, envelope.received_at)
    zone = "" if robot else zone_of(message, promise.zone, envelope.received_at)
    promise = replace(promise, zone=zone or promise.zone)
    answer = acknowledge(envelope, reading, context, policy, way=way, made=promise)
    reason = {Readability.NOT: "unreadable", Readability.HEADERS: "over-limit"}.get(
        reading.readability, "robot" if robot else "new-request"
    )
    opening = Opening(
        desk=desk.name,
        requester=message.identity,
        requester_name=message.from_[0].name if message.from_ else "",
        subject=message.subject,
        category=way.category,
        tier=way.tier,
        kind=way.kind,
        priority=way.priority,
        team=way.team,
        language=answer.language,
        confidence=way.confidence,
        model_id=way.model_id,
        suggested=way.suggested,
        promise=promise,
        proven=reading.trust.proof >= Proof.DOMAIN,
        zone=zone,
        link_hint=hint,
        thread_index=next(iter(message.values("thread-index")), "")[:_INDEX_CHARS],
    )
    flags = (
        *(("id-reuse",) if context.id_reused else ()),
        *((reason,) if reason in {"unreadable", "over-limit"} else ()),
    )
    decision = Decision(
        outcome=Outcome.QUARANTINE if reading.readability is Readability.NOT else Outcome.TICKET,
        reason=reason,
        ack_reason=answer.reason,
        opening=opening,
        entry=EntryKind.REQUEST,
        notices=(*answer.notices, *team_notices(reading, opening, context, policy)),
        clocks=clocks_for(promise, envelope.received_at, policy, warn=bool(answer.notices)),
        promise=promise,
        copied=_copied(reading, policy),
        flags=flags,
        digest=bool(flags),
        events=(
            Event(
                name="ticket.opened",
                facts=(
                    ("category", way.category),
                    ("tier", str(way.tier)),
                    ("priority", way.priority),
                    ("confidence", f"{way.confidence:.3f}"),
                    ("model", way.model_id),
                    ("ack", answer.reason or "yes"),
                ),
            ),
        ),
    )
    return decision if robot else parties.opened(decision, opening, reading, policy, envelope.received_at)
