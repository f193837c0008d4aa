"""What mail programs put before the subject of a reply or a forward, by language, and the subject without it."""

from __future__ import annotations

import re

_MAX_SUBJECT = 1_000

# What mail programs put before the subject of a reply or a forward, by language.
_PREFIXES = (
    "re|r|rep|fw|fwd|aw|antw|antwort|wg|sv|vs|vb|vl|fs|vsvar|svar|videresend|rv|reenv|res|enc|rif|i|inoltra|ref|réf|rép|tr"
    "|antwd|doorst|odp|pd|ynt|ilt|i̇lt|bls|trs|vá|tov|továbbítás|ha|atb|yml|ats|odg|posr|proslijeđeno|edasi|tl"
    "|răsp|redir|на|отв|ответ|пересл|відп|пер|одг|прел|fyi|απ|πρθ|σχετ|השב|תשובה|הועבר|רד|رد|إعادة توجيه|پاسخ|ارسال"
    "|回复|回覆|答复|答覆|转发|轉寄|返信|転送|答|转|회신|답|답장|전달|ตอบ|ตอบกลับ|ส่งต่อ|trả lời|chuyển tiếp"
)
_PREFIX = re.compile(
    rf"(?:\s*(?:{_PREFIXES})(?:\s?\[\d{{1,4}}\]|\s?\(\d{{1,4}}\)|[\^*]\d{{1,4}})?\s?[::])+", re.IGNORECASE
)


def strip_prefixes(subject: str) -> str:
    """`subject` without the reply and forward prefixes in front of it, in any of the languages we know."""
    text = subject[:_MAX_SUBJECT].strip()
    prefix = _PREFIX.match(text)
    return text[prefix.end() :].strip() if prefix else text
