"""What an agent may say at the top of a mail: one verb a line, a closed list, whole or not at all.

Owns VERBS, the one table that the parser, `#help` and the documentation are made from. Verbs stand at the
very top of the new text, one a line; the first line that is none ends them. One line that cannot be
read stops the whole mail: nothing goes out, nothing is changed, the agent gets the list (Zendesk ignores
an invalid command silently; a typo then goes to the customer). Pure; never raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from daemon.core.address import parse_identity
from daemon.core.ticket import Kind, Priority

_LINE = re.compile(r"#(?P<verb>[^\W\d_][\w-]{0,30})(?:[ \t]+(?P<rest>.*))?", re.UNICODE)
_DURATION = re.compile(r"(?:(?P<h>\d{1,3})\s*h(?:ours?)?)?\s*(?:(?P<m>\d{1,4})\s*m(?:in(?:utes?)?)?)?", re.IGNORECASE)
_DAYS = re.compile(r"(?P<n>\d{1,3})\s*(?P<unit>[dwh])", re.IGNORECASE)
_REFERENCE = re.compile(r"[A-Za-z]{1,10}-\d{1,10}")
_MAX_LINES = 40  # verbs in one mail; nobody means more
_MAX_ARGUMENT = 200
_MAX_MINUTES = 24 * 60


class Verb(StrEnum):
    """The closed set of verbs."""

    TAKE = "take"
    ASSIGN = "assign"
    CLOSE = "close"
    REOPEN = "reopen"
    WAIT = "wait"
    CATEGORY = "category"
    TIER = "tier"
    PRIORITY = "priority"
    KIND = "kind"
    NOTE = "note"
    MERGE = "merge"
    SPLIT = "split"
    LINK = "link"
    UNLINK = "unlink"
    FORWARD = "forward"
    TIME = "time"
    CAUSE = "cause"
    RESOLUTION = "resolution"
    APPROVE = "approve"
    DENY = "deny"
    SPAM = "spam"
    SEND = "send"
    UNDO = "undo"
    STATUS = "status"
    HELP = "help"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One verb with its argument in normal form ("" when it has none): minutes for TIME, `3d` or `vendor` for WAIT."""

    verb: Verb
    argument: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A line that cannot be done, in words for the agent."""

    line: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What the top of a mail orders. `words` is what follows: the answer, or with NOTE the note."""

    commands: tuple[Command, ...] = ()
    complaints: tuple[Complaint, ...] = ()
    words: str = ""

    def has(self, verb: Verb) -> bool:
        return any(command.verb is verb for command in self.commands)

    @property
    def references(self) -> tuple[str, ...]:
        """The tickets that are named, by reference."""
        return tuple(each.argument for each in self.commands if each.verb in {Verb.MERGE, Verb.LINK, Verb.UNLINK})

    def argument(self, verb: Verb) -> str:
        """The argument of the last command with this verb."""
        return next((command.argument for command in reversed(self.commands) if command.verb is verb), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One row of the table: how a verb is written and what it does; `read` gives the argument's normal form or None."""

    verb: Verb
    form: str
    does: str
    read: Callable[[str], str | None]


def _nothing(text: str) -> str | None:
    return "" if not text else None


def _words(text: str) -> str | None:
    return _said(text) or ""


def _some(text: str) -> str | None:
    return text or None


def _said(text: str) -> str | None:
    """Words that are kept; the arrow stands between two values in the journal."""
    return " ".join(text.replace("→", "->").split()) or None


def _address(text: str) -> str | None:
    """One plain address, as it is written."""
    found = parse_identity([text])
    return str(found) if found is not None and str(found).isascii() else None


def _one_of(*known: str) -> Callable[[str], str | None]:
    by_fold = {name.casefold(): name for name in known}
    return lambda text: by_fold.get(text.casefold().replace(" ", "_"))


def _tier(text: str) -> str | None:
    return text if re.fullmatch(r"\d", text) else None


def _priority(text: str) -> str | None:
    wanted = text.upper() if text.upper().startswith("P") else f"P{text}"
    return wanted if wanted in Priority.__members__ else None


def _wait(text: str) -> str | None:
    if not text:
        return "requester"
    if text.casefold() in {"vendor", "requester"}:
        return text.casefold()
    match = _DAYS.fullmatch(text)
    return f"{int(match['n'])}{match['unit'].lower()}" if match and int(match["n"]) else None


def _minutes(text: str) -> str | None:
    match = _DURATION.fullmatch(text.strip())
    if match is None or not (match["h"] or match["m"]):
        return None
    minutes = int(match["h"] or 0) * 60 + int(match["m"] or 0)
    return str(minutes) if 0 < minutes <= _MAX_MINUTES else None


def _reference(text: str) -> str | None:
    return text.upper() if _REFERENCE.fullmatch(text) else None


VERBS: tuple[Usage, ...] = (
    Usage(verb=Verb.TAKE, form="#take", does="the ticket is yours", read=_nothing),
    Usage(verb=Verb.ASSIGN, form="#assign NAME|TEAM", does="give it to a person or a team", read=_some),
    Usage(
        verb=Verb.CLOSE,
        form="#close [reason]",
        does="solved; your words below, if any, go to the requester; a reply reopens",
        read=_words,
    ),
    Usage(verb=Verb.REOPEN, form="#reopen", does="open it again", read=_nothing),
    Usage(
        verb=Verb.WAIT, form="#wait [3d|vendor]", does="wait for the requester, some days, or the vendor", read=_wait
    ),
    Usage(verb=Verb.CATEGORY, form="#category NAME", does="correct the category; the model learns it", read=_some),
    Usage(verb=Verb.TIER, form="#tier N", does="correct the tier (0–4); the model learns it", read=_tier),
    Usage(verb=Verb.PRIORITY, form="#priority P1–P4", does="set the priority", read=_priority),
    Usage(
        verb=Verb.KIND,
        form="#kind incident|service_request|problem",
        does="correct the kind; the model learns it",
        read=_one_of(Kind.INCIDENT, Kind.SERVICE_REQUEST, Kind.PROBLEM, Kind.CHANGE, Kind.OTHER),
    ),
    Usage(verb=Verb.NOTE, form="#note", does="what follows is internal and goes to nobody outside", read=_nothing),
    Usage(verb=Verb.MERGE, form="#merge REF", does="join this ticket to another one", read=_reference),
    Usage(
        verb=Verb.SPLIT,
        form="#split",
        does="the requester's mail that you answer, else the last one, gets a ticket of its own; undoes a merge",
        read=_nothing,
    ),
    Usage(verb=Verb.LINK, form="#link REF", does="remember that two tickets belong together", read=_reference),
    Usage(verb=Verb.UNLINK, form="#unlink REF", does="forget that link", read=_reference),
    Usage(
        verb=Verb.FORWARD,
        form="#forward ADDRESS",
        does="ask somebody outside: sends the request with your words; the answer comes back as a note",
        read=_address,
    ),
    Usage(verb=Verb.TIME, form="#time 15m|1h30m", does="log time you spent", read=_minutes),
    Usage(verb=Verb.CAUSE, form="#cause WORDS", does="what the cause was", read=_said),
    Usage(verb=Verb.RESOLUTION, form="#resolution WORDS", does="what solved it", read=_said),
    Usage(verb=Verb.APPROVE, form="#approve", does="approve what waits for your approval", read=_nothing),
    Usage(verb=Verb.DENY, form="#deny [reason]", does="refuse what waits for your approval", read=_words),
    Usage(verb=Verb.SPAM, form="#spam", does="this was spam: close it and tell nobody", read=_nothing),
    Usage(verb=Verb.SEND, form="#send", does="send my answer although a colleague just answered", read=_nothing),
    Usage(
        verb=Verb.UNDO, form="#undo", does="take your last commands on this ticket back (within an hour)", read=_nothing
    ),
    Usage(verb=Verb.STATUS, form="#status", does="get the state of the ticket", read=_nothing),
    Usage(verb=Verb.HELP, form="#help", does="get this list", read=_nothing),
)
_VERB_NAMES = {verb.value: verb for verb in Verb}
_BY_VERB = {usage.verb: usage for usage in VERBS}
# `#help` in the eight languages: who needs the list must be able to ask for it.
_SPOKEN = {
    "help": Verb.HELP,
    "hilfe": Verb.HELP,
    "aide": Verb.HELP,
    "ayuda": Verb.HELP,
    "ajuda": Verb.HELP,
    "aiuto": Verb.HELP,
    "hulp": Verb.HELP,
    "hjälp": Verb.HELP,
}


def read_orders(text: str) -> Orders:
    """The commands at the top of `text`, or what is wrong with them, and the words below."""
    lines = text.splitlines()
    commands: list[Command] = []
    complaints: list[Complaint] = []
    index = 0
    while index < len(lines) and len(commands) + len(complaints) < _MAX_LINES:
        line = lines[index].strip()
        if line:
            match = _LINE.fullmatch(line)
            if match is None:
                break
            result = _read(line, match["verb"], (match["rest"] or "").strip())
            (commands if isinstance(result, Command) else complaints).append(result)  # type: ignore[arg-type]
        index += 1
    words = "\n".join(lines[index:]).strip()
    return Orders(commands=tuple(commands), complaints=(*complaints, *_clashes(commands)), words=words)


def _read(line: str, name: str, rest: str) -> Command | Complaint:
    folded = name.casefold()
    verb = _SPOKEN.get(folded) or (_VERB_NAMES.get(folded))
    if verb is None:
        return Complaint(line=line[:_MAX_ARGUMENT], why=f"there is no command #{name[:30]}")
    usage = _BY_VERB[verb]
    argument = usage.read(rest[:_MAX_ARGUMENT])
    if argument is None:
        return Complaint(line=line[:_MAX_ARGUMENT], why=f"is written {usage.form}")
    return Command(verb=verb, argument=argument)


_ENDS = frozenset({Verb.CLOSE, Verb.REOPEN, Verb.WAIT, Verb.SPAM})
_ALONE = frozenset({Verb.HELP, Verb.UNDO, Verb.STATUS})
_PAIRS = ((Verb.MERGE, Verb.SPLIT), (Verb.MERGE, Verb.REOPEN), (Verb.APPROVE, Verb.DENY), (Verb.NOTE, Verb.SEND))


def _clashes(commands: list[Command]) -> tuple[Complaint, ...]:
    """Commands that cannot both be meant."""
    ends = [command.verb for command in commands if command.verb in _ENDS]
    if len(set(ends)) > 1:
        said = " and ".join(f"#{verb}" for verb in dict.fromkeys(ends))
        return (Complaint(line=said, why="cannot both be done"),)
    alone = next((command.verb for command in commands if command.verb in _ALONE), None)
    if alone is not None and len(commands) > 1:
        return (Complaint(line=f"#{alone}", why="stands alone"),)
    said_once = [command.verb for command in commands]
    twice = next((verb for verb in said_once if said_once.count(verb) > 1), None)
    if twice is not None:
        return (Complaint(line=f"#{twice}", why="stands there twice"),)
    pair = next((pair for pair in _PAIRS if set(pair) <= set(said_once)), None)
    return () if pair is None else (Complaint(line=f"#{pair[0]} and #{pair[1]}", why="cannot both be done"),)
