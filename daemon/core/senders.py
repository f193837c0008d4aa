"""Addresses nobody reads: what a local part says of who writes.

Owns the names that must not be answered (RFC 2142, RFC 3834 §2, RFC 5230 §4.6 and what mail
systems use beside them). Whole words only: `bouncer@`, `norman@` and `grooten@` are people.
"""

from __future__ import annotations

import re

from daemon.core.address import Address

_MAX_LOCAL = 64

# Programs that speak for a mail system.
_DAEMON = re.compile(
    r"(?:mailer[._-]?daemon|mail[._-]?daemon|post[._-]?master|mdaemon|mailsubsystem|mail[._-]?delivery[._-]?subsystem"
    r"|mail[._-]?delivery[._-]?system|double-bounce|mailer)(?:[+=._-].*)?|.*[._-]mailer-daemon"
)
# No answer wanted, in the languages we speak.
_NO_REPLY = re.compile(
    r"(?:.*[._+=-])?(?:no[._-]?repl(?:y|ies)|no[._-]?response|no[._-]?answer|do[._-]?not[._-]?(?:reply|respond)"
    r"|dont[._-]?reply|never[._-]?reply|not[._-]?reply|auto[._-]?(?:reply|respond|responder|mailer|notify|confirm)"
    r"|keine[._-]?antwort|nicht[._-]?antworten|bitte[._-]?nicht[._-]?antworten|ne[._-]?pas[._-]?repondre"
    r"|pas[._-]?de[._-]?reponse|no[._-]?(?:responder|contestar|responda)|nao[._-]?(?:responder|responda)"
    r"|non[._-]?(?:rispondere|risponda)|niet[._-]?(?:beantwoorden|antwoorden)|svara[._-]?(?:inte|ej)|ikke[._-]?svar)"
    r"(?:[0-9]*(?:[._+=-].*)?)"
)
_NO_REPLY_START = re.compile(r"(?:no[._-]?reply|do[._-]?not[._-]?reply)")
# Lists and their machinery, senders of returned mail, accounts of the system.
_MACHINERY = re.compile(
    r"bounces?(?:[0-9]*[+=._-].*)?|.*[._+-]bounces?(?:[+=._-].*)?|owner-.+|.+-(?:request|owner)|listserv|listproc|majordomo"
    r"|mailman|sympa|ezmlm|root|abuse|daemon|cron|www-data|nobody|uucp"
)
# Words in an odd sender that make it a machine when its subject says so too. No `delivery`, no `gateway`
# alone: parcel services and payment teams write to help desks.
_MACHINE_WORDS = re.compile(
    r"(?:^|[^a-z])(?:smtp|mailer|mta|imss|daemon|system administrator|postmaster|mail administrator"
    r"|mail[ ._-]?(?:delivery|gateway|scan|sweeper|marshal|server|service|system|subsystem|gate|router))(?:[^a-z]|$)"
)


def is_daemon(address: Address) -> bool:
    """True for the names under which mail systems report."""
    return _DAEMON.fullmatch(address.local[:_MAX_LOCAL].lower()) is not None


def is_unanswerable(address: Address) -> bool:
    """True when the local part says that nobody reads answers."""
    local = address.local[:_MAX_LOCAL].lower()
    return (
        is_daemon(address)
        or _MACHINERY.fullmatch(local) is not None
        or _NO_REPLY.fullmatch(local) is not None
        or _NO_REPLY_START.match(local) is not None
    )


def looks_like_machine(from_text: str) -> bool:
    """True when a From field, as written, names a mail system. Weak: only together with a subject."""
    return _MACHINE_WORDS.search(from_text[:500].lower().replace("_", " ")) is not None
