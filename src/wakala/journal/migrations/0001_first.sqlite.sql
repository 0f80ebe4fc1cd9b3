-- The first schema. Times are microseconds since 1970 UTC, amounts are cents.
-- Every row carries organisation, app, shortcode and environment: tenant scope is in every query.

CREATE TABLE organisations (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_us INTEGER NOT NULL
) STRICT;

CREATE TABLE shortcodes (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    environment TEXT NOT NULL,
    number TEXT NOT NULL,
    kind TEXT NOT NULL,
    till TEXT,
    side TEXT NOT NULL,
    response_type TEXT NOT NULL,
    data_key TEXT NOT NULL,
    consumer_key TEXT NOT NULL,
    consumer_secret TEXT NOT NULL,
    passkey TEXT NOT NULL,
    collector_app_id TEXT,
    registered_us INTEGER,
    created_us INTEGER NOT NULL,
    UNIQUE (organisation_id, environment, number)
) STRICT;

CREATE TABLE apps (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    name TEXT NOT NULL,
    consumer_key TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL UNIQUE,
    data_key TEXT NOT NULL,
    webhook_secret TEXT NOT NULL,
    callback_url TEXT,
    body_format TEXT NOT NULL,
    live_shortcode_id TEXT REFERENCES shortcodes (id),
    is_active INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    UNIQUE (organisation_id, name)
) STRICT;

-- Moves with every change of organisations, shortcodes and apps, so that a running gateway sees the change.
CREATE TABLE directory_version (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO directory_version (id, version) VALUES (1, 1);

CREATE TABLE payments (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    shortcode_id TEXT NOT NULL,
    environment TEXT NOT NULL,
    kind TEXT NOT NULL,
    request_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    amount_cents INTEGER NOT NULL,
    msisdn TEXT NOT NULL,
    reference TEXT NOT NULL,
    description TEXT NOT NULL,
    reference_data TEXT NOT NULL,
    callback_url TEXT,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    sent_us INTEGER,
    settled_us INTEGER,
    merchant_request_id TEXT,
    checkout_request_id TEXT,
    receipt TEXT,
    paid_us INTEGER,
    payer_name TEXT,
    answer TEXT,
    answer_code TEXT,
    answer_desc TEXT,
    result_code TEXT,
    result_desc TEXT,
    evidence TEXT,
    reason TEXT,
    flags TEXT NOT NULL,
    notifications INTEGER NOT NULL,
    checks INTEGER NOT NULL,
    next_check_us INTEGER
) STRICT, WITHOUT ROWID;

-- A request ID is spent for ever within an organisation and environment.
CREATE UNIQUE INDEX payments_request ON payments (organisation_id, environment, request_id);
-- A receipt belongs to one payment: the last guard of "exactly once from many sources".
CREATE UNIQUE INDEX payments_receipt ON payments (organisation_id, environment, receipt) WHERE receipt IS NOT NULL;
-- What the finisher looks at: only open payments are in it, so its size is the work in hand, not the history.
CREATE INDEX payments_due ON payments (next_check_us) WHERE next_check_us IS NOT NULL;
-- The pushes that a C2B confirmation may belong to: open, or paid by a query's word, which carries no receipt.
CREATE INDEX payments_open ON payments (shortcode_id, amount_cents, created_us)
WHERE kind = 'push' AND receipt IS NULL AND state NOT IN ('received', 'failed', 'expired');
-- Newest first, by cursor: IDs are in the order of time.
CREATE INDEX payments_listed ON payments (organisation_id, id);

CREATE TABLE events (
    payment_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    organisation_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    shortcode_id TEXT NOT NULL,
    environment TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    name TEXT NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    exchange_id TEXT,
    detail TEXT NOT NULL,
    PRIMARY KEY (payment_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE exchanges (
    id TEXT PRIMARY KEY,
    payment_id TEXT,
    notification_id TEXT,
    organisation_id TEXT,
    app_id TEXT,
    shortcode_id TEXT,
    environment TEXT,
    name TEXT NOT NULL,
    direction TEXT NOT NULL,
    verdict TEXT NOT NULL,
    peer TEXT,
    method TEXT NOT NULL,
    url TEXT NOT NULL,
    request_headers TEXT NOT NULL,
    request_body BLOB NOT NULL,
    status INTEGER,
    answer_headers TEXT NOT NULL,
    answer_body BLOB NOT NULL,
    error TEXT,
    started_us INTEGER NOT NULL,
    duration_us INTEGER
) STRICT;

CREATE INDEX exchanges_payment ON exchanges (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX exchanges_quarantine ON exchanges (id) WHERE verdict <> 'ok';

-- Every C2B confirmation, once a receipt. payment_id is empty while it waits to learn which push it belongs to.
CREATE TABLE confirmations (
    organisation_id TEXT NOT NULL,
    environment TEXT NOT NULL,
    receipt TEXT NOT NULL,
    app_id TEXT NOT NULL,
    shortcode_id TEXT NOT NULL,
    payment_id TEXT,
    notice TEXT NOT NULL,
    received_us INTEGER NOT NULL,
    due_us INTEGER,
    PRIMARY KEY (organisation_id, environment, receipt)
) STRICT, WITHOUT ROWID;

CREATE INDEX confirmations_due ON confirmations (due_us) WHERE due_us IS NOT NULL;

CREATE TABLE notifications (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    organisation_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    shortcode_id TEXT NOT NULL,
    environment TEXT NOT NULL,
    type TEXT NOT NULL,
    body BLOB NOT NULL,
    lane TEXT NOT NULL,
    url TEXT,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_us INTEGER NOT NULL,
    lease_us INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    last_status INTEGER,
    last_error TEXT,
    settled_us INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX notifications_payment ON notifications (payment_id, sequence);
-- What the courier looks at: only what waits, a lane at a time, so one slow endpoint hides nobody else's work.
CREATE INDEX notifications_waiting ON notifications (lane, due_us) WHERE state = 'waiting';
CREATE INDEX notifications_listed ON notifications (organisation_id, id);
