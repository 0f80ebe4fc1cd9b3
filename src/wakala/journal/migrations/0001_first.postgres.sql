-- The first schema. Times are microseconds since 1970 UTC, amounts are cents.
-- Every row carries organisation, app, shortcode and environment: tenant scope is in every query.

CREATE TABLE organisations (
    id text PRIMARY KEY,
    name text NOT NULL UNIQUE,
    created_us bigint NOT NULL
);

CREATE TABLE shortcodes (
    id text PRIMARY KEY,
    organisation_id text NOT NULL REFERENCES organisations (id),
    environment text NOT NULL,
    number text NOT NULL,
    kind text NOT NULL,
    till text,
    side text NOT NULL,
    response_type text NOT NULL,
    data_key text NOT NULL,
    consumer_key text NOT NULL,
    consumer_secret text NOT NULL,
    passkey text NOT NULL,
    collector_app_id text,
    registered_us bigint,
    created_us bigint NOT NULL,
    UNIQUE (organisation_id, environment, number)
);

CREATE TABLE apps (
    id text PRIMARY KEY,
    organisation_id text NOT NULL REFERENCES organisations (id),
    name text NOT NULL,
    consumer_key text NOT NULL UNIQUE,
    digest bytea NOT NULL UNIQUE,
    data_key text NOT NULL,
    webhook_secret text NOT NULL,
    callback_url text,
    body_format text NOT NULL,
    live_shortcode_id text REFERENCES shortcodes (id),
    is_active bigint NOT NULL,
    created_us bigint NOT NULL,
    UNIQUE (organisation_id, name)
);

-- Moves with every change of organisations, shortcodes and apps, so that a running gateway sees the change.
CREATE TABLE directory_version (
    id integer PRIMARY KEY CHECK (id = 1),
    version bigint NOT NULL
);
INSERT INTO directory_version (id, version) VALUES (1, 1);

CREATE TABLE payments (
    id text PRIMARY KEY,
    organisation_id text NOT NULL,
    app_id text NOT NULL,
    shortcode_id text NOT NULL,
    environment text NOT NULL,
    kind text NOT NULL,
    request_id text NOT NULL,
    fingerprint text NOT NULL,
    state text NOT NULL,
    version bigint NOT NULL,
    amount_cents bigint NOT NULL,
    msisdn text NOT NULL,
    reference text NOT NULL,
    description text NOT NULL,
    reference_data text NOT NULL,
    callback_url text,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    sent_us bigint,
    settled_us bigint,
    merchant_request_id text,
    checkout_request_id text,
    receipt text,
    paid_us bigint,
    payer_name text,
    answer text,
    answer_code text,
    answer_desc text,
    result_code text,
    result_desc text,
    evidence text,
    reason text,
    flags text NOT NULL,
    notifications bigint NOT NULL,
    checks bigint NOT NULL,
    next_check_us bigint
) WITH (fillfactor = 70);

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
    payment_id text NOT NULL,
    sequence bigint NOT NULL,
    organisation_id text NOT NULL,
    app_id text NOT NULL,
    shortcode_id text NOT NULL,
    environment text NOT NULL,
    at_us bigint NOT NULL,
    name text NOT NULL,
    from_state text,
    to_state text NOT NULL,
    exchange_id text,
    detail text NOT NULL,
    PRIMARY KEY (payment_id, sequence)
) WITH (fillfactor = 70);

CREATE TABLE exchanges (
    id text PRIMARY KEY,
    payment_id text,
    notification_id text,
    organisation_id text,
    app_id text,
    shortcode_id text,
    environment text,
    name text NOT NULL,
    direction text NOT NULL,
    verdict text NOT NULL,
    peer text,
    method text NOT NULL,
    url text NOT NULL,
    request_headers text NOT NULL,
    request_body bytea NOT NULL,
    status bigint,
    answer_headers text NOT NULL,
    answer_body bytea NOT NULL,
    error text,
    started_us bigint NOT NULL,
    duration_us bigint
);

CREATE INDEX exchanges_payment ON exchanges (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX exchanges_quarantine ON exchanges (id) WHERE verdict <> 'ok';

-- Every C2B confirmation, once a receipt. payment_id is empty while it waits to learn which push it belongs to.
CREATE TABLE confirmations (
    organisation_id text NOT NULL,
    environment text NOT NULL,
    receipt text NOT NULL,
    app_id text NOT NULL,
    shortcode_id text NOT NULL,
    payment_id text,
    notice text NOT NULL,
    received_us bigint NOT NULL,
    due_us bigint,
    PRIMARY KEY (organisation_id, environment, receipt)
) WITH (fillfactor = 70);

CREATE INDEX confirmations_due ON confirmations (due_us) WHERE due_us IS NOT NULL;

CREATE TABLE notifications (
    id text PRIMARY KEY,
    payment_id text NOT NULL,
    sequence bigint NOT NULL,
    organisation_id text NOT NULL,
    app_id text NOT NULL,
    shortcode_id text NOT NULL,
    environment text NOT NULL,
    type text NOT NULL,
    body bytea NOT NULL,
    lane text NOT NULL,
    url text,
    state text NOT NULL,
    attempts bigint NOT NULL,
    due_us bigint NOT NULL,
    lease_us bigint NOT NULL,
    created_us bigint NOT NULL,
    last_status bigint,
    last_error text,
    settled_us bigint
) WITH (fillfactor = 70);

CREATE UNIQUE INDEX notifications_payment ON notifications (payment_id, sequence);
-- What the courier looks at: only what waits, a lane at a time, so one slow endpoint hides nobody else's work.
CREATE INDEX notifications_waiting ON notifications (lane, due_us) WHERE state = 'waiting';
CREATE INDEX notifications_listed ON notifications (organisation_id, id);
