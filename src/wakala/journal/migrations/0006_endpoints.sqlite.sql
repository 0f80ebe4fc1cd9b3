-- Where notifications go and on what terms; how each lane has been doing; what happened to an endpoint; how far each
-- consumer of an app has read. All of it is small and none of it is written when a notification is staged.

CREATE TABLE endpoints (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    app_id TEXT NOT NULL REFERENCES apps (id),
    shortcode_id TEXT NOT NULL,
    url TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    schedule_s TEXT NOT NULL,
    answer_limit_s REAL NOT NULL,
    rate_limit_per_s REAL NOT NULL,
    concurrency_limit INTEGER NOT NULL,
    old_url TEXT NOT NULL,
    moved_us INTEGER NOT NULL,
    waiting TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    UNIQUE (app_id, shortcode_id)
) STRICT;

CREATE TABLE signing_keys (
    id TEXT PRIMARY KEY,
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id),
    app_id TEXT NOT NULL,
    version TEXT NOT NULL,
    sealed TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    until_us INTEGER
) STRICT;
CREATE INDEX signing_keys_endpoint ON signing_keys (endpoint_id);

CREATE TABLE endpoint_health (
    lane TEXT PRIMARY KEY,
    streak INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    last_success_us INTEGER,
    last_failure_us INTEGER,
    failing_since_us INTEGER,
    last_status INTEGER,
    last_error TEXT,
    durations_us TEXT NOT NULL
) STRICT;

CREATE TABLE endpoint_events (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    shortcode_id TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    name TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX endpoint_events_listed ON endpoint_events (organisation_id, id);

CREATE TABLE consumers (
    app_id TEXT NOT NULL,
    environment TEXT NOT NULL,
    name TEXT NOT NULL,
    cursor TEXT NOT NULL,
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (app_id, environment, name)
) STRICT;
