"""Orders that touch other tickets and other people, by mail, and each taken back by mail."""

from __future__ import annotations

from builders import a_desk

from daemon.store.audit import audit
from tests.conversations.world import ADA, AGENT, JO, SECOND, World, a_world_policy, letter_for

VENDOR = "vic@vendor.example"


def statuses(world: World) -> list[tuple[int, str, int | None]]:
    return [tuple(row) for row in world.rows("SELECT id, status, merged_into FROM ticket ORDER BY id")]


def test_a_mail_is_split_off_with_its_own_thread_and_joined_again(world: World) -> None:
    """Ticket, requester, promise and thread of its own; replies to that mail follow; #undo puts it back."""
    team = world.request(JO, "It does not print.", cc="carol@example.org")
    follow = letter_for(
        AGENT, world.send(JO, "By the way, my login fails.", subject="Login", answers=str(world.last_id))
    )
    mail = world.last_id

    told = world.order("#split", follow)

    new = letter_for(AGENT, told, "team")
    receipt = letter_for(AGENT, told, "rcpt")
    assert "new ticket: FL-1002" in receipt.words
    assert "my login fails" in new.words
    assert all(each.to in {AGENT, SECOND} for each in told)
    assert world.one("SELECT count(*) FROM promise WHERE ticket_id = 1002 AND state = 'open'") == 1
    assert [row[0] for row in world.rows("SELECT ticket_id FROM entry WHERE kind = 'request' ORDER BY id")] == [
        1001,
        1002,
    ]
    assert world.rows("SELECT address, role FROM participant WHERE ticket_id = 1002") == [(JO, "requester")]
    assert world.one("SELECT thread_root FROM ticket WHERE id = 1002") == mail

    answer = letter_for(JO, world.order("Try the new password.", new))
    assert answer.ticket_id == 1002
    world.send(JO, "And another thing.", subject="Re: Login", answers=mail)
    assert world.one("SELECT ticket_id FROM entry WHERE text LIKE 'And another%'") == 1002

    undone = letter_for(AGENT, world.order("#undo", receipt))
    assert "FL-1002 is joined with this one again" in undone.words
    assert statuses(world) == [(1001, "new", None), (1002, "closed", 1001)]
    assert world.one("SELECT ticket_id FROM entry WHERE text LIKE 'By the way%'") == 1001
    world.send(JO, "Still?", subject="Re: Login", answers=answer, to=answer.reply_to)
    assert world.one("SELECT ticket_id FROM entry WHERE text = 'Still?'") == 1001
    assert "nothing of yours" in letter_for(AGENT, world.order("#undo", receipt)).words
    assert team.ticket_id == 1001


def test_a_ticket_that_gave_its_mail_back_is_no_half_one(world: World) -> None:
    """Split and joined at once: the audit finds nothing."""
    world.request(JO)
    follow = letter_for(AGENT, world.send(JO, "More.", answers=world.last_id))
    world.order("#undo", letter_for(AGENT, world.order("#split", follow), "rcpt"))

    with world.connection.begin():
        broken = [each for each in audit(world.connection, now=world.now) if each.broken]
    assert world.one("SELECT count(*) FROM entry WHERE ticket_id = 1002") == 0
    assert broken == []


def test_a_split_is_taken_back_on_the_new_ticket_too(world: World) -> None:
    """The same #undo, written to the ticket that was split off."""
    world.request(JO)
    follow = letter_for(AGENT, world.send(JO, "My login fails.", subject="Login", answers=world.last_id))
    new = letter_for(AGENT, world.order("#split", follow), "team")

    undone = letter_for(AGENT, world.order("#undo", new))

    assert "merged_into: - → FL-1001" in undone.words
    assert statuses(world) == [(1001, "new", None), (1002, "closed", 1001)]
    assert [row[0] for row in world.rows("SELECT kind FROM entry WHERE ticket_id = 1001 ORDER BY id")][:2] == [
        "request",
        "follow_up",
    ]


def test_only_what_came_after_the_request_can_be_split_off(world: World) -> None:
    """A ticket keeps the mail that opened it; an answer beside #split would be for nobody knows which ticket."""
    team = world.request(JO)
    assert "only a requester's mail after the first" in letter_for(AGENT, world.order("#split", team)).words

    follow = letter_for(AGENT, world.send(JO, "More.", answers=world.last_id))
    told = world.order("#split\nHello Jo, here you are.", follow)
    assert [each.to for each in told] == [AGENT]
    assert world.one("SELECT count(*) FROM ticket") == 1


def test_the_split_of_a_copied_persons_mail_is_his_ticket(world: World) -> None:
    """Who wrote the mail is the requester of the new ticket; the other one takes no part in it."""
    world.request(JO, cc="Carol <carol@example.org>")
    follow = letter_for(AGENT, world.send("carol@example.org", "Mine is broken too.", answers=world.last_id))

    new = letter_for(AGENT, world.order("#split", follow), "team")
    answered = world.order("Come to room 3.", new)

    assert [each.to for each in answered] == ["carol@example.org"]
    assert world.rows("SELECT address FROM participant WHERE ticket_id = 1002 AND role <> 'agent'") == [
        ("carol@example.org",)
    ]


def test_a_request_is_forwarded_and_the_answer_is_a_note(world: World) -> None:
    """Only the request goes out, from the desk, with a token of the person asked; the answer reaches only the team."""
    team = world.request(JO, "It does not print: CANARY.")
    world.send(JO, "Secret addition.", answers=world.last_id)
    world.order("#note\nHe is nervous.", team)

    told = world.order(f"#forward {VENDOR}\nCould you look at this?", team)

    asked = letter_for(VENDOR, told)
    assert asked.mail["From"].addresses[0].addr_spec == "help@example.com"
    assert "Could you look at this?" in asked.words
    assert "> It does not print: CANARY." in asked.words
    assert "Secret addition" not in asked.everything()
    assert "nervous" not in asked.everything()
    assert AGENT not in asked.everything()
    assert "message/rfc822" in asked.raw.decode()
    assert JO not in {each.to for each in told}
    assert asked.reply_to.startswith("help+T.")

    back = world.send(
        VENDOR, "Change the drum.", to=asked.reply_to, cc="boss@vendor.example", answers=asked, subject="Re: Printer"
    )
    assert {each.to for each in back} == {AGENT, SECOND}
    assert world.one("SELECT kind FROM entry WHERE text = 'Change the drum.'") == "note"
    assert world.rows("SELECT address FROM participant WHERE role IN ('outside', 'copied')") == [(VENDOR,)]
    assert world.one("SELECT status FROM ticket") == "new"

    letter_for(AGENT, world.order("#undo", letter_for(AGENT, told)))
    assert world.one("SELECT count(*) FROM participant WHERE role = 'outside'") == 0
    world.send(VENDOR, "One more thing.", answers=asked, subject="Re: Printer")
    assert world.one("SELECT ticket_id FROM entry WHERE text = 'One more thing.'") != 1001


def test_what_cannot_be_forwarded(world: World) -> None:
    """Not to ourselves, not to an agent, not to the requester, not to two people."""
    team = world.request(JO)
    for address in ("help@example.com", "help+x@example.com", SECOND, JO, "a@b.example, c@d.example", "nobody", ""):
        told = world.order(f"#forward {address}\nPlease.", team)
        assert [each.to for each in told] == [AGENT]
        assert "Nothing was done" in told[0].words


def test_an_original_with_a_token_of_ours_is_not_attached(world: World) -> None:
    """A mail that quotes our signed address does not leave the house with it."""
    token = world.letters[0].reply_to if world.letters else letter_for(JO, world.send(JO, "First.")).reply_to
    team = world.request(JO, f"New problem, as I wrote to {token} before.", subject="Other")

    asked = letter_for(VENDOR, world.order(f"#forward {VENDOR}", team))

    assert token not in asked.everything()
    assert "message/rfc822" not in asked.raw.decode()
    assert "as I wrote to help@example.com before" in asked.words


def test_a_mail_that_answered_us_leaves_without_its_original(world: World) -> None:
    """What was split off quotes our earlier answer: the person outside reads the words, not the conversation."""
    team = world.request(JO)
    answer = letter_for(JO, world.order("OURSECRET advice.", team))
    quoted = "A second matter.\n\nOn Monday, Example Help Desk wrote:\n> OURSECRET advice.\n"
    follow = letter_for(AGENT, world.send(JO, quoted, answers=answer, subject="Second"))
    new = letter_for(AGENT, world.order("#split", follow), "team")

    asked = letter_for(VENDOR, world.order(f"#forward {VENDOR}", new))

    assert "> A second matter." in asked.words
    assert "OURSECRET" not in asked.everything()


def test_a_merge_is_followed_and_taken_back(world: World) -> None:
    """Replies to the merged ticket follow; #undo on its receipt splits them again, with the people."""
    first = world.request(JO, "It does not print.")
    acknowledged = letter_for(ADA, world.send(ADA, "Nor here."))
    second = next(each for each in world.letters if each.to == AGENT and each.ticket_id == 1002)

    receipt = letter_for(AGENT, world.order(f"#merge FL-{first.ticket_id}", second))
    assert "merged_into: - → FL-1001" in receipt.words
    assert statuses(world) == [(1001, "new", None), (1002, "closed", 1001)]
    world.send(ADA, "Any news?", to=acknowledged.reply_to, answers=acknowledged)
    assert world.one("SELECT ticket_id FROM entry WHERE text = 'Any news?'") == 1001

    world.order("#undo", receipt)
    assert statuses(world) == [(1001, "new", None), (1002, "new", None)]
    assert world.one("SELECT count(*) FROM participant WHERE ticket_id = 1001 AND role = 'joined'") == 0
    world.send(ADA, "And now?", to=acknowledged.reply_to, answers=acknowledged)
    assert world.one("SELECT ticket_id FROM entry WHERE text = 'And now?'") == 1002


def test_a_merge_is_split_back_at_any_time(world: World) -> None:
    """#split on a letter of the merged ticket, days later: both live on, each with its people; #undo joins again."""
    world.request(JO, "It does not print.")
    acknowledged = letter_for(ADA, world.send(ADA, "Nor here."))
    adas = next(each for each in world.letters if each.to == AGENT and each.ticket_id == 1002)
    world.order("#merge FL-1001", adas)
    world.later(days=3)

    receipt = letter_for(AGENT, world.order("#split", adas))
    assert "merged_into: FL-1001 → -" in receipt.words
    assert statuses(world) == [(1001, "new", None), (1002, "open", None)]
    world.send(ADA, "And now?", to=acknowledged.reply_to, answers=acknowledged)
    assert world.one("SELECT ticket_id FROM entry WHERE text = 'And now?'") == 1002

    world.order("#undo", receipt)
    assert statuses(world)[1] == (1002, "closed", 1001)


def test_an_answer_on_joined_tickets_goes_to_whoever_wrote_the_mail(world: World) -> None:
    """Ada's mail lands on Jo's ticket; the answer to it is Ada's, and never guessed."""
    jos = world.request(JO, "It does not print.")
    acknowledged = letter_for(ADA, world.send(ADA, "Nor here."))
    adas = next(each for each in world.letters if each.to == AGENT and each.ticket_id == 1002)
    world.order("#merge FL-1001", adas)

    about = letter_for(AGENT, world.send(ADA, "Any news?", to=acknowledged.reply_to, answers=acknowledged))
    assert [each.to for each in world.order("For Ada.", about)] == [ADA]
    assert [each.to for each in world.order("For Ada again.", adas)] == [ADA]
    assert [each.to for each in world.order("For Jo.", jos)] == [JO]
    unclear = world.order("For whom?", letter_for(AGENT, world.order("#priority P2", jos)))
    assert [each.to for each in unclear] == [AGENT]
    assert "tickets of several people were joined here" in unclear[0].words


def test_links_are_kept_and_forgotten(world: World) -> None:
    """#link, #unlink, and #undo of either."""
    first = world.request(JO)
    world.request(ADA, "Another.")

    world.order("#link FL-1002", first)
    assert world.rows("SELECT ticket_id, other_id FROM ticket_link") == [(1001, 1002)]
    assert "is linked already" in letter_for(AGENT, world.order("#link FL-1002", first)).words
    receipt = letter_for(AGENT, world.order("#unlink FL-1002", first))
    assert world.rows("SELECT * FROM ticket_link") == []
    world.order("#undo", receipt)
    assert world.rows("SELECT ticket_id, other_id FROM ticket_link") == [(1001, 1002)]


def test_closing_words_are_kept_and_undone(world: World) -> None:
    """Cause, resolution and the reason stand on the ticket; #undo takes all of it back at once."""
    team = world.request(JO)

    receipt = letter_for(
        AGENT, world.order("#close done\n#cause drum worn → old\n#resolution new drum\n#time 20m", team)
    )
    assert tuple(world.rows("SELECT status, cause, resolution, close_reason FROM ticket")[0]) == (
        "solved",
        "drum worn -> old",
        "new drum",
        "done",
    )
    world.order("#undo", receipt)
    assert tuple(world.rows("SELECT status, cause, resolution, close_reason FROM ticket")[0]) == ("new", "", "", "")
    assert world.one("SELECT sum(minutes) FROM effort") == 0


def test_nothing_waits_for_approval(world: World) -> None:
    """#approve and #deny are understood, and refused where nothing waits."""
    team = world.request(JO)

    for order in ("#approve", "#deny too expensive"):
        assert "nothing to approve" in letter_for(AGENT, world.order(order, team)).words


def test_an_agent_as_a_requester_is_a_requester(world: World) -> None:
    """What an agent writes on his own request is a follow-up, not an answer to himself."""
    acknowledged = letter_for(SECOND, world.send(SECOND, "My own printer is broken."), "ack")

    told = world.send(SECOND, "Still broken.", to=acknowledged.reply_to, answers=acknowledged)

    assert {each.kind for each in told} == {"team"}
    assert world.one("SELECT kind FROM entry WHERE text = 'Still broken.'") == "follow_up"


def test_absence_notes_reach_no_requester(world: World) -> None:
    """Of an agent, of somebody who was asked, of a copied person: filed, nothing changed, nobody told."""
    team = world.request(JO, cc="carol@example.org")
    request = world.last_id
    asked = letter_for(VENDOR, world.order(f"#forward {VENDOR}", team))
    away = (("Auto-Submitted", "auto-replied"),)

    for sender, about in ((AGENT, team), (VENDOR, asked)):
        assert world.send(sender, "Back on Monday.", to=about.reply_to, answers=about, extra=away) == []
    assert world.send("carol@example.org", "Back on Monday.", answers=request, extra=away) == []
    assert world.one("SELECT status FROM ticket") == "new"
    assert world.one("SELECT count(*) FROM entry WHERE kind = 'automated'") == 3


def test_every_order_can_be_taken_back(world: World) -> None:
    """One mail with an order for every field, then #undo: the ticket is as it was."""
    world.request(ADA, "Another.")
    team = world.request(JO)
    columns = "category, tier, priority, kind, team, assignee, status, cause, resolution, close_reason, merged_into"
    before = world.rows(f"SELECT {columns} FROM ticket WHERE id = 1002")

    receipt = letter_for(
        AGENT,
        world.order(
            "#take\n#category network\n#tier 2\n#priority P1\n#kind problem\n#wait 3d\n#link FL-1001\n#time 5m\n"
            f"#cause a\n#resolution b\n#forward {VENDOR}",
            team,
        ),
        "rcpt",
    )
    assert world.rows(f"SELECT {columns} FROM ticket WHERE id = 1002") != before
    world.order("#undo", receipt)

    assert world.rows(f"SELECT {columns} FROM ticket WHERE id = 1002") == before
    assert world.rows("SELECT * FROM ticket_link") == []
    assert world.one("SELECT sum(minutes) FROM effort") == 0
    assert world.one("SELECT count(*) FROM participant WHERE role = 'outside'") == 0


def test_help_is_in_the_language_of_the_desk() -> None:
    """The forms are everybody's; what they do is said in the desk's first language."""
    german = World(policy=a_world_policy(desks=(a_desk(languages=("de", "en")),)))
    team = german.request(JO)

    helped = letter_for(AGENT, german.order("#hilfe", team))
    refused = letter_for(AGENT, german.order("#clsoe", team))

    assert "der Vorgang gehört Ihnen" in helped.words
    assert "der Vorgang gehört Ihnen" in refused.words
    assert "#assign NAME|TEAM" in helped.words
    german.close()
