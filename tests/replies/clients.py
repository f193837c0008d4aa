"""Twelve mail programs: how each turns a case into the MIME of a reply.

Plain parts, markup, encodings, marks, and what stands above a quote follow what these programs
write; all texts are ours. `build` gives the bytes that would be delivered.
"""

from __future__ import annotations

import base64
import quopri
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.header import Header

from replies.markup import HTML
from replies.script import Block, Case

HELP = "Example Help Desk <help@example.com>"
TOKEN_ADDRESS = "help+T.abc123@example.com"
RULE = "_" * 32
_WIDE = frozenset(["zh", "ja"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """`mark`: what stands before a quoted line, "" for nothing. `width`: where lines are wrapped, 0 for nowhere."""

    above: Callable[[Case], Sequence[str]]  # the lines above the quote in the plain part
    mobile: str = ""  # the field of the language with the program's own signature
    mark: str = "> "
    width: int = 0
    flowed: bool = False
    encoding: str = "quoted-printable"
    parts: str = "both"  # plain, html, both
    mailer: tuple[str, str] = ("", "")
    bullet: str = "- "
    blanks: int = 1  # empty lines above the attribution


def head_of(case: Case) -> tuple[str, str, str, str]:
    """From, date (to be filled in), To and Subject of our letter."""
    spoken = case.language
    return HELP, "", f"{spoken.writer} <jo@example.org>", f"[FL-1042] {spoken.subject}"


def header(labels: Sequence[str], date: str, case: Case, order: Sequence[int] = (0, 1, 2, 3)) -> list[str]:
    sender, _, to, subject = head_of(case)
    values = (sender, date, to, subject)
    return [f"{labels[index]}{values[index]}" for index in order]


def above_outlook(case: Case) -> list[str]:
    return header(case.language.outlook_labels, case.language.outlook_date, case)


def above_samsung(case: Case) -> list[str]:
    spoken = case.language
    return ["", spoken.samsung_divider, *header(spoken.samsung_labels, spoken.samsung_date, case), ""]


def above_zimbra(case: Case) -> list[str]:
    spoken = case.language
    lines = header(spoken.zimbra_labels, spoken.zimbra_date, case, (0, 2, 1, 3))
    return [spoken.zimbra_divider, *lines, ""] if "divider" in case.options else ["", *lines, ""]


def above_gmx(case: Case) -> list[str]:
    return [*header(case.language.gmx_labels, case.language.gmx_date, case, (1, 0, 2, 3)), ""]


def wrapped_gmail(text: str) -> list[str]:
    """Gmail breaks a long attribution in its plain part, often inside the address."""
    return [text] if len(text) <= 78 else text.replace(" <help@", " <\nhelp@", 1).split("\n")


CLIENTS: dict[str, Client] = {
    "gmail-web": Client(above=lambda case: [*wrapped_gmail(case.language.gmail), ""], width=76, bullet="   - "),
    "gmail-android": Client(
        above=lambda case: [*wrapped_gmail(case.language.gmail), ""], width=76, encoding="base64", bullet="   - "
    ),
    "outlook-desktop": Client(
        above=above_outlook, mark="", mailer=("X-Mailer", "Microsoft Outlook 16.0"), bullet="  *   ", blanks=2
    ),
    "outlook-web": Client(above=lambda case: [RULE, *above_outlook(case), ""], mark="", bullet="  *   "),
    "outlook-mobile": Client(
        above=lambda case: [RULE, *above_outlook(case), ""], mark="", mobile="outlook_mobile", encoding="base64",
        bullet="  *   ",
    ),
    "apple-mail": Client(
        above=lambda case: [f"> {case.language.apple}", "> "], mailer=("X-Mailer", "Apple Mail (2.3826)"), bullet="• "
    ),
    "ios-mail": Client(
        above=lambda case: [f"> {case.language.apple}", "> ", "> \ufeff"], mobile="ios_mobile",
        mailer=("X-Mailer", "iPhone Mail (22A3370)"), encoding="base64", bullet="• ",
    ),
    "thunderbird": Client(
        above=lambda case: [case.language.thunderbird], flowed=True, width=72, parts="plain", encoding="8bit",
        mailer=("User-Agent", "Mozilla Thunderbird"), bullet=" * ",
    ),
    "k9": Client(above=lambda case: [case.language.k9], mobile="k9_mobile", width=0, bullet="- "),
    "samsung": Client(above=above_samsung, mark="", mobile="samsung_mobile", encoding="base64"),
    "yahoo": Client(
        above=lambda case: [f"    {case.language.yahoo}  ", " ", " "], mark=" ", mobile="yahoo_mobile",
        mailer=("X-Mailer", "WebService/1.1 YMailNorrin"),
    ),
    "zimbra": Client(above=above_zimbra, mark="", mailer=("X-Mailer", "Zimbra 8.8.15"), blanks=2),
    "gmx": Client(above=above_gmx, mark="", parts="html", blanks=2),
}  # fmt: skip


def mobile_of(case: Case) -> str:
    field = case.options.get("mobile") or CLIENTS[case.client].mobile or "ios_mobile"
    return str(getattr(case.language, field))


def plain(case: Case) -> str:
    """The text/plain part."""
    client = CLIENTS[case.client]
    lines: list[str] = []
    for block in case.blocks:
        lines.extend(_plain_block(block, case, client))
    return "\n".join(lines) + "\n"


def _plain_block(block: Block, case: Case, client: Client) -> list[str]:
    match block.kind:
        case "own":
            return [part for line in block.lines for part in _wrapped(_bulleted(line, client), "", client, case)]
        case "quote":
            if client.mark != "> ":
                prefix = client.mark * (block.depth == 1) or "  " * (block.depth > 1)
                return [part for line in block.lines for part in _wrapped(line, prefix, client, case)]
            mark = ">" * block.depth if client.flowed else "> " * block.depth
            return [
                part
                for line in block.lines
                for part in _wrapped(line, mark + (" " if client.flowed and line else ""), client, case)
            ]
        case "attribution":
            return ([""] * (client.blanks - 1)) + list(client.above(case))
        case "signature":
            return ["-- ", *block.lines]
        case "mobile":
            return [mobile_of(case)]
        case "disclaimer":
            return _wrapped(block.lines[0], "", client, case)
        case "forward":
            return list(block.lines)
    raise AssertionError(block.kind)


def _bulleted(line: str, client: Client) -> str:
    return client.bullet + line[2:] if line.startswith("* ") else line


def _wrapped(line: str, prefix: str, client: Client, case: Case) -> list[str]:
    if not client.width or len(line) + len(prefix) <= client.width or case.language.code in _WIDE:
        return [_stuffed(prefix + line, client, quoted=bool(prefix))]
    rows = textwrap.wrap(line, client.width - len(prefix), break_long_words=False, break_on_hyphens=False)
    soft = " " if client.flowed else ""
    return [_stuffed(prefix + row, client, quoted=bool(prefix)) + (soft if row is not rows[-1] else "") for row in rows]


def _stuffed(line: str, client: Client, *, quoted: bool) -> str:
    """RFC 3676 section 4.4: space-stuffing of lines that begin with a quote mark or a blank."""
    return f" {line}" if client.flowed and not quoted and line.startswith((">", " ", "From ")) else line


def build(case: Case) -> bytes:
    """The reply as the program sends it."""
    client = CLIENTS[case.client]
    spoken = case.language
    fields = [
        ("From", f"{_word(spoken.writer)} <jo@example.org>"),
        ("To", f"Example Help Desk <{TOKEN_ADDRESS}>"),
        ("Subject", _word(case.options.get("subject", f"Re: [FL-1042] {spoken.subject}"))),
        ("Date", "Tue, 3 Nov 2026 11:02:00 +0100"),
        ("Message-ID", f"<{case.name}@example.org>"),
        ("MIME-Version", "1.0"),
    ]
    if "new" not in case.options:
        fields += [("In-Reply-To", "<a.1042.1@example.com>"), ("References", "<a.1042.1@example.com>")]
    if client.mailer[0]:
        fields.append(client.mailer)
    parts = case.options.get("parts", client.parts)
    text = _part(plain(case), "plain", case, client)
    markup = _part(HTML[case.client](case, mobile_of(case), header_values(case)), "html", case, client)
    head = "".join(f"{name}: {value}\r\n" for name, value in fields).encode()
    if parts != "both":
        return head + (markup if parts == "html" else text)
    mark = b"--=_part_1042"
    kind = b'Content-Type: multipart/alternative; boundary="=_part_1042"\r\n\r\n'
    return head + kind + b"".join(mark + b"\r\n" + part for part in (text, markup)) + mark + b"--\r\n"


def _word(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=10_000).encode()


def _part(text: str, subtype: str, case: Case, client: Client) -> bytes:
    """One part with its fields, in the program's encoding."""
    charset = case.options.get("charset", "utf-8")
    encoding = case.options.get("encoding", client.encoding)
    data = text.encode(charset, "xmlcharrefreplace" if subtype == "html" else "replace").replace(b"\n", b"\r\n")
    if encoding == "base64":
        data = base64.encodebytes(data).replace(b"\n", b"\r\n")
    elif encoding == "quoted-printable":
        data = quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    flowed = "; format=flowed" if client.flowed and subtype == "plain" else ""
    kind = f"Content-Type: text/{subtype}; charset={charset}{flowed}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return kind.encode() + data + b"\r\n"


def header_values(case: Case) -> dict[str, list[str]]:
    """The header block lines that markup needs, by program."""
    spoken = case.language
    return {
        "outlook": above_outlook(case),
        "samsung": [line for line in above_samsung(case) if line],
        "zimbra": header(spoken.zimbra_labels, spoken.zimbra_date, case, (0, 2, 1, 3)),
        "gmx": header(spoken.gmx_labels, spoken.gmx_date, case, (1, 0, 2, 3)),
    }  # fmt: skip
