"""A mixed set of mails with what must become of each: the same for every end-to-end and fault test."""

from __future__ import annotations

from dataclasses import dataclass

DESK = "help@desk.example"

_REQUESTS = (
    ("Cannot log in", "My password does not work any more since this morning, please reset it."),
    ("Drucker druckt nicht", "Guten Tag, der Drucker im zweiten Stock druckt seit heute nicht mehr."),
    ("VPN", "The VPN disconnects every five minutes and I cannot reach the file server from home."),
    ("Nouvel ordinateur", "Bonjour, je voudrais commander un nouvel ordinateur portable pour notre équipe."),
    ("Phone", "My desk phone shows no service and I miss all calls."),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One mail: who hands it in (`""` is `<>`), its bytes, and whether it is to be acknowledged."""

    message_id: str
    sender: str
    raw: bytes
    eligible: bool
    kind: str


def _mail(number: int, sender: str, subject: str, body: str, *fields: str) -> tuple[str, bytes]:
    message_id = f"<m{number}@load.example>"
    head = [
        f"From: Person {number} <{sender}>",
        f"To: {DESK}",
        f"Subject: {subject}",
        "Date: Mon, 23 Nov 2026 09:00:00 +0100",
        f"Message-ID: {message_id}",
        *fields,
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
    ]
    return message_id, ("\r\n".join(head) + f"\r\n\r\n{body}\r\n\r\nRegards, {number}\r\n").encode()


def mixed(count: int, *, start: int = 0) -> list[Sample]:
    """`count` mails of distinct people: of each ten, seven requests, one vacation reply, one bounce, one list mail."""
    samples = []
    for number in range(start, start + count):
        person = f"p{number}x@d{number}y.example"
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
                message_id, raw = _mail(number, person, f"{subject} ({number})", body)
                samples.append(Sample(message_id, person, raw, eligible=True, kind="request"))
    return samples
