"""Labels: one counts, the rest is history; grounds have a strength; what is corrected, disputed, unlabelled."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from arrange import a_ticket_in
from builders import NOW
from sqlalchemy import Connection

from classifier.types import Band, Prediction
from daemon.store import labels
from daemon.store.labels import Imported, Provenance, Said

LATER = NOW + timedelta(hours=1)


def said(category: str = "access", provenance: Provenance = Provenance.AGENT, by: str = "agent@example.com") -> Said:
    return Said(category=category, provenance=provenance, by=by)


def a_mail(tx: Connection, number: int = 1, *, now: datetime = NOW, **over: object) -> int:
    """The inbound id of a mail that opened a ticket."""
    a_ticket_in(tx, message_id=f"<{number}@example.org>", subject=f"Trouble {number}", now=now, **over)
    return int(tx.exec_driver_sql("SELECT max(id) FROM inbound").scalar_one())


def imported(tx: Connection, text: str, category: str = "access", sender: str = "") -> int | None:
    """An imported label."""
    words = Imported(subject="S", text=text, sender=sender)
    return labels.record_import(tx, said(category, Provenance.IMPORT, ""), words, now=NOW)


def test_a_label_carries_the_mails_own_words(tx: Connection) -> None:
    """Text, sender, language and ticket come from the mail; nothing is copied."""
    mail = a_mail(tx)

    label_id = labels.record(tx, said(), inbound_id=mail, now=LATER)

    (label,) = labels.current(tx)
    assert (label.id, label.inbound_id, label.said) == (label_id, mail, said())
    assert (label.subject, label.text) == ("Trouble 1", "The printer on the second floor says PC LOAD LETTER.")
    assert (label.sender, label.reference, label.at, label.mail_at) == ("jo@example.org", "FL-1001", LATER, NOW)
    assert tx.exec_driver_sql("SELECT text FROM label").scalar_one() == ""


def test_the_newer_word_counts_and_the_older_stays(tx: Connection) -> None:
    """A correction of a correction."""
    mail = a_mail(tx)
    labels.record(tx, said("access"), inbound_id=mail, now=NOW)

    labels.record(tx, said("hardware", by="other@example.com"), inbound_id=mail, now=LATER)

    assert [label.said.category for label in labels.current(tx)] == ["hardware"]
    ((newest, oldest),) = labels.disputed(tx)
    assert (newest.said.category, newest.counts) == ("hardware", True)
    assert (oldest.said.by, oldest.counts) == ("agent@example.com", False)


@pytest.mark.parametrize("weaker", [Provenance.AGENT, Provenance.CLOSING])
def test_a_weaker_ground_does_not_replace_a_stronger(tx: Connection, weaker: Provenance) -> None:
    """A closing code does not overrule a review; the dispute is seen."""
    mail = a_mail(tx)
    labels.record(tx, said("hardware", Provenance.REVIEW), inbound_id=mail, now=NOW)

    labels.record(tx, said("access", weaker), inbound_id=mail, now=LATER)

    assert [label.said.category for label in labels.current(tx)] == ["hardware"]
    assert len(labels.disputed(tx)) == 1


def test_undo_brings_back_what_was_replaced(tx: Connection) -> None:
    """As if it had never been said; a second undo does nothing."""
    mail = a_mail(tx)
    first = labels.record(tx, said("access"), inbound_id=mail, now=NOW)
    second = labels.record(tx, said("hardware"), inbound_id=mail, now=LATER)

    assert labels.undo(tx, second)

    assert [label.id for label in labels.current(tx)] == [first]
    assert not labels.undo(tx, second)
    assert labels.undo(tx, first)
    assert list(labels.current(tx)) == []


def test_only_an_import_may_come_from_nobody(tx: Connection) -> None:
    """Whoever calls has proved who speaks."""
    mail = a_mail(tx)

    with pytest.raises(ValueError, match="somebody"):
        labels.record(tx, said(by=""), inbound_id=mail, now=NOW)


def test_an_import_twice_is_one_label(tx: Connection) -> None:
    """The same file again adds nothing; another label for the same text is a correction."""
    assert imported(tx, "one") is not None
    assert imported(tx, "one") is None
    assert imported(tx, "one", "hardware") is not None

    (label,) = labels.current(tx)
    assert (label.said.category, label.subject, label.text) == ("hardware", "S", "one")


def test_one_sender_counts_only_so_often(tx: Connection) -> None:
    """The newest of a flood; mails of nobody known are not one person's."""
    for number in range(6):
        imported(tx, f"flood {number}", sender="mallory@example.org")
        imported(tx, f"nobody {number}")

    texts = [label.text for label in labels.current(tx, per_sender=2)]

    assert [text for text in texts if text.startswith("flood")] == ["flood 5", "flood 4"]
    assert len(texts) == 8


def prediction(category: str = "hardware", band: Band = Band.AUTOMATIC, confidence: float = 0.9) -> Prediction:
    return Prediction(category=category, tier=1, kind="incident", confidence=confidence, band=band, model_id="m-1")


def with_evidence(tx: Connection, mail: int, made: Prediction) -> None:
    fields = {"category": made.category, "confidence": made.confidence, "band": made.band, "model": "m-1"}
    facts = json.dumps({"prediction": fields})
    tx.exec_driver_sql(f"UPDATE inbound SET evidence = '{facts}' WHERE id = {mail}")
    suggested = "" if made.band is Band.AUTOMATIC else made.category
    tx.exec_driver_sql(
        f"UPDATE ticket SET model_id = 'm-1', suggested = '{suggested}' "
        f"WHERE id = (SELECT ticket_id FROM inbound WHERE id = {mail})"
    )


def test_corrections_are_counted_for_the_model_that_routed(tx: Connection) -> None:
    """Of four routed mails one was wrong; a suggestion that was not taken is no correction."""
    mails = [a_mail(tx, number) for number in range(1, 6)]
    for mail in mails[:4]:
        with_evidence(tx, mail, prediction())
    with_evidence(tx, mails[4], prediction(band=Band.SUGGEST))
    labels.record(tx, said("access"), inbound_id=mails[0], now=LATER)
    labels.record(tx, said("hardware"), inbound_id=mails[1], now=LATER)
    labels.record(tx, said("access"), inbound_id=mails[4], now=LATER)

    assert labels.corrected(tx, model_id="m-1", since=NOW) == (1, 4)
    assert labels.corrected(tx, model_id="m-1", since=LATER + timedelta(hours=1)) == (0, 0)
    assert labels.corrected(tx, model_id="other", since=NOW) == (0, 0)


def test_unlabelled_mails_come_newest_first(tx: Connection) -> None:
    """What nobody has spoken of yet, with what the model saw of it."""
    mails = [a_mail(tx, number) for number in range(1, 4)]
    for mail, confidence in zip(mails, (0.9, 0.2, 0.5), strict=True):
        with_evidence(tx, mail, prediction(confidence=confidence))
    labels.record(tx, said(), inbound_id=mails[2], now=LATER)

    assert [each.inbound_id for each in labels.unlabelled(tx, limit=10)] == [mails[1], mails[0]]
    (newest,) = labels.unlabelled(tx, limit=1)
    assert (newest.confidence, newest.runner_up) == (0.2, 0.0)


def test_reviews_of_two_readers(tx: Connection) -> None:
    """Each reader's newest word, whoever's counts."""
    mail = a_mail(tx)
    for category, reader in (("access", "ann"), ("hardware", "ann"), ("access", "bob")):
        labels.record(tx, said(category, Provenance.REVIEW, reader), inbound_id=mail, now=NOW)

    assert set(labels.readings(tx)) == {(f"mail:{mail}", "ann", "hardware"), (f"mail:{mail}", "bob", "access")}
    assert labels.read_by(tx, "ann") == {f"mail:{mail}"}
    assert labels.read_by(tx, "eve") == frozenset()


def test_the_newest_human_label(tx: Connection) -> None:
    """An import is no news."""
    imported(tx, "old")
    assert labels.newest(tx) is None

    labels.record(tx, said(), inbound_id=a_mail(tx), now=LATER)

    assert labels.newest(tx) == LATER


def test_a_large_import_does_not_push_out_what_people_said(tx: Connection) -> None:
    """Within a limit people's labels come first, however old."""
    mail = a_mail(tx, 1)
    labels.record(tx, said(), inbound_id=mail, now=NOW)
    for number in range(5):
        words = Imported(text=f"archive {number}")
        labels.record_import(tx, said(provenance=Provenance.IMPORT, by=""), words, now=LATER)

    assert [label.inbound_id for label in labels.current(tx, limit=2)] == [mail, None]
