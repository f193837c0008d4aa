"""Mail addresses: one strict parse for identity, one lenient parse for showing.

Owns `Address` (an addr-spec with an A-label, lower-case domain) and what can be said of
one without I/O. Parsers disagree about odd addresses (CVE-2023-27043, Mailsploit), so an
identity comes only from `parse_identity`, which refuses what two parsers could read in
two ways: it returns None rather than guess. Everything here is one pass over bounded
text and never raises.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from daemon.core.domain import a_label, path_domain

MAX_IDENTITY = 2_000  # characters of a From field that can still be an identity; RFC 5322 lines end at 998
MAX_LIST = 65_536  # characters of an address list that are looked at (mail-rules §7: one field 64 kB)
_PIECES_PER_MAILBOX = 20  # tokens: a name in quotes, an address, a comment and a comma are four
_MAX_LOCAL = 64  # octets, RFC 5321 §4.5.3.1.1

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~-"
_DOT_ATOM = re.compile(rf"[{_ATEXT}]+(?:\.[{_ATEXT}]+)*")
_QUOTED_LOCAL = re.compile(rf'"([.{_ATEXT}]+)"')
_PATH_LOCAL = re.compile(rf'[.{_ATEXT}]+|"(?:[^"\\\r\n\0]|\\[^\r\n\0])*"')
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_QUOTED_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_ANGLE = re.compile(r"(?P<name>[^<>]*)<[ \t]*(?P<spec>[^<>]*?)[ \t]*>[ \t]*(?P<after>[^<>]*)")
_COMMENT = re.compile(r"\([^()@<>\\]*\)")
_BARE = re.compile(r"(?P<spec>\S+)(?:[ \t]+(?P<comment>\([^()]*\)))?")
_AROUND = "\"'(),.:;?=[]"
_ENCODED_WORD = re.compile(r"=\?[A-Za-z0-9_.:*+-]{1,80}\?[bBqQ]\?[^?<>]{0,1000}\?=")


@dataclass(frozen=True, slots=True)
class Address:
    """An addr-spec: `local` as written, `domain` lower case in A-label form."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def key(self) -> str:
        """The form that compares equal for one mailbox: lower case throughout."""
        return f"{self.local.lower()}@{self.domain}"


def parse_path(text: str) -> Address | None:
    """The address of an SMTP path (MAIL FROM, RCPT TO) given without its angle brackets.

    Wider than an identity (RFC 5321 §4.1.2): quoted local parts, single labels and domain
    literals are addresses too. Source routes are refused.
    """
    local, at, domain_text = text.strip().rpartition("@")
    if (
        not at
        or not local
        or len(text) > _MAX_LOCAL + 1 + 255 + 16
        or len(local.encode("utf-8", "replace")) > _MAX_LOCAL
    ):
        return None
    if not _PATH_LOCAL.fullmatch(local) and not _is_utf8_local(local):
        return None
    domain = path_domain(domain_text)
    return Address(local, domain) if domain else None


def parse_identity(from_values: Sequence[str]) -> Address | None:
    """The one address a mail is from, or None when two parsers could disagree about it.

    `from_values` are the *raw, unfolded* values of all From fields: an encoded word decoded
    first could bring a second address into the structure. What stands in an encoded word or
    a quoted name never matters, only that the structure has exactly one reading.
    """
    if len(from_values) != 1 or len(from_values[0]) > MAX_IDENTITY or _CONTROL.search(from_values[0]):
        return None
    text = from_values[0].strip(" \t")
    bare = _BARE.fullmatch(text)
    if bare and "<" not in bare["spec"]:
        comment = bare["comment"]
        return _mailbox(bare["spec"]) if comment is None or _COMMENT.fullmatch(comment) else None
    angle = _ANGLE.fullmatch(text)
    if angle is None or (angle["after"] and not _COMMENT.fullmatch(angle["after"])):
        return None
    identity = _mailbox(angle["spec"])
    return identity if identity and _is_plain_name(angle["name"], identity) else None


def _mailbox(spec: str) -> Address | None:
    """A strict addr-spec: dot-atom (or needlessly quoted atom) @ domain with a dot. No comment, route, literal."""
    local, at, domain_text = spec.rpartition("@")
    domain = a_label(domain_text) if at else None
    if domain is None or len(local.encode("utf-8", "replace")) > _MAX_LOCAL or _ENCODED_WORD.search(spec):
        return None
    quoted = _QUOTED_LOCAL.fullmatch(local)
    if quoted:
        return Address(quoted[1] if _DOT_ATOM.fullmatch(quoted[1]) else local, domain)
    return Address(local, domain) if _DOT_ATOM.fullmatch(local) or _is_utf8_local(local) else None


def _is_utf8_local(local: str) -> bool:
    """True for an RFC 6531 local part with one reading: NFC letters, marks and digits beside atext."""
    return (
        not local.isascii()
        and unicodedata.normalize("NFC", local) == local
        and _DOT_ATOM.fullmatch("".join(letter if letter.isascii() else "a" for letter in local)) is not None
        and all(letter.isascii() or unicodedata.category(letter)[0] in "LMN" for letter in local)
    )


def _is_plain_name(name: str, identity: Address) -> bool:
    """True when a display name cannot be read as another mailbox, a group or an open quote.

    Quoted strings are opaque, unless a backslash in them could end them early for a naive
    parser. Outside of them mail programs do write commas, dots, brackets and even the
    address itself; those have one reading as long as no other address is among them.
    """
    if "\\" in name and "@" in name:
        return False
    rest = _ENCODED_WORD.sub(_hide_encoded_word, _QUOTED_STRING.sub(" ", name))
    if '"' in rest or ":" in rest or ";" in rest or rest.count("(") != rest.count(")"):
        return False
    words = (word for word in rest.split() if "@" in word)
    return all(word.strip(_AROUND).lower() == identity.key for word in words)


def _hide_encoded_word(match: re.Match[str]) -> str:
    """An encoded word says nothing about structure, but a raw @ in one is not a valid encoded word."""
    return match[0].replace("?", " ").replace("_", " ") if "@" in match[0] else " "


def parse_address_list(value: str, *, limit: int) -> tuple[tuple[str, Address], ...]:
    """Up to `limit` (display name, address) pairs of a To, Cc, Reply-To or Sender field; what is odd is left out.

    For showing and for finding our own address, never for identity. Takes raw or decoded
    text; names come back as written, so decode encoded words in the *names* afterwards.
    """
    found: list[tuple[str, Address]] = []
    for item in _items(value[:MAX_LIST], limit * _PIECES_PER_MAILBOX):
        if len(found) >= limit:
            break
        pair = _lenient_mailbox(item)
        if pair is not None:
            found.append(pair)
    return tuple(found)


# A quoted string, a comment without nesting, an angle-bracketed path, a separator, or other text.
_TOKENS = re.compile(r'"(?:[^"\\]|\\.){0,300}"|\([^()]{0,300}\)|<[^<>,;]{0,1000}>|[,;:]|[^"(<,;:]+|["(<]', re.DOTALL)


def _items(value: str, pieces: int) -> Iterator[list[str]]:
    """The tokens of each mailbox of a list, from its first `pieces` tokens. `Group: a, b;` yields its members."""
    item: list[str] = []
    for match in islice(_TOKENS.finditer(value), pieces):
        piece = match[0]
        if piece in {",", ";"}:
            if item:
                yield item
            item = []
        elif piece == ":" and not any("@" in part for part in item):
            item = []  # a group's name
        elif len(item) < 50:
            item.append(piece)
    if item:
        yield item


def _lenient_mailbox(tokens: list[str]) -> tuple[str, Address] | None:
    angled = [index for index, token in enumerate(tokens) if token[0] == "<" and token[-1] == ">"]
    if angled:
        spec = tokens[angled[-1]][1:-1].rpartition(":")[2]  # a source route is dropped
        name = "".join(tokens[: angled[-1]])
    else:
        name = " ".join(token[1:-1] for token in tokens if token[0] == "(" and token[-1] == ")")
        spec = "".join(token for token in tokens if not (token[0] == "(" and token[-1] == ")"))
    address = parse_path(spec.strip())
    return (_unquoted(name.strip()), address) if address else None


def _unquoted(name: str) -> str:
    if len(name) >= 2 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1], flags=re.DOTALL)
    return " ".join(name.split())
