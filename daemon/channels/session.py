"""One SMTP or LMTP conversation: the verbs, the order they must have, and the replies after the final dot.

aiosmtpd 1.4.6 answers exceptions with a permanent 500 and their text, and LMTP once for many recipients; here
every reply is a fixed text of ours, our own trouble is 4xx, and LMTP answers per recipient (RFC 2033 §4.2).
Replies keep the order of the commands, so PIPELINING is safe; nothing that came before STARTTLS is used after it
(RFC 3207 §6). Knows no address of ours: `admit` does.
"""

# ruff: noqa: N802, ARG002 - aiosmtpd finds verbs by method names and gives each its argument

from __future__ import annotations

import re
from datetime import UTC, datetime
from secrets import token_hex

import structlog

from daemon import crash
from daemon.channels import login, trace, transaction
from daemon.channels.connection import Connection, House
from daemon.channels.door import Admitted
from daemon.channels.dot import DotReader, Verdict
from daemon.channels.handover import Delivery
from daemon.channels.inflow import LineTooLong, PeerGone
from daemon.channels.transaction import BAD_ORDER, BAD_SYNTAX, OK, RECIPIENT_OK, SENDER_OK, Sender, Transaction
from daemon.core.address import Address
from daemon.core.disposition import ACCEPTED, BACKLOG, CLOSING, DUPLICATE, OUR_TROUBLE, TOO_BIG, Door
from daemon.core.envelope import Channel, Envelope

log = structlog.get_logger(__name__)

_START = Door(code=354, enhanced="", text="end with <CRLF>.<CRLF>")
_BYE = Door(code=221, enhanced="2.0.0", text="bye")
_TOO_MANY_ERRORS = Door(code=421, enhanced="4.7.0", text="too many errors, closing")
_UNKNOWN = Door(code=500, enhanced="5.5.2", text="command not recognized")
_NOT_IMPLEMENTED = Door(code=502, enhanced="5.5.1", text="command not implemented")
_LINE_TOO_LONG = Door(code=500, enhanced="5.5.6", text="line too long")
_NO_RECIPIENT = Door(code=503, enhanced="5.5.1", text="no valid recipients")
_CANNOT_VERIFY = Door(code=252, enhanced="2.5.2", text="send some mail, we will try")
_NO_TLS = Door(code=454, enhanced="4.7.0", text="TLS not available")
_TLS_READY = Door(code=220, enhanced="2.0.0", text="ready to start TLS")
_NEED_TLS = Door(code=538, enhanced="5.7.11", text="encryption required")
_TLS_FIRST = Door(code=530, enhanced="5.7.0", text="must issue a STARTTLS command first")
_LOGIN_FIRST = Door(code=530, enhanced="5.7.0", text="authentication required")
_BAD_LOGIN = Door(code=535, enhanced="5.7.8", text="wrong credentials")
_BAD_MECHANISM = Door(code=504, enhanced="5.5.4", text="mechanism not available")
_LOGIN_OK = Door(code=235, enhanced="2.7.0", text="authenticated")
_NOT_SMTP = Door(code=554, enhanced="5.5.1", text="this is a mail server")

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_OTHER_PROTOCOLS = frozenset({"GET", "POST", "PUT", "HEAD", "CONNECT", "OPTIONS", "HOST:"})
_MAX_HELO = 255
_AUTH_BYTES = 12_290  # RFC 4954 §4


class Session(Connection):
    """Serves one connection; LMTP when its house says so."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._user = ""
        self._helo = ""
        self._extended = False
        self._transaction = Transaction()
        self._idle_commands = 0

    # -- the conversation ----------------------------------------------------------------------------------------

    async def _handle_client(self) -> None:
        await self._say(
            Door(code=220, enhanced="", text=f"{self._house.host} {'LMTP' if self._house.lmtp else 'ESMTP'}")
        )
        try:
            while self._pipe is not None and not self._pipe.is_closing():
                await self._serve_one()
                if (
                    self._leaving
                    or self._errors > self._limits.errors
                    or self._idle_commands > self._limits.idle_commands
                ):
                    self._put(CLOSING if self._leaving else _TOO_MANY_ERRORS)
                    self._hang_up()
        except (PeerGone, ConnectionError):
            log.debug("smtp.peer_gone", peer=self._peer)
        self._hang_up()

    async def _serve_one(self) -> None:
        try:
            line = await self._read_line(self._limits.command_bytes)
        except LineTooLong:
            await self._say(_LINE_TOO_LONG)
            return
        self._idle_commands += 1
        word, _, rest = line.partition(b" ")
        verb = word.decode("ascii", "replace").upper()
        method = self._smtp_methods.get(verb)
        if method is None or _CONTROL.search(line):
            if verb in _OTHER_PROTOCOLS:  # a browser made to speak to us (cross-protocol attacks): no second line
                self._put(_NOT_SMTP)
                self._hang_up()
                return
            await self._say(_UNKNOWN)
            return
        try:
            await method(rest.decode("utf-8", "surrogateescape").strip())
        except (PeerGone, ConnectionError, LineTooLong):
            raise PeerGone from None
        except Exception:  # the edge of a session: our own trouble is 451, never 5xx, never its text
            log.exception("smtp.trouble", peer=self._peer, verb=verb, next="answered 451, the session goes on")
            self._transaction = Transaction()
            await self._say(OUR_TROUBLE)

    async def _greet(self, name: str, *, extended: bool) -> None:
        if not name:
            await self._say(BAD_SYNTAX)
            return
        self._helo = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")[:_MAX_HELO]
        self._extended = extended
        self._transaction = Transaction()
        words = [self._house.host]
        if extended:
            words += [f"SIZE {self._limits.size_bytes}", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"]
            if not self._secure and self._house.tls() is not None:
                words.append("STARTTLS")
            if self._secure and self._house.verify is not None:
                words.append("AUTH " + " ".join(login.MECHANISMS))
        lines = [f"250-{word}\r\n" for word in words[:-1]] + [f"250 {words[-1]}\r\n"]
        if self._pipe is not None:
            self._pipe.write("".join(lines).encode("ascii"))

    async def smtp_HELO(self, argument: str) -> None:
        await (self._say(_UNKNOWN) if self._house.lmtp else self._greet(argument, extended=False))

    async def smtp_EHLO(self, argument: str) -> None:
        await (self._say(_UNKNOWN) if self._house.lmtp else self._greet(argument, extended=True))

    async def smtp_LHLO(self, argument: str) -> None:
        await (self._greet(argument, extended=True) if self._house.lmtp else self._say(_UNKNOWN))

    async def smtp_NOOP(self, argument: str) -> None:
        await self._say(OK)

    async def smtp_RSET(self, argument: str) -> None:
        self._transaction = Transaction()
        await self._say(OK)

    async def smtp_VRFY(self, argument: str) -> None:
        """Never says whether an address exists (threat 38)."""
        await self._say(_CANNOT_VERIFY)

    async def smtp_EXPN(self, argument: str) -> None:
        await self._say(_NOT_IMPLEMENTED)

    async def smtp_HELP(self, argument: str) -> None:
        await self._say(Door(code=214, enhanced="2.0.0", text="see RFC 5321"))

    async def smtp_QUIT(self, argument: str) -> None:
        self._put(_BYE)
        self._hang_up()

    async def smtp_STARTTLS(self, argument: str) -> None:
        context = self._house.tls()
        if argument or self._secure or self._pipe is None:
            await self._say(BAD_SYNTAX if argument else BAD_ORDER)
            return
        if context is None:
            await self._say(_NO_TLS)
            return
        # Paused first, emptied second: from here to the handshake no plaintext byte can reach us.
        self._pipe.pause_reading()
        if self._inflow.discard():
            log.warning("smtp.starttls_injection", peer=self._peer, next="the bytes were thrown away")
        self._put(_TLS_READY)
        try:
            secured = await self.loop.start_tls(
                self._pipe, self, context, server_side=True, ssl_handshake_timeout=self._limits.idle_s
            )
        except OSError as error:
            log.info("smtp.tls_failed", peer=self._peer, error=type(error).__name__)
            raise PeerGone from None
        if secured is None:
            raise PeerGone
        self._pipe = secured
        self.transport = secured
        self._inflow.attach(secured)
        self._secure = True
        self._helo, self._extended, self._user, self._transaction = "", False, "", Transaction()

    async def smtp_AUTH(self, argument: str) -> None:
        verify = self._house.verify
        mechanism, _, initial = argument.partition(" ")
        mechanism = mechanism.upper()
        if verify is None or mechanism not in login.MECHANISMS:
            await self._say(_BAD_MECHANISM if verify is not None else _NOT_IMPLEMENTED)
        elif not self._secure:
            await self._say(_NEED_TLS)
        elif not self._extended or self._user or self._transaction.open:
            await self._say(BAD_ORDER)
        else:
            claim = await self._ask_login(mechanism, initial.encode("ascii", "replace"))
            if claim is not None and await verify(claim.user, claim.password):
                self._user = claim.user
                await self._say(_LOGIN_OK)
            else:
                log.warning("smtp.login_failed", peer=self._peer)
                self._errors += 4  # five guesses to a session
                await self._say(_BAD_LOGIN)

    async def _ask_login(self, mechanism: str, initial: bytes) -> login.Login | None:
        if mechanism == "PLAIN":
            return login.read_plain(initial or await self._challenge(""))
        user = login.unbase64(initial or await self._challenge("VXNlcm5hbWU6"))
        password = login.unbase64(await self._challenge("UGFzc3dvcmQ6"))
        return login.Login(user=user, password=password) if user and password is not None else None

    async def _challenge(self, text: str) -> bytes:
        await self._say(Door(code=334, enhanced="", text=text))
        return await self._read_line(_AUTH_BYTES)

    # -- one mail ------------------------------------------------------------------------------------------------

    async def smtp_MAIL(self, argument: str) -> None:
        if not self._helo or self._transaction.open:
            await self._say(BAD_ORDER)
            return
        if (self._house.require_tls and not self._secure) or (self._house.require_login and not self._user):
            await self._say(_TLS_FIRST if not self._secure else _LOGIN_FIRST)
            return
        sender = transaction.read_mail(argument, limit_bytes=self._limits.size_bytes)
        if isinstance(sender, Sender):
            self._transaction = Transaction(open=True, sender=sender.path, size=sender.size)
            sender = SENDER_OK
        await self._say(sender)

    async def smtp_RCPT(self, argument: str) -> None:
        answer = self._add_recipient(argument)
        await self._say(answer)
        if self._house.lmtp and answer.code >= 400:
            self._errors -= 1  # our own MTA asks for its many recipients; it is not guessing

    def _add_recipient(self, argument: str) -> Door:
        if not self._transaction.open:
            return BAD_ORDER
        if len(self._transaction.recipients) >= self._limits.recipients:
            return transaction.TOO_MANY_RECIPIENTS
        recipient = transaction.read_rcpt(argument, host=self._house.host)
        if not isinstance(recipient, Address):
            return recipient
        admission = self._house.admit(recipient, self._transaction.size)
        if not isinstance(admission, Admitted):
            return admission
        self._transaction.recipients.append((recipient, admission.desk))
        self._idle_commands -= 1
        return RECIPIENT_OK

    async def smtp_DATA(self, argument: str) -> None:
        if argument or not self._transaction.recipients:
            await self._say(BAD_SYNTAX if argument else _NO_RECIPIENT)
            if self._inflow.pending:  # its content would be read as commands
                self._hang_up()
            return
        self._put(_START)
        self._deadline = self.loop.time() + self._limits.data_s
        self._in_data = True
        self._last_byte = self.loop.time()
        try:
            dot = await self._inflow.message(self._limits.size_bytes, self._house.room)
        finally:
            self._deadline = None
            self._in_data = False
        try:
            replies = await self._store(dot)
        finally:
            dot.release()
            self._transaction = Transaction()
        if any(reply.code == 250 for reply in replies):
            self._errors = self._idle_commands = 0
        crash.point("before_250")
        await self._say(*replies)

    async def _store(self, dot: DotReader) -> list[Door]:
        """The replies after the final dot: one, or on LMTP one per recipient in the order of RCPT (RFC 2033 §4.2)."""
        recipients = self._transaction.recipients
        content = dot.content
        if dot.verdict is not Verdict.WHOLE:
            refusal = TOO_BIG if dot.verdict is Verdict.TOO_BIG else BACKLOG
            return [refusal] * (len(recipients) if self._house.lmtp else 1)
        desks: dict[str, list[Address]] = {}
        for recipient, desk in recipients:
            desks.setdefault(desk, []).append(recipient)
        name = token_hex(8)
        stored = await self._house.handover.store(
            [self._delivery(desk, tuple(to), name, content) for desk, to in desks.items()]
        )
        outcome = dict(zip(desks, (_with_name(door, name) for door in stored), strict=True))
        if self._house.lmtp:
            return [outcome[desk] for _, desk in recipients]
        # One reply for all desks: what was stored already will be a duplicate when the peer tries again.
        return [next((door for door in outcome.values() if door.code != 250), next(iter(outcome.values())))]

    def _delivery(self, desk: str, recipients: tuple[Address, ...], name: str, content: bytearray) -> Delivery:
        now = datetime.now(UTC)
        hop = trace.Hop(
            helo=self._helo,
            peer=self._peer,
            host=self._house.host,
            protocol=trace.protocol_name(
                lmtp=self._house.lmtp, extended=self._extended, tls=self._secure, authenticated=bool(self._user)
            ),
            id=name,
            at=now,
        )
        channel = Channel.LMTP if self._house.lmtp else Channel.SMTP
        envelope = Envelope(
            channel=channel,
            desk=desk,
            received_at=now,
            reverse_path=self._transaction.sender,
            forward_paths=recipients,
            peer=self._peer or "local",
            helo=self._helo,
            authenticated_as=self._user,
            tls=self._secure,
            source=f"{channel}/{name}",
        )
        return Delivery(envelope=envelope, raw=b"".join((trace.received(hop, recipients), content)))


def _with_name(door: Door, name: str) -> Door:
    if door in (ACCEPTED, DUPLICATE):
        return Door(code=door.code, enhanced=door.enhanced, text=f"{door.text} as {name}")
    return door
