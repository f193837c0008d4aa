"""Delivery, disposition and abuse reports."""

from __future__ import annotations

import pytest

from daemon.core.limits import Limits
from daemon.core.message import Delivery, Report, ReportKind
from daemon.core.parse import parse

ORIGINAL = (
    "From: desk@example.org\nTo: bob@example.net\nSubject: We have your request\nMessage-ID: <ack.1@example.org>\n"
)


def report_of(raw: str) -> Report | None:
    return parse(raw.encode(), Limits()).report


def dsn(
    status: str, *, kind: str = "message/delivery-status", original: str = "message/rfc822", extra: str = ""
) -> str:
    return (
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.net\nTo: desk@example.org\nSubject: Undelivered Mail\n"
        f"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n{extra}\n--b\n\nIt did not work.\n"
        f"--b\nContent-Type: {kind}\n\nReporting-MTA: dns; mx.example.net\n\n{status}\n"
        f"--b\nContent-Type: {original}\n\n{ORIGINAL}\nHello\n--b--\n"
    )


FAILED = (
    "Final-Recipient: rfc822; bob@example.net\nAction: failed\nStatus: 5.1.1\n"
    "Diagnostic-Code: smtp; 550 5.1.1 unknown\n"
)


@pytest.mark.parametrize("kind", ["message/delivery-status", "message/global-delivery-status"])
@pytest.mark.parametrize("original", ["message/rfc822", "text/rfc822-headers", "message/global-headers"])
def test_delivery_report(kind: str, original: str) -> None:
    """RFC 3464 and RFC 6533: who, what, why, and which mail of ours."""
    report = report_of(dsn(FAILED, kind=kind, original=original))

    assert report is not None
    assert (report.kind, report.delivery) == (ReportKind.DELIVERY, Delivery.FAILED)
    assert (report.recipient, report.status) == ("bob@example.net", "5.1.1")
    assert report.diagnostic == "smtp; 550 5.1.1 unknown"
    assert report.original_message_id == "<ack.1@example.org>"
    assert ("subject", "We have your request") in [(header.name, header.value) for header in report.original_headers]


@pytest.mark.parametrize(
    ("fields", "delivery"),
    [
        ("Action: delayed\nStatus: 4.4.1", Delivery.DELAYED),
        ("Action: Failed (permanently)\nStatus: 5.0.0", Delivery.FAILED),
        ("Action: delivered\nStatus: 2.0.0", Delivery.DELIVERED),
        ("Action: relayed\nStatus: 2.0.0", Delivery.DELIVERED),
        ("Action: expanded\nStatus: 2.0.0", Delivery.DELIVERED),
        ("Status: 5.2.2", Delivery.FAILED),
        ("Status: 4.2.2", Delivery.DELAYED),
        ("Action: nonsense", Delivery.UNKNOWN),
    ],
)
def test_actions(fields: str, delivery: Delivery) -> None:
    """The action decides, the status where there is none."""
    report = report_of(dsn(f"Final-Recipient: rfc822; bob@example.net\n{fields}\n"))

    assert report is not None
    assert report.delivery is delivery


def test_the_failed_recipient_of_several_counts() -> None:
    """A report on many names the one that failed."""
    good = "Final-Recipient: rfc822; a@example.net\nAction: delivered\nStatus: 2.0.0\n"
    report = report_of(dsn(f"{good}\n{FAILED}\n{good}"))

    assert report is not None
    assert (report.recipient, report.delivery) == ("bob@example.net", Delivery.FAILED)


def test_the_address_we_wrote_to_comes_first() -> None:
    """Original-Recipient is the one to put on hold, not where it was forwarded to."""
    report = report_of(dsn(FAILED + "Original-Recipient: rfc822;bob+x@example.com\n"))

    assert report is not None
    assert report.recipient == "bob+x@example.com"


def test_read_receipt() -> None:
    """RFC 8098."""
    report = report_of(
        "From: bob@example.net\nSubject: Read: x\n"
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n"
        "--b\n\nYour mail was read.\n--b\nContent-Type: message/disposition-notification\n\n"
        "Final-Recipient: rfc822;bob@example.net\n"
        "Original-Message-ID: <ack.1@example.org>\nDisposition: manual-action/MDN-sent-manually; displayed\n--b--\n"
    )

    assert report is not None
    assert (report.kind, report.delivery) == (ReportKind.DISPOSITION, Delivery.DELIVERED)
    assert report.original_message_id == "<ack.1@example.org>"


def test_abuse_report() -> None:
    """RFC 5965."""
    report = report_of(
        "From: fbl@example.net\nSubject: complaint\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
        "--b\n\nThis is spam.\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n"
        f"Original-Rcpt-To: <bob@example.net>\n--b\nContent-Type: message/rfc822\n\n{ORIGINAL}\nx\n--b--\n"
    )

    assert report is not None
    assert (report.kind, report.recipient) == (ReportKind.ABUSE, "bob@example.net")
    assert report.original_message_id == "<ack.1@example.org>"


EXIM = (
    "Return-Path: <>\nFrom: Mail Delivery System <Mailer-Daemon@mx.example.net>\nTo: desk@example.org\n"
    "Subject: Mail delivery failed: returning message to sender\n{extra}\n"
    "This message was created automatically by mail delivery software.\n\n"
    "A message that you sent could not be delivered to one or more"
    " of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  bob@example.net\n"
    "    host mx.example.net [192.0.2.1]: 550 5.1.1 User unknown\n\n"
    f"------ This is a copy of the message, including all the headers. ------\n\n"
    f"Return-path: <desk@example.org>\n{ORIGINAL}\nHello\n"
)
QMAIL = (
    "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.net\nTo: desk@example.org\nSubject: failure notice\n\n"
    "Hi. This is the qmail-send program at mx.example.net.\n"
    "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
    "This is a permanent error; I've given up. Sorry it didn't work out.\n\n<bob@example.net>:\n"
    "Sorry, no mailbox here by that name. (#5.1.1)\n\n"
    f"--- Below this line is a copy of the message.\n\nReturn-Path: <desk@example.org>\n{ORIGINAL}\nHello\n"
)
EXCHANGE = (
    "Return-Path: <>\nFrom: System Administrator <postmaster@example.net>\nTo: desk@example.org\n"
    "Subject: Undeliverable: We have your request\n\n"
    "Your message did not reach some or all of the intended recipients.\n\n      Subject:  We have your request\n\n"
    "The following recipient(s) could not be reached:\n\n      bob@example.net on 11/3/2026 10:00 AM\n"
    "            The e-mail account does not exist. <mx.example.net #5.1.1>\n"
)
POSTFIX_WARNING = (
    "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.net (Mail Delivery System)\nTo: desk@example.org\n"
    "Subject: Delayed Mail (still being retried)\n\nThis is the mail system at host mx.example.net.\n\n"
    "Your message could not be delivered for more than 4 hour(s).\nIt will be retried until it is 5 day(s) old.\n\n"
    "<bob@example.net>: connect to mx.example.net[192.0.2.1]:25: Connection timed out\n"
)


@pytest.mark.parametrize(
    ("raw", "delivery", "status", "has_original"),
    [
        (EXIM.format(extra="X-Failed-Recipients: bob@example.net\n"), Delivery.FAILED, "5.1.1", True),
        (EXIM.format(extra=""), Delivery.FAILED, "5.1.1", True),
        (QMAIL, Delivery.FAILED, "5.1.1", True),
        (EXCHANGE, Delivery.FAILED, "5.1.1", False),
        (POSTFIX_WARNING, Delivery.DELAYED, "", False),
    ],
    ids=["exim", "exim without its field", "qmail", "exchange", "postfix warning"],
)
def test_text_bounces(raw: str, delivery: Delivery, status: str, has_original: bool) -> None:
    """What MTAs write in words says the same."""
    report = report_of(raw)

    assert report is not None
    assert (report.kind, report.delivery, report.recipient, report.status) == (
        ReportKind.DELIVERY,
        delivery,
        "bob@example.net",
        status,
    )
    assert report.original_message_id == ("<ack.1@example.org>" if has_original else "")


@pytest.mark.parametrize(
    "raw",
    [
        "From: bob@example.net\nSubject: Fwd: Undelivered Mail\n\nWhat does this mean?\n\n" + QMAIL,
        (
            "From: bob@example.net\nSubject: Mail delivery failed\n\nI get this when I write to ann:\n"
            "> 550 5.1.1 User unknown\n"
        ),
        "From: bob@example.net\nSubject: Fwd: bounce\nContent-Type: multipart/mixed; boundary=m\n\n"
        "--m\n\nSee attached.\n"
        "--m\nContent-Type: message/rfc822\n\n" + dsn(FAILED).replace("--b", "--b") + "\n--m--\n",
        (
            "From: postmaster@example.net\nSubject: New mail server tonight\n\n"
            "We move the mail server tonight, please restart.\n"
        ),
        "From: bob@example.net\nSubject: hello\n\nMy mail could not be delivered, why?\n",
    ],
    ids=["pasted", "quoted", "attached", "a postmaster who writes", "a person who asks"],
)
def test_a_person_who_speaks_of_a_bounce_sends_none(raw: str) -> None:
    """Only the mail's own top level, and only a mail system, makes a report."""
    assert report_of(raw) is None
