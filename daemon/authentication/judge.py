"""`judge`: one mail and what DNS said about it → the results that a trusted server in front would have written.

Runs in a reader process. DMARC's word is final where there is a policy; a mail that ARC shows to
have been authentic at a believed sealer passes by that. When we were not the edge (our own MTA
handed the mail in) SPF cannot be checked, so DMARC can pass here but not fail.
"""

from __future__ import annotations

from daemon.authentication import dmarc
from daemon.authentication.chain import Chain, validate
from daemon.authentication.findings import Authentication, Findings, Trouble
from daemon.authentication.signature import Letter, verify_signatures
from daemon.core.authres import AuthResult, AuthResults
from daemon.core.domain import a_label

OURSELVES = "checked here"  # stands where a trusted field has its authserv-id


def judge(raw: bytes, author: str, findings: Findings, rules: Authentication) -> AuthResults:
    """Results for a mail whose one From address is in the domain `author` ("" when it has none)."""
    letter = Letter(raw)
    if not author or letter.author != author:  # the reader saw another From than what would be verified here
        return AuthResults(authserv_id=OURSELVES)
    signatures = verify_signatures(letter, findings, limit=rules.signatures)
    chain = (
        validate(letter, findings, sealers=rules.sealers, limit=rules.seals) if rules.sealers else Chain(result="none")
    )
    spf = (findings.spf,) if findings.spf is not None else ()
    verdict = _dmarc(author, signatures, findings)
    if verdict.result != "pass" and (sealer := _sealed(author, chain)):
        verdict = _said("pass", author, ("policy.arc", sealer))
    arc = () if chain.result == "none" else (AuthResult(method="arc", result=chain.result, properties=_why(chain)),)
    return AuthResults(authserv_id=OURSELVES, results=(verdict, *signatures, *spf, *arc))


def _dmarc(author: str, signatures: tuple[AuthResult, ...], findings: Findings) -> AuthResult:
    """none, pass, fail or temperror; `unknown` where it would need the SPF that only the edge can check."""
    try:
        policy = dmarc.discover(author, findings)
    except Trouble:
        return _said("temperror", author)
    if policy is None:
        return _said("none", author)
    unsure = False
    for signature in signatures:
        unsure |= signature.result == "temperror"
        if signature.result == "pass":
            same = _aligned(policy, author, signature.value("header.d"), findings, strict=policy.strict_dkim)
            if same:
                return _said("pass", author, ("policy.published-domain-policy", policy.action))
            unsure |= same is None
    spf = findings.spf
    if spf is not None and spf.result == "pass":
        sender = a_label(spf.value("smtp.mailfrom").rpartition("@")[2]) or ""
        same = _aligned(policy, author, sender, findings, strict=policy.strict_spf)
        if same:
            return _said("pass", author, ("policy.published-domain-policy", policy.action))
        unsure |= same is None
    if unsure or (spf is not None and spf.result == "temperror"):
        return _said("temperror", author)
    if spf is None:
        return _said("unknown", author)
    return _said("fail", author, ("policy.published-domain-policy", policy.action))


def _aligned(policy: dmarc.Policy, author: str, other: str, findings: Findings, *, strict: bool) -> bool | None:
    """None when DNS could not say."""
    try:
        return dmarc.may_align(author, other) and dmarc.aligned(
            policy, author, other, strict=strict, home=lambda domain: dmarc.organisation(domain, findings)
        )
    except Trouble:
        return None


def _sealed(author: str, chain: Chain) -> str:
    """The believed sealer that saw DMARC pass for exactly this domain, or ""."""
    for sealer, seen in chain.believed:
        for result in seen.results:
            if result.method == "dmarc" and result.result == "pass" and a_label(result.value("header.from")) == author:
                return sealer
    return ""


def _said(result: str, author: str, *more: tuple[str, str]) -> AuthResult:
    return AuthResult(method="dmarc", result=result, properties=(("header.from", author), *more))


def _why(chain: Chain) -> tuple[tuple[str, str], ...]:
    return (("reason", chain.why),) if chain.why else ()
