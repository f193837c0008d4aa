"""`firstline demo`: the whole job on made-up mail, with the real daemon, on loopback, in a temporary place."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import signal
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiosmtplib
import click

from daemon import logs, resources
from daemon.app import Daemon
from daemon.channels.door import Admission, Admitted
from daemon.channels.smtp import Doorway, Listener, bind_tcp
from daemon.commands.configured import demo_settings
from daemon.commands.mailfile import MailFile, find
from daemon.commands.outcome import OutcomeLine, line_of, words_for
from daemon.core.address import Address
from daemon.core.digest import canonical_digest
from daemon.core.envelope import Acceptance, Envelope, Receipt
from daemon.errors import Unavailable
from daemon.loops.settle import Settled
from daemon.store.engine import open_engine
from daemon.store.inbound import Claimed
from daemon.store.migrate import migrate

_LOOPBACK = "127.0.0.1"
_PATIENCE_S = 60.0
_DUPLICATE_TEXT = "stored before"  # what the door says of a mail it has (core.disposition)


@click.command("demo")
@click.option("--once", is_flag=True, help="End after the set of mails instead of staying up.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per mail, as test-message prints it.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Folder for state and answers.")
def command(*, once: bool, as_json: bool, keep: Path | None) -> None:
    """Run the daemon on loopback, feed it a varied set of mails, show what happened to each."""
    logs.configure("error", "text")
    # Not removed at the end: one wants to open the answers then.
    place = keep or Path(tempfile.mkdtemp(prefix="firstline-demo-"))
    place.mkdir(parents=True, exist_ok=True)
    asyncio.run(_demo(place, once=once, as_json=as_json))


@dataclass(slots=True)
class Sink:
    """A relay that keeps what it is given as files one can open."""

    folder: Path
    mails: list[Path] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self, envelope: Envelope, raw: bytes) -> Receipt:
        number = len(self.mails) + 1
        to = str(envelope.forward_paths[0]).partition("@")[0]
        path = self.folder / f"{number:02}-to-{''.join(c for c in to if c.isalnum() or c in '.-')[:40]}.eml"
        # The sink's own Received field comes first; the answer begins behind it.
        await asyncio.to_thread(path.write_bytes, raw)
        self.mails.append(path)
        self.arrived.set()
        return Receipt(inbound_id=number, acceptance=Acceptance.NEW)

    def admit(self, recipient: Address, size: int) -> Admission:
        del recipient, size
        return Admitted(desk="sink")


class Stage:
    """What the demo knows while it runs: which mail was which, what became of each, how many answers are due."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._names: dict[str, tuple[str, float]] = {}
        self.settled = 0
        self.queued = 0
        self.unseen = False
        self.progress = asyncio.Event()

    def sent(self, message_id: str, name: str) -> None:
        self._names[message_id] = (name, time.perf_counter())

    def duplicate(self, name: str, seconds: float) -> None:
        self._show(
            OutcomeLine(path=name, outcome="duplicate", ack=False, reason="duplicate", seconds=round(seconds, 4))
        )

    def observe(self, claimed: Claimed, settled: Settled) -> None:
        """Called by the settle loop after the commit of each mail."""
        name, begun = self._names.get(claimed.message_id, ("(your mail)", time.perf_counter()))
        self.settled += 1
        self.queued += len(settled.enacted.queued)
        try:
            self._show(line_of(name, settled, time.perf_counter() - begun))
        except BrokenPipeError:  # `firstline demo | head`: the reader has seen enough, the settle loop must not suffer
            self.unseen = True
        self.progress.set()

    def _show(self, line: OutcomeLine) -> None:
        if self._as_json:
            click.echo(json.dumps(line.as_dict()))
            return
        click.secho(f"{line.path}", bold=True, nl=False)
        click.echo(f"  {line.sender}  {line.subject[:60]}")
        if line.outcome == "ticket":
            guess = "  (not sure: a person decides)" if line.abstained else ""
            sure = f"{line.confidence:.0%}" if line.confidence is not None else "not classified"
            click.echo(f"    ticket {line.reference}  {line.category}, tier {line.tier}, {sure}{guess}")
        else:
            click.echo(f"    {line.outcome} {line.reference}  {words_for(line)}")
        if line.ack:
            click.secho(f"    acknowledged: a person answers by {line.promise}", fg="green")
        elif line.outcome == "ticket":
            click.secho(f"    no acknowledgment: {words_for(line)}", fg="yellow")


async def _demo(place: Path, *, once: bool, as_json: bool) -> None:
    answers = place / "answers"
    answers.mkdir(exist_ok=True)
    sink = Sink(folder=answers)
    stage = Stage(as_json=as_json)
    async with AsyncExitStack() as stack:
        outgoing = Listener(Doorway(host="sink.desk.example"), receive=sink.receive, admit=sink.admit)
        stack.push_async_callback(outgoing.stop)
        bound = bind_tcp(_LOOPBACK, 0)
        await outgoing.serve(bound)
        settings = demo_settings(
            {
                "state.directory": str(place / "state"),
                "smtp.listen": [f"{_LOOPBACK}:0"],
                "relay.host": _LOOPBACK,
                "relay.port": bound.getsockname()[1],
            }
        )
        (place / "state").mkdir(exist_ok=True)
        await asyncio.to_thread(_migrate, settings.state.database_url)
        daemon = Daemon(settings, observer=stage.observe)
        running = asyncio.create_task(daemon.run(), name="daemon")
        stack.push_async_callback(_end, daemon, running)
        await _first(running, daemon.ready.wait())
        port = int(next(address for protocol, address in daemon.doors if protocol == "smtp").rpartition(":")[2])
        if not as_json:
            click.echo(f"The daemon listens on {_LOOPBACK}:{port}, its answers go to a sink on loopback.\n")
        await _first(running, _feed(stage, sink, settings.desks[0].address, port))
        if not as_json:
            _summary(sink, answers)
        if not once:
            await _stay(running, settings.desks[0].address, port, as_json=as_json)


def _migrate(url: str) -> None:
    engine = open_engine(url)
    try:
        migrate(engine)
    finally:
        engine.dispose()


async def _first(running: asyncio.Task[None], work: Coroutine[Any, Any, object]) -> None:
    """Wait for `work`, unless the daemon ends before it: then its reason is ours."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({running, task}, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        running.result()
        raise Unavailable("the daemon ended before the demo did")
    task.result()


async def _end(daemon: Daemon, running: asyncio.Task[None]) -> None:
    if not running.done():
        daemon.stop()
    with suppress(asyncio.CancelledError):
        await running


async def _feed(stage: Stage, sink: Sink, desk: Address, port: int) -> None:
    """Send the set one by one, each when the one before is settled, so that the story reads in order."""
    mails = [mail for mail in find(resources.folder("config") / "demo") if mail.path.endswith(".eml")]
    expected = 0
    for mail in mails:
        name = Path(mail.path).stem
        raw = mail.raw.partition(b"\n")[2] if mail.raw.lower().startswith(b"return-path:") else mail.raw
        stage.sent(canonical_digest(raw)[0], name)
        begun = time.perf_counter()
        reply = await _send(mail, raw, desk, port)
        if _DUPLICATE_TEXT in reply:
            stage.duplicate(name, time.perf_counter() - begun)
            continue
        expected += 1
        await _until(lambda: stage.settled >= expected, stage.progress)  # noqa: B023 - awaited before it changes
        if stage.unseen:
            raise BrokenPipeError
    await _until(lambda: len(sink.mails) >= stage.queued, sink.arrived)


async def _send(mail: MailFile, raw: bytes, desk: Address, port: int) -> str:
    async with aiosmtplib.SMTP(hostname=_LOOPBACK, port=port, start_tls=False, use_tls=False) as client:
        _, reply = await client.sendmail(mail.sender or "", [str(desk)], raw)
    return reply


async def _until(done: Callable[[], bool], progress: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while not done():
                progress.clear()
                if not done():
                    await progress.wait()
    except TimeoutError:
        raise Unavailable(f"nothing moved for {_PATIENCE_S:.0f} s; run it again with more quiet") from None


def _summary(sink: Sink, answers: Path) -> None:
    first = next((path for path in sink.mails if b"Auto-Submitted: auto-replied" in path.read_bytes()), None)
    if first is not None:
        message = email.message_from_bytes(first.read_bytes(), policy=email.policy.default)
        body = message.get_body(("plain",))
        click.echo(f"\nThe first acknowledgment ({first}):\n")
        click.echo(f"    Subject: {message['subject']}\n")
        click.echo("\n".join(f"    {line}" for line in str(body.get_content() if body else "").splitlines()))
    click.echo(f"\n{len(sink.mails)} mails were sent; each is a file in {answers}")


async def _stay(running: asyncio.Task[None], desk: Address, port: int, *, as_json: bool) -> None:
    """Up until Ctrl-C, so that one can send one's own mail."""
    if not as_json:
        click.echo("\nSend your own, for example with")
        click.echo(
            f"    swaks --server {_LOOPBACK}:{port} --to {desk} --from you@your.example --header 'Subject: Help'"
        )
        click.echo("or")
        click.echo(
            f"    python3 -c \"import smtplib; s = smtplib.SMTP('{_LOOPBACK}', {port}); "
            f"s.sendmail('you@your.example', '{desk}', "
            "'From: you@your.example\\nSubject: Help\\n\\nMy printer is on fire.')\""
        )
        click.echo("Ctrl-C ends it.\n")
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
