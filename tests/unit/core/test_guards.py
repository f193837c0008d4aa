"""Guards: every row of the table hits what it is for, and no ordinary mail of a person is hit by any."""

# ruff: noqa: SIM905 (a page of words reads better than a list of strings)

from __future__ import annotations

import time
from datetime import date

import pytest
from builders import HELP, KEYRING, a_desk, a_message, a_policy, an_address, an_envelope
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.address import Address
from daemon.core.envelope import Channel
from daemon.core.guards import GUARDS, Consequence, Verdict, evaluate
from daemon.core.match import find_clues
from daemon.core.message import Delivery, Report, ReportKind
from daemon.core.policy import Robot
from daemon.core.token import bounce_address, message_id
from daemon.core.trust import Trust, grade

TODAY = date(2026, 11, 23)
OWN_ID = message_id(KEYRING, "ack", 1042, 1, "example.com")
DAEMON = "Mail Delivery System <MAILER-DAEMON@mx.example.net>"
POLLED = an_envelope(channel=Channel.IMAP, reverse_path=None, reverse_path_known=False, forward_paths=())


def verdicts(message=None, envelope=None, policy=None, trust=None) -> tuple[Verdict, ...]:
    message, envelope, policy = message or a_message(), envelope or an_envelope(), policy or a_policy()
    clues = find_clues(message, envelope, policy, TODAY)
    return evaluate(message, envelope, policy, trust=trust or grade(message, envelope, policy, clues), clues=clues)


def first(message=None, envelope=None, policy=None, trust=None) -> str:
    """The name of the guard that decides, or ""."""
    found = verdicts(message, envelope, policy, trust)
    return found[0].guard if found else ""


def mail(headers=(), **over):
    return a_message(headers=headers, **over)


# --- people

PEOPLE = {
    "plain": mail(),
    "without a subject": mail(subject=""),
    "without text": mail(text=""),
    "auto-submitted no": mail({"Auto-Submitted": "no"}),
    "auto-submitted no with a comment": mail({"Auto-Submitted": "(a person) No ; really"}),
    "auto-submitted empty": mail({"Auto-Submitted": ""}),
    "exchange suppresses receipts": mail({"X-Auto-Response-Suppress": "DR, OOF, AutoReply"}),
    "exchange suppresses more": mail({"X-Auto-Response-Suppress": "DR, RN, NRN, OOF, AutoReply"}),
    "x-autoreply no": mail({"X-Autoreply": "no"}),
    "urgent": mail({"X-Priority": "1", "Importance": "High", "Precedence": "urgent"}),
    "mailer": mail({"X-Mailer": "Microsoft Outlook 16.0", "Thread-Index": "AdA=", "X-MS-Has-Attach": "yes"}),
    "newsletter tool": mail({"Feedback-ID": "1:2:3:crm", "X-Mailer": "Sendgrid"}),
    "read receipt wanted": mail({"Disposition-Notification-To": "jo@example.org"}),
    "list footer in the text": mail(
        text="See below\n> List-Unsubscribe: <x>\n> Precedence: list\n> Auto-Submitted: auto"
    ),
    "quoted bounce": mail(subject="Re: Undeliverable: offer", text="> 550 5.1.1 user unknown\nWhy?"),
    "asks about a bounce": mail(subject="Undeliverable mail to a customer", text="550 5.1.1 user unknown. Please help"),
    "asks about returned mail": mail(subject="Mail could not be delivered", text="What does it mean?"),
    "forwards a bounce": mail(subject="Fwd: Returned mail: see transcript for details", text="Reporting-MTA: dns; x"),
    "german bounce": mail(subject="Unzustellbar: was tun?", text="Meine Mail konnte nicht zugestellt werden"),
    "attached bounce": mail(content_type="multipart/mixed", report=Report(kind=ReportKind.DELIVERY)),
    "attached receipt": mail(content_type="multipart/mixed", report=Report(kind=ReportKind.DISPOSITION)),
    "a parcel": mail(
        from_="Delivery Dept <delivery@example.org>",
        subject="Delivery failed: order 7",
        text="It could not be delivered.",
    ),
    "a payment": mail(from_="Payment Gateway <gateway@example.org>", subject="Delivery report missing"),
    "an exchange admin": mail(
        from_="Exchange Team <exchange@example.org>", subject="Mail delivery problem", text="Help"
    ),
    "absence in a thread": mail(subject="Absence: three days", in_reply_to=("<x@y>",)),
    "exchange user asks about replies": mail(
        {"X-Auto-Response-Suppress": "DR, OOF, AutoReply"}, subject="Out of office: cannot switch it off"
    ),
    "verification required": mail(subject="Verification required for my account"),
    "challenge": mail(subject="Challenge: the printer"),
    "complaint": mail(subject="Complaint about message from the boss"),
    "out of office printer": mail(subject="Out of office printer"),
    "out of office: a question": mail(subject="Out of office: how do I set it up?"),
    "reply to an absence note": mail(subject="Re: Automatic reply: offer", in_reply_to=("<x@y>",)),
    "speaks of somebody's absence": mail(subject="Re: Jo is out of the office", in_reply_to=("<x@y>",)),
    "absence as a topic": mail(subject="My boss is out of the office", text="Who approves?"),
    "vacation request": mail(subject="Vacation: 3 days", in_reply_to=("<x@y>",)),
    "please confirm": mail(subject="Please confirm your order number"),
    "verification": mail(subject="Verification code does not arrive"),
    "a reply of ours quoted": mail(subject="Re: [FL-1042] Printer", references=(OWN_ID,)),
    "by the old comment form": mail(from_="jo@example.org (Jo Doe)"),
    "with a name that is an address": mail(from_='"boss@example.com" <jo@example.org>'),
    "from a list domain": mail(from_="Jo <jo@lists.example.org>"),
    "forwarded by the admin's rule": mail({"X-Loop": "help@example.com"}),
    "another's loop mark": mail({"X-Loop": "rt@example.org"}),
    "no spam": mail({"X-Spam-Flag": "NO", "X-Spam-Status": "No, score=-2.1 required=5.0", "X-Spam-Level": ""}),
    "a little spam": mail(
        {"X-Spam-Status": "Yes, score=5.4 required=5.0", "X-Spam-Flag": "YES", "X-Spam-Level": "*****"}
    ),
    "rspamd": mail({"X-Spamd-Result": "default: False [3.50 / 15.00]", "X-Rspamd-Score": "3.5"}),
    "thirty hops": mail([("Received", "from a by b")] * 30),
    "many headers": mail([(f"X-Field-{number}", "x") for number in range(900)]),
    "forged failure": mail({"Authentication-Results": "mx.evil.example; dmarc=fail header.from=example.org"}),
    "blind copy": mail(to="undisclosed-recipients:;"),
    "to the alias": mail(to="support@example.com"),
    "from a team": mail(from_="First line <first-line@example.com>"),
    "from an agent": mail(from_="Agent <agent@example.com>"),
}


@pytest.mark.parametrize("message", PEOPLE.values(), ids=PEOPLE)
def test_a_persons_mail_passes(message):
    """An ordinary mail of a person has no verdict."""
    assert verdicts(message) == ()


@pytest.mark.parametrize(
    "local",
    (
        "norman bouncer abuser rooth owner requester jo.owner daemonica postal jo-admin info admin support "
        "newsletter.jo noreen donot grooten cronin mailman.jo nobody.knows jo+list abounces replyto autumn automation"
    ).split(),
)
def test_people_with_odd_names_pass(local):
    """A local part that only looks like a daemon's is a person."""
    assert verdicts(mail(from_=f"{local}@example.org")) == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"Delivered-To": "help@example.com"},
        {"X-Original-To": "<help@example.com>"},
        {"Envelope-To": "Help <support@example.com>"},
    ],
)
def test_a_polled_mail_is_addressed_by_its_trace(fields):
    """Without an envelope the fields that the server wrote say that the mail was for us."""
    assert verdicts(mail(fields, to="friends@example.org"), POLLED) == ()


def test_a_polled_mail_to_us_passes():
    """A mailbox without envelopes serves people as well."""
    assert verdicts(mail(), POLLED) == ()


def test_group_addresses_that_feed_the_desk_pass():
    """A list of the desk's own is no list to us; by its configured id or by the desk's address."""
    group = {"List-Id": "Help desk <help.example.com>", "Precedence": "list", "List-Unsubscribe": "<mailto:x@y>"}
    other = {**group, "List-Id": "<staff.lists.example.com>"}
    policy = a_policy(desks=(a_desk(own_list_ids=("staff.lists.example.com",)),))

    assert verdicts(mail(group)) == ()
    assert verdicts(mail(other), policy=policy) == ()
    assert first(mail(other)) == "list"


# --- what is not from people

REPORT = Report(kind=ReportKind.DELIVERY, delivery=Delivery.FAILED)
HITS = {
    # hops, loops, ourselves
    "hops": ("hops", mail([("Received", "from a by b")] * 51)),
    "own mark": ("own-mark", mail({"X-Loop": "help@example.com"}, from_="help@example.com")),
    "own mark of ours": (
        "own-mark",
        mail({"X-Firstline-Loop": "<support@example.com>"}, from_="Help <HELP@example.com>"),
    ),
    "own message": ("own-message", mail(message_id=OWN_ID)),
    "self": ("self", mail(from_="help@example.com")),
    "self by alias": ("self", mail(from_="Support <Support@Example.com>")),
    "self by a reply address": ("self", mail(from_="help+T.abc@example.com")),
    # reports
    "structured report": ("delivery-report", mail(from_=DAEMON, content_type="multipart/report", report=REPORT)),
    "report by content type": (
        "delivery-report",
        mail({"Content-Type": 'multipart/report; report-type="delivery-status"; boundary=x'}),
    ),
    "report from a daemon, wrong type": (
        "delivery-report",
        mail(from_=DAEMON, content_type="multipart/mixed", report=REPORT),
    ),
    "failed recipients": ("delivery-report", mail({"X-Failed-Recipients": "jo@example.net"})),
    "daemon and subject": ("delivery-report", mail(from_=DAEMON, subject="Undelivered Mail Returned to Sender")),
    "daemon and text": ("delivery-report", mail(from_=DAEMON, subject="Hello", text="550 5.1.1 user unknown")),
    "mail system by subject only": (
        "suspected-report",
        mail(from_="System Administrator <x@example.net>", subject="Undeliverable: x", text=""),
    ),
    "daemon by name only": (
        "delivery-report",
        mail(from_="Mail Delivery Subsystem <x@example.net>", subject="failure notice", text="550 5.1.1 no"),
    ),
    "scanner": (
        "delivery-report",
        mail(from_="SMTP_Gateway@example.net", subject="Returned mail", text="SMTP error 550"),
    ),
    "receipt": (
        "disposition-report",
        mail(content_type="multipart/report", report=Report(kind=ReportKind.DISPOSITION)),
    ),
    "receipt by content type": (
        "disposition-report",
        mail({"Content-Type": "multipart/report; report-type=disposition-notification"}),
    ),
    "abuse report": ("abuse-report", mail(content_type="multipart/report", report=Report(kind=ReportKind.ABUSE))),
    "abuse report by content type": (
        "abuse-report",
        mail({"Content-Type": "multipart/report; report-type=feedback-report"}),
    ),
    "challenge by subject": (
        "challenge",
        mail(subject="Your email requires verification verify#abcDEF123-456789012345"),
    ),
    "challenge of tmda": ("challenge", mail(subject="Please confirm your message")),
    "challenge by field": ("challenge", mail({"X-BoxTrapper-Queue": "x"})),
    # automatic responses
    "auto-replied": ("auto-submitted", mail({"Auto-Submitted": "auto-replied"})),
    "auto-generated with parameters": ("auto-submitted", mail({"Auto-Submitted": "(x) Auto-Generated ; a=b (c)"})),
    "auto-submitted twice": ("auto-submitted", mail([("Auto-Submitted", "no"), ("Auto-Submitted", "auto-notified")])),
    "x-autoreply": ("automatic-mark", mail({"X-Autoreply": "yes"})),
    "x-autorespond": ("automatic-mark", mail({"X-Autorespond": "Re: x"})),
    "x-auto-response": ("automatic-mark", mail({"X-Auto-Response": "1"})),
    "x-fc-machinegenerated": ("automatic-mark", mail({"X-FC-MachineGenerated": "true"})),
    "precedence auto_reply": ("automatic-mark", mail({"Precedence": "auto_reply"})),
    "vacation of apple": ("automatic-mark", mail({"X-Apple-Action": "VACATION"})),
    "automatic reply in a thread": ("vacation-note", mail(subject="Automatic reply: Re: x", in_reply_to=("<x@y>",))),
    "absence note with precedence": ("vacation-note", mail({"Precedence": "junk"}, subject="Abwesenheitsnotiz: x")),
    "absence note of exchange": (
        "vacation-note",
        mail({"X-Auto-Response-Suppress": "All"}, subject="Automatische Antwort: x"),
    ),
    "absence note of notes": ("vacation-note", mail({"Precedence": "bulk"}, subject="Jo Doe is out of the office.")),
    "absence note on our notice": ("vacation-note", mail(subject="Réponse automatique : x", references=(OWN_ID,))),
    "answered subject": ("answered-subject", mail(subject="Automatic reply: Printer")),
    # who it is from
    "no From": ("no-identity", mail(from_=())),
    "two From fields": ("no-identity", mail(from_=("a@example.org", "b@example.org"))),
    "two mailboxes": ("no-identity", mail(from_="a@example.org, b@example.org")),
    "unparseable From": ("no-identity", mail(from_="what")),
    "list-id": ("list", mail({"List-Id": "<x.example.org>"})),
    "list-unsubscribe": ("list", mail({"List-Unsubscribe": "<mailto:x@example.org>"})),
    "list-help": ("list", mail({"List-Help": "<mailto:x@example.org>"})),
    "precedence bulk": ("list", mail({"Precedence": "Bulk"})),
    "precedence list": ("list", mail({"Precedence": "list (x)"})),
    "precedence junk": ("list", mail({"Precedence": "junk"})),
    "ezmlm": ("list", mail({"Mailing-List": "contact x"})),
    "suppress all": ("suppress-all", mail({"X-Auto-Response-Suppress": "All"})),
    "suppress all among others": ("suppress-all", mail({"X-Auto-Response-Suppress": "DR,all;OOF"})),
    "failed authentication": (
        "authentication-failed",
        mail({"Authentication-Results": "mx.example.com; dmarc=fail header.from=example.org"}),
    ),
    # spam
    "spam flag": ("spam", mail({"X-Spam-Flag": "YES"})),
    "spam status": ("spam", mail({"X-Spam-Status": "Yes, score=12.3 required=5.0 tests=X"})),
    "old spam status": ("spam", mail({"X-Spam-Status": "Yes, hits=7.0 required=5.0"})),
    "spam score": ("spam", mail({"X-Spam-Score": "6.1"})),
    "spam level": ("spam", mail({"X-Spam-Level": "*" * 7})),
    "rspamd score": ("spam", mail({"X-Rspamd-Score": "15.2 / 15.0"})),
    "rspamd result": ("spam", mail({"X-Spamd-Result": "default: True [16.10 / 15.00]"})),
}


@pytest.mark.parametrize(("guard", "message"), HITS.values(), ids=HITS)
def test_the_right_guard_decides(guard, message):
    """What a program sent, or what must not be answered, is known by its row."""
    assert first(message) == guard


@pytest.mark.parametrize(
    "subject",
    (
        "Undeliverable: x|Returned mail: User unknown|Delivery Status Notification (Failure)|failure notice|"
        "Mail delivery failed: returning message to sender|Warning: could not send message for past 4 hours|"
        "Unzustellbar: x|Nicht zustellbar: x|Zustellung fehlgeschlagen|Non remis : x|Échec de la remise : x|"
        "No se puede entregar: x|Não é possível entregar: devolvida|Não entregue: x|Onbestelbaar: x|"
        "Niet bezorgd: x|Non recapitabile: x|Impossibile recapitare: x|Kunde inte levereras: x|"
        "Kan ikke leveres: x|Niedostarczalne: x|Nedoručitelné: x|Недоставленное сообщение|配信不能通知|系统退信|"
        "Kézbesíthetetlen: x|Toimitus epäonnistui|Teslim edilemedi: x"
    ).split("|"),
)
def test_returned_mail_in_every_language(subject):
    """From the null path a subject of returned mail is a delivery report in every language."""
    assert first(mail(subject=subject), an_envelope(reverse_path=None)) == "delivery-report"


@pytest.mark.parametrize(
    "subject",
    (
        "Automatic reply: x|Out of Office AutoReply: x|Autoreply: x|Automatische Antwort: x|Abwesenheitsnotiz: x|"
        "Réponse automatique : x|Respuesta automática: x|Resposta automática: x|Automatisch antwoord: x|"
        "Risposta automatica: x|Automatiskt svar: x|Autosvar: x|Automatisk svar: x|Automaattinen vastaus: x|"
        "Odpowiedź automatyczna: x|Automatická odpověď: x|Automatikus válasz: x|Автоматический ответ: x|自動返信: x|"
        "自动回复: x|자동 회신: x|[Auto-Reply] x|Fuera de la oficina: x|Fuori sede: x|Afwezig: x|Absence du bureau : x|"
        "Fora do escritório: x|Frånvaro: x"
    ).split("|"),
)
def test_absence_notes_in_every_language(subject):
    """From the null path the subject of an absence note is automatic in every language."""
    assert first(mail(subject=subject), an_envelope(reverse_path=None)) == "vacation-note"


@pytest.mark.parametrize(
    "local",
    (
        "mailer-daemon MAILER-DAEMON mailer_daemon postmaster post_master noreply no-reply no.reply no_reply "
        "do-not-reply do_not_reply donotreply no-reply+abc noreply-billing billing-noreply bounce bounces bounces+123 "
        "bounce-45-67 list-bounces owner-staff staff-request staff-owner listserv majordomo root abuse daemon cron "
        "www-data nobody keine-antwort nicht-antworten ne-pas-repondre no-responder nao-responda niet-beantwoorden "
        "svara-inte auto-reply mailman"
    ).split(),
)
def test_nobody_reads(local):
    """Names of daemons, no-reply addresses and list machinery are not answered."""
    assert "nobody-reads" in {verdict.guard for verdict in verdicts(mail(from_=f"{local}@example.org"))}


def test_null_path():
    """What comes from `<>` is not answered, by envelope or by Return-Path where there is none."""
    trace = mail({"Return-Path": " < > "})

    assert first(mail(), an_envelope(reverse_path=None)) == "null-path"
    assert first(trace, POLLED) == "null-path"
    assert first(trace) == ""


def test_a_report_on_our_envelope_address():
    """Mail to our signed envelope sender is a report on its notice, whatever it looks like."""
    path = bounce_address(KEYRING, HELP, 1042, "ack", 1)

    (verdict,) = verdicts(mail(), an_envelope(forward_paths=(path,)))
    assert (verdict.guard, verdict.evidence) == ("delivery-report", "notice ack of ticket 1042")


def test_not_addressed_and_its_switch():
    """A polled mail that nobody says was for us opens a ticket without acknowledgment, unless the admin wants one."""
    stray = mail(to="friends@example.org")

    (verdict,) = verdicts(stray, POLLED)
    assert (verdict.guard, verdict.consequence) == ("not-addressed", Consequence.NO_ACK)
    assert verdicts(stray, POLLED, a_policy(ack_when_not_addressed=True)) == ()


def test_spam_limit_is_the_desks():
    """Only points above the desk's limit are spam."""
    message = mail({"X-Spam-Score": "8.0"})

    assert first(message) == "spam"
    assert first(message, policy=a_policy(spam_limit=8.0)) == ""


ALERTS = Robot(address=an_address("noreply@monitor.example"), category="hardware")


@pytest.mark.parametrize(
    "fields",
    [{}, {"Auto-Submitted": "auto-generated"}, {"Precedence": "bulk", "List-Id": "<a.b>"}, {"X-Spam-Flag": "YES"}],
    ids=["plain", "auto-submitted", "list", "spam"],
)
def test_a_known_robot_opens_tickets(fields):
    """A machine on the allow-list wins over the marks that machines carry."""
    assert first(mail(fields, from_="Alerts <NoReply@monitor.example>"), policy=a_policy(robots=(ALERTS,))) == "robot"


@pytest.mark.parametrize(
    ("guard", "message"),
    [
        ("hops", mail([("Received", "x")] * 51, from_=str(ALERTS.address))),
        ("own-message", mail(message_id=OWN_ID, from_=str(ALERTS.address))),
        ("delivery-report", mail({"X-Failed-Recipients": "x"}, from_=str(ALERTS.address))),
        (
            "nobody-reads",
            mail(
                {"Authentication-Results": "mx.example.com; dmarc=fail header.from=monitor.example"},
                from_=str(ALERTS.address),
            ),
        ),
        ("nobody-reads", mail(from_="noreply@monitor.example.evil.example")),
    ],
    ids=["hops", "own message", "report", "forged", "another"],
)
def test_a_robot_does_not_win_over_loops_and_forgery(guard, message):
    """The allow-list opens no door to loops, reports or a forged sender."""
    assert first(message, policy=a_policy(robots=(ALERTS,))) == guard


def test_the_allow_list_is_exact():
    """Another address of the robot's domain is not the robot."""
    assert first(mail(from_="jo@monitor.example"), policy=a_policy(robots=(ALERTS,))) == ""


def test_all_hits_are_told_in_order():
    """Every guard that hits is recorded in table order with its source and a bounded evidence."""
    found = verdicts(
        mail({"Auto-Submitted": "auto-generated " + "x" * 5_000, "List-Id": "<a.b>", "X-Spam-Flag": "YES"})
    )
    order = [guard.name for guard in GUARDS]

    assert [verdict.guard for verdict in found] == ["auto-submitted", "list", "spam"]
    assert sorted(found, key=lambda verdict: order.index(verdict.guard)) == list(found)
    assert all(verdict.source and len(verdict.evidence) <= 200 for verdict in found)


def test_a_guard_can_be_switched_off():
    """A guard on the admin's list is skipped; the others stay."""
    message = mail({"List-Id": "<a.b>", "X-Spam-Flag": "YES"})

    assert first(message, policy=a_policy(disabled_guards=frozenset({"list"}))) == "spam"


def test_names_are_unique():
    """A guard's name is its key in the configuration and in `explain`."""
    assert len({guard.name for guard in GUARDS}) == len(GUARDS)


def test_each_consequence_has_a_guard():
    """No consequence is without a row that asks for it."""
    assert {guard.consequence for guard in GUARDS} == set(Consequence)


def test_an_unknown_desk_does_not_matter():
    """A delivery to a desk that the configuration no longer has is judged all the same."""
    assert first(mail({"List-Id": "<a.b>"}), an_envelope(desk="gone")) == "list"


NAMES = st.sampled_from(
    (
        "auto-submitted precedence list-id x-loop x-spam-score x-spam-level x-spam-status received content-type "
        "return-path delivered-to x-autoreply authentication-results x-auto-response-suppress"
    ).split()
)


@given(
    st.lists(st.tuples(NAMES, st.text(max_size=60)), max_size=8),
    st.text(max_size=80),
    st.text(max_size=80),
    st.text(max_size=80),
)
def test_never_raises(headers, sender, subject, text):
    """Whatever the fields say, the table is run to its end."""
    found = verdicts(a_message(text, subject, sender, to=text, headers=headers))

    assert all(isinstance(verdict, Verdict) for verdict in found)


@pytest.mark.parametrize(
    ("subject", "value"),
    [
        ("a" * 60_000, "(" * 60_000),
        ("out of office " * 4_000, "<" * 60_000),
        ("\u0301" * 60_000, "*" * 60_000),
        ("re:" * 20_000, "1" * 60_000),
    ],
    ids=["letters", "words", "accents", "prefixes"],
)
def test_a_hostile_mail_is_judged_in_no_time(subject, value):
    """A thousand fields of the guards' own names at their limit cost well under a second."""
    names = (
        "Auto-Submitted",
        "X-Loop",
        "X-Spam-Score",
        "Precedence",
        "List-Id",
        "Content-Type",
        "Delivered-To",
        "X-Spam-Level",
    )
    message = a_message(
        "550 " * 100_000, subject, headers=[(names[number % len(names)], value) for number in range(1_000)]
    )
    started = time.process_time()

    clues = find_clues(message, an_envelope(), a_policy(), TODAY)
    evaluate(message, an_envelope(), a_policy(), trust=Trust(), clues=clues)

    assert time.process_time() - started < 0.5


def test_the_desks_own_address_in_another_case_is_own():
    """Address comparison ignores case, so a loop cannot hide in capitals."""
    assert first(mail(from_="HELP@EXAMPLE.COM")) == "self"
    assert first(mail(), an_envelope(forward_paths=(Address("HELP", "example.com"),))) == ""
