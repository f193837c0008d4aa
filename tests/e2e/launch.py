"""How a test starts the daemon: by its command, as an admin does, or as a fork of the zygote, which costs a fifth.

Both give something that can be waited for, signalled and killed. Test files that prove the command itself use
`by_command`; those that need many starts use a `Zygote`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol


class Process(Protocol):
    """The part of `subprocess.Popen` that a stage needs."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...
    def kill(self) -> None: ...
    def send_signal(self, number: int) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...


class Launcher(Protocol):
    def start(self, argv: Sequence[str], environ: Mapping[str, str], *, out: Path, err: Path) -> Process: ...


class ByCommand:
    """`python -m daemon …`, a new interpreter each time."""

    def start(self, argv: Sequence[str], environ: Mapping[str, str], *, out: Path, err: Path) -> Process:
        with out.open("ab") as stdout, err.open("ab") as stderr:
            return subprocess.Popen(
                [sys.executable, "-m", "daemon", *argv],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={**os.environ, **environ},
            )


def run(
    launcher: Launcher, argv: Sequence[str], environ: Mapping[str, str] | None = None, timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    """A verb to its end, with what it said."""
    with tempfile.TemporaryDirectory(prefix="fl-verb-") as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = launcher.start(argv, environ or {}, out=out, err=err)
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(
            list(argv), code, out.read_text(errors="replace"), err.read_text(errors="replace")
        )


class Zygote:
    """The client of `tests.e2e.zygote`; usable from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        try:
            self._read()  # it is ready
        except BaseException:
            self.close()
            raise

    def start(
        self, argv: Sequence[str], environ: Mapping[str, str], *, out: Path, err: Path, mutant: str = ""
    ) -> Process:
        """`mutant` names a fault of `tests.faults.mutants` that is put into the product first."""
        pid = self.ask(argv=list(argv), env=dict(environ), out=str(out), err=str(err), mutant=mutant)["pid"]
        assert pid is not None
        return Fork(self, pid)

    def ask(self, **request: object) -> dict[str, int | None]:
        with self._lock:
            self._number += 1
            self._process.stdin.write(json.dumps({**request, "number": self._number}) + "\n")
            self._process.stdin.flush()
            while (answer := self._read())["number"] != self._number:
                continue  # of a question whose test was cut off by its time limit
            return answer

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()

    def _read(self) -> dict:
        line = self._process.stdout.readline()
        assert line, "the zygote ended"
        return json.loads(line)


class Fork:
    """A process the zygote forked."""

    def __init__(self, zygote: Zygote, pid: int) -> None:
        self._zygote = zygote
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._zygote.ask(wait=self.pid)["code"]
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        end = time.monotonic() + (timeout or 3600)
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 3600)
            time.sleep(0.01)
        return code
