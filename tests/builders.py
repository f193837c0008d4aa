"""Builders with sensible defaults for every test: say only what the test is about.

`from builders import a_message, a_policy` (pytest puts this folder on the path). Headers may be
given as a mapping or as pairs; whatever a keyword sets (From, To, Subject…) also appears in
`headers`, as it would in a parsed mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from daemon.core.address import Address, parse_address_list, parse_identity
from daemon.core.calendar import BusinessCalendar, Window
from daemon.core.context import Context
from daemon.core.credit import Credits
from daemon.core.envelope import Channel, Envelope
from daemon.core.match import Candidate
from daemon.core.message import Body, Header, Mailbox, Message
from daemon.core.policy import TRIAGE, Category, Desk, Policy, Team, Tier
from daemon.core.reading import Reading
from daemon.core.ticket import Kind, Level, Priority, Status, Ticket, TicketId
from daemon.core.token import Keyring

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # a Monday
KEYRING = Keyring(keys=(b"k" * 32,))
HELP = Address("help", "example.com")
JO = Address("jo", "example.org")


def an_address(text: str = "jo@example.org") -> Address:
    local, _, domain = text.rpartition("@")
    return Address(local, domain)


def an_envelope(**over: Any) -> Envelope:
    """A delivery by SMTP from jo@example.org to the help desk; `reverse_path=None` is `<>`, paths may be strings."""
    values: dict[str, Any] = {
        "channel": Channel.SMTP,
        "desk": "help",
        "received_at": NOW,
        "reverse_path": JO,
        "forward_paths": (HELP,),
        "peer": "192.0.2.10",
        "helo": "mail.example.org",
    }
    values.update(over)
    if isinstance(values["reverse_path"], str):
        values["reverse_path"] = an_address(values["reverse_path"])
    values["forward_paths"] = tuple(
        an_address(path) if isinstance(path, str) else path for path in values["forward_paths"]
    )
    return Envelope(**values)


def a_message(
    text: str = "The printer on the second floor says PC LOAD LETTER.",
    subject: str = "Printer does not print",
    from_: str | tuple[str, ...] = "Jo Doe <jo@example.org>",
    to: str = "Help Desk <help@example.com>",
    cc: str = "",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    **over: Any,
) -> Message:
    """An ordinary mail from Jo to the help desk. `from_` is one From value, or all of them; `headers` are added."""
    senders = (from_,) if isinstance(from_, str) else from_
    extra = headers.items() if isinstance(headers, Mapping) else headers
    fields = [("from", sender) for sender in senders]
    fields += [(name, value) for name, value in (("to", to), ("cc", cc), ("subject", subject)) if value]
    fields += [(name.lower(), value) for name, value in extra]
    values: dict[str, Any] = {
        "message_id": "<20261123.1@example.org>",
        "identity": parse_identity(senders),
        "from_text": ", ".join(senders),
        "from_": mailboxes(", ".join(senders)),
        "to": mailboxes(to),
        "cc": mailboxes(cc),
        "subject": subject,
        "date": NOW,
        "headers": tuple(Header(name=name, value=value) for name, value in fields),
        "body": Body(new=text, full=text, source="plain" if text else "none"),
    }
    return Message(**{**values, **over})


def mailboxes(value: str) -> tuple[Mailbox, ...]:
    return tuple(Mailbox(name=name, address=address) for name, address in parse_address_list(value, limit=50))


def a_desk(**over: Any) -> Desk:
    values: dict[str, Any] = {
        "name": "help",
        "title": "Example Help Desk",
        "address": HELP,
        "aliases": (Address("support", "example.com"),),
        "languages": ("en", "de"),
        "team": "first",
    }
    return Desk(**{**values, **over})


def a_calendar(**over: Any) -> BusinessCalendar:
    """Monday to Friday, 09:00–12:00 and 13:00–17:00, Berlin."""
    windows = tuple(
        Window(weekday=day, start=time(start), end=time(end)) for day in range(5) for start, end in ((9, 12), (13, 17))
    )
    return BusinessCalendar(**{"name": "office", "zone": "Europe/Berlin", "windows": windows, **over})


def a_tier(number: int = 1, **over: Any) -> Tier:
    hours = {Priority.P1: 1, Priority.P2: 2, Priority.P3: 4, Priority.P4: 8}
    values: dict[str, Any] = {
        "number": number,
        "title": f"Tier {number}",
        "calendar": "office",
        "team": "first",
        "first_response": tuple((priority, timedelta(hours=hour)) for priority, hour in hours.items()),
    }
    return Tier(**{**values, **over})


def a_team(name: str = "first", **over: Any) -> Team:
    values: dict[str, Any] = {
        "name": name,
        "title": "First line",
        "addresses": (Address("first-line", "example.com"),),
        "members": (Address("agent", "example.com"),),
    }
    return Team(**{**values, **over})


def a_category(name: str = "hardware", **over: Any) -> Category:
    values: dict[str, Any] = {
        "name": name,
        "titles": (("en", name.capitalize()), ("de", name.capitalize())),
        "kind": Kind.INCIDENT,
        "impact": Level.NORMAL,
        "keywords": ("printer",),
    }
    return Category(**{**values, **over})


def a_policy(**over: Any) -> Policy:
    """One desk, one team, tiers 0–4, three categories and triage, office hours in Berlin."""
    values: dict[str, Any] = {
        "desks": (a_desk(),),
        "teams": (a_team(),),
        "tiers": tuple(a_tier(number) for number in range(5)),
        "categories": (
            a_category(),
            a_category("access", keywords=("password", "login")),
            a_category("order", kind=Kind.SERVICE_REQUEST, keywords=("order",)),
            a_category(TRIAGE, titles=(("en", "Not sorted yet"), ("de", "Noch nicht eingeordnet")), keywords=()),
        ),
        "calendars": (("office", a_calendar()),),
        "keyring": KEYRING,
        "trusted_authserv_ids": ("mx.example.com",),
        "public_providers": frozenset({"gmail.com", "gmx.de"}),
    }
    return Policy(**{**values, **over})


def a_ticket(number: int = 1042, **over: Any) -> Ticket:
    values: dict[str, Any] = {
        "id": TicketId(number),
        "reference": f"FL-{number}",
        "desk": "help",
        "requester": JO,
        "requester_name": "Jo Doe",
        "subject": "Printer does not print",
        "category": "hardware",
        "tier": 1,
        "kind": Kind.INCIDENT,
        "priority": Priority.P3,
        "status": Status.NEW,
        "language": "en",
        "opened_at": NOW - timedelta(hours=1),
    }
    return Ticket(**{**values, **over})


def a_candidate(number: int = 1042, **over: Any) -> Candidate:
    """A ticket of Jo's, found by a reference."""
    values: dict[str, Any] = {
        "ticket_id": TicketId(number),
        "clue": "reference",
        "evidence": "<root@example.org>",
        "participants": frozenset({JO.key}),
    }
    return Candidate(**{**values, **over})


def some_credits(**over: Any) -> Credits:
    return Credits(**{"address": 3, "domain": 20, "overall": 1000, **over})


def a_context(**over: Any) -> Context:
    return Context(**{"inbound_id": 1, "desk": "help", "credits": some_credits(), **over})


def a_reading(message: Message | None = None, **over: Any) -> Reading:
    return Reading(**{"message": message or a_message(), **over})


def without(message: Message, *names: str) -> Message:
    """`message` without the named header fields (lower case)."""
    return replace(message, headers=tuple(header for header in message.headers if header.name not in names))
