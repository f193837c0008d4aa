"""Made-up mails that look like a help desk's: 70 % plain (2 kB), 25 % text and HTML (15 kB), 5 % with 300 kB attached.

The words are the project's own evaluation texts in eight languages, which the shipped model was not trained on. Each
mail has a sender, a text and a Message-ID of its own, so that it opens a ticket and is acknowledged.
Deterministic: the same numbers give the same bytes.
"""

from __future__ import annotations

import base64
import json
import quopri
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DESK = "help@desk.example"
_TEXTS = Path(__file__).parent.parent / "tests" / "tiers"
_TRACE = (
    "Received: from mx{n}.customer.example (mx{n}.customer.example [192.0.2.{b}])\r\n"
    "\tby mx.desk.example (Postfix) with ESMTPS id 4Xk{n:06}\r\n"
    "\tfor <help@desk.example>; Mon, 23 Nov 2026 09:00:03 +0100\r\n"
    "Received: from relay.customer.example ([198.51.100.{b}]) by mx{n}.customer.example with ESMTPSA id q{n:08};\r\n"
    "\tMon, 23 Nov 2026 09:00:02 +0100\r\n"
    "Received: from [10.0.0.{b}] (unknown) by relay.customer.example with ESMTPA; Mon, 23 Nov 2026 09:00:01 +0100\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=customer{n}.example; s=mail; t=1795420800;\r\n"
    "\th=from:to:subject:date:message-id; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n"
    "\tb=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR1mjV4rYZ7jOzMAzSqvOpGhPKKLXzoGCeZ0VQWwS\r\n"
)
_CELL = '<p class="MsoNormal" style="margin:0cm;font-size:11.0pt;font-family:&quot;Calibri&quot;,sans-serif">'


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail to be sent. `sender` is its alone, so an answer to it is an answer to this mail."""

    number: int
    kind: str  # plain, alternative, attached
    sender: str
    raw: bytes


def mixed(count: int, *, start: int = 0) -> Iterator[Mail]:
    """`count` mails in the mix, from `start` on."""
    for number in range(start, start + count):
        yield made(number, "attached" if number % 20 == 19 else "alternative" if number % 4 == 1 else "plain")


def small(count: int, *, start: int = 0) -> Iterator[Mail]:
    """The mix without attachments: for counts at which 27 kB a mail would only fill the disk."""
    for number in range(start, start + count):
        yield made(number, "alternative" if number % 4 == 1 else "plain")


def made(number: int, kind: str) -> Mail:
    """The mail with this number."""
    chance = random.Random(number)
    language, subject, text = chance.choice(_texts())
    sender = f"person{number}@customer{number}.example"
    text = _longer(chance, language, text, 1_200 if kind == "plain" else 2_400)
    head = (
        _TRACE.format(n=number, b=number % 250)
        + f"From: =?utf-8?q?J=C3=B6rg_Person_{number}?= <{sender}>\r\nTo: Help Desk <{DESK}>\r\n"
        + f"Subject: =?utf-8?b?{base64.b64encode(f'{subject[:30]} ({number})'.encode()).decode()}?=\r\n"
        + "Date: Mon, 23 Nov 2026 09:00:00 +0100\r\n"
        + f"Message-ID: <m{number}.bench@customer{number}.example>\r\nMIME-Version: 1.0\r\n"
        + "X-Mailer: Some Mail Program 16.0\r\nThread-Index: AdsX0000000000000000000000000000\r\n"
    )
    body = {"plain": _plain, "alternative": _alternative, "attached": _attached}[kind](text, number)
    return Mail(number=number, kind=kind, sender=sender, raw=head.encode() + body)


@cache
def _texts() -> tuple[tuple[str, str, str], ...]:
    """(language, subject, text) of every evaluation mail."""
    lines = [line for file in sorted(_TEXTS.glob("*.jsonl")) for line in file.read_text("utf-8").splitlines()]
    rows = map(json.loads, filter(None, lines))
    return tuple((row["language"], row["subject"], row["body"]) for row in rows)


def _longer(chance: random.Random, language: str, text: str, size: int) -> str:
    """`text` with more of the same language behind it, and words that no two mails share."""
    others = [other for tongue, _, other in _texts() if tongue == language]
    parts = [text]
    while sum(map(len, parts)) < size:
        parts.append(f"{chance.choice(others)} Ref. {chance.randrange(10**7)}, PC-{chance.randrange(10**5):05}.")
    return "\n\n".join(parts) + "\n"


def _coded(text: str) -> bytes:
    return quopri.encodestring(text.replace("\n", "\r\n").encode())


def _plain(text: str, number: int) -> bytes:
    del number
    return b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + _coded(
        text
    )


def _alternative(text: str, number: int) -> bytes:
    cells = "".join(f"{_CELL}{line}</p>\n" for line in text.split("\n"))
    style = "".join(f".c{index} {{ margin: 0; padding: {index}px; color: #33{index:02}44; }}\n" for index in range(100))
    html = f"<html><head><style>{style}</style></head><body>{cells}</body></html>\n"
    edge = f"=_alt{number}".encode()
    return b"".join(
        (
            b'Content-Type: multipart/alternative; boundary="' + edge + b'"\r\n\r\n--' + edge + b"\r\n",
            _plain(text, number),
            b"\r\n--" + edge + b"\r\nContent-Type: text/html; charset=utf-8\r\n",
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\n",
            _coded(html),
            b"\r\n--" + edge + b"--\r\n",
        )
    )


def _attached(text: str, number: int) -> bytes:
    edge = f"=_mix{number}".encode()
    return b"".join(
        (
            b'Content-Type: multipart/mixed; boundary="' + edge + b'"\r\n\r\n--' + edge + b"\r\n",
            _plain(text, number),
            b"\r\n--" + edge + b'\r\nContent-Type: application/pdf; name="screen.pdf"\r\n',
            b'Content-Disposition: attachment; filename="screen.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n',
            _blob(),
            b"\r\n--" + edge + b"--\r\n",
        )
    )


@cache
def _blob() -> bytes:
    return base64.encodebytes(random.Random(1).randbytes(300_000)).replace(b"\n", b"\r\n")
