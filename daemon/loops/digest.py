"""The digest: once a day the triage team hears what was kept, quarantined or flagged, in one mail.

Kept mail never causes a mail of its own: a bounce of such a mail would be kept again, and so on. A
digest is bounded by time whatever comes back, takes the team's own credit, and is not sent when there
is nothing to say. Where a desk has no team, `firstline status` and `explain` are the places to look.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from sqlalchemy import Connection

from daemon.core.address import Address
from daemon.core.disposition import DISPOSITIONS
from daemon.core.letter import one_line
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import Desk
from daemon.loops.circular import post
from daemon.loops.current import Current
from daemon.loops.enact import Desked
from daemon.loops.minutely import minutely
from daemon.loops.wake import Wake
from daemon.store import approvals, memory, review
from daemon.store.approvals import Overdue
from daemon.store.committer import Committer
from daemon.store.review import ToReview

log = structlog.get_logger(__name__)

LINES = 100
_NAME = "digest:"
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


class DigestLoop:
    """Looks once a minute whether a desk's digest is due."""

    def __init__(self, committer: Committer, current: Current, wake: Wake, outbox_wake: Wake) -> None:
        self._committer = committer
        self._current = current
        self._wake = wake
        self._outbox_wake = outbox_wake

    async def run(self) -> None:
        """Until the stop."""
        await minutely(self._wake, self.once, trouble="digest.failed")

    async def once(self, now: datetime) -> int:
        """Queue the digests that are due at `now`; how many mails they are."""
        desked = Desked(policy=self._current.policy, renderer=self._current.renderer, now=now)
        counts = await asyncio.gather(
            *(self._committer.run(lambda tx, d=desk: digest(tx, d, desked)) for desk in desked.policy.desks)  # type: ignore[misc]
        )
        if sum(counts):
            self._outbox_wake.hint()
        return sum(counts)


def digest(tx: Connection, desk: Desk, desked: Desked) -> int:
    """The desk's digest in the caller's transaction, when one is due; how many mails were queued.

    The first look only sets the mark: what was flagged before nobody asked is not news.
    """
    policy, now = desked.policy, desked.now
    mark = memory.get(tx, _NAME + desk.name)
    if not mark:
        memory.put(tx, _NAME + desk.name, now.isoformat())
        return 0
    last = datetime.fromisoformat(mark)
    if now - last < policy.digest_every or not desk.team or not policy.team_notices:
        return 0
    found = review.to_review(tx, desk=desk.name, after=last, until=now, limit=LINES)
    undecided = approvals.overdue(tx, desk=desk.name, now=now, limit=LINES)
    lines = (*map(_line, found), *map(_undecided, undecided))
    team = policy.team(desk.team)
    queued = sum(
        _queue(tx, desk, address, index, lines, desked)
        for index, address in enumerate(team.members or team.addresses)
        if lines
    )
    if not lines or queued:  # without the team's credit the mark stays: the list waits for a person's next action
        reached = found[-1].settled_at if len(found) == LINES else now
        memory.put(tx, _NAME + desk.name, reached.isoformat())
    return queued


def _queue(tx: Connection, desk: Desk, to: Address, index: int, lines: Sequence[str], desked: Desked) -> int:
    """One digest for one address. Its identifier names no ticket: numbers below 1001 are nobody's."""
    sequence = (desked.now - _EPOCH).days
    notice = Notice(
        kind=NoticeKind.DIGEST,
        to=to,
        language=desk.languages[0],
        sequence=sequence,
        text="\n".join(lines),
    )
    return int(post(tx, notice, desk, desked, number=index))


def _undecided(each: Overdue) -> str:
    """It stands in every digest until somebody decides or the ticket ends."""
    subject = one_line(each.subject, 80)
    return f"{each.reference}  {each.deadline:%Y-%m-%d %H:%M} UTC  {subject}\n    approval: {each.slot} has not decided"


def _line(each: ToReview) -> str:
    facts = json.loads(each.evidence) if each.evidence else {}
    known = DISPOSITIONS.get(each.reason)
    who = one_line(str(facts.get("from", "")), 60)
    subject = one_line(str(facts.get("subject", "")), 80)
    why = known.words if known else each.reason
    return f"{each.inbound_id}  {each.settled_at:%Y-%m-%d %H:%M} UTC  {who}  {subject}\n    {each.outcome}: {why}"
