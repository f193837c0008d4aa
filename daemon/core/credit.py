"""Credits: the bound on automatic mail that no peer can break (mail-rules §3).

Owns the canonical form of an address (lower case, `+tag` off, digit and hex runs folded), its
domain's key (none for public providers) and the limits. The store takes one of each credit
in the transaction that writes the outbox row; only a human agent action or 30 days of
silence gives any back, so no term of the law depends on what a peer sends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from daemon.core.address import Address
from daemon.core.domain import registered

# Mailboxes of unrelated people share these domains, so the domain bound is off for them.
PUBLIC_PROVIDERS: frozenset[str] = frozenset(
    """
    126.com 163.com aim.com alice.it aol.com arcor.de att.net bellsouth.net bigpond.com bluewin.ch bol.com.br
    btinternet.com charter.net comcast.net cox.net daum.net earthlink.net fastmail.com fastmail.fm foxmail.com free.fr
    freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com hanmail.net hotmail.co.uk hotmail.com
    hotmail.de hotmail.es hotmail.fr hotmail.it icloud.com inbox.ru interia.pl kpnmail.nl laposte.net libero.it
    live.co.uk live.com live.de live.fr live.nl mac.com mail.com mail.ru mailbox.org me.com msn.com naver.com o2.pl
    online.no optonline.net orange.fr outlook.com outlook.de outlook.es outlook.fr pm.me posteo.de proton.me
    protonmail.com qq.com rambler.ru rediffmail.com rocketmail.com sapo.pt sbcglobal.net seznam.cz sfr.fr shaw.ca
    sina.com sky.com t-online.de talktalk.net telenet.be telia.com terra.com.br tutanota.com uol.com.br verizon.net
    virgilio.it vodafone.it wanadoo.fr web.de wp.pl xs4all.nl yahoo.ca yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com
    yahoo.com.br yahoo.de yahoo.es yahoo.fr yahoo.it yandex.com yandex.ru ymail.com zoho.com ziggo.nl
    """.split()  # noqa: SIM905 (a page of words reads better than a list of strings)
)
_DOTLESS = frozenset({"gmail.com", "googlemail.com"})  # j.doe and jdoe are one mailbox there
_HEX_RUN = re.compile(r"(?=[a-f]*[0-9])[0-9a-f]{8,}")
_MAX_LOCAL = 64  # octets that RFC 5321 allows; a longer one only comes from a test
_DIGIT_RUN = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditLimits:
    """K per canonical address, D per domain, G in all; `team` per team address (filled by any agent action)."""

    per_address: int = 3
    per_domain: int = 20
    overall: int = 1000
    team: int = 500
    silence_days: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Credits:
    """What is left, read in the transaction that will spend it; `domain` is None for public providers (no bound)."""

    address: int
    domain: int | None
    overall: int

    @property
    def spent(self) -> str:
        """The name of the first exhausted bound, or ""."""
        if self.address <= 0:
            return "address"
        if self.domain is not None and self.domain <= 0:
            return "domain"
        return "overall" if self.overall <= 0 else ""


def canonical(address: Address) -> str:
    """The key under which an address spends credits: what a robot varies from mail to mail is folded away.

    Lower case; `+tag` off; runs of digits and long hexadecimal runs become `#`; Gmail's dots off.
    """
    local = address.local[:_MAX_LOCAL].lower()
    local = local.split("+", 1)[0] or local
    if address.domain in _DOTLESS:
        local = local.replace(".", "")
    local = _DIGIT_RUN.sub("#", _HEX_RUN.sub("#", local))
    return f"{local}@{address.domain}"


def domain_key(address: Address, public_providers: frozenset[str]) -> str | None:
    """The registered domain under which an address spends credits; None for a public provider.

    A name below a provider (`anything@jo.fastmail.com`) is one customer's, so it is a key of its own.
    """
    if address.domain in public_providers:
        return None
    key = registered(address.domain)
    if key not in public_providers:
        return key
    below = address.domain.removesuffix(f".{key}").rpartition(".")[2]
    return f"{below}.{key}"
