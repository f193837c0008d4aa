"""A mail from jo@example.org and what DNS says of it."""

from __future__ import annotations

from collections.abc import Mapping

from signing import a_key

from daemon.authentication.findings import Findings, Lookup
from daemon.core.authres import AuthResult

RAW = (
    b"From: Jo <jo@example.org>\r\nTo: help@example.com\r\nSubject: Printer\r\n"
    b"Date: Mon, 23 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\nIt does not print.\r\n\r\nJo\r\n"
)
REJECT = "v=DMARC1; p=reject"


def found(
    *, record: str = REJECT, spf: str | None = None, mailfrom: str = "jo@example.org", **more: object
) -> Findings:
    """All keys, a policy for example.org, and `more` names (`_` for a dot is not tried: use a mapping `names`)."""
    names: dict[str, str | tuple[str, ...] | None] = {
        "_dmarc.example.org": (record,) if record else (),
        "_dmarc.org": (),
        "_dmarc.mail.example.org": (),
        "_dmarc.news.example.org": (),
        **{f"s1._domainkey.{d}": (a_key().record,) for d in (
            "example.org", "mail.example.org", "news.example.org", "evil.example", "lists.example", "relay.example",
        )},
    }  # fmt: skip
    extra = more.pop("names", {})
    assert not more
    assert isinstance(extra, Mapping)
    names.update(extra)
    result = AuthResult(method="spf", result=spf, properties=(("smtp.mailfrom", mailfrom),)) if spf else None
    return Findings(
        lookups=tuple(
            Lookup(name=name, trouble=True) if texts is None else Lookup(name=name, texts=tuple(texts))
            for name, texts in names.items()
        ),
        spf=result,
    )
