-- What a person is told without having asked. Few: an endpoint that fails or is disabled, a payment that gets a flag.

CREATE TABLE alerts (
    id text PRIMARY KEY,
    organisation_id text NOT NULL,
    app_id text NOT NULL,
    shortcode_id text NOT NULL,
    environment text NOT NULL,
    payment_id text,
    type text NOT NULL,
    detail text NOT NULL,
    at_us bigint NOT NULL,
    due_us bigint,
    attempts integer NOT NULL,
    told_us bigint,
    last_error text
);
CREATE INDEX alerts_due ON alerts (due_us) WHERE due_us IS NOT NULL;
