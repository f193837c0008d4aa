"""What requesters order by mail, through the running daemon and the relay, in eight languages."""

from __future__ import annotations

import email
import email.policy
import re
import smtplib
import sqlite3
from contextlib import closing
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.e2e.stage import CHEAP, Stage, wait_for

AGENT = "agent@desk.example"
HELP = "help@desk.example"
AUTH = "mx.desk.example; dmarc=pass header.from={domain}"
OPEN = """
[calendar.office]
hours = { daily = ["00:01-24:00"] }
holidays = []
[survey]
delay = "1s"
[follow]
merge = "1s"
ask_on_close = true
[tier.1]
cost_per_hour = 30.0
managers = ["boss@desk.example"]
"""
GUARDS = '\n[guards]\ntrusted_authserv_ids = ["mx.desk.example"]\n'


@pytest.fixture
def desk(stage: Stage) -> Stage:
    """A running desk with one agent, open around the clock, and a trusted authserv-id."""
    text = stage.config.read_text().replace("[team.service-desk]\n", f'[team.service-desk]\nmembers = ["{AGENT}"]\n')
    stage.config.write_text(text + GUARDS + CHEAP + OPEN)
    stage.start()
    return stage


def send(stage: Stage, sender: str, to: str, body: str, *, proven: bool = True, **fields: str) -> None:
    """One mail as the MTA in front hands it in: with its own verdict on top when the sender was authentic."""
    mail = EmailMessage(policy=email.policy.SMTP)
    if proven:
        mail["Authentication-Results"] = AUTH.format(domain=sender.partition("@")[2])
    mail["From"], mail["To"] = sender, to
    mail["Subject"] = fields.pop("subject", "Locked out")
    mail["Message-ID"] = fields.pop("message_id")
    for name, value in fields.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(body)
    with smtplib.SMTP("127.0.0.1", stage.smtp_port, timeout=20) as client:
        client.sendmail(sender, [to], mail.as_bytes())


def answer(stage: Stage, sender: str, to_mail: EmailMessage, body: str, number: str, *, proven: bool = True) -> None:
    """A reply in an ordinary client."""
    send(
        stage,
        sender,
        to_mail["Reply-To"].addresses[0].addr_spec,
        body,
        proven=proven,
        message_id=f"<{number}@{sender.partition('@')[2]}>",
        subject=f"Re: {to_mail['Subject']}",
        In_Reply_To=str(to_mail["Message-ID"]),
        References=str(to_mail["Message-ID"]),
    )


def click(stage: Stage, sender: str, url: str, number: str, body: str = "", *, proven: bool = True) -> None:
    """What a mail program makes of a mailto: URL."""
    parts = urlsplit(url)
    subject = parse_qs(parts.query)["subject"][0]
    send(
        stage,
        sender,
        unquote(parts.path),
        body,
        proven=proven,
        message_id=f"<{number}@{sender.partition('@')[2]}>",
        subject=subject,
    )


def received(stage: Stage, address: str, count: int) -> list[EmailMessage]:
    """The mails that arrived for `address`, once there are `count`."""
    wait_for(lambda: len(stage.sink.to(address)) >= count, stage.tail)
    return [email.message_from_bytes(raw, policy=email.policy.default) for raw in stage.sink.to(address)]


def words(mail: EmailMessage) -> str:
    return mail.get_body(("plain",)).get_content()


def links(mail: EmailMessage) -> list[str]:
    return re.findall(r"mailto:\S+", words(mail))


def opened(stage: Stage, user: str, body: str = "My account is locked, please help me.") -> EmailMessage:
    """A request of `user`; its acknowledgment."""
    send(stage, user, HELP, body, message_id=f"<first.{user}>")
    return received(stage, user, 1)[0]


def status(stage: Stage, user: str) -> str:
    return stage.rows(f"SELECT status FROM ticket WHERE requester_key = '{user}' ORDER BY id LIMIT 1")[0][0]


LANGUAGES = {
    "en": ("My account is locked and I cannot log in to the portal.", "Solved, thanks!", "yes", "Any news?"),
    "de": ("Mein Konto ist gesperrt und ich kann mich nicht anmelden.", "Hat sich erledigt, danke!", "Ja", "Stand?"),
    "fr": ("Mon compte est bloqué et je ne peux plus me connecter.", "C'est réglé, merci !", "oui", "Des nouvelles ?"),
    "es": ("Mi cuenta está bloqueada y no puedo entrar en el portal.", "Ya funciona, gracias", "sí", "¿Hay novedades?"),
    "pt": ("A minha conta está bloqueada e não consigo entrar.", "Já está resolvido, obrigada", "sim", "Há novidades?"),
    "nl": ("Mijn account is geblokkeerd en ik kan niet inloggen.", "Opgelost, bedankt!", "ja", "Is er al nieuws?"),
    "it": ("Il mio account è bloccato e non riesco ad accedere.", "Risolto, grazie", "sì", "Ci sono novità?"),
    "sv": ("Mitt konto är låst och jag kan inte logga in på portalen.", "Det är löst, tack", "ja", "Hur går det?"),
}


def test_in_eight_languages_a_request_is_asked_about_and_closed(desk: Stage):
    """Status is told, "solved, thanks" is answered by a question, and only the yes closes."""
    users = {code: f"ada.{code}@campus-{code}.example" for code in LANGUAGES}
    for code, user in users.items():
        ack = opened(desk, user, LANGUAGES[code][0])
        assert ack["Content-Language"] == code
        answer(desk, user, ack, LANGUAGES[code][3], f"s.{code}")
    for code, user in users.items():
        told = received(desk, user, 2)[1]
        assert told["Content-Language"] == code
        assert told["Auto-Submitted"] == "auto-replied"
        assert "FL-1" in words(told)
        said = desk.rows(
            f"SELECT said FROM promise p JOIN ticket t ON t.id = p.ticket_id AND t.requester_key = '{user}'"
        )
        assert said[0][0] in words(told)
        assert status(desk, user) == "new"
        answer(desk, user, told, LANGUAGES[code][1], f"d.{code}")
    for code, user in users.items():
        question = received(desk, user, 3)[2]
        assert question["Content-Language"] == code
        assert status(desk, user) == "new"
        if code in {"en", "de", "fr", "es"}:
            answer(desk, user, question, LANGUAGES[code][2], f"y.{code}")
        else:
            click(desk, user, links(question)[0], f"y.{code}")
    for user in users.values():
        wait_for(lambda user=user: status(desk, user) == "closed", desk.tail)
        assert len(desk.sink.to(user)) == 3
    assert desk.rows("SELECT DISTINCT close_reason FROM ticket") == [("the requester confirmed that it is solved",)]
    assert any("confirmed that it is solved" in words(mail) for mail in received(desk, AGENT, 24))
    desk.audit()


def test_nothing_closes_without_proof_or_yes(desk: Stage):
    """A forged "solved" asks nobody; a yes to nothing is a follow-up; a forged click on a real link is kept aside."""
    ack = opened(desk, "bea@campus.example")
    send(
        desk,
        "bea@campus.example",
        HELP,
        "Solved, thanks",
        proven=False,
        message_id="<forged@x.example>",
        subject=f"Re: {ack['Subject']}",
        References=str(ack["Message-ID"]),
    )
    answer(desk, "bea@campus.example", ack, "yes", "early")
    desk.settle()
    assert len(desk.sink.to("bea@campus.example")) == 1
    assert status(desk, "bea@campus.example") == "new"

    answer(desk, "bea@campus.example", ack, "Problem solved, thank you.", "done")
    question = received(desk, "bea@campus.example", 2)[1]
    click(desk, "mallory@elsewhere.example", links(question)[0], "stolen")
    desk.settle()
    assert status(desk, "bea@campus.example") == "new"
    assert desk.rows("SELECT outcome, reason FROM inbound ORDER BY id DESC LIMIT 1") == [("keep", "order-of-another")]
    assert desk.count("SELECT count(*) FROM ticket") == 1


def test_news_are_stopped_by_the_header_and_answers_still_come(desk: Stage):
    """List-Unsubscribe of the acknowledgment: the ticket is mute, the mail opens nothing, an agent's words go out."""
    user = "cem@campus.example"
    ack = opened(desk, user)
    click(desk, user, ack["List-Unsubscribe"].strip("<>"), "off", body="This mail was made by a program.", proven=False)
    wait_for(lambda: desk.rows("SELECT muted FROM ticket") == [(1,)], desk.tail)
    team = received(desk, AGENT, 1)[0]
    answer(desk, AGENT, team, "Please try the new password.", "a1")
    assert "new password" in words(received(desk, user, 2)[1])
    assert desk.count("SELECT count(*) FROM ticket") == 1


def test_his_data_go_to_the_proven_requester_once_a_day(desk: Stage):
    """Own mails and answers as a text file; no notes, no orders, nobody else's; unproven is a note for the team."""
    user = "dee@campus.example"
    opened(desk, "eve@other.example", "A secret of somebody else.")
    ack = opened(desk, user, "Canary of my own.")
    team = next(mail for mail in received(desk, AGENT, 2) if "Canary" in words(mail))
    answer(desk, AGENT, team, "#take\n#time 5m\n\nHere is the canary's cage.", "a1")
    answer(desk, AGENT, team, "#note\nAn internal canary.", "a2")
    reply = received(desk, user, 2)[1]
    answer(desk, user, reply, "Please send me my data", "d0", proven=False)
    desk.settle()
    assert len(desk.sink.to(user)) == 3 or "not proven" in words(received(desk, AGENT, 4)[-1])

    send(desk, user, ack["Reply-To"].addresses[0].addr_spec, "my data", message_id="<d1@campus.example>")
    wait_for(lambda: any(b"data.txt" in raw for raw in desk.sink.to(user)), desk.tail)
    letter = next(mail for mail in received(desk, user, 3) if list(mail.iter_attachments()))
    (listing,) = (part.get_content() for part in letter.iter_attachments())
    assert "Canary of my own." in listing
    assert "the canary's cage" in listing
    for secret in ("internal canary", "#take", AGENT, "somebody else"):
        assert secret not in listing
    send(desk, user, ack["Reply-To"].addresses[0].addr_spec, "my data", message_id="<d2@campus.example>")
    desk.settle()
    assert sum(b"data.txt" in raw for raw in desk.sink.to(user)) == 1
    assert any("within a day" in words(mail) for mail in received(desk, AGENT, 5))
    desk.audit()


def test_a_data_request_without_a_ticket_is_one_and_is_answered(desk: Stage):
    """Subject "Meine Daten" alone: a ticket, its acknowledgment, and the data."""
    send(desk, "ida@campus.example", HELP, "", message_id="<x@campus.example>", subject="Auskunft über meine Daten")
    mails = received(desk, "ida@campus.example", 2)
    assert sum(bool(list(mail.iter_attachments())) for mail in mails) == 1
    assert desk.rows("SELECT status FROM ticket") == [("new",)]
    desk.audit()


def test_how_it_went_is_asked_once_and_answered_with_a_click(desk: Stage):
    """One question after the solution; score and words on the ticket, in `status` and `explain`; nobody else votes."""
    user = "fay@campus.example"
    opened(desk, user)
    team = received(desk, AGENT, 1)[0]
    answer(desk, AGENT, team, "#close\n#time 30m\n\nYour account is open again.", "a1")
    wait_for(
        lambda: any("mailto" in words(mail) and "5 –" in words(mail) for mail in received(desk, user, 2)), desk.tail
    )
    survey = next(mail for mail in received(desk, user, 3) if "5 –" in words(mail))
    good, *_, bad = links(survey)
    assert len(links(survey)) == 5

    click(desk, "mallory@elsewhere.example", bad, "m1", body="Fie!")
    click(desk, user, bad, "v1", body="It took two days.\n\nFay", proven=False)
    wait_for(lambda: desk.rows("SELECT score, words FROM opinion") == [(1, "It took two days.\n\nFay")], desk.tail)
    click(desk, user, good, "v2", proven=False)
    wait_for(lambda: desk.rows("SELECT score FROM opinion") == [(5,)], desk.tail)
    assert status(desk, user) == "solved"
    assert any("It took two days." in words(mail) and "1/5" in words(mail) for mail in received(desk, AGENT, 3))
    assert desk.count("SELECT count(*) FROM ticket") == 1

    said = desk.run("status", "--json").stdout
    assert '"scores": [[5, 1]]' in said
    assert '"cost": {"currency": "EUR", "month": 15.0}' in said
    told = desk.run("explain", "FL-1001").stdout
    assert "5/5" in told
    assert f"time     {AGENT}, tier 1: 30m, 15.00 EUR" in told

    send(desk, user, HELP, "The printer is silent as well.", message_id="<second@campus.example>", subject="Printer")
    wait_for(lambda: desk.count("SELECT count(*) FROM ticket") == 2, desk.tail)
    second = next(
        mail for mail in received(desk, AGENT, 4) if "printer" in words(mail) and "FL-1002" in mail["Subject"]
    )
    answer(desk, AGENT, second, "#close\n\nIt prints.", "a2")
    asked = (
        "SELECT count(*) FROM journal WHERE name IN ('clock.passed', 'requester.surveyed') AND facts LIKE '%survey%'"
    )
    wait_for(lambda: desk.count(asked) == 2, desk.tail)
    assert desk.count("SELECT count(*) FROM outbox WHERE kind = 'survey'") == 1
    desk.audit()


def test_a_stranger_is_never_asked_how_it_went(desk: Stage):
    """An address that was never proven gets no survey."""
    user = "gil@campus.example"
    send(desk, user, HELP, "Locked out again, sorry.", message_id="<g@campus.example>", proven=False)
    team = received(desk, AGENT, 1)[0]
    answer(desk, AGENT, team, "#close\n\nDone.", "a1")
    passed = "SELECT count(*) FROM journal WHERE name = 'clock.passed' AND facts LIKE '%not proven%'"
    wait_for(lambda: desk.count(passed) == 1, desk.tail)
    assert desk.count("SELECT count(*) FROM outbox WHERE kind = 'survey'") == 0


def test_cause_and_resolution_are_asked_of_the_agent_once(desk: Stage):
    """`#close` alone: one mail to the agent; with both said there is none; `explain` shows them."""
    opened(desk, "hal@campus.example")
    team = received(desk, AGENT, 1)[0]
    answer(desk, AGENT, team, "#close no longer needed", "a1")
    wait_for(lambda: any("without a cause" in words(mail) for mail in received(desk, AGENT, 2)), desk.tail)
    asked = next(mail for mail in received(desk, AGENT, 3) if "without a cause" in words(mail))
    answer(desk, AGENT, asked, "#cause password expired\n#resolution set a new one", "a2")
    wait_for(
        lambda: desk.rows("SELECT cause, resolution FROM ticket") == [("password expired", "set a new one")], desk.tail
    )
    told = desk.run("explain", "FL-1001").stdout
    assert "cause: password expired" in told
    assert "resolution: set a new one" in told
    assert status(desk, "hal@campus.example") == "solved"
    assert sum("without a cause" in words(mail) for mail in received(desk, AGENT, 4)) == 1
    assert '"causes": [["password expired", 1]]' in desk.run("status", "--json").stdout


def test_the_agenda_comes_at_the_opening(desk: Stage):
    """A day later (its mark moved back) the agent hears what the day holds; the manager hears of the week."""
    opened(desk, "ian@campus.example")
    received(desk, AGENT, 1)
    marks = "SELECT count(*) FROM meta WHERE key LIKE 'agenda:%' OR key LIKE 'report:%'"
    wait_for(lambda: desk.count(marks) == 3, desk.tail)
    desk.stop()
    with closing(sqlite3.connect(desk.database)) as db, db:
        for (key,) in db.execute(marks.replace("count(*)", "key")).fetchall():
            first = "2020-W01" if key.startswith("report") else "2020-01-01"
            db.execute("UPDATE meta SET value = ? WHERE key = ?", (f"{first} 0 2020-01-01T00:00:00+00:00", key))
    desk.start()

    wait_for(lambda: any("Nobody has it" in words(mail) for mail in received(desk, AGENT, 1)), desk.tail)
    agenda = next(mail for mail in received(desk, AGENT, 2) if "Nobody has it" in words(mail))
    assert "FL-1001" in words(agenda)
    assert agenda["Auto-Submitted"] == "auto-generated"
    assert "Opened: 1" in words(received(desk, "boss@desk.example", 1)[0])
    desk.audit()
