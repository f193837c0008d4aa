"""Domains: the A-label form, and which part of a name somebody registered.

Owns `a_label` (one strict reading of a domain or None) and `registered` (the organisation's
domain by a small list of public two-level suffixes, not by the whole Public Suffix List:
a bound on credits and a relaxed alignment need no more). Internationalised labels follow
IDNA2008 in what they allow (letters, marks, digits; NFKC-stable; no `ß`, which IDNA2003 reads
otherwise), not the standard library's codec, which was quadratic (CVE-2022-45061). Bounded
at 253 characters.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MAX_DOMAIN = 253  # RFC 1035 §2.3.4, without the root's dot
_MAX_LABEL = 63
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LITERAL = re.compile(r"\[[0-9a-z:.-]{1,64}\]")
_DEVIATIONS = frozenset("ßς")  # UTS 46 §4: two names, depending on who reads
_IDNA_CATEGORIES = frozenset({"Ll", "Lo", "Lm", "Mn", "Mc", "Nd"})

# Second-level names under which organisations register, by top-level domain; the ones mail is seen from.
_SECOND_LEVEL = {
    "ac": "at id il in jp kr nz th uk za",
    "asn": "au",
    "biz": "pl tr",
    "co": "at id il in jp ke kr nz th uk ve za",
    "com": "ar au bd bn br cn co cy do ec eg es gh gr gt hk hn kh kw lb lk mt mx my ng ni np om pa pe ph pk pl"
    " pr ps pt py qa sa sg sv tr tw ua uy ve vn",
    "edu": "ar au br cn co hk in mx my pe pl sg tr tw ua",
    "firm": "in",
    "gen": "in nz tr",
    "go": "id jp ke kr th",
    "gob": "ar cl ec es mx pe",
    "gouv": "fr",
    "gov": "ar au br cn co hk il in it my ng ph pl pt sg tr tw ua uk za",
    "govt": "nz",
    "gv": "at",
    "id": "au",
    "in": "th",
    "info": "pl",
    "ltd": "uk",
    "me": "uk",
    "ne": "jp kr",
    "net": "ar au br cn co hk id il in mx my nz ph pl sg tr tw ua uk za",
    "nhs": "uk",
    "nom": "br es",
    "or": "at id jp ke kr th",
    "org": "ar au br cn co es hk il in mx my ng nz ph pl pt sg tr tw ua uk za",
    "plc": "uk",
    "police": "uk",
    "re": "kr",
    "sch": "id ng uk",
    "school": "nz",
    "web": "id tr za",
}
PUBLIC_SUFFIXES: frozenset[str] = frozenset(
    f"{second}.{top}" for second, tops in _SECOND_LEVEL.items() for top in tops.split()
)


def a_label(text: str) -> str | None:
    """`text` as a lower-case A-label domain with at least one dot; None when it is not exactly that."""
    if text.isascii():
        lowered = text.lower()
        return lowered if len(lowered) <= MAX_DOMAIN and _HOST.fullmatch(lowered) else None
    return _internationalised(text) if len(text) <= MAX_DOMAIN else None


def path_domain(text: str) -> str | None:
    """The wider reading for envelopes: also one label (`localhost`) and a domain literal (`[192.0.2.1]`)."""
    lowered = text.lower() if text.isascii() else ""
    if lowered and len(lowered) <= MAX_DOMAIN and (_HOST.fullmatch(f"{lowered}.x") or _LITERAL.fullmatch(lowered)):
        return lowered
    return a_label(text)


@lru_cache(maxsize=1024)
def _internationalised(text: str) -> str | None:
    labels = []
    for label in text.split("."):
        encoded = label.lower() if label.isascii() else _punycode(label)
        if encoded is None:
            return None
        labels.append(encoded)
    name = ".".join(labels)
    return name if len(name) <= MAX_DOMAIN and _HOST.fullmatch(name) else None


def _punycode(label: str) -> str | None:
    """The A-label of one U-label, or None when IDNA would map or refuse one of its characters."""
    if len(label) > _MAX_LABEL:
        return None
    # Letter by letter: str.lower() on the whole would make a final sigma, which is another name.
    folded = unicodedata.normalize("NFC", "".join(letter.lower() for letter in label))
    stable = unicodedata.normalize("NFKC", folded) == folded
    known = all(letter in "-·" or unicodedata.category(letter) in _IDNA_CATEGORIES for letter in folded)
    if (
        not stable
        or not known
        or _DEVIATIONS.intersection(folded)
        or unicodedata.combining(folded[0])
        or folded[2:4] == "--"
    ):
        return None
    encoded = "xn--" + folded.encode("punycode").decode("ascii")
    return encoded if len(encoded) <= _MAX_LABEL else None


def registered(domain: str) -> str:
    """The registrable part of a lower-case domain: two labels, or three under a public two-level suffix."""
    labels = domain.rsplit(".", 3)
    count = 3 if ".".join(labels[-2:]) in PUBLIC_SUFFIXES else 2
    return ".".join(labels[-count:])


def related(one: str, other: str) -> bool:
    """True for the same domain, or when one lies below the other and that one is somebody's (not `co.uk`).

    Stricter than DMARC's relaxed alignment (RFC 7489 §3.1): siblings are not related, because
    our list of suffixes is too small to say that they have one owner.
    """
    if not one or not other:
        return False
    if one == other:
        return True
    shorter, longer = sorted((one, other), key=len)
    return longer.endswith(f".{shorter}") and "." in shorter and shorter not in PUBLIC_SUFFIXES
