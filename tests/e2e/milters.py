"""Debian's opendkim and opendmarc as verifying milters of a Postfix, asking a DNS server of ours on loopback.

opendkim's resolver (unbound) is told a port; opendmarc asks the system's resolver, so it runs in a mount namespace
with a resolv.conf of its own. Nothing leaves the machine.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import need_program, need_root
from tests.peers.conftest import bound_to_us, free_port, wait_for_port
from tests.zone import Zone

AUTHSERV = "mx.desk.example"
_CALLS = itertools.count(1)


def _address() -> str:
    """An address of this call's own, for port 53: others run the same tests, or a resolver on 127.0.0.53."""
    pid = os.getpid()
    return f"127.{100 + pid % 100}.{pid // 100 % 256}.{next(_CALLS) % 250 + 1}"


@dataclass(frozen=True)
class Milters:
    """What Postfix's `smtpd_milters` names, in order, and the zone they ask."""

    sockets: tuple[str, ...]
    zone: Zone

    @property
    def postfix(self) -> str:
        """Lines for main.cf: the way docs/authentication.md tells an admin to do it."""
        checks = "header_checks = regexp:{ {/^Authentication-Results[[:space:]]*:/ IGNORE} }"
        return f"{self.unguarded}\n{checks}\nmime_header_checks =\nnested_header_checks ="

    @property
    def unguarded(self) -> str:
        """The same without Postfix's own deleting of what others claim."""
        return f"smtpd_milters = {', '.join(self.sockets)}\nmilter_default_action = tempfail"


@contextmanager
def verifying(records: Mapping[str, Sequence[str]], *, dmarc: bool = True) -> Iterator[Milters]:
    """opendkim, and with `dmarc` opendmarc behind it, that verify and write Authentication-Results."""
    need_root()
    opendkim = need_program("opendkim")
    opendmarc = need_program("opendmarc") if dmarc else None
    folder = Path(tempfile.mkdtemp(prefix="milter-", dir="/tmp"))
    folder.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        host = _address()
        zone = stack.enter_context(Zone(records, host=host, port=53))
        ports = [_opendkim(stack, folder, opendkim, host)]
        if opendmarc is not None:
            ports.append(_opendmarc(stack, folder, opendmarc, host))
        yield Milters(sockets=tuple(f"inet:127.0.0.1:{port}" for port in ports), zone=zone)


def _run(stack: ExitStack, port: int, *command: object) -> None:
    process = subprocess.Popen(bound_to_us(*command), start_new_session=True)
    stack.callback(process.wait, 10)
    stack.callback(process.terminate)
    wait_for_port(port)


def _opendkim(stack: ExitStack, folder: Path, program: Path, resolver: str) -> int:
    port = free_port()
    (folder / "unbound.conf").write_text(
        f'server:\n  do-not-query-localhost: no\nforward-zone:\n  name: "."\n  forward-addr: {resolver}@53\n'
    )
    (folder / "nobody").write_text("192.0.2.254\n")  # 127.0.0.1 is otherwise internal: signed for, not verified
    config = folder / "opendkim.conf"
    config.write_text(
        f"""Mode v
AuthservID {AUTHSERV}
AlwaysAddARHeader yes
RemoveARAll yes
RemoveARFrom {AUTHSERV}
InternalHosts file:{folder}/nobody
ResolverConfiguration {folder}/unbound.conf
Socket inet:{port}@127.0.0.1
Syslog no
"""
    )
    _run(stack, port, program, "-f", "-x", config)
    return port


def _opendmarc(stack: ExitStack, folder: Path, program: Path, resolver: str) -> int:
    port = free_port()
    (folder / "resolv.conf").write_text(f"nameserver {resolver}\noptions timeout:1 attempts:1\n")
    config = folder / "opendmarc.conf"
    config.write_text(
        f"""AuthservID {AUTHSERV}
TrustedAuthservIDs {AUTHSERV}
IgnoreHosts {folder}/nobody
SPFIgnoreResults true
SPFSelfValidate false
RejectFailures false
Socket inet:{port}@127.0.0.1
Syslog false
"""
    )
    script = f"mount --bind {folder}/resolv.conf /etc/resolv.conf && exec {program} -f -c {config}"
    _run(stack, port, "unshare", "-m", "sh", "-c", script)
    return port
