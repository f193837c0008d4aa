"""Mails from files for dry runs and the demo: single mails, directories, mboxes; with the envelope they tell of.

A file has no envelope of its own: the reverse-path is that of its `Return-Path` field or its
mbox "From " line, else unknown; the forward-path is the desk, as if it had been delivered there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from daemon.core.address import Address, parse_path
from daemon.core.envelope import Channel, Envelope

MAX_FILE_BYTES = 2_000_000_000
_RETURN_PATH = re.compile(rb"^return-path:[ \t]*<?([^<>\r\n]*)>?[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_MBOX_FROM = re.compile(rb"^From (\S+) +(?:\S+ +)?\S+ +\S+ +\S+[^\r\n]*\d{4}[^\r\n]*\r?\n")
_SPLIT = re.compile(rb"(?:\A|(?<=\n)\r?\n)(?=From \S+ +[^\r\n]*\d{4}[^\r\n]*\r?\n)")
_HEAD_BYTES = 262_144


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFile:
    """One mail found: `path` names it for people (`box.mbox#3` inside an mbox)."""

    path: str
    raw: bytes
    sender: str | None  # "" is `<>`; None is unknown


def find(path: Path) -> Iterator[MailFile]:
    """All mails below `path`, in the order of their names; a file that cannot be read raises OSError."""
    if path.is_dir():
        for entry in sorted(path.iterdir(), key=lambda each: each.name):
            if not entry.name.startswith("."):
                yield from find(entry)
        return
    content = path.read_bytes()
    pieces = [piece for piece in _SPLIT.split(content) if piece] if content.startswith(b"From ") else [content]
    for number, piece in enumerate(pieces, 1):
        sender, raw = _unwrapped(piece, boxed=len(pieces) > 1)
        yield MailFile(path=f"{path}#{number}" if len(pieces) > 1 else str(path), raw=raw, sender=sender)


def _unwrapped(piece: bytes, *, boxed: bool) -> tuple[str | None, bytes]:
    """The sender and the mail without its mbox line; `>From ` lines of a real mbox are given back."""
    found = _MBOX_FROM.match(piece)
    raw = piece
    boxed_sender = None
    if found is not None:
        raw = piece[found.end() :]
        boxed_sender = _path_of(found[1])
        if boxed:
            raw = re.sub(rb"(?m)^>(>*From )", rb"\1", raw)
    written = _RETURN_PATH.search(_head(raw))
    return (_path_of(written[1]) if written else boxed_sender), raw


def _head(raw: bytes) -> bytes:
    head = raw[:_HEAD_BYTES]
    end = re.search(rb"\r?\n\r?\n", head)
    return head[: end.start()] if end else head


def _path_of(text: bytes) -> str | None:
    path = text.decode("latin-1").strip().strip("<>")
    if path.upper() in {"", "MAILER-DAEMON"}:
        return ""
    return path if parse_path(path) is not None else None


def envelope_of(mail: MailFile, desk: str, forward: Address, channel: Channel = Channel.FILE) -> Envelope:
    """The delivery of this mail to the desk, now."""
    return Envelope(
        channel=channel,
        desk=desk,
        received_at=datetime.now(UTC),
        reverse_path=parse_path(mail.sender) if mail.sender else None,
        reverse_path_known=mail.sender is not None,
        forward_paths=(forward,),
        source=mail.path,
    )
