"""Thread matching: which ticket a mail belongs to, with its evidence.

Two steps with the store between them. `find_clues` reads from the mail all it says of a
thread; the store looks the clues up into `Candidate`s; `match_thread` picks one, or none.
A subject tag is a hint, never a proof; a sender who takes no part never gets in.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from daemon.core.address import Address, parse_address_list
from daemon.core.clues import Clues
from daemon.core.envelope import Envelope
from daemon.core.message import Message
from daemon.core.policy import Policy
from daemon.core.ticket import TicketId
from daemon.core.token import (
    Keyring,
    OwnId,
    read_bounce_address,
    read_message_id,
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

# What mail programs put before the subject of a reply or a forward, by language.
_PREFIXES = (
    "re|r|rep|fw|fwd|aw|antw|antwort|wg|sv|vs|vb|vl|vsvar|svar|videresend|rv|reenv|res|enc|rif|i|inoltra|ref|réf|rép|tr"
    "|antwd|doorst|odp|pd|ynt|ilt|i̇lt|bls|trs|vá|tov|ha|на|отв|ответ|пересл|fyi|απ|πρθ|σχετ|回复|回覆|答复|答覆|转发|轉寄|返信|転送|答|转|회신|답|답장|전달"
)
_PREFIX = re.compile(
    rf"(?:\s*(?:{_PREFIXES})(?:\s?\[\d{{1,4}}\]|\s?\(\d{{1,4}}\)|[\^*]\d{{1,4}})?\s?[::])+", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A ticket that a clue points to.

    `participants` are `Address.key` values: requester, people added by them, agents who answered.
    """

    ticket_id: TicketId
    clue: str  # token, own_id, reference, tag, fingerprint
    evidence: str
    participants: frozenset[str]
    person_tags: frozenset[str] = frozenset()
    status: str = "new"
    merged_into: TicketId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The ticket a mail belongs to. `hint` is set instead of `ticket_id` when the sender takes no part."""

    ticket_id: TicketId | None = None
    hint: TicketId | None = None
    clue: str = ""
    evidence: str = ""
    proven: bool = False  # by token or own id, bound to a participant


def strip_prefixes(subject: str) -> str:
    """`subject` without the reply and forward prefixes in front of it, in any of the languages we know."""
    text = subject[:_MAX_SUBJECT].strip()
    prefix = _PREFIX.match(text)
    return text[prefix.end() :].strip() if prefix else text


def find_clues(message: Message, envelope: Envelope, policy: Policy, today: date) -> Clues:
    """All that a mail says of the thread it belongs to; signatures are verified, the rest is hearsay.

    `today` is the UTC day by which reply tokens expire. `bounce_of` comes from our signed
    envelope address, or from a structured report about a Message-ID of ours.
    """
    keyring = policy.keyring
    ids = _newest((*message.references, *message.in_reply_to))
    read = [(identifier, read_message_id(keyring, identifier)) for identifier in ids]
    addressed = tuple(_addressed(message, envelope))
    tokens = (read_reply_address(keyring, address, today) for address in addressed)
    return Clues(
        own_ids=tuple(own for _, own in read if own),
        tokens=tuple(dict.fromkeys(token for token in tokens if token)),
        bounce_of=_bounce_of(message, envelope, keyring),
        own_message=read_message_id(keyring, message.message_id),
        references=tuple(identifier for identifier, own in read if not own),
        tag=_tag(message.subject, envelope.desk, policy),
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


def _fingerprint(message: Message) -> str:
    """Of the sender, what the mail is about and its new text; "" when there is nothing to compare."""
    subject = " ".join(strip_prefixes(message.subject).lower().split())
    text = " ".join(message.body.new[:_MAX_TEXT].lower().split())
    if message.identity is None or not (subject or text):
        return ""
    whole = f"{message.identity.key}\n{subject}\n{text}"
    return hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()


def match_thread(
    clues: Clues, candidates: tuple[Candidate, ...], identity: Address | None, keyring: Keyring, *, trust: Trust
) -> Match:
    """The ticket that the strongest clue proves, or the one it hints at; follows merges.

    Strength: address token, own id, foreign reference, subject tag. Only a sender who takes
    part (or whom the token names) gets in, and nobody does whose From failed authentication.
    """
    hint = Match()
    for candidate, clue in _by_strength(clues, candidates):
        target = _merged(candidate, candidates)
        admitted = (
            identity is not None
            and not trust.failed
            and (
                identity.key in candidate.participants | target.participants
                or _is_person_of(clues, candidate, identity, keyring)
            )
        )
        if admitted:
            return Match(
                ticket_id=_end(target), clue=clue, evidence=candidate.evidence, proven=clue in {"token", "own_id"}
            )
        if hint.hint is None:
            hint = Match(hint=_end(target), clue=clue, evidence=candidate.evidence)
    return hint


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
    yield from ((each, "tag") for each in candidates if each.clue == "tag" and clues.tag is not None)


def _is_person_of(clues: Clues, candidate: Candidate, identity: Address, keyring: Keyring) -> bool:
    """True when a token for this very ticket names the writer."""
    return any(
        token.ticket_id == candidate.ticket_id and speaks_for(keyring, token.person_tag, identity)
        for token in clues.tokens
    )


def _merged(candidate: Candidate, candidates: tuple[Candidate, ...]) -> Candidate:
    """The last known ticket of the merge chain; a circle ends where it began."""
    known = {each.ticket_id: each for each in candidates}
    seen = {candidate.ticket_id}
    while candidate.merged_into in known and candidate.merged_into not in seen:
        candidate = known[candidate.merged_into]
        seen.add(candidate.ticket_id)
    return candidate


def _end(candidate: Candidate) -> TicketId:
    return candidate.ticket_id if candidate.merged_into is None else candidate.merged_into
