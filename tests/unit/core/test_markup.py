"""HTML to text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.markup import read_html


def text_of(source: str, limit: int = 200_000) -> str:
    return "\n".join(line.text for line in read_html(source, limit=limit))


def quoted_of(source: str) -> list[str]:
    return [line.text for line in read_html(source, limit=10_000) if line.quoted and line.text]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>Hello&nbsp;<b>World</b>!</p>", "Hello World!"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"),
        ("a\n  b\t c", "a b c"),
        ("<pre>a\n  b\n\nc</pre>", "a\n  b\n\nc"),
        ("<ul><li>a<li>b</ul>", "* a\n* b"),
        ("<ol><li>a</li><li>b</li></ol>", "1. a\n2. b"),
        ("<ul><li>a<ul><li>b</ul></ul>", "* a\n\n  * b"),
        ("<table><tr><td>A</td><td>B</td></tr><tr><td>1<td>2</table>", "A | B\n1 | 2"),
        ('<a href="https://x.example/y">here</a>', "here <https://x.example/y>"),
        ('<a href="https://x.example">x.example</a>', "x.example"),
        ('<a href="mailto:a@x.example">a@x.example</a>', "a@x.example"),
        ('<a href="javascript:x()">here</a>', "here"),
        ("1 &lt; 2 &amp; 3 &#228; &#x1F600;", "1 < 2 & 3 ä 😀"),
        ("x > y and a < b <5", "x > y and a < b <5"),
        ("<a title='>'>ok</a>", "ok"),
        ("<img alt='Error 0x80070005'>", "[Error 0x80070005]"),
        ("<img alt='image001.png'>x", "x"),
        ("hi <img alt='🙂'>", "hi 🙂"),
        ("one<hr>two", "one\n\n____________________\n\ntwo"),
        ("<p>one</p>&#99999999999999999999999; two", "one\n\n\ufffd two"),
    ],
    ids=lambda value: value[:28],
)
def test_readable_text(source: str, text: str) -> None:
    """Blocks, lists, tables and links come out as a person would write them."""
    assert text_of(source) == text


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert('no')</script>yes",
        "<style>p { color: no }</style>yes",
        "<title>no</title>yes",
        "<!-- no -->yes",
        "<![CDATA[no]]>yes",
        "<!DOCTYPE no>yes",
        "<?xml no?>yes",
        '<div style="display:none">no</div>yes',
        '<span style="DISPLAY : none; color: red">no <b>no</b></span>yes',
        "<p hidden>no</p>yes",
        '<div style="mso-hide:all">no</div>yes',
        '<div style="max-height:0;overflow:hidden">no<table><tr><td>no</table></div>yes',
        "<script>if (a < b) { document.write('</p>no') }</script>yes",
        "<object><p>no</p></object>yes",
    ],
    ids=lambda value: value[:28],
)
def test_what_nobody_sees_is_dropped(source: str) -> None:
    """Scripts, styles, comments and hidden preheaders are no text."""
    assert text_of(source) == "yes"


def test_an_unclosed_script_loses_no_words() -> None:
    """Markup that is never closed is shown rather than swallowed to the end."""
    assert "hello" in text_of("<script>hello")
    assert "hello" in text_of("<!-- hello")
    assert "hello" in text_of('<a href="x>hello')


@pytest.mark.parametrize(
    ("source", "quoted", "own"),
    [
        ("<p>me</p><blockquote>you</blockquote>", ["> you"], "me"),
        (
            'me<div class="gmail_quote"><p class="gmail_attr">On x, y wrote:</p><blockquote>you</blockquote>also</div>',
            ["On x, y wrote:", "> you"],
            "me also",
        ),
        ('me<div id="divRplyFwdMsg">From: you</div><div>you</div>', ["From: you", "you"], "me"),
        ('me<div id="appendonsend"></div><hr><div>you</div>', ["____________________", "you"], "me"),
        (
            'me<div class="moz-cite-prefix">On x, y wrote:</div><blockquote type="cite">you</blockquote>',
            ["On x, y wrote:", "> you"],
            "me",
        ),
        ('me<div name="quote"><div><b>Von:</b> you</div></div>', ["> Von: you"], "me"),
        (
            'me<hr id="zwchr"><div data-marker="__HEADERS__">From: you</div>',
            ["____________________", "From: you"],
            "me",
        ),
        ('me<blockquote style="margin:0 0 0 40px;border:none;padding:0px">too</blockquote>', [], "me too"),
        ('me<div class="yahoo_quoted"><div>you</div></div>', ["> you"], "me"),
        ("me<blockquote>you<blockquote>they</blockquote></blockquote>", ["> you", ">", "> > they"], "me"),
    ],
    ids=["blockquote", "gmail", "outlook", "outlook web", "thunderbird", "gmx", "zimbra", "indent", "yahoo", "nested"],
)
def test_quotes_are_marked(source: str, quoted: list[str], own: str) -> None:
    """What mail programs mark as the mail below carries the mark."""
    assert quoted_of(source) == quoted
    assert " ".join(line.text for line in read_html(source, limit=1_000) if not line.quoted and line.text) == own


@pytest.mark.parametrize(
    "piece",
    [
        "<!--",
        "<div>",
        "<blockquote>x",
        '<a ">',
        "<a b='\">",
        "<",
        "<script>",
        "&#",
        "&amp",
        "<ul><li>x",
        "<b><p></b>",
        "<a =",
        "<td>",
        "</b>",
        "<p hidden",
    ],
)
def test_hostile_markup_is_linear(piece: str) -> None:
    """256 kB of any repeated piece take no more than a moment (asserted loosely)."""
    source = (piece * 262_144)[:262_144]

    started = time.process_time()
    read_html(source, limit=200_000)

    assert time.process_time() - started < 4


def test_output_is_bounded() -> None:
    """No more than about the limit comes out."""
    assert len(text_of("<p>hello</p>" * 10_000, limit=1_000)) < 1_200


@given(
    st.lists(
        st.sampled_from(
            [
                "<",
                ">",
                "<b",
                "</",
                "p>",
                '"',
                "'",
                "=",
                "!--",
                "--",
                "a",
                "&",
                "script",
                "\n",
                "style=display:none",
                "<br>",
                "<blockquote>",
                "</blockquote>",
                "<td>",
            ]
        ),
        max_size=60,
    )
)
def test_any_markup_is_read(pieces: list[str]) -> None:
    """No markup raises, and nothing unclean comes out."""
    assert "\x00" not in text_of("".join(pieces))
