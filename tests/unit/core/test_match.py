"""Thread matching: what a mail says of its thread, and who gets in."""

from __future__ import annotations

import time
from datetime import date

import pytest
from builders import (
    HELP,
    JO,
    KEYRING,
    a_candidate,
    a_desk,
    a_message,
    a_policy,
    an_address,
    an_envelope,
)
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.clues import Clues
from daemon.core.foreign import wrong_pattern
from daemon.core.match import Match, Verdict, find_clues, match_thread
from daemon.core.message import Report, ReportKind
from daemon.core.prefix import strip_prefixes
from daemon.core.ticket import TicketId
from daemon.core.token import OwnId, ReplyToken, bounce_address, message_id, reply_address
from daemon.core.trust import Proof, Trust

TODAY = date(2026, 11, 23)
NEXT_YEAR = date(2027, 11, 23)
OWN = OwnId(kind="ack", ticket_id=1042, sequence=1)
OWN_ID = message_id(KEYRING, "ack", 1042, 1, "example.com")
REPLY_TO = reply_address(KEYRING, HELP, 1042, JO, NEXT_YEAR, plus=True)
STRANGER = an_address("eve@evil.example")
PROVEN = Trust(proof=Proof.DOMAIN)


def clues_of(message=None, envelope=None, policy=None) -> Clues:
    return find_clues(message or a_message(), envelope or an_envelope(), policy or a_policy(), TODAY)


def match(clues, *candidates, identity=JO, trust=PROVEN) -> Match:
    return match_thread(clues, candidates, identity, KEYRING, trust=trust)


def token() -> ReplyToken:
    return clues_of(envelope=an_envelope(forward_paths=(REPLY_TO,))).tokens[0]


# --- what the mail says


def test_a_new_mail_has_only_a_fingerprint():
    """An ordinary new request points to no thread."""
    clues = clues_of()

    assert clues == Clues(fingerprint=clues.fingerprint)
    assert len(clues.fingerprint) == 64


def test_own_ids_are_verified_and_apart():
    """Our signed identifiers are told from foreign and from forged ones, wherever they stand."""
    forged = OWN_ID.replace("1042", "1043")
    clues = clues_of(a_message(references=("<root@example.org>", OWN_ID, forged), in_reply_to=(OWN_ID,)))

    assert clues.own_ids == (OWN,)
    assert clues.references == ("<root@example.org>", forged)


def test_only_the_newest_fifty_identifiers_count():
    """A thread of ten thousand mails is read from its end."""
    ids = tuple(f"<{number}@example.org>" for number in range(10_000))
    clues = clues_of(a_message(references=ids))

    assert clues.references == ids[-50:]


@pytest.mark.parametrize(
    ("message", "envelope"),
    [
        (a_message(), an_envelope(forward_paths=(REPLY_TO,))),
        (a_message(to=f"Help <{REPLY_TO}>"), an_envelope()),
        (a_message(cc=str(REPLY_TO).upper()), an_envelope()),
        (a_message(headers={"Delivered-To": str(REPLY_TO)}), an_envelope()),
        (a_message(headers={"X-Original-To": f"<{REPLY_TO}>"}), an_envelope()),
    ],
    ids=["envelope", "to", "cc in capitals", "delivered-to", "x-original-to"],
)
def test_address_tokens_are_found(message, envelope):
    """A token is found in every place where an address we were reached under may stand."""
    (found,) = clues_of(message, envelope).tokens

    assert found.ticket_id == 1042


def test_expired_and_forged_tokens_are_nothing():
    """A token after its last day, or with one letter changed, is no clue."""
    old = reply_address(KEYRING, HELP, 1042, JO, date(2026, 11, 22), plus=True)
    last = "a" if REPLY_TO.local[-1] != "a" else "b"
    forged = an_address(f"{REPLY_TO.local[:-1]}{last}@example.com")

    assert clues_of(envelope=an_envelope(forward_paths=(old, forged))).tokens == ()


def test_bounce_by_envelope_or_report():
    """A bounce names our notice by our envelope address, or by the Message-ID in a structured report."""
    path = bounce_address(KEYRING, HELP, 1042, "ack", 1)
    report = Report(kind=ReportKind.DELIVERY, original_message_id=OWN_ID)

    assert clues_of(envelope=an_envelope(forward_paths=(path,))).bounce_of == OWN
    assert clues_of(a_message(report=report)).bounce_of == OWN
    assert clues_of(a_message(to=str(path))).bounce_of is None


def test_own_message():
    """Our own mail is known by its signed Message-ID."""
    assert clues_of(a_message(message_id=OWN_ID)).own_message == OWN


@pytest.mark.parametrize(
    ("subject", "tag"),
    [
        ("Re: [FL-1042] Printer", 1042),
        ("[fl-7] x", 7),
        ("FL-1042", None),
        ("[XX-1042]", None),
        ("[FL-99999999999]", None),
        ("[FL-]", None),
        ("x" * 2_000 + "[FL-1]", None),
    ],
)
def test_subject_tag(subject, tag):
    """The desk's own bracketed reference counts, and only that."""
    assert clues_of(a_message(subject=subject)).tag == tag


def test_tag_of_another_desk():
    """Each desk has its own prefix; an unknown desk has none."""
    policy = a_policy(desks=(a_desk(reference_prefix="A.B"),))

    assert clues_of(a_message(subject="[A.B-5]"), policy=policy).tag == 5
    assert clues_of(a_message(subject="[AxB-5]"), policy=policy).tag is None
    assert clues_of(a_message(subject="[A.B-5]"), an_envelope(desk="gone"), policy).tag is None


@pytest.mark.parametrize(
    "subject",
    [
        "Re: x y", "RE: Re: x y", "AW: WG: x y", "SV: VS: x y", "RV: x y", "RIF: R: x y", "Antw: x y", "Fwd: FW: x y",
        "TR: x y", "ENC: RES: x y", "回复: x y", "回覆:x y", "Re[2]: x y", "Re(3): x y", "Re^2: x y",
         "Réf : x y", "ODP: x y",
        "Odg: x y", "Ats: x y", "FS: x y", "رد: x y", "השב: x y", "הועבר: x y", "پاسخ: x y", "إعادة توجيه: x y",
        "ตอบ: x y", "Trả lời: x y", "Відп: x y", "返信: x y", "転送: x y", "转发: x y", "轉寄: x y", "Inoltra: x y",
        "Vá: x y", "YNT: x y", "Отв: x y", "ΑΠ: x y", "답: x y", "  re :x y ",
    ],
)  # fmt: skip
def test_strip_prefixes(subject):
    """Reply and forward prefixes fall off in every language."""
    assert strip_prefixes(subject) == "x y"


@pytest.mark.parametrize("subject", ["Report: x", "Retour x", "x Re: y", "", "Answer: 42", "Rechnung: 7", "Error: no"])
def test_strip_prefixes_leaves_words(subject):
    """Words that only begin like a prefix stay."""
    assert strip_prefixes(subject) == subject


def test_fingerprint_sees_the_same_again():
    """Prefixes, case and white space do not make another mail; sender, subject and text do."""
    first = clues_of(a_message("It is\n  broken", "Printer")).fingerprint

    assert clues_of(a_message("it IS broken ", "Re: printer ")).fingerprint == first
    assert clues_of(a_message("it is broken again", "Printer")).fingerprint != first
    assert clues_of(a_message("it is broken", "Scanner")).fingerprint != first
    assert clues_of(a_message("it is broken", "Printer", from_="joe@example.org")).fingerprint != first


@pytest.mark.parametrize("message", [a_message(from_=()), a_message("", "")], ids=["nobody", "nothing"])
def test_no_fingerprint(message):
    """Nobody's mail, or an empty one, is never the same again."""
    assert clues_of(message).fingerprint == ""


# --- who gets in


@pytest.mark.parametrize(
    ("clues", "candidate", "expected"),
    [
        (Clues(tokens=(token(),)), a_candidate(clue="token", evidence="t"), True),
        (Clues(own_ids=(OWN,)), a_candidate(clue="own_id", evidence="o"), True),
        (Clues(references=("<root@example.org>",)), a_candidate(), False),
        (Clues(tag=1042), a_candidate(clue="tag", evidence="FL-1042"), False),
    ],
    ids=["token", "own id", "reference", "tag"],
)
def test_a_participant_gets_in(clues, candidate, expected):
    """Who takes part reaches the ticket by any clue; only signed marks are proofs."""
    found = match(clues, candidate)

    assert (found.ticket_id, found.hint) == (TicketId(1042), None)
    assert (found.clue, found.evidence, found.proven) == (candidate.clue, candidate.evidence, expected)
    assert [(each.clue, each.verdict, each.score) for each in found.weighed] == [
        (candidate.clue, Verdict.JOINED, found.score)
    ]


@pytest.mark.parametrize(
    ("clues", "clue"),
    [
        (Clues(tokens=(token(),)), "token"),
        (Clues(own_ids=(OWN,)), "own_id"),
        (Clues(references=("<root@example.org>",)), "reference"),
        (Clues(tag=1042), "tag"),
    ],
    ids=["token", "own id", "reference", "tag"],
)
@pytest.mark.parametrize("identity", [STRANGER, None], ids=["stranger", "nobody"])
def test_a_stranger_stays_out(clues, clue, identity):
    """Who takes no part gets a hint on a new ticket, whatever he quotes."""
    found = match(clues, a_candidate(clue=clue), identity=identity)

    assert found.ticket_id is None
    assert found.hint == 1042
    assert not found.proven


def test_the_token_names_its_person():
    """The person of a token gets in though the ticket does not list her (added by an agent's reply)."""
    candidate = a_candidate(clue="token", participants=frozenset())

    assert match(Clues(tokens=(token(),)), candidate).proven
    assert match(Clues(tokens=(token(),)), candidate, identity=STRANGER).ticket_id is None


def test_a_forged_sender_stays_out():
    """Who fails authentication is no participant, even with a mark in hand."""
    found = match(Clues(own_ids=(OWN,)), a_candidate(clue="own_id"), trust=Trust(failed=True))

    assert (found.ticket_id, found.hint) == (None, 1042)


def test_stronger_clues_win():
    """A token beats an own id, that beats a reference, that beats a tag, in any order of candidates."""
    clues = Clues(
        tokens=(token(),),
        own_ids=(OwnId(kind="ack", ticket_id=2, sequence=1),),
        references=("<root@example.org>",),
        tag=4,
    )
    candidates = (
        a_candidate(4, clue="tag"),
        a_candidate(3),
        a_candidate(2, clue="own_id"),
        a_candidate(clue="token"),
    )

    assert match(clues, *candidates).ticket_id == 1042
    assert match(clues, *candidates[:3]).ticket_id == 2
    assert match(clues, *candidates[:2]).ticket_id == 3
    assert match(clues, *candidates[:1]).ticket_id == 4


def test_the_newest_own_id_and_reference_win():
    """In a thread that moved to another ticket the last identifier decides."""
    own = Clues(own_ids=tuple(OwnId(kind="ack", ticket_id=number, sequence=1) for number in (1, 2)))
    foreign = Clues(references=("<1@x>", "<2@x>"))

    assert match(own, a_candidate(1), a_candidate(2)).ticket_id == 2
    assert match(foreign, a_candidate(1, evidence="<1@x>"), a_candidate(2, evidence="<2@x>")).ticket_id == 2


def test_a_strangers_clue_does_not_hide_ones_own():
    """A clue to somebody else's ticket does not keep the sender out of her own."""
    clues = Clues(own_ids=(OWN,), references=("<root@example.org>",))
    foreign = a_candidate(1042, clue="own_id", participants=frozenset())

    assert match(clues, foreign, a_candidate(7)).ticket_id == 7


def test_merges_are_followed():
    """A reply to a merged ticket goes to the one it was merged into; participants of either count."""
    merged = a_candidate(1042, clue="own_id", merged_into=TicketId(2))
    middle = a_candidate(2, clue="merge", merged_into=TicketId(3), participants=frozenset())
    last = a_candidate(3, clue="merge", participants=frozenset({STRANGER.key}))

    assert match(Clues(own_ids=(OWN,)), merged, middle, last).ticket_id == 3
    assert match(Clues(own_ids=(OWN,)), merged, middle, last, identity=STRANGER).ticket_id == 3
    assert match(Clues(own_ids=(OWN,)), merged).ticket_id == 2


def test_a_circle_of_merges_ends():
    """Tickets merged into each other do not hang the daemon."""
    one = a_candidate(1, clue="tag", merged_into=TicketId(2))
    two = a_candidate(2, clue="merge", merged_into=TicketId(1))

    assert match(Clues(tag=1), one, two).ticket_id in {1, 2}


def test_a_candidate_without_its_clue_is_nothing():
    """The store's look-up is no evidence by itself."""
    candidates = (a_candidate(1, clue="token"), a_candidate(2, clue="own_id"), a_candidate(3, clue="tag"))

    assert match(Clues(), *candidates) == Match()


@given(st.text(max_size=300), st.text(max_size=300), st.lists(st.text(max_size=60), max_size=5))
def test_never_raises(subject, text, ids):
    """Any subject, text and identifiers give clues."""
    clues = clues_of(a_message(text, subject, references=tuple(ids), to=text, headers=[("Delivered-To", subject)]))

    assert len(clues.references) + len(clues.own_ids) <= 50
    match(clues, a_candidate())


def test_hostile_mail_is_read_in_no_time():
    """Floods of addresses, identifiers and text at the limits cost milliseconds."""
    message = a_message(
        "x " * 200_000,
        "Re: " * 20_000,
        references=("<x@y>",) * 50_000,
        to="",
        headers=[("Delivered-To", "help+T." + "a" * 900)] * 1_000,
    )
    started = time.process_time()

    find_clues(message, an_envelope(forward_paths=(REPLY_TO,) * 10_000), a_policy(), TODAY)

    assert time.process_time() - started < 0.5


# --- tickets that are shut, people outside, tags of other software


def test_nobody_gets_into_a_shut_ticket():
    """Closed too long ago: a hint for a new ticket, whatever the proof; another ticket of his is still open to him."""
    clues = Clues(tokens=(token(),), references=("<root@example.org>",))
    shut = a_candidate(clue="token", shut=True)

    alone = match(clues, shut)
    beside = match(clues, shut, a_candidate(1043))

    assert (alone.ticket_id, alone.hint) == (None, 1042)
    assert [each.verdict for each in alone.weighed] == [Verdict.SHUT]
    assert beside.ticket_id == 1043


def test_a_merge_into_a_shut_ticket_is_shut():
    """What counts is the ticket at the end of the chain."""
    clues = Clues(references=("<root@example.org>",))
    merged = a_candidate(merged_into=TicketId(1050))

    assert match(clues, merged, a_candidate(1050, clue="merge", shut=True)).ticket_id is None
    assert match(clues, merged, a_candidate(1050, clue="merge")).named == 1042


def test_somebody_who_was_asked_is_outside():
    """He gets in, and it is said that he is no requester."""
    clues = Clues(tag=1042)
    both = frozenset({JO.key, STRANGER.key})
    candidate = a_candidate(clue="tag", participants=both, outsiders=frozenset({STRANGER.key}))

    assert match(clues, candidate, identity=STRANGER).outside
    assert not match(clues, candidate).outside


def test_what_is_weighed_is_bounded_and_in_order():
    """Strongest first, twenty at most, until one fits."""
    many = [a_candidate(number, clue="reference", evidence=f"<{number}@x>") for number in range(100)]
    clues = Clues(tokens=(token(),), references=tuple(each.evidence for each in many))

    found = match(clues, a_candidate(clue="token"), *many, identity=STRANGER)

    assert len(found.weighed) == 20
    assert [each.score for each in found.weighed] == sorted((each.score for each in found.weighed), reverse=True)
    assert found.weighed[1].evidence == "<99@x>"


@pytest.mark.parametrize(
    ("pattern", "subject", "number"),
    [
        ("[Ticket#{number}]", "AW: [Ticket#2024010112] Drucker", "2024010112"),
        ("[Ticket#{number}]", "[ticket#007]", "7"),
        ("[{name} #{number}]", "Re: [Example Help Desk #4711] x", "4711"),
        ("[{slug}-{number}]", "[HELP.x-12] y", "12"),
        ("##{number}##", "Re: x ##99##", "99"),
        ("[Ticket#{number}]", "Ticket#1", None),
        ("[{slug}-{number}]", "[FL-1042] ours", None),
        ("[{name} #{number}]", "[" + "x" * 200 + " #1]", None),
    ],
)
def test_tags_of_other_software(pattern, subject, number):
    """By its pattern; our own tag is never taken for a foreign one."""
    policy = a_policy(desks=(a_desk(foreign_tags=(("old", pattern),)),))

    assert clues_of(a_message(subject=subject), policy=policy).foreign == ((("old", number),) if number else ())


@pytest.mark.parametrize(
    "pattern", ["[Ticket]", "{number}", "{number} {number}", "[#{nummer}]", " {number} x", "[{number}]" + "x" * 80]
)
def test_what_is_no_pattern(pattern):
    """Each is refused in words, before it makes every number in a subject a ticket."""
    assert wrong_pattern(pattern)


def test_foreign_tags_are_found_in_no_time():
    """Subjects made for the patterns cost what others cost."""
    patterns = tuple(
        (f"s{n}", p) for n, p in enumerate(("[{name} #{number}]", "[{slug}-{number}]", "[T#{number}]") * 3)
    )
    policy = a_policy(desks=(a_desk(foreign_tags=patterns),))
    started = time.process_time()

    for subject in ("[a #" * 300, "[" * 1000, "[a-" * 300, "[T#1" * 250):
        clues_of(a_message(subject=subject), policy=policy)

    assert time.process_time() - started < 1
