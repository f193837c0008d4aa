"""Header values: text of anybody as an RFC 5322 field body of ours.

What goes out is ASCII, folded, without any control or line end but the folds made here, and
an address field holds exactly one mailbox. Owns encoded words (RFC 2047), folding, display
names and address specs; `compose` decides which fields there are.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache

from daemon.core.address import Address
from daemon.core.letter import one_line

LINE_LIMIT = 998  # RFC 5322 §2.1.1, without CRLF
_LINE = 78
_NAME_CHARS = 100
_ENCODED_LINE = 76  # RFC 2047 §2, of a line with an encoded word
_WORD_CHARS = 60  # encoded text in one word: 75 (RFC 2047 §2) minus its frame, rounded down
_WORD_FRAME = len("=?utf-8?q??=")
_PLAIN_START = 32  # of a subject with encoded words: room for "Re:" and the tag
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,256}@(?:[A-Za-z0-9.-]{1,255}|\[[A-Za-z0-9.:]{2,64}\])")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_PLAIN_Q = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/")  # RFC 2047 §5 (3)


def mailbox(name: str, address: Address) -> str:
    """One mailbox with its display name, if it has one. ValueError as in `addr_spec`."""
    spec = addr_spec(address)
    words = one_line(name, _NAME_CHARS)
    if not words:
        return spec
    if _ATOMS.fullmatch(words) and "=?" not in words:
        phrase = words
    elif words.isascii() and "=?" not in words:
        phrase = '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'
    else:
        phrase = _encoded_words(words, len("Reply-To: "))
    return f"{phrase}\r\n <{spec}>" if len(phrase) + len(spec) > 60 else f"{phrase} <{spec}>"


def addr_spec(address: Address) -> str:
    """The address as it stands in a header. ValueError when that would need quoting or SMTPUTF8."""
    spec = str(address)
    if not _ADDRESS.fullmatch(spec):
        raise ValueError("an address that is not plain ASCII without quoting cannot be written to")
    return spec


def unstructured(value: str, used: int) -> str:
    """Unstructured text (RFC 5322 §2.2.1) for a line on which `used` characters stand already, folded.

    Encoded words when it is not plain ASCII, or only looks like encoded words.
    """
    words = one_line(value, LINE_LIMIT // 2).split(" ")
    if all(map(_is_plain, words)):
        return _folded(words, used)
    # What is plain at the start stays readable in logs and filters: the tag is there. The first encoded word follows
    # on the same line: readers built on Python's decode_header lose the space when a fold stands between.
    plain = ""
    while _is_plain(words[0]) and len(plain) + len(words[0]) < _PLAIN_START:
        plain += words.pop(0) + " "
    return plain + _encoded_words(" ".join(words), used + len(plain))


def _is_plain(word: str) -> bool:
    return word.isascii() and "=?" not in word and len(word) <= _LINE // 2


def _folded(words: list[str], used: int) -> str:
    lines, room = [""], _LINE - used
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append(word)
            room = _LINE - 1
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return "\r\n ".join(lines)


@lru_cache(maxsize=256)
def _encoded_words(line: str, used: int) -> str:
    """RFC 2047: words of ≤ 75 characters that never cut one of theirs in two; the shorter of Q and B for all of it."""
    data = line.encode("utf-8", "replace")
    plain = sum(byte in _PLAIN_Q or byte == 0x20 for byte in data)
    use_q = plain + 3 * (len(data) - plain) <= len(data) * 4 // 3 + 2
    words, word, size = [], bytearray(), 0
    limit = min(_WORD_CHARS, _ENCODED_LINE - used - _WORD_FRAME)
    for char in line:
        code = char.encode("utf-8", "replace")
        cost = sum(1 if byte in _PLAIN_Q or byte == 0x20 else 3 for byte in code) if use_q else len(code)
        if word and size + cost > (limit if use_q else limit // 4 * 3):
            words.append(bytes(word))
            limit = _WORD_CHARS
            word, size = bytearray(), 0
        word += code
        size += cost
    words.append(bytes(word))
    return "\r\n ".join(_q_word(word) if use_q else f"=?utf-8?b?{b64encode(word).decode()}?=" for word in words)


def _q_word(word: bytes) -> str:
    coded = "".join(chr(byte) if byte in _PLAIN_Q else "_" if byte == 0x20 else f"={byte:02X}" for byte in word)
    return f"=?utf-8?q?{coded}?="
