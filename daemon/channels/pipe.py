"""The pipe: one mail on standard input, one exit code the calling MTA understands (sysexits).

`read_pipe` bounds what is read; `deliver_by_lmtp` hands it to the running daemon's LMTP socket. Every trouble of our
own is 75 (try again), never a bounce; the line for the MTA's log starts with an enhanced status code, as Postfix's
pipe(8) reads it. MTAs write local line ends and sometimes an mbox "From " line into a pipe: both are undone here,
because they belong to this transport and not to the mail.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from daemon.channels.submit import wire
from daemon.core.clean import clean_line
from daemon.errors import StorageFull

_CHUNK = 1_048_576
_MAX_REPLY_LINE = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What `firstline deliver` prints and exits with."""

    code: int
    line: str


STORED = Ending(code=os.EX_OK, line="2.0.0 firstline: stored")
TOO_BIG = Ending(code=os.EX_DATAERR, line="5.3.4 firstline: message too big")
EMPTY = Ending(code=os.EX_NOINPUT, line="5.6.0 firstline: no mail on standard input")
NO_SUCH_ADDRESS = Ending(code=os.EX_NOUSER, line="5.1.1 firstline: no such address here")
TROUBLE = Ending(code=os.EX_TEMPFAIL, line="4.3.0 firstline: cannot store mail now, try again later")
FULL = Ending(code=os.EX_TEMPFAIL, line="4.3.1 firstline: insufficient storage, try again later")


class PipeRefused(Exception):
    """The input cannot be a mail of ours, for good; `ending` says why."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.line)
        self.ending = ending


class _OutOfStep(Exception):
    """The other side does not speak LMTP, or went away."""


def read_pipe(stdin: BinaryIO, limit_bytes: int) -> bytes:
    """The mail on standard input with CRLF line ends. Raises PipeRefused when it is empty or over the limit."""
    held = bytearray()
    while chunk := stdin.read(_CHUNK):
        held += chunk
        if len(held) > limit_bytes:
            raise PipeRefused(TOO_BIG)
    raw = bytes(held)
    if raw.startswith(b"From ") and b":" not in raw.partition(b" ")[0]:
        raw = raw.partition(b"\n")[2]
    if not raw.strip():
        raise PipeRefused(EMPTY)
    first = raw.find(b"\n")
    return raw if first > 0 and raw[first - 1 : first] == b"\r" else raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def ending_of(error: BaseException) -> Ending:
    """The ending for any exception on our side: always 75, never its text."""
    if isinstance(error, PipeRefused):
        return error.ending
    return FULL if isinstance(error, StorageFull) else TROUBLE


def deliver_by_lmtp(
    path: Path, *, sender: str | None, recipients: Sequence[str], raw: bytes, timeout_s: float = 60.0
) -> Ending | None:
    """Hand the mail to a daemon on this socket; None when there is none (the caller opens the store itself)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout_s)
        try:
            sock.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError:
            return TROUBLE
        try:
            return _converse(sock, sender, recipients, raw)
        except (OSError, _OutOfStep, UnicodeError):
            return TROUBLE


def _converse(sock: socket.socket, sender: str | None, recipients: Sequence[str], raw: bytes) -> Ending:
    with sock.makefile("rb") as lines:
        _reply(lines)
        _must(_ask(sock, lines, "LHLO localhost"))
        reply = _ask(sock, lines, f"MAIL FROM:<{sender or ''}> SIZE={len(raw)}")
        if not reply.startswith("2"):
            return _ending(reply)
        answers = [_ask(sock, lines, f"RCPT TO:<{recipient}>") for recipient in recipients]
        accepted = [answer for answer in answers if answer.startswith("2")]
        if accepted:
            reply = _ask(sock, lines, "DATA")
            if not reply.startswith("3"):
                return _ending(reply)
            sock.sendall(wire(raw))
            answers = [answer for answer in answers if not answer.startswith("2")] + [_reply(lines) for _ in accepted]
        sock.sendall(b"QUIT\r\n")
    # One exit code for all: anything temporary wins (the MTA tries again and what is stored is a duplicate then).
    worst = sorted(answers, key=lambda answer: {"4": 0, "5": 1}.get(answer[:1], 2))
    return _ending(worst[0]) if worst else NO_SUCH_ADDRESS


def _ask(sock: socket.socket, lines: BinaryIO, text: str) -> str:
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise _OutOfStep
    sock.sendall(text.encode("utf-8") + b"\r\n")
    return _reply(lines)


def _reply(lines: BinaryIO) -> str:
    """The last line of one reply."""
    while True:
        line = lines.readline(_MAX_REPLY_LINE).decode("utf-8", "replace").strip()
        if len(line) < 3 or not line[:3].isdigit():
            raise _OutOfStep
        if line[3:4] != "-":
            return line


def _must(reply: str) -> None:
    if not reply.startswith("2"):
        raise _OutOfStep


def _ending(reply: str) -> Ending:
    """An LMTP reply as an exit code: 4xx and nonsense 75, no such user 67, too big 65, other refusals 69."""
    words = clean_line(reply[4:], 200)
    status, _, text = words.partition(" ")
    if reply.startswith("2"):
        return Ending(code=os.EX_OK, line=f"2.0.0 firstline: {text or 'stored'}")
    if not reply.startswith("5"):
        return FULL if status == "4.3.1" else TROUBLE
    known = {"5.1.1": NO_SUCH_ADDRESS, "5.3.4": TOO_BIG}
    return known.get(status, Ending(code=os.EX_UNAVAILABLE, line=f"5.0.0 firstline: {words}"))
