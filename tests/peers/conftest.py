"""Real servers on loopback: Dovecot, Postfix (root), smtp-sink. Each in a directory and on ports of its own."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
from imapclient import IMAPClient

from tests.conftest import need_program, need_root
from tests.ports import free_port

HERE = Path(__file__).parent
_START_S = 15.0


def wait_for_port(port: int, seconds: float = _START_S) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def fill(template: str, target: Path, **words: object) -> Path:
    text = (HERE / template).read_text()
    for name, value in words.items():
        text = text.replace(f"@{name}@", str(value))
    target.write_text(text)
    return target


def bound_to_us(*command: object) -> list[str]:
    """The command so that it ends with this process, however a test run ends (a killed run leaves no servers)."""
    keeper = shutil.which("setpriv")
    return [*([keeper, "--pdeathsig", "TERM"] if keeper else []), *map(str, command)]


@pytest.fixture(scope="session")
def short_dir() -> Iterator[Path]:
    """A temporary directory with a short name: socket paths end at 107 characters."""
    path = Path(tempfile.mkdtemp(prefix="fl-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


# -- Dovecot ---------------------------------------------------------------------------------------------------------


@dataclass
class Dovecot:
    """A running Dovecot: any user, password `pw`. Take a fresh user per test."""

    directory: Path
    port: int
    lmtp_port: int
    config: Path

    def user(self) -> str:
        return f"u{uuid4().hex[:10]}"

    def client(self, user: str) -> IMAPClient:
        """A person's own mail program in the same mailbox."""
        client = IMAPClient("127.0.0.1", port=self.port, ssl=False, timeout=10)
        client.login(user, "pw")
        return client

    def append(
        self, user: str, *mails: bytes, folder: str = "INBOX", flags: tuple[bytes, ...] = (), **more: object
    ) -> None:
        with self.client(user) as client:
            if folder != "INBOX" and not client.folder_exists(folder):
                client.create_folder(folder)
            for mail in mails:
                client.append(folder, mail, flags=flags, **more)

    def deliver(self, user: str, mail: bytes, sender: str = "ann@example.net") -> None:
        """As an MTA does: over LMTP, with Return-Path and Delivered-To."""
        with smtplib.LMTP("127.0.0.1", self.lmtp_port, timeout=10) as lmtp:
            lmtp.sendmail(sender, [f"{user}@example.com"], mail)

    def kick(self, user: str) -> None:
        """Drop all sessions of this user, as a restart or an administrator would."""
        subprocess.run(["doveadm", "-c", str(self.config), "kick", user], check=False, capture_output=True)

    def maildir(self, user: str) -> Path:
        return self.directory / "mail" / user

    def forget_uids(self, user: str) -> None:
        """Change the UIDVALIDITY of the inbox: all UIDs start anew."""
        self.kick(user)
        for path in [*self.maildir(user).glob("dovecot-uidlist*"), *self.maildir(user).glob("dovecot.*")]:
            path.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def dovecot(short_dir: Path) -> Iterator[Dovecot]:
    """Dovecot with IMAP and LMTP, as root or without rights."""
    program = need_program("dovecot")
    root = os.geteuid() == 0
    directory = short_dir / "dovecot"
    for name in ("run", "mail"):
        (directory / name).mkdir(parents=True)
    if root:
        shutil.chown(directory / "mail", "nobody", "nogroup")
    ports = {"IMAP_PORT": free_port(), "LMTP_PORT": free_port()}
    template = "dovecot-root.conf.in" if root else "dovecot-unprivileged.conf.in"
    whoami = {
        "UID": os.getuid(),
        "GID": os.getgid(),
        "USER": pwd.getpwuid(os.getuid()).pw_name,
        "GROUP": grp.getgrgid(os.getgid()).gr_name,
    }
    config = fill(template, directory / "dovecot.conf", DIR=directory, **ports, **whoami)
    process = subprocess.Popen(bound_to_us(program, "-F", "-c", config), start_new_session=True)
    try:
        wait_for_port(ports["IMAP_PORT"])
        wait_for_port(ports["LMTP_PORT"])
        yield Dovecot(directory=directory, port=ports["IMAP_PORT"], lmtp_port=ports["LMTP_PORT"], config=config)
    finally:
        process.terminate()
        process.wait(10)


# -- smtp-sink -------------------------------------------------------------------------------------------------------


@dataclass
class Sink:
    """A running smtp-sink that writes each mail it takes into a file."""

    port: int
    directory: Path
    process: subprocess.Popen[bytes]

    def mails(self) -> list[bytes]:
        """What was taken, the dump's own X- fields first."""
        return [path.read_bytes() for path in sorted(self.directory.glob("m.*"))]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


StartSink = Callable[..., Sink]


@pytest.fixture
def start_sink(tmp_path: Path) -> Iterator[StartSink]:
    """Start smtp-sink with these options, for instance `-q .` (drops after the final dot) or `-r RCPT` (4xx)."""
    program = need_program("smtp-sink")
    running: list[Sink] = []

    def start(*options: str, port: int | None = None) -> Sink:
        port = port or free_port()
        directory = Path(tempfile.mkdtemp(prefix="sink-", dir=tmp_path))
        command = [str(program), *options, "-d", f"{directory}/m.", f"127.0.0.1:{port}", "256"]
        if os.geteuid() == 0:
            command[1:1] = ["-u", "root"]
        process = subprocess.Popen(bound_to_us(*command), start_new_session=True, stdout=subprocess.DEVNULL)
        running.append(Sink(port=port, directory=directory, process=process))
        wait_for_port(port)
        return running[-1]

    yield start
    for sink in running:
        sink.stop()


# -- Postfix ---------------------------------------------------------------------------------------------------------


@dataclass
class Postfix:
    """A running Postfix: help@example.com (any @example.com) goes to LMTP, everything else to a sink."""

    directory: Path
    port: int
    running: bool = field(default=True)

    def log(self) -> str:
        path = self.directory / "mail.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def sent(self) -> list[str]:
        return [line for line in self.log().splitlines() if "status=sent" in line]

    def queue(self) -> str:
        command = ["postqueue", "-c", str(self.directory / "etc"), "-p"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def flush(self) -> None:
        subprocess.run(["postqueue", "-c", str(self.directory / "etc"), "-f"], check=False, capture_output=True)

    def stop(self) -> None:
        """Stop it now; does nothing the second time."""
        if not self.running:
            return
        self.running = False
        pid_file = self.directory / "spool" / "pid" / "master.pid"
        with suppress(FileNotFoundError, ValueError):
            pid = int(pid_file.read_text())
            subprocess.run(["postfix", "-c", str(self.directory / "etc"), "stop"], check=False, capture_output=True)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


StartPostfix = Callable[..., Postfix]


@pytest.fixture
def start_postfix() -> Iterator[StartPostfix]:
    """`start_postfix(lmtp="inet:127.0.0.1:PORT" or "unix:/path", sink_port=…)`; root only."""
    need_program("postfix")
    need_root()
    running: list[Postfix] = []

    def start(*, lmtp: str, sink_port: int, extra: str = "") -> Postfix:
        directory = Path(tempfile.mkdtemp(prefix="pf-", dir="/tmp"))
        directory.chmod(0o755)
        for name in ("etc", "spool", "data"):
            (directory / name).mkdir()
        shutil.chown(directory / "data", "postfix")
        port = free_port()
        main = fill("postfix-main.cf.in", directory / "etc" / "main.cf", DIR=directory, LMTP=lmtp, SINK_PORT=sink_port)
        main.write_text(main.read_text() + extra + "\n")
        fill("postfix-master.cf.in", directory / "etc" / "master.cf", SMTP_PORT=port)
        started = subprocess.run(
            ["postfix", "-c", str(directory / "etc"), "start"], capture_output=True, text=True, check=False
        )
        assert started.returncode == 0, started.stderr
        running.append(Postfix(directory=directory, port=port))
        wait_for_port(port)
        return running[-1]

    yield start
    for postfix in running:
        postfix.stop()
        shutil.rmtree(postfix.directory, ignore_errors=True)
