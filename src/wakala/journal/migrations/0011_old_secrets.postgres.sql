-- An app's secret can be replaced: those before it let the app in until their time is over. Tokens bear the ID of the
-- secret that bought them; that of a first secret is the app's, as it stands in the tokens that there are.

ALTER TABLE apps ADD COLUMN secret_id text NOT NULL DEFAULT '';
UPDATE apps SET secret_id = id;

CREATE TABLE old_secrets (
    id text PRIMARY KEY,
    organisation_id text NOT NULL,
    app_id text NOT NULL REFERENCES apps (id),
    digest bytea NOT NULL UNIQUE,
    until_us bigint NOT NULL
);
CREATE INDEX old_secrets_app ON old_secrets (organisation_id, app_id);
