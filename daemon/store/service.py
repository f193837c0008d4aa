"""The tables of the service itself: approvals, how long answers take, opinions, time spent.

Part of the schema: `schema` imports this module, so that METADATA is whole. The rules are those told there.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Identity, Index, Integer, String, Table

from daemon.store.columns import Id, Instant, Key, Words
from daemon.store.metadata import METADATA, partial

APPROVAL = Table(
    "approval",
    METADATA,
    Column("ticket_id", Id, ForeignKey("ticket.id"), primary_key=True, autoincrement=False),
    Column("slot", Key, primary_key=True),  # name of the approver whose word is wanted
    Column("person", Key, primary_key=True),  # Address.key of who was asked: he, or a deputy
    Column("address", Words(1000), nullable=False),
    Column("role", String(16), nullable=False),  # approver, deputy
    Column("state", String(16), nullable=False),  # asked, approved, denied, void
    Column("stage", Integer, nullable=False),  # what the clock has done: 0 asked, 1 reminded, 2 deputies, 3 managers
    Column("asked_at", Instant, nullable=False),
    Column("deadline", Instant, nullable=False),
    Column("decided_at", Instant),
    Column("reason", Words(1000), nullable=False),
    sqlite_with_rowid=False,
)
partial("ix_approval_asked", "state = 'asked'", APPROVAL.c.deadline)

RESPONSE = Table(
    "response",
    METADATA,
    Column("ticket_id", Id, ForeignKey("ticket.id"), primary_key=True, autoincrement=False),
    Column("category", Key, nullable=False),  # as the ticket was opened, whatever it is now
    Column("tier", Integer, nullable=False),
    Column("hour", Integer, nullable=False),  # of the week, 0 to 167, in the calendar's zone
    Column("calendar", Key, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("expected_at", Instant),  # the estimate of that day, said or not
    Column("said", Boolean, nullable=False),
    Column("took_s", Integer),  # working time until a person answered
    Column("answered_at", Instant),
    sqlite_with_rowid=False,
)

ESTIMATE = Table(
    "estimate",
    METADATA,
    Column("cell", Key, primary_key=True),
    Column("took_s", Integer, nullable=False),  # the quantile, working time
    Column("amount", Integer, nullable=False),  # of answers it was made of
    Column("fit", Boolean, nullable=False),  # what was measured allows to say it
    Column("made_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

OPINION = Table(
    "opinion",
    METADATA,
    Column("ticket_id", Id, ForeignKey("ticket.id"), primary_key=True, autoincrement=False),
    Column("person", Key, nullable=False),  # canonical form, as credits know people
    Column("asked_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("score", Integer, nullable=False),  # 1 to 5; 0 until there is an answer
    Column("words", Words(2000), nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_opinion_person", OPINION.c.person, OPINION.c.asked_at)
partial("ix_opinion_answered", "answered_at IS NOT NULL", OPINION.c.answered_at)

EFFORT = Table(
    "effort",
    METADATA,
    Column("id", Id, Identity(), primary_key=True),
    Column("ticket_id", Id, ForeignKey("ticket.id"), nullable=False),
    Column("agent", Key, nullable=False),
    Column("tier", Integer, nullable=False),  # in which it was spent
    Column("minutes", Integer, nullable=False),
    Column("at", Instant, nullable=False),
)
Index("ix_effort_at", EFFORT.c.at)
Index("ix_effort_ticket_id", EFFORT.c.ticket_id)
