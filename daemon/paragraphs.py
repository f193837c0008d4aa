"""What a text template said, as paragraphs that plain text and HTML are both set from.

The one small grammar of letters: a first line `Subject: …` is the neutral subject; an empty line
ends a paragraph; a paragraph of indented `Label: value` lines is a table of facts, one of
`[label](mailto:…)` lines is a row of links; a line that is
WORDS_MARK alone stands for a person's words, which are never looked into. So the HTML cannot say
anything else than the text, and nothing that came by mail can make a paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

WORDS_MARK = "\0words\0"  # no value of a letter can hold it: controls are cleaned away
_SUBJECT_MARK = "Subject: "


_LINK = re.compile(r"\[([^\[\]]{1,100})\]\((mailto:[!-'*-~]{1,2000})\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A stretch of a paragraph, said strongly or not."""

    text: str
    strong: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """What the layout sets: `kind` is text (`lines` of runs), facts or links (`rows`), or words (`words`)."""

    kind: str
    lines: tuple[tuple[Run, ...], ...] = ()
    rows: tuple[tuple[str, str, bool], ...] = ()
    words: str = ""


def read_letter(said: str, words: str, strong: tuple[str, ...]) -> tuple[str, tuple[Paragraph, ...]]:
    """The neutral subject ("" when there is none) and the paragraphs; `strong` phrases stand out in the setting."""
    lines = [line.rstrip() for line in said.split("\n")]
    neutral = ""
    if lines[0].startswith(_SUBJECT_MARK):
        neutral = lines.pop(0).removeprefix(_SUBJECT_MARK)
    blocks = [block.split("\n") for block in re.split(r"\n{2,}", "\n".join(lines).strip("\n"))]
    paragraphs = (_paragraph(block, strong, words) for block in blocks if any(block))
    return neutral, tuple(paragraph for paragraph in paragraphs if paragraph.kind != "words" or paragraph.words)


def _paragraph(block: list[str], strong: tuple[str, ...], words: str) -> Paragraph:
    if WORDS_MARK in block:
        return Paragraph(kind="words", words=words)
    if all(_LINK.fullmatch(line) for line in block):
        return Paragraph(kind="links", rows=tuple((m[1], m[2], False) for m in map(_LINK.fullmatch, block) if m))
    if all(line.startswith("  ") and ": " in line for line in block):
        pairs = [line.strip().partition(": ")[::2] for line in block]
        return Paragraph(kind="facts", rows=tuple((label, value, value in strong) for label, value in pairs))
    return Paragraph(kind="text", lines=tuple(tuple(_runs(line, strong)) for line in block))


def _runs(line: str, strong: tuple[str, ...]) -> Iterator[Run]:
    for phrase in strong:
        before, found, after = line.partition(phrase)
        if found:
            yield from _runs(before, strong)
            yield Run(text=phrase, strong=True)
            yield from _runs(after, strong)
            return
    if line:
        yield Run(text=line, strong=False)


def plain(paragraph: Paragraph) -> str:
    """The paragraph as plain text."""
    if paragraph.kind == "words":
        return paragraph.words
    if paragraph.kind == "links":
        return "\n".join(f"{label}\n  {url}" for label, url, _ in paragraph.rows)
    if paragraph.kind == "facts":
        return "\n".join(f"  {label}: {value}" for label, value, _ in paragraph.rows)
    return "\n".join("".join(run.text for run in line) for line in paragraph.lines)
