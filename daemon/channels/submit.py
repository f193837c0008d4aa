"""Submit: one mail to the relay over a kept connection, and one value that says what became of it.

aiosmtplib carries the protocol up to MAIL; the rest is ours (`replies`), because only then is it known whether a
lost connection fell before or after the final dot. The bytes go out as they are (never re-serialised: Python's
writer breaks long References), dot-stuffed once, with CRLF only. Promises: never raises for anything a relay or a
network does; TLS and certificates are never given up when required; trouble with the relay itself
(greeting, TLS, login) is `Deferred`, never a refusal of the mail.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import structlog
from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPHeloError,
    SMTPResponseException,
)
from aiosmtplib.response import SMTPResponse

from daemon.channels.replies import Replies, take_over
from daemon.channels.submission import Accepted, Deferred, Refused, SenderRefused, Step, Submission, Unknown
from daemon.core.clean import clean_line

log = structlog.get_logger(__name__)

_NULL_SENDER = re.compile(r"5\.1\.[78]\b")  # bad sender, said at RCPT by relays that judge <> late
_OPTIONS = ("size", "8bitmime", "pipelining")
_MAX_REPLY = 500
_KEPT_S = 20.0  # servers drop idle clients after 30 s to 5 min
_MAILS_PER_CONNECTION = 100
_NEEDS_SMTPUTF8 = Refused(code=553, reply="553 5.6.7 not sent: the address needs SMTPUTF8", step=Step.RCPT)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """The server that takes our mail. `password` is never shown."""

    host: str
    port: int
    security: Literal["none", "starttls", "tls"]
    helo: str = ""  # "" is the machine's own name
    user: str = ""
    password: str = ""
    ca_file: Path | None = None
    verify: bool = True
    connect_s: float = 30.0
    command_s: float = 60.0
    data_s: float = 600.0  # RFC 5321 §4.5.3.2.6: ten minutes after the final dot
    connections: int = 4

    def __repr__(self) -> str:
        return f"RelaySettings(host={self.host!r}, port={self.port}, security={self.security!r}, user={self.user!r})"


@dataclass(slots=True)
class _Line:
    """A kept connection."""

    client: SMTP
    replies: Replies
    options: frozenset[str]  # SIZE, 8BITMIME, PIPELINING: what the server offers
    mails: int = 0
    free_since: float = 0.0


class _Stopped(Exception):
    """Ends the dialogue with its outcome; `keep` when the connection is still good."""

    def __init__(self, outcome: Submission, *, keep: bool = False) -> None:
        super().__init__()
        self.outcome = outcome
        self.keep = keep


class Relay:
    """Submits mails, at most `connections` at a time; safe for concurrent use on one loop."""

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self._places = asyncio.Semaphore(settings.connections)
        self._kept: list[_Line] = []
        self._context: ssl.SSLContext | None = None

    async def submit(
        self,
        mail_from: str | None,
        recipient: str,
        raw: bytes,
        *,
        content_goes: Callable[[], None] = lambda: None,
    ) -> Submission:
        """Send `raw` to one recipient; `mail_from` None is `<>`. Cancelling it drops the connection.

        `content_goes` is called just before the content: cancelled earlier, nothing was sent.
        """
        if not recipient.isascii() or not (mail_from or "").isascii():
            return _NEEDS_SMTPUTF8
        async with self._places:
            line = self._take_kept()
            if line is not None:
                outcome = await self._run(line, mail_from, recipient, raw, content_goes)
                if not (isinstance(outcome, Deferred) and outcome.code in {0, 421} and outcome.step is Step.MAIL):
                    return outcome
                # The relay closed the kept connection while it was idle; nothing was sent on it: a fresh one.
            opened = await self._open()
            if isinstance(opened, Deferred):
                return opened
            return await self._run(opened, mail_from, recipient, raw, content_goes)

    async def check(self) -> Deferred | None:
        """Connect, secure and log in as for a mail, and send none; None when all is well."""
        async with self._places:
            opened = await self._open()
            if isinstance(opened, Deferred):
                return opened
            self._keep(opened)
            return None

    async def close(self) -> None:
        """Say QUIT on the kept connections."""
        kept, self._kept = self._kept, []
        await asyncio.gather(*(_quit(line) for line in kept))
        await asyncio.sleep(0)  # the transports end in the loop's next round

    # -- connections -------------------------------------------------------------------------------------------

    def _take_kept(self) -> _Line | None:
        now = asyncio.get_running_loop().time()
        while self._kept:
            line = self._kept.pop()
            if line.client.is_connected and now - line.free_since < _KEPT_S and line.mails < _MAILS_PER_CONNECTION:
                return line
            _drop(line.client)
        return None

    def _keep(self, line: _Line) -> None:
        line.free_since = asyncio.get_running_loop().time()
        self._kept.append(line)

    async def _open(self) -> _Line | Deferred:
        settings = self._settings
        step = Step.CONNECT
        client: SMTP | None = None
        try:
            client = SMTP(
                hostname=settings.host,
                port=settings.port,
                local_hostname=settings.helo or None,
                use_tls=settings.security == "tls",
                start_tls=False,
                tls_context=await self._tls_context() if settings.security != "none" else None,
                timeout=settings.command_s,
            )
            await client.connect(timeout=settings.connect_s)
            if settings.security == "starttls":
                step = Step.TLS
                await client.starttls()
            if client.is_ehlo_or_helo_needed:
                step = Step.CONNECT
                await _hello(client)
            if settings.user:
                step = Step.LOGIN
                await client.login(settings.user, settings.password)
            replies = take_over(client.transport)
        except (SMTPException, OSError, ValueError) as error:
            if client is not None:
                _drop(client)
            outcome = _deferred(error, step)
            log.warning("relay.unavailable", host=settings.host, port=settings.port, step=step, reply=outcome.reply)
            return outcome
        except BaseException:
            if client is not None:
                _drop(client)
            raise
        return _Line(client, replies, frozenset(each for each in _OPTIONS if client.supports_extension(each)))

    async def _tls_context(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = await asyncio.to_thread(_client_context, self._settings)
        return self._context

    # -- one mail ----------------------------------------------------------------------------------------------

    async def _run(
        self, line: _Line, mail_from: str | None, recipient: str, raw: bytes, content_goes: Callable[[], None]
    ) -> Submission:
        """The dialogue on one connection, which is kept only when it is known to be in order."""
        keep = False
        try:
            outcome: Submission = await self._dialogue(line, mail_from, recipient, raw, content_goes)
            keep = True
        except _Stopped as stopped:
            outcome = stopped.outcome
            keep = stopped.keep and line.client.is_connected and await _reset(line.replies)
        finally:
            line.mails += 1
            if keep and line.client.is_connected:
                self._keep(line)
            else:
                _drop(line.client)
        return outcome

    async def _dialogue(
        self, line: _Line, mail_from: str | None, recipient: str, raw: bytes, content_goes: Callable[[], None]
    ) -> Submission:
        commands = (_mail(line, mail_from, raw), f"RCPT TO:<{recipient}>\r\n".encode("ascii"), b"DATA\r\n")
        if b"\n" in b"".join(command[:-2] for command in commands):  # an address never brings a command of its own
            raise _Stopped(Deferred(code=0, reply="an address that cannot be said", step=Step.MAIL), keep=True)
        together = "pipelining" in line.options
        try:
            for number, (step, command) in enumerate(zip((Step.MAIL, Step.RCPT, Step.DATA), commands, strict=True)):
                if together and not number:
                    line.replies.ask(b"".join(commands), len(commands))
                elif not together:
                    line.replies.ask(command)
                _judge(await line.replies.next(self._settings.command_s), step, null=mail_from is None)
        except _Stopped as stopped:
            missing = len(commands) - number - 1 if together else 0
            keep = stopped.keep and await self._in_order(line.replies, missing)
            raise _Stopped(stopped.outcome, keep=keep) from stopped
        except (SMTPException, OSError, ValueError) as error:
            raise _Stopped(_deferred(error, step)) from error
        content_goes()
        reply = await self._send_content(line.replies, wire(raw))
        _expect(reply, Step.DOT)
        return Accepted(reply=_words(reply))

    async def _in_order(self, replies: Replies, missing: int) -> bool:
        """Read what was asked for beyond the refusal; False when the relay now waits for a content that never comes."""
        try:
            rest = [await replies.next(self._settings.command_s) for _ in range(missing)]
        except (SMTPException, OSError, ValueError):
            return False
        return all(reply.code // 100 != 3 and reply.code != 421 for reply in rest)

    async def _send_content(self, replies: Replies, content: bytes) -> SMTPResponse:
        """Everything from here on may have been taken: silence is Unknown, not Deferred."""
        try:
            replies.ask(content)
            return await replies.next(self._settings.data_s)
        except (SMTPException, OSError, RuntimeError) as error:
            code = error.code if isinstance(error, SMTPResponseException) else 0
            log.warning("relay.no_answer", error=type(error).__name__, code=code, next="same bytes again")
            raise _Stopped(Unknown(reply=_text(str(error) or type(error).__name__))) from error


def wire(raw: bytes) -> bytes:
    """`raw` as DATA content: CRLF only, transparency dots, the final dot. A bare CR or LF cannot smuggle an end."""
    pairs = raw.count(b"\r\n")
    if raw.count(b"\r") != pairs or raw.count(b"\n") != pairs:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    if not raw.endswith(b"\r\n"):
        raw += b"\r\n"
    stuffed = raw.replace(b"\r\n.", b"\r\n..")
    return (b"." if stuffed.startswith(b".") else b"") + stuffed + b".\r\n"


def _client_context(settings: RelaySettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _expect(reply: SMTPResponse, step: Step, *, wanted: int = 2) -> None:
    """Go on, or stop with what the relay said. 421 means it closes: never kept."""
    if reply.code // 100 == wanted:
        return
    if 500 <= reply.code < 600:
        raise _Stopped(Refused(code=reply.code, reply=_words(reply), step=step), keep=step is not Step.DOT)
    if step is Step.DOT and reply.code // 100 != 4:
        raise _Stopped(Unknown(reply=_words(reply)))
    raise _Stopped(
        Deferred(code=reply.code, reply=_words(reply), step=step), keep=reply.code // 100 == 4 and reply.code != 421
    )


def _mail(line: _Line, mail_from: str | None, raw: bytes) -> bytes:
    options = f" SIZE={len(raw)}" if "size" in line.options else ""
    if not raw.isascii() and "8bitmime" in line.options:
        options += " BODY=8BITMIME"
    return f"MAIL FROM:<{mail_from or ''}>{options}\r\n".encode("ascii")


def _judge(reply: SMTPResponse, step: Step, *, null: bool) -> None:
    """Go on, or stop with what the reply means at this step; `null`: the sender is `<>`."""
    about_sender = (step is Step.MAIL and _speaks_of_sender(reply)) or (
        step is Step.RCPT and _NULL_SENDER.match(reply.message) is not None
    )
    if reply.code >= 500 and null and about_sender:
        raise _Stopped(SenderRefused(code=reply.code, reply=_words(reply)), keep=True)
    _expect(reply, step, wanted=3 if step is Step.DATA else 2)


def _speaks_of_sender(reply: SMTPResponse) -> bool:
    """A 5xx to MAIL is about the sender, unless it is about the size or the syntax of ours."""
    return not re.match(r"5\.(3\.4|2\.3|5\.)", reply.message) and reply.code not in {500, 502, 503, 552}


async def _hello(client: SMTP) -> None:
    """EHLO, or HELO for a server of before 1995."""
    try:
        await client.ehlo()
    except SMTPHeloError:
        if not client.is_connected:
            raise
        await client.helo()


async def _reset(replies: Replies) -> bool:
    try:
        replies.ask(b"RSET\r\n")
        return (await replies.next(5.0)).code == 250
    except (SMTPException, OSError):
        return False


async def _quit(line: _Line) -> None:
    try:
        line.replies.ask(b"QUIT\r\n")
        await line.replies.next(2.0)
    except (SMTPException, OSError):
        log.debug("relay.quit_unanswered")
    finally:
        _drop(line.client)


def _drop(client: SMTP) -> None:
    """Cut the connection: nobody waits for a relay that reads slowly."""
    transport = cast("asyncio.WriteTransport | None", client.transport)
    client.close()
    if transport is not None:
        transport.abort()


def _deferred(error: Exception, step: Step) -> Deferred:
    """Trouble before the content; a bad login or certificate is trouble of ours with the relay, not of the mail."""
    if isinstance(error, SMTPAuthenticationError):
        return Deferred(code=error.code, reply=_text(f"{error.code} {error.message}"), step=Step.LOGIN)
    if isinstance(error, SMTPResponseException):
        return Deferred(code=error.code, reply=_text(f"{error.code} {error.message}"), step=step)
    if isinstance(error, ssl.SSLError):
        step = Step.TLS
    return Deferred(code=0, reply=_text(str(error) or type(error).__name__), step=step)


def _words(reply: SMTPResponse) -> str:
    return _text(f"{reply.code} {reply.message}")


def _text(text: str) -> str:
    return clean_line(text, _MAX_REPLY)
