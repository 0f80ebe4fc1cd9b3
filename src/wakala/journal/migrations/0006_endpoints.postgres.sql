-- Where notifications go and on what terms; how each lane has been doing; what happened to an endpoint; how far each
-- consumer of an app has read. All of it is small and none of it is written when a notification is staged.

CREATE TABLE endpoints (
    id text PRIMARY KEY,
    organisation_id text NOT NULL,
    app_id text NOT NULL REFERENCES apps (id),
    shortcode_id text NOT NULL,
    url text NOT NULL,
    state text NOT NULL,
    reason text NOT NULL,
    schedule_s text NOT NULL,
    answer_limit_s double precision NOT NULL,
    rate_limit_per_s double precision NOT NULL,
    concurrency_limit bigint NOT NULL,
    old_url text NOT NULL,
    moved_us bigint NOT NULL,
    waiting text NOT NULL,
    created_us bigint NOT NULL,
    UNIQUE (app_id, shortcode_id)
);

CREATE TABLE signing_keys (
    id text PRIMARY KEY,
    endpoint_id text NOT NULL REFERENCES endpoints (id),
    app_id text NOT NULL,
    version text NOT NULL,
    sealed text NOT NULL,
    created_us bigint NOT NULL,
    until_us bigint
);
CREATE INDEX signing_keys_endpoint ON signing_keys (endpoint_id);

CREATE TABLE endpoint_health (
    lane text PRIMARY KEY,
    streak bigint NOT NULL,
    attempts bigint NOT NULL,
    last_success_us bigint,
    last_failure_us bigint,
    failing_since_us bigint,
    last_status bigint,
    last_error text,
    durations_us text NOT NULL
);

CREATE TABLE endpoint_events (
    id text PRIMARY KEY,
    organisation_id text NOT NULL,
    app_id text NOT NULL,
    shortcode_id text NOT NULL,
    at_us bigint NOT NULL,
    name text NOT NULL,
    detail text NOT NULL
);
CREATE INDEX endpoint_events_listed ON endpoint_events (organisation_id, id);

CREATE TABLE consumers (
    app_id text NOT NULL,
    environment text NOT NULL,
    name text NOT NULL,
    cursor text NOT NULL,
    updated_us bigint NOT NULL,
    PRIMARY KEY (app_id, environment, name)
);
