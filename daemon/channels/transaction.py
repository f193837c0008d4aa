"""One mail transaction as a value in progress, and the grammar of MAIL and RCPT (RFC 5321 §4.1.1).

Pure: text in, a value or a reply out. The null reverse-path `<>` is None with `open` true, so it can never be
mistaken for "no MAIL yet" (aiosmtpd hands it on as the string '<>'). Replies are fixed texts: nothing that a peer
sent is ever echoed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from daemon.core.address import Address, parse_path
from daemon.core.disposition import NO_SUCH_ADDRESS, TOO_BIG, Door

OK = Door(code=250, enhanced="2.0.0", text="OK")
SENDER_OK = Door(code=250, enhanced="2.1.0", text="OK")
RECIPIENT_OK = Door(code=250, enhanced="2.1.5", text="OK")
BAD_SENDER = Door(code=553, enhanced="5.1.7", text="cannot read this sender address")
BAD_SYNTAX = Door(code=501, enhanced="5.5.4", text="syntax error in parameters")
BAD_PARAMETER = Door(code=555, enhanced="5.5.4", text="parameter not implemented")
BAD_ORDER = Door(code=503, enhanced="5.5.1", text="bad sequence of commands")
TOO_MANY_RECIPIENTS = Door(code=452, enhanced="4.5.3", text="too many recipients, send the rest again")

_PATH = re.compile(
    r"[ \t]*(?:<(?P<angle>(?:\"(?:[^\"\\]|\\.)*\"|[^<>\"])*)>|(?P<bare>[^\s<>]+))(?P<rest>(?:[ \t].*)?)", re.DOTALL
)
_MAX_SIZE_DIGITS = 20  # RFC 1870 §3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A readable MAIL command. `path` None is the null reverse-path; `size` 0 means not declared."""

    path: Address | None
    size: int


@dataclass(slots=True)
class Transaction:
    """From MAIL to the reply after the final dot. `recipients` keeps the order of RCPT: LMTP answers in it."""

    open: bool = False
    sender: Address | None = None
    size: int = 0
    recipients: list[tuple[Address, str]] = field(default_factory=list)


def read_mail(argument: str, *, limit_bytes: int) -> Sender | Door:
    """The reverse-path and declared size of `FROM:<…> [parameters]`, or the refusal."""
    split = _split(argument, "FROM:")
    if split is None:
        return BAD_SYNTAX
    text, parameters = split
    sender = parse_path(text) if text else None
    if text and sender is None:
        return BAD_SENDER
    size = 0
    for word in parameters:
        name, _, value = word.partition("=")
        match name.upper():
            case "SIZE" if value.isascii() and value.isdigit() and len(value) <= _MAX_SIZE_DIGITS:
                size = int(value)
            case "BODY" if value.upper() in {"7BIT", "8BITMIME"}:
                pass
            case "SMTPUTF8" if not value:
                pass
            case "AUTH" if value:  # RFC 4954 §5: who submitted it elsewhere; we may ignore it
                pass
            case "SIZE" | "BODY" | "SMTPUTF8" | "AUTH":
                return BAD_SYNTAX
            case _:
                return BAD_PARAMETER
    if size > limit_bytes:
        return TOO_BIG
    return Sender(path=sender, size=size)


def read_rcpt(argument: str, *, host: str) -> Address | Door:
    """The forward-path of `TO:<…>`, or the refusal. No routing by `%`, `!` or `@a:b@c` (open relay shapes)."""
    split = _split(argument, "TO:")
    if split is None or not split[0]:
        return BAD_SYNTAX
    text, parameters = split
    if parameters:
        return BAD_PARAMETER
    if text.lower() == "postmaster":  # RFC 5321 §4.5.1: the one mailbox without a domain
        text = f"postmaster@{host}"
    address = parse_path(text)
    if address is None or any(sign in address.local for sign in "%!@"):
        return NO_SUCH_ADDRESS
    return address


def _split(argument: str, keyword: str) -> tuple[str, list[str]] | None:
    """(path without brackets, parameters) or None. A space after the colon is wrong but common."""
    if argument[: len(keyword)].upper() != keyword:
        return None
    found = _PATH.fullmatch(argument[len(keyword) :])
    if found is None:
        return None
    return found["angle"] if found["angle"] is not None else found["bare"], found["rest"].split()
