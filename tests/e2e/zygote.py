"""A process that has imported the daemon and forks a fresh one per command: kill tests need hundreds of starts.

What runs in the fork is `firstline` as it is: its command line, its configuration, its worker processes (spawned as
always). Only the imports are shared. The environment counts as at a normal start: `daemon.crash` reads it anew.
Speaks one JSON object per line; when its own input ends it kills what it started and ends.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import traceback
from typing import Any


def main() -> None:
    """Serve requests: `{"argv", "env", "out", "err", "mutant"}` → `{"pid"}`, `{"wait": pid}` → `{"code"}`."""
    _import_everything()
    children: set[int] = set()
    _say(ready=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            code = _reap(request["wait"])
            if code is not None:
                children.discard(request["wait"])
            _say(code=code, number=request["number"])
            continue
        pid = os.fork()
        if pid == 0:
            _become(request)
        children.add(pid)
        _say(pid=pid, number=request["number"])
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _say(**answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _import_everything() -> None:
    for name in (
        "daemon.cli",
        "daemon.commands.run",
        "daemon.commands.audit",
        "daemon.commands.migrate",
        "babel.dates",
    ):
        importlib.import_module(name)


def _reap(pid: int) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _become(request: dict[str, Any]) -> None:
    """Be the command to its end; never returns."""
    code = 70
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        out, err = (os.open(request[key], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) for key in ("out", "err"))
        for target, source in ((0, nothing), (1, out), (2, err)):
            os.dup2(source, target)
        sys.stdin = os.fdopen(0, closefd=False)
        os.environ.update(request["env"])
        sys.argv = ["firstline", *request["argv"]]
        from daemon import cli, crash

        importlib.reload(crash)
        if request.get("mutant"):
            from tests.faults import mutants

            mutants.apply(request["mutant"])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
    except BaseException:  # noqa: BLE001 - said where the test looks; the code says that it was a bug
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
