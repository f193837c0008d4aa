"""The duplicate key of a mail: its Message-ID and a digest of what the writer wrote.

Computed before 250, so it scans the header block and never parses. Trace fields (Received,
Authentication-Results, DKIM-Signature, list footers' headers …) stay out: the same mail by two
paths has one digest. Same id with another digest is *not* a duplicate (mail-rules §1).
A mail with neither Message-ID nor Date gets the id "": such mails are never duplicates of each
other, because two equal texts from a scanner or a form may be two real requests.
"""

from __future__ import annotations

import hashlib

from daemon.core.fields import read_block
from daemon.core.identifier import first_id

_SCAN_BYTES = 256 * 1024  # mail-rules §7: header block
_SCAN_FIELDS = 1_000
_WRITTEN = ("from", "to", "cc", "subject", "date", "content-type")
_TAIL = b" \t\r\n"


def canonical_digest(raw: bytes) -> tuple[str, str]:
    """`(message_id, digest)`: the id with angle brackets or "", the digest as 64 hex digits.

    A mail with a Date but no Message-ID gets an id made from its digest, the same each time.
    """
    block = read_block(raw, limit_bytes=_SCAN_BYTES, limit_fields=_SCAN_FIELDS)
    hasher = hashlib.sha256()
    message_id, dated = "", False
    written: dict[str, list[bytes]] = {name: [] for name in _WRITTEN}
    for field in block.fields:
        if field.name in written:
            written[field.name].append(b" ".join(field.value.split()))
            dated = dated or field.name == "date"
        elif field.name == "message-id" and not message_id:
            message_id = first_id(field.unfolded)
    for name, values in written.items():
        for value in values:
            hasher.update(name.encode("ascii") + b":" + value + b"\n")
    hasher.update(b"\n")
    _hash_body(hasher, raw, block.body_start)
    digest = hasher.hexdigest()
    if not message_id and dated:
        message_id = f"<{digest[:32]}@no-message-id.invalid>"
    return message_id, digest


def _hash_body(hasher: hashlib._Hash, raw: bytes, start: int) -> None:
    """Line ends as LF, blank lines at the end off, in slices so that 25 MB need no second copy."""
    view = memoryview(raw)
    step = 1 << 20
    end = len(raw)
    while end > start:
        kept = len(bytes(view[max(start, end - step) : end]).rstrip(_TAIL))
        if kept:
            end = max(start, end - step) + kept
            break
        end = max(start, end - step)
    at = start
    while at < end:
        stop = min(at + step, end)
        if stop < end and raw[stop - 1] == 0x0D:  # keep CRLF in one slice
            stop += 1
        hasher.update(bytes(view[at:stop]).replace(b"\r\n", b"\n"))
        at = stop
