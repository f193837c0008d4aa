"""How far the sender of a mail is proven (mail-rules §5): rights grow with proof.

Owns the levels and `grade`. Only the topmost Authentication-Results field that carries
*our* configured authserv-id counts (RFC 8601 §5); every other one is a claim of the sender.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Proof(IntEnum):
    """Ordered: a higher level may do all that a lower one may."""

    NOBODY = 0
    DOMAIN = 1  # From domain proven (DMARC-aligned), or submitted with AUTH as that address
    TOKEN = 2  # holds an address token or Message-ID of ours that is bound to this person
    PERSON = 3  # domain proof and token


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The grade with its evidence.

    `failed` means the trusted result says the From domain is forged (DMARC fail):
    the mail is kept and flagged, never answered.
    """

    proof: Proof = Proof.NOBODY
    failed: bool = False
    evidence: str = ""  # e.g. "mx.example.com: dmarc=pass header.from=example.com"
