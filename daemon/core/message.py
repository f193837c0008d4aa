"""What a mail says, as frozen values: the output of `parse`, the input of everything after it.

Every string here went through `clean` (no NUL, C0 controls, surrogates or bidi controls;
NFC; bounded), so it may be stored, logged and rendered. Attachment bytes are not carried:
the raw mail is kept, and `part` says where in it the attachment is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from daemon.core.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One header field in its original order; `name` lower case, `value` decoded, cleaned and unfolded."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """A display name with its address, for showing and for To/Cc; never an identity."""

    name: str
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A part that is not body text.

    `name` is safe as a file name (`[A-Za-z0-9._ -]` and letters, no path, at most 120 characters).
    `part` is the IMAP-like part number ("1.2"). `size_bytes` is the decoded size.
    """

    name: str
    content_type: str
    size_bytes: int
    sha256: str
    part: str
    inline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The text of a mail, apart: `new` is the writer's own words, the rest is what surrounded them.

    `full` is all of it. When in doubt words stay in `new`: better to keep too much.
    """

    new: str = ""
    quoted: str = ""
    signature: str = ""
    full: str = ""
    source: str = "none"  # plain, html, none


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """A mail inside the mail (message/rfc822): its headline and text."""

    sender: str
    subject: str
    text: str
    message_id: str = ""


class ReportKind(StrEnum):
    """What a report speaks of."""

    DELIVERY = "delivery"  # RFC 3464
    DISPOSITION = "disposition"  # RFC 8098 (MDN)
    ABUSE = "abuse"  # RFC 5965 (ARF)


class Delivery(StrEnum):
    """The action a delivery report names, reduced to what we do about it."""

    FAILED = "failed"  # permanent
    DELAYED = "delayed"
    DELIVERED = "delivered"  # delivered, relayed, expanded
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A delivery, disposition or abuse report found in a mail."""

    kind: ReportKind
    delivery: Delivery = Delivery.UNKNOWN
    recipient: str = ""
    status: str = ""  # RFC 3463 enhanced status, e.g. 5.1.1
    diagnostic: str = ""
    original_message_id: str = ""  # with angle brackets
    original_headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One parsed mail.

    `identity` is the one address the mail is from, by the strict parse; None when From is
    missing, repeated, names two mailboxes, or could be read in two ways.
    `message_id`, `in_reply_to`, `references` keep their angle brackets.
    `exceeded` names the limits (mail-rules §7) the raw mail broke; then only headers were read.
    """

    message_id: str = ""
    identity: Address | None = None
    from_text: str = ""  # the From field as people see it
    from_: tuple[Mailbox, ...] = ()
    sender: Mailbox | None = None
    reply_to: tuple[Mailbox, ...] = ()
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    subject: str = ""
    date: datetime | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    headers: tuple[Header, ...] = ()
    body: Body = field(default_factory=Body)
    attachments: tuple[Attachment, ...] = ()
    forwarded: tuple[Forwarded, ...] = ()
    report: Report | None = None
    content_type: str = "text/plain"
    defects: tuple[str, ...] = ()
    exceeded: tuple[str, ...] = ()

    def values(self, name: str) -> tuple[str, ...]:
        """All values of the field `name` (lower case), in order."""
        return tuple(header.value for header in self.headers if header.name == name)

    def has(self, name: str) -> bool:
        """True when the field `name` (lower case) is present."""
        return any(header.name == name for header in self.headers)
