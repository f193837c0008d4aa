"""Letters in eight languages: complete, short, harmless, and never missing because a template broke."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from builders import a_desk, a_policy
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.address import Address
from daemon.core.calendar import from_parts
from daemon.core.letter import Facts, Letter
from daemon.core.notice import Notice, NoticeKind
from daemon.core.policy import TRIAGE, Category
from daemon.core.sla import Hours, Promise
from daemon.errors import Misconfigured
from daemon.languages import LANGUAGES, choose, hours_in_words, in_language, plain_letter, say_instant
from daemon.render import TEXT_BYTES, Renderer
from daemon.resources import folder

ACK, TTR, TEAM, REPLY = NoticeKind.ACKNOWLEDGMENT, NoticeKind.TIME_TO_RESPOND, NoticeKind.TEAM, NoticeKind.REPLY
RECEIPT, STATUS, REMINDER, DIGEST = NoticeKind.RECEIPT, NoticeKind.STATUS, NoticeKind.REMINDER, NoticeKind.DIGEST
ON_A_TICKET = (ACK, TTR, TEAM, REPLY, RECEIPT)
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
OFFICE = from_parts(
    name="office", zone="Europe/Berlin", hours={day: ["08:00-12:00", "13:00-17:30"] for day in range(5)}
)
RENDERER = Renderer()


def a_promise(hours: Hours = Hours.OPEN, holiday: str = "") -> Promise:
    return Promise(
        due_at=AT, zone="Europe/Berlin", calendar="office", target=timedelta(hours=4), hours=hours, holiday=holiday
    )


def a_notice(kind: NoticeKind = ACK, **over: object) -> Notice:
    values: dict[str, object] = {
        "kind": kind,
        "to": Address("jo", "example.org"),
        "to_name": "Jo Doe",
        "promise": a_promise(),
        "echo_subject": True,
        "subject": "Printer is silent",
        "text": "It broke.\n\nReally." if kind in {TEAM, REPLY, RECEIPT} else "",
        "detail": (("from", "Jo Doe <jo@example.org>"), ("priority", "P2")) if kind is TEAM else (),
    }
    return Notice(**{**values, **over})  # type: ignore[arg-type]


def some_facts(language: str = "en", **over: str) -> Facts:
    values = {
        "desk": "Example Help Desk",
        "reference": "FL-1042",
        "language": language,
        "name": "Jo Doe",
        "category": "Printing",
        "due": say_instant(AT, "Europe/Berlin", language),
        "previous_due": say_instant(AT - timedelta(hours=2), "Europe/Berlin", language),
        "hours": hours_in_words(OFFICE, language),
        "urgent": "+49 30 1234",
        "advice": "Turn it off and on again.",
    }
    return Facts(**{**values, **over})


def spoken(letter: Letter) -> str:
    """The words of the HTML part, as a reader without eyes for style gets them."""
    body = re.sub(r"<head>.*?</head>", "", letter.html, flags=re.DOTALL)
    body = re.sub(r"</th>\s*<td[^>]*>", ": ", body)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def squeezed(text: str) -> str:
    return re.sub(r"[\s\xa0]+", "", text)


EVERY = [
    pytest.param(language, kind, hours, certain, id=f"{language}-{kind}-{hours}-{'sure' if certain else 'unsure'}")
    for language, kind, hours, certain in product(LANGUAGES, ON_A_TICKET, Hours, (True, False))
]


@pytest.mark.parametrize(("language", "kind", "hours", "certain"), EVERY)
def test_every_variant_says_what_it_must(language: str, kind: NoticeKind, hours: Hours, certain: bool) -> None:
    """Reference always; the instant, the urgent path and the hours where they belong; the HTML says the same words."""
    facts = some_facts(language, holiday="Heiligabend" if hours is Hours.HOLIDAY else "")

    letter = RENDERER.render(a_notice(kind, promise=a_promise(hours), certain=certain), facts)

    assert letter.trouble == ""
    assert letter.language == language
    assert "FL-1042" in letter.text
    assert "Example Help Desk" in letter.text
    assert "{" not in letter.text
    assert "\n\n\n" not in letter.text
    assert squeezed(spoken(letter)) == squeezed(letter.text)
    assert f'<html lang="{language}">' in letter.html
    if kind in {ACK, TTR}:
        assert len(letter.text.encode()) <= TEXT_BYTES
        assert facts.due in letter.text
        assert f"<strong>{facts.due}</strong>" in letter.html
        assert "Printer is silent" in letter.text
        assert "+49 30 1234." in letter.text
    if kind is ACK:
        assert (facts.hours in letter.text) == (hours is not Hours.OPEN)
        assert ("Heiligabend" in letter.text) == (hours is Hours.HOLIDAY)
        assert ("Printing" in letter.text) == certain
    if kind is TTR:
        assert facts.previous_due in letter.text
    if kind in {TEAM, REPLY, RECEIPT}:
        assert "It broke.\n\nReally." in letter.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages_have_words_of_their_own(language: str) -> None:
    """No sentence of the English letters is left in another language, and variants differ from each other."""
    letters = {
        hours: RENDERER.render(a_notice(promise=a_promise(hours)), some_facts(language, holiday="X")).text
        for hours in Hours
    }
    english = RENDERER.render(a_notice(), some_facts()).text

    assert len(set(letters.values())) == 3
    if language != "en":
        shared = set(re.split(r"(?<=[.!?:]) |\n", english)) & set(re.split(r"(?<=[.!?:]) |\n", letters[Hours.OPEN]))
        values = {"Example Help Desk", "Printer is silent", "Turn it off and on again.", "FL-1042", "Printing"}
        assert shared <= {"", "+49 30 1234.", *values}


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_acknowledgment_with_nothing_optional_is_still_a_letter(language: str) -> None:
    """No name, no subject, no promise, no advice, no urgent path: no holes, no double spaces, no empty brackets."""
    bare = Facts(desk="Desk", reference="FL-1", language=language)
    for kind in (ACK, TTR):
        letter = RENDERER.render(Notice(kind=kind, to=Address("jo", "example.org"), certain=False), bare)

        assert letter.trouble == ""
        assert not re.search(r"[^\n ] {2,}|\(\)| ,|:\s*\.", letter.text)


def test_nothing_of_an_unproven_senders_mail_is_said() -> None:
    """RFC 3834 §6: canary words in subject and name appear nowhere; the neutral subject keeps the tag."""
    notice = a_notice(echo_subject=False, subject="CANARY buy now", to_name="CANARY")
    policy = a_policy()

    facts = RENDERER.facts(notice, policy=policy, desk=policy.desks[0], reference="FL-1042")
    letter = RENDERER.render(replace(notice, promise=None), replace(facts, due=""))

    assert "CANARY" not in letter.subject + letter.text + letter.html
    assert letter.subject == f"[FL-1042] Your message to {policy.desks[0].title}"


@pytest.mark.parametrize(
    ("kind", "echo", "subject"),
    [
        (ACK, True, "Re: [FL-1042] Printer is silent"),
        (TTR, True, "Re: [FL-1042] Printer is silent"),
        (REPLY, False, "Re: [FL-1042] Printer is silent"),
        (TEAM, False, "[FL-1042] Printer is silent"),
        (ACK, False, "[FL-1042] Your message to Example Help Desk"),
    ],
)
def test_subjects_keep_the_thread_together(kind: NoticeKind, echo: bool, subject: str) -> None:
    """The requester's own subject with exactly one tag, whatever stood before it."""
    notice = a_notice(kind, echo_subject=echo, subject="AW: Re: [FL-1042] Printer is silent")

    assert RENDERER.render(notice, some_facts()).subject == subject


@pytest.mark.parametrize(
    "hostile",
    [
        *(
            "{{ 7*7 }}",
            "{% for x in ().__class__.__mro__ %}x{% endfor %}",
            "<script>alert(1)</script>",
            "</p><img src=x>",
        ),
        *("&lt;b&gt;", "FL-1042", "\0words\0", "Subject: new", "a\n\n  Bcc: you\n\nb"),
    ],
)
def test_mail_text_is_a_value_and_never_a_template(hostile: str) -> None:
    """Said literally or not at all: no template runs in it, no tag comes of it, no paragraph is invented."""
    for kind in NoticeKind:
        letter = RENDERER.render(
            a_notice(kind, subject=hostile, text=hostile), some_facts(name=hostile, category=hostile, advice=hostile)
        )

        assert letter.trouble == ""
        assert "49" not in letter.text.replace("+49 30", "")
        assert "<script" not in letter.html
        assert "<img" not in letter.html
        assert "\n" not in letter.subject
        assert "\0" not in letter.text + letter.html + letter.subject


@given(st.text(max_size=120), st.text(max_size=120), st.sampled_from(list(LANGUAGES)))
def test_any_text_makes_a_bounded_letter(subject: str, words: str, language: str) -> None:
    """Whatever a mail holds: no failure, no more than 2 kB, and HTML that says the same as the text."""
    facts = some_facts(language, category=words, advice=words, urgent=words, holiday=words, hours=words)

    letter = RENDERER.render(a_notice(subject=subject, promise=a_promise(Hours.CLOSED)), facts)

    assert letter.trouble == ""
    assert len(letter.text.encode("utf-8", "replace")) <= TEXT_BYTES
    assert squeezed(spoken(letter)) == squeezed(letter.text)


def test_long_values_never_make_a_long_acknowledgment() -> None:
    """Four-byte characters in every field: the advice goes first, the promise stays."""
    long = "😀" * 1000
    facts = some_facts(category=long, advice=long, urgent=long, holiday=long, hours=long, desk=long)

    letter = RENDERER.render(a_notice(subject=long, promise=a_promise(Hours.HOLIDAY)), facts)

    assert len(letter.text.encode()) <= TEXT_BYTES
    assert "FL-1042" in letter.text
    assert facts.due in letter.text


def test_a_persons_words_are_long_and_keep_their_lines() -> None:
    """TEAM and REPLY carry a body; it is bounded, said literally, and set as it was written."""
    text = "  indented: yes\n\n\nthree lines on\n" + "x" * 300_000

    letter = RENDERER.render(a_notice(TEAM, text=text), some_facts())

    assert "  indented: yes\n\n\nthree lines on\n" in letter.text
    assert "\n[…]" in letter.text
    assert len(letter.text) < 210_000
    assert "white-space:pre-wrap" in letter.html


def test_a_team_notice_without_words_has_no_hole() -> None:
    """An unreadable mail has no text to show; the facts and the attachment speak."""
    letter = RENDERER.render(a_notice(TEAM, text=""), some_facts())

    assert letter.trouble == ""
    assert "\n\n\n" not in letter.text


def overridden(tmp_path: Path, name: str, text: str) -> Renderer:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return Renderer(tmp_path)


def test_an_admin_overrides_by_file_name(tmp_path: Path) -> None:
    """The text is theirs, the shipped layout sets it, and other languages stay."""
    renderer = overridden(
        tmp_path, "en/acknowledgment.txt.j2", "Subject: Hi\n\nTake {{ reference }}.\n\n  By: {{ due }}\n"
    )

    letter = renderer.render(a_notice(echo_subject=False), some_facts())

    assert renderer.problems == ()
    assert letter.text == f"Take FL-1042.\n\n  By: {some_facts().due}\n"
    assert letter.subject == "[FL-1042] Hi"
    assert "<strong>FL-1042</strong>" in letter.html
    assert "Guten Tag" in renderer.render(a_notice(), some_facts("de")).text


def test_an_admin_brings_a_language_and_a_layout(tmp_path: Path) -> None:
    """A new folder is a new language; `<language>/<kind>.html.j2` replaces the setting of one letter, escaped."""
    overridden(tmp_path, "pl/acknowledgment.txt.j2", "Dziękujemy: {{ reference }}\n")
    renderer = overridden(tmp_path, "pl/acknowledgment.html.j2", "<b>{{ subject }}</b>")

    letter = renderer.render(a_notice(subject="<i>"), some_facts("pl"))

    assert letter.language == "pl"
    assert letter.text == "Dziękujemy: FL-1042\n"
    assert letter.html == "<b>Re: [FL-1042] &lt;i&gt;</b>"


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{{ referenz }}", "'referenz' is undefined"),
        ("{% if %}", "en/acknowledgment.txt.j2:1"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{% for x in range(9) %}{% endfor %}", "range"),
        ("{{ 'x' * 100000 }}", "more than"),
        ("{{ 'x' * 3000 }}", "larger than"),
        ("{% include 'nothing.j2' %}", "nothing.j2"),
        ("{{ detail[7] }}", "no element 7"),
    ],
)
def test_a_broken_override_is_reported_and_the_shipped_letter_goes_out(
    tmp_path: Path, template: str, complaint: str
) -> None:
    """The requester never pays for a typo: `problems` at the start, `trouble` with each letter."""
    renderer = overridden(tmp_path, "en/acknowledgment.txt.j2", template)

    letter = renderer.render(a_notice(), some_facts())

    assert letter.text == RENDERER.render(a_notice(), some_facts()).text
    assert complaint in letter.trouble
    assert any(complaint in problem for problem in renderer.problems)


def test_an_override_that_loses_a_persons_words_is_not_used(tmp_path: Path) -> None:
    """An agent's answer without the answer must not go out."""
    renderer = overridden(tmp_path, "en/reply.txt.j2", "Regards, {{ desk }}")

    letter = renderer.render(a_notice(REPLY), some_facts())

    assert "It broke." in letter.text
    assert "leaves out" in letter.trouble


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_digest_is_about_no_ticket(language: str) -> None:
    """It has words of its own for a subject, no tag, and carries its list literally."""
    notice = a_notice(DIGEST, echo_subject=False, subject="", promise=None, text="1  <b>x</b>\n2  y")
    letter = RENDERER.render(notice, Facts(desk="Example Help Desk", reference="", language=language))

    assert letter.trouble == ""
    assert letter.subject
    assert "[" not in letter.subject
    assert "1  <b>x</b>\n2  y" in letter.text
    assert "<b>x" not in letter.html


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_team_notice_offers_orders_as_links(language: str) -> None:
    """Each order is a mail to the signed address with the order as its text, in both parts."""
    notice = a_notice(TEAM, orders=("#take", "#category network"))
    facts = RENDERER.facts(
        notice, policy=a_policy(), desk=a_desk(), reference="FL-1042", reply_to=Address("help+T.x", "example.com")
    )
    letter = RENDERER.render(notice, replace(facts, language=language))

    url = "mailto:help+T.x@example.com?subject=%5BFL-1042%5D&body=%23category%20network"
    assert letter.trouble == ""
    assert url in letter.text
    assert f'href="{url.replace("&", "&amp;")}"' in letter.html


@pytest.mark.parametrize("kind", ON_A_TICKET)
def test_without_any_working_template_there_is_still_an_answer(
    kind: NoticeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last resort is a sentence in Python, in the reader's language."""
    renderer = Renderer()
    monkeypatch.setattr("daemon.render._LAYOUT", "gone.html.j2")

    letter = renderer.render(a_notice(kind), some_facts("de"))

    assert "gone.html.j2" in letter.trouble
    assert letter.subject.startswith(("Re: [FL-1042]", "[FL-1042]"))
    assert letter.html == ""
    if kind in {ACK, TTR}:
        assert "FL-1042" in letter.text
        assert "Dienstag, 24. November" in letter.text
    else:
        assert letter.text == "It broke.\n\nReally.\n"


def test_an_override_that_is_no_text_stops_the_start(tmp_path: Path) -> None:
    """Misconfigured names the file."""
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "team.txt.j2").write_bytes(b"\xff\xfe")

    with pytest.raises(Misconfigured, match=r"team\.txt\.j2"):
        Renderer(tmp_path)


def test_facts_speak_the_letters_language() -> None:
    """Category, advice, hours, urgent path and instant come in the notice's language, or in the desk's."""
    policy = a_policy(
        categories=(
            Category(
                name="printing",
                titles=(("en", "Printing"), ("de", "Drucken")),
                advice=(("de", "Aus- und einschalten."),),
            ),
        ),
        calendars=(("office", OFFICE),),
    )
    desk = replace(policy.desks[0], languages=("de", "fr"), urgent_path=(("en", "call"), ("de", "anrufen")))

    facts = RENDERER.facts(a_notice(category="printing", language="de-AT"), policy=policy, desk=desk, reference="FL-1")
    foreign = RENDERER.facts(a_notice(category="printing", language="xx"), policy=policy, desk=desk, reference="FL-1")
    unsure = RENDERER.facts(a_notice(category=TRIAGE, language="de"), policy=policy, desk=desk, reference="FL-1")

    assert facts.language == foreign.language == "de"
    assert (facts.category, facts.advice, facts.urgent) == ("Drucken", "Aus- und einschalten.", "anrufen")
    assert facts.due == "Dienstag, 24. November, 10:00 Uhr (MEZ)"
    assert facts.hours == "Montag bis Freitag 8:00–12:00 Uhr und 13:00–17:30 Uhr"
    assert (unsure.category, unsure.advice) == ("", "")


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Tuesday 1 December, 10:00 (CET)"),
        ("de", "Dienstag, 1. Dezember, 10:00 Uhr (MEZ)"),
        ("fr", "mardi 1er décembre à 10h00 (CET)"),
        ("es", "martes 1 de diciembre, 10:00 h (CET)"),
        ("pt-BR", "terça-feira, 1 de dezembro, 10h00 (CET)"),
        ("nl", "dinsdag 1 december, 10:00 uur (CET)"),
        ("it", "martedì 1 dicembre, ore 10:00 (CET)"),
        ("sv", "tisdag den 1 december kl. 10:00 (CET)"),
        ("xx", "Tuesday 1 December, 10:00 (CET)"),
    ],
)
def test_instants_in_words(language: str, said: str) -> None:
    """Weekday, date, time and zone, as people write them."""
    assert say_instant(datetime(2026, 12, 1, 9, 0, tzinfo=UTC), "Europe/Berlin", language) == said


@pytest.mark.parametrize(
    ("zone", "at", "said"),
    [
        ("Europe/Berlin", "2026-07-01T08:00", "(CEST)"),
        ("America/Sao_Paulo", "2026-07-01T08:00", "(UTC−3)"),
        ("Asia/Kathmandu", "2026-07-01T08:00", "(UTC+5:45)"),
        ("UTC", "2026-07-01T08:00", "(UTC)"),
    ],
)
def test_zones_in_words(zone: str, at: str, said: str) -> None:
    """The zone's letters, or its distance from UTC where it has none."""
    assert say_instant(datetime.fromisoformat(at).replace(tzinfo=UTC), zone, "en").endswith(said)


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ({day: ["08:00-17:00"] for day in range(5)}, "Monday to Friday 8:00–17:00"),
        ({0: ["08:00-12:00"], 1: ["08:00-12:00"]}, "Monday and Tuesday 8:00–12:00"),
        (
            {2: ["08:00-12:30", "13:00-17:00"], 5: ["9:00-24:00"]},
            "Wednesday 8:00–12:30 and 13:00–17:00; Saturday 9:00–24:00",
        ),
        ({day: ["00:00-24:00"] for day in range(7)}, "around the clock, every day"),
        ({0: ["08:00-10:00", "09:30-12:00"]}, "Monday 8:00–12:00"),
        ({}, ""),
    ],
)
def test_hours_in_words(hours: dict[int, list[str]], said: str) -> None:
    """Equal days are said together, windows that touch are one."""
    calendar = from_parts(name="x", zone="UTC", hours=hours, holidays=[(date(2026, 12, 25), "Christmas Day")])

    assert hours_in_words(calendar, "en") == said


@pytest.mark.parametrize(
    ("wanted", "default", "chosen"),
    [
        ("fr", "de", "fr"),
        ("fr-CA", "de", "fr"),
        ("FR_ca", "de", "fr"),
        ("xx", "de", "de"),
        ("xx", "yy", "en"),
        ("", "", "en"),
    ],
)
def test_languages_fall_back(wanted: str, default: str, chosen: str) -> None:
    """Wanted, its base, the desk's, English."""
    assert choose(wanted, default, ("en", "de", "fr")) == chosen
    assert in_language((("en", "en"), ("de", "de"), ("fr", "fr")), wanted, default) == chosen
    assert in_language((("it", "solo"),), wanted, default) == "solo"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_plain_letter_needs_nothing(language: str) -> None:
    """Reference, desk and instant, in every language."""
    assert all(part in plain_letter("FL-1", "Desk", "tomorrow", language) for part in ("FL-1", "Desk", "tomorrow"))


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        *(("#1c2127", "#ffffff"), ("#4a5563", "#f1f4f8"), ("#1c2127", "#f1f4f8")),
        *(("#eceef1", "#16181c"), ("#b9c1cc", "#23272e"), ("#eceef1", "#23272e")),
    ],
)
def test_the_colours_can_be_read(ink: str, paper: str) -> None:
    """WCAG 2.2 §1.4.3: contrast of at least 4.5 in light and in dark; the colours are those of the layout."""
    light, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
    layout = (folder("templates") / "letter.html.j2").read_text("utf-8")

    assert (light + 0.05) / (dark + 0.05) >= 4.5
    assert ink in layout
    assert paper in layout


def test_the_html_fetches_nothing_and_is_large_enough() -> None:
    """No image, link, script or address of the web; every font size is at least 16 px; both schemes are named."""
    for kind in NoticeKind:
        page = RENDERER.render(a_notice(kind), some_facts()).html

        assert not re.search(r"<img|<a |<link|<script|https?:|url\(|src=|@import", page)
        assert all(int(size) >= 16 for size in re.findall(r"font-size:(\d+)px", page))
        assert '<meta name="color-scheme" content="light dark">' in page
