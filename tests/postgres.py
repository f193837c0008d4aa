"""A private PostgreSQL for tests: one cluster per session, one fresh database per test.

`initdb` refuses root, so as root it runs as `postgres` (or `nobody`). It listens on a Unix socket
only, in a directory of its own; the data lies in memory where there is room, so that `fsync` and
`synchronous_commit` stay on (the daemon refuses a server without them) and cost nothing.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from tests.conftest import missing_peer

_ROOM_BYTES = 400_000_000
_SETTINGS = (
    "listen_addresses=''",
    "unix_socket_permissions=0777",
    "max_connections=60",
    "shared_buffers=32MB",
    "min_wal_size=32MB",
    "max_wal_size=64MB",
    "synchronous_commit=on",
    "autovacuum=off",
    "deadlock_timeout=200ms",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A running server. `directory` holds its data and its socket."""

    binaries: Path
    directory: Path

    def url(self, database: str = "postgres") -> str:
        """The URL of one of its databases, as a configuration would name it."""
        return f"postgresql+psycopg://firstline@/{database}?host={self.directory}"

    @contextlib.contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """The URL of a new database that is dropped at the end."""
        name = f"t{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @property
    def pid(self) -> int:
        """The server's process."""
        return int((self.directory / "data" / "postmaster.pid").read_text().split()[0])

    def execute(self, statement: str) -> None:
        """Run one statement outside of any transaction."""
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server: `immediate` is a crash, `fast` an orderly end."""
        self.control("stop", "-m", mode)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-k {self.directory} " + " ".join(f"-c {setting}" for setting in _SETTINGS)
        self.control("start", "-l", str(self.directory / "log"), "-o", options)

    def control(self, *arguments: str) -> None:
        """`pg_ctl`, as the cluster's user."""
        run([str(self.binaries / "pg_ctl"), "-w", "-s", "-D", str(self.directory / "data"), *arguments])


def run(command: list[str]) -> None:
    """Run a PostgreSQL program as a user it accepts; its words are in the error."""
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        entry = _user()
        user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    with tempfile.TemporaryFile() as said:  # a pipe would stay open in the server and never end
        code = subprocess.run(command, cwd="/", stdout=said, stderr=said, check=False, **user).returncode
        said.seek(0)
        if code:
            raise RuntimeError(f"{command[0]}: {said.read().decode(errors='replace')}")


@contextlib.contextmanager
def cluster(where: Path | None = None) -> Iterator[Cluster]:
    """A running cluster with its data below `where` (default: in memory); skips where there is no PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found and (elsewhere := shutil.which("initdb")):
        found = [Path(elsewhere)]
    if not found:
        missing_peer("needs PostgreSQL")
    directory = Path(tempfile.mkdtemp(prefix="flpg-", dir=where or _roomy()))
    if os.geteuid() == 0:
        os.chown(directory, _user().pw_uid, _user().pw_gid)
    directory.chmod(0o755)
    made = Cluster(binaries=found[-1].parent, directory=directory)
    arguments = ("-A", "trust", "-U", "firstline", "-E", "UTF8", "--locale=C", "--no-sync")
    try:
        run([str(found[-1]), "-D", str(directory / "data"), *arguments])
        made.start()
        try:
            yield made
        finally:
            with contextlib.suppress(RuntimeError):  # a test may have stopped it
                made.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("neither a user postgres nor nobody")


def _roomy() -> str:
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM_BYTES:
        return str(memory)
    return tempfile.gettempdir()
