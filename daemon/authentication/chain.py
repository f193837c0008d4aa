"""The ARC chain of one mail (RFC 8617), validated by dkimpy; what a believed sealer saw, if there is one.

A chain proves only that its sealers said so: anybody can seal. So what counts is the newest sets
without a gap whose sealer an admin believes, down to the first who is not believed: each of these
wrote its ARC-Authentication-Results on what reached it, and the newest one signed the mail as it
reached us.
"""

from __future__ import annotations

from dataclasses import dataclass

import dkim

from daemon.authentication.findings import Findings
from daemon.authentication.signature import Answers, Letter, checked, sane, signers
from daemon.authentication.tags import read_tags, words
from daemon.core.authres import AuthResults, parse_authentication_results
from daemon.core.domain import related

FIELDS = ("arc-seal", "arc-message-signature", "arc-authentication-results")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """`result` is none, pass, fail or temperror. `believed` are the results of believed sealers, newest first."""

    result: str
    why: str = ""
    believed: tuple[tuple[str, AuthResults], ...] = ()


def validate(letter: Letter, findings: Findings, *, sealers: tuple[str, ...], limit: int) -> Chain:
    """The chain's status and what the believed sealers at its end saw."""
    values = {name: letter.values(name) for name in FIELDS}
    count = max(map(len, values.values()))
    if not count:
        return Chain(result="none")
    if why := _malformed(values, count, limit):
        return Chain(result="fail", why=why)
    signer = letter.parsed(dkim.ARC)
    if signer is None:
        return Chain(result="fail", why=letter.unfit or "the header can be read in two ways")
    sets: list[dict[str, object]] = []

    def verify(answers: Answers) -> bool:
        status, found, _ = signer.verify(dnsfunc=answers)
        sets.extend(found)
        return bool(status == dkim.CV_Pass)

    outcome = checked(verify, _KeyByName(findings), "")
    if outcome.result != "pass":
        return Chain(result="temperror" if outcome.result == "temperror" else "fail", why=outcome.value("reason"))
    return Chain(result="pass", believed=tuple(_believed(sets, values, sealers)))


class _KeyByName(Answers):
    """Keys of many sealers: whose key it is says the name that is asked for."""

    __slots__ = ()

    def __call__(self, name: bytes, timeout: int = 5) -> bytes | None:
        self.signer = self.identity = name.decode("ascii", "replace").rstrip(".").lower().partition("._domainkey.")[2]
        return super().__call__(name, timeout)


def _malformed(values: dict[str, list[str]], count: int, limit: int) -> str:
    """What RFC 8617 §5.2 calls structurally broken, and what dkimpy's patterns should not see."""
    if count > limit:
        return f"more than {limit} sets"
    instances = list(range(1, count + 1))
    for name, found in values.items():
        numbers = sorted(_instance(value) for value in found)
        if numbers != instances:
            return f"{name} is missing or stands twice"
        if not all(map(sane, found)):
            return f"{name} is too large"
    for value in (*values["arc-seal"], *values["arc-message-signature"]):
        tags = read_tags(value)
        if tags is None or signers(value) is None or tags.get("a", "").lower() != "rsa-sha256":
            return "a seal or signature is not well formed"
    for value in values["arc-seal"]:
        tags = read_tags(value) or {}
        wanted = "none" if tags.get("i") == "1" else "pass"
        if tags.get("cv", "").lower() != wanted or "h" in tags:
            return "a seal says that the chain was broken"
    newest = next((read_tags(v) or {} for v in values["arc-message-signature"] if _instance(v) == count), {})
    if "from" not in words(newest.get("h", "")) or "l" in newest:
        return "From or the end of the body is not signed"
    return ""


def _instance(value: str) -> int:
    """The i= in front; 0 when there is none. All three fields begin with it, or have it among their tags."""
    number = value.partition(";")[0].replace(" ", "").lower()
    if not number.startswith("i="):
        number = "i=" + (read_tags(value) or {}).get("i", "")
    digits = number[2:]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 2 else 0


def _believed(
    sets: list[dict[str, object]], values: dict[str, list[str]], sealers: tuple[str, ...]
) -> list[tuple[str, AuthResults]]:
    found = []
    for one in sorted(sets, key=lambda one: -int(str(one["instance"]))):
        sealed, signed = _domain(one["as-domain"]), _domain(one["ams-domain"])
        if sealed != signed or not any(sealed == sealer or _below(sealed, sealer) for sealer in sealers):
            break
        value = next(v for v in values["arc-authentication-results"] if _instance(v) == one["instance"])
        found.append((sealed, parse_authentication_results(value.partition(";")[2])))
    return found


def _domain(value: object) -> str:
    return value.decode("ascii", "replace").lower() if isinstance(value, bytes) else ""


def _below(domain: str, sealer: str) -> bool:
    return related(domain, sealer) and domain.endswith(f".{sealer}")
