"""A desk in one process: raw mails through the real reader, decision, store and letters; time goes as the test says.

Nothing is replaced but the door and the relay: what would be sent stands in the outbox and is read from its bytes.
"""

from __future__ import annotations

import email
import email.policy
import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage

from builders import HELP, NOW, a_category, a_desk, a_policy, a_team, a_tier, an_address, an_envelope
from sqlalchemy import Connection, text

from daemon.core.digest import canonical_digest
from daemon.core.limits import Limits
from daemon.core.policy import TRIAGE, Policy
from daemon.loops.enact import Desked
from daemon.loops.settle import settle_one
from daemon.reader.read import read_one
from daemon.render import Renderer
from daemon.store import inbound, letters
from daemon.store.engine import open_engine
from daemon.store.migrate import migrate

AGENT, SECOND = "agent@example.com", "dora@example.com"
AGENTS = (AGENT, SECOND)
JO, ADA = "jo@example.org", "ada@campus.example"
_RENDERER = Renderer()
_BOUNDS = Limits()


def a_world_policy(**over: object) -> Policy:
    """Two agents in one team, credits for everything."""
    from daemon.core.credit import CreditLimits

    endless = CreditLimits(per_address=10**6, per_domain=10**6, overall=10**6, team=10**6, silence_days=30)
    values: dict[str, object] = {
        "desks": (a_desk(),),
        "teams": (a_team(members=(an_address(AGENT), an_address(SECOND))),),
        "tiers": tuple(a_tier(number) for number in range(5)),
        "categories": (a_category(), a_category("network"), a_category(TRIAGE, keywords=())),
        "credits": endless,
    }
    return a_policy(**{**values, **over})


@dataclass(frozen=True)
class Letter:
    """One outgoing mail."""

    number: int
    ticket_id: int
    kind: str
    to: str
    raw: bytes
    mail: EmailMessage

    @property
    def reply_to(self) -> str:
        return self.mail["Reply-To"].addresses[0].addr_spec

    @property
    def words(self) -> str:
        return self.mail.get_body(("plain",)).get_content()

    def everything(self) -> str:
        """All that a reader of this mail can get at: header, texts, and what is attached, decoded."""
        return "\n".join([str(self.mail["Subject"]), str(self.mail["To"]), *_texts(self.mail)])


def _texts(part: EmailMessage) -> list[str]:
    found = []
    for each in part.walk():
        if each.is_multipart():
            found.append("\n".join(str(value) for value in each.values()))
            continue
        payload = each.get_payload(decode=True) or b""
        if each.get_content_type() in {"application/octet-stream", "message/rfc822"}:
            inner = email.message_from_bytes(payload, policy=email.policy.default)
            found += _texts(inner)
        found.append(payload.decode("utf-8", "replace"))
    return found


@dataclass
class World:
    """The desk and its mails. `now` goes on by a minute with every mail."""

    policy: Policy = field(default_factory=a_world_policy)
    now: datetime = NOW
    letters: list[Letter] = field(default_factory=list)
    decisions: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = open_engine("sqlite://")
        migrate(self.engine)
        self.connection = self.engine.connect()
        self._numbers = itertools.count(1)

    def close(self) -> None:
        self.connection.close()
        self.engine.dispose()

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    def send(
        self,
        sender: str,
        words: str,
        *,
        to: str = str(HELP),
        cc: str = "",
        subject: str = "Printer",
        answers: Letter | str | None = None,
        references: str = "",
        message_id: str = "",
        proven: bool = True,
        extra: tuple[tuple[str, str], ...] = (),
        body: str | None = None,
    ) -> list[Letter]:
        """One mail, settled; what is sent because of it. `answers` is a letter of ours, or a Message-ID."""
        number = next(self._numbers)
        domain = sender.partition("@")[2]
        mail = EmailMessage(policy=email.policy.SMTP)
        if proven:
            mail["Authentication-Results"] = f"mx.example.com; dmarc=pass header.from={domain}"
        mail["From"], mail["To"], mail["Subject"] = sender, to, subject
        if cc:
            mail["Cc"] = cc
        mail["Message-ID"] = message_id or f"<{number}.{domain}>".replace(".", "@", 1)
        if answers is not None:
            mail["In-Reply-To"] = answers if isinstance(answers, str) else str(answers.mail["Message-ID"])
        if references:
            mail["References"] = references
        for name, value in extra:
            mail[name] = value
        mail.set_content(words)
        self.last_id = str(mail["Message-ID"])
        return self.deliver(mail.as_bytes() if body is None else _with_body(mail, body), sender, to)

    def deliver(self, raw: bytes, sender: str, to: str) -> list[Letter]:
        """These bytes, settled as the settle loop does it."""
        self.later(minutes=1)
        envelope = an_envelope(received_at=self.now, reverse_path=sender, forward_paths=tuple(to.split(", ")))
        message_id, digest = canonical_digest(raw)
        arrival = inbound.Arrival(envelope=envelope, raw=raw, message_id=message_id, digest=digest)
        with self.connection.begin():
            inbound.accept_many(self.connection, [arrival])
            claimed = inbound.claim(self.connection, owner="here", now=self.now, lease=timedelta(minutes=5))
            for mail in claimed:
                self._settle(self.connection, mail)
        return self._new_letters()

    def _settle(self, tx: Connection, claimed: inbound.Claimed) -> None:
        sent = letters.texts(tx, letters.named_in(claimed.raw, self.policy.keyring))
        reading = read_one(claimed.envelope, claimed.raw, self.policy, limits=_BOUNDS, today=self.now.date(), sent=sent)
        desked = Desked(policy=self.policy, renderer=_RENDERER, now=self.now)
        self.decisions.append(settle_one(tx, claimed, reading, desked).decision)

    def _new_letters(self) -> list[Letter]:
        known = len(self.letters)
        for row in self.rows("SELECT id, ticket_id, kind, recipient, bytes FROM outbox ORDER BY id")[known:]:
            raw = bytes(row.bytes)
            mail = email.message_from_bytes(raw, policy=email.policy.default)
            self.letters.append(
                Letter(
                    number=row.id, ticket_id=row.ticket_id, kind=row.kind, to=row.recipient.lower(), raw=raw, mail=mail
                )
            )
        return self.letters[known:]

    def rows(self, sql: str) -> list:
        with self.connection.begin():
            return list(self.connection.execute(text(sql)))

    def one(self, sql: str) -> object:
        (row,) = self.rows(sql)
        return row[0]

    # -- what tests do all the time -----------------------------------------------------------------------------

    def request(self, sender: str = JO, words: str = "It does not print.", **over: object) -> Letter:
        """A new request; the team's letter to AGENT about it."""
        return letter_for(AGENT, self.send(sender, words, **over))

    def order(self, words: str, about: Letter, *, agent: str = AGENT, **over: object) -> list[Letter]:
        """An agent's mail to the signed address of a letter that this agent got."""
        assert about.to == agent
        return self.send(agent, words, to=about.reply_to, answers=about, **{"subject": "Re: x", **over})


def letter_for(address: str, letters: list[Letter], kind: str = "") -> Letter:
    """The one letter among these for the address."""
    (found,) = [each for each in letters if each.to == address and kind in {"", each.kind}]
    return found


def _with_body(mail: EmailMessage, body: str) -> bytes:
    head, _, _ = mail.as_bytes().partition(b"\r\n\r\n")
    return head + b"\r\n\r\n" + body.encode()
