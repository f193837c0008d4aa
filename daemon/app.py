"""The only place that knows everything: builds the objects, runs them, reloads them, drains them.

Start: lock the state directory, check the schema, take back our own leases, start a reader, then the
loops, then the door last. Stop: close the door first, finish or give back what is under way, close
the store last; under ten seconds. A second SIGTERM ends it at once: everything is durable anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import structlog

from daemon import systemd
from daemon.build import make_listener, make_polling, make_reader, make_relay, model_of
from daemon.channels.smtp import Listener, bind_tcp, bind_unix
from daemon.core.admission import Bounds as AdmissionBounds
from daemon.core.policy import Policy
from daemon.errors import FirstlineError, Misconfigured, Unavailable
from daemon.loops.agenda import AgendaLoop
from daemon.loops.current import Current
from daemon.loops.deliver import DeliverLoop, Sending
from daemon.loops.digest import DigestLoop
from daemon.loops.intake import Intake
from daemon.loops.poll import Polling
from daemon.loops.settle import Observer, SettleLoop
from daemon.loops.tick import TickLoop
from daemon.loops.wake import Wake
from daemon.reader.pool import ReaderPool
from daemon.render import Renderer
from daemon.settings import Settings, policy, state_directory
from daemon.store.committer import Committer
from daemon.store.engine import is_sqlite, open_engine
from daemon.store.migrate import require_current
from daemon.store.recover import recover

log = structlog.get_logger(__name__)

_DRAIN_LOOPS_S = 3.0
_MODEL_POLL_S = 2.0


def lock_state(directory: Path) -> IO[str]:
    """The lock that makes this node's name its alone. Raises Misconfigured when another daemon has it."""
    file = (directory / "lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise Misconfigured(f"state directory {directory} is in use by another running firstline") from None
    return file


def is_running(directory: Path) -> bool:
    """True when a daemon holds the lock of this state directory."""
    try:
        with lock_state(directory):
            return False
    except Misconfigured:
        return True
    except OSError:  # no such directory yet, or not ours to read: nobody we could know of
        return False


def _spoken(name: object) -> str:
    """A socket's own name as an admin writes it."""
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else str(name)


class Daemon:
    """One node, from start to drain. `observer` hears of every settled mail (the demo shows them)."""

    def __init__(
        self, settings: Settings, *, reload: Callable[[], Settings] | None = None, observer: Observer | None = None
    ) -> None:
        self._settings = settings
        self._reload = reload
        self._observer = observer
        self._stop = asyncio.Event()
        self._listeners: list[Listener] = []
        self._current: Current | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._swapping = asyncio.Lock()
        self.ready = asyncio.Event()
        self.doors: list[tuple[str, str]] = []  # (protocol, address) of every open door

    async def run(self) -> None:
        """Serve until `stop`. Raises Misconfigured or Unavailable when it cannot start."""
        directory = state_directory(self._settings)
        with lock_state(directory):
            engine = await asyncio.to_thread(open_engine, self._settings.state.database_url)
            try:
                await asyncio.to_thread(require_current, engine)
                committer = Committer(engine)
                committer.start()
                try:
                    await self._serve(committer, directory if is_sqlite(engine) else None)
                finally:
                    await committer.close()
            finally:
                engine.dispose()

    def stop(self) -> None:
        """Drain and end; a second call ends it at once: all that was promised is on disk."""
        if self._stop.is_set():
            log.warning("daemon.killed", why="a second stop", next="leases end by themselves")
            os._exit(0)
        self._stop.set()

    def handle_signals(self) -> None:
        """SIGTERM and SIGINT stop, SIGHUP reloads."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)

    def _on_hangup(self) -> None:
        task = asyncio.get_running_loop().create_task(self.reload(), name="reload")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def reload(self) -> None:
        """Validate, then swap policy, templates and reader between two mails; on an error keep what is in use."""
        if self._reload is None or self._current is None:
            return
        async with self._swapping:
            await self._reload_into(self._current, self._reload)

    async def _reload_into(self, target: Current, reload: Callable[[], Settings]) -> None:
        systemd.notify("RELOADING=1")
        try:
            settings = await asyncio.to_thread(reload)
            current = await self._prepare(settings)
            if current[2].note and not target.reader.note:
                await current[2].close()
                raise Misconfigured(current[2].note)
            for listener in self._listeners:
                listener.reload_certificate()
        except FirstlineError as error:
            log.error("daemon.reload_refused", why=str(error), next="the old configuration stays in use")  # noqa: TRY400
        else:
            if self._needs_restart(settings):
                log.warning(
                    "daemon.reload_partial", why="addresses, database or relay changed", next="restart for these"
                )
            old, self._settings = target.reader, settings
            target.policy, target.renderer, target.reader = current
            log.info("daemon.reloaded", config=",".join(settings.sources), model=target.reader.model_id)
            await old.retire()
        finally:
            systemd.notify("READY=1")

    async def _follow_model(self, current: Current) -> None:
        """Take over a newly activated model within seconds and between two mails; a broken one changes nothing."""
        seen = current.reader.model
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _MODEL_POLL_S)
            wanted = await asyncio.to_thread(model_of, self._settings)
            if wanted not in {seen, current.reader.model} and not self._stop.is_set():
                async with self._swapping:
                    await self._take_over(current)
            seen = wanted

    async def _take_over(self, current: Current) -> None:
        """The old reader works until the new one is ready; mails it has in hand are finished by it."""
        fresh = make_reader(self._settings, current.policy)
        try:
            await fresh.start()
        except Unavailable as error:
            log.error("daemon.model_refused", why=str(error), next="the old model goes on")  # noqa: TRY400
            await fresh.close()
            return
        if fresh.note:
            log.error("daemon.model_refused", why=fresh.note, next="the old model goes on")
            await fresh.close()
            return
        old, current.reader = current.reader, fresh
        log.info("daemon.model_changed", before=old.model_id, model=fresh.model_id)
        await old.retire()

    def _needs_restart(self, settings: Settings) -> bool:
        old = self._settings
        return any(
            getattr(old, part) != getattr(settings, part)
            for part in ("state", "smtp", "lmtp", "relay", "imap", "intake")
        )

    async def _prepare(self, settings: Settings) -> tuple[Policy, Renderer, ReaderPool]:
        made = await asyncio.to_thread(policy, settings)
        renderer = await asyncio.to_thread(Renderer, settings.templates.directory)
        reader = make_reader(settings, made)
        await reader.start()
        return made, renderer, reader

    async def _serve(self, committer: Committer, directory: Path | None) -> None:
        settings = self._settings
        owner = f"{socket.gethostname()}:{settings.state.directory}"
        now = datetime.now(UTC)
        left = await committer.run(lambda tx: recover(tx, owner=owner, now=now))
        made, renderer, reader = await self._prepare(settings)
        current = self._current = Current(policy=made, renderer=renderer, reader=reader)
        log.info("daemon.starting", left_over=left, model=reader.model_id, config=",".join(settings.sources))
        wake, outbox_wake, clock_wake, digest_wake, agenda_wake = (Wake(self._stop) for _ in range(5))
        intake = Intake(
            committer,
            lambda: current.policy,
            AdmissionBounds(message_bytes=settings.intake.message_bytes, backlog=settings.intake.backlog),
            wake,
            directory=directory,
            reserve_bytes=settings.intake.reserve_mb * 1_000_000,
        )
        sending = Sending(retry=settings.relay.retry, null_reverse_path=settings.relay.reverse_path == "null")
        deliver = DeliverLoop(committer, make_relay(settings), sending, outbox_wake, owner=owner)
        settlers = [
            SettleLoop(committer, current, wake, outbox_wake, owner=owner, observer=self._observer)
            for _ in range(max(1, reader.workers))
        ]
        ticker = TickLoop(committer, current, clock_wake, outbox_wake, owner=owner)
        polling = make_polling(settings, committer, intake)
        loops = [
            asyncio.create_task(work, name=name)
            for name, work in (
                *((f"settle-{index}", settler.run()) for index, settler in enumerate(settlers)),
                ("deliver", deliver.run()),
                ("tick", ticker.run()),
                ("digest", DigestLoop(committer, current, digest_wake, outbox_wake).run()),
                ("agenda", AgendaLoop(committer, current, agenda_wake, outbox_wake).run()),
                ("intake", intake.watch(self._stop)),
                ("polling", polling.tell(self._stop)),
                ("watchdog", self._watchdog()),
                ("model", self._follow_model(current)),
            )
        ]
        try:
            await self._open_doors(settings, intake)
            polling.start()
            self.ready.set()
            systemd.notify("READY=1")
            log.info("daemon.ready")
            await self._until_stopped(loops)
        finally:
            systemd.notify("STOPPING=1")
            await self._close(loops, polling, current)

    async def _until_stopped(self, loops: list[asyncio.Task[None]]) -> None:
        """Until the stop, or until a loop ends by itself, which only a bug of ours can do."""
        stopped = asyncio.create_task(self._stop.wait(), name="stop")
        done, _ = await asyncio.wait({stopped, *loops}, return_when=asyncio.FIRST_COMPLETED)
        if stopped not in done:
            stopped.cancel()
            broken = next(iter(done))
            log.critical("daemon.loop_ended", loop=broken.get_name(), exc_info=broken.exception())
            raise Unavailable(f"the {broken.get_name()} loop ended by itself; the log says why")

    async def _open_doors(self, settings: Settings, intake: Intake) -> None:
        given = systemd.listen_fds()
        for lmtp, section in ((False, settings.smtp), (True, settings.lmtp)):
            sockets = given.pop("lmtp" if lmtp else "smtp", [])
            sockets += [bind_tcp(endpoint.host, endpoint.port) for endpoint in section.listen]
            if section.socket is not None:
                sockets.append(bind_unix(section.socket, mode=int(section.socket_mode, 8)))
            if not sockets:
                continue
            listener = make_listener(settings, intake, lmtp=lmtp)
            self._listeners.append(listener)
            for bound in sockets:
                await listener.serve(bound)
                door = ("lmtp" if lmtp else "smtp", _spoken(bound.getsockname()))
                self.doors.append(door)
                log.info("door.open", protocol=door[0], address=door[1])
        for name in given:
            log.warning("door.unknown_socket", name=name, next="name it smtp or lmtp in the unit")

    async def _watchdog(self) -> None:
        """Tell systemd that the event loop turns; its silence is how a hang is noticed."""
        interval = systemd.watchdog_interval()
        while not self._stop.is_set():
            systemd.notify("WATCHDOG=1")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), interval)

    async def _close(self, loops: list[asyncio.Task[None]], polling: Polling, current: Current) -> None:
        """Door first, then loops, then reader; what does not end in time is cancelled and keeps its lease."""
        self._stop.set()
        await asyncio.gather(polling.stop(), *(listener.stop() for listener in self._listeners))
        _, late = await asyncio.wait(loops, timeout=_DRAIN_LOOPS_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await current.reader.close()
        log.info("daemon.stopped", cancelled=len(late))
