"""HTML to text: what a person would read of an HTML mail, with quotes marked.

A tokeniser and one pass over its events, no tree: mail HTML is cut at `html_bytes` and every scan
moves forward only, because html.parser, lxml and html5ever all have inputs of 100-500 kB that
cost them seconds (unclosed comments, 50,000 nested elements). Scripts, styles and hidden
preheaders are dropped; nothing is fetched. Never raises.

Lines come out as `Line`: blockquotes carry "> " like plain text, and `quoted` marks lines that the
mail program itself marks as attribution or as the mail below (Gmail, Outlook, Thunderbird, Apple).
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

from daemon.core.clean import clean
from daemon.core.tags import events, read_attributes


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text; `quoted` when its markup says so (a leading ">" says it too)."""

    text: str
    quoted: bool = False


_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "wbr", "o:p"}
)
_BLOCK = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "div", "dl", "dt", "fieldset",
        "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "html", "li", "main", "nav", "ol",
        "p", "pre", "section", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
    }
)  # fmt: skip
_PARAGRAPH = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "table", "pre"})
_SELF_CLOSING = {  # an open element that a new one of these names ends
    "li": ("li",),
    "tr": ("td", "th", "tr"),
    "td": ("td", "th"),
    "th": ("td", "th"),
    "dd": ("dd", "dt"),
    "dt": ("dd", "dt"),
}
_HIDDEN = re.compile(
    r"display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden|mso-hide\s{0,3}:\s{0,3}all"
    r"|opacity\s{0,3}:\s{0,3}0(?![.\d])|max-height\s{0,3}:\s{0,3}0(?![.\d])",
    re.IGNORECASE,
)
# The writer's mail program says: this is the attribution line …
_ATTRIBUTION = re.compile(
    r"gmail_attr|moz-cite-prefix|yahoo_quoted_header|reply_header|zm_.*quote_header", re.IGNORECASE
)
# … and: from here on to the end it is the mail below (no element encloses it).
_REST = re.compile(
    r"divRplyFwdMsg|appendonsend|OLK_SRC_BODY_SECTION|ms-outlook-mobile-reference-message"
    r"|mail-editor-reference-message-container|zwchr|__HEADERS__",
    re.IGNORECASE,
)
_QUOTE = re.compile(
    r"protonmail_quote|yahoo_quoted|moz-email-headers-table|tutanota_quote|WordSection1_quoted", re.IGNORECASE
)

# Gmail, Outlook and Apple Mail indent a paragraph by a blockquote too; then its border is off.
_INDENT = re.compile(r"border\s{0,3}:\s{0,3}(?:none|0)", re.IGNORECASE)

_SPACES = re.compile(r"[ \t\r\n\f\xa0]+")
_HUGE_ENTITY = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{7,});?")  # int() refuses 4,300 digits and more
_DRAWN_LINE = "_" * 20
_LINE_CHARS = 20_000
_URL_CHARS = 300


@dataclass(slots=True)
class _Open:
    """An element that has been opened."""

    name: str
    hidden: bool = False
    quote: bool = False
    marked: bool = False
    href: str = ""
    anchor: int = 0  # length of the output line when the link began


def _is_quote(name: str, values: dict[str, str], mark: str) -> bool:
    """True for an element that holds quoted text; GMX and web.de name theirs "quote"."""
    if name == "blockquote":
        style = values.get("style", "")
        indented = bool(style and _INDENT.search(style[:500]) and "border-" not in style[:500].lower())
        return not indented or values.get("type", "").lower() == "cite" or "quote" in mark
    return values.get("name", "") == "quote" or bool(mark.strip() and _QUOTE.search(mark))


def _unescape(text: str) -> str:
    return html.unescape(_HUGE_ENTITY.sub("\ufffd", text)) if "&" in text else text


@dataclass(slots=True)
class _Page:
    """The text made so far and the elements open now."""

    limit: int
    lines: list[Line] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    width: int = 0
    chars: int = 0
    stack: list[_Open] = field(default_factory=list)
    count: dict[str, int] = field(default_factory=dict)
    hidden: int = 0
    quotes: int = 0
    marked: int = 0
    pre: int = 0
    rest: bool = False
    gap: bool = False  # a blank line is due before the next text
    gap_quotes: int = 0  # the lowest quote depth since then: a blank line at a border belongs outside
    cell: bool = False  # a cell border is due before the next text
    space: bool = False
    items: list[int] = field(default_factory=list)  # counters of open lists; -1 for bullets

    def flush(self, *, paragraph: bool = False) -> None:
        text = "".join(self.current).rstrip()
        self.current.clear()
        self.width = 0
        self.space = self.cell = False
        if text:
            if self.gap and self.lines:
                self._emit("", quotes=min(self.quotes, self.gap_quotes))
            self.gap = False
            self._emit(text, quotes=self.quotes)
        if paragraph and not self.gap:
            self.gap, self.gap_quotes = True, self.quotes
        self.gap_quotes = min(self.gap_quotes, self.quotes)

    def _emit(self, text: str, *, quotes: int) -> None:
        prefix = "> " * min(quotes, 10)
        self.lines.append(Line((prefix + text).rstrip(), quoted=bool(quotes or self.marked or self.rest)))
        self.chars += len(text) + 1

    def blank(self) -> None:
        """A line break on an empty line is an empty line, one at most."""
        if self.lines and self.lines[-1].text.strip("> "):
            self._emit("", quotes=self.quotes)

    def write(self, text: str) -> None:
        if self.hidden or self.chars > self.limit:
            return
        text = _unescape(text)
        if self.pre:
            self._write_pre(text)
            return
        collapsed = _SPACES.sub(" ", text)
        body = collapsed.strip(" ")
        if not body:
            self.space = self.space or bool(collapsed)
            return
        if self.current:
            if self.cell:
                self.current.append(" | ")
            elif self.space or collapsed[0] == " ":
                self.current.append(" ")
        self.cell = False
        self.current.append(body)
        self.space = collapsed[-1] == " "
        self.width += len(body)
        if self.width > _LINE_CHARS:
            self.flush()

    def _write_pre(self, text: str) -> None:
        first, *others = text.replace("\r\n", "\n").split("\n")
        self.current.append(first)
        for line in others:
            if self.current and "".join(self.current).strip():
                self.flush()
            else:
                self.current.clear()
                self.blank()
            self.current.append(line)
            if self.chars > self.limit:
                return

    def open(self, name: str, attributes: str) -> None:
        if name in {"br", "hr"}:
            if name == "hr" and "zwchr" in attributes:  # Zimbra draws the line, then writes its block
                self.flush(paragraph=True)
                self.rest = True
            self._break(name)
            return
        if name in _BLOCK:
            self._end_implied(name)
        values = read_attributes(attributes) if "=" in attributes or "hidden" in attributes else {}
        if name == "img":
            self._image(values)
            return
        if name in _VOID or (attributes.endswith("/") and name not in _BLOCK):
            return
        element = self._element(name, values)
        if name in {"td", "th"}:
            self.cell = bool(self.current)
        elif name in _BLOCK and name != "html":
            self.flush(paragraph=name in _PARAGRAPH)
        self._push(element)
        if name == "li" and not self.hidden:
            self._bullet()

    def _break(self, name: str) -> None:
        if name == "hr":
            self.flush(paragraph=True)
            if not self.hidden:
                self.current.append(_DRAWN_LINE)
                self.flush(paragraph=True)
        elif self.current:
            self.flush()
        elif not self.hidden:
            self.blank()

    def _end_implied(self, name: str) -> None:
        """A new block ends an open paragraph, a new cell or item the open one."""
        ended = _SELF_CLOSING.get(name, ())
        while self.stack and (self.stack[-1].name == "p" or self.stack[-1].name in ended):
            self._pop()

    def _element(self, name: str, values: dict[str, str]) -> _Open:
        mark = " ".join(values.get(each, "") for each in ("id", "class", "name", "data-marker"))
        if mark.strip() and _REST.search(mark):
            self.flush(paragraph=True)
            self.rest = True
        style = values.get("style", "")
        return _Open(
            name,
            hidden="hidden" in values or bool(style and _HIDDEN.search(style)),
            quote=_is_quote(name, values, mark),
            marked=bool(mark.strip() and _ATTRIBUTION.search(mark)),
            href=values.get("href", "") if name == "a" else "",
        )

    def _push(self, element: _Open) -> None:
        self.stack.append(element)
        self.count[element.name] = self.count.get(element.name, 0) + 1
        self.hidden += element.hidden
        self.pre += element.name == "pre"
        if element.quote or element.marked:
            self.flush(paragraph=element.quote)
            self.quotes += element.quote
            self.marked += element.marked
        if element.name in {"ul", "ol"}:
            self.items.append(0 if element.name == "ol" else -1)
        element.anchor = len(self.current)

    def _pop(self) -> None:
        element = self.stack.pop()
        self.count[element.name] -= 1
        if element.href and not self.hidden:
            self._link(element)
        if element.name in _BLOCK and element.name not in {"td", "th"}:
            self.flush(paragraph=element.name in _PARAGRAPH)
        if element.quote or element.marked:
            self.flush(paragraph=element.quote)
            self.quotes -= element.quote
            self.marked -= element.marked
        if element.name in {"ul", "ol"} and self.items:
            self.items.pop()
        self.hidden -= element.hidden
        self.pre -= element.name == "pre"

    def close(self, name: str) -> None:
        if name in {"br", "p"} and not self.count.get(name):
            self.open("br", "")
            return
        if not self.count.get(name):
            return
        if name not in _BLOCK:  # an inline end tag never ends a block, and looks a few elements up only
            for element in self.stack[-8:][::-1]:
                if element.name == name:
                    break
                if element.name in _BLOCK:
                    return
            else:
                return
        while self.stack:
            done = self.stack[-1].name == name
            self._pop()
            if done:
                return

    def _bullet(self) -> None:
        depth = max(len(self.items), 1)
        bullet = "* "
        if self.items and self.items[-1] >= 0:
            self.items[-1] += 1
            bullet = f"{self.items[-1]}. "
        self.current.append("  " * min(depth - 1, 8) + bullet)
        self.space = False

    def _image(self, values: dict[str, str]) -> None:
        alt = _unescape(values.get("alt", "")).strip()
        if alt and len(alt) <= 80 and not re.search(r"\.(?:png|jpe?g|gif|bmp)$", alt, re.IGNORECASE):
            self.write(f"[{alt}]" if len(alt) > 3 else alt)

    def _link(self, element: _Open) -> None:
        url = _unescape(element.href).strip()[:_URL_CHARS]
        shown = "".join(self.current[element.anchor :]).strip()
        plain = url.removeprefix("mailto:").removeprefix("https://").removeprefix("http://").rstrip("/")
        if shown and url.lower().startswith(("http://", "https://", "mailto:")) and plain and plain not in shown:
            self.current.append(f" <{url.removeprefix('mailto:')}>")


def read_html(source: str, *, limit: int) -> tuple[Line, ...]:
    """The readable lines of an HTML text, about `limit` characters at most; the caller cuts the input."""
    page = _Page(limit=limit)
    for kind, name, value in events(clean(source, len(source))):
        if kind == "text":
            page.write(value)
        elif kind == "open":
            page.open(name, value)
        else:
            page.close(name)
        if page.chars > limit:
            break
    page.flush()
    while page.lines and not page.lines[-1].text.strip("> "):
        page.lines.pop()
    return tuple(page.lines)
