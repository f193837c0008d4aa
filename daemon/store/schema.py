"""The schema: one MetaData for SQLite and PostgreSQL.

Every uniqueness rule is a constraint, every "due" query has a partial index whose predicate the
queries repeat word for word (a planner cannot prove it from a bound parameter). A row that is
finished has its `…_at` set, so "pending" is always `… IS NULL`. A change here needs a migration
in `migrations/` and a new `HEAD`; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

import daemon.store.service  # noqa: F401 - its tables are part of METADATA
from daemon.store.columns import Id, Instant, Key, Words
from daemon.store.metadata import METADATA, partial

HEAD = "0001"  # the newest revision in migrations/; compared with `alembic_version` by plain SQL
APPLICATION_ID = 0x464C_4E31  # "FLN1" in the SQLite header: this file is ours
FIRST_TICKET = 1001
CREDIT_LINES = "name IN ('credit.opened', 'credit.taken', 'credit.returned', 'credit.silence')"

INBOUND = Table(
    "inbound",
    METADATA,
    Column("id", Id, Identity(), primary_key=True),
    Column("desk", Key, nullable=False),
    Column("message_id", Key, nullable=False),  # "" when the mail has none: then nothing is unique
    Column("digest", String(64), nullable=False),  # of the canonical content, made by the channel's side
    Column("size", Integer, nullable=False),
    Column("id_reused", Boolean, nullable=False),
    Column("state", String(16), nullable=False),  # received, claimed, settled
    Column("attempts", Integer, nullable=False),
    Column("lease_owner", Key, nullable=False),
    Column("lease_until", Instant, nullable=False),  # claimable from then on; also the delay of a released row
    Column("fence", Integer, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("outcome", String(16), nullable=False),
    Column("reason", Words(200), nullable=False),
    Column("ack_reason", Words(200), nullable=False),
    Column("ticket_id", Id, ForeignKey("ticket.id")),
    Column("flags", Words(1000), nullable=False),  # space-separated words
    Column("evidence", Words(32_768), nullable=False),  # JSON: why it was read and decided so
    sqlite_autoincrement=True,  # an id is never given twice, even after retention
)
partial(
    "uq_inbound_duplicate_key",
    "message_id <> ''",
    INBOUND.c.message_id,  # first, so that `explain <id>` finds it too
    INBOUND.c.desk,
    INBOUND.c.digest,
    unique=True,
)
partial("ix_inbound_pending", "settled_at IS NULL", INBOUND.c.id, INBOUND.c.lease_until)
partial("ix_inbound_flagged", "flags <> ''", INBOUND.c.settled_at)
partial("ix_inbound_ticket_id", "ticket_id IS NOT NULL", INBOUND.c.ticket_id)

Index("ix_inbound_outcome", INBOUND.c.outcome, INBOUND.c.ack_reason)  # counts without reading the wide rows

RAW = Table(
    "raw",
    METADATA,
    Column("inbound_id", Id, ForeignKey("inbound.id"), primary_key=True, autoincrement=False),
    Column("sha256", String(64), nullable=False),
    Column("bytes", LargeBinary, nullable=False),
)

DELIVERY = Table(
    "delivery",
    METADATA,
    Column("id", Id, Identity(), primary_key=True),
    Column("inbound_id", Id, ForeignKey("inbound.id"), nullable=False, index=True),
    Column("acceptance", String(16), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("reverse_path", Words(1000)),
    Column("reverse_path_known", Boolean, nullable=False),
    Column("forward_paths", Text, nullable=False),  # JSON list
    Column("peer", Words(200), nullable=False),
    Column("helo", Words(300), nullable=False),
    Column("authenticated_as", Words(300), nullable=False),
    Column("tls", Boolean, nullable=False),
    Column("source", Words(1000), nullable=False),
    Column("source_key", Key, unique=True),  # IMAP: account/folder/uidvalidity/uid; else NULL
    Column("received_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

Index("ix_delivery_acceptance", DELIVERY.c.acceptance)

TICKET = Table(
    "ticket",
    METADATA,
    Column("id", Id, Identity(start=FIRST_TICKET), primary_key=True),
    Column("reference", Key, nullable=False, unique=True),
    Column("desk", Key, nullable=False),
    Column("requester", Words(1000)),
    Column("requester_key", Key, nullable=False),  # "" without an identity
    Column("requester_name", Words(300), nullable=False),
    Column("subject", Words(1000), nullable=False),
    Column("category", Key, nullable=False),
    Column("tier", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("priority", String(2), nullable=False),
    Column("team", Key, nullable=False),
    Column("assignee", Key, nullable=False),  # Address.key of the agent who has it
    Column("status", String(16), nullable=False),
    Column("proven", Boolean, nullable=False),  # the requester was: later notices may repeat the subject
    Column("language", String(16), nullable=False),
    Column("zone", String(64), nullable=False),  # in which the requester reads times; "" is the desk's
    Column("confidence", Float, nullable=False),
    Column("model_id", Words(200), nullable=False),
    Column("suggested", Key, nullable=False),
    Column("link_hint", Id),
    Column("merged_into", Id, ForeignKey("ticket.id")),
    Column("thread_root", Words(1000), nullable=False),
    Column("thread_index", Words(1000), nullable=False),  # Outlook's, of the mail that opened it
    Column("opened_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("promised_at", Instant),
    Column("first_response_at", Instant),
    Column("solved_at", Instant),  # of a ticket that is solved or closed
    Column("close_reason", Words(300), nullable=False),
    Column("cause", Words(300), nullable=False),
    Column("resolution", Words(2000), nullable=False),
    Column("muted", Boolean, nullable=False),  # the requester wants no more news of it
    sqlite_autoincrement=True,
)
partial("ix_ticket_solved", "solved_at IS NOT NULL", TICKET.c.solved_at)
Index("ix_ticket_requester", TICKET.c.requester_key, TICKET.c.id)
partial("ix_ticket_merged_into", "merged_into IS NOT NULL", TICKET.c.merged_into)
partial("ix_ticket_live", "status <> 'closed'", TICKET.c.category, TICKET.c.status, TICKET.c.tier)

ENTRY = Table(
    "entry",
    METADATA,
    Column("id", Id, Identity(), primary_key=True),
    Column("ticket_id", Id, ForeignKey("ticket.id"), nullable=False),
    Column("inbound_id", Id, ForeignKey("inbound.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("author", Key, nullable=False),
    Column("author_name", Words(300), nullable=False),
    Column("subject", Words(1000), nullable=False),
    Column("text", Words(200_000), nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("ticket_id", "inbound_id"),
    sqlite_autoincrement=True,
)

PARTICIPANT = Table(
    "participant",
    METADATA,
    Column("ticket_id", Id, ForeignKey("ticket.id"), primary_key=True, autoincrement=False),
    Column("address", Key, primary_key=True),
    Column("role", String(16), nullable=False),  # requester, agent, copied, joined (by a merge), outside
    Column("since", Instant, nullable=False),
    sqlite_with_rowid=False,
)

MESSAGE_REF = Table(
    "message_ref",
    METADATA,
    Column("message_id", Key, primary_key=True),
    Column("ticket_id", Id, ForeignKey("ticket.id"), primary_key=True, autoincrement=False),
    Column("origin", String(16), nullable=False),  # mail, ancestor (only named so far), own (we sent it)
    sqlite_with_rowid=False,
)

FINGERPRINT = Table(
    "fingerprint",
    METADATA,
    Column("id", Id, Identity(), primary_key=True),
    Column("hash", Key, nullable=False),
    Column("desk", Key, nullable=False),
    Column("ticket_id", Id, ForeignKey("ticket.id"), nullable=False),
    Column("at", Instant, nullable=False),
)
Index("ix_fingerprint_hash_at", FINGERPRINT.c.hash, FINGERPRINT.c.at)

TICKET_LINK = Table(
    "ticket_link",
    METADATA,
    Column("ticket_id", Id, ForeignKey("ticket.id"), primary_key=True, autoincrement=False),  # the smaller of the two
    Column("other_id", Id, ForeignKey("ticket.id"), primary_key=True, autoincrement=False),
    Column("since", Instant, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_ticket_link_other_id", TICKET_LINK.c.other_id)

FOREIGN_TICKET = Table(
    "foreign_ticket",
    METADATA,
    Column("desk", Key, primary_key=True),
    Column("system", Key, primary_key=True),  # the name of the desk software that we came from
    Column("number", Key, primary_key=True),
    Column("ticket_id", Id, ForeignKey("ticket.id"), nullable=False),
    sqlite_with_rowid=False,
)

CLOCK = Table(
    "clock",
    METADATA,
    Column("id", Id, Identity(), primary_key=True),
    Column("ticket_id", Id, ForeignKey("ticket.id"), nullable=False),
    Column("name", String(64), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),  # pending, done, cancelled
    Column("ended_at", Instant),
    Column("lease_owner", Key, nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column("fence", Integer, nullable=False),
    UniqueConstraint("ticket_id", "name", "due_at"),
)
partial("ix_clock_due", "ended_at IS NULL", CLOCK.c.due_at)

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("id", Id, Identity(), primary_key=True),
    Column("ticket_id", Id, ForeignKey("ticket.id")),
    Column("kind", String(16), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("message_id", Key, nullable=False, unique=True),
    Column("mail_from", Words(1000), nullable=False),  # "" is the null reverse-path
    Column("recipient", Words(1000), nullable=False),
    Column("state", String(16), nullable=False),  # queued, claimed, accepted, refused, expired
    Column("attempts", Integer, nullable=False),
    Column("uncertain", Integer, nullable=False),  # tries whose outcome after the final dot is unknown
    Column("next_at", Instant, nullable=False),  # claimable from then on: the back-off, or the end of the lease
    Column("expires_at", Instant, nullable=False),
    Column("lease_owner", Key, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("reply", Words(1000), nullable=False),  # the peer's last words
    Column("created_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("sha256", String(64), nullable=False),
    Column("bytes", LargeBinary, nullable=False),  # last: SQLite need not walk over it to reach a column
    UniqueConstraint("ticket_id", "kind", "sequence"),
    sqlite_autoincrement=True,
)
partial("ix_outbox_due", "done_at IS NULL", OUTBOX.c.next_at, OUTBOX.c.id)

Index("ix_outbox_state", OUTBOX.c.state, OUTBOX.c.kind)

PROMISE = Table(
    "promise",
    METADATA,
    Column("ticket_id", Id, ForeignKey("ticket.id"), primary_key=True, autoincrement=False),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("due_at", Instant, nullable=False),
    Column("zone", String(64), nullable=False),
    Column("calendar", Key, nullable=False),
    Column("target_s", Integer, nullable=False),  # working time
    Column("hours", String(16), nullable=False),
    Column("holiday", Words(200), nullable=False),
    Column("said", Words(1000), nullable=False),  # exactly as sent; "" when nobody was told
    Column("made_at", Instant, nullable=False),
    Column("notice_id", Id, ForeignKey("outbox.id")),
    Column("state", String(16), nullable=False),  # open, kept, broken, revised
    Column("answered_at", Instant),
)
Index("ix_promise_state", PROMISE.c.state, PROMISE.c.due_at)

CREDIT = Table(
    "credit",
    METADATA,
    Column("scope", String(16), primary_key=True),  # address, domain, overall, team
    Column("key", Key, primary_key=True),
    Column("left", Integer, CheckConstraint('"left" >= 0', name="left"), nullable=False),
    Column("last_at", Instant, nullable=False),  # address: when it last wrote to us
    sqlite_with_rowid=False,
)

HOLD = Table(
    "hold",
    METADATA,
    Column("address", Key, primary_key=True),  # canonical form
    Column("until", Instant, nullable=False),
    Column("reason", Words(300), nullable=False),
    sqlite_with_rowid=False,
)

JOURNAL = Table(
    "journal",
    METADATA,
    Column("id", Id, Identity(), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("name", String(64), nullable=False),
    Column("inbound_id", Id),
    Column("ticket_id", Id),
    Column("facts", Text, nullable=False),  # JSON object of strings, in order
    sqlite_autoincrement=True,
)
for _column in (JOURNAL.c.inbound_id, JOURNAL.c.ticket_id):
    partial(f"ix_journal_{_column.name}", f"{_column.name} IS NOT NULL", _column)
# The law of the credits is recomputed from these few lines; without the index an audit reads the whole journal.
partial("ix_journal_credit", CREDIT_LINES, JOURNAL.c.name, JOURNAL.c.id)

REFUSAL = Table(
    "refusal",
    METADATA,
    Column("reason", Key, primary_key=True),
    Column("amount", Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

LABEL = Table(
    "label",
    METADATA,
    Column("id", Id, Identity(), primary_key=True),
    Column("item", Key, nullable=False),  # what is labelled: mail:<inbound id>, or text:<digest> of an import
    Column("inbound_id", Id, ForeignKey("inbound.id")),
    Column("ticket_id", Id, ForeignKey("ticket.id")),
    Column("category", Key, nullable=False),
    Column("tier", Integer),
    Column("kind", String(16), nullable=False),
    Column("provenance", String(16), nullable=False),  # agent, closing, review, import
    Column("by_whom", Key, nullable=False),  # "" for an import
    Column("at", Instant, nullable=False),
    Column("mail_at", Instant),  # of imports that say it
    Column("predicted", Key, nullable=False),  # what the model had said of it, "" when it was not asked
    Column("band", String(16), nullable=False),
    Column("model_id", Key, nullable=False),
    Column("superseded_at", Instant),
    Column("superseded_by", Id),
    Column("sender", Key, nullable=False),
    Column("language", String(16), nullable=False),
    Column("subject", Words(1000), nullable=False),  # of imports; a mail's own text stays with the mail
    Column("text", Words(200_000), nullable=False),
    sqlite_autoincrement=True,
)
partial(
    "uq_label_item",
    "superseded_at IS NULL",
    LABEL.c.item,  # one label counts
    unique=True,
)
Index("ix_label_sender", LABEL.c.sender)
Index("ix_label_inbound_id", LABEL.c.inbound_id)
Index("ix_label_model_id", LABEL.c.model_id, LABEL.c.at)

META = Table(
    "meta",
    METADATA,
    Column("key", Key, primary_key=True),
    Column("value", Words(10_000), nullable=False),
    sqlite_with_rowid=False,
)

TRIGGERS_SQLITE = tuple(
    f"CREATE TRIGGER journal_no_{verb.lower()} BEFORE {verb} ON journal "
    "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
    for verb in ("UPDATE", "DELETE")
)
TRIGGERS_POSTGRESQL = (
    """CREATE OR REPLACE FUNCTION journal_append_only() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$""",
    """CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
       FOR EACH STATEMENT EXECUTE FUNCTION journal_append_only()""",
)
FIRST_TICKET_SQLITE = f"INSERT INTO sqlite_sequence (name, seq) VALUES ('ticket', {FIRST_TICKET - 1})"  # noqa: S608

for _table, _dialect, _statements in (
    (JOURNAL, "sqlite", TRIGGERS_SQLITE),
    (JOURNAL, "postgresql", TRIGGERS_POSTGRESQL),
    (TICKET, "sqlite", (FIRST_TICKET_SQLITE,)),
):
    for _statement in _statements:
        _ddl = DDL(_statement)  # type: ignore[no-untyped-call]
        event.listen(_table, "after_create", _ddl.execute_if(dialect=_dialect))
