"""Clues: what a mail itself says of the thread it belongs to, before the store is asked.

Made by `match.find_clues`; looked up by the store; weighed by `match.match_thread` and `trust.grade`.
"""

from __future__ import annotations

from dataclasses import dataclass

from daemon.core.token import Mark, OwnId, ReplyToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """What a mail says of the thread it belongs to. Bounded: ≤ 50 identifiers, newest last.

    `own_ids`, `tokens`: verified signatures of ours. `references`: all other identifiers
    from In-Reply-To and References, with angle brackets. `tag`: ticket number quoted in the subject.
    `fingerprint`: of sender, normalised subject and new text, for "the same again within 24 h".
    """

    own_ids: tuple[OwnId, ...] = ()
    tokens: tuple[ReplyToken, ...] = ()
    bounce_of: OwnId | None = None  # from our signed envelope address
    own_message: OwnId | None = None  # the mail itself is ours: its Message-ID is signed by us
    mark: Mark | None = None  # what a one-click link of ours orders; its token is among `tokens`
    references: tuple[str, ...] = ()
    tag: int | None = None
    foreign: tuple[tuple[str, str], ...] = ()  # (system, number) of tags of the software that the desk came from
    fingerprint: str = ""
