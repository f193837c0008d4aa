"""What a requester may order by mail without a person's help: closing, status, silence, his data, an opinion.

Recognised from a signed one-click mark, from the answer to a question of ours, or from a short text that says
nothing else (`core.wishes`); everything else is a mail for a person. Rights as in mail-rules §5: each of these
needs a proven requester, his data a proven domain. Nothing closes because of words alone: they are answered by a
question, and only a yes to it closes. Whatever cannot be answered (credit, hold) stays a mail for the team.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from daemon.core.address import Address
from daemon.core.calendar import add_working
from daemon.core.closing import RATE
from daemon.core.context import Context
from daemon.core.decision import Change, ClockStart, Decision, EntryKind, Event, Field, Opinion, Outcome
from daemon.core.instants import SURVEY, VENDOR, WAIT_CLOSE
from daemon.core.notice import TO_REQUESTER, Notice, NoticeKind
from daemon.core.policy import Policy
from daemon.core.prefix import strip_prefixes
from daemon.core.reading import Reading
from daemon.core.status import status_notice
from daemon.core.ticket import Status, Ticket
from daemon.core.token import speaks_for
from daemon.core.trust import Proof
from daemon.core.wishes import Wish, may_want_data, read_wish

CONFIRMED = "the requester confirmed that it is solved"
DATA_AGAIN = timedelta(days=1)
_ENDED = frozenset({Status.SOLVED, Status.CLOSED})
_TAG = re.compile(r"\[[A-Z][A-Z0-9]{0,7}-[0-9]{1,10}\]", re.IGNORECASE)
_SCORE = re.compile(r"\W{0,5}([1-5])(?:\s*/\s*5)?(?![\d.,:]*\d)\W{0,5}(?:\n|$|\s)")
_WORDS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What he orders. `signed`: by a link of ours, so that no words were weighed. `score` 1 to 5 for an opinion."""

    wish: Wish | None
    signed: bool = False
    score: int = 0


def read_request(reading: Reading, language: str = "") -> Request | None:
    """The order in a mail; None when it is one for a person. Whether the writer may order it is not asked here."""
    message, clues = reading.message, reading.clues
    text = message.body.new
    if clues.mark is not None:
        return _marked(clues.mark.word)
    answered = clues.own_ids[-1].kind if clues.own_ids else ""
    if answered == NoticeKind.SURVEY and (score := _SCORE.match(text)) is not None:
        return Request(wish=None, score=int(score[1]))
    wish = read_wish(text, language, answer=answered == NoticeKind.QUESTION)
    if wish is Wish.CLOSE and answered == NoticeKind.QUESTION:
        wish = Wish.YES  # "yes, it is solved" answers the question whether to close
    if wish is None or wish is Wish.THANKS:
        wish = _by_subject(message.subject, text, language) or wish
    return None if wish is None else Request(wish=wish)


def _marked(word: str) -> Request | None:
    name, _, number = word.partition("-")
    if name == RATE and number in {"1", "2", "3", "4", "5"}:
        return Request(wish=None, signed=True, score=int(number))
    wishes = {Wish.CLOSE.value: Wish.YES, **{each.value: each for each in (Wish.STATUS, Wish.MUTE, Wish.DATA)}}
    return Request(wish=wishes[word], signed=True) if word in wishes else None


def _by_subject(subject: str, text: str, language: str) -> Wish | None:
    """`[FL-1042] status` with nothing, or nothing but politeness, below it. A reply's subject is the thread's."""
    bare = _TAG.sub(" ", subject).strip()
    if not bare or strip_prefixes(bare) != bare or (text.strip() and read_wish(text, language) is not Wish.THANKS):
        return None
    wish = read_wish(bare, language)
    return wish if wish in {Wish.STATUS, Wish.MUTE, Wish.DATA} else None


def asks_for_data(reading: Reading) -> bool:
    """True for a mail that opens a ticket and wants nothing but to know what we store."""
    if reading.clues.mark is not None:
        return False
    said = (_TAG.sub(" ", reading.message.subject).strip(), reading.message.body.new)
    return any(may_want_data(each) and read_wish(each) is Wish.DATA for each in said)


def is_owner(reading: Reading, ticket: Ticket) -> bool:
    """True when the proven writer is the requester of the ticket."""
    identity = reading.message.identity
    own = identity is not None and ticket.requester is not None and identity.key == ticket.requester.key
    return own and reading.trust.proof >= Proof.DOMAIN


def stranger_with_mark(reading: Reading, policy: Policy) -> bool:
    """True when somebody clicked on a link that was made for another person: a forwarded letter, or an alias."""
    mark, identity = reading.clues.mark, reading.message.identity
    return mark is not None and (identity is None or not speaks_for(policy.keyring, mark.token.person_tag, identity))


def decide_request(
    reading: Reading, ticket: Ticket, context: Context, policy: Policy, now: datetime, *, follow_up: Decision
) -> Decision | None:
    """The decision on an order of the requester; None when the mail is none, or he may not.

    `follow_up` is what the mail would be otherwise, with its notice to the team.
    """
    asked = read_request(reading, ticket.language) if is_owner(reading, ticket) else None
    if asked is None:
        return None
    if asked.score:
        return _rated(asked.score, reading, ticket, follow_up)
    match asked.wish:
        case Wish.CLOSE:
            return _ask_whether_to_close(reading, ticket, context, policy, follow_up, now)
        case Wish.YES:
            return _close(ticket, policy, follow_up, now)
        case Wish.STATUS:
            told = _tell_status(reading, ticket, context, policy, follow_up, now)
            return _read_by_the_team(told, reading, follow_up)
        case Wish.MUTE:
            return _read_by_the_team(_order(ticket, "unsubscribed", muted=True), reading, follow_up)
        case Wish.DATA:
            return _send_data(reading, ticket, context, policy, follow_up, now)
        case Wish.THANKS if ticket.status in _ENDED:
            return _order(ticket, "thanks")
        case _:
            return None


def says_more(reading: Reading) -> bool:
    """True when there are words beside the order: somebody may have written a request into a mail that a link made."""
    text = reading.message.body.new
    return bool(text.strip()) and read_wish(text, answer=True) is None


def _read_by_the_team(order: Decision, reading: Reading, follow_up: Decision) -> Decision:
    """The order, and its words to the team when it has any: nobody's words are lost."""
    if order.entry is not EntryKind.ORDER or not says_more(reading):
        return order
    told = (notice for notice in follow_up.notices if notice.kind is NoticeKind.TEAM)
    return replace(order, notices=(*order.notices, *told))


def _order(ticket: Ticket, reason: str, *, notices: tuple[Notice, ...] = (), muted: bool | None = None) -> Decision:
    """One more entry on the ticket, no change of its course."""
    return Decision(
        outcome=Outcome.APPEND,
        reason=reason,
        ack_reason="follow-up",
        append_to=ticket.id,
        entry=EntryKind.ORDER,
        notices=notices,
        muted=muted,
        events=(Event(name=f"requester.{reason}", facts=()),),
    )


def unanswerable(to: Address, context: Context, policy: Policy, now: datetime) -> str:
    """Why a proven requester who has just written gets no automatic answer; "" when he does."""
    if any(robot.address.key == to.key for robot in policy.robots):
        return "robot"
    if not str(to).isascii():
        return "needs-smtputf8"
    if context.on_hold_until is not None and context.on_hold_until > now:
        return "on-hold"
    return f"withheld: credit ({context.credits.spent})" if context.credits.spent else ""


def with_wish(follow_up: Decision, wish: str, *notices: Notice) -> Decision:
    """The decision on the mail itself, with a line for the team on what the requester wants, and what he is sent."""
    told = tuple(
        replace(notice, detail=(*notice.detail, ("wish", wish))) if notice.kind is NoticeKind.TEAM else notice
        for notice in follow_up.notices
    )
    event = Event(name="requester.wished", facts=(("wish", wish),))
    return replace(follow_up, notices=(*told, *notices), events=(*follow_up.events, event))


def _letter(kind: NoticeKind, reading: Reading, ticket: Ticket, policy: Policy) -> Notice:
    """An answer to this very mail, to the requester."""
    message = reading.message
    return replace(
        status_notice(ticket, policy, ()),
        kind=kind,
        wishes=(),
        in_reply_to=message.message_id,
        references=(*message.references, message.message_id) if message.message_id else message.references,
    )


# --- closing ---------------------------------------------------------------------------------------------------------


def _ask_whether_to_close(
    reading: Reading, ticket: Ticket, context: Context, policy: Policy, follow_up: Decision, now: datetime
) -> Decision:
    """He says that it is solved. Recognised, confirmed, never assumed: his ticket stays as it is until he says yes."""
    if ticket.status in _ENDED:
        return _order(ticket, "thanks")  # the desk has said so before: no reason to open it again
    if ticket.requester is None or unanswerable(ticket.requester, context, policy, now):
        return with_wish(follow_up, "close-unasked")
    question = replace(_letter(NoticeKind.QUESTION, reading, ticket, policy), wishes=(Wish.CLOSE.value,))
    return with_wish(follow_up, "close", question)


def _close(ticket: Ticket, policy: Policy, follow_up: Decision, now: datetime) -> Decision:
    """His yes to our question."""
    if ticket.status is Status.CLOSED:
        return _order(ticket, "thanks")
    calendar = policy.calendar(policy.tier(ticket.tier).calendar)
    later = (ClockStart(name=SURVEY, due_at=add_working(calendar, now, policy.survey.delay)),)
    return replace(
        with_wish(follow_up, "closed"),
        reason="closed-by-requester",
        status=Status.CLOSED,
        clocks=later if policy.survey.enabled else (),
        changes=(Change(field=Field.CLOSE_REASON, before=ticket.close_reason, after=CONFIRMED),),
        by=ticket.requester.key if ticket.requester is not None else "",
    )


# --- status ----------------------------------------------------------------------------------------------------------


def _tell_status(
    reading: Reading, ticket: Ticket, context: Context, policy: Policy, follow_up: Decision, now: datetime
) -> Decision:
    """State and standing promise, to the requester alone. Without credit the team has to answer."""
    if ticket.requester is None or unanswerable(ticket.requester, context, policy, now):
        return with_wish(follow_up, "status")
    standing = context.standing if ticket.status in {Status.NEW, Status.OPEN} and ticket.answered_at is None else None
    late = standing is not None and standing.due_at <= now
    answer = replace(
        _letter(NoticeKind.ANSWER, reading, ticket, policy),
        news=(*_standing(ticket, context), *(("late",) if late else ())),
        promise=None if late else standing,
        previous_promise=standing if late else None,
        closes_at=_closes(context) if ticket.status is Status.WAITING else None,
    )
    return _order(ticket, "status-answer", notices=(answer,))


def _standing(ticket: Ticket, context: Context) -> tuple[str, ...]:
    match ticket.status:
        case Status.NEW:
            return ("new",)
        case Status.OPEN:
            return ("in-work",)
        case Status.SOLVED:
            return ("solved",)
        case Status.CLOSED:
            return ("ended",)
        case Status.WAITING:
            waits = {VENDOR: "vendor", WAIT_CLOSE: "waiting"}
            return (next((waits[name] for name in context.pending if name in waits), "paused"),)


def _closes(context: Context) -> datetime | None:
    return next((start.due_at for start in context.coming if start.name == WAIT_CLOSE), None)


# --- data ------------------------------------------------------------------------------------------------------------


def data_notice(reading: Reading, language: str, context: Context, policy: Policy, now: datetime) -> Notice | str:
    """What is stored of the writer, to himself; or why it is not sent. Proven domain only: a token can be forwarded."""
    message = reading.message
    if message.identity is None or reading.trust.proof not in {Proof.DOMAIN, Proof.PERSON}:
        return "data-unproven"
    if context.data_sent_at is not None and now - context.data_sent_at < DATA_AGAIN:
        return "data-again"
    if unanswerable(message.identity, context, policy, now):
        return "data-unsent"
    return Notice(
        kind=NoticeKind.DATA,
        to=message.identity,
        to_name=message.from_[0].name if message.from_ else "",
        language=language,
        echo_subject=True,
        subject=message.subject,
        in_reply_to=message.message_id,
        references=(*message.references, message.message_id) if message.message_id else message.references,
        attach_own=True,
    )


def with_data(opened: Decision, reading: Reading, context: Context, policy: Policy, now: datetime) -> Decision:
    """A new ticket that wants nothing else: a person sees it, and the proven writer is sent his data at once.

    Only when the acknowledgment leaves a credit: both are queued in one transaction.
    """
    if opened.opening is None:
        return opened
    purse = context.credits
    left = min(each for each in (purse.address, purse.domain, purse.overall) if each is not None)
    taken = sum(notice.kind in TO_REQUESTER for notice in opened.notices)
    language = opened.opening.language
    found = data_notice(reading, language, context, policy, now) if left > taken else "data-unsent"
    return with_wish(opened, found) if isinstance(found, str) else with_wish(opened, "data", found)


def _send_data(
    reading: Reading, ticket: Ticket, context: Context, policy: Policy, follow_up: Decision, now: datetime
) -> Decision:
    found = data_notice(reading, ticket.language, context, policy, now)
    return with_wish(follow_up, found) if isinstance(found, str) else with_wish(follow_up, "data", found)


# --- opinion ---------------------------------------------------------------------------------------------------------


def _rated(score: int, reading: Reading, ticket: Ticket, follow_up: Decision) -> Decision:
    """His score and his words, on the ticket. The team is mailed when there is something to read or to mend."""
    words = _said(reading.message.body.new, score)
    made = replace(
        _order(ticket, "opinion"),
        entry=EntryKind.OPINION,
        opinion=Opinion(score=score, words=words),
        events=(Event(name="requester.opinion", facts=(("score", str(score)),)),),
    )
    if score > 2 and not words:
        return made
    told = [notice for notice in follow_up.notices if notice.kind is NoticeKind.TEAM]
    detail = ("opinion", f"{score}/5")
    return replace(made, notices=tuple(replace(each, detail=(*each.detail, detail), text=words) for each in told))


def _said(text: str, score: int) -> str:
    """The words beside the number."""
    found = _SCORE.match(text)
    rest = text[found.end() :] if found is not None and int(found[1]) == score else text
    return rest.strip()[:_WORDS]
