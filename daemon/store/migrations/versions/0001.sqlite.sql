CREATE TABLE ticket (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    reference VARCHAR(255) NOT NULL,
    desk VARCHAR(255) NOT NULL,
    requester TEXT,
    requester_key VARCHAR(255) NOT NULL,
    requester_name TEXT NOT NULL,
    subject TEXT NOT NULL,
    category VARCHAR(255) NOT NULL,
    tier INTEGER NOT NULL,
    kind VARCHAR(16) NOT NULL,
    priority VARCHAR(2) NOT NULL,
    team VARCHAR(255) NOT NULL,
    assignee VARCHAR(255) NOT NULL,
    status VARCHAR(16) NOT NULL,
    proven BOOLEAN NOT NULL,
    language VARCHAR(16) NOT NULL,
    zone VARCHAR(64) NOT NULL,
    confidence FLOAT NOT NULL,
    model_id TEXT NOT NULL,
    suggested VARCHAR(255) NOT NULL,
    link_hint INTEGER,
    merged_into INTEGER,
    thread_root TEXT NOT NULL,
    thread_index TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    promised_at BIGINT,
    first_response_at BIGINT,
    solved_at BIGINT,
    close_reason TEXT NOT NULL,
    cause TEXT NOT NULL,
    resolution TEXT NOT NULL,
    muted BOOLEAN NOT NULL,
    CONSTRAINT uq_ticket_reference UNIQUE (reference),
    CONSTRAINT fk_ticket_merged_into FOREIGN KEY(merged_into) REFERENCES ticket (id)
);

CREATE INDEX ix_ticket_live ON ticket (category, status, tier) WHERE status <> 'closed';

CREATE INDEX ix_ticket_solved ON ticket (solved_at) WHERE solved_at IS NOT NULL;

CREATE INDEX ix_ticket_merged_into ON ticket (merged_into) WHERE merged_into IS NOT NULL;

CREATE INDEX ix_ticket_requester ON ticket (requester_key, id);

INSERT INTO sqlite_sequence (name, seq) VALUES ('ticket', 1000);

CREATE TABLE credit (
    scope VARCHAR(16) NOT NULL,
    "key" VARCHAR(255) NOT NULL,
    "left" INTEGER NOT NULL CONSTRAINT ck_credit_left CHECK ("left" >= 0),
    last_at BIGINT NOT NULL,
    CONSTRAINT pk_credit PRIMARY KEY (scope, "key")
)
 WITHOUT ROWID;

CREATE TABLE hold (
    address VARCHAR(255) NOT NULL,
    until BIGINT NOT NULL,
    reason TEXT NOT NULL,
    CONSTRAINT pk_hold PRIMARY KEY (address)
)
 WITHOUT ROWID;

CREATE TABLE journal (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    name VARCHAR(64) NOT NULL,
    inbound_id INTEGER,
    ticket_id INTEGER,
    facts TEXT NOT NULL
);

CREATE INDEX ix_journal_credit ON journal (name, id) WHERE name IN ('credit.opened', 'credit.taken', 'credit.returned', 'credit.silence');

CREATE INDEX ix_journal_inbound_id ON journal (inbound_id) WHERE inbound_id IS NOT NULL;

CREATE INDEX ix_journal_ticket_id ON journal (ticket_id) WHERE ticket_id IS NOT NULL;

CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

CREATE TABLE refusal (
    reason VARCHAR(255) NOT NULL,
    amount INTEGER NOT NULL,
    last_at BIGINT NOT NULL,
    CONSTRAINT pk_refusal PRIMARY KEY (reason)
)
 WITHOUT ROWID;

CREATE TABLE meta (
    "key" VARCHAR(255) NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT pk_meta PRIMARY KEY ("key")
)
 WITHOUT ROWID;

CREATE TABLE inbound (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    desk VARCHAR(255) NOT NULL,
    message_id VARCHAR(255) NOT NULL,
    digest VARCHAR(64) NOT NULL,
    size INTEGER NOT NULL,
    id_reused BOOLEAN NOT NULL,
    state VARCHAR(16) NOT NULL,
    attempts INTEGER NOT NULL,
    lease_owner VARCHAR(255) NOT NULL,
    lease_until BIGINT NOT NULL,
    fence INTEGER NOT NULL,
    received_at BIGINT NOT NULL,
    settled_at BIGINT,
    outcome VARCHAR(16) NOT NULL,
    reason TEXT NOT NULL,
    ack_reason TEXT NOT NULL,
    ticket_id INTEGER,
    flags TEXT NOT NULL,
    evidence TEXT NOT NULL,
    CONSTRAINT fk_inbound_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id)
);

CREATE INDEX ix_inbound_pending ON inbound (id, lease_until) WHERE settled_at IS NULL;

CREATE INDEX ix_inbound_outcome ON inbound (outcome, ack_reason);

CREATE INDEX ix_inbound_ticket_id ON inbound (ticket_id) WHERE ticket_id IS NOT NULL;

CREATE UNIQUE INDEX uq_inbound_duplicate_key ON inbound (message_id, desk, digest) WHERE message_id <> '';

CREATE INDEX ix_inbound_flagged ON inbound (settled_at) WHERE flags <> '';

CREATE TABLE participant (
    ticket_id INTEGER NOT NULL,
    address VARCHAR(255) NOT NULL,
    role VARCHAR(16) NOT NULL,
    since BIGINT NOT NULL,
    CONSTRAINT pk_participant PRIMARY KEY (ticket_id, address),
    CONSTRAINT fk_participant_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id)
)
 WITHOUT ROWID;

CREATE TABLE message_ref (
    message_id VARCHAR(255) NOT NULL,
    ticket_id INTEGER NOT NULL,
    origin VARCHAR(16) NOT NULL,
    CONSTRAINT pk_message_ref PRIMARY KEY (message_id, ticket_id),
    CONSTRAINT fk_message_ref_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id)
)
 WITHOUT ROWID;

CREATE TABLE fingerprint (
    id INTEGER NOT NULL,
    hash VARCHAR(255) NOT NULL,
    desk VARCHAR(255) NOT NULL,
    ticket_id INTEGER NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT pk_fingerprint PRIMARY KEY (id),
    CONSTRAINT fk_fingerprint_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id)
);

CREATE INDEX ix_fingerprint_hash_at ON fingerprint (hash, at);

CREATE TABLE ticket_link (
    ticket_id INTEGER NOT NULL,
    other_id INTEGER NOT NULL,
    since BIGINT NOT NULL,
    CONSTRAINT pk_ticket_link PRIMARY KEY (ticket_id, other_id),
    CONSTRAINT fk_ticket_link_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id),
    CONSTRAINT fk_ticket_link_other_id FOREIGN KEY(other_id) REFERENCES ticket (id)
)
 WITHOUT ROWID;

CREATE INDEX ix_ticket_link_other_id ON ticket_link (other_id);

CREATE TABLE foreign_ticket (
    desk VARCHAR(255) NOT NULL,
    system VARCHAR(255) NOT NULL,
    number VARCHAR(255) NOT NULL,
    ticket_id INTEGER NOT NULL,
    CONSTRAINT pk_foreign_ticket PRIMARY KEY (desk, system, number),
    CONSTRAINT fk_foreign_ticket_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id)
)
 WITHOUT ROWID;

CREATE TABLE clock (
    id INTEGER NOT NULL,
    ticket_id INTEGER NOT NULL,
    name VARCHAR(64) NOT NULL,
    due_at BIGINT NOT NULL,
    state VARCHAR(16) NOT NULL,
    ended_at BIGINT,
    lease_owner VARCHAR(255) NOT NULL,
    lease_until BIGINT NOT NULL,
    fence INTEGER NOT NULL,
    CONSTRAINT pk_clock PRIMARY KEY (id),
    CONSTRAINT uq_clock_ticket_id_name_due_at UNIQUE (ticket_id, name, due_at),
    CONSTRAINT fk_clock_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id)
);

CREATE INDEX ix_clock_due ON clock (due_at) WHERE ended_at IS NULL;

CREATE TABLE outbox (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    ticket_id INTEGER,
    kind VARCHAR(16) NOT NULL,
    sequence INTEGER NOT NULL,
    message_id VARCHAR(255) NOT NULL,
    mail_from TEXT NOT NULL,
    recipient TEXT NOT NULL,
    state VARCHAR(16) NOT NULL,
    attempts INTEGER NOT NULL,
    uncertain INTEGER NOT NULL,
    next_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    lease_owner VARCHAR(255) NOT NULL,
    fence INTEGER NOT NULL,
    reply TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    done_at BIGINT,
    sha256 VARCHAR(64) NOT NULL,
    bytes BLOB NOT NULL,
    CONSTRAINT uq_outbox_ticket_id_kind_sequence UNIQUE (ticket_id, kind, sequence),
    CONSTRAINT fk_outbox_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id),
    CONSTRAINT uq_outbox_message_id UNIQUE (message_id)
);

CREATE INDEX ix_outbox_due ON outbox (next_at, id) WHERE done_at IS NULL;

CREATE INDEX ix_outbox_state ON outbox (state, kind);

CREATE TABLE raw (
    inbound_id INTEGER NOT NULL,
    sha256 VARCHAR(64) NOT NULL,
    bytes BLOB NOT NULL,
    CONSTRAINT pk_raw PRIMARY KEY (inbound_id),
    CONSTRAINT fk_raw_inbound_id FOREIGN KEY(inbound_id) REFERENCES inbound (id)
);

CREATE TABLE delivery (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    inbound_id INTEGER NOT NULL,
    acceptance VARCHAR(16) NOT NULL,
    channel VARCHAR(16) NOT NULL,
    reverse_path TEXT,
    reverse_path_known BOOLEAN NOT NULL,
    forward_paths TEXT NOT NULL,
    peer TEXT NOT NULL,
    helo TEXT NOT NULL,
    authenticated_as TEXT NOT NULL,
    tls BOOLEAN NOT NULL,
    source TEXT NOT NULL,
    source_key VARCHAR(255),
    received_at BIGINT NOT NULL,
    CONSTRAINT fk_delivery_inbound_id FOREIGN KEY(inbound_id) REFERENCES inbound (id),
    CONSTRAINT uq_delivery_source_key UNIQUE (source_key)
);

CREATE INDEX ix_delivery_inbound_id ON delivery (inbound_id);

CREATE INDEX ix_delivery_acceptance ON delivery (acceptance);

CREATE TABLE entry (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    ticket_id INTEGER NOT NULL,
    inbound_id INTEGER NOT NULL,
    kind VARCHAR(16) NOT NULL,
    author VARCHAR(255) NOT NULL,
    author_name TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT uq_entry_ticket_id_inbound_id UNIQUE (ticket_id, inbound_id),
    CONSTRAINT fk_entry_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id),
    CONSTRAINT fk_entry_inbound_id FOREIGN KEY(inbound_id) REFERENCES inbound (id)
);

CREATE TABLE promise (
    ticket_id INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    due_at BIGINT NOT NULL,
    zone VARCHAR(64) NOT NULL,
    calendar VARCHAR(255) NOT NULL,
    target_s INTEGER NOT NULL,
    hours VARCHAR(16) NOT NULL,
    holiday TEXT NOT NULL,
    said TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    notice_id INTEGER,
    state VARCHAR(16) NOT NULL,
    answered_at BIGINT,
    CONSTRAINT pk_promise PRIMARY KEY (ticket_id, sequence),
    CONSTRAINT fk_promise_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id),
    CONSTRAINT fk_promise_notice_id FOREIGN KEY(notice_id) REFERENCES outbox (id)
);

CREATE INDEX ix_promise_state ON promise (state, due_at);

CREATE TABLE approval (
    ticket_id INTEGER NOT NULL,
    slot VARCHAR(255) NOT NULL,
    person VARCHAR(255) NOT NULL,
    address TEXT NOT NULL,
    role VARCHAR(16) NOT NULL,
    state VARCHAR(16) NOT NULL,
    stage INTEGER NOT NULL,
    asked_at BIGINT NOT NULL,
    deadline BIGINT NOT NULL,
    decided_at BIGINT,
    reason TEXT NOT NULL,
    CONSTRAINT pk_approval PRIMARY KEY (ticket_id, slot, person),
    CONSTRAINT fk_approval_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id)
)
 WITHOUT ROWID;

CREATE INDEX ix_approval_asked ON approval (deadline) WHERE state = 'asked';

CREATE TABLE response (
    ticket_id INTEGER NOT NULL,
    category VARCHAR(255) NOT NULL,
    tier INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    calendar VARCHAR(255) NOT NULL,
    opened_at BIGINT NOT NULL,
    expected_at BIGINT,
    said BOOLEAN NOT NULL,
    took_s INTEGER,
    answered_at BIGINT,
    CONSTRAINT pk_response PRIMARY KEY (ticket_id),
    CONSTRAINT fk_response_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id)
)
 WITHOUT ROWID;

CREATE TABLE estimate (
    cell VARCHAR(255) NOT NULL,
    took_s INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    fit BOOLEAN NOT NULL,
    made_at BIGINT NOT NULL,
    CONSTRAINT pk_estimate PRIMARY KEY (cell)
)
 WITHOUT ROWID;

CREATE TABLE label (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    item VARCHAR(255) NOT NULL,
    inbound_id INTEGER,
    ticket_id INTEGER,
    category VARCHAR(255) NOT NULL,
    tier INTEGER,
    kind VARCHAR(16) NOT NULL,
    provenance VARCHAR(16) NOT NULL,
    by_whom VARCHAR(255) NOT NULL,
    at BIGINT NOT NULL,
    mail_at BIGINT,
    predicted VARCHAR(255) NOT NULL,
    band VARCHAR(16) NOT NULL,
    model_id VARCHAR(255) NOT NULL,
    superseded_at BIGINT,
    superseded_by INTEGER,
    sender VARCHAR(255) NOT NULL,
    language VARCHAR(16) NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    CONSTRAINT fk_label_inbound_id FOREIGN KEY(inbound_id) REFERENCES inbound (id),
    CONSTRAINT fk_label_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id)
);

CREATE INDEX ix_label_inbound_id ON label (inbound_id);

CREATE INDEX ix_label_model_id ON label (model_id, at);

CREATE INDEX ix_label_sender ON label (sender);

CREATE UNIQUE INDEX uq_label_item ON label (item) WHERE superseded_at IS NULL;

CREATE TABLE opinion (
    ticket_id INTEGER NOT NULL,
    person VARCHAR(255) NOT NULL,
    asked_at BIGINT NOT NULL,
    answered_at BIGINT,
    score INTEGER NOT NULL,
    words TEXT NOT NULL,
    CONSTRAINT pk_opinion PRIMARY KEY (ticket_id),
    CONSTRAINT fk_opinion_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id)
)
 WITHOUT ROWID;

CREATE INDEX ix_opinion_answered ON opinion (answered_at) WHERE answered_at IS NOT NULL;

CREATE INDEX ix_opinion_person ON opinion (person, asked_at);

CREATE TABLE effort (
    id INTEGER NOT NULL,
    ticket_id INTEGER NOT NULL,
    agent VARCHAR(255) NOT NULL,
    tier INTEGER NOT NULL,
    minutes INTEGER NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT pk_effort PRIMARY KEY (id),
    CONSTRAINT fk_effort_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id)
);

CREATE INDEX ix_effort_at ON effort (at);

CREATE INDEX ix_effort_ticket_id ON effort (ticket_id);
