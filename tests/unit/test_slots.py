"""Letters that are filled instead of rendered: the same to the character, or not filled at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.address import Address
from daemon.core.letter import Facts, Letter
from daemon.core.notice import NEWS, Notice, NoticeKind
from daemon.core.sla import Hours, Promise
from daemon.languages import LANGUAGES, say_instant
from daemon.render import Renderer, samples
from daemon.slots import place, read

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PROMISE = Promise(due_at=AT, zone="Europe/Berlin", calendar="office", target=timedelta(hours=4), hours=Hours.OPEN)
KINDS = (
    NoticeKind.ACKNOWLEDGMENT,
    NoticeKind.TEAM,
    NoticeKind.TIME_TO_RESPOND,
    NoticeKind.REMINDER,
    NoticeKind.RECEIPT,
    NoticeKind.REPLY,
    NoticeKind.STATUS,
)
WORDED = {NoticeKind.TEAM, NoticeKind.RECEIPT, NoticeKind.REPLY}
LINKS = (("#take", "mailto:help+t@desk.example?subject=%5BFL-1042%5D&body=%23take"), ("#close", "mailto:a@b?body=x"))


def a_notice(kind: NoticeKind = NoticeKind.ACKNOWLEDGMENT, **over: object) -> Notice:
    values: dict[str, object] = {
        "kind": kind,
        "to": Address("jo", "example.org"),
        "to_name": "Jo Doe",
        "promise": PROMISE,
        "echo_subject": True,
        "subject": "Printer is silent",
        "text": "It broke.\n\nReally." if kind in WORDED else "",
        "detail": (("from", "Jo Doe <jo@example.org>"), ("priority", "P2")) if kind is NoticeKind.TEAM else (),
        "tier": "Service desk" if kind is NoticeKind.STATUS else "",
        "closes_at": AT if kind is NoticeKind.STATUS else None,
        "previous_promise": PROMISE if kind is NoticeKind.TIME_TO_RESPOND else None,
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
        "hours": "8 to 17",
        "urgent": "+49 30 1234",
        "advice": "Turn it off and on again.",
    }
    return Facts(**{**values, **over})  # type: ignore[arg-type]


class Anew(Renderer):
    """Renders every letter from its template."""

    def _filled(self, *_: object) -> None:
        return None


RENDERER, ANEW = Renderer(), Anew()


def both(notice: Notice, facts: Facts) -> tuple[Letter, Letter]:
    """Filled from a form that other values have made, and rendered anew."""
    RENDERER.render(replace(notice, subject="Other" if notice.subject else ""), replace(facts, reference="FL-9"))
    return RENDERER.render(notice, facts), ANEW.render(notice, facts)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_shipped_letter_is_the_same_filled(language: str, kind: NoticeKind) -> None:
    """With and without each of the values that come and go."""
    some = some_facts(language)
    for echo, certain, promised, linked, named, urgent in product((True, False), repeat=6):
        notice = a_notice(kind, echo_subject=echo, certain=certain, promise=PROMISE if promised else None)
        facts = replace(
            some,
            due=some.due if promised else "",
            links=LINKS if linked else (),
            name="Zoë & Söhne" if named else "",
            urgent=some.urgent if urgent else "",
        )

        filled, anew = both(notice, facts)

        assert filled == anew
        assert not filled.trouble


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [NoticeKind.REMINDER, NoticeKind.STATUS])
def test_every_news_is_the_same_filled(language: str, kind: NoticeKind) -> None:
    """Each alone and all at once, with each clock that a reminder may name."""
    some = replace(some_facts(language), closes=say_instant(AT, "UTC", language), tier="Second tier", reason="no")
    for clock in ("first_response", "next_update", "resolution", "ola", "vendor_response", "approval", "other", ""):
        for news in (NEWS, *((each,) for each in NEWS)):
            detail = (("clock", clock), ("agent", "ann@desk.example"), ("tier", "2"), ("other", "x"))
            notice = a_notice(kind, news=news, detail=detail if kind is NoticeKind.REMINDER else ())

            filled, anew = both(notice, some)

            assert filled == anew
            assert not filled.trouble


text = st.text(max_size=60) | st.sampled_from(
    ["FL-1042", "<b>", "a\n\nb", "[x](mailto:y)", "Subject: x", "{{ due }}", " "]
)


values = st.fixed_dictionaries(dict.fromkeys(("subject", "name", "words", "due", "value", "reference", "desk"), text))


@given(value=values)
def test_no_value_makes_a_difference(value: dict[str, str]) -> None:
    """Whatever a mail or a configuration says, a filled letter is what its template would have said."""
    for kind in KINDS:
        detail = (("from", value["value"]), ("category", "x"))
        notice = a_notice(kind, subject=value["subject"], text=value["words"], detail=detail)
        named = {each: value[each] for each in ("name", "due", "desk")}
        facts = some_facts(**named, reference=value["reference"] or "FL-1")

        filled, anew = both(notice, facts)

        assert filled == anew


@pytest.mark.parametrize("where", ["subject", "name", "due"])
def test_a_value_that_repeats_the_reference_is_set_as_ever(where: str) -> None:
    """What is set strongly is found by its words, also inside another value."""
    facts = some_facts(**({} if where == "subject" else {where: "about FL-1042"}))
    notice = a_notice(subject="about FL-1042" if where == "subject" else "x")

    filled, anew = both(notice, facts)

    assert filled == anew


def test_an_override_is_never_filled(tmp_path: Path) -> None:
    """An admin's template may do anything with a value."""
    folder = tmp_path / "en"
    folder.mkdir()
    (folder / "acknowledgment.txt.j2").write_text("{% if name == 'Jo Doe' %}It is {{ name | upper }}{% endif %}")
    mine = Renderer(tmp_path)

    first = mine.render(a_notice(to_name="Al"), some_facts(name="Al"))
    second = mine.render(a_notice(), some_facts())

    assert (first.text.strip(), second.text.strip()) == ("", "It is JO DOE")


def test_places_are_found_and_filled() -> None:
    """Also at both ends, and twice."""
    slotted = read(f"{place('a')} and {place('b')}{place('a')}")

    assert slotted.names == ("a", "b", "a")
    assert slotted.fill({"a": "1", "b": "2"}) == "1 and 21"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", NoticeKind)
def test_no_letter_shows_how_a_link_is_written(language: str, kind: NoticeKind) -> None:
    """In every branch of the template a link is a link."""
    for notice, facts in samples(kind, language):
        letter = ANEW.render(notice, replace(facts, links=LINKS, urgent=""))

        assert "](mailto" not in letter.text + letter.html
