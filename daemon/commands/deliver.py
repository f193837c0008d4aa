"""`firstline deliver`: one mail from standard input, for an MTA's pipe. Exit 0 stored, 75 try again."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime

import click

from daemon import logs
from daemon.channels.pipe import NO_SUCH_ADDRESS, STORED, Ending, PipeRefused, deliver_by_lmtp, ending_of, read_pipe
from daemon.commands.configured import configured
from daemon.core.address import Address, parse_path
from daemon.core.admission import desk_of
from daemon.core.digest import canonical_digest
from daemon.core.envelope import Channel, Envelope
from daemon.settings import Settings, policy, state_directory
from daemon.store.committer import Committer
from daemon.store.engine import open_engine
from daemon.store.inbound import Arrival
from daemon.store.migrate import require_current


@click.command("deliver")
@click.option("--sender", help="Envelope sender; empty is the null reverse-path. Default: unknown.")
@click.option("--recipient", help="Envelope recipient. Default: the first desk's address.")
@click.pass_obj
def command(config: str | None, *, sender: str | None, recipient: str | None) -> int:
    """Take one mail from standard input: to the running daemon's LMTP socket, else straight into the store.

    Every trouble of ours, a broken configuration among them, exits 75: an MTA then keeps the mail and tries again.
    """
    try:
        ending = _deliver(config, sender, recipient)
    except Exception as error:  # noqa: BLE001 - the channel's edge: whatever it is, the MTA must keep the mail
        ending = ending_of(error)
        if not isinstance(error, PipeRefused):
            click.echo(f"firstline: {type(error).__name__}: {error}", err=True)
    with suppress(OSError):
        click.echo(ending.line)
    sys.stdout.flush()
    return ending.code


def _deliver(config: str | None, sender: str | None, recipient: str | None) -> Ending:
    settings = configured(config)
    logs.configure("error", settings.log.format)
    raw = read_pipe(sys.stdin.buffer, settings.intake.message_bytes)
    made = policy(settings)
    to = parse_path(recipient) if recipient else made.desks[0].address
    desk = desk_of(to, made) if to is not None else None
    if to is None or desk is None:
        return NO_SUCH_ADDRESS
    if settings.lmtp.socket is not None:
        told = deliver_by_lmtp(settings.lmtp.socket, sender=sender, recipients=[str(to)], raw=raw)
        if told is not None:
            return told
    asyncio.run(_store(settings, _envelope(sender, to, desk), raw))
    return STORED


def _envelope(sender: str | None, to: Address, desk: str) -> Envelope:
    return Envelope(
        channel=Channel.PIPE,
        desk=desk,
        received_at=datetime.now(UTC),
        reverse_path=parse_path(sender) if sender else None,
        reverse_path_known=sender is not None,
        forward_paths=(to,),
        peer="",
        helo=os.environ.get("CLIENT_HOSTNAME", ""),
    )


async def _store(settings: Settings, envelope: Envelope, raw: bytes) -> None:
    """The same durable commit as the daemon's door; the daemon finds the mail in its table scan."""
    state_directory(settings)
    engine = open_engine(settings.state.database_url)
    try:
        require_current(engine)
        committer = Committer(engine)
        committer.start()
        try:
            message_id, digest = canonical_digest(raw)
            await committer.accept(Arrival(envelope=envelope, raw=raw, message_id=message_id, digest=digest))
        finally:
            await committer.close()
    finally:
        engine.dispose()
