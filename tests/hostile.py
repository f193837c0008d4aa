"""Hostile mails: each with a name and a builder of its raw bytes, for every test that feeds the daemon.

They are the shapes that have stopped mail systems: nesting, floods, quadratic parsers, charset
and address tricks, injected headers, names with paths. `MAILS` maps the name to the builder, so
that nothing big is built before it is asked for. Deterministic; nothing here is a real attack tool.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterator

Builder = Callable[[], bytes]
MAILS: dict[str, Builder] = {}

HEAD = (
    b"From: Mallory <mallory@example.net>\r\nTo: help@example.org\r\nSubject: hello\r\n"
    b"Date: Tue, 03 Nov 2026 10:00:00 +0000\r\nMessage-ID: <hostile@example.net>\r\n"
)
MIME = b"MIME-Version: 1.0\r\n"
TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nhello\r\n"
HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n"


def hostile(name: str) -> Callable[[Builder], Builder]:
    """Register a builder under `name`."""

    def register(builder: Builder) -> Builder:
        assert name not in MAILS, name
        MAILS[name] = builder
        return builder

    return register


def add(name: str, raw: bytes) -> None:
    hostile(name)(lambda: raw)


def build_all() -> Iterator[tuple[str, bytes]]:
    """Every mail, one after the other, so that only one big one is held at a time."""
    for name, builder in MAILS.items():
        yield name, builder()


def _nested(depth: int, *, inner: bytes = b"hello\r\n", kind: str = "mixed", disposition: bytes = b"") -> bytes:
    out = [HEAD, MIME]
    for level in range(depth):
        out.append(f'Content-Type: multipart/{kind}; boundary="b{level}"\r\n'.encode())
        out.append(disposition + b"\r\n" + f"--b{level}\r\n".encode())
    out.append(TEXT.replace(b"hello\r\n", inner))
    out.extend(f"--b{level}--\r\n".encode() for level in reversed(range(depth)))
    return b"".join(out)


def _from(value: bytes) -> bytes:
    return HEAD.replace(b"From: Mallory <mallory@example.net>", b"From: " + value) + TEXT


def _subject(value: bytes) -> bytes:
    return HEAD.replace(b"Subject: hello", b"Subject: " + value) + TEXT


def _attachment(name: bytes, data: bytes = b"aGVsbG8=") -> bytes:
    return (
        HEAD
        + MIME
        + b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\n'
        + TEXT
        + b"--x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        + b"Content-Disposition: attachment; "
        + name
        + b"\r\n\r\n"
        + data
        + b"\r\n--x--\r\n"
    )


# --- structure ---


@hostile("depth-10000")
def _depth() -> bytes:
    return _nested(10_000)


@hostile("depth-60")
def _depth_60() -> bytes:
    return _nested(60)


@hostile("depth-45-round-100000-lines")
def _deep_and_long() -> bytes:
    return _nested(45, inner=b"a line of text\r\n" * 100_000)


@hostile("depth-40-of-attachments")
def _depth_of_attachments() -> bytes:
    # mail-parser writes an attached multipart down again at every level.
    return _nested(40, inner=b"x" * 70 + b"\r\n" + b"y" * 900_000, disposition=b"Content-Disposition: attachment\r\n")


@hostile("depth-40-of-attachments-in-lines")
def _depth_of_attachment_lines() -> bytes:
    return _nested(40, inner=(b"x" * 76 + b"\r\n") * 12_000, disposition=b"Content-Disposition: attachment\r\n")


@hostile("depth-alternatives-49")
def _alternatives() -> bytes:
    return _nested(49, kind="alternative")


@hostile("messages-in-messages-5000")
def _messages() -> bytes:
    return HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 5_000 + TEXT


@hostile("messages-in-messages-40")
def _messages_40() -> bytes:
    inner = b"Subject: inner\r\nContent-Type: message/rfc822\r\n\r\n"
    return HEAD + b"Content-Type: message/rfc822\r\n\r\n" + inner * 39 + b"Subject: last\r\n\r\nhello\r\n"


@hostile("parts-20000")
def _parts() -> bytes:
    return (
        HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + (b"--x\r\n\r\nhello\r\n" * 20_000) + b"--x--\r\n"
    )


@hostile("parts-499")
def _parts_499() -> bytes:
    return HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + (b"--x\r\n\r\nhello\r\n" * 499) + b"--x--\r\n"


@hostile("parts-hidden-behind-bare-cr")
def _parts_cr() -> bytes:
    return HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + (b"--x\r\rhello\r" * 20_000) + b"--x--\r\n"


@hostile("parts-behind-an-rfc2231-boundary")
def _parts_2231() -> bytes:
    head = HEAD + b"Content-Type: multipart/mixed; boundary*0=ab; boundary*1=cd\r\n\r\n"
    return head + (b"--abcd\r\n\r\nhello\r\n" * 20_000) + b"--abcd--\r\n"


@hostile("boundaries-1000000")
def _boundaries() -> bytes:
    return HEAD + MIME + b"Content-Type: text/plain\r\n\r\n" + b"".join(b"boundary=b%d\r\n" % n for n in range(500_000))


@hostile("delimiters-5000000")
def _delimiters() -> bytes:
    return HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"\n--y" * 500_000


add("boundary-never-comes", HEAD + b"Content-Type: multipart/mixed; boundary=zzz\r\n\r\n--x\r\n" + TEXT + b"--x--\r\n")
add("boundary-empty", HEAD + b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n' + TEXT + b"----\r\n")
add("boundary-missing", HEAD + b"Content-Type: multipart/mixed\r\n\r\n--x\r\n" + TEXT + b"--x--\r\n")
add("boundary-never-closed", HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" + TEXT)
add(
    "boundary-of-900-octets",
    HEAD + b"Content-Type: multipart/mixed; boundary=" + b"b" * 900 + b"\r\n\r\n--" + b"b" * 900 + b"\r\n" + TEXT,
)
add(
    "boundary-is-8-bit",
    HEAD + b"Content-Type: multipart/mixed; boundary=\xff\xfe\r\n\r\n--\xff\xfe\r\n" + TEXT + b"--\xff\xfe--\r\n",
)
add(
    "same-boundary-at-every-level",
    HEAD + (b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" * 200) + TEXT + b"--x--\r\n",
)


# --- floods ---


@hostile("empty-lines-5-mb")
def _empty_lines() -> bytes:
    return HEAD + TEXT + b"\n" * 5_000_000


@hostile("empty-lines-crlf-1-mb")
def _empty_lines_crlf() -> bytes:
    return HEAD + TEXT + b"\r\n" * 500_000


@hostile("fields-60000")
def _fields() -> bytes:
    return b"".join(b"X-%d: y\r\n" % n for n in range(60_000)) + HEAD + TEXT


@hostile("fields-999-of-one-name")
def _fields_999() -> bytes:
    return HEAD + b"X-Same: y\r\n" * 990 + TEXT


@hostile("received-20000")
def _received() -> bytes:
    return b"Received: from a (b [1.2.3.4]) by c; Tue, 03 Nov 2026 10:00:00 +0000\r\n" * 20_000 + HEAD + TEXT


@hostile("received-900-odd")
def _received_odd() -> bytes:
    return (
        b"Received: from " + b"(((" * 80 + b" by by by by; ;;;\r\n" + b"Received: by x (a b c\r\n" * 900 + HEAD + TEXT
    )


@hostile("field-of-8-mb")
def _field() -> bytes:
    return HEAD + b"X-Long: " + b"x" * 8_000_000 + b"\r\n" + TEXT


@hostile("field-folded-100000-times")
def _folded() -> bytes:
    return HEAD + b"X-Folded: a\r\n" + b" b\r\n" * 100_000 + TEXT


@hostile("header-that-never-ends")
def _endless() -> bytes:
    return HEAD + b"X: y\r\n" * 2_000_000


@hostile("to-50000-addresses")
def _to() -> bytes:
    return HEAD.replace(b"help@example.org", b",\r\n ".join(b"u%d@example.org" % n for n in range(50_000))) + TEXT


@hostile("to-950-addresses-one-line")
def _to_line() -> bytes:
    return HEAD.replace(b"help@example.org", b", ".join(b"U %d <u%d@example.org>" % (n, n) for n in range(950))) + TEXT


@hostile("to-30000-commas")
def _commas() -> bytes:
    return HEAD.replace(b"help@example.org", b"a," * 30_000) + TEXT


@hostile("to-four-fields-of-semicolons")
def _semicolons() -> bytes:
    return (
        b"".join(name + b": " + b";" * 60_000 + b"\r\n" for name in (b"To", b"Cc", b"Reply-To", b"Bcc")) + HEAD + TEXT
    )


@hostile("to-brackets-60000")
def _brackets() -> bytes:
    return HEAD.replace(b"help@example.org", b"<" * 30_000 + b"@" + b">" * 30_000) + TEXT


@hostile("to-comments-20000-deep")
def _comments() -> bytes:
    return HEAD.replace(b"help@example.org", b"(" * 20_000 + b")" * 20_000 + b" help@example.org") + TEXT


@hostile("to-quotes-30000")
def _quotes() -> bytes:
    return HEAD.replace(b"help@example.org", b'"\\' * 30_000) + TEXT


@hostile("subject-20000-encoded-words")
def _words() -> bytes:
    return _subject(b"\r\n ".join([b"=?utf-8?q?hello?="] * 20_000))


@hostile("subject-490-encoded-words-one-line")
def _words_line() -> bytes:
    return _subject(b" ".join([b"=?utf-8?q?hello?="] * 490))


@hostile("subject-encoded-words-unfinished")
def _words_open() -> bytes:
    return _subject(b"=?utf-8?q?" * 480)


@hostile("references-60000-octets")
def _references() -> bytes:
    return HEAD + b"References: " + b"\r\n ".join(b"<%d@example.net>" % n for n in range(3_000)) + b"\r\n" + TEXT


@hostile("parameters-60000-octets")
def _parameters() -> bytes:
    return HEAD + b"Content-Type: text/plain" + b"; a=b" * 12_000 + b"\r\n\r\nhello\r\n"


@hostile("parameters-unclosed-quotes")
def _parameters_open() -> bytes:
    return HEAD + b"Content-Type: text/plain" + b';x="' * 15_000 + b"\r\n\r\nhello\r\n"


@hostile("parameters-of-nothing-in-a-boundary")
def _parameters_boundary() -> bytes:
    # 20 s in the stdlib: it copies the rest of the field at each separator.
    return HEAD + b'Content-Type: multipart/mixed; boundary="' + b";" * 64_000 + b'"\r\n\r\n--x\r\n' + TEXT


@hostile("parameters-of-nothing-in-400-parts")
def _parameters_parts() -> bytes:
    part = b"--x\r\nContent-Disposition: attachment;\r\n " + b";a" * 20_000 + b"\r\n\r\nhello\r\n"
    return HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + part * 400 + b"--x--\r\n"


@hostile("parameters-of-nothing-within-the-limit")
def _parameters_within() -> bytes:
    return HEAD + b'Content-Disposition: attachment; filename="' + b";" * 2_700 + b'"\r\n' + TEXT


@hostile("parameters-rfc2231-10000-pieces")
def _pieces() -> bytes:
    return _attachment(b"".join(b"filename*%d*=a;" % n for n in range(4_000)))


@hostile("one-line-of-20-mb")
def _line() -> bytes:
    return HEAD + TEXT + b"x" * 20_000_000


@hostile("one-line-of-60-kb-of-quotes")
def _line_quotes() -> bytes:
    return HEAD + TEXT + b"> " * 30_000


@hostile("24-mb-of-text")
def _big_text() -> bytes:
    return HEAD + TEXT + b"The printer on the second floor does not print any more today.\r\n" * 370_000


@hostile("24-mb-attachment")
def _big_attachment() -> bytes:
    return _attachment(b"filename=big.bin", base64.encodebytes(bytes(17_700_000)).replace(b"\n", b"\r\n"))


@hostile("30-mb")
def _too_big() -> bytes:
    return HEAD + TEXT + b"x" * 76 + b"\r\n" + (b"x" * 76 + b"\r\n") * 390_000


@hostile("zip-bomb")
def _zip_bomb() -> bytes:
    return _attachment(b"filename=bomb.zip", base64.encodebytes(zlib.compress(bytes(100_000_000), 9)))


@hostile("quoted-printable-10-mb")
def _qp() -> bytes:
    head = HEAD + b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head + b"=C3=BC=C3=BC=C3=BC=C3=BC=C3=BC=C3=BC=C3=BC=C3=BC=C3=BC=C3=BC=\r\n" * 150_000


@hostile("uuencode-of-garbage")
def _uu() -> bytes:
    return (
        HEAD
        + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n\xff\xff\xff\r\n"
        + b"M\x80\r\n" * 1_000
        + b"end\r\n"
    )


@hostile("uuencode-never-ends")
def _uu_open() -> bytes:
    return (
        HEAD + TEXT + b"begin 644 file.bin\r\n" + b"M" + b"A" * 60 + b"\r\n" * 2 + (b"M" + b"A" * 60 + b"\r\n") * 60_000
    )


@hostile("uuencode-20000-times-begun")
def _uu_many() -> bytes:
    return HEAD + TEXT + b"begin 644 a\r\n" * 20_000 + b"end\r\n"


@hostile("base64-of-garbage")
def _b64() -> bytes:
    return (
        HEAD + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"=A=\xff!" * 10_000 + b"\r\n"
    )


# --- HTML ---


def _html(name: str, body: Callable[[], bytes]) -> None:
    hostile(name)(lambda: HEAD + HTML + body() + b"\r\n")


def _rows(data: bytes) -> bytes:
    """Broken into lines as a mail is."""
    return b"\r\n".join(data[at : at + 900] for at in range(0, len(data), 900))


_html("html-50000-nested-div", lambda: _rows(b"<div>" * 50_000 + b"hello"))
_html("html-50000-nested-blockquote", lambda: _rows(b"<blockquote>x" * 20_000))
_html("html-50000-unclosed-comments", lambda: _rows(b"<!--" * 60_000 + b"hello"))
_html("html-unclosed-attributes", lambda: _rows(b'<a href="' * 30_000 + b"hello"))
_html("html-odd-quotes", lambda: _rows(b"<a b='\">" * 30_000 + b"hello"))
_html("html-250000-less-than", lambda: _rows(b"<" * 250_000 + b"hello"))
_html("html-unclosed-scripts", lambda: _rows(b"<script>" * 30_000 + b"hello"))
_html("html-digits-of-an-entity", lambda: _rows(b"hello &#" + b"9" * 60_000 + b";"))
_html("html-wide-table", lambda: _rows(b"<table><tr>" + b"<td>x" * 40_000 + b"</table>"))
_html("html-misnested", lambda: _rows(b"<b><p></b><i></p>x</i>" * 10_000))
_html("html-lists-20000-deep", lambda: _rows(b"<ul><li>x" * 20_000))
_html("html-10-mb", lambda: b"<p>The printer does not print any more.</p>\r\n" * 240_000)
_html("html-script", lambda: b"<script>alert(1)</script><img src=x onerror=alert(1)><p>hello</p><style>p{}</style>")
_html("html-hidden-text", lambda: b'<p>hello</p><div style="display:none">#close 1</div><p hidden>#close 2</p>')
_html("html-combining-marks", lambda: _rows(b"a" + "\u0300\u0316".encode() * 60_000))


# --- quotes ---


@hostile("quote-bomb-on-on-on")
def _on() -> bytes:
    return HEAD + TEXT + b"On Mon " * 9_000


@hostile("quote-bomb-attributions")
def _attributions() -> bytes:
    return HEAD + TEXT + b"On Tue, 3 Nov 2026 at 10:00, A <a@example.net> wrote\r\n" * 20_000


@hostile("quote-bomb-levels")
def _levels() -> bytes:
    return HEAD + TEXT + b"".join(b">" * (n % 900) + b" x\r\n" for n in range(20_000))


@hostile("quote-bomb-header-blocks")
def _blocks() -> bytes:
    return HEAD + TEXT + b"From: a\r\nSent: b\r\nFrom: c\r\n" * 20_000


@hostile("quote-bomb-rules")
def _rules() -> bytes:
    return HEAD + TEXT + b"________________________________\r\n\r\n" * 20_000


@hostile("quote-bomb-signatures")
def _signatures() -> bytes:
    return HEAD + TEXT + b"-- \r\n" * 60_000


@hostile("flowed-forever")
def _flowed() -> bytes:
    return HEAD + b"Content-Type: text/plain; format=flowed\r\n\r\n" + b"word \r\n" * 200_000


# --- charsets ---

for _label in (
    "idna", "punycode", "utf-7", "rot13", "zlib", "hex", "base64", "unicode_escape", "raw_unicode_escape", "undefined",
    "mbcs", "oem", "../../etc/passwd", "x" * 5_000, "utf-8\0", "utf_16", "utf-32", "iso-2022-cn", "hz", "cp037", "%s",
    "", "os.system", "unknown-8bit", "utf-8'en'", "💥",
):  # fmt: skip
    _value = _label.encode("utf-8")
    add(
        f"charset-{_label[:20].strip(chr(0)) or 'empty'}".replace("/", "-"),
        HEAD + MIME + b'Content-Type: text/plain; charset="' + _value + b'"\r\n\r\nhello\r\n',
    )
    if _label not in {"%s", ""}:
        add(
            f"word-charset-{_label[:20].strip(chr(0))}".replace("/", "-"), _subject(b"=?" + _value[:60] + b"?q?hello?=")
        )


@hostile("charset-idna-quadratic")
def _idna() -> bytes:
    return HEAD + b"Content-Type: text/plain; charset=idna\r\n\r\n" + b"a" * 60_000 + b"\r\n"


@hostile("charset-punycode-quadratic")
def _punycode() -> bytes:
    return HEAD + b"Content-Type: text/plain; charset=punycode\r\n\r\nhello " + (b"a" * 900 + b"\r\n") * 1_000


@hostile("charset-punycode-split")
def _punycode_split() -> bytes:
    head = b"Content-Type: text/plain; charset*0=puny; charset*1=code\r\n\r\nhello "
    return HEAD + head + (b"a" * 900 + b"\r\n") * 1_000


@hostile("codec-punycode-boundaries")
def _punycode_boundaries() -> bytes:
    level = b"Content-Type: multipart/mixed; boundary*=punycode''" + b"a" * 60_000 + b"\r\n\r\n--x\r\n"
    return HEAD + level * 300 + TEXT


@hostile("codec-punycode-names")
def _punycode_names() -> bytes:
    part = b"--x\r\nContent-Disposition: attachment; filename*=punycode''" + b"a" * 60_000 + b"\r\n\r\nhello\r\n"
    return HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + part * 300 + b"--x--\r\n"


@hostile("codec-punycode-words")
def _punycode_words() -> bytes:
    return _subject(b"=?-Punycode?q?" + b"a" * 60_000 + b"?=")


add("charset-nul-in-text", HEAD + b"Content-Type: text/plain\r\n\r\nhel\0lo\0\0\r\n")
add("charset-surrogates", HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\nhello \xed\xa0\x80\xed\xb0\x80\r\n")
add("charset-overlong", HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\nhello \xc0\xae\xc0\xae\xc0\xaf\r\n")
add("charset-utf16-half", HEAD + b"Content-Type: text/plain; charset=utf-16le\r\n\r\nh\0e\0l\0l\0o\0\xd8")
add("charset-8-bit-header", _subject("Grüße, hello".encode("latin-1")))
add("charset-bidi", HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\nhello \xe2\x80\xae\xe2\x81\xa6gnp.exe\r\n")
add(
    "charset-tag-characters",
    HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\nhello " + "\U000e0041".encode() * 500,
)

# --- attachment names ---

for _name, _raw in {
    "path": b'filename="../../../../etc/passwd"',
    "windows-path": b'filename="C:\\\\windows\\\\system32\\\\cmd.exe"',
    "nul": b'filename="a\0.exe"',
    "rlo": b"filename*=utf-8''invoice%E2%80%AEgpj.exe",
    "htaccess": b'filename=".htaccess"',
    "dots": b'filename=".."',
    "empty": b'filename=""',
    "crlf": b"filename*=utf-8''a%0D%0ASubject:%20x",
    "5000": b'filename="' + b"a" * 5_000 + b'.pdf"',
    "percent": b"filename*=utf-8''%ff%fe%zz%",
    "word": b'filename="=?utf-8?b?Li4vLi4vZXRjL3Bhc3N3ZA==?="',
    "control": b'filename="a\x01\x1b[31mb.txt"',
    "device": b'filename="CON"',
    "formula": b'filename="=cmd|calc.csv"',
    "huge-index": b"filename*99999999999999999999=x",
    "unicode-index": "filename*²=x".encode(),
}.items():
    add(f"attach-name-{_name}", _attachment(_raw))

# --- injected headers ---

for _name, _raw in {
    "encoded-crlf": b"=?utf-8?q?hello=0D=0ABcc:_victim@example.org?=",
    "encoded-lf-body": b"=?utf-8?q?hello=0A=0AThis_is_the_body?=",
    "bare-cr": b"hello\rBcc: victim@example.org",
    "bare-cr-authentication": b"hello\rAuthentication-Results: mx.example.org; dmarc=pass",
    "nul": b"hello\0there",
    "nel": "hello\u0085Bcc: x\u2028y".encode(),
    "template": b"{{7*7}} ${7*7} <%= 7*7 %> hello",
    "formula": b'=HYPERLINK("http://example.net","hello")',
    "escape": b"hello \x1b]0;owned\x07\x1b[2J",
    "log": b"hello level=error event=fake",
}.items():
    add(f"inject-{_name}", _subject(_raw))
add("inject-message-id", HEAD.replace(b"<hostile@example.net>", b"<a@[>") + TEXT)
add("inject-message-id-open", HEAD.replace(b"<hostile@example.net>", b"<[1234@example.net>") + TEXT)
add("inject-message-id-folded", HEAD.replace(b"<hostile@example.net>", b"\r\n <a\r\n b@example.net>") + TEXT)
add(
    "inject-header-behind-junk",
    b"From: a@example.net\r\njunk without colon\r\nAuthentication-Results: mx.example.org; dmarc=pass\r\n\r\nhello\r\n",
)
add("inject-body-in-header", HEAD + b" \r\n \r\nhello\r\n\r\nSubject: second\r\n\r\nhello\r\n")

# --- From ---

for _name, _raw in {
    "two-mailboxes": b"a@example.org, mallory@example.net",
    "two-angles": b"<a@example.org> <mallory@example.net>",
    "nested-angles": b"<<a@example.org>>",
    "name-is-address": b'"ceo@example.org" <mallory@example.net>',
    "name-is-address-unquoted": b"ceo@example.org <mallory@example.net>",
    "comment": b"a@(example.org)example.net",
    "comment-open": b"a@example.org(",
    "group": b"team: a@example.org, b@example.org;",
    "route": b"<@example.org:mallory@example.net>",
    "nul": b"a@example.org\0@example.net",
    "encoded-address": b"=?utf-8?q?ceo=40example.org?=",
    "encoded-inside-angle": b"<=?utf-8?q?ceo?=@example.org>",
    "mailsploit": b"=?utf-8?b?cG90dXNAd2hpdGVob3VzZS5nb3Y=?==?utf-8?Q?=00?=@example.net",
    "no-domain": b"root",
    "literal": b"a@[127.0.0.1]",
    "empty": b"",
    "brackets-only": b"<>",
    "8-bit": b"J\xfcrgen <j@example.net>",
    "homoglyph": "Support <support@ехаmple.org>".encode(),
    "rtl": b"=?utf-8?b?4oCuZ3JvLmVscG1heGVAb2Vj4oCs?= <mallory@example.net>",
    "quoted-at": b'"a@example.org\\"@example.net',
    "percent": b"a%example.org@example.net",
    "long": b"a" * 5_000 + b"@example.net",
}.items():
    add(f"from-{_name}", _from(_raw))
add("from-twice", b"From: a@example.org\r\n" + HEAD + TEXT)
add("from-twice-by-case", b"from : a@example.org\r\n" + HEAD + TEXT)
add("from-missing", HEAD.partition(b"\r\n")[2] + TEXT)

# --- nothing, or nearly nothing ---

add("empty", b"")
add("nothing-but-newline", b"\r\n")
add("nothing-but-nul", bytes(1_000))
add("no-header", b"hello there\r\nthis mail has no header\r\n")
add("no-body", HEAD)
add("no-blank-line", HEAD + b"hello\r\nworld\r\n")
add("only-cr", HEAD.replace(b"\r\n", b"\r") + b"\rhello\r")
add("colon-only", b":\r\n:\r\n\r\nhello\r\n")
add("binary", bytes(range(256)) * 200)
add(
    "date-odd",
    HEAD.replace(b"Tue, 03 Nov 2026 10:00:00 +0000", b"Tue, 99 Foo 99999999999999 99:99:99 +99999999") + TEXT,
)
add("date-year-9999", HEAD.replace(b"03 Nov 2026", b"31 Dec 9999").replace(b"10:00:00 +0000", b"23:59:59 -2359") + TEXT)
add("content-type-odd", HEAD + b'Content-Type: ;;;=;""=\r\nContent-Transfer-Encoding: x-y-z\r\n\r\nhello\r\n')
add(
    "report-broken",
    HEAD
    + b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\n"
    + b"Content-Type: message/delivery-status\r\n\r\n\0\xff:::\r\n\r\nAction: \r\nFinal-Recipient: ;;;\r\n--x--\r\n",
)


@hostile("report-10000-recipients")
def _report() -> bytes:
    head = HEAD + b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\n"
    group = b"Final-Recipient: rfc822;a@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
    return (
        head
        + b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns;x\r\n\r\n"
        + group * 10_000
        + b"--x--\r\n"
    )
