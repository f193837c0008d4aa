"""Case files of the reply corpus: what a person typed and what the program put round it.

A case is `cases/LANGUAGE-CLIENT[-WHAT].txt`: `name: value` lines, an empty line, then the mail from
top to bottom. A line without a mark is the writer's own (and so what we expect); `* ` and `1. `
begin list items, four blanks begin code. `|N` quotes line N of our letter, `|*` all of it, `|` and
a text anything; `||` is one level deeper. `@attr` is the program's line above a quote, `@quote` that
line and the whole letter, `@deep` the same with an older mail inside. `@mobile`, `@disclaimer` and
`@sig` (to the next empty line) are no words of the writer. A leading backslash makes any line the writer's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from replies.languages import Language, language

CASES = Path(__file__).parent / "cases"
FORWARDED = (
    "---------- Forwarded message ---------",
    "From: Supplies <supplies@example.net>",
    "Date: Tue, 3 Nov 2026 08:00:00 +0100",
    "To: Jo Doe <jo@example.org>",
    "Subject: Delivery",
    "",
)
OWN, QUOTE, ATTRIBUTION, SIGNATURE, MOBILE, DISCLAIMER, FORWARD = (
    "own", "quote", "attribution", "signature", "mobile", "disclaimer", "forward",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Lines of one kind; `depth` of quotes, 1 for our letter."""

    kind: str
    lines: tuple[str, ...] = ()
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """One reply. `blocks` from top to bottom, `expected`: the writer's words, `options`: the head of the file."""

    name: str
    client: str
    language: Language
    options: dict[str, str]
    blocks: tuple[Block, ...]

    @property
    def expected(self) -> str:
        return "\n".join(line for block in self.blocks if block.kind in {OWN, FORWARD} for line in block.lines).strip()


def cases() -> list[Case]:
    """All cases by name."""
    return [read_case(path) for path in sorted(CASES.glob("*.txt"))]


def read_case(path: Path) -> Case:
    """The case of one file."""
    head, _, body = path.read_text(encoding="utf-8").partition("\n\n")
    options = dict(line.split(": ", 1) for line in head.split("\n"))
    code, _, rest = path.stem.partition("-")
    client = options.get("client", rest)
    spoken = language(code)
    return Case(
        name=f"{rest}-{code}",
        client=client,
        language=spoken,
        options=options,
        blocks=_blocks(body.rstrip("\n").split("\n"), spoken),
    )


def _blocks(lines: list[str], spoken: Language) -> tuple[Block, ...]:
    found: list[tuple[str, int, list[str]]] = []

    def add(kind: str, *texts: str, depth: int = 0) -> None:
        if found and found[-1][:2] == (kind, depth) and kind in {OWN, QUOTE}:
            found[-1][2].extend(texts)
        else:
            found.append((kind, depth, list(texts)))

    signature = False
    for line in lines:
        if signature and line:
            found[-1][2].append(line)
        elif line == "@sig":
            signature = True
            add(SIGNATURE)
            continue
        elif line.startswith("|"):
            _add_quote(add, line, spoken)
        elif line.startswith("@"):
            _add_order(add, line, spoken)
        else:
            add(OWN, line.removeprefix("\\"))
        signature = signature and bool(line)
    return tuple(Block(kind=kind, lines=tuple(texts), depth=depth) for kind, depth, texts in found)


def _add_quote(add, line: str, spoken: Language) -> None:
    depth = len(line) - len(line.lstrip("|"))
    what = line.lstrip("|").removeprefix(" ")
    source = spoken.letter if depth == 1 else spoken.older
    if what == "*":
        add(QUOTE, *source, depth=depth)
    elif what.isdigit():
        add(QUOTE, source[int(what)], depth=depth)
    else:
        add(QUOTE, what, depth=depth)


def _add_order(add, line: str, spoken: Language) -> None:
    if line in {"@quote", "@deep"}:
        add(ATTRIBUTION)
        add(QUOTE, *spoken.letter, depth=1)
        if line == "@deep":
            add(QUOTE, "", spoken.gmail_older, depth=1)
            add(QUOTE, *spoken.older, depth=2)
    elif line == "@attr":
        add(ATTRIBUTION)
    elif line == "@mobile":
        add(MOBILE)
    elif line == "@disclaimer":
        add(DISCLAIMER, spoken.disclaimer)
    elif line == "@forward":
        add(FORWARD, *FORWARDED)  # a forwarded mail is the message
    else:
        raise ValueError(f"unknown order {line}")
