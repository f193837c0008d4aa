"""Our own letters, read back: what a mail answers, so that answers written between our lines can be told from them.

Asked before a mail is read, by the signed Message-IDs in its header alone: no ticket need be known, and only letters
of which the sender holds the identifier are looked at. Bounded: five letters, 64 kB of each.
"""

from __future__ import annotations

import re

from sqlalchemy import Connection, bindparam, func, select

from daemon.core.entity import text_of
from daemon.core.notice import NoticeKind
from daemon.core.token import Keyring, OwnId, own_ids
from daemon.store.prepared import Prepared
from daemon.store.schema import OUTBOX

_HEAD_BYTES = 64_000
_LETTERS = 5  # the newest that the mail names
_LETTER_BYTES = 64_000
_HEAD_END = re.compile(rb"\n\r?\n")
_NAMING = re.compile(rb"^(?:References|In-Reply-To)[ \t]*:((?:[^\n]*\n[ \t])*[^\n]*)", re.IGNORECASE | re.MULTILINE)


def named_in(raw: bytes, keyring: Keyring) -> tuple[OwnId, ...]:
    """The letters of ours that the header of `raw` names, the newest first; nobody else's identifier is one."""
    head = raw[:_HEAD_BYTES]
    end = _HEAD_END.search(head)
    fields = _NAMING.findall(head, 0, end.start() if end else len(head))
    return own_ids(keyring, b" ".join(fields), limit=_LETTERS) if fields else ()


def texts(tx: Connection, named: tuple[OwnId, ...]) -> tuple[str, ...]:
    """What those letters said, as far as they are still stored."""
    found = (
        (
            own.kind,
            _LETTER.scalar(
                tx, {"ticket_id": own.ticket_id, "kind": own.kind, "sequence": own.sequence, "size": _LETTER_BYTES}
            ),
        )
        for own in named
    )
    return tuple(text for kind, content in found if content and (text := _open_part(kind, text_of(bytes(content)))))


def _open_part(kind: str, text: str) -> str:
    """What answers may stand between.

    Above the requester's words a letter to the team has rows of facts, also of other tickets. They are left out: what
    a quote shows above the first line that is known stays quoted, however a program has set it, and never goes out.
    """
    if kind != NoticeKind.TEAM:
        return text
    return "\n".join(line for line in text.splitlines() if not line.startswith("  "))


_LETTER = Prepared(
    select(func.substr(OUTBOX.c.bytes, 1, bindparam("size"))).where(
        OUTBOX.c.ticket_id == bindparam("ticket_id"),
        OUTBOX.c.kind == bindparam("kind"),
        OUTBOX.c.sequence == bindparam("sequence"),
    )
)
