"""Words of one ticket never reach somebody without a right to them, whatever agents, Cc's and orders do.

Every mail carries its own canary word in body and subject. A run is a conversation of several tickets and people,
generated from a seed: requests, follow-ups, copied people, strangers who quote everything, answers, notes, merges,
splits, forwards, and #undo of all of it. After every step each letter that went out is searched, decoded, with what is
attached to it. Agents may read everything; anybody else only what the rights below say.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from tests.conversations.world import AGENTS, Letter, World, a_world_policy

PEOPLE = [f"p{number}@site{number % 3}.example" for number in range(6)]
OUTSIDE = ["vic@vendor.example", "uma@lab.example"]
STRANGERS = ["eve@evil.example"]
CANARY = re.compile(r"canary[a-z]+x\d+x")
STEPS = 40


@dataclass
class Run:
    """One conversation: the world, who may read which canary, and what letters can be answered."""

    seed: int
    world: World = field(default_factory=lambda: World(policy=a_world_policy()))
    rights: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    words: dict[str, str] = field(default_factory=dict)  # of a canary: what kind of mail it was
    log: list[str] = field(default_factory=list)
    checked: int = 0
    count: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def canary(self, kind: str) -> str:
        self.count += 1
        word = f"canary{kind}x{self.count}x"
        self.words[word] = kind
        return word

    # -- steps --------------------------------------------------------------------------------------------------

    def step(self) -> None:
        steps = (
            (self.open, 3), (self.follow, 4), (self.hijack, 2), (self.answer, 5), (self.note, 1), (self.merge, 2),
            (self.split, 3), (self.forward, 2), (self.outside_answers, 2), (self.undo, 3), (self.close, 1),
            (self.assign, 1),
        )  # fmt: skip
        name, _ = self.chance.choices(steps, [weight for _, weight in steps])[0], None
        name[0]()
        self.check()

    def check(self) -> None:
        for letter in self.world.letters[self.checked :]:
            if letter.to in AGENTS:
                continue
            seen = set(CANARY.findall(letter.everything().lower()))
            wrong = [word for word in seen if letter.to not in self.rights[word]]
            assert not wrong, (self.seed, letter.to, letter.kind, wrong, self.log[-12:], letter.words)
        self.checked = len(self.world.letters)

    def person(self) -> str:
        return self.chance.choice(PEOPLE)

    def mine(self, address: str, *kinds: str) -> list[Letter]:
        return [each for each in self.world.letters if each.to == address and (not kinds or each.kind in kinds)]

    def say(self, who: str, kind: str, **over: object) -> str:
        word, subject = self.canary(kind), self.canary("subject")
        self.rights[word].add(who)
        self.rights[subject].add(who)
        over.setdefault("subject", f"About {subject}")
        self.log.append(f"{who} {kind} {word} {over.get('to', '')}")
        self.world.send(who, f"Please help with {word}.{self.quote(over.get('answers'))}", **over)
        self.world.last_word = word  # type: ignore[attr-defined]
        return word

    def quote(self, answers: object) -> str:
        """What a mail program quotes of the letter that is answered."""
        if not isinstance(answers, Letter):
            return ""
        quoted = "\n".join(f"> {line}" for line in answers.words.splitlines())
        return f"\n\nOn Monday, Example Help Desk wrote:\n{quoted}\n"

    def open(self) -> None:
        who = self.person()
        cc = ", ".join(self.chance.sample([each for each in PEOPLE if each != who], self.chance.randrange(3)))
        self.say(who, "request", cc=cc)

    def follow(self) -> None:
        who = self.person()
        letters = self.mine(who, "ack", "reply")
        if not letters:
            return
        about = self.chance.choice(letters)
        to = about.reply_to if self.chance.random() < 0.7 else "help@example.com"
        cc = self.person() if self.chance.random() < 0.3 else ""
        self.say(who, "follow", answers=about, to=to, cc=cc if cc != who else "")

    def hijack(self) -> None:
        """Somebody who got hold of a letter, a token, a number or an identifier that was not his."""
        who = self.chance.choice([*STRANGERS, *PEOPLE, *OUTSIDE])
        if not self.world.letters:
            return
        about = self.chance.choice(self.world.letters)
        how = self.chance.randrange(4)
        over: dict[str, object] = {"proven": self.chance.random() < 0.7}
        if how == 0:
            over["to"] = about.reply_to
        elif how == 1:
            over["references"] = str(about.mail["Message-ID"])
        elif how == 2:
            over["subject"] = f"Re: [FL-{about.ticket_id}] x"
        else:
            over["answers"] = about.mail["In-Reply-To"] or str(about.mail["Message-ID"])
        self.say(who, "hijack", **over)

    def team_letter(self) -> tuple[str, Letter] | None:
        agent = self.chance.choice(AGENTS)
        letters = self.mine(agent, "team")
        return (agent, self.chance.choice(letters)) if letters else None

    def order(self, agent: str, about: Letter, words: str) -> list[Letter]:
        self.log.append(f"{agent} FL-{about.ticket_id} {words!r}")
        return self.world.send(
            agent, words + self.quote(about), to=about.reply_to, answers=about, subject=f"Re: {about.mail['Subject']}"
        )

    def answer(self) -> None:
        """For the writer of the mail that is answered when he is a requester of it, else for the ticket's requester."""
        if (found := self.team_letter()) is None:
            return
        agent, about = found
        word = self.canary("answer")
        self.rights[word] |= self.addressees(about)
        self.order(agent, about, f"#send\nThis helps: {word}.")

    def addressees(self, about: Letter) -> set[str]:
        """Requesters of the ticket the letter was about, and the writer of the mail it was about."""
        here = self.world.rows(f"SELECT requester_key FROM ticket WHERE id = {about.ticket_id}")
        writers = self.world.rows(
            "SELECT e.author FROM entry e JOIN outbox o ON o.created_at = e.at "
            f"WHERE o.id = {about.number} AND e.kind IN ('request', 'follow_up')"
        )
        requesters = {row[0] for row in self.world.rows("SELECT requester_key FROM ticket")}
        return ({row[0] for row in writers} & requesters) | {row[0] for row in here}

    def note(self) -> None:
        if found := self.team_letter():
            self.order(*found, f"#note\nInside only: {self.canary('note')}.")

    def close(self) -> None:
        if found := self.team_letter():
            self.order(*found, f"#close {self.canary('reason')}\n#cause {self.canary('cause')}")

    def assign(self) -> None:
        if found := self.team_letter():
            self.order(*found, f"#assign agent\n#note\nFor you: {self.canary('handover')}.")

    def merge(self) -> None:
        found = self.team_letter()
        references = [row[0] for row in self.world.rows("SELECT reference FROM ticket")]
        if found and len(references) > 1:
            self.order(*found, f"#merge {self.chance.choice(references)}")

    def split(self) -> None:
        if found := self.team_letter():
            self.order(*found, "#split")

    def forward(self) -> None:
        """The words of the mail that opened the ticket may be read by the one who is asked, and its subject."""
        if (found := self.team_letter()) is None:
            return
        agent, about = found
        to = self.chance.choice([*OUTSIDE, *PEOPLE])
        end = self.end_of(about.ticket_id)
        (request,) = self.world.rows(f"SELECT text, subject FROM entry WHERE ticket_id = {end} ORDER BY id LIMIT 1")
        word = self.canary("forward")
        self.rights[word].add(to)
        opened = set(CANARY.findall(f"{request.text} {request.subject}"))
        before, mays = len(self.world.letters), {each: set(self.rights[each]) for each in opened}
        for each in opened:
            self.rights[each].add(to)
        self.order(agent, about, f"#forward {to}\nPlease look: {word}.")
        if not any(each.kind == "fwd" for each in self.world.letters[before:]):
            self.rights |= mays

    def end_of(self, ticket_id: int) -> int:
        seen = set()
        while ticket_id not in seen:
            seen.add(ticket_id)
            (row,) = self.world.rows(f"SELECT merged_into FROM ticket WHERE id = {ticket_id}")
            if row[0] is None:
                return ticket_id
            ticket_id = row[0]
        return ticket_id

    def outside_answers(self) -> None:
        who = self.chance.choice(OUTSIDE)
        letters = self.mine(who, "fwd")
        if letters:
            about = self.chance.choice(letters)
            self.say(who, "outside", answers=about, to=about.reply_to, cc=self.person())

    def undo(self) -> None:
        agent = self.chance.choice(AGENTS)
        letters = self.mine(agent, "rcpt")
        if letters:
            self.order(agent, self.chance.choice(letters[-5:]), "#undo")


def converse(seed: int, steps: int = STEPS) -> Run:
    run = Run(seed=seed)
    try:
        for _ in range(3):
            run.open()
        for _ in range(steps):
            run.step()
        kinds = {each.kind for each in run.world.letters}
        assert "team" in kinds
        sound(run.world)
    finally:
        run.world.close()
    return run


def sound(world: World) -> None:
    """No half ticket, no lost mail, no instant without its ticket."""
    assert not world.rows("SELECT id FROM inbound WHERE settled_at IS NULL")
    assert not world.rows(
        "SELECT i.id FROM inbound i WHERE i.outcome IN ('ticket', 'append') AND NOT EXISTS "
        "(SELECT 1 FROM entry e WHERE e.ticket_id = i.ticket_id AND e.inbound_id = i.id)"
    )
    assert not world.rows(
        "SELECT id FROM ticket t WHERE t.merged_into IS NULL AND NOT EXISTS "
        "(SELECT 1 FROM entry e WHERE e.ticket_id = t.id)"
    )
    assert not world.rows("SELECT ticket_id FROM outbox WHERE kind = 'ack' GROUP BY ticket_id HAVING count(*) > 1")
    assert not world.rows("SELECT id FROM ticket WHERE merged_into IS NOT NULL AND status <> 'closed'")


@pytest.mark.parametrize("seed", range(8))
def test_no_canary_flies_out(seed: int) -> None:
    """Forty steps each; the same seeds in every run, so that a failure can be looked at."""
    run = converse(seed)

    assert run.checked > 20


@pytest.mark.timeout(300)
def test_the_runs_do_what_they_are_for() -> None:
    """The generator reaches every kind of letter and order, or the test above would prove nothing."""
    kinds: set[str] = set()
    names: set[str] = set()
    for seed in range(100, 108):
        run = Run(seed=seed)
        for _ in range(3):
            run.open()
        for _ in range(STEPS):
            run.step()
        kinds |= {each.kind for each in run.world.letters}
        names |= {row[0] for row in run.world.rows("SELECT DISTINCT name FROM journal")}
        run.world.close()

    assert {"ack", "team", "reply", "rcpt", "fwd"} <= kinds
    assert {"ticket.changed", "agent.replied", "outside.answered", "ticket.joined", "ticket.forwarded"} <= names


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_no_canary_flies_out_of_a_thousand_conversations() -> None:
    """The long form."""
    for seed in range(1_000, 2_000):
        converse(seed, steps=60)
