"""What the parts of a mail are for: its text, its attachments, the mails inside it.

One walk over the part tree under the limits. Alternatives give one text (plain unless it is a
stub), mixed parts give theirs in order, named parts are attachments, a message/rfc822 is
`Forwarded` and never merged into the text. Nothing is expanded: a zip is a name and a size.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from daemon.core.body import Text, is_stub, lines_of, looks_like_html, take_uuencoded
from daemon.core.charset import decode_words
from daemon.core.clean import clean, clean_line
from daemon.core.filename import safe_name
from daemon.core.identifier import first_id
from daemon.core.limits import Limits
from daemon.core.markup import Line
from daemon.core.message import Attachment, Forwarded
from daemon.core.parts import Part

_TEXT_TYPES = frozenset({"text/plain", "text/html", "text/enriched", "text/richtext", "text/markdown", "text"})
_MARKUP_TYPES = frozenset({"text/html", "text/enriched", "text/richtext"})
_NOTES = {
    "application/ms-tnef": "tnef",
    "application/vnd.ms-tnef": "tnef",
    "text/calendar": "calendar",
    "application/pkcs7-mime": "smime",
    "application/x-pkcs7-mime": "smime",
    "multipart/encrypted": "pgp-encrypted",
}
_OTHER_FORMS = frozenset({"text/x-amp-html", "text/watch-html"})  # the same mail once more
_REPORT_PARTS = ("message/", "text/rfc822-headers")
_FORWARDED_CHARS = 50_000


@dataclass(slots=True)
class Content:
    """What one walk found."""

    limits: Limits
    lines: list[Line] = field(default_factory=list)
    source: str = "none"
    attachments: list[Attachment] = field(default_factory=list)
    forwarded: list[Forwarded] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    chars: int = 0

    def add_lines(self, lines: tuple[Line, ...], source: str) -> None:
        if not any(line.text.strip() for line in lines):
            return
        if self.lines:
            self.lines.append(Line(""))
        self.lines.extend(lines)
        self.chars += sum(len(line.text) + 1 for line in lines)
        if self.source == "none":
            self.source = source

    def note(self, word: str) -> None:
        if word not in self.notes:
            self.notes.append(word)


def read_content(root: Part, limits: Limits) -> Content:
    """The content of the mail whose root part is `root`."""
    content = Content(limits=limits)
    _read(root, content, root=root)
    if content.source == "none":
        _read_last_resort(root, content)
    return content


def _read(part: Part, content: Content, *, root: Part) -> None:
    kind = part.content_type
    if kind in _NOTES:
        content.note(_NOTES[kind])
    if part.is_message:
        _read_forwarded(part, content)
    elif kind == "multipart/alternative" and part.children:
        _read_alternative(part, content, root)
    elif kind.startswith("message/"):
        _attach(part, content)
    elif part.children:
        for child in part.children:
            if kind == "multipart/report" and child.content_type.startswith(_REPORT_PARTS):
                continue
            _read(child, content, root=root)
    elif _is_text(part, content):
        _read_text(part, content)
    else:
        _attach(part, content)


def _is_text(part: Part, content: Content) -> bool:
    """A leaf that is read rather than attached.

    A name alone does not make the first text an attachment: some mailers name their body.
    """
    if part.content_type.startswith("multipart/"):
        return True  # boundary never found: its text is all there is
    if part.content_type not in _TEXT_TYPES:
        return False
    if part.disposition in {"", "inline"}:
        return not part.name or (content.source == "none" and part.number.replace("1", "").strip(".") == "")
    return not part.name and part.number == "1"


def _read_text(part: Part, content: Content) -> None:
    limits = content.limits
    room = limits.text_chars - content.chars
    if room <= 0:
        content.note("text-cut")
        return
    text = part.text()
    markup = part.content_type in _MARKUP_TYPES or (part.content_type == "text/plain" and looks_like_html(text))
    if not markup:
        text, files = take_uuencoded(text)
        for file in files:
            _attach_data(file.name, "application/octet-stream", file.data, part, content)
    elif part.content_type != "text/html" and "<" in text and "</html" not in text[-200:].lower():
        text = text.replace("\n", "<br>") if part.content_type != "text/plain" else text
    if len(text) > (limits.html_bytes if markup else room):
        content.note("html-cut" if markup else "text-cut")
    shown = Text(text, html=markup, flowed=part.flowed, delsp=part.delsp)
    content.add_lines(lines_of(shown, limit=room, html_limit=limits.html_bytes), "html" if markup else "plain")


def _read_alternative(part: Part, content: Content, root: Part) -> None:
    """One text of several: the plain one, or the HTML one when that is a stub; all their attachments."""
    plain = Content(limits=content.limits)
    marked_up = Content(limits=content.limits)
    others = Content(limits=content.limits)
    for child in part.children:
        if _is_markup(child):
            _read(child, marked_up, root=root)
        elif child.content_type in _TEXT_TYPES or child.content_type.startswith("multipart/"):
            _read(child, plain, root=root)
        elif child.content_type not in _OTHER_FORMS:
            _read(child, others, root=root)
    chosen = plain
    plain_text = "\n".join(line.text for line in plain.lines)
    if marked_up.lines and is_stub(plain_text, "\n".join(line.text for line in marked_up.lines)):
        chosen = marked_up
    content.add_lines(tuple(chosen.lines), chosen.source)
    for found in (plain, marked_up, others):
        if found is others and found.lines:
            content.add_lines(tuple(found.lines), found.source) if not chosen.lines else None
        content.attachments.extend(found.attachments)
        content.forwarded.extend(found.forwarded)
        for word in found.notes:
            content.note(word)


def _is_markup(part: Part) -> bool:
    """True for HTML, alone or with its images (multipart/related)."""
    if part.content_type in _MARKUP_TYPES:
        return True
    if part.content_type in {"multipart/related", "multipart/mixed"} and part.children:
        return _is_markup(part.children[0])
    return False


def _read_forwarded(part: Part, content: Content) -> None:
    if len(content.forwarded) >= content.limits.forwarded:
        content.note("forwarded-cut")
        return
    inner = part.children[0]
    found = Content(limits=content.limits)
    content.forwarded.append(  # holds its place: a mail comes before the mails inside it
        Forwarded(sender="", subject="", text="")
    )
    place = len(content.forwarded) - 1
    found.forwarded = content.forwarded  # one count for all depths
    _read(inner, found, root=inner)
    content.forwarded[place] = Forwarded(
        sender=clean_line(decode_words(inner.field("from")[:4_000]), 300),
        subject=clean_line(decode_words(inner.field("subject")[:8_000]), 1_000),
        text=clean("\n".join(line.text for line in found.lines).strip("\n"), _FORWARDED_CHARS),
        message_id=first_id(inner.field("message-id")),
    )
    if part.name or part.disposition == "attachment":
        _attach(part, content)
    content.attachments.extend(found.attachments)
    for word in found.notes:
        content.note(word)


def _attach(part: Part, content: Content) -> None:
    data = b"".join(_raw_mail(part)) if part.is_message else part.data()
    if not data and not part.name:
        return
    claimed = part.name
    if not claimed and part.content_type == "application/octet-stream" and "pgp-encrypted" in content.notes:
        claimed = "encrypted.asc"
    _attach_data(claimed, part.content_type, data, part, content)


def _raw_mail(part: Part) -> list[bytes]:
    """The mail inside as bytes; a mail that cannot be written again counts by its text."""
    try:
        return [part.children[0].source.as_bytes()]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return [child.data() for child in part.walk() if not child.children]


def _attach_data(claimed: str, content_type: str, data: bytes, part: Part, content: Content) -> None:
    if safe := safe_name(claimed, content_type=content_type, part=part.number):
        content.attachments.append(
            Attachment(
                name=safe,
                content_type=content_type,
                size_bytes=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                part=part.number,
                inline=part.disposition == "inline" or (bool(part.content_id) and part.disposition != "attachment"),
            )
        )
        if safe.lower() == "winmail.dat":
            content.note("tnef")


def _read_last_resort(root: Part, content: Content) -> None:
    """No text found: an invitation's summary is text too."""
    for part in root.walk():
        if part.content_type == "text/calendar" and not part.children:
            lines = _calendar_lines(part.text()[:100_000])
            content.add_lines(tuple(Line(line) for line in lines), "plain")
            return


def _calendar_lines(text: str) -> list[str]:
    found = []
    unfolded = clean(text, 100_000).replace("\n ", "").replace("\n\t", "")
    for line in unfolded.split("\n"):
        name, colon, value = line.partition(":")
        if colon and name.split(";")[0].upper() in {"SUMMARY", "DESCRIPTION", "LOCATION"} and value.strip():
            found.extend(value.replace("\\n", "\n").replace("\\,", ",").replace("\\;", ";").split("\n"))
    return found
