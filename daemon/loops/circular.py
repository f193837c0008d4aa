"""A mail of the desk that is about no ticket: a digest, an agenda, a report. One way to write it and to queue it.

Its numbers are nobody's ticket: below 1001 for digests, from 2^31 on for letters that go to one reader in one
thread for years. Takes the reader's team credit like every other mail to the team.
"""

from __future__ import annotations

import zlib
from dataclasses import replace

from sqlalchemy import Connection

from daemon.core.address import Address
from daemon.core.compose import Stamp, compose
from daemon.core.notice import Notice
from daemon.core.policy import Desk
from daemon.core.token import message_id
from daemon.loops.enact import Desked
from daemon.store import outbox

_THREADS = 1 << 31


def thread_of(reader: Address) -> int:
    """The number of a reader's thread: the same whatever becomes of the configuration."""
    return _THREADS + zlib.crc32(reader.key.encode()) % _THREADS


def post(tx: Connection, notice: Notice, desk: Desk, desked: Desked, *, number: int, threaded: bool = False) -> bool:
    """Queue it; False when the credit is spent. `threaded`: all letters of this kind and number are one thread."""
    policy, now = desked.policy, desked.now
    domain = desk.address.domain
    if threaded:
        root = message_id(policy.keyring, notice.kind, number, 0, domain)
        notice = replace(notice, in_reply_to=root, references=(root,))
    own_id = message_id(policy.keyring, notice.kind, number, notice.sequence, domain)
    letter = desked.renderer.render(notice, desked.renderer.facts(notice, policy=policy, desk=desk, reference=""))
    stamp = Stamp(
        kind=notice.kind,
        desk_title=desk.title,
        desk=desk.address,
        to=notice.to,
        reply_to=desk.address,
        message_id=own_id,
        date=now,
        opened_at=now,
        in_reply_to=notice.in_reply_to,
        references=notice.references,
    )
    posting = outbox.Posting(
        kind=notice.kind,
        ticket_id=None,
        sequence=notice.sequence,
        to=notice.to,
        message_id=own_id,
        mail_from=str(desk.address),
        content=compose(letter, stamp),
        life=policy.letter_life,
    )
    return outbox.queue(tx, posting, policy, now=now).outbox_id is not None
