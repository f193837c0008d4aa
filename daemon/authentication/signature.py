"""DKIM signatures of one mail (RFC 6376), verified by dkimpy on a mail that both of us read the same way.

dkimpy is not believed blindly: it raises on hostile input (that is a result, never a pass), knows
mails whose header block ends elsewhere for us, accepts `l=` (a body with a free end), signatures
without From, and fields that were added beside the signed one. `Letter` refuses all of these, and
its white space is counted first, because dkimpy's canonicalisation is quadratic in a run of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import dkim

from daemon.authentication.findings import Findings, Trouble
from daemon.authentication.key import refusal
from daemon.authentication.tags import read_tags, words
from daemon.core.address import parse_identity
from daemon.core.authres import AuthResult
from daemon.core.charset import decode
from daemon.core.domain import a_label
from daemon.core.fields import Block, read_block

# What dkimpy 1.1.8 was seen to raise beside its own on mutated mails and keys; all of it is "does not verify".
SURPRISES = (
    ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError,
    dkim.DKIMException,
)  # fmt: skip
MAX_SIGNATURE = 8_000  # bytes of one signature field
_MAX_SPACE = 100  # white space in a row inside a signature: dkimpy's pattern for b= tries all ways to split it
_MAX_NAMES = 300  # fields in h=
_MAX_LINES = 600_000
_MAX_SPACE_WORK = 200_000_000  # sum of the squares of white-space runs: 0.2 s (8,000 in a row: 64 million, 0.07 s)
_RUN = re.compile(rb"[ \t]{16,}")
_SPACE = re.compile(rb"\s{%d}" % _MAX_SPACE)
# RFC 5322 §3.6: at most one of each. A second one is what somebody added on the way (RFC 6376 §8.15). Not
# MIME-Version: mails with two exist, and it says nothing.
_SINGLE = frozenset(
    {"from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
     "content-type", "content-transfer-encoding"}
)  # fmt: skip


@dataclass(slots=True)
class Answers:
    """TXT records as dkimpy asks for them; remembers what nobody could say and which keys were refused."""

    findings: Findings
    signer: str = ""
    identity: str = ""
    trouble: str = ""
    refused: tuple[str, str] = field(default=("", ""))

    def __call__(self, name: bytes, timeout: int = 5) -> bytes | None:  # noqa: ARG002 - dkimpy's own signature
        try:
            texts = self.findings.texts(name.decode("ascii", "replace"))
        except Trouble as trouble:
            self.trouble = str(trouble)
            return None
        if len(texts) != 1:  # RFC 6376 §3.6.2.2: with several records the result is undefined
            return None
        refused = refusal(texts[0], signer=self.signer, identity=self.identity)
        if refused is not None:
            self.refused = (refused.result, refused.why)
            return None
        return texts[0].encode("latin-1")


class Letter:
    """One raw mail, ready to be verified; `unfit` says why it is not."""

    def __init__(self, raw: bytes) -> None:
        self.block: Block = read_block(raw, limit_bytes=256 * 1024, limit_fields=1_000)
        self.unfit = self._unfit(raw)
        self._raw = raw

    def values(self, name: str) -> list[str]:
        """The unfolded values of the fields of that name, as latin-1 text."""
        return [field.unfolded.decode("latin-1") for field in self.block.fields if field.name == name]

    @property
    def author(self) -> str:
        """The domain of the one From address, read as `parse` reads it; "" when there is none."""
        values = [decode(field.unfolded) for field in self.block.fields if field.name == "from"]
        identity = parse_identity(values[:3])
        return identity.domain if identity else ""

    def parsed(self, kind: type[dkim.DomainSigner]) -> dkim.DomainSigner | None:
        """The mail in dkimpy's hands; None when it sees other fields, or another body, than we do."""
        if self.unfit:
            return None
        try:
            signer = kind(self._raw)
        except SURPRISES:
            return None
        names = [name.decode("ascii").lower() for name, _ in signer.headers]
        return signer if names == [each.name for each in self.block.fields] else None

    def _unfit(self, raw: bytes) -> str:
        block = self.block
        if block.cut:
            return "the header is over the limit"
        gap = raw[: block.body_start]
        if not gap.endswith((b"\n\n", b"\n\r\n")) and raw[block.body_start :].strip():
            return "the header ends without an empty line"
        single = [field.name for field in block.fields if field.name in _SINGLE]
        if len(single) != len(set(single)):
            return "a field stands twice that may stand once"
        if raw.count(b"\n") > _MAX_LINES:
            return "too many lines"
        work = sum((found.end() - found.start()) ** 2 for found in _RUN.finditer(raw))
        return "too much white space" if work > _MAX_SPACE_WORK else ""


def sane(value: str) -> bool:
    """True when a signature field is one that dkimpy's patterns read in linear time."""
    return len(value) <= MAX_SIGNATURE and not _SPACE.search(value.encode("latin-1", "replace"))


def signers(value: str) -> tuple[str, str] | None:
    """Domain (d=) and the name of the key of one signature field; None when it is not well formed."""
    tags = read_tags(value)
    if tags is None:
        return None
    domain = a_label(tags.get("d", "").lower())
    selector = tags.get("s", "").lower()
    if domain is None or a_label(f"{selector}.x") is None:
        return None
    return domain, f"{selector}._domainkey.{domain}"


def verify_signatures(letter: Letter, findings: Findings, *, limit: int) -> tuple[AuthResult, ...]:
    """A `dkim` result for each of the first `limit` signatures, in the order they stand in."""
    values = letter.values("dkim-signature")[:limit]
    if not values:
        return ()
    signer = letter.parsed(dkim.DKIM)
    return tuple(_result(value, number, letter, signer, findings) for number, value in enumerate(values))


def _result(
    value: str, number: int, letter: Letter, signer: dkim.DomainSigner | None, findings: Findings
) -> AuthResult:
    who = signers(value)
    tags = read_tags(value) or {}
    domain = who[0] if who else ""
    if who is None or not sane(value):
        return _said("permerror", domain, "not a signature")
    if signer is None:
        return _said("permerror", domain, letter.unfit or "the header can be read in two ways")
    if why := _refused(tags):
        return _said("policy", domain, why)
    identity = tags.get("i", "").rpartition("@")[2].lower() or domain
    return checked(
        lambda answers: signer.verify(idx=number, dnsfunc=answers),
        Answers(findings, signer=domain, identity=identity),
        domain,
    )


def _refused(tags: dict[str, str]) -> str:
    """Why a signature proves nothing here whatever its arithmetic says."""
    names = words(tags.get("h", ""))
    if "from" not in names:
        return "From is not signed"
    if len(names) > _MAX_NAMES:
        return "too many fields are signed"
    if "l" in tags:
        return "the end of the body is not signed"
    if tags.get("a", "").lower() != "rsa-sha256":
        return "the algorithm is not rsa-sha256"
    return ""


def checked(verify: Callable[[Answers], object], answers: Answers, domain: str) -> AuthResult:
    """The result of one call of dkimpy, whatever it does."""
    try:
        passed = verify(answers) is True
    except SURPRISES as surprise:
        return _said("temperror" if answers.trouble else "permerror", domain, type(surprise).__name__)
    if answers.trouble:
        return _said("temperror", domain, "the key could not be asked for")
    if answers.refused[0]:
        return _said(answers.refused[0], domain, answers.refused[1])
    return _said("pass" if passed else "fail", domain, "")


def _said(result: str, domain: str, why: str) -> AuthResult:
    reason = (("reason", why),) if why else ()
    return AuthResult(method="dkim", result=result, properties=(("header.d", domain), *reason))
