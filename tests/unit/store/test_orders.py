"""What orders write beside the ticket itself, on both engines: merges, links, people outside, moved mails, letters."""

from __future__ import annotations

from datetime import timedelta

import pytest
from arrange import POLICY, a_posting, a_ticket_in, accept, an_arrival, claim, settle_mail
from builders import JO, KEYRING, NOW, an_address
from sqlalchemy import Connection, select, update

from daemon.core.clues import Clues
from daemon.core.decision import Change, EntryKind, Field, Taken
from daemon.core.ticket import Ticket
from daemon.core.token import OwnId, message_id
from daemon.store import journal, letters, links, merges, orders, outbox, outsiders, parts, threads, tickets
from daemon.store.schema import ENTRY, INBOUND, MESSAGE_REF, TICKET

ADA, CAROL = an_address("ada@campus.example"), an_address("carol@example.org")
LATER = NOW + timedelta(minutes=5)


def two(tx: Connection) -> tuple[Ticket, Ticket]:
    return a_ticket_in(tx, message_id="<1@x>", text="one"), a_ticket_in(tx, message_id="<2@x>", text="two")


def follow(tx: Connection, text: str, name: str, root: str = "<1@x>") -> int:
    """A follow-up on the ticket of `root`; its inbound id."""
    accept(tx, an_arrival(message_id=name, text=text, received_at=LATER))
    (mail,) = claim(tx, now=LATER)
    settle_mail(tx, mail, now=LATER, text=text, clues=Clues(references=(root,)))
    return mail.inbound_id


def people(tx: Connection, ticket: Ticket) -> frozenset[str]:
    return tickets.participants(tx, [ticket.id])[ticket.id]


def test_a_merge_brings_people_and_its_reverse_takes_them_away(tx: Connection) -> None:
    """Those who were there anyway stay; who was asked from outside is not brought along."""
    one, two_ = two(tx)
    tickets.add_participant(tx, two_.id, ADA, role="copied", now=NOW)
    outsiders.invite(tx, two_.id, "vic@vendor.example", now=NOW)
    merge = Change(field=Field.MERGED_INTO, before="", after=str(one.id))

    orders.carry_out(tx, two_.id, merge, now=NOW)
    assert people(tx, one) == {JO.key, ADA.key}
    assert merges.ends(tx, [one.id, two_.id]) == {one.id: one.id, two_.id: one.id}
    assert merges.others(tx, one) == ()

    orders.carry_out(tx, two_.id, merge.reverse, now=NOW)
    assert people(tx, one) == {JO.key}
    assert merges.ends(tx, [two_.id]) == {two_.id: two_.id}


def test_who_came_by_two_merges_stays_while_one_stands(tx: Connection) -> None:
    """Two tickets of one person joined to a third: taking one back leaves him in."""
    one, second = two(tx)
    third = a_ticket_in(tx, message_id="<3@x>", text="three")
    for each in (second, third):
        tickets.add_participant(tx, each.id, ADA, role="copied", now=NOW)
        orders.carry_out(tx, each.id, Change(field=Field.MERGED_INTO, before="", after=str(one.id)), now=NOW)

    orders.carry_out(tx, second.id, Change(field=Field.MERGED_INTO, before=str(one.id), after=""), now=NOW)
    assert ADA.key in people(tx, one)
    orders.carry_out(tx, third.id, Change(field=Field.MERGED_INTO, before=str(one.id), after=""), now=NOW)
    assert ADA.key not in people(tx, one)


def test_a_circle_of_merges_has_an_end(tx: Connection) -> None:
    """Whatever stands in the table, following it stops."""
    one, second = two(tx)
    tx.execute(update(TICKET).where(TICKET.c.id == one.id).values(merged_into=second.id))
    tx.execute(update(TICKET).where(TICKET.c.id == second.id).values(merged_into=one.id))

    assert merges.ends(tx, [one.id])[one.id] in {one.id, second.id}
    assert merges.others(tx, one) == ()


def test_links_have_no_direction(tx: Connection) -> None:
    """Seen from both sides, once."""
    one, second = two(tx)
    orders.carry_out(tx, second.id, Change(field=Field.LINK, before="", after=one.reference), now=NOW)
    links.link(tx, one.id, second.id, now=NOW)

    assert (links.linked(tx, one.id), links.linked(tx, second.id)) == ({second.id}, {one.id})
    orders.carry_out(tx, one.id, Change(field=Field.LINK, before=second.reference, after=""), now=NOW)
    assert links.linked(tx, one.id) == frozenset()


def test_explain_names_what_a_ticket_has_to_do_with(tx: Connection) -> None:
    """Merged, joined here, opened beside, linked: from both sides."""
    one, second = two(tx)
    third = a_ticket_in(tx, message_id="<3@x>", text="three")
    tx.execute(update(TICKET).where(TICKET.c.id == second.id).values(merged_into=one.id))
    tx.execute(update(TICKET).where(TICKET.c.id == third.id).values(link_hint=one.id))
    links.link(tx, one.id, third.id, now=NOW)

    assert links.related(tx, one.id) == (("joined here", second.reference), ("linked with", third.reference))
    assert links.related(tx, second.id) == (("merged into", one.reference),)
    assert links.related(tx, third.id) == (("opened beside", one.reference), ("linked with", one.reference))
    assert links.related(tx, 1) == ()


def test_somebody_in_copy_is_one_who_was_asked_from_then_on(tx: Connection) -> None:
    """A requester stays one; who is dismissed is out."""
    one, _ = two(tx)
    tickets.add_participant(tx, one.id, CAROL, role="copied", now=NOW)

    for address in (CAROL.key, JO.key, "vic@vendor.example"):
        outsiders.invite(tx, one.id, address, now=NOW)
    assert outsiders.outsiders(tx, [one.id]) == {one.id: {CAROL.key, "vic@vendor.example"}}
    outsiders.dismiss(tx, one.id, "vic@vendor.example")
    outsiders.dismiss(tx, one.id, JO.key)
    assert people(tx, one) == {JO.key, CAROL.key}


def test_a_mail_moves_with_all_that_is_its_own(tx: Connection) -> None:
    """Entry, place in explain and Message-ID; a second time nothing happens; back home it is a follow-up."""
    one, second = two(tx)
    mail = follow(tx, "a second matter", "<f@x>")
    tx.execute(ENTRY.delete().where(ENTRY.c.ticket_id == second.id))

    for _ in range(2):
        parts.take(tx, Taken(source=one.id, inbound_id=mail), second.id)
    moved = tx.execute(select(ENTRY.c.ticket_id, ENTRY.c.kind).where(ENTRY.c.inbound_id == mail)).one()
    assert tuple(moved) == (second.id, "request")
    assert tx.execute(select(INBOUND.c.ticket_id).where(INBOUND.c.id == mail)).scalar_one() == second.id
    origin = select(MESSAGE_REF.c.ticket_id).where(MESSAGE_REF.c.message_id == "<f@x>")
    assert tx.execute(origin).scalars().all() == [second.id]

    parts.take(tx, Taken(source=second.id, inbound_id=mail), one.id)
    assert [each.kind for each in tickets.entries(tx, one.id)] == [EntryKind.REQUEST, EntryKind.FOLLOW_UP]


def test_what_can_be_split_off(tx: Connection) -> None:
    """The mail that the answered letter was about, else the requester's last one; never the first."""
    one, _ = two(tx)
    assert parts.separable(tx, one.id, (), frozenset()) is None
    first, last = follow(tx, "first", "<f1@x>"), follow(tx, "last", "<f2@x>")
    tx.execute(update(ENTRY).where(ENTRY.c.inbound_id == last).values(at=LATER + timedelta(minutes=1)))
    about = OwnId(kind="team", ticket_id=one.id, sequence=2)

    chosen = parts.separable(tx, one.id, (about,), frozenset())
    newest = parts.separable(tx, one.id, (), frozenset())

    assert chosen is not None
    assert newest is not None
    assert (chosen.entry.inbound_id, chosen.message_id, chosen.author) == (first, "<f1@x>", JO)
    assert newest.entry.inbound_id == last
    assert parts.author_of(tx, one.id, (about,)) == JO.key
    request = parts.request_of(tx, one.id)
    assert request is not None
    assert request.kind is EntryKind.REQUEST


def test_the_exchange_of_a_requester_and_us(tx: Connection) -> None:
    """In order, without letters to others; the last mail of his."""
    one, _ = two(tx)
    follow(tx, "more", "<f1@x>")
    outbox.queue(tx, a_posting(kind="reply", ticket_id=one.id, to=str(JO)), POLICY, now=LATER)
    outbox.queue(tx, a_posting(kind="reply", ticket_id=one.id, sequence=2, to=str(ADA)), POLICY, now=LATER)

    thread, last = threads.between(tx, one.id, JO)

    assert thread == ("<1@x>", f"<ack.{one.id}.1@us.example>", "<f1@x>", f"<reply.{one.id}.1@us.example>")
    assert last == "<f1@x>"


def test_a_mail_that_others_name_already(tx: Connection) -> None:
    """Only while it was not seen, and at its own desk."""
    one = a_ticket_in(tx, clues=Clues(references=("<unseen@x>",)))

    assert threads.waiting_for(tx, "<unseen@x>", desk="help") == (one.id,)
    assert threads.waiting_for(tx, "<unseen@x>", desk="sales") == ()
    assert threads.waiting_for(tx, "<root@example.org>", desk="help") == ()
    assert threads.waiting_for(tx, "", desk="help") == ()


def test_numbers_of_other_software(tx: Connection) -> None:
    """Mapped once for each system and desk."""
    one, second = two(tx)
    threads.map_foreign(tx, "help", "otrs", {"77": one.id})
    threads.map_foreign(tx, "help", "otrs", {"77": second.id, "78": second.id})

    assert threads.foreign(tx, (("otrs", "77"), ("otrs", "78"), ("jira", "77")), desk="help") == (
        ("otrs 77", one.id),
        ("otrs 78", second.id),
    )
    assert threads.foreign(tx, (("otrs", "77"),), desk="sales") == ()


def test_a_letter_is_read_back(tx: Connection) -> None:
    """By its signed identifier, wherever in the header and however folded it stands; a forged one is nothing."""
    one, _ = two(tx)
    name = message_id(KEYRING, "reply", one.id, 1, "example.com")
    content = (
        f"Message-ID: {name}\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n--=_x\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        "Gr=C3=BC=\r\n=C3=9Fe\r\n--=_x\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>\r\n--=_x--\r\n"
    ).encode()
    posting = a_posting(kind="reply", ticket_id=one.id, message_id=name, content=content)
    outbox.queue(tx, posting, POLICY, now=NOW)

    folded = name.replace(".", ".\r\n ", 1)
    named = letters.named_in(f"References: <a@b> {folded}\r\n <c@d>\r\n\r\nbody {name}".encode(), KEYRING)
    assert named == (OwnId(kind="reply", ticket_id=one.id, sequence=1),)
    assert letters.texts(tx, named) == ("Grüße",)
    forged = name.replace(f".{one.id}.", f".{one.id + 1}.")
    assert letters.named_in(f"References: {forged}\r\n\r\n".encode(), KEYRING) == ()
    assert letters.named_in(f"Subject: x\r\n\r\n{name}".encode(), KEYRING) == ()
    assert letters.texts(tx, (OwnId(kind="reply", ticket_id=one.id, sequence=9),)) == ()


@pytest.mark.parametrize("by", ["agent@example.com", "dora@example.com"])
def test_a_separation_that_was_taken_back_is_settled(tx: Connection, by: str) -> None:
    """It can be undone while the tickets are apart, by who ordered it."""
    one, second = two(tx)
    change = Change(field=Field.SPLIT, before="", after=f"{one.id} {second.id} 1")
    facts = (("by", "agent@example.com"), ("split", f"{change.before}{orders.ARROW}{change.after}"))
    journal.append(tx, [journal.Line(name=orders.CHANGED, ticket_id=one.id, facts=facts)], now=NOW)

    assert orders.undoable(tx, one.id, by, now=LATER) == ((change,) if by.startswith("agent") else ())
    tx.execute(update(TICKET).where(TICKET.c.id == second.id).values(merged_into=one.id))
    assert orders.undoable(tx, one.id, by, now=LATER) == ()
