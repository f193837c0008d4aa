"""The writer's own words apart from what was quoted and from the signature, in linear time.

Better too much than too little: what cannot be told for sure stays with the writer's words, and
when nothing would be left of them all of the text is theirs. ">" lines, the marks of HTML quotes
and whole-mail quotes (Outlook's) are recognised; answers between or below quoted lines are kept.
With `sent` (the texts we sent before) lines are also compared with those.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from daemon.core.attribution import (
    JOINED,
    LINE,
    has_date,
    header_block,
    is_attribution,
    is_divider,
    is_forward_mark,
    is_mobile_signature,
    is_rule,
    is_sure_attribution,
    starts_attribution,
)
from daemon.core.markup import Line

# Only ">": "C> dir", "SQL> select" and "| a | b |" are what people paste into a request.
_QUOTE_MARK = re.compile(r"[ \t]{0,3}>")
_BARE = re.compile(r"[\s>|*_]+")
_SIGNATURE_LINES = 20
_SENT_CHARS = 12  # shorter lines ("Hello,") are equal by chance

_OWN, _QUOTED, _SIGNATURE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Split:
    """A text taken apart; each part keeps the order of its lines."""

    new: str
    quoted: str
    signature: str


def split(lines: Sequence[Line], *, forward: bool = False, sent: Sequence[str] = ()) -> Split:
    """Own words, quoted text and signature of `lines`.

    `forward`: the subject says the mail is forwarded; then the quoted mail is the message and stays.
    `sent`: texts of ours that the writer may be answering.
    """
    texts = [line.text for line in lines]
    if forward:
        kinds = [_OWN] * len(lines)
    else:
        kinds = _kinds(lines, texts)
        if sent:
            _align(texts, kinds, sent)
    _find_signatures(texts, kinds)
    if not any(kind == _OWN and text.strip() for text, kind in zip(texts, kinds, strict=True)):
        return Split(_joined(texts), "", "")
    return Split(*(_joined([t for t, k in zip(texts, kinds, strict=True) if k == kind]) for kind in (0, 1, 2)))


def _is_marked(text: str) -> bool:
    """True for a line with a quote mark; ">:" alone is the end of a wrapped attribution."""
    return bool(_QUOTE_MARK.match(text)) and text.strip() != ">:"


def _joined(texts: Sequence[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(text.rstrip() for text in texts)).strip("\n")


def _kinds(lines: Sequence[Line], texts: Sequence[str]) -> list[int]:
    kinds = [_QUOTED if line.quoted or _is_marked(line.text) else _OWN for line in lines]
    _keep_forwards(texts, kinds)
    _close_gaps(texts, kinds)
    _mark_attributions(texts, kinds)
    _mark_rest(texts, kinds)
    return kinds


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


def _mark_attributions(texts: Sequence[str], kinds: list[int]) -> None:
    """The lines just above each quoted run that say who wrote it."""
    for index in range(1, len(kinds)):
        if kinds[index] != _QUOTED or kinds[index - 1] == _QUOTED:
            continue
        end = index
        while end > 0 and index - end < 2 and not texts[end - 1].strip():
            end -= 1
        begin = _attribution_start(texts, kinds, end)
        for line in range(begin, index if begin < end else begin):
            kinds[line] = _QUOTED


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


def _mark_rest(texts: Sequence[str], kinds: list[int]) -> None:
    """From a divider, a header block or a sure attribution on, all is the mail below."""
    for index, text in enumerate(texts):
        if kinds[index] == _QUOTED or not text.strip() or len(text) > LINE:
            continue
        if _begins_rest(texts, kinds, index):
            start = index
            while start > 0 and (not texts[start - 1].strip() or is_rule(texts[start - 1])):
                start -= 1
            for line in range(start, len(kinds)):
                kinds[line] = _QUOTED
            return


def _begins_rest(texts: Sequence[str], kinds: Sequence[int], index: int) -> bool:
    text = texts[index].strip()
    if is_divider(text):
        return True
    above = next((line.strip() for line in reversed(texts[max(0, index - 3) : index]) if line.strip()), "")
    if header_block(texts, index, ruled=is_rule(above)):
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
    """In each run of own lines: all below "-- ", else a line a phone added at its end."""
    start = 0
    size = len(kinds)
    while start < size:
        if kinds[start] != _OWN:
            start += 1
            continue
        stop = start
        while stop < size and kinds[stop] == _OWN:
            stop += 1
        cut = _signature_start(texts, start, stop)
        for line in range(cut, stop):
            kinds[line] = _SIGNATURE
        start = stop


def _signature_start(texts: Sequence[str], start: int, stop: int) -> int:
    last = stop
    while last > start and not texts[last - 1].strip():
        last -= 1
    for line in range(last - 1, max(start, last - _SIGNATURE_LINES) - 1, -1):
        if texts[line].rstrip() == "--" or texts[line] == "— ":
            return line
    cut = last
    while cut > start and (is_mobile_signature(texts[cut - 1]) or not texts[cut - 1].strip()):
        cut -= 1
    return cut if cut < last else stop


def _key(text: str) -> str:
    return _BARE.sub(" ", text).strip().casefold()


def _align(texts: Sequence[str], kinds: list[int], sent: Sequence[str]) -> None:
    """Compare with what we sent: our own lines are quoted, other lines among them are answers.

    A whole-mail quote is opened only when most of its longer lines are ours; without that, unknown
    lines in it are an older mail.
    """
    ours = {key for text in sent for line in text.splitlines() if (key := _key(line))}
    keys = [_key(text) for text in texts]
    known = [len(key) >= _SENT_CHARS and key in ours for key in keys]
    for index, hit in enumerate(known):
        if hit:
            kinds[index] = _QUOTED
    unmarked = [
        index
        for index, kind in enumerate(kinds)
        if kind == _QUOTED and len(keys[index]) >= _SENT_CHARS and not _QUOTE_MARK.match(texts[index])
    ]
    first = next((index for index, hit in enumerate(known) if hit), -1)
    inside = [index for index in unmarked if index > first >= 0]
    if not inside or sum(known[index] for index in inside) * 2 < len(inside):
        return
    for index in range(first, len(kinds)):
        if kinds[index] == _QUOTED and keys[index] and keys[index] not in ours and not _QUOTE_MARK.match(texts[index]):
            kinds[index] = _OWN
