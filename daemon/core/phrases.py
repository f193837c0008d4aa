"""What mail systems and absent people say in a subject, in the languages of the world we meet.

Only words, folded (lower case, accents off), and how to look for them. A phrase proves
nothing alone: people report returned mail and broken out-of-office replies to help desks.
`returned` and `autoreply` weigh it with other evidence.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_MAX_SUBJECT = 300

_RETURNED = """
undeliver|nondeliver|non-deliver|non deliver|not deliver|returned mail|mail returned|returned to sender
returned e-mail
returned message|delivery status|delivery fail|delivery error|delivery problem|delivery report|delivery notification
delivery delayed|delivery has|delivery attempt|delivery confirmation|delivery unsuccessful|delivery incomplete
failure notice|failure delivery|failure notification|failed mail|failed delivery|fail to deliver|failed to deliver
mail fail|mail delivery|mail system error|mail error|mail could not|mail not delivered|mail undelivered|mail delayed
message could not|message not delivered|message delay|message fail|message status|message delivery|message rejected
message undeliver|email could not|email delivery|e-mail delivery|error sending|error delivering|could not send message
could not be delivered|cannot be delivered|can't be delivered|unable to deliver|unknown user|user unknown
unknown recipient
recipient unknown|unknown address|invalid recipient|bounced mail|bounce notice|mail bounced|permanent error
permanent fail
warning: could not|warning: message|delayed mail|transient failure|rejected mail|mail rejected|rejected posting
nicht zustellbar|unzustellbar|nicht zugestellt|zustellung|zustellungs|ubermittlungsstatus|ubermittlung fehlgeschlagen
unzustellbare|konnte nicht|ruckantwort fehler|rucklaufer
non remis|non distribu|non delivre|non livre|echec de|echec d'|echec remise|notification d'etat de remise
remise impossible
impossible de remettre|retour de mail|avis de non|n'a pas pu etre
no se puede entregar|no se pudo entregar|no se ha podido entregar|no es posible entregar|no entregado|no entregable
correo devuelto
mensaje devuelto|error de entrega|error en la entrega|entrega fallida|fallo de entrega|fallo en la entrega
estado de entrega|falla de entrega
nao entregue|nao foi possivel entregar|nao e possivel entregar|falha na entrega|falha de entrega
nao pode ser entregue|devolvid
status de entrega
erro na entrega|erro de entrega|nao entregavel|retorno de e-mail|mensagem nao
onbestelbaar|niet bezorgd|bezorging mislukt|niet afgeleverd|aflevering mislukt|niet worden bezorgd|niet besteld
bezorgingsstatus|niet worden afgeleverd
non recapit|impossibile recapitare|mancato recapito|mancata consegna|stato di consegna|non consegnat|consegna fallita
recapito non riuscito|errore di consegna|stato del recapito
kunde inte levereras|gick inte att leverera|ej leverera|olevererbar|kan inte leverera|leveransfel|leveransstatus
returnerad post|returnerat|inte leverera
kan ikke levere|ikke levere|ikke levert|kunne ikke levere|leveringsfejl|leveringsfeil|uleverelig|returneret
kan ikke sendes
ei voitu toimittaa|toimitus epaonnistui|ei toimitettu|toimitusvirhe|perille toimittamaton
niedostarcz|nie dostarczono|nie mozna dostarczyc|zwrot wiadomosci|blad dostarcz
nedorucitel|nedoruceno|nelze dorucit|nedorucena|nedorucen|kezbesithetetlen|nem kezbesitheto|imposibil de livrat
nelivrat
teslim edilemeyen|teslim edilemedi|iletilemedi|gonderilemedi|khong the gui|khong gui duoc|tidak terkirim
tidak dapat dikirim
недостав|не достав|невозможно достав|не может быть достав|ошибка доставки|возвращен|не удалось достав
δεν παραδοθηκε|μη παραδοτεο|αδυναμια παραδοσης|μη παραδοση
配信不能|配信でき|配信に失敗|送信でき|送信エラー|エラーメール|宛先不明|配達でき|未配信
无法投递|退信|投递失败|无法传递|無法傳遞|未能送达|发送失败|無法遞送|退件|傳送失敗|无法送达
배달되지 않|전송 실패|전송실패|반송|배달 실패|발송 실패
"""

# Prefixes that programs put before the subject they answer; each needs the colon (or bracket) behind it.
_ANSWERED = """
automatic reply|automatic response|automated reply|automated response|auto reply|auto-reply|autoreply|auto response
auto-response|autoresponse|autoresponder|auto-respond|automatically generated reply|out of office autoreply
out of office automatic reply|vacation reply|vacation autoreply
automatische antwort|automatische antwortmail|automatische ruckantwort|autoantwort|abwesenheitsnotiz
automatische ruckmeldung
reponse automatique|reponse auto|respuesta automatica|auto-respuesta|autorespuesta
resposta automatica|resposta automatizada|auto-resposta|automatisch antwoord|automatische reactie|automatisch bericht
risposta automatica|autorisposta|automatiskt svar|autosvar|automatiskt svarsmeddelande|automatisk svar
automatisk svarmelding
automaattinen vastaus|autoodpowiedz|odpowiedz automatyczna|automatyczna odpowiedz|automaticka odpoved
automatikus valasz
raspuns automat|otomatik yanit|otomatik cevap|tu dong tra loi|balasan otomatis|автоответ|автоматический ответ
автоматична відповідь|αυτοματη απαντηση|自動返信|自動応答|自动回复|自动答复|自動回覆|自動回應|자동 회신|자동 응답
자동회신
samodejni odgovor|automatski odgovor|מענה אוטומטי|رد تلقائي
"""

# Prefixes of absence notes. People file requests under such words too, so these need other evidence.
_ABSENT = """
out of office|out-of-office|out of the office|out of office reply|out of office response|ooo|oof|away from my mail
away from office|i am away|on vacation|abwesenheit|abwesend|abwesenheitsmeldung|abwesenheitsassistent|nicht im buro
ausser haus
message d'absence|absence du bureau|absent du bureau|absent|absence|fuera de la oficina|fuera de oficina|ausente
ausencia
fora do escritorio|ausencia temporaria|niet aanwezig|afwezig|afwezigheid|afwezigheidsbericht|afwezigheidsassistent
fuori sede|fuori ufficio|assente|assenza|franvaro|franvaromeddelande|inte pa kontoret|ej pa plats|fravaer
ikke til stede
poissa|poza biurem|nieobecny|nieobecnosc|mimo kancelar|отсутствие на рабочем месте|εκτος γραφειου|不在|不在通知|外出
부재중
"""
_IS_ABSENT = re.compile(
    r"(?:\[[^\[\]]{1,40}\] ?)?(?!(?:re|aw|fw|fwd|wg|sv|tr|rv|antw) ?[::])[^:]{1,100}"
    r"(?: (?:is|am)|'m) (?:currently )?(?:out of (?:the )?office|on vacation|on leave)"
    r"\W{0,3}(?:\(.{0,80}|(?:until|till|from|and|between) .{0,80})?"
)


def fold(text: str) -> str:
    """Lower case, accents off, white space single: the form in which phrases are compared."""
    apart = unicodedata.normalize("NFD", text[:_MAX_SUBJECT].casefold())
    return unicodedata.normalize("NFC", " ".join("".join(c for c in apart if not unicodedata.combining(c)).split()))


def _alternatives(words: str) -> str:
    phrases = sorted({fold(phrase) for line in words.split("\n") for phrase in line.split("|") if phrase}, key=len)
    return "|".join(re.escape(phrase) for phrase in reversed(phrases))


@lru_cache(maxsize=1)
def _returned() -> re.Pattern[str]:
    return re.compile(_alternatives(_RETURNED))


@lru_cache(maxsize=2)
def _prefix(words: str) -> re.Pattern[str]:
    # At the very start (or in brackets), then a colon or a bracket: "Out of office printer" is a request.
    return re.compile(rf"\W{{0,3}}(?:{_alternatives(words)})(?: \([^()]{{0,60}}\))? ?[::\]\)>]")


def returned_words(subject: str) -> str:
    """The words of a subject that speak of returned mail, or ""."""
    match = _returned().search(fold(subject))
    return match[0] if match else ""


def answered_words(subject: str) -> str:
    """The prefix of a subject that a program answered, or ""."""
    match = _prefix(_ANSWERED).match(fold(subject))
    return match[0].strip() if match else ""


def absent_words(subject: str) -> str:
    """The words of a subject that say that its writer is away, or ""."""
    folded = fold(subject)
    match = _prefix(_ABSENT).match(folded) or _IS_ABSENT.fullmatch(folded)
    return match[0].strip() if match else ""
