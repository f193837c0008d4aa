"""From settings to objects: each `make_…` is the one place where a section of the configuration meets a class.

Nothing is started here and nothing is connected.
"""

from __future__ import annotations

import hmac
import os
import socket
from typing import TYPE_CHECKING

from daemon import models
from daemon.authentication.findings import Authentication
from daemon.channels.door import Verify
from daemon.channels.gate import Limits as DoorLimits
from daemon.channels.imap import ImapSettings
from daemon.channels.imap_folder import Server
from daemon.channels.smtp import Doorway, Listener
from daemon.channels.submit import Relay, RelaySettings
from daemon.core.limits import Limits as MailLimits
from daemon.core.policy import Policy
from daemon.loops.intake import Intake
from daemon.loops.poll import Polling
from daemon.reader.pool import ReaderPool
from daemon.reader.worker import Bounds as WorkerBounds
from daemon.settings import Settings
from daemon.store.committer import Committer

if TYPE_CHECKING:
    from daemon.authentication.gather import Authenticator

DRAIN_DOOR_S = 4.0
_FETCH_FACTOR = 4  # a polled mailbox cannot refuse: what is over the limit is stored and read by its headers only


def model_of(settings: Settings) -> str:
    """What `load_classifier` shall load: an object of one's own, or the model that serves this desk now."""
    return settings.classifier.object or models.serving(settings.state.directory, settings.classifier.model)


def make_reader(settings: Settings, made: Policy) -> ReaderPool:
    """A pool that is not started yet, for the policy made of `settings`."""
    workers = settings.reader.workers or max(1, min(4, os.cpu_count() or 1))
    return ReaderPool(
        made,
        MailLimits(message_bytes=settings.intake.message_bytes),
        WorkerBounds(cpu_s=int(settings.reader.cpu_s), memory_mb=settings.reader.memory_mb),
        model=model_of(settings),
        workers=workers,
        folder=models.folder_of(settings.state.directory),
        authenticator=make_authenticator(settings),
    )


def make_authenticator(settings: Settings) -> Authenticator | None:
    """Who checks signatures, when that is switched on; its libraries are an extra and are loaded only then."""
    section = settings.authentication
    if not section.enabled:
        return None
    from daemon.authentication.gather import Asking  # noqa: PLC0415 - needs the extra
    from daemon.authentication.make import authenticator  # noqa: PLC0415 - needs the extra
    from daemon.authentication.spf import SpfLimits  # noqa: PLC0415 - see above

    asking = Asking(
        timeout_s=section.timeout_s,
        spf=SpfLimits(lookups=section.spf_lookups, void=section.spf_void_lookups),
        inner=settings.guards.trusted_hops,
        rules=Authentication(
            sealers=section.trusted_sealers, signatures=section.max_signatures, seals=section.max_seals
        ),
    )
    return authenticator([(each.host, each.port) for each in section.nameservers], asking)


def make_relay(settings: Settings) -> Relay:
    """The configured relay; connects when the first mail goes."""
    relay = settings.relay
    return Relay(
        RelaySettings(
            host=relay.host,
            port=relay.port,
            security=relay.security,
            helo=relay.helo,
            user=relay.user,
            password=relay.password.get_secret_value() if relay.password else "",
            ca_file=relay.ca_file,
            verify=relay.verify,
            connect_s=relay.connect_s,
            command_s=relay.command_s,
            data_s=relay.data_s,
            connections=relay.connections,
        )
    )


def make_listener(settings: Settings, intake: Intake, *, lmtp: bool) -> Listener:
    """The SMTP or LMTP door, not yet listening."""
    section = settings.lmtp if lmtp else settings.smtp
    doorway = Doorway(
        host=section.hostname or socket.gethostname(),
        lmtp=lmtp,
        certificate=section.certificate,
        key=section.key,
        require_tls=not lmtp and settings.smtp.require_tls,
        require_login=not lmtp and settings.smtp.require_login,
        limits=DoorLimits(
            size_bytes=settings.intake.message_bytes,
            sessions=section.max_sessions,
            per_peer=section.max_sessions_per_peer,
            idle_s=section.idle_s,
            data_s=section.data_s,
            idle_commands=section.max_commands,
            recipients=section.max_recipients,
            drain_s=DRAIN_DOOR_S,
        ),
    )
    verify = None if lmtp or not settings.smtp.users else _verifier(settings)
    return Listener(doorway, receive=intake.receive, admit=intake.admit, verify=verify)


def _verifier(settings: Settings) -> Verify:
    """AUTH against [smtp.users]: constant-time on the password, the same work for an unknown user."""
    known = {name: user.password.get_secret_value().encode() for name, user in settings.smtp.users.items()}

    async def verify(user: str, password: str) -> bool:
        expected = known.get(user)
        right = hmac.compare_digest(expected if expected is not None else os.urandom(16), password.encode())
        return right and expected is not None

    return verify


def make_polling(settings: Settings, committer: Committer, intake: Intake) -> Polling:
    """The IMAP accounts, not yet started."""
    accounts = [
        ImapSettings(
            name=account.name,
            desk=account.desk or settings.desks[0].name,
            server=Server(
                host=account.host,
                port=account.port,
                security=account.tls,
                ca_file=account.ca_file,
                timeout_s=account.timeout_s,
            ),
            user=account.user,
            secret=account.secret,
            oauth=account.oauth,
            folder=account.folder,
            after=account.after,
            move_to=account.move_to,
            read_only=account.read_only,
            idle=account.idle,
            idle_s=account.idle_s,
            poll_s=account.poll_s,
            since=account.since,
            limit_bytes=_FETCH_FACTOR * settings.intake.message_bytes,
        )
        for account in settings.mailboxes
    ]
    return Polling(committer, accounts, intake.receive)
