"""Thread matching: which ticket a mail belongs to, with its evidence.

Two steps with the store between them. `find_clues` reads from the mail all it says of a
thread; the store looks the clues up into `Candidate`s; `match_thread` picks one, or none.
A subject tag is a hint, never a proof; a sender who takes no part never gets in.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from itertools import islice

from daemon.core.address import Address, parse_address_list
from daemon.core.clues import Clues
from daemon.core.envelope import Envelope
from daemon.core.foreign import MOST, find_foreign
from daemon.core.message import Message
from daemon.core.policy import Policy
from daemon.core.prefix import strip_prefixes
from daemon.core.ticket import TicketId
from daemon.core.token import (
    Keyring,
    OwnId,
    read_bounce_address,
    read_message_id,
    read_order_mark,
    read_reply_address,
    speaks_for,
)
from daemon.core.trust import Trust

MAX_IDS = 50  # newest identifiers that are looked at; a thread's older ones say the same
MAX_ADDRESSES = 100  # addresses searched for tokens
_MAX_SUBJECT = 1_000
_MAX_TRACE = 1_000  # characters of a Delivered-To and its like
_MAX_TEXT = 100_000  # characters of new text in a fingerprint
ADDRESSED_FIELDS = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to")

_WORD = re.compile(r"\w+")

# How much a clue says, strongest first. Marks that we signed and gave to somebody come before what anybody can write.
SCORES = {"token": 100, "own_id": 90, "reference": 60, "awaited": 50, "tag": 30, "foreign": 25}
_WEIGHED = 20  # candidates whose weighing is kept as evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A ticket that a clue points to.

    `participants` are `Address.key` values: requester, people added by them, agents who answered, and the `outsiders`
    that an agent has asked. `shut`: closed for longer than the reopen window, so a reply opens a new ticket.
    """

    ticket_id: TicketId
    clue: str  # token, own_id, reference, awaited, tag, foreign, merge
    evidence: str
    participants: frozenset[str]
    person_tags: frozenset[str] = frozenset()
    status: str = "new"
    merged_into: TicketId | None = None
    outsiders: frozenset[str] = frozenset()
    shut: bool = False


class Verdict(StrEnum):
    """What weighing a candidate came to."""

    JOINED = "joined"
    STRANGER = "takes no part"
    FORGED = "sender is forged"
    SHUT = "closed too long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """One candidate, as it was weighed; `score` is that of its clue."""

    ticket_id: TicketId
    clue: str
    evidence: str
    score: int
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The ticket a mail belongs to. `hint` is set instead of `ticket_id` when the sender does not get in."""

    ticket_id: TicketId | None = None
    hint: TicketId | None = None
    clue: str = ""
    evidence: str = ""
    proven: bool = False  # by token or own id, bound to a participant
    named: TicketId | None = None  # the ticket that the clue named, before merges were followed
    outside: bool = False  # the sender is somebody whom an agent asked
    weighed: tuple[Weighed, ...] = ()  # all that was looked at until one fitted, strongest first

    @property
    def score(self) -> int:
        """Of the clue that decided."""
        return SCORES.get(self.clue, 0)


def find_clues(message: Message, envelope: Envelope, policy: Policy, today: date) -> Clues:
    """All that a mail says of the thread it belongs to; signatures are verified, the rest is hearsay.

    `today` is the UTC day by which reply tokens expire. `bounce_of` comes from our signed
    envelope address, or from a structured report about a Message-ID of ours.
    """
    keyring = policy.keyring
    ids = _newest((*message.references, *message.in_reply_to))
    read = [(identifier, read_message_id(keyring, identifier)) for identifier in ids]
    addressed = tuple(_addressed(message, envelope))
    mark = read_order_mark(keyring, message.subject[:_MAX_SUBJECT], today)
    tokens = [read_reply_address(keyring, address, today) for address in addressed]
    tokens += [mark.token] if mark is not None else []
    return Clues(
        own_ids=tuple(own for _, own in read if own),
        tokens=tuple(dict.fromkeys(token for token in tokens if token)),
        mark=mark,
        bounce_of=_bounce_of(message, envelope, keyring),
        own_message=read_message_id(keyring, message.message_id),
        references=tuple(identifier for identifier, own in read if not own),
        tag=_tag(message.subject, envelope.desk, policy),
        foreign=_foreign(message.subject, envelope.desk, policy),
        fingerprint=_fingerprint(message),
    )


def _newest(identifiers: Iterable[str]) -> list[str]:
    """The last `MAX_IDS` distinct identifiers in order of their last mention."""
    last_first = dict.fromkeys(reversed(tuple(identifiers)[-10 * MAX_IDS :]))
    return list(last_first)[:MAX_IDS][::-1]


def _addressed(message: Message, envelope: Envelope) -> Iterator[Address]:
    """Every address this mail was sent to, as far as anybody says so."""
    yield from envelope.forward_paths[:MAX_ADDRESSES]
    for mailbox in (message.to + message.cc)[:MAX_ADDRESSES]:
        yield mailbox.address
    traces = [header.value for header in message.headers if header.name in ADDRESSED_FIELDS]
    for value in traces[:MAX_ADDRESSES]:
        for _, address in parse_address_list(value[:_MAX_TRACE], limit=5):
            yield address


def _bounce_of(message: Message, envelope: Envelope, keyring: Keyring) -> OwnId | None:
    marks = (read_bounce_address(keyring, path) for path in envelope.forward_paths[:MAX_ADDRESSES])
    by_envelope = next((mark for mark in marks if mark), None)
    if by_envelope or message.report is None:
        return by_envelope
    return read_message_id(keyring, message.report.original_message_id)


def _tag(subject: str, desk_name: str, policy: Policy) -> int | None:
    prefix = next((desk.reference_prefix for desk in policy.desks if desk.name == desk_name), "")
    if not prefix:
        return None
    tag = re.search(rf"\[{re.escape(prefix)}-([0-9]{{1,10}})\]", subject[:_MAX_SUBJECT], re.IGNORECASE)
    return int(tag[1]) if tag else None


def _foreign(subject: str, desk_name: str, policy: Policy) -> tuple[tuple[str, str], ...]:
    desk = next((desk for desk in policy.desks if desk.name == desk_name), None)
    if desk is None or not desk.foreign_tags:
        return ()
    own = rf"\[{re.escape(desk.reference_prefix)}-[0-9]{{1,10}}\]"  # `[{{slug}}-{{number}}]` would take our own for one
    rest = re.sub(own, " ", subject[:_MAX_SUBJECT], flags=re.IGNORECASE)
    return tuple(dict.fromkeys(islice(find_foreign(rest, desk.foreign_tags), MOST)))


def _fingerprint(message: Message) -> str:
    """Of the sender, what the mail is about and its new text; "" when there is nothing to compare.

    Letters and digits count, in any case: who sends the same again may have mended a comma.
    """
    subject = _essence(strip_prefixes(message.subject))
    text = _essence(message.body.new[:_MAX_TEXT])
    if message.identity is None or not (subject or text):
        return ""
    whole = f"{message.identity.key}\n{subject}\n{text}"
    return hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()


def _essence(text: str) -> str:
    return " ".join(_WORD.findall(text.lower())) or " ".join(text.split())


def match_thread(
    clues: Clues, candidates: tuple[Candidate, ...], identity: Address | None, keyring: Keyring, *, trust: Trust
) -> Match:
    """The best candidate for the sender, else the best one as a hint.

    By strength: token, own Message-ID, foreign reference, a mail that waited for this one, subject tag, foreign tag;
    the newest reference first. Merges are followed. The sender gets in when he takes part or a token names him, and
    not when the trusted result says he is forged; nobody gets into a ticket that is shut.
    """
    known = {each.ticket_id: each for each in candidates}
    weighed: list[Weighed] = []
    hint = Match()
    for candidate, clue in _by_strength(clues, candidates):
        target = _merged(candidate, known)
        verdict = _weigh(clues, candidate, target, identity, keyring, trust)
        if len(weighed) < _WEIGHED:
            weighed.append(
                Weighed(
                    ticket_id=_end(target),
                    clue=clue,
                    evidence=candidate.evidence,
                    score=SCORES.get(clue, 0),
                    verdict=verdict,
                )
            )
        if verdict is Verdict.JOINED:
            outsiders = candidate.outsiders | target.outsiders
            return Match(
                ticket_id=_end(target),
                clue=clue,
                evidence=candidate.evidence,
                proven=clue in {"token", "own_id"},
                named=candidate.ticket_id,
                outside=identity is not None and identity.key in outsiders,
                weighed=tuple(weighed),
            )
        if hint.hint is None:
            hint = Match(hint=_end(target), clue=clue, evidence=candidate.evidence)
    return replace(hint, weighed=tuple(weighed))


def _weigh(
    clues: Clues, candidate: Candidate, target: Candidate, identity: Address | None, keyring: Keyring, trust: Trust
) -> Verdict:
    if trust.failed:
        return Verdict.FORGED
    takes_part = identity is not None and (
        identity.key in candidate.participants | target.participants
        or _is_person_of(clues, candidate, identity, keyring)
    )
    if not takes_part:
        return Verdict.STRANGER
    return Verdict.SHUT if target.shut else Verdict.JOINED


def _by_strength(clues: Clues, candidates: tuple[Candidate, ...]) -> Iterator[tuple[Candidate, str]]:
    """Candidates that a clue of the mail really names, strongest first, with the name of the clue."""
    signed = [("token", token.ticket_id) for token in clues.tokens]
    signed += [("own_id", own.ticket_id) for own in reversed(clues.own_ids)]
    for clue, ticket_id in signed:
        named = [each for each in candidates if each.ticket_id == ticket_id]
        best = next((each for each in named if each.clue == clue), named[0] if named else None)
        if best is not None:
            yield best, clue
    age = {reference: index for index, reference in enumerate(clues.references)}
    by_reference = [each for each in candidates if each.clue == "reference"]
    yield from ((each, "reference") for each in sorted(by_reference, key=lambda each: -age.get(each.evidence, -1)))
    yield from ((each, "awaited") for each in candidates if each.clue == "awaited")
    yield from ((each, "tag") for each in candidates if each.clue == "tag" and clues.tag is not None)
    yield from ((each, "foreign") for each in candidates if each.clue == "foreign" and clues.foreign)


def _is_person_of(clues: Clues, candidate: Candidate, identity: Address, keyring: Keyring) -> bool:
    """True when a token for this very ticket names the writer."""
    return any(
        token.ticket_id == candidate.ticket_id and speaks_for(keyring, token.person_tag, identity)
        for token in clues.tokens
    )


def _merged(candidate: Candidate, known: Mapping[TicketId, Candidate]) -> Candidate:
    """The last known ticket of the merge chain; a circle ends where it began."""
    seen = {candidate.ticket_id}
    while (into := candidate.merged_into) is not None and into in known and into not in seen:
        candidate = known[into]
        seen.add(candidate.ticket_id)
    return candidate


def _end(candidate: Candidate) -> TicketId:
    return candidate.ticket_id if candidate.merged_into is None else candidate.merged_into
