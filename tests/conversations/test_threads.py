"""Where a mail lands: late replies, mails out of order, tags of the old software, and how it looks in Outlook."""

from __future__ import annotations

import base64
import json

from builders import a_desk

from daemon.store import threads
from tests.conversations.world import ADA, AGENT, JO, World, a_world_policy, letter_for


def ticket_of(world: World, words: str) -> int:
    return world.one(f"SELECT ticket_id FROM entry WHERE text LIKE '{words}%'")


def test_a_reply_after_the_reopen_window_opens_a_linked_ticket(world: World) -> None:
    """No history is shown; inside the window the same reply opens the old ticket again."""
    team = world.request(JO, "It does not print.")
    answer = letter_for(JO, world.order("#close\nOLDSECRET mended.", team))
    world.order("#spam", team)

    world.later(days=20)
    world.send(JO, "Again!", to=answer.reply_to, answers=answer)
    assert ticket_of(world, "Again!") == 1001
    assert world.one("SELECT status FROM ticket") == "open"

    world.order("#spam", team)
    world.later(days=31)
    sent = world.send(JO, "After a long time.", to=answer.reply_to, answers=answer, references="<root@example.org>")
    assert ticket_of(world, "After a long") == 1002
    assert world.one("SELECT link_hint FROM ticket WHERE id = 1002") == 1001
    assert world.one("SELECT status FROM ticket WHERE id = 1001") == "closed"
    assert [each.kind for each in sent if each.to == JO] == ["ack"]
    assert not any("OLDSECRET" in each.everything() for each in sent if each.to == JO)

    world.send(JO, "And once more.", to=answer.reply_to, answers=answer, references="<root@example.org>")
    assert ticket_of(world, "And once") == 1002


def test_an_agent_may_write_on_a_ticket_of_any_age(world: World) -> None:
    """The window is for requesters; an agent opens what he likes."""
    team = world.request(JO)
    world.order("#spam", team)
    world.later(days=100)

    assert "status: closed → open" in letter_for(AGENT, world.order("#reopen", team)).words


def test_two_mails_of_one_thread_out_of_order(world: World) -> None:
    """The answer came first and opened the ticket; the mail it answers joins, for people of that ticket."""
    world.send(JO, "As I said, it does not print.", answers="<first@example.org>")
    told = world.send(JO, "It does not print.", message_id="<first@example.org>")
    assert world.one("SELECT count(*) FROM ticket") == 1
    assert not [each for each in told if each.to == JO]

    world.send("eve@evil.example", "Me too.", answers="<planted@example.org>")
    world.send(ADA, "A private matter.", message_id="<planted@example.org>")
    assert ticket_of(world, "A private") != ticket_of(world, "Me too")


def test_an_ancestor_that_nobody_saw_joins_two_replies(world: World) -> None:
    """Both answer the same mail, which went to somebody else."""
    world.send(JO, "One.", references="<unseen@example.org>", answers="<unseen@example.org>")
    world.send(JO, "Two.", references="<unseen@example.org>", answers="<unseen@example.org>")

    assert ticket_of(world, "One") == ticket_of(world, "Two")


def test_tags_of_the_old_software_lead_to_what_was_imported() -> None:
    """Each pattern, for people who take part; a stranger's number is a hint, ours is never taken for one of theirs."""
    tags = (("otrs", "[Ticket#{number}]"), ("desk", "[{name} #{number}]"), ("jira", "[{slug}-{number}]"))
    world = World(policy=a_world_policy(desks=(a_desk(foreign_tags=tags),)))
    world.request(JO, "Imported.")
    with world.connection.begin():
        for system in ("otrs", "desk", "jira"):
            threads.map_foreign(world.connection, "help", system, {"2024001": 1001, "1002": 1001})

    for number, tag in enumerate(("[Ticket#2024001]", "[Old Help #2024001]", "[HELP-2024001]", "[ticket#02024001]")):
        world.send(JO, f"Reply {number}.", subject=f"AW: {tag} Drucker")
        assert ticket_of(world, f"Reply {number}") == 1001
    world.send(ADA, "Not mine.", subject="Re: [Ticket#2024001] Drucker")
    assert world.one("SELECT link_hint FROM ticket WHERE id = 1002") == 1001
    world.send(ADA, "My own.", subject="Re: [FL-1002] Drucker")
    assert ticket_of(world, "My own") == 1002
    world.send(JO, "Unknown.", subject="Re: [Ticket#7] Drucker")
    assert ticket_of(world, "Unknown") == 1003
    world.close()


def test_the_same_again_is_the_same_ticket(world: World) -> None:
    """Same person, same words but for a comma and capitals, within a day."""
    world.send(JO, "The printer, upstairs, does not print", subject="Printer")
    world.send(JO, "the printer upstairs does NOT print!!", subject="Re: printer")
    assert world.one("SELECT count(*) FROM ticket") == 1

    world.later(hours=25)
    world.send(JO, "The printer, upstairs, does not print", subject="Printer")
    assert world.one("SELECT count(*) FROM ticket") == 2


def test_the_evidence_says_what_was_weighed(world: World) -> None:
    """Stored with the mail: every clue with its score and what came of it."""
    world.request(JO)
    world.send(ADA, "Let me in.", subject="Re: [FL-1001] Printer", answers=world.last_id)

    stored = json.loads(world.one("SELECT evidence FROM inbound ORDER BY id DESC LIMIT 1"))["match"]
    assert stored["hint"] == 1001
    assert [(each["clue"], each["score"], each["verdict"]) for each in stored["weighed"]] == [
        ("reference", 60, "takes no part"),
        ("tag", 30, "takes no part"),
    ]


def test_an_answer_threads_everywhere(world: World) -> None:
    """In-Reply-To is the requester's last mail, References the whole exchange, Thread-Index a child of Outlook's."""
    index = base64.b64encode(b"\x01" + b"\xd9" * 21).decode()
    long_id = f"<{'x' * 120}@example.org>"
    acknowledged, team = world.send(JO, "One.", message_id=long_id, extra=(("Thread-Index", index),))[:2]
    world.send(JO, "Two.", to=acknowledged.reply_to, answers=acknowledged)
    last = world.last_id

    answer = letter_for(JO, world.order("Here you are.", team))

    assert answer.mail["In-Reply-To"] == last
    assert str(answer.mail["References"]).split() == [long_id, acknowledged.mail["Message-ID"], last]
    assert base64.b64decode(acknowledged.mail["Thread-Index"])[:22] == base64.b64decode(index)
    assert base64.b64decode(answer.mail["Thread-Index"])[:22] == base64.b64decode(index)
    assert answer.mail["Thread-Topic"] == "Printer"
    assert long_id in answer.raw.decode()
