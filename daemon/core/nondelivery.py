"""Bounces written as text: MTAs and gateways that send no RFC 3464 report, or a broken one.

A mail counts as a bounce only when a mail system sent it *and* its text opens with words that
mail systems use; a person who pastes a bounce and asks about it is a person. Linear.
"""

from __future__ import annotations

import re

from daemon.core.message import Delivery, Header, Message, Report, ReportKind

_OPENING_CHARS = 6_000
_DAEMONS = re.compile(
    r"mailer-?daemon|po+st_?master|mail-?daemon|maildaemon|mdaemon|mail delivery|mail\.?administrator"
    r"|delivery.?subsystem|mail system|uucp"
    r"|internet mail service|microsoft ?exchange|^bounces?\b|system administrator|smtp(?:server|gateway)|^root\b"
    r"|mmdf|mailadmin",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"undeliver|delivery (?:status notification|failure|failed|report|problem|error|delayed)|returned (?:mail"
    r"|to sender|message)|returning to sender|mail delivery"
    r"|failure notice|delivery notification|non.?delivery|nondeliverable|could ?n[o']t (?:be )?deliver"
    r"|delayed mail|mail system error|bounced"
    r"|message (?:delayed|undeliverable|not delivered|status)|warning: (?:message|could not send)|mail could not"
    r"|not deliverable|failed mail"
    r"|unzustellbar|nicht zugestellt|zustellung|échec|non remis|non distribuable|no se (?:ha )?(?:puede"
    r"|pudo) entregar|no entregado|entrega"
    r"|mancata consegna|impossibile (?:recapitare|consegnare)|niet bestelbaar|onbestelbaar|não (?:entregue"
    r"|é possível entregar)|olevererbart"
    r"|kunde inte levereras|ikke leveres|nedoručiteln|niedostarczon|недоставлен"
    r"|не доставлен|退信|配信不能|送信できません",
    re.IGNORECASE,
)
_PHRASE = re.compile(
    r"this is the (?:qmail-send program|postfix (?:mail )?program|mail system|mail transfer agent|mmdf"
    r"|machine generated)"
    r"|this message was created automatically by (?:the )?(?:mail delivery|mail system)"
    r"|a message (?:that )?you (?:have )?sent (?:could not|has not yet)"
    r"|(?:could|can) ?not be delivered|could ?n[o']t (?:be )?deliver(?:ed)?|was ?n[o']t delivered|did not reach"
    r"|has been delayed|not yet been delivered|delivery has failed"
    r"|failed permanently|permanent (?:fatal )?errors?|transient (?:non-)?fatal|had (?:delivery )?errors"
    r"|undeliverable|unable to deliver|unable to send"
    r"|delivery (?:to the following|failed|failure|error|attempt)|failed to deliver|the following address(?:es)?"
    r"|user unknown|unknown user|no such user"
    r"|mailbox (?:full|unavailable|is full)|recipient (?:address )?rejected|quota exceeded|over quota"
    r"|does not exist|is being returned|returned to (?:you|sender)"
    r"|nicht zugestellt|konnte nicht|n'a pas pu être|n’a pas pu être|no se pudo|non è stato possibile"
    r"|kon niet worden|não pôde ser|kunde inte"
    r"|no valid recipients|an error (?:has )?occurred while|error message below|addresses follow|unknown host"
    r"|delivery problems|送信できません|エラー"
    r"|not listed in|unrouteable|message transfer agent|mail transport|invalid recipient|bad address|host unknown"
    r"|address error|return(?:ed)? mail",
    re.IGNORECASE,
)
_DELAY = re.compile(
    r"delayed|warning message only|this is a warning|not yet been delivered|will (?:be )?(?:retry|retried"
    r"|keep trying|continue)|still trying|has not yet"
    r"|could not send message for past|verzögert|temporarily|you do not need to resend|transient non-fatal",
    re.IGNORECASE,
)
_FINAL = re.compile(r"permanent|failed|fatal|giving up|undeliverable|5\.\d\.\d|\b55\d\b|user unknown", re.IGNORECASE)
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_CODE = re.compile(r"(?:^|[\s:;(\"'#<>-])([45])(\d\d)(?=[\s-])(?![\d-]*[./])")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}")
_BEFORE = 200  # characters before the first telling phrase: some systems name the address first
_ADDRESSES = 50  # looked at
_SPLIT = re.compile(
    r"^[->=*# \t]{0,12}.{0,40}(?:original message|copy of (?:your|the) message|message header|returned message)",
    re.IGNORECASE | re.MULTILINE,
)


def status_in(text: str) -> str:
    """The RFC 3463 status in a text, made from an SMTP code when there is only that; "" when there is none."""
    match = _STATUS.search(text[:2_000])
    if match:
        return match[1]
    code = _CODE.search(" " + text[:2_000] + " ")
    return f"{code[1]}.{code[2][0] if code[2][0] in '01234567' else '0'}.0" if code else ""


def find_bounce(message: Message, text: str, *, headers: tuple[Header, ...]) -> Report | None:
    """The bounce that this mail is, or None. `headers` are the returned mail's, where it came along."""
    failed = " ".join(message.values("x-failed-recipients"))
    opening = text[:_OPENING_CHARS]
    if not failed and not _is_bounce(message, opening):
        return None
    cut = _SPLIT.search(opening)
    own = opening[: cut.start()] if cut and cut.start() > 100 else opening
    phrase = _PHRASE.search(own)
    told = own[max(0, phrase.start() - _BEFORE) :] if phrase else own
    status = status_in(told)
    return Report(
        kind=ReportKind.DELIVERY,
        delivery=_delivery(message.subject, own, status),
        recipient=find_recipient(message, told, failed=failed, headers=headers),
        status=status,
        diagnostic=_diagnostic(told, status),
        original_message_id=next((header.value for header in headers if header.name == "message-id"), ""),
        original_headers=headers,
    )


def is_from_system(message: Message) -> bool:
    """True when the sender calls itself a mail system, or nobody."""
    texts = (str(message.identity or ""), message.from_text)
    return message.from_text.strip() in {"", "<>"} or any(_DAEMONS.search(text) for text in texts)


def _has_null_path(message: Message) -> bool:
    return any(value.strip() == "<>" for value in message.values("return-path"))


def _is_bounce(message: Message, opening: str) -> bool:
    daemon = is_from_system(message)
    null_path = _has_null_path(message)
    subject = bool(_SUBJECT.search(message.subject))
    if not daemon and not (null_path and subject):
        return False  # whatever its text says: a person's mail is not searched (a tenth of reading it)
    if not _PHRASE.search(opening):
        return daemon and subject and not message.in_reply_to
    return (daemon and (subject or null_path or not message.in_reply_to)) or (null_path and subject)


def _delivery(subject: str, own: str, status: str) -> Delivery:
    if status.startswith("4") and not status.startswith("4.4.7"):  # 4.4.7 with a final bounce: expired
        return Delivery.DELAYED
    if status.startswith("5"):
        return Delivery.FAILED
    if _DELAY.search(subject) or (_DELAY.search(own) and not _FINAL.search(own)):
        return Delivery.DELAYED
    return Delivery.FAILED


def find_recipient(message: Message, told: str, *, failed: str = "", headers: tuple[Header, ...] = ()) -> str:
    """The address that could not be reached: as a field says, as the text says, else whom the returned mail was for."""
    match = _ADDRESS.search(failed)
    if match:
        return match[0]
    senders = {str(mailbox.address).lower() for mailbox in message.from_}
    own = senders | {str(mailbox.address).lower() for mailbox in message.to}
    found = [match[0].strip(".") for _, match in zip(range(_ADDRESSES), _ADDRESS.finditer(told), strict=False)]
    for address in found:
        if address.lower() not in own and not _DAEMONS.search(address):
            return address
    for header in headers:
        if header.name in {"x-failed-recipients", "to"} and (match := _ADDRESS.search(header.value)):
            return match[0]
    return next((address for address in found if address.lower() not in senders), "")


def _diagnostic(told: str, status: str) -> str:
    """The line with the status or code in it."""
    for line in told.split("\n"):
        if (status and status in line) or _CODE.search(f" {line[:300]} "):
            return line.strip()[:500]
    return ""
