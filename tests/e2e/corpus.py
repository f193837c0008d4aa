"""Mixed sets of mails with what must become of each: the same for every end-to-end and fault test."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

DESK = "help@desk.example"
ALIAS = "support@desk.example"  # of the same desk
SALES = "sales@desk.example"  # a desk of its own
TEAM = "team@desk.example"

_REQUESTS = (
    ("Cannot log in", "My password does not work any more since this morning, please reset it."),
    ("Drucker druckt nicht", "Guten Tag, der Drucker im zweiten Stock druckt seit heute nicht mehr."),
    ("VPN", "The VPN disconnects every five minutes and I cannot reach the file server from home."),
    ("Nouvel ordinateur", "Bonjour, je voudrais commander un nouvel ordinateur portable pour notre équipe."),
    ("Phone", "My desk phone shows no service and I miss all calls."),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One mail: who hands it in (`""` is `<>`), its bytes, and whether it is to be acknowledged.

    `again`: byte for byte a mail that is in the set already. `parent`: the Message-ID of the mail whose
    ticket it must be appended to. `desks`: the desks that each keep it as a mail of their own.
    """

    message_id: str
    sender: str
    raw: bytes
    eligible: bool
    kind: str
    to: tuple[str, ...] = (DESK,)
    again: bool = False
    parent: str = ""

    @property
    def desks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys("sales" if address == SALES else "help" for address in self.to))


def _mail(number: int, sender: str, subject: str, body: str, *fields: str, to: str = DESK) -> tuple[str, bytes]:
    message_id = f"<m{number}@load.example>"
    head = [
        f"From: Person {number} <{sender}>",
        f"To: {to}",
        f"Subject: {subject}",
        "Date: Mon, 23 Nov 2026 09:00:00 +0100",
        f"Message-ID: {message_id}",
        *fields,
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
    ]
    return message_id, ("\r\n".join(head) + f"\r\n\r\n{body}\r\n\r\nRegards, {number}\r\n").encode()


def _person(number: int) -> str:
    return f"p{number}x@d{number}y.example"


def mixed(count: int, *, start: int = 0) -> list[Sample]:
    """`count` mails of distinct people: of each ten, seven requests, one vacation reply, one bounce, one list mail."""
    samples = []
    for number in range(start, start + count):
        person = _person(number)
        subject, body = _REQUESTS[number % len(_REQUESTS)]
        kind = ("request",) * 7 + ("vacation", "bounce", "list")
        match kind[number % 10]:
            case "vacation":
                message_id, raw = _mail(number, person, f"Re: {subject}", "I am away.", "Auto-Submitted: auto-replied")
                samples.append(Sample(message_id, person, raw, eligible=False, kind="vacation"))
            case "bounce":
                sender = f"mailer-daemon@d{number}y.example"
                message_id, raw = _mail(number, sender, "Undelivered Mail Returned to Sender", "It did not arrive.")
                samples.append(Sample(message_id, "", raw, eligible=False, kind="bounce"))
            case "list":
                message_id, raw = _mail(number, person, subject, body, "List-Id: <l.load.example>", "Precedence: list")
                samples.append(Sample(message_id, person, raw, eligible=False, kind="list"))
            case _:
                samples.append(_request(number))
    return samples


def _request(number: int, *to: str) -> Sample:
    subject, body = _REQUESTS[number % len(_REQUESTS)]
    recipients = to or (DESK,)
    message_id, raw = _mail(number, _person(number), f"{subject} ({number})", body, to=", ".join(recipients))
    return Sample(message_id, _person(number), raw, eligible=True, kind="request", to=recipients)


def duplicates(of: Iterable[Sample]) -> list[Sample]:
    """The same bytes once more, as an MTA hands them in that never heard our 250."""
    return [replace(sample, again=True) for sample in of]


def two_recipients(count: int, *, start: int) -> list[Sample]:
    """Requests to two of our addresses, in turn two of one desk (one ticket) and two desks (a ticket each)."""
    return [_request(number, DESK, ALIAS if number % 2 else SALES) for number in range(start, start + count)]


def follow_ups(of: Iterable[Sample], *, start: int) -> list[Sample]:
    """One more mail of the same person on each of these: appended to its ticket, never acknowledged."""
    samples = []
    for number, parent in enumerate(of, start):
        links = (f"In-Reply-To: {parent.message_id}", f"References: {parent.message_id}")
        text = f"One more fact, number {number}."
        message_id, raw = _mail(number, parent.sender, "Re: my request", text, *links)
        samples.append(
            Sample(message_id, parent.sender, raw, eligible=False, kind="follow-up", parent=parent.message_id)
        )
    return samples


def full_mix(count: int) -> tuple[list[Sample], list[Sample]]:
    """`count` mails in two parts: originals with duplicates among them, then follow-ups, which need the first part.

    70 % people and machines, 10 % duplicates, 8 % to two recipients, 12 % follow-ups.
    """
    twice, two, later = count // 10, count * 8 // 100, count * 12 // 100
    first = mixed(count - twice - two - later)
    originals = [sample for sample in first if sample.kind == "request"]
    both = two_recipients(two, start=10_000)
    copies = duplicates(first[::7][:twice])
    copies += duplicates(originals[: twice - len(copies)])
    part = [*first, *both]
    for index, copy in enumerate(copies):  # some right behind the original, some far away
        at = part.index(replace(copy, again=False)) + 1 if index % 2 else len(part)
        part.insert(at, copy)
    return part, follow_ups(originals[-later:], start=20_000)
