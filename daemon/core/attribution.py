"""The words mail programs write above a quote, in the languages we meet.

Three kinds: an attribution ("On …, X wrote:"), a divider ("-----Original Message-----") and a
header block ("From: / Sent: / To: / Subject:" in the sender's language). Also the marks of a
forward. Every pattern is applied to one bounded line or at most
four joined ones, so all is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

JOINED = 4  # lines an attribution may be wrapped into
LINE = 500  # characters; longer lines are nobody's attribution

_VERBS = (
    r"wrote|writes|said|a écrit|a ecrit|schrieb|geschrieben|escribi[óo]|escreveu|escribiu|ha scritto|scrive"
    r"|schreef|geschreven"
    r"|skrev|kirjoitti|napisał(?:\(a\)|/a|a)?|pisze|napsal(?:\(a\)|a)?|napísal(?:\(a\)|a)?|írta|a scris|έγραψε|пишет"
    r"|пише"
    r"|написал(?:\(-?а\)|а)?|написав"
    r"|yazdı|escriure|va escriure|idatzi|כתב"
)
_VERB = re.compile(
    rf"(?<![^\W_])(?:{_VERBS})(?![^\W_])|写[道到]|寫道|書きました|のメ(?:ッセージ|ール)|님이 작성|썼습니다",
    re.IGNORECASE,
)
_START = re.compile(
    r"(?:On|Am|Le|El|Em|No dia|Na|Il giorno|Il|In data|Alle|Op|Den|På|W dniu|Dnia|Dne|Dňa|V|În|Pe|Στις|В|Вы"
    r"|Quoting|Zitat von|Citando"
    r"|In article|In message|At \d|(?:ti|man|ons|tor|fre|lør|søn)\.|(?:ma|ti|ke|to|pe|la|su) \d|(?:пн|вт|ср|чт|пт"
    r"|сб|вс|нд),|在|于|於|بتاريخ"
    r"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},|\d{4}[-年./]|\d{1,2}[./]\s?\d{1,2}[./]"
    r"|\d{1,2} [^\W\d_]{3,12}\.?,? \d{4})"
    r"(?=[\s\d,:*]|$|(?<=[-年./,于於在\d]))",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(?:I|we|you|he|she|they|ich|wir|ihr|sie|er|je|nous|vous|yo|io|eu|ik|jag)\s+(?:wrote|said|schrieb"
    r"|ha scritto|skrev|schreef)\b",
    re.IGNORECASE,
)
_PRONOUN_AFTER = re.compile(r"\bschrieb(?:en)?\s+(?:ich|wir|sie|er|ihr)\b", re.IGNORECASE)
# A program never speaks of itself; "mi" and "ma" are left out, they are Wednesday and Monday in attributions.
_FIRST_PERSON = re.compile(
    r"(?<![\w.@-])(?:(?-i:I)|my|me|we|our|us|ich|mir|mich|wir|uns|je|j['’]\w+|nous|mon|moi|yo|nosotros|eu"
    r"|nós|ik|wij|mijn|io|noi|ho"
    r"|jag|vi|vår|mig|mnie|nam|я|мы|мне|нам)(?![\w@-])|我们?[^\s<]{0,10}写|私",
    re.IGNORECASE,
)
_DATE = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\d{1,2}[:.h]\d{2}")
_TIME = re.compile(r"\d{1,2}[:.h]\d{2}")
_YEAR = re.compile(r"(?:19|20)\d\d")
_LAST_MAILBOX = re.compile(r"<\s?[^<>\s]{1,200}@[^<>\s]{1,200}\s?>\s*[:：]?")
_COLON = (":", "：")

_DASHES = frozenset("-_=*–—")
_DIVIDER = re.compile(
    r"[-_=*\s]{0,12}[-–—_]{2,12}\s*(?:Original Message|Original Appointment|Reply message|Ursprüngliche Nachricht"
    r"|Urspr\. Nachricht"
    r"|Original-?Nachricht|Antwort|Message d['’]origine|Message original|Message initial|Mensaje original"
    r"|Mensagem original"
    r"|Messaggio originale|Oorspronkelijk bericht|Originalmeddelande|Ursprungligt meddelande|Originalmeddelelse"
    r"|Oprindelig meddelelse|Original melding|Opprinnelig melding|Alkuperäinen viesti|Původní zpráva|Pôvodná správa"
    r"|Oryginalna wiadomość|Wiadomość oryginalna|Eredeti üzenet|Mesaj original|Исходное сообщение|Original besked"
    r"|Mail original|Ursprüngliche (?:E-?)?Mail|Original(?:e?s)? E-?Mail|E-?mail originale"
    r"|Orijinal İleti"
    r"|原始邮件|原始郵件|原始訊息|元のメッセージ|원본 메시지|邮件原件|回复的原邮件)\s*[-–—_]{2,12}[-_=*\s]{0,12}",
    re.IGNORECASE,
)
_DASHED = re.compile(r"-{2,8} ?(?:On|Am|Le|El|Em|Op|Il|Den|W dniu) .{5,300} -{2,8}", re.IGNORECASE)
_FORWARD = re.compile(
    r"[-_=*\s]{0,12}(?:[-–—_]{2,12}\s*)?(?:Forwarded message|Forwarded by .{1,100}|Begin forwarded message"
    r"|Weitergeleitete Nachricht"
    r"|Anfang der weitergeleiteten (?:Nachricht|E-?Mail)|Message transféré|Début du message (?:réexpédié|transféré)"
    r"|Mensaje reenviado|Inicio del mensaje reenviado|Mensagem encaminhada|Início da mensagem (?:encaminhada"
    r"|reencaminhada)"
    r"|Messaggio inoltrato|Inizio messaggio inoltrato|Doorgestuurd bericht|Begin doorgestuurd bericht"
    r"|Vidarebefordrat (?:meddelande|brev)"
    r"|Videresendt (?:melding|besked)|Przekazana wiadomość|Пересылаемое сообщение|转发的邮件|轉寄的郵件"
    r"|転送メッセージ)"
    r"\s*:?\s*(?:[-–—_]{2,12})?[-_=*\s]{0,12}",
    re.IGNORECASE,
)
_FORWARD_SUBJECT = re.compile(
    r"\s*(?:\[[^\]]{1,40}\]\s*)?(?:fwd?|fw|wg|tr|rv|enc|i|vs|vb|doorst|pd|пересл|转发|轉寄"
    r"|転送)\s*[:：]",
    re.IGNORECASE,
)

# Labels of the block that Outlook and its like write above a quote, in the sender's language.
FROM, SENT, TO, SUBJECT, OTHER = range(5)
_LABELS = {
    word.casefold(): kind
    for kind, words in (
        (OTHER, (
        "Reply-To", "Reply To", "Risposta", "Rispondi a", "Antwort an", "Répondre à", "Responder a",
        "Antwoord aan", "Svara till", "Organization", "Organisation", "Importance", "Priorität", "Bcc",
        )),
        (SUBJECT, (
        "Subject", "Betreff", "Objet", "Asunto", "Assunto", "Oggetto", "Onderwerp", "Ämne", "Emne", "Aihe",
        "Temat", "Předmět", "Predmet", "Tárgy", "Тема", "Subiect", "Θέμα", "Konu", "主题", "主旨", "主題", "件名",
        "제목", "Re",
        )),
        (TO, (
        "To", "An", "À", "A", "Para", "Til", "Till", "Aan", "Vastaanottaja", "Do", "Komu", "Címzett", "Кому", "До",
        "Către", "Kime", "收件人", "收件者", "宛先", "받는 사람", "Cc", "Kopie", "Copia", "Copie", "Kopia", "Kopi",
        "DW", "CC",
        )),
        (SENT, (
        "Sent", "Date", "Gesendet", "Gesendet am", "Datum", "Envoyé", "Envoyé le", "Date d'envoi", "Enviado",
        "Enviada", "Enviados", "Enviadas", "Envoyés", "Enviado el", "Enviada em", "Enviado em", "Fecha",
        "Data", "Inviato", "Data invio", "Verzonden", "Skickat",
        "Sendt", "Dato", "Lähetetty", "Päivämäärä", "Wysłano", "Wysłane", "送信済み", "Отправленные",
        "Odesláno", "Odoslané", "Küldve", "Отправлено",
        "Дата", "Дата отправки", "Надіслано", "Trimis", "Gönderildi", "Tarih", "发送时间", "發送時間", "寄件日期",
        "日期", "日付", "送信日時", "送信", "보낸 날짜", "날짜",
        )),
        (FROM, (
        "From", "Von", "De", "Da", "Van", "Från", "Fra", "Lähettäjä", "Od", "Feladó", "От", "От кого", "Від",
        "Από", "Kimden", "发件人", "發件人", "寄件者", "差出人", "보낸 사람",
        )),
    )
    for word in words
}  # fmt: skip
_LABEL_CHARS = 40
_FROM_CHARS = 300
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,200}")
_FIELD = re.compile(r"[A-Za-z]{1,30}-[A-Za-z-]{1,40}:|Received:")  # raw header fields have hyphens
_HEAD_LINES = 12  # To and Cc may be wrapped

_BELOW = re.compile(
    r"(?<![^\W_])(?:below|in-?line|in (?:red|blue|green|bold)|between the lines|unten|untenstehend|in (?:rot"
    r"|blau|grün)"
    r"|rot markiert|im text|darunter|ci-dessous|plus bas|en (?:rouge|bleu|vert|rojo|azul|verde)"
    r"|dans le (?:texte|message)"
    r"|abajo|debajo|a continuación|en el texto|abaixo|em (?:vermelho|azul|verde)|no texto|hieronder|onderstaand\w?"
    r"|zie onder|in (?:het )?(?:rood|blauw)|in de tekst|(?:qui )?sotto|di seguito|in (?:rosso|blu)|nel testo"
    r"|nedan|nedanför"
    r"|i (?:rött|blått|texten)|poniżej|na (?:czerwono|niebiesko)|w tekście|ниже|красным|в тексте)(?![^\W_])"
    r"|下面|如下|下方|以下|红字|红色|紅字|紅色|下記|赤字|文中",
    re.IGNORECASE,
)
_RULE = re.compile(r"[-_=*~]{3,80}")


def is_attribution(text: str) -> bool:
    """True for a line (or joined lines) that names the writer of the quote below it."""
    if len(text) > LINE * 2 or not text.endswith((*_COLON, ">")):
        return False
    if _ends_with_date_and_mailbox(text):
        return True
    if not text.endswith(_COLON) or not _VERB.search(text) or _FIRST_PERSON.search(text):
        return False
    return not _PRONOUN.search(text) or bool(_DATE.search(text) and _START.match(text))


def _ends_with_date_and_mailbox(text: str) -> bool:
    """A date, then a mailbox at the end, needs no verb; looked for from the end, so that it is one try."""
    start = text.rfind("<")
    return start >= 0 and bool(_LAST_MAILBOX.fullmatch(text, start) and _YEAR.search(text, 0, start))


def has_date(text: str) -> bool:
    """True when a date or a time stands in the line."""
    return bool(_DATE.search(text))


def starts_attribution(text: str) -> bool:
    """True when an attribution may begin with this line."""
    return bool(_START.match(text.lstrip(" \t*")))


def is_sure_attribution(text: str) -> bool:
    """True when the line is an attribution even though no ">" follows: it names a date and a mailbox or time."""
    if not text.endswith(_COLON) or not ("@" in text or _TIME.search(text)) or not _DATE.search(text):
        return False
    return is_attribution(text) and not _PRONOUN.search(text) and not _PRONOUN_AFTER.search(text)


def is_divider(line: str) -> bool:
    """True for "-----Original Message-----" in any of our languages."""
    if len(line) > LINE or line.lstrip()[:1] not in _DASHES:
        return False
    return bool(_DIVIDER.fullmatch(line.strip()) or _DASHED.fullmatch(line.strip()))


def is_forward_mark(line: str) -> bool:
    """True for the line above a mail that was forwarded inline."""
    return 12 <= len(line) <= LINE and bool(_FORWARD.fullmatch(line.strip()))


def is_forward_subject(subject: str) -> bool:
    """True when the outermost prefix of a subject says "forwarded"."""
    return bool(_FORWARD_SUBJECT.match(subject[:100]))


def points_below(text: str) -> bool:
    """True when a short text says that the answers stand further down, or in a colour."""
    return bool(_BELOW.search(text))


def header_block(lines: Sequence[str], at: int, *, ruled: bool = False, people: Container[str] = frozenset()) -> int:
    """How many lines from `at` on are a header block as Outlook writes it above a quote; 0 when none.

    It wants From, Sent (or Date) and To or Subject in Outlook's order. Below a drawn line (`ruled`), or when
    From names one of `people` (whom this mail answers), any order of three of them will do: pasted headers
    of a strange mail name somebody else, and raw ones have others between them.
    """
    if _head_kind(lines[at][:80]) is None:
        return 0
    seen: list[int] = []
    answered = False
    for index in range(at, min(len(lines), at + _HEAD_LINES)):
        line = lines[index][:80]
        if not line.strip():
            break
        kind = _head_kind(line)
        if kind is None and (not seen or _FIELD.match(line)):
            return 0
        if kind is not None:
            seen.append(kind)
        if kind == FROM:
            answered = any(plain_address(found[0]) in people for found in _ADDRESS.finditer(lines[index][:_FROM_CHARS]))
    else:
        index = min(len(lines), at + _HEAD_LINES)
    order = [kind for kind in dict.fromkeys(seen) if kind != OTHER]
    if len(order) >= 3 and FROM in order and (ruled or answered or order[:2] == [FROM, SENT]):
        return _block_length(lines, at, index)
    return 0


def plain_address(address: str) -> str:
    """An address without its `+tag`, in lower case: how a reply address and a From are the same."""
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _block_length(lines: Sequence[str], at: int, end: int) -> int:
    """Up to the last line with a label; the text may follow without an empty line."""
    last = at
    for index in range(at, end if end > at else at + 1):
        if index < len(lines) and _head_kind(lines[index][:80]) is not None:
            last = index
    return last + 1 - at


def _head_kind(line: str) -> int | None:
    """The kind of label this line begins with, None for none; bold marks of HTML turned into text do not matter."""
    ends = [end for end in (line.find(":"), line.find("：")) if end >= 0]
    if not ends or min(ends) > _LABEL_CHARS:
        return None
    return _LABELS.get(line[: min(ends)].strip(" \t*_|\xa0").casefold())


def is_rule(line: str) -> bool:
    """True for a line of underscores or dashes, as Outlook draws above a header block."""
    return bool(_RULE.fullmatch(line.strip()))
