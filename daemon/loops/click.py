"""One-click links of a requester: `mailto:` URLs whose subject carries a signed order (RFC 6068, RFC 2369).

The mail only has to be sent; the signature names ticket, person, order and a last day, so it works without
plus-addressing and in a List-Unsubscribe field. Made of nothing that came by mail.
"""

from __future__ import annotations

from datetime import date
from urllib.parse import quote

from daemon.core.address import Address
from daemon.core.notice import NoticeKind
from daemon.core.ticket import Ticket
from daemon.core.token import Keyring, order_mark
from daemon.core.wishes import Wish

# Letters of whose kind the reader may want no more; an answer to his own question needs no such field.
STOPPABLE = frozenset({NoticeKind.ACKNOWLEDGMENT, NoticeKind.TIME_TO_RESPOND, NoticeKind.STATUS, NoticeKind.SURVEY})


def click(keyring: Keyring, word: str, ticket: Ticket, person: Address, to: Address, expires: date) -> str:
    """The URL by which `person` orders `word` on the ticket, written to the address `to`."""
    subject = f"[{ticket.reference}] {order_mark(keyring, word, ticket.id, person, expires)}"
    return f"mailto:{quote(str(to), safe='@+')}?subject={quote(subject, safe='')}"


def unsubscribing(
    kind: NoticeKind, keyring: Keyring, ticket: Ticket, person: Address, to: Address, expires: date
) -> str:
    """The URL for the List-Unsubscribe field of a letter of this kind, "" when it has none."""
    return click(keyring, Wish.MUTE.value, ticket, person, to, expires) if kind in STOPPABLE else ""
