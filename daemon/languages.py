"""Instants and service hours in the reader's words, and the choice of the language.

Owns what CLDR does not give: how a date with a time is said in a sentence, how a week of
windows is summed up, and one plain sentence for the day on which every template fails. Month and
weekday names come from Babel. Local time exists here and in `core.calendar` only. A new
language is one entry of LANGUAGES and one folder of templates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache

from babel import Locale
from babel.dates import format_datetime

from daemon.core.calendar import BusinessCalendar, Window, zone_named

DEFAULT = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How one language says times. `instant` is a CLDR pattern; `clock` and `clock_full` take hour and minute."""

    instant: str
    days: str  # {a} to {b}
    span: str  # from {a} to {b}
    clock: str
    clock_full: str  # when the minutes are zero
    closing: str  # the clock word for the end of the day
    also: str  # between two spans of a day
    always: str  # around the clock
    on_days: str = "{days} {spans}"
    plain: str  # the letter when all templates fail; {reference}, {desk}
    plain_due: str  # its sentence with {due}


LANGUAGES: dict[str, Language] = {
    "en": Language(
        instant="EEEE d MMMM, HH:mm",
        days="{a} to {b}",
        span="{a}–{b}",
        clock="{h}:{m:02}",
        clock_full="{h}:00",
        closing="24:00",
        also=" and ",
        always="around the clock, every day",
        plain="We have received your message; its reference is {reference}.{due} "
        "To add something, just reply.\n\n{desk}",
        plain_due=" A person will answer you by {due}.",
    ),
    "de": Language(
        instant="EEEE, d. MMMM, HH:mm 'Uhr'",
        days="{a} bis {b}",
        span="{a}–{b} Uhr",
        clock="{h}:{m:02}",
        clock_full="{h}:00",
        closing="24:00",
        also=" und ",
        always="rund um die Uhr, jeden Tag",
        plain="Ihre Nachricht ist angekommen, sie hat das Zeichen {reference}.{due} "
        "Wenn Sie etwas ergänzen möchten, antworten Sie einfach auf diese E-Mail.\n\n{desk}",
        plain_due=" Ein Mensch antwortet Ihnen bis {due}.",
    ),
    "fr": Language(
        instant="EEEE d MMMM 'à' HH'h'mm",
        days="du {a} au {b}",
        span="de {a} à {b}",
        clock="{h}h{m:02}",
        clock_full="{h}h",
        closing="minuit",
        also=" et ",
        always="24 heures sur 24, tous les jours",
        plain="Nous avons bien reçu votre message\u00a0; sa référence est {reference}.{due} "
        "Pour ajouter une précision, répondez simplement à ce message.\n\n{desk}",
        plain_due=" Une personne vous répondra au plus tard le {due}.",
    ),
    "es": Language(
        instant="EEEE d 'de' MMMM, HH:mm 'h'",
        days="de {a} a {b}",
        span="de {a} a {b}",
        clock="{h}:{m:02}",
        clock_full="{h}:00",
        closing="24:00",
        also=" y ",
        always="las 24 horas, todos los días",
        on_days="{days}, {spans}",
        plain="Hemos recibido su mensaje; su referencia es {reference}.{due} "
        "Si desea añadir algo, responda a este correo.\n\n{desk}",
        plain_due=" Una persona le responderá a más tardar el {due}.",
    ),
    "pt": Language(
        instant="EEEE, d 'de' MMMM, HH'h'mm",
        days="de {a} a {b}",
        span="das {a} às {b}",
        clock="{h}h{m:02}",
        clock_full="{h}h",
        closing="24h",
        also=" e ",
        always="24 horas por dia, todos os dias",
        on_days="{days}, {spans}",
        plain="Recebemos a sua mensagem; a referência é {reference}.{due} "
        "Para acrescentar algo, basta responder a este e-mail.\n\n{desk}",
        plain_due=" Uma pessoa vai responder até {due}.",
    ),
    "nl": Language(
        instant="EEEE d MMMM, HH:mm 'uur'",
        days="{a} tot en met {b}",
        span="{a}–{b} uur",
        clock="{h}:{m:02}",
        clock_full="{h}:00",
        closing="24:00",
        also=" en ",
        always="dag en nacht, elke dag",
        plain="We hebben uw bericht ontvangen; het kenmerk is {reference}.{due} "
        "Wilt u iets toevoegen? Beantwoord dan gewoon deze e-mail.\n\n{desk}",
        plain_due=" Een medewerker antwoordt u uiterlijk {due}.",
    ),
    "it": Language(
        instant="EEEE d MMMM, 'ore' HH:mm",
        days="da {a} a {b}",
        span="{a}–{b}",
        clock="{h}:{m:02}",
        clock_full="{h}:00",
        closing="24:00",
        also=" e ",
        always="24 ore su 24, tutti i giorni",
        on_days="{days}, ore {spans}",
        plain="Abbiamo ricevuto il Suo messaggio; il riferimento è {reference}.{due} "
        "Per aggiungere qualcosa basta rispondere a questa e-mail.\n\n{desk}",
        plain_due=" Una persona Le risponderà entro {due}.",
    ),
    "sv": Language(
        instant="EEEE 'den' d MMMM 'kl.' HH:mm",
        days="{a} till {b}",
        span="{a}–{b}",
        clock="{h}:{m:02}",
        clock_full="{h}:00",
        closing="24:00",
        also=" och ",
        always="dygnet runt, alla dagar",
        on_days="{days} kl. {spans}",
        plain="Vi har tagit emot ditt meddelande; referensen är {reference}.{due} "
        "Vill du lägga till något? Svara bara på det här mejlet.\n\n{desk}",
        plain_due=" En människa svarar dig senast {due}.",
    ),
}

# What people call their own zone; elsewhere the zone's own letters, or the distance from UTC where it has none
_ZONE_WORDS = {
    "de": {"CET": "MEZ", "CEST": "MESZ", "WET": "WEZ", "WEST": "WESZ", "EET": "OEZ", "EEST": "OESZ"},
}


def choose(wanted: str, default: str, available: Iterable[str]) -> str:
    """The language to write in: the wanted one, its base (`pt-BR` → `pt`), the desk's default, its base, English."""
    there = {language.lower(): language for language in available}
    for tag in (wanted.lower().replace("_", "-"), default.lower().replace("_", "-")):
        for candidate in (tag, tag.partition("-")[0]):
            if candidate in there:
                return there[candidate]
    return DEFAULT


def in_language(words: tuple[tuple[str, str], ...], language: str, default: str) -> str:
    """The words for `language` out of (language, words) pairs, by the same order of choice; "" when there are none."""
    table = dict(words)
    return table.get(choose(language, default, table), "") or next(iter(table.values()), "")


def say_instant(at: datetime, zone: str, language: str) -> str:
    """`at` (aware) as people of that zone and language say it: "Tuesday 24 November, 10:00 (CET)"."""
    return _say_minute(at.replace(second=0, microsecond=0), zone, language)


@lru_cache(maxsize=10_000)  # Babel takes 0.05 ms; requests of one evening are promised for the same minute
def _say_minute(at: datetime, zone: str, language: str) -> str:
    local = at.astimezone(zone_named(zone))
    code, words = _words(language)
    said = str(format_datetime(local, words.instant, locale=_locale(code)))
    if code == "fr" and local.day == 1:
        said = said.replace(" 1 ", " 1er ", 1)
    return f"{said} ({_say_zone(local, code)})"


def hours_in_words(calendar: BusinessCalendar, language: str) -> str:
    """The weekly service hours: "Monday to Friday 8:00–12:00 and 13:00–17:00; Saturday 9:00–12:00"; "" without any."""
    code, words = _words(language)
    week = [_merged(w for w in calendar.windows if w.weekday == day) for day in range(7)]
    if all(day == [(time(0, 0), None)] for day in week):
        return words.always
    names = _locale(code).days["stand-alone"]["wide"]
    said: list[str] = []
    first = 0
    while first < 7:
        last = first
        while last < 6 and week[last + 1] == week[first]:
            last += 1
        if week[first]:
            a, b = names[first], names[last]
            days = a if first == last else f"{a}{words.also}{b}" if last == first + 1 else words.days.format(a=a, b=b)
            spans = words.also.join(_say_span(start, end, words) for start, end in week[first])
            said.append(words.on_days.format(days=days, spans=spans))
        first = last + 1
    return "; ".join(said)


def plain_letter(reference: str, desk: str, due: str, language: str) -> str:
    """The letter that needs no template."""
    _, words = _words(language)
    return words.plain.format(reference=reference, desk=desk, due=words.plain_due.format(due=due) if due else "")


def _words(language: str) -> tuple[str, Language]:
    code = choose(language, DEFAULT, LANGUAGES)
    return code, LANGUAGES[code]


@lru_cache(maxsize=32)
def _locale(code: str) -> Locale:
    return Locale.parse(code)


def _say_zone(local: datetime, code: str) -> str:
    letters = local.tzname() or ""
    if letters.isalpha():
        return _ZONE_WORDS.get(code, {}).get(letters, letters)
    minutes = (local.utcoffset() or timedelta(0)) // timedelta(minutes=1)
    sign = "−" if minutes < 0 else "+"
    return f"UTC{sign}{abs(minutes) // 60}" + (f":{abs(minutes) % 60:02}" if minutes % 60 else "")


def _say_span(start: time, end: time | None, words: Language) -> str:
    return words.span.format(a=_say_clock(start, words), b=words.closing if end is None else _say_clock(end, words))


def _say_clock(at: time, words: Language) -> str:
    return (words.clock if at.minute else words.clock_full).format(h=at.hour, m=at.minute)


def _merged(windows: Iterable[Window]) -> list[tuple[time, time | None]]:
    """The spans of a day in order, those that touch made one."""
    spans: list[tuple[time, time | None]] = []
    for window in sorted(windows, key=lambda w: w.start):
        if spans and (spans[-1][1] is None or window.start <= spans[-1][1]):
            start, end = spans[-1]
            spans[-1] = (start, None if end is None or window.end is None else max(end, window.end))
        else:
            spans.append((window.start, window.end))
    return spans
