"""The listener against clients that are not ours: smtp-source's load, swaks, Python's smtplib."""

from __future__ import annotations

import asyncio
import smtplib
from pathlib import Path

import pytest

from daemon.channels.gate import Limits
from tests.conftest import need_program
from tests.unit.channels.conftest import OpenDesk, certificate, open_desk, trusting  # noqa: F401 - fixtures


async def run(program: Path | str, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        str(program), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, output.decode(errors="replace")


@pytest.mark.parametrize("lmtp", [False, True], ids=["smtp", "lmtp"])
@pytest.mark.parametrize("keep", [False, True], ids=["one-each", "kept"])
async def test_smtp_source(open_desk: OpenDesk, lmtp: bool, keep: bool) -> None:  # noqa: F811
    """500 mails over 10 sessions arrive, each once, with the size it was sent with."""
    source = need_program("smtp-source")
    desk = await open_desk(lmtp=lmtp, limits=Limits(per_peer=20))
    options = ["-s", "10", "-m", "500", "-l", "5000", "-f", "ann@example.net", "-t", "help@example.com", "-4"]
    options += ["-d"] if keep else []
    options += ["-L"] if lmtp else []

    code, output = await run(source, *options, f"127.0.0.1:{desk.port}")

    assert code == 0, output
    assert len(desk.store.taken) == 500
    assert all(4_900 < len(body) < 5_500 for body in desk.store.bodies)


async def test_swaks(open_desk: OpenDesk) -> None:  # noqa: F811
    """A dialogue by swaks, with a null sender; an unknown recipient makes it fail."""
    swaks = need_program("swaks")
    desk = await open_desk()
    common = ["--server", f"127.0.0.1:{desk.port}", "--helo", "pc", "--from", "<>"]

    code, output = await run(swaks, *common, "--to", "help@example.com")
    refused, _ = await run(swaks, *common, "--to", "nobody@example.com")

    assert code == 0, output
    assert refused != 0
    ((envelope, _),) = desk.store.taken
    assert (envelope.reverse_path, envelope.helo) == (None, "pc")


async def test_smtplib_with_tls_and_login(open_desk: OpenDesk, certificate: Path) -> None:  # noqa: F811
    """Python's own client: STARTTLS, AUTH with each mechanism, a wrong password, content with dots."""

    async def verify(user: str, password: str, /) -> bool:
        return (user, password) == ("ann", "secret")

    desk = await open_desk(certificate=certificate, verify=verify, require_tls=True, require_login=True)

    def talk(password: str) -> None:
        with smtplib.SMTP("127.0.0.1", desk.port, local_hostname="pc", timeout=10) as client:
            client.starttls(context=trusting())
            client.login("ann", password)
            client.sendmail("ann@example.net", ["help@example.com"], b"Subject: x\r\n\r\n.dot\r\n..two\r\n")

    await asyncio.to_thread(talk, "secret")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        await asyncio.to_thread(talk, "wrong")

    ((envelope, _),) = desk.store.taken
    assert (envelope.authenticated_as, envelope.tls, envelope.helo) == ("ann", True, "pc")
    assert desk.store.bodies == [b"Subject: x\r\n\r\n.dot\r\n..two\r\n"]


async def test_a_flood_of_one_leaves_room_for_others(open_desk: OpenDesk) -> None:  # noqa: F811
    """300 silent sockets of one address: 421 for most, and a mail from another address passes in under a second."""
    desk = await open_desk()
    floods = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", desk.port) for _ in range(300)))
    for _, writer in floods:
        writer.write(b"E")

    began = asyncio.get_running_loop().time()
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.port, local_addr=("127.0.0.2", 0))
    writer.write(b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<help@example.com>\r\nDATA\r\n")
    await reader.readuntil(b"354 ")
    writer.write(b"Subject: x\r\n\r\nx\r\n.\r\nQUIT\r\n")
    answers = await reader.read()

    assert b"250 2.0.0 stored" in answers
    assert asyncio.get_running_loop().time() - began < 1.0
    assert desk.listener.sessions <= 11
    for _, other in [*floods, (reader, writer)]:
        other.close()
