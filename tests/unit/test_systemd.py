"""The conversation with systemd, over real sockets, and the hardening of the unit."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.systemd import listen_fds, notify, watchdog_interval
from tests.conftest import need_program

UNITS = Path(__file__).resolve().parents[2] / "systemd"


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_a_state_reaches_the_manager(tmp_path: Path, abstract: bool) -> None:
    """READY=1 arrives as one datagram, at a path or an abstract name."""
    name = f"\0firstline-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)

        sent = notify("READY=1\nSTATUS=listening", {"NOTIFY_SOCKET": name.replace("\0", "@")})

        assert sent
        assert manager.recv(1000) == b"READY=1\nSTATUS=listening"


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all"])
def test_without_a_manager_nothing_happens(address: str) -> None:
    """No systemd, or a dead one, never stops the daemon."""
    assert not notify("READY=1", {"NOTIFY_SOCKET": address})


def test_a_manager_that_does_not_read_never_blocks_us(tmp_path: Path) -> None:
    """A full queue loses the message instead of stopping the event loop."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "n"))
        environ = {"NOTIFY_SOCKET": str(tmp_path / "n")}

        assert not all(notify("WATCHDOG=1", environ) for _ in range(10_000))


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time(environ: dict[str, str], seconds: float | None) -> None:
    """Half of the limit, and only for the process it was set for."""
    assert watchdog_interval(environ) == seconds


def test_sockets_are_taken_over_by_name() -> None:
    """A process started with descriptors from 3 on gets them by name, non-blocking and not inherited further."""
    code = (
        "import os; os.environ['LISTEN_PID'] = str(os.getpid())\n"
        "from daemon.systemd import listen_fds\n"
        "for name, found in listen_fds().items():\n"
        "    for one in found: print(name, one.getsockname()[1], one.getblocking(), one.get_inheritable())\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = [one.getsockname()[1], two.getsockname()[1]]
        command = f'exec {sys.executable} -c "$CODE" 3<&{one.fileno()} 4<&{two.fileno()}'
        environ = {**os.environ, "CODE": code, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "smtp:lmtp"}

        done = subprocess.run(
            ["bash", "-c", command],
            pass_fds=[one.fileno(), two.fileno()],
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )

    assert done.stdout.splitlines() == [f"smtp {ports[0]} False False", f"lmtp {ports[1]} False False"]


@pytest.mark.parametrize(
    "environ",
    [{}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}, {"LISTEN_FDS": "x", "LISTEN_PID": str(os.getpid())}],
    ids=["none", "another process", "nonsense"],
)
def test_descriptors_of_others_are_left_alone(environ: dict[str, str]) -> None:
    """Only what was handed to this very process is taken."""
    assert listen_fds(environ) == {}


def test_the_unit_is_hardened() -> None:
    """systemd's own estimate of what the service could do stays at 1.2 of 10 or below (a bare unit: 9.2)."""
    analyze = need_program("systemd-analyze")

    done = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", str(UNITS / "firstline.service")],
        capture_output=True,
        text=True,
        check=False,
    )

    found = re.search(r"Overall exposure level for firstline.service: ([0-9.]+)", done.stdout)
    assert found, done.stdout[-500:] + done.stderr
    assert float(found[1]) <= 1.2


def test_the_unit_stops_for_good_on_a_configuration_fault() -> None:
    """Exit 78 is not tried again, readiness and watchdog are on, no secret stands in the unit."""
    lines = (UNITS / "firstline.service").read_text().splitlines()

    assert {"Type=notify", "WatchdogSec=30", "RestartPreventExitStatus=78", "CapabilityBoundingSet="} <= set(lines)


@pytest.mark.parametrize(("unit", "name"), [("firstline.socket", "smtp"), ("firstline-lmtp.socket", "lmtp")])
def test_the_socket_units_name_what_they_hand_over(unit: str, name: str) -> None:
    """The daemon knows its sockets by these names."""
    assert f"FileDescriptorName={name}" in (UNITS / unit).read_text().splitlines()
