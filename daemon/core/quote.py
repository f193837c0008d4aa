"""The writer's own words apart from what was quoted and from the signature, in linear time.

Better too much than too little: what cannot be told for sure stays with the writer's words, and
when nothing would be left of them all of the text is theirs. ">" lines, the marks of HTML quotes
and whole-mail quotes (Outlook's) are recognised; answers between or below quoted lines are kept.
With `About.sent` (the texts we sent before) lines are also compared with those.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from daemon.core.alignment import is_telling, key, known_lines
from daemon.core.attribution import (
    JOINED,
    LINE,
    has_date,
    header_block,
    is_attribution,
    is_divider,
    is_forward_mark,
    is_rule,
    is_sure_attribution,
    points_below,
    starts_attribution,
)
from daemon.core.markup import Line
from daemon.core.signature import signature_start

# Only ">": "C> dir", "SQL> select" and "| a | b |" are what people paste into a request.
_QUOTE_MARK = re.compile(r"[ \t]{0,3}>")
_BARE = re.compile(r"[\s>|*_]+")
_POINTER_CHARS = 200  # a longer text above the quote says more than "see below"

_OWN, _QUOTED, _SIGNATURE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Split:
    """A text taken apart; each part keeps the order of its lines."""

    new: str
    quoted: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is known of the mail besides its text.

    `forward`: the subject says it is forwarded; then the quoted mail is the message and stays.
    `reply`: it answers a mail; what answers nothing quotes nothing, unless it says whom.
    `people`: plain addresses it is from and to. `sent`: texts of ours that it may be answering.
    """

    forward: bool = False
    reply: bool = True
    people: frozenset[str] = frozenset()
    sent: tuple[str, ...] = ()


ABOUT_NOTHING = About()


def split(lines: Sequence[Line], about: About = ABOUT_NOTHING) -> Split:
    """Own words, quoted text and signature of `lines`."""
    texts = [line.text for line in lines]
    kinds = [_OWN] * len(lines) if about.forward else _kinds(lines, texts, about)
    _find_signatures(texts, kinds)
    if not any(kind == _OWN and text.strip() for text, kind in zip(texts, kinds, strict=True)):
        return Split(_joined(texts), "", "")
    return Split(*(_joined([t for t, k in zip(texts, kinds, strict=True) if k == kind]) for kind in (0, 1, 2)))


def _is_marked(text: str) -> bool:
    """True for a line with a quote mark; ">:" alone is the end of a wrapped attribution."""
    return bool(_QUOTE_MARK.match(text)) and text.strip() != ">:"


def _joined(texts: Sequence[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(text.rstrip() for text in texts)).strip("\n")


def _kinds(lines: Sequence[Line], texts: Sequence[str], about: About) -> list[int]:
    kinds = [_QUOTED if line.quoted or _is_marked(line.text) else _OWN for line in lines]
    _keep_forwards(texts, kinds)
    _close_gaps(texts, kinds)
    introduced = _mark_attributions(texts, kinds)
    introduced.update(index for index, line in enumerate(lines) if line.quoted and not _is_marked(line.text))
    rest = _mark_rest(texts, kinds, about.people)
    introduced.update(start for start, stop in _runs(kinds, _QUOTED) if _introduces(texts[start:stop]))
    _keep_pasted(texts, kinds, min([rest, *introduced]), reply=about.reply)
    before = list(kinds)
    if about.sent:
        _align(texts, kinds, about.sent)
    if before == kinds:
        _keep_what_is_pointed_at(texts, kinds)
    return kinds


def _keep_pasted(texts: Sequence[str], kinds: list[int], main: int, *, reply: bool) -> None:
    """Lines with ">" that nobody introduced may be a shell or a log that the writer pasted.

    They stay when the mail answers nothing, when the program's own quote is at `main`, below them, and
    does not say the same, or when they begin with ">>>" without anything less deep.
    """
    below = {key(text) for text in texts[main:]} if main < len(texts) else set()
    for start, stop in _runs(kinds, _QUOTED):
        if start >= main:
            return
        run = [text.strip() for text in texts[start:stop] if text.strip()]
        if not all(_QUOTE_MARK.match(text) for text in run):
            continue
        copied = any(is_telling(key(text)) and key(text) in below for text in run)
        prompts = all(text.startswith((">>>", "> > >")) for text in run)
        if prompts or not reply or (below and not copied):
            for index in range(start, stop):
                kinds[index] = _OWN


def _introduces(run: Sequence[str]) -> bool:
    """True when a quote begins with its own attribution, as Apple Mail writes it."""
    joined = ""
    for text in run[:JOINED]:
        joined = f"{joined} {text.lstrip('> ')}".strip()[: 2 * LINE]
        if is_attribution(joined):
            return True
    return False


def _keep_what_is_pointed_at(texts: Sequence[str], kinds: list[int]) -> None:
    """Above a mail quoted without marks stands "see below": the answers stand between its lines, all stays."""
    first = next((index for index, kind in enumerate(kinds) if kind == _QUOTED), len(kinds))
    if any(_QUOTE_MARK.match(text) for text in texts[first:]):
        return
    above = " ".join(text.strip() for text in texts[:first] if text.strip())[: _POINTER_CHARS + 1]
    if above and len(above) <= _POINTER_CHARS and points_below(above):
        kinds[first:] = [_OWN] * (len(kinds) - first)


def _keep_forwards(texts: Sequence[str], kinds: list[int]) -> None:
    """A quote under "Begin forwarded message:" is what the writer wants us to read."""
    keep, near = False, 0
    for index, text in enumerate(texts):
        if 12 <= len(text) <= LINE and is_forward_mark(_BARE.sub(" ", text)):
            keep, near = True, index
        elif keep and kinds[index] == _OWN and text.strip() and index - near > 3:
            keep = False
        if keep and kinds[index] == _QUOTED:
            kinds[index] = _OWN
            near = index


def _close_gaps(texts: Sequence[str], kinds: list[int]) -> None:
    """Blank lines between quoted lines belong to the quote."""
    last = -1  # index of the last line with text
    for index, text in enumerate(texts):
        if not text.strip():
            continue
        if kinds[index] == _QUOTED and last >= 0 and kinds[last] == _QUOTED:
            for blank in range(last + 1, index):
                kinds[blank] = _QUOTED
        last = index


def _mark_attributions(texts: Sequence[str], kinds: list[int]) -> set[int]:
    """The lines just above each quoted run that say who wrote it; the first line of each run that has them."""
    introduced: set[int] = set()
    for index in range(1, len(kinds)):
        if kinds[index] != _QUOTED or kinds[index - 1] == _QUOTED:
            continue
        end = index
        while end > 0 and index - end < 2 and not texts[end - 1].strip():
            end -= 1
        begin = _attribution_start(texts, kinds, end)
        if begin < end:
            introduced.add(begin)
        for line in range(begin, index if begin < end else begin):
            kinds[line] = _QUOTED
    return introduced


def _attribution_start(texts: Sequence[str], kinds: Sequence[int], end: int) -> int:
    """First line of the attribution that ends before `end`; `end` itself when there is none."""
    joined, weak = "", end
    for begin in range(end - 1, max(end - 1 - JOINED, -1), -1):
        line = texts[begin].strip()
        if not line or len(line) > LINE or kinds[begin] == _QUOTED:
            break
        joined = f"{line} {joined}".strip()
        if is_divider(line):
            return begin
        if is_attribution(joined):
            if starts_attribution(line) or (weak < end and has_date(line)):
                return begin
            if weak == end and len(joined) > 12:
                weak = begin
                complete = has_date(joined) or joined[0].isupper() or joined[0] in "\"'"
                above = texts[begin - 1] if begin else ""
                if complete and not (starts_attribution(above) and has_date(above)):
                    break  # the line above is the writer's
    if weak == end:
        size = next((n for n in range(1, 8) if end >= n and header_block(texts[end - n : end], 0) == n), 0)
        weak = end - size
    return weak


def _mark_rest(texts: Sequence[str], kinds: list[int], people: Container[str]) -> int:
    """From a divider, a header block or a sure attribution on, all is the mail below; where it begins."""
    for index, text in enumerate(texts):
        if kinds[index] == _QUOTED or not text.strip() or len(text) > LINE:
            continue
        if _begins_rest(texts, kinds, index, people):
            start = index
            while start > 0 and (not texts[start - 1].strip() or is_rule(texts[start - 1])):
                start -= 1
            for line in range(start, len(kinds)):
                kinds[line] = _QUOTED
            return start
    return len(kinds)


def _begins_rest(texts: Sequence[str], kinds: Sequence[int], index: int, people: Container[str]) -> bool:
    text = texts[index].strip()
    if is_divider(text):
        return True
    above = next((line.strip() for line in reversed(texts[max(0, index - 3) : index]) if line.strip()), "")
    if header_block(texts, index, ruled=is_rule(above), people=people):
        return not (above.endswith(":") and not is_rule(above) and not is_forward_mark(above)) and not is_forward_mark(
            above
        )
    if not starts_attribution(text):
        return is_sure_attribution(text) and "<" in text
    joined = ""
    for line, kind in zip(texts[index : index + JOINED], kinds[index : index + JOINED], strict=True):
        if not line.strip() or len(line) > LINE or kind == _QUOTED:
            return False
        joined = f"{joined} {line.strip()}".strip()
        if is_sure_attribution(joined):
            return True
    return False


def _find_signatures(texts: Sequence[str], kinds: list[int]) -> None:
    """In each run of own lines: all below "-- ", else what programs and companies add at its end."""
    for start, stop in _runs(kinds, _OWN):
        for line in range(signature_start(texts, start, stop), stop):
            kinds[line] = _SIGNATURE


def _runs(kinds: Sequence[int], kind: int) -> list[tuple[int, int]]:
    """Where the lines of one kind stand together."""
    found: list[tuple[int, int]] = []
    start = -1
    for index, each in enumerate(kinds):
        if each == kind and start < 0:
            start = index
        elif each != kind and start >= 0:
            found.append((start, index))
            start = -1
    return [*found, (start, len(kinds))] if start >= 0 else found


def _align(texts: Sequence[str], kinds: list[int], sent: Sequence[str]) -> None:
    """Compare with what we sent: our own lines are quoted, other lines among them are answers.

    A whole-mail quote is opened only when most of its longer lines are ours; without that, unknown
    lines in it are an older mail.
    """
    known, maybe = known_lines(texts, sent)
    for index, hit in enumerate(known):
        if hit:
            kinds[index] = _QUOTED
    first = next((index for index, hit in enumerate(known) if hit), -1)
    unmarked = [
        index
        for index in range(first + 1, len(kinds) if first >= 0 else 0)
        if kinds[index] == _QUOTED
        and is_telling(key(texts[index]))
        and (known[index] or not maybe[index])
        and not _QUOTE_MARK.match(texts[index])
    ]
    if not unmarked or sum(known[index] for index in unmarked) * 2 < len(unmarked):
        return
    for index in range(first, len(kinds)):
        if kinds[index] == _QUOTED and not maybe[index] and not _QUOTE_MARK.match(texts[index]):
            kinds[index] = _OWN
