"""Notice and facts → Letter: templates, and what happens when one fails.

Templates are data: `templates/<language>/<kind>.txt.j2` is the letter, and `letter.html.j2` sets the same
paragraphs as HTML, so that the two cannot differ. An admin overrides any of them by file name
(also `<language>/<kind>.html.j2`). Mail text reaches a template as a value only, cut and on one line; the
environment is sandboxed, strict about undefined names and has no globals. Whatever fails, the
requester gets an answer: the override, else the shipped template, else a plain sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from jinja2 import BaseLoader, ChoiceLoader, DictLoader, StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment as _Environment
from markupsafe import escape

from daemon import resources
from daemon.core.address import Address
from daemon.core.clean import clean
from daemon.core.letter import SUBJECT_CHARS, Facts, Letter, addressee, bare_subject, one_line, speakable_name, tagged
from daemon.core.notice import NEWS, TO_REQUESTER, Notice, NoticeKind
from daemon.core.policy import TRIAGE, Desk, Policy
from daemon.core.sla import Hours, Promise
from daemon.errors import Misconfigured
from daemon.languages import DEFAULT, choose, hours_in_words, in_language, plain_letter, say_instant
from daemon.paragraphs import WORDS_MARK, plain, read_letter
from daemon.slots import Slotted, place, read

__all__ = ["Renderer", "hours_in_words", "say_instant"]

TEXT_BYTES = 2048  # an automatic letter is never larger: RFC 3834 §2, no amplification
WORDS_CHARS = 200_000  # of a person, in a TEAM notice or a REPLY
_LAYOUT_CHARS = 64_000  # besides what a person's words take
_TEMPLATE_BYTES = 64_000
_STEM = {
    NoticeKind.ACKNOWLEDGMENT: "acknowledgment",
    NoticeKind.TIME_TO_RESPOND: "time-to-respond",
    NoticeKind.TEAM: "team",
    NoticeKind.REPLY: "reply",
    NoticeKind.RECEIPT: "receipt",
    NoticeKind.STATUS: "status",
    NoticeKind.REMINDER: "reminder",
    NoticeKind.FORWARD: "forward",
    NoticeKind.ANSWER: "answer",
    NoticeKind.QUESTION: "question",
    NoticeKind.SURVEY: "survey",
    NoticeKind.DATA: "data",
    NoticeKind.AGENDA: "agenda",
    NoticeKind.REPORT: "report",
    NoticeKind.APPROVAL: "approval",
    NoticeKind.VENDOR: "vendor",
    NoticeKind.DIGEST: "digest",
}
_AUTOMATIC = TO_REQUESTER
_WORDLESS = _AUTOMATIC | {NoticeKind.REMINDER, NoticeKind.AGENDA, NoticeKind.REPORT}  # nobody's own words are in these
_QUOTED = frozenset({NoticeKind.TEAM, NoticeKind.APPROVAL, NoticeKind.VENDOR})
_LAYOUT = "letter.html.j2"
# Letters of every ticket; their templates branch on no slot, but for its being empty. The differential test shows it.
_FILLED = frozenset(
    {
        *(NoticeKind.ACKNOWLEDGMENT, NoticeKind.TEAM, NoticeKind.TIME_TO_RESPOND, NoticeKind.REMINDER),
        *(NoticeKind.RECEIPT, NoticeKind.REPLY, NoticeKind.STATUS),
    }
)
_SLOTS = ("reference", "name", "due", "previous_due", "closes", "subject", "usual")
_LINK_SLOT = "mailto:link{}@slot.invalid"  # what a link may look like
_LINK_CHARS = 2_000
_WORDED = frozenset({"wish", "clock"})  # a detail for which templates have words of their own
_FORMS = 2_000  # a desk has some hundred (language, category, hours, what is known)
_VALUE_CHARS = {"advice": 400, "hours": 240, "urgent": 200, "holiday": 120, "reason": 300}
_SHORT_CHARS = 100
_TROUBLE = (TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class _Form:
    """A letter with places for what differs from ticket to ticket."""

    neutral: Slotted
    text: Slotted
    html: Slotted


class Renderer:
    """Compiled templates, shipped ones and an admin's. Immutable after its making; safe in threads.

    `problems` lists overrides that cannot be used, one line each, for `firstline check`.
    """

    def __init__(self, overrides: Path | None = None) -> None:
        shipped = DictLoader(dict(_read(resources.folder("templates"))))
        mine = DictLoader(dict(_read(overrides)) if overrides is not None else {})
        self._shipped = _environment(shipped)
        self._mine = _environment(ChoiceLoader([mine, shipped]))
        self._own = frozenset(mine.list_templates())
        self._forms: dict[tuple[object, ...], _Form] = {}
        for name in shipped.list_templates():
            self._shipped.get_template(name)
        names = self._mine.list_templates()
        self._languages = {
            kind: tuple(name.partition("/")[0] for name in names if name.endswith(f"/{stem}.txt.j2"))
            for kind, stem in _STEM.items()
        }
        self.problems = tuple(self._problems())

    def languages(self, kind: NoticeKind) -> tuple[str, ...]:
        """The languages that have a template for this kind of notice."""
        return self._languages[kind]

    def facts(
        self, notice: Notice, *, policy: Policy, desk: Desk, reference: str, reply_to: Address | None = None
    ) -> Facts:
        """What the notice may say, in its language or, where that has no templates, in the desk's."""
        default = desk.languages[0] if desk.languages else DEFAULT
        language = choose(notice.language, default, self._languages[notice.kind])
        category = policy.category(notice.category) if notice.certain and notice.category != TRIAGE else None
        promise, previous = notice.promise, notice.previous_promise
        return Facts(
            desk=desk.title,
            reference=reference,
            language=language,
            name=addressee(notice),
            category=in_language(category.titles, language, default) if category else "",
            due=say_instant(promise.due_at, promise.zone, language) if promise else "",
            previous_due=say_instant(previous.due_at, previous.zone, language) if previous else "",
            hours=hours_in_words(policy.calendar(promise.calendar), language) if promise else "",
            holiday=promise.holiday if promise else "",
            urgent=in_language(desk.urgent_path, language, default),
            advice=in_language(category.advice, language, default) if category else "",
            tier=notice.tier,
            closes=say_instant(notice.closes_at, notice.zone, language) if notice.closes_at else "",
            approval=notice.approval,
            reason=notice.reason,
            usual=say_instant(notice.usual, promise.zone, language) if notice.usual and promise else "",
            links=_links(notice.orders, reference, reply_to) if reply_to is not None else (),
        )

    def render(self, notice: Notice, facts: Facts) -> Letter:
        """The letter. Never raises for a template's sake: `Letter.trouble` says which one failed and why."""
        language = choose(facts.language, DEFAULT, self._languages[notice.kind])
        name = f"{language}/{_STEM[notice.kind]}.txt.j2"
        values = _values(notice, facts)
        trouble = ""
        if notice.kind in _FILLED and not self._touches(name) and (letter := self._filled(name, notice, values)):
            return letter
        for environment in (self._mine, self._shipped) if self._touches(name) else (self._shipped,):
            try:
                return replace(self._letter(environment, name, notice, values), trouble=trouble)
            except _TROUBLE as error:
                trouble = trouble or _line_of(error, name)
        reference, desk = str(values["reference"]), str(values["desk"])
        text = str(values["words"]) or plain_letter(reference, desk, str(values["due"]), language)
        return Letter(subject=_subject(notice, reference, desk), text=f"{text}\n", language=language, trouble=trouble)

    def _filled(self, name: str, notice: Notice, values: Mapping[str, object]) -> Letter | None:
        """The same letter out of its kept form; None when only rendering it anew can tell how it looks."""
        shown, said = _parted(values)
        if any(len(value) > _LINK_CHARS for each, value in said.items() if each.startswith("link")):
            return None
        key = (name, *shown.values())
        form = self._forms.get(key)
        if form is None:
            try:
                form = self._form(name, shown)
            except _TROUBLE:
                return None
            if len(self._forms) >= _FORMS:
                self._forms.clear()
            self._forms[key] = form
        words = said["words"]
        # What is set strongly is found by its words: these must stand at their own places and nowhere else.
        unread = {each: "" if each == "words" or each.startswith("link") else value for each, value in said.items()}
        plain_part = form.text.fill(unread)
        for strong in ("due", "reference"):
            if said[strong] and plain_part.count(said[strong]) != form.text.names.count(strong):
                return None
        limit = TEXT_BYTES if notice.kind in _AUTOMATIC else _LAYOUT_CHARS
        text = form.text.fill(said)
        subject = _subject(notice, said["reference"], form.neutral.fill(said) or str(values["desk"]))
        html = form.html.fill({each: str(escape(value)) for each, value in (*said.items(), ("title", subject))})
        too_long = len(text.encode("utf-8", "replace")) - len(words.encode("utf-8", "replace")) > limit
        if too_long or len(html) > _LAYOUT_CHARS + 8 * len(words):
            return None
        return Letter(subject=subject, text=text, html=html, language=name.partition("/")[0])

    def _form(self, name: str, shown: Mapping[str, object]) -> _Form:
        words = str(shown["words"])
        strong = tuple(str(shown[each]) for each in ("due", "reference") if shown[each])
        neutral, paragraphs = read_letter(_run(self._shipped, name, shown, _LAYOUT_CHARS), words, strong)
        if words and not any(paragraph.kind == "words" for paragraph in paragraphs):
            raise ValueError("the template leaves out {{ text }}, the words of a person")
        text = "\n\n".join(map(plain, paragraphs)) + "\n"
        language = name.partition("/")[0]
        setting = {**shown, "text": words, "language": language, "subject": place("title"), "paragraphs": paragraphs}
        html = _run(self._shipped, _LAYOUT, setting, _LAYOUT_CHARS)
        for index in range(len(shown["links"])):  # type: ignore[arg-type]
            text = text.replace(_LINK_SLOT.format(index), place(f"link{index}"))
            html = html.replace(_LINK_SLOT.format(index), place(f"link{index}"))
        return _Form(neutral=read(neutral), text=read(text), html=read(html))

    def _letter(self, environment: _Environment, name: str, notice: Notice, values: Mapping[str, object]) -> Letter:
        language = name.partition("/")[0]
        limit = TEXT_BYTES if notice.kind in _AUTOMATIC else _LAYOUT_CHARS
        words = str(values["words"])
        strong = tuple(str(values[key]) for key in ("due", "reference") if values[key])
        neutral, paragraphs = read_letter(_run(environment, name, values, _LAYOUT_CHARS), words, strong)
        text = "\n\n".join(map(plain, paragraphs)) + "\n"
        if len(text.encode("utf-8", "replace")) - len(words.encode("utf-8", "replace")) > limit:
            if not values["advice"]:
                raise ValueError(f"the letter is larger than {limit} bytes")
            return self._letter(environment, name, notice, {**values, "advice": ""})
        if words and not any(paragraph.kind == "words" for paragraph in paragraphs):
            raise ValueError("the template leaves out {{ text }}, the words of a person")
        subject = _subject(notice, str(values["reference"]), neutral or str(values["desk"]))
        own = name.replace(".txt.j2", ".html.j2")
        layout = own if own in self._own and environment is self._mine else _LAYOUT
        setting = {**values, "text": words, "language": language, "subject": subject, "paragraphs": paragraphs}
        html = _run(environment, layout, setting, _LAYOUT_CHARS + 8 * len(words))
        return Letter(subject=subject, text=text, html=html, language=language)

    def _touches(self, name: str) -> bool:
        """True when an override has a part in the letter; a file with another name may be included by one of these."""
        return bool(self._own & {name, name.replace(".txt.j2", ".html.j2"), _LAYOUT})

    def _problems(self) -> Iterator[str]:
        """Each override compiled, and each one that is a letter tried with every variant of sample facts."""
        for name in sorted(self._own):
            try:
                self._mine.get_template(name)
            except _TROUBLE as error:
                yield _line_of(error, name)
                continue
            language, _, file = name.partition("/")
            kind = next((kind for kind, stem in _STEM.items() if file in {f"{stem}.txt.j2", f"{stem}.html.j2"}), None)
            kinds = [kind] if kind else list(NoticeKind) if name == _LAYOUT else []
            tried = (
                self.render(*sample).trouble for k in kinds for sample in samples(k, language if kind else DEFAULT)
            )
            yield from dict.fromkeys(trouble for trouble in tried if trouble)


def samples(kind: NoticeKind, language: str) -> Iterator[tuple[Notice, Facts]]:
    """Every branch that a template may take, with and without what is optional."""
    to = Address("user", "example.com")
    at = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    for hours in Hours:
        for full in (True, False):
            promise = Promise(due_at=at, zone="UTC", calendar="office", target=timedelta(hours=4), hours=hours)
            some = "something" if full else ""
            yield (
                Notice(
                    kind=kind,
                    to=to,
                    certain=full,
                    promise=promise,
                    echo_subject=full,
                    subject=some,
                    text="words",
                    news=NEWS if full else (),
                    lists=(("due", ("FL-1",)),) if full else (),
                ),
                Facts(
                    desk="Desk",
                    reference="FL-1",
                    language=language,
                    name=some,
                    category=some,
                    due=some,
                    previous_due=some,
                    hours=some,
                    holiday=some,
                    urgent=some,
                    advice=some,
                    approval=some,
                    reason=some,
                    usual=some,
                ),
            )


def _environment(loader: BaseLoader) -> _Environment:
    environment = _Environment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=lambda name: bool(name and name.endswith(".html.j2")),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.clear()  # no range, no lipsum: a template says values and nothing else
    return environment


def _read(root: Path) -> Iterator[tuple[str, str]]:
    """All templates below `root` by their relative names. Misconfigured names the file that cannot be one."""
    for path in sorted(root.rglob("*.j2")):
        try:
            if path.stat().st_size > _TEMPLATE_BYTES:
                raise Misconfigured(f"{path}: a template is at most {_TEMPLATE_BYTES} bytes")
            yield path.relative_to(root).as_posix(), path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"{path}: cannot be read as a template: {error}") from error


def _values(notice: Notice, facts: Facts) -> dict[str, object]:
    """What templates see: every value one line and cut. Persons' words are not among them, only their place is."""
    values: dict[str, object] = {
        field.name: one_line(getattr(facts, field.name), _VALUE_CHARS.get(field.name, _SHORT_CHARS))
        for field in fields(facts)
        if field.name != "links"
    }
    values["links"] = facts.links
    values["name"] = speakable_name(facts.name)
    values["subject"] = bare_subject(notice.subject, facts.reference) if _may_echo(notice) else ""
    values["urgent"] = str(values["urgent"]).rstrip(".")  # the sentence brings its own
    values["quoted"] = notice.kind in _QUOTED  # somebody else's words are set off, our own are not
    values["certain"] = notice.certain
    values["news"] = notice.news
    values["variant"] = notice.promise.hours.value if notice.promise else "open"
    values["detail"] = tuple(
        (one_line(label, _SHORT_CHARS), one_line(value, 4 * _SHORT_CHARS))
        for label, value in notice.detail
        if value.strip()
    )
    values["lists"] = tuple(
        (heading, tuple(one_line(line, 2 * _SHORT_CHARS) for line in lines)) for heading, lines in notice.lists if lines
    )
    values["words"] = "" if notice.kind in _WORDLESS else _readable(notice.text)
    values["text"] = WORDS_MARK
    return values


def _parted(values: Mapping[str, object]) -> tuple[dict[str, object], dict[str, str]]:
    """The values with places for what differs from ticket to ticket, and what goes there; what is empty stays so."""
    said = {name: str(values[name]) for name in (*_SLOTS, "words")}
    shown = {**values, **{name: place(name) if value else "" for name, value in said.items()}}
    for name, pairs in (("detail", values["detail"]), ("links", values["links"])):
        assert isinstance(pairs, tuple)
        single = name.rstrip("s")
        said |= {f"{single}{index}": value for index, (_, value) in enumerate(pairs)}
        shown[name] = tuple(
            (label, _slot(single, index, value) if label not in _WORDED else value)
            for index, (label, value) in enumerate(pairs)
        )
    return shown, said


def _slot(single: str, index: int, value: str) -> str:
    return "" if not value else _LINK_SLOT.format(index) if single == "link" else place(f"{single}{index}")


def _links(orders: tuple[str, ...], reference: str, reply_to: Address) -> tuple[tuple[str, str], ...]:
    """Each order as a mail that the agent only has to send: to the ticket's signed address, the order as its text."""
    subject = quote(f"[{reference}]", safe="")
    to = quote(str(reply_to), safe="@+")
    return tuple((order, f"mailto:{to}?subject={subject}&body={quote(order, safe='')}") for order in orders)


def _readable(text: str) -> str:
    """A person's words with their line breaks, bounded; form feeds and the like are gone after `clean`."""
    kept = clean(text, WORDS_CHARS)
    return kept.strip("\n") + ("\n[…]" if len(text) > WORDS_CHARS else "")


def _may_echo(notice: Notice) -> bool:
    """A stranger's subject is not repeated to whoever he says he is (RFC 3834 §6)."""
    return notice.echo_subject or notice.kind not in _AUTOMATIC


def _subject(notice: Notice, reference: str, neutral: str) -> str:
    echo = bare_subject(notice.subject, reference) if _may_echo(notice) else ""
    return tagged(
        echo or one_line(neutral, SUBJECT_CHARS),
        reference,
        reply=bool(echo) and notice.kind not in {NoticeKind.TEAM, NoticeKind.FORWARD},
    )


def _run(environment: _Environment, name: str, values: Mapping[str, object], limit: int) -> str:
    """The template's output, stopped as soon as it passes `limit` characters."""
    pieces: list[str] = []
    size = 0
    for piece in environment.get_template(name).generate(**values):
        size += len(piece)
        if size > limit:
            raise ValueError(f"{name}: says more than {limit} characters")
        pieces.append(piece)
    return "".join(pieces)


def _line_of(error: Exception, name: str) -> str:
    """One line for an operator: file, line where Jinja knows it, and what is wrong."""
    if isinstance(error, TemplateSyntaxError):
        return one_line(f"{error.name or name}:{error.lineno}: {error.message}", 300)
    return one_line(f"{name}: {type(error).__name__}: {error}", 300)
