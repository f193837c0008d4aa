"""GUARDS: the one ordered table of what must not be answered (mail-rules §2).

One guard is one small named predicate over the message and its envelope with the RFC it
follows and the consequence it asks for. All guards run and every hit is recorded; the
first hit in table order decides. A guard never raises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from daemon.core.address import parse_path
from daemon.core.autoreply import answered_subject, auto_submitted, automatic_mark, suppresses_all, vacation_note
from daemon.core.case import Case, bare
from daemon.core.clues import Clues
from daemon.core.envelope import Envelope
from daemon.core.message import Message
from daemon.core.policy import Policy
from daemon.core.returned import abuse_report, challenge, delivery_report, disposition_report, suspected_report
from daemon.core.senders import is_unanswerable
from daemon.core.spam import marked_as_spam
from daemon.core.trust import Trust

MAX_HOPS = 50  # RFC 5321 §6.3 asks for at least 100 before a rejection; we only do not answer
_MAX_EVIDENCE = 200
# What list managers wrote before RFC 2919, and some still do.
_LIST_FIELDS = frozenset(
    {"mailing-list", "x-mailing-list", "x-beenthere", "x-mailman-version", "x-ml-name", "x-mlserver", "x-listserver"}
)


class Consequence(StrEnum):
    """What a guard asks for. No consequence but NOTHING allows an acknowledgment."""

    QUARANTINE = "quarantine"  # kept; digest for the team
    COPY = "copy"  # our own mail came back: a copy on its ticket
    REPORT = "report"  # delivery report: belongs to the notice it speaks of
    ATTACH = "attach"  # MDN, challenge: on its ticket, else kept
    ABUSE = "abuse"  # abuse report: on its ticket, else kept; the team is told
    AUTOMATED = "automated"  # thread it if token or References match, else kept; nobody told
    KEEP = "keep"  # kept; the team is told
    SELF = "self"  # kept; nobody told
    UNPROVEN = "unproven"  # authentication failed: kept, flagged; the team is told
    NO_ACK = "no_ack"  # a ticket, without acknowledgment
    SPAM = "spam"  # kept as spam; nobody told
    ROBOT = "robot"  # known robot on the allow-list: a ticket by its rule, no acknowledgment


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One guard that hit, with the words of the mail that made it hit (bounded to 200 characters)."""

    guard: str
    source: str  # RFC or table
    consequence: Consequence
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One row of the table. `predicate` returns the words of the mail that made it hit, or None."""

    name: str
    source: str
    consequence: Consequence
    predicate: Callable[[Case], str | None]


def too_many_hops(case: Case) -> str | None:
    """A mail that has gone round, or far."""
    hops = len(case.fields.get("received", ()))
    return f"more than {MAX_HOPS} Received fields" if hops > MAX_HOPS else None


def own_mark(case: Case) -> str | None:
    """Our loop mark on a mail from our own address. The mark alone may come from the admin's own forwarding rule."""
    identity = case.message.identity
    if identity is None or not case.is_own(identity):
        return None
    for value in case.values("x-firstline-loop", "x-loop"):
        marked = parse_path(value.strip("<>"))
        if marked is not None and case.is_own(marked):
            return f"X-Loop: {value}, from {identity}"
    return None


def own_message(case: Case) -> str | None:
    """Its Message-ID is one that we signed."""
    return case.message.message_id if case.clues.own_message is not None else None


def known_robot(case: Case) -> str | None:
    """A machine of the allow-list, unless its authentication failed."""
    identity = case.message.identity
    if identity is None or case.trust.failed:
        return None
    return next((f"from {identity}" for robot in case.policy.robots if robot.address.key == identity.key), None)


def null_path(case: Case) -> str | None:
    """Nobody is to be answered at `<>`."""
    return "reverse-path <>" if case.null_path else None


def no_identity(case: Case) -> str | None:
    """From is missing, repeated, or can be read in two ways."""
    return f"From: {case.message.from_text}" if case.message.identity is None else None


def nobody_reads(case: Case) -> str | None:
    """A daemon, a no-reply address or list machinery."""
    identity = case.message.identity
    return f"from {identity}" if identity is not None and is_unanswerable(identity) else None


def from_list(case: Case) -> str | None:
    """A list's mail, unless the list is the desk's own (a group address that feeds it)."""
    marks = [
        f"{name}: {values[0]}"
        for name, values in case.fields.items()
        if name.startswith("list-") or name in _LIST_FIELDS
    ]
    marks += [f"Precedence: {v}" for v in case.values("precedence") if bare(v) in {"bulk", "list", "junk"}]
    if not marks or case.desk is None:
        return marks[0] if marks else None
    own = {list_id.strip("<> ").lower() for list_id in case.desk.own_list_ids}
    own |= {f"{address.local}.{address.domain}".lower() for address in case.desk.addresses}
    ids = [value.rpartition("<")[2].partition(">")[0].strip().lower() for value in case.values("list-id")]
    return None if ids and all(list_id in own for list_id in ids) else marks[0]


def from_ourselves(case: Case) -> str | None:
    """One of the desks writes to a desk."""
    identity = case.message.identity
    return f"from {identity}" if identity is not None and case.is_own(identity) else None


def failed_authentication(case: Case) -> str | None:
    """The trusted result says that From is forged."""
    return case.trust.evidence or "failed" if case.trust.failed else None


def not_addressed(case: Case) -> str | None:
    """Nobody says that the mail was sent to us (a stray Bcc or forward to a polled mailbox)."""
    if case.policy.ack_when_not_addressed or any(case.is_own(address) for address in case.recipients()):
        return None
    return ", ".join(str(mailbox.address) for mailbox in case.message.to[:5]) or "no recipient"


# The first hit decides: what could loop or belongs to a notice of ours stands first, then the robots an
# admin has allowed, then what RFC 3834 §2 says not to answer, then who it is from. One row a line.
# fmt: off
GUARDS: tuple[Guard, ...] = tuple(
    Guard(name=name, source=source, consequence=consequence, predicate=predicate)
    for name, source, consequence, predicate in (
        ("hops",                  "RFC 5321 §6.3",          Consequence.QUARANTINE, too_many_hops),
        ("own-mark",              "RFC 3834 §3.1.8",        Consequence.QUARANTINE, own_mark),
        ("own-message",           "mail-rules §2",          Consequence.COPY,       own_message),
        ("delivery-report",       "RFC 3464",               Consequence.REPORT,     delivery_report),
        ("disposition-report",    "RFC 8098",               Consequence.ATTACH,     disposition_report),
        ("abuse-report",          "RFC 5965",               Consequence.ABUSE,      abuse_report),
        ("challenge",             "RFC 3834 §2",            Consequence.ATTACH,     challenge),
        ("robot",                 "policy.robots",          Consequence.ROBOT,      known_robot),
        ("auto-submitted",        "RFC 3834 §5",            Consequence.AUTOMATED,  auto_submitted),
        ("automatic-mark",        "RFC 3834 §2, practice",  Consequence.AUTOMATED,  automatic_mark),
        ("vacation-note",         "RFC 5230 §4, practice",  Consequence.AUTOMATED,  vacation_note),
        ("null-path",             "RFC 5321 §4.5.5",        Consequence.KEEP,       null_path),
        ("no-identity",           "RFC 5322 §3.6.2",        Consequence.KEEP,       no_identity),
        ("nobody-reads",          "RFC 3834 §2, RFC 5230 §4.6", Consequence.KEEP,   nobody_reads),
        ("list",                  "RFC 2919, RFC 2369",     Consequence.KEEP,       from_list),
        ("suppress-all",          "MS-OXCMAIL",             Consequence.KEEP,       suppresses_all),
        ("self",                  "RFC 3834 §2",            Consequence.SELF,       from_ourselves),
        ("authentication-failed", "RFC 8601, RFC 7489",     Consequence.UNPROVEN,   failed_authentication),
        ("suspected-report",      "practice",               Consequence.NO_ACK,     suspected_report),
        ("answered-subject",      "practice",               Consequence.NO_ACK,     answered_subject),
        ("not-addressed",         "RFC 5230 §4.5",          Consequence.NO_ACK,     not_addressed),
        ("spam",                  "SpamAssassin, rspamd",   Consequence.SPAM,       marked_as_spam),
    )
)
# fmt: on


def evaluate(
    message: Message, envelope: Envelope, policy: Policy, *, trust: Trust, clues: Clues
) -> tuple[Verdict, ...]:
    """Every guard that hits, in table order; none for an ordinary mail of a person."""
    case = Case(message=message, envelope=envelope, policy=policy, trust=trust, clues=clues)
    verdicts = []
    for guard in GUARDS:
        evidence = None if guard.name in policy.disabled_guards else guard.predicate(case)
        if evidence is not None:
            verdicts.append(
                Verdict(
                    guard=guard.name,
                    source=guard.source,
                    consequence=guard.consequence,
                    evidence=evidence[:_MAX_EVIDENCE],
                )
            )
    return tuple(verdicts)
