"""Returned mail: delivery, disposition and abuse reports, and challenges to prove that we are human.

Structured reports (RFC 3464, RFC 8098, RFC 5965) are believed where they stand at the top of the
mail; half of what mail systems send back is older than those and is known only by several
weak signs together: the null path, who it is from, the words of its subject and text. Each
function returns the evidence, or None.
"""

from __future__ import annotations

import re

from daemon.core.case import Case, bare
from daemon.core.message import ReportKind
from daemon.core.phrases import returned_words
from daemon.core.senders import is_daemon, looks_like_machine

_MAX_TEXT = 3_000  # characters of text that are searched: reports say it first
_REPLY_PREFIX = re.compile(r"\s*(?:re|aw|fw|fwd|wg|sv|tr|rv|antw)\s?[::]", re.IGNORECASE)
_TRANSCRIPT = re.compile(
    r"\b[45]\d\d[ -]#?[45]\.\d{1,3}\.\d{1,3}\b|\bsmtp error\b|^(?:reporting-mta|final-recipient|diagnostic-code):"
    r"|<<< ?[45]\d\d |>>> ?(?:rcpt to|data)|said: ?[45]\d\d"
    r"|\b5[05]\d (?:requested action|user unknown|no such user|mailbox)"
    r"|(?:fatal|permanent|delivery|transient) (?:error|failure)|(?:undeliverable|failed) (?:recipient|address)"
    r"|(?:could|can) ?not be delivered|was not delivered|unable to deliver|delivery (?:to .{0,80} )?(?:has )?failed"
    r"|(?:user|recipient|address|account|mailbox) (?:is )?"
    r"(?:unknown|unavailable|full|not found|does not exist|disabled)"
    r"|n'a pas pu (?:etre|être)|konnte nicht zugestellt|no se pudo entregar|non .{0,20}recapitat",
    re.IGNORECASE | re.MULTILINE,
)
_JMRP = re.compile(r"complaint about message from [0-9a-f]")
_CHALLENGE_FIELDS = (
    "x-boxtrapper",
    "x-spamarrest",
    "x-spam-arrest",
    "x-challenge",
    "x-choicemail",
    "x-mailblocks",
    "x-tmda-challenge",
)
_CHALLENGE = re.compile(
    r"verify#[\w-]{12,}|^(?:re: ?)?please confirm your (?:message|e-?mail)(?: to .{1,100})?$"
    r"|\[spam ?arrest\]|^spam ?arrest:"
    r"|^your e-?mail requires verification|^sender verification required|^confirm your (?:message|e-?mail) to \S+@\S+$"
    r"|anti-?spam uol|^please verify (?:that )?(?:you are|you're) (?:a )?human",
    re.IGNORECASE,
)


def delivery_report(case: Case) -> str | None:
    """A delivery report: structured, on our signed envelope address, or by the signs together."""
    if case.clues.bounce_of is not None:
        return f"notice {case.clues.bounce_of.kind} of ticket {case.clues.bounce_of.ticket_id}"
    top = _report_type(case)
    if top == "delivery-status" or (_reports(case, ReportKind.DELIVERY) and (top or _from_system(case))):
        return "multipart/report; report-type=delivery-status"
    failed = next(case.values("x-failed-recipients"), None)
    if failed is not None:
        return f"X-Failed-Recipients: {failed}"
    system = _from_system(case)
    words = "" if _REPLY_PREFIX.match(case.message.subject) else returned_words(case.message.subject)
    if system and words:
        return f"{system}, subject “{words}”"
    if not system and not (words and looks_like_machine(case.message.from_text)):
        return None  # whatever its text says: a person's mail is not searched
    transcript = _transcript(case)
    return f"{system or case.message.from_text[:80]}, text “{transcript}”" if transcript else None


def suspected_report(case: Case) -> str | None:
    """Nothing but a subject, from what calls itself a mail system: a person must see it, nobody need be answered."""
    if _REPLY_PREFIX.match(case.message.subject) or not looks_like_machine(case.message.from_text):
        return None
    words = returned_words(case.message.subject)
    return f"{case.message.from_text[:80]}, subject “{words}”" if words else None


def disposition_report(case: Case) -> str | None:
    """A receipt (MDN)."""
    top = _report_type(case)
    if top == "disposition-notification" or (_reports(case, ReportKind.DISPOSITION) and (top or _from_system(case))):
        return "report-type=disposition-notification"
    return None


def abuse_report(case: Case) -> str | None:
    """A complaint about mail (ARF, or Microsoft's form of it)."""
    if _report_type(case) == "feedback-report" or _reports(case, ReportKind.ABUSE):
        return "report-type=feedback-report"
    if "x-hmxmroriginalrecipient" in case.fields or _JMRP.match(case.message.subject):
        return case.message.subject
    return None


def challenge(case: Case) -> str | None:
    """A challenge-response system wants us to prove that we are human."""
    name = next((name for name in case.fields if name.startswith(_CHALLENGE_FIELDS)), None)
    if name:
        return name
    match = _CHALLENGE.search(case.message.subject[:300])
    return match[0] if match else None


def _report_type(case: Case) -> str:
    """The report-type of a top-level multipart/report; `?` when it has one that we cannot see; "" else."""
    for value in case.values("content-type"):
        if bare(value) == "multipart/report":
            kind = re.search(r"report-type\s?=\s?\"?([a-z-]{1,40})", value, re.IGNORECASE)
            return kind[1].lower() if kind else "?"
    return "?" if case.message.content_type == "multipart/report" else ""


def _reports(case: Case, kind: ReportKind) -> bool:
    return case.message.report is not None and case.message.report.kind is kind


def _from_system(case: Case) -> str:
    """Why the mail comes from a mail system rather than a person, or ""."""
    path = case.envelope.reverse_path
    identity = case.message.identity
    if case.null_path:
        return "reverse-path <>"
    if path is not None and is_daemon(path):
        return f"reverse-path {path}"
    if identity is not None and is_daemon(identity):
        return f"from {identity}"
    if any(is_daemon(mailbox.address) for mailbox in case.message.from_):
        return f"from {case.message.from_text}"
    return ""


def _transcript(case: Case) -> str:
    match = _TRANSCRIPT.search(case.message.body.full[:_MAX_TEXT])
    return match[0].strip() if match else ""
