"""What stands below a person's words and is none of them: signature, a phone's line, a disclaimer.

All below "-- " (RFC 3676 §4.3), lines that phones and mail programs add, and the legal text of a
company. Only the end of a passage is looked at. A line counts only with its device or program in it,
a disclaimer only when it speaks of itself, of confidence and of the wrong reader, and never of "me":
people write to a help desk about mails that they sent to the wrong person.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_SIGNATURE_LINES = 20
_MOBILE_CHARS = 160
_MOBILE = re.compile(
    r"\(?(?:Sent (?:from|via|with|using)|Von meine[mr]\b|Gesendet (?:von|mit|über|aus|via)"
    r"|Diese (?:Nachricht|E-?Mail) wurde (?:von|mit) mein|Envoyé (?:de|depuis|à partir|avec)"
    r"|Enviad[oa] (?:desde|d[eo]|a partir"
    r"|pelo|con)|Inviato (?:da|dal|con)|Verstuurd (?:vanaf|met)|Verzonden (?:met|vanaf|vanuit)|Skickat (?:från|med)"
    r"|Sendt fra|Lähetetty|Wysłan[eo] (?:z|za)|Odesláno z|Odoslané z|Elküldve|Trimis de pe|Отправлено (?:с|из)"
    r"|Надіслано (?:з|із)|Gönderildi|发自|發自|从我的.{1,40}发送|從我的.{1,40}傳送|使用.{1,40}发送自"
    r"|나의.{1,40}에서 보냄"
    r"|.{1,40}(?:から送信|メールから送信)"
    r"|(?:Get|Holen Sie sich|Télécharger|Obtenez|Obtener|Descargar|Obter(?: o)?|Baixe o|Scarica|Ottieni"
    r"|Hämta|Hent|Lataa"
    r"|Pobierz(?: program)?|Stáhnout|Скачать|获取|獲取|下载) Outlook|Outlook (?:für|voor|for) .{1,60}"
    r"(?:beziehen|downloaden|を入手))",
    re.IGNORECASE,
)
_DEVICE = re.compile(
    r"iP(?:hone|ad|od)|Android|Galaxy|Samsung|Outlook|BlackBerry|Windows|Xiaomi|Redmi|Huawei|HONOR|Pixel|Nokia|Xperia"
    r"|OnePlus|OPPO|Fairphone|Motorola|K-9|Thunderbird|FairEmail|Yahoo|AOL|GMX|WEB\.DE|Proton|Tutanota|Spark|Airmail"
    r"|myMail|Mail\.ru|\b(?-i:Mail)\b|Gmail|Gerät|Handy|(?:smart|mobile |cell|my )phone|\bmobile\b|tablet|device"
    r"|Mobiltelefon|appareil|téléphone|(?:mon|du) mobile|móvil|celular|telemóvel|dispositivo|telefono"
    r"|cellulare|toestel"
    r"|apparaat|telefoon|mobiel|\bmobil\b|enhet|telefon|urządze|komór|устройств|телефон|手机|手機|设备|裝置"
    r"|携帯|スマ",
    re.IGNORECASE,
)

_PARAGRAPH_CHARS = 6_000
_LEAST = 60  # weight: an ideograph counts for three letters
_HEADING = re.compile(
    r"\W{0,10}(?:(?:e-?mail )?disclaimer|(?:e-?mail )?confidentiality(?: notice| note)?|confidential(?: notice)?"
    r"|legal notice|important(?: notice)?|haftungsausschluss|vertraulich(?:keit(?:shinweis)?)?|wichtiger hinweis"
    r"|rechtlicher hinweis|avis de confidentialité|avertissement|aviso (?:legal|de confidencialidad(?:e)?)"
    r"|confidencial(?:idad)?|avviso di riservatezza|nota di riservatezza|vertrouwelijk|sekretess|klauzula poufności"
    r"|免责声明|免責聲明|保密声明|конфиденциальность)\W{0,10}(?=\s|$)",
    re.IGNORECASE,
)
_ITSELF = re.compile(
    r"(?:(?:the )?(?:information|contents?)(?: contained)? (?:in|of) |)(?:this|the)(?: \w+)? ?(?:e-?mail"
    r"|message|communication"
    r"|transmission)|(?:(?:die|der) (?:informationen|inhalte?)(?: in|) )?diese[rs]? (?:e-?mail|nachricht"
    r"|mail|mitteilung)"
    r"|die (?:in dieser|information)|(?:les informations contenues dans )?(?:ce|cet|cette) (?:message"
    r"|courriel|e-?mail|mail"
    r"|courrier|transmission)|(?:la información contenida en )?(?:este|el presente) (?:mensaje|correo|e-?mail)"
    r"|(?:as informações contidas nest[ae] |)(?:esta|est[ae]|a presente) (?:mensagem|e-?mail|correio)|esta mensagem"
    r"|(?:le informazioni contenute in )?(?:questo|questa|il presente|la presente) (?:messaggio|e-?mail"
    r"|comunicazione)"
    r"|(?:de informatie in )?(?:dit|deze) (?:bericht|e-?mail|mail)|(?:informationen i )?det(?:ta"
    r"|här) (?:meddelande|mejl"
    r"|e-?post)|denna e-?post|(?:niniejsza |ta |informacje zawarte w tej )(?:wiadomoś|korespond|e-?mail)"
    r"|(?:本|此|这封|這封)(?:电子|電子)?(?:邮件|郵件)|(?:この|本)(?:電子)?メール|(?:это|данное"
    r"|настоящее)(?: электронное)? "
    r"(?:сообщение|письмо)",
    re.IGNORECASE,
)
_CONFIDENCE = re.compile(
    r"confiden|privileged|vertraulich|vertrouwelijk|riservat|konfidenti|sekretess|poufn|tajemnic|保密|机密"
    r"|機密|конфиденц",
    re.IGNORECASE,
)
_READER = re.compile(
    r"intended|addressee|recipient|in error|notify|delet|destroy|prohibited|unauthori[sz]ed"
    r"|adressat|empfänger|irrtümlich|versehentlich|informieren|vernichten|löschen|unbefugt|nicht gestattet"
    r"|destinataire|par erreur|avertir|avise|informe|détrui|supprim|interdit|destinatari|por error"
    r"|por engano|por erro"
    r"|comuni|elimin|apag|prohibid|proibid|per errore|cancell|distrugg|avvis|vietat|geadresseerde|ontvanger|per abuis"
    r"|ten onrechte|per vergissing|verwijder|waarschuw|vernietig|adressaten|mottagare|av misstag|felaktigt"
    r"|radera|meddela"
    r"|adresat|pomyłk|omyłk|usun|powiadom|zabronion|收件人|错收|誤收|误收|错误|通知|删除|刪除|宛先|誤って"
    r"|誤送信|通知|削除"
    r"|адресат|получател|по ошибке|сообщите|удали|уничтож|запрещ",
    re.IGNORECASE,
)
_MYSELF = re.compile(
    r"(?<![^\W_])(?:(?-i:I)|my|me|ich|mir|mich|mein\w{0,2}|je|j['’]ai|moi|mon|mes|yo|mi|mis|he|eu|meus?|minhas?|ik"
    r"|mijn|mij|io|mio|mia|ho|jag|min|mitt|mina|mnie|mój|moja|mi|я|мне|меня|мой|моя)(?![^\W_])|我|私|僕",
    re.IGNORECASE,
)


def signature_start(texts: Sequence[str], start: int, stop: int) -> int:
    """Where, in the passage `start` to `stop`, the writer's words end; `stop` when all is theirs."""
    last = _bottom(texts, start, stop)
    for line in range(last - 1, max(start, last - _SIGNATURE_LINES) - 1, -1):
        if texts[line].rstrip() == "--" or texts[line] == "— ":
            return line
    cut = last
    while cut > start:
        above = _bottom(texts, start, cut)
        if above > start and is_mobile_signature(texts[above - 1]):
            cut = above - 1
            continue
        begin = _disclaimer_start(texts, start, above)
        if begin == above:
            break
        cut = begin
    if cut == last:
        return stop
    dashes = _bottom(texts, start, cut)  # a bare "--" that stands above the legal text
    return dashes - 1 if dashes > start and texts[dashes - 1].rstrip() == "--" else cut


def is_mobile_signature(line: str) -> bool:
    """True for a line that a phone or a mail program adds below the writer's words."""
    text = line.strip()
    if not text or len(text) > _MOBILE_CHARS or "?" in text:
        return False
    return bool(_MOBILE.match(text) and _DEVICE.search(text))


def is_disclaimer(paragraph: str) -> bool:
    """True for the legal text that companies put below a mail."""
    text = " ".join(paragraph[:_PARAGRAPH_CHARS].split())
    weight = sum(3 if char > "\u2e80" else 1 for char in text)
    if weight < _LEAST or _MYSELF.search(text):
        return False
    heading = _HEADING.match(text)
    body = text[heading.end() :].lstrip(" :-–—*.|") if heading else text
    if not heading and not _ITSELF.match(body):
        return False
    hits = {match[0].casefold() for match in _READER.finditer(text)}
    return len(hits) >= 2 and bool(heading or _CONFIDENCE.search(text))


def _bottom(texts: Sequence[str], start: int, stop: int) -> int:
    while stop > start and not texts[stop - 1].strip():
        stop -= 1
    return stop


def _disclaimer_start(texts: Sequence[str], start: int, stop: int) -> int:
    """First line of the disclaimer that ends at `stop`, one paragraph of it; `stop` when it is none."""
    begin, chars = stop, 0
    while begin > start and texts[begin - 1].strip() and chars <= _PARAGRAPH_CHARS:
        begin -= 1
        chars += len(texts[begin])
    if begin == stop or chars > _PARAGRAPH_CHARS:
        return stop
    for first in range(begin, min(stop, begin + 8)):  # a name may stand right above, without an empty line
        if (_HEADING.match(texts[first]) or _ITSELF.match(texts[first].lstrip(" *_"))) and is_disclaimer(
            " ".join(texts[first:stop])
        ):
            return first
    return stop
