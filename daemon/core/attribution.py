"""The words mail programs write above a quote, in the languages we meet.

Three kinds: an attribution ("On …, X wrote:"), a divider ("-----Original Message-----") and a
header block ("From: / Sent: / To: / Subject:" in the sender's language). Also the marks of a
forward, and the signatures phones add. Every pattern is applied to one bounded line or at most
four joined ones, so all is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

JOINED = 4  # lines an attribution may be wrapped into
LINE = 500  # characters; longer lines are nobody's attribution

_VERBS = (
    r"wrote|writes|said|a écrit|a ecrit|schrieb|geschrieben|escribi[óo]|escreveu|escribiu|ha scritto|scrive|schreef|geschreven"
    r"|skrev|kirjoitti|napisał(?:\(a\)|a)?|pisze|napsal(?:\(a\)|a)?|napísal(?:\(a\)|a)?|írta|a scris|έγραψε|пишет|пише"
    r"|написал(?:\(а\)|а)?|написав|写道|寫道|書きました|のメッセージ|님이 작성|썼습니다|yazdı|escriure|va escriure|idatzi|כתב"
)
_VERB = re.compile(
    rf"(?<![^\W_])(?:{_VERBS})(?![^\W_])|写道|寫道|書きました|のメッセージ|님이 작성|썼습니다", re.IGNORECASE
)
_START = re.compile(
    r"(?:On|Am|Le|El|Em|No dia|Na|Op|Il giorno|Il|In data|Alle|Den|På|W dniu|Dnia|Dne|Dňa|V|În|Pe|Στις|В|Вы|ti\.|"
    r"man\.|ons\.|tor\.|fre\.|lør\.|søn\.|ke|ti|to|pe|la|su|ma|In article|In message|Quoting|Zitat von|Selon|Citando|"
    r"\d{4}[-年./]|\d{1,2}[./]\s?\d{1,2}[./]|"
    r"(?:пн|вт|ср|чт|пт|сб|вс|нд),|在|于|於|بتاريخ)(?=[\s\d,:*]|$|(?<=[-年./,于於在]))",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(?:I|we|you|he|she|they|ich|wir|ihr|sie|er|je|nous|vous|yo|io|eu|ik|jag)\s+(?:wrote|said|schrieb|ha scritto|skrev|schreef)\b",
    re.IGNORECASE,
)
_PRONOUN_AFTER = re.compile(r"\bschrieb(?:en)?\s+(?:ich|wir|sie|er|ihr)\b", re.IGNORECASE)
_DATE = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\d{1,2}[:.h]\d{2}")
_TIME = re.compile(r"\d{1,2}[:.h]\d{2}")
_MAILBOX = re.compile(r"<[^<>\s]{1,200}@[^<>\s]{1,200}>|\[mailto:|\S@\S")
_DATE_AND_MAILBOX = re.compile(r"(?:19|20)\d\d.{0,200}<[^<>\s]{1,200}@[^<>\s]{1,200}>\s*[:：]$")
_COLON = (":", "：")

_DIVIDER = re.compile(
    r"[-_=*\s]{0,12}[-–—_]{2,12}\s*(?:Original Message|Original Appointment|Reply message|Ursprüngliche Nachricht|Urspr\. Nachricht"
    r"|Original-?Nachricht|Antwort|Message d['’]origine|Message original|Message initial|Mensaje original|Mensagem original"
    r"|Messaggio originale|Oorspronkelijk bericht|Originalmeddelande|Ursprungligt meddelande|Originalmeddelelse"
    r"|Oprindelig meddelelse|Original melding|Opprinnelig melding|Alkuperäinen viesti|Původní zpráva|Pôvodná správa"
    r"|Oryginalna wiadomość|Wiadomość oryginalna|Eredeti üzenet|Mesaj original|Исходное сообщение|Original besked|Orijinal İleti"
    r"|原始邮件|原始郵件|原始訊息|元のメッセージ|원본 메시지|邮件原件|回复的原邮件)\s*[-–—_]{2,12}[-_=*\s]{0,12}",
    re.IGNORECASE,
)
_FORWARD = re.compile(
    r"[-_=*\s]{0,12}(?:[-–—_]{2,12}\s*)?(?:Forwarded message|Forwarded by .{1,100}|Begin forwarded message|Weitergeleitete Nachricht"
    r"|Anfang der weitergeleiteten (?:Nachricht|E-?Mail)|Message transféré|Début du message (?:réexpédié|transféré)"
    r"|Mensaje reenviado|Inicio del mensaje reenviado|Mensagem encaminhada|Início da mensagem (?:encaminhada|reencaminhada)"
    r"|Messaggio inoltrato|Inizio messaggio inoltrato|Doorgestuurd bericht|Begin doorgestuurd bericht|Vidarebefordrat (?:meddelande|brev)"
    r"|Videresendt (?:melding|besked)|Przekazana wiadomość|Пересылаемое сообщение|转发的邮件|轉寄的郵件|転送メッセージ)"
    r"\s*:?\s*(?:[-–—_]{2,12})?[-_=*\s]{0,12}",
    re.IGNORECASE,
)
_FORWARD_SUBJECT = re.compile(
    r"\s*(?:\[[^\]]{1,40}\]\s*)?(?:fwd?|fw|wg|tr|rv|enc|i|vs|vb|doorst|pd|пересл|转发|轉寄|転送)\s*[:：]", re.IGNORECASE
)

# One tuple per language: From, Sent/Date, To, Subject.
_FROM = (
    r"From|Von|De|Da|Van|Från|Fra|Lähettäjä|Od|Feladó|От|От кого|Від|Από|Kimden|发件人|發件人|寄件者|差出人|보낸 사람"
)
_SENT = (
    r"Sent|Date|Gesendet|Gesendet am|Datum|Envoyé|Envoyé le|Date d'envoi|Enviado|Enviado el|Enviada em|Enviado em|Fecha|Data"
    r"|Inviato|Data invio|Verzonden|Skickat|Sendt|Dato|Lähetetty|Päivämäärä|Wysłano|Odesláno|Odoslané|Küldve|Отправлено|Дата|Дата отправки"
    r"|Надіслано|Trimis|Gönderildi|Tarih|发送时间|發送時間|寄件日期|日期|日付|送信日時|送信|보낸 날짜|날짜"
)
_TO = (
    r"To|An|À|A|Para|Til|Till|Aan|Vastaanottaja|Do|Komu|Címzett|Кому|До|Către|Kime|收件人|收件者|宛先|받는 사람|Cc|Kopie|Copia"
    r"|Copie|Kopia|Kopi|DW|CC"
)
_SUBJECT = (
    r"Subject|Betreff|Objet|Asunto|Assunto|Oggetto|Onderwerp|Ämne|Emne|Aihe|Temat|Předmět|Predmet|Tárgy|Тема|Subiect|Θέμα"
    r"|Konu|主题|主旨|主題|件名|제목|Re"
)
_B = r"\s{0,3}[*_|]{0,3}\s{0,2}"  # bold marks of HTML turned into text
_HEAD_FROM = re.compile(rf"{_B}(?:{_FROM})\s?{_B}[:：]", re.IGNORECASE)
_HEAD_SENT = re.compile(rf"{_B}(?:{_SENT})\s?{_B}[:：]", re.IGNORECASE)
_HEAD_TO = re.compile(rf"{_B}(?:{_TO})\s?{_B}[:：]", re.IGNORECASE)
_HEAD_SUBJECT = re.compile(rf"{_B}(?:{_SUBJECT})\s?{_B}[:：]", re.IGNORECASE)
_HEAD_LINES = 12  # To and Cc may be wrapped

_MOBILE = re.compile(
    r"(?:Sent from (?:my|Mail for|Outlook|Yahoo|Samsung|ProtonMail|Proton Mail|the|a|an)\b.{0,80}|Sent via .{1,60}|Get Outlook for .{1,40}"
    r"|Sent with .{1,60}|Von meinem .{1,60} gesendet|Gesendet (?:von|mit|über|aus) .{1,80}|Diese Nachricht wurde von meinem .{1,80} gesendet"
    r"|Holen Sie sich Outlook .{1,40}|Outlook für .{1,20} beziehen|Envoyé (?:de|depuis|à partir) .{1,80}|Télécharger Outlook .{1,40}"
    r"|Obtenez Outlook .{1,40}|Enviado (?:desde|do|de|a partir) .{1,80}|Obtener Outlook .{1,40}|Obter o Outlook .{1,40}|Inviato (?:da|dal) .{1,80}"
    r"|Scarica Outlook .{1,40}|Ottieni Outlook .{1,40}|Verstuurd vanaf .{1,80}|Verzonden (?:met|vanaf|vanuit) .{1,80}|Outlook voor .{1,20} downloaden"
    r"|Skickat från .{1,80}|Hämta Outlook .{1,40}|Sendt fra .{1,80}|Lähetetty .{1,60}|Wysłane z .{1,80}|Odesláno z .{1,60}|Отправлено (?:с|из) .{1,80}"
    r"|Надіслано з .{1,60}|发自我的.{1,40}|發自我的.{1,40}|从我的.{1,40}发送|.{1,40}から送信|나의 .{1,40}에서 보냄)\s*[.!]?\s*(?:<https?://\S{1,200}>)?",
    re.IGNORECASE,
)
_DISCLAIMED = re.compile(r"[-_=*~]{3,80}")


def is_attribution(text: str) -> bool:
    """True for a line (or joined lines) that names the writer of the quote below it."""
    return (
        len(text) <= LINE * 2
        and text.endswith(_COLON)
        and (bool(_DATE_AND_MAILBOX.search(text)) or bool(_VERB.search(text)))
        and not _PRONOUN.search(text)
    )


def starts_attribution(text: str) -> bool:
    """True when an attribution may begin with this line."""
    return bool(_START.match(text.lstrip(" \t*")))


def is_sure_attribution(text: str) -> bool:
    """True when the line is an attribution even though no ">" follows: it names a date and a mailbox or time."""
    return (
        is_attribution(text)
        and bool(_DATE.search(text))
        and bool(_MAILBOX.search(text) or _TIME.search(text))
        and not _PRONOUN_AFTER.search(text)
    )


def is_divider(line: str) -> bool:
    """True for "-----Original Message-----" in any of our languages."""
    return len(line) <= LINE and bool(_DIVIDER.fullmatch(line.strip()))


def is_forward_mark(line: str) -> bool:
    """True for the line above a mail that was forwarded inline."""
    return len(line) <= LINE and bool(_FORWARD.fullmatch(line.strip()))


def is_forward_subject(subject: str) -> bool:
    """True when the outermost prefix of a subject says "forwarded"."""
    return bool(_FORWARD_SUBJECT.match(subject[:100]))


def is_mobile_signature(line: str) -> bool:
    """True for a line that a phone or a mail program adds below the writer's words."""
    return len(line) <= 200 and bool(_MOBILE.fullmatch(line.strip()))


def header_block(lines: Sequence[str], at: int) -> int:
    """How many lines from `at` on are a header block as Outlook writes it above a quote; 0 when none.

    It wants all of From, Sent (or Date), To and Subject, in this order: raw headers that somebody
    pasted for us to look at have others between or come in another order.
    """
    if not _HEAD_FROM.match(lines[at][:80]):
        return 0
    wanted = [_HEAD_SENT, _HEAD_TO, _HEAD_SUBJECT]
    size = min(len(lines), at + _HEAD_LINES)
    for index in range(at + 1, size):
        line = lines[index][:80]
        if not line.strip():
            return 0
        if wanted[0].match(line):
            wanted.pop(0)
            if not wanted:
                return index + 1 - at
        elif len(wanted) == 2 and _HEAD_SUBJECT.match(line):  # no To: a mail to oneself or to a list
            return index + 1 - at
        elif len(wanted) == 3 and not line.startswith((" ", "\t", "<", "[")):
            return 0
    return 0


def is_rule(line: str) -> bool:
    """True for a line of underscores or dashes, as Outlook draws above a header block."""
    return bool(_DISCLAIMED.fullmatch(line.strip()))
