-- What a person is told without having asked. Few: an endpoint that fails or is disabled, a payment that gets a flag.

CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    shortcode_id TEXT NOT NULL,
    environment TEXT NOT NULL,
    payment_id TEXT,
    type TEXT NOT NULL,
    detail TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    due_us INTEGER,
    attempts INTEGER NOT NULL,
    told_us INTEGER,
    last_error TEXT
) STRICT;
CREATE INDEX alerts_due ON alerts (due_us) WHERE due_us IS NOT NULL;
