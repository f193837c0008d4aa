"""Bytes to text: which codecs a mail may ask for, and what to do when it asks wrongly.

A charset label is a claim of the sender and Python's codec registry imports modules by name
(`idna` is quadratic, CVE-2022-45061; `utf-7` hides markup; `zlib`, `rot13` are no charsets), so
labels are looked up in a closed table. A label that is unknown or does not fit falls back to
UTF-8, then to Windows-1252. Never raises; linear in the input.
"""

from __future__ import annotations

import binascii
import re

# label -> codec. Superset codecs stand for what mailers really send: gb2312 holds GBK characters,
# iso-8859-1 is Windows-1252 (WHATWG does the same), ks_c_5601 is cp949, shift_jis is cp932.
_LATIN = "cp1252"
_CODECS: dict[str, str] = {
    **dict.fromkeys(("utf-8", "utf8", "unicode-1-1-utf-8", "utf-8-mac", "utf8mb4", "cp65001"), "utf-8"),
    **dict.fromkeys(("us-ascii", "ascii", "ansi-x3.4-1968", "iso-ir-6", "646", "default", "x-unknown"), "utf-8"),
    **dict.fromkeys(("unknown-8bit", "8bit", "binary", "unknown", "x-user-defined", "none"), "utf-8"),
    **dict.fromkeys(("iso-8859-1", "latin1", "latin-1", "l1", "cp1252", "windows-1252", "cp819"), _LATIN),
    **dict.fromkeys(("iso8859-1", "x-ansi", "ansi", "win-1252", "iso-8859-1-windows-3.1-latin-1"), _LATIN),
    **{
        f"{prefix}{n}": f"iso8859-{n}"
        for prefix in ("iso-8859-", "iso8859-")
        for n in (*range(2, 9), 10, 13, 14, 15, 16)
    },
    **dict.fromkeys(("iso-8859-8-i", "iso-8859-8-e", "logical"), "iso8859-8"),
    **dict.fromkeys(("iso-8859-9", "iso8859-9", "latin5", "windows-1254", "cp1254"), "cp1254"),
    **dict.fromkeys(("iso-8859-11", "tis-620", "windows-874", "cp874"), "cp874"),
    **dict.fromkeys(("latin2", "l2"), "iso8859-2"),
    **dict.fromkeys(("latin9", "latin-9", "latin0"), "iso8859-15"),
    **{
        f"{prefix}{n}": f"cp{n}"
        for prefix in ("windows-", "cp", "win-")
        for n in (1250, 1251, 1253, 1255, 1256, 1257, 1258)
    },
    **{
        f"{prefix}{n}": f"cp{n}" for prefix in ("cp", "ibm", "cp-", "ibm-") for n in (437, 775, 850, 852, 855, 858, 866)
    },
    **dict.fromkeys(("koi8-r", "koi8r", "koi8", "cskoi8r"), "koi8-r"),
    **dict.fromkeys(("koi8-u", "koi8-ru"), "koi8-u"),
    **dict.fromkeys(("macintosh", "mac", "x-mac-roman", "macroman", "x-macroman"), "mac-roman"),
    **dict.fromkeys(("x-mac-cyrillic", "maccyrillic"), "mac-cyrillic"),
    **dict.fromkeys(
        ("gb2312", "gbk", "gb18030", "x-gbk", "cp936", "ms936", "euc-cn", "chinese", "gb-2312-80"), "gb18030"
    ),
    **dict.fromkeys(("csgb2312", "gb2312-80", "cn-gb", "windows-936"), "gb18030"),
    **dict.fromkeys(("hz-gb-2312", "hz"), "hz"),
    **dict.fromkeys(("big5", "big5-eten", "cn-big5", "x-x-big5", "cp950", "windows-950", "ms950"), "cp950"),
    **dict.fromkeys(("big5-hkscs", "big5hkscs"), "big5hkscs"),
    **dict.fromkeys(
        ("shift-jis", "shift_jis", "sjis", "x-sjis", "ms-kanji", "cp932", "windows-31j", "windows-932"), "cp932"
    ),
    **dict.fromkeys(("euc-jp", "x-euc-jp", "eucjp", "x-euc"), "euc_jp"),
    **dict.fromkeys(
        ("iso-2022-jp", "csiso2022jp", "iso-2022-jp-1", "iso-2022-jp-ms", "cp50220", "jis"), "iso2022_jp_ext"
    ),
    **dict.fromkeys(("iso-2022-jp-2",), "iso2022_jp_2"),
    **dict.fromkeys(("iso-2022-jp-3", "iso-2022-jp-2004"), "iso2022_jp_2004"),
    **dict.fromkeys(("ks-c-5601", "ks-c-5601-1987", "ks-c-5601-1989", "ksc5601", "euc-kr", "euckr"), "cp949"),
    **dict.fromkeys(("cp949", "korean", "uhc", "windows-949", "ks-x-1001", "kscu5601"), "cp949"),
    **dict.fromkeys(("iso-2022-kr", "csiso2022kr"), "iso2022_kr"),
    **dict.fromkeys(("johab",), "johab"),
    **dict.fromkeys(("utf-16", "utf16", "unicode", "ucs-2"), "utf-16"),
    **dict.fromkeys(("utf-16le", "unicodelittle"), "utf-16-le"),
    **dict.fromkeys(("utf-16be",), "utf-16-be"),
    **dict.fromkeys(("utf-32",), "utf-32"),
    **dict.fromkeys(("utf-32le",), "utf-32-le"),
    **dict.fromkeys(("utf-32be",), "utf-32-be"),
    **dict.fromkeys(("viscii", "tcvn", "vps"), "cp1258"),
}
_LABEL_LIMIT = 60
_SINGLE_BYTE = frozenset(
    codec for codec in _CODECS.values() if codec.startswith(("cp12", "cp4", "cp7", "cp8", "iso8859", "koi8", "mac"))
)


def codec_of(label: str) -> str:
    """The codec for a charset label, "" when the label is not on the list."""
    name = label[:_LABEL_LIMIT].strip(" \t\r\n\"'<>;,").lower().replace("_", "-")
    return _CODECS.get(name) or _CODECS.get(name.replace("-", "_"), "")


def decode(data: bytes, label: str = "") -> str:
    """The text of `data`; unknown or wrong labels are repaired, bytes that fit nothing become U+FFFD."""
    codec = codec_of(label)
    if codec.startswith(("utf-16", "utf-32")):
        return _decode_wide(data, codec)
    if codec and codec != "utf-8":
        try:
            return data.decode(codec)
        except UnicodeError:
            if codec in _SINGLE_BYTE:  # a hole in the table, e.g. 0x81 of Windows-1252
                return data.decode(codec, "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    if codec and codec != "utf-8":
        return data.decode(codec, "replace")
    text = data.decode("utf-8", "replace")
    # Mostly good UTF-8 with a cut character stays UTF-8; else the bytes are 8-bit text of old.
    damaged = text.count("\ufffd")
    if sum(1 for byte in data if byte >= 0xC2) > 2 * damaged:
        return text
    return data.decode(_LATIN, "replace")


def _decode_wide(data: bytes, codec: str) -> str:
    """UTF-16 and UTF-32; a label that lies about plain ASCII text is the commonest case."""
    if data and b"\x00" not in data and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        plain = decode(data)
        if plain.isascii():
            return plain
    if codec == "utf-16" and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16-be"  # RFC 2781 §4.3
    return data.decode(codec, "replace")


# --- encoded words (RFC 2047) ---

_WORD = re.compile(rb"=\?([^?\s]{1,60})\?([bBqQ])\?([^?\r\n]*)\?=")
_QUOTED = re.compile(rb"=([0-9A-Fa-f]{2})|_")
_WORDS_LIMIT = 1_000


def _word_bytes(encoding: bytes, payload: bytes) -> bytes | None:
    if encoding in b"qQ":
        return _QUOTED.sub(lambda m: bytes((int(m[1], 16),)) if m[1] else b" ", payload)
    packed = payload.rstrip(b"= \t")
    if len(packed) % 4 == 1:
        packed = packed[:-1]
    try:
        return binascii.a2b_base64(packed + b"=" * (-len(packed) % 4))
    except binascii.Error:
        return None


def decode_words(value: bytes) -> str:
    """A raw, unfolded header value as text.

    Encoded words are decoded leniently (inside words, with spaces in Q); neighbours of one charset
    are joined as bytes first, since many mailers split inside a character. Raw 8-bit bytes are
    read as UTF-8, then Windows-1252. At most 1,000 words are decoded, the rest stays as it is.
    """
    words = list(zip(range(_WORDS_LIMIT), _WORD.finditer(value), strict=False)) if b"=?" in value else []
    if not words:
        return decode(value)
    out: list[str] = []
    at = 0
    joined, label = b"", ""
    for _, match in words:
        gap = value[at : match.start()]
        charset = match[1].split(b"*", 1)[0].decode("ascii", "replace").lower()  # RFC 2231 §5: charset*language
        payload = _word_bytes(match[2], match[3])
        adjacent = at > 0 and not gap.strip()
        if not (adjacent and charset == label and payload is not None):
            out.append(decode(joined, label))
            joined = b""
            if not adjacent:
                out.append(decode(gap))
        if payload is None:
            out.append(decode(match[0]))
        else:
            joined, label = joined + payload, charset
        at = match.end()
    out.append(decode(joined, label))
    out.append(decode(value[at:]))
    return "".join(out)
