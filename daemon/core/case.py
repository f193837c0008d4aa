"""One mail before the guards: what they may look at, indexed once.

Owns `Case` and the few questions that several guards ask of it (a field's values, is an
address ours, is the reverse-path null). Values are cut here, so no predicate can be slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from daemon.core.address import Address, parse_address_list
from daemon.core.clues import Clues
from daemon.core.envelope import Envelope
from daemon.core.match import ADDRESSED_FIELDS, MAX_ADDRESSES
from daemon.core.message import Message
from daemon.core.policy import Desk, Policy
from daemon.core.trust import Trust

_MAX_VALUE = 1_000  # characters of a field that a guard reads
_MAX_VALUES = 60  # fields of one name that a guard reads: one more than the hops we allow, and some


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A message with its envelope, the desk's policy and what is known of sender and thread so far."""

    message: Message
    envelope: Envelope
    policy: Policy
    trust: Trust
    clues: Clues
    fields: dict[str, list[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fields: dict[str, list[str]] = {}
        for header in self.message.headers:
            values = fields.setdefault(header.name, [])
            if len(values) < _MAX_VALUES:
                values.append(header.value[:_MAX_VALUE].strip())
        object.__setattr__(self, "fields", fields)

    def values(self, *names: str) -> Iterator[str]:
        """The values of the named fields, name by name, each in the mail's order."""
        return (value for name in names for value in self.fields.get(name, ()))

    @property
    def desk(self) -> Desk | None:
        return next((desk for desk in self.policy.desks if desk.name == self.envelope.desk), None)

    @property
    def null_path(self) -> bool:
        """True when the mail came from `<>`: by the envelope, or by Return-Path where a channel has none."""
        if self.envelope.reverse_path_known:
            return self.envelope.reverse_path is None
        return next(self.values("return-path"), "").replace(" ", "") == "<>"

    def is_own(self, address: Address) -> bool:
        """True for the address of any desk, its aliases, and their `+` forms (reply and bounce marks)."""
        base = Address(address.local.split("+", 1)[0] or address.local, address.domain)
        own = {each.key for desk in self.policy.desks for each in desk.addresses}
        return address.key in own or base.key in own

    def recipients(self) -> Iterator[Address]:
        """Every address the mail was sent to, as far as the envelope or the mail says."""
        yield from self.envelope.forward_paths[:MAX_ADDRESSES]
        for mailbox in (self.message.to + self.message.cc)[:MAX_ADDRESSES]:
            yield mailbox.address
        for value in self.values(*ADDRESSED_FIELDS):
            for _, address in parse_address_list(value, limit=5):
                yield address


def bare(value: str) -> str:
    """The first token of a structured field: comments (also nested) and parameters off, lower case."""
    depth = 0
    kept = []
    for letter in value[:_MAX_VALUE]:
        if letter == "(":
            depth += 1
        elif letter == ")":
            depth = max(depth - 1, 0)
        elif not depth:
            kept.append(letter)
    return "".join(kept).partition(";")[0].strip(" \t\"'").lower()
